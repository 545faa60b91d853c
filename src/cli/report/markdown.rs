//! The record of a run as Markdown: for a release page, a ticket, a chat.

use std::fmt::Write as _;

use super::{
    page::{elapsed_text, forge_state, shown, standing, title},
    record::{ReportedImage, ReportedTag, RunRecord, TagStanding},
};
use crate::{
    cli::{
        ci::failure,
        markdown::{code, fenced},
    },
    text::{bytes, page::signed},
};

/// Most commits that are listed; the JSON form has all of them.
const MOST_COMMITS: usize = 100;

pub(super) fn markdown(record: &RunRecord) -> String {
    let mut out = format!("# {}\n\n", title(record));
    match &record.error {
        Some(error) => {
            out += &failure(error);
            for excerpt in error.excerpts() {
                let _ = writeln!(out, "{}\n", code(&excerpt.title));
                out += &fenced(&excerpt.lines.join("\n"));
            }
        }
        None => out += &fenced(&record.summary),
    }
    facts(record, &mut out);
    tags(&record.tags, &mut out);
    images(&record.images, &mut out);
    about(record, &mut out);
    steps(record, &mut out);
    commits(record, &mut out);
    if !record.remarks.is_empty() {
        out += "## Told on the way\n\n";
        for remark in &record.remarks {
            let _ = writeln!(out, "- {}: {}", remark.kind, code(&remark.text));
        }
        out += "\n";
    }
    if let Some(notes) = &record.notes {
        let _ = writeln!(out, "## Notes\n\n{}", notes.trim_end());
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn facts(record: &RunRecord, out: &mut String) {
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "- {name}: {}", code(value));
    };
    if let Some(version) = &record.version {
        let from = record.current.as_ref();
        let from = from.map_or(String::new(), |from| format!("{from} → "));
        line("version", &format!("{from}{version}"));
    }
    if let Some(why) = &record.why {
        line("because", why);
    }
    if let Some(commit) = &record.commit {
        line("commit", &commit.to_string());
    }
    if let Some(branch) = &record.branch {
        line("branch", branch);
    }
    if let Some(tag) = &record.git_tag {
        let pushed = match (tag.pushed, tag.local) {
            (true, _) => "",
            (false, true) => ", in one clone alone",
            (false, false) => ", not pushed",
        };
        line("git tag", &format!("{}{pushed}", tag.name.short()));
    }
    if let Some(forge) = &record.forge {
        line("release page", &forge.url);
        line("on the forge", forge_state(forge));
    }
    line(
        "began",
        &record.began.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    );
    line("took", &elapsed_text(record.seconds));
    *out += "\n";
}

fn tags(tags: &[ReportedTag], out: &mut String) {
    if tags.is_empty() {
        return;
    }
    *out += "## Tags\n\n| tag | became | before | now | because |\n|---|---|---|---|---|\n";
    for tag in tags {
        let now = match tag.standing {
            TagStanding::Unknown => "?",
            _ => shown(tag, tag.now.as_ref()),
        };
        let why = match tag.why.is_empty() {
            true => String::new(),
            false => code(&tag.why),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {now} | {why} |",
            code(&tag.repository.tag(&tag.tag)),
            standing(tag.standing).0,
            shown(tag, tag.before.as_ref()),
        );
    }
    *out += "\n";
}

fn images(images: &[ReportedImage], out: &mut String) {
    if images.is_empty() {
        return;
    }
    *out += "## Images\n\n";
    for image in images {
        let place = code(&image.repository.digest(&image.digest));
        let _ = writeln!(out, "- {}: {place}", code(&image.image.to_string()));
        if let Some(why) = &image.adopted {
            let _ = writeln!(out, "  - not built: {}", code(why));
        }
        for one in &image.platforms {
            let platform = one
                .platform
                .as_deref()
                .map_or(String::new(), |platform| format!("{}: ", code(platform)));
            let signed_size = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
            let change = one.before.map_or(String::new(), |before| {
                let change = signed_size(one.size) - signed_size(before);
                format!(", {} since the last release", signed(change))
            });
            let _ = writeln!(out, "  - {platform}{} to pull{change}", bytes(one.size));
        }
    }
    *out += "\n";
}

fn about(record: &RunRecord, out: &mut String) {
    let signatures = record.signatures.iter().map(|one| ("signature", one));
    let attachments = record.attachments.iter().map(|one| ("attachment", one));
    let mut lines: Vec<String> = signatures
        .chain(attachments)
        .map(|(kind, one)| {
            let place = code(&one.repository.digest(&one.digest));
            let artifact_type = code(&one.artifact_type);
            format!(
                "- {kind} {place} {artifact_type} about {}",
                code(one.subject.short())
            )
        })
        .collect();
    let gate = record.gate.iter();
    lines.extend(gate.map(|line| format!("- gate passed: {}", code(line))));
    let over = record.over_budget.iter();
    lines.extend(over.map(|line| format!("- over budget: {}", code(line))));
    let uncommitted = record.uncommitted.iter();
    lines.extend(uncommitted.map(|line| format!("- uncommitted: {}", code(line))));
    if record.without_hooks {
        lines.push("- hooks were left out".to_owned());
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "## Signed, attached, asked\n\n{}\n", lines.join("\n"));
    }
}

fn steps(record: &RunRecord, out: &mut String) {
    if record.steps.is_empty() {
        return;
    }
    *out += "## Steps\n\n| step | began | took |\n|---|---:|---:|\n";
    for step in &record.steps {
        let undone = if step.done { "" } else { " (did not finish)" };
        let _ = writeln!(
            out,
            "| {} {}{undone} | {} | {} |",
            step.verb,
            code(&step.what),
            elapsed_text(step.start),
            elapsed_text(step.seconds)
        );
    }
    *out += "\n";
}

fn commits(record: &RunRecord, out: &mut String) {
    if record.commits.is_empty() {
        return;
    }
    *out += "## Commits\n\n";
    for commit in record.commits.iter().take(MOST_COMMITS) {
        let level = commit.bump.map_or("", |level| level.as_str());
        let _ = writeln!(
            out,
            "- {} {} {level}",
            code(&commit.sha.short()),
            code(&commit.summary)
        );
    }
    *out += "\n";
}
