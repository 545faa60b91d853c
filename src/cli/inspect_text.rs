//! The words of `hoist inspect`.

use std::{fmt::Write as _, path::Path};

use crate::{
    release::{Changes, Hidden, Layer, Report},
    text::{bytes, sanitize_line},
};

/// How many of the largest files and of the contents that are there several times are shown.
const SHOWN: usize = 5;

/// A report for a person.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    let _ = writeln!(
        out,
        "\nlayer         {:>9} {:>9} {:>7} {:>9}",
        "pull", "unpacked", "files", "wasted"
    );
    for layer in &report.layers {
        line(&mut out, layer);
    }
    files(&mut out, report);
    if let Some(changes) = &report.changes {
        compared(&mut out, changes);
    }
    if !report.referrers.is_empty() {
        let _ = writeln!(out, "\nabout it:");
    }
    for referrer in &report.referrers {
        let kind = referrer.artifact_type.as_deref().unwrap_or("unknown type");
        let kind = sanitize_line(kind, 200);
        let _ = writeln!(out, "{:>13}  {kind}", referrer.digest.short());
    }
    if !report.over_budget.is_empty() {
        let _ = writeln!(out, "\nover its budget:");
    }
    for excess in &report.over_budget {
        let _ = writeln!(out, "{:>11}  {}", excess.rule, excess.text);
        for cause in &excess.causes {
            let _ = writeln!(out, "{:>11}  because {cause}", "");
        }
    }
    if !report.advice.is_empty() {
        let _ = writeln!(out, "\nadvice, with what it saves unpacked:");
    }
    for advice in &report.advice {
        let saves = advice
            .saves
            .map_or(String::new(), |saved| format!("{:>11}", bytes(saved)));
        let _ = writeln!(out, "{saves:>11}  {}", sanitize_line(&advice.why, 300));
        let _ = writeln!(out, "{:>11}  → {}", "", sanitize_line(&advice.text, 300));
    }
    out
}

fn head(out: &mut String, report: &Report) {
    let platform = report.platform.as_ref();
    let platform = platform.map_or(String::new(), |it| format!(" ({})", sanitize_line(it, 60)));
    let _ = writeln!(
        out,
        "{}{platform}: {} to pull, {} unpacked, {} wasted",
        name(&report.image),
        bytes(report.size),
        bytes(report.unpacked),
        bytes(report.wasted),
    );
    if let Some(base) = &report.base {
        let distribution = base.distribution.as_deref();
        let shown = base.name.as_deref().or(distribution).unwrap_or("unknown");
        let pinned = match base.pinned {
            Some(true) => ", pinned",
            Some(false) => ", not pinned",
            None => "",
        };
        let _ = writeln!(out, "base {}{pinned}", sanitize_line(shown, 200));
    }
    if report.user.root {
        let _ = writeln!(out, "runs as root");
    } else if let Some(user) = &report.user.name {
        let _ = writeln!(out, "runs as user {}", sanitize_line(user, 100));
    }
}

fn files(out: &mut String, report: &Report) {
    if !report.waste.is_empty() {
        let _ = writeln!(out, "\nwasted:");
    }
    for waste in &report.waste {
        let how = match (waste.how, waste.same_content) {
            (Hidden::Deleted, _) => "deleted",
            (Hidden::Overwritten, false) => "overwritten",
            (Hidden::Overwritten, true) => "overwritten with the same",
        };
        let _ = writeln!(
            out,
            "{:>11}  /{}  {how} by layer {}",
            bytes(waste.size),
            sanitize_line(&waste.path, 200),
            waste.hidden_by + 1
        );
    }
    if report.duplicated > 0 {
        let _ = writeln!(out, "\nduplicated, {} together:", bytes(report.duplicated));
    }
    for duplicate in report.duplicates.iter().take(SHOWN) {
        let paths: Vec<_> = duplicate
            .paths
            .iter()
            .map(|path| format!("/{}", sanitize_line(path, 100)))
            .collect();
        let more = match duplicate.copies - duplicate.paths.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(
            out,
            "{:>11}  {}{more}",
            bytes(duplicate.extra),
            paths.join(", ")
        );
    }
    if !report.largest.is_empty() {
        let _ = writeln!(out, "\nlargest files:");
    }
    for file in report.largest.iter().take(SHOWN) {
        let path = sanitize_line(&file.path, 200);
        let _ = writeln!(
            out,
            "{:>11}  /{path}  layer {}",
            bytes(file.size),
            file.layer + 1
        );
    }
    if !report.secrets.is_empty() {
        let _ = writeln!(out, "\nlook like secrets:");
    }
    for secret in &report.secrets {
        let hidden = match secret.hidden_by {
            Some(by) => format!(", hidden by layer {}, and still in the image", by + 1),
            None => String::new(),
        };
        let path = sanitize_line(&secret.path, 200);
        let _ = writeln!(
            out,
            "{:>11}  /{path}  layer {}{hidden}",
            "",
            secret.layer + 1
        );
    }
}

fn line(out: &mut String, layer: &Layer) {
    let made = layer.created_by.as_deref().unwrap_or_default();
    let shared = match layer.shared {
        Some(true) => "= ",
        Some(false) => "+ ",
        None => "",
    };
    let _ = writeln!(
        out,
        "{}  {:>9} {:>9} {:>7} {:>9}  {shared}{}",
        layer.digest.short(),
        bytes(layer.size),
        bytes(layer.unpacked),
        layer.files,
        bytes(layer.wasted),
        sanitize_line(made, 80)
    );
}

fn compared(out: &mut String, changes: &Changes) {
    let sign = if changes.size < 0 { "-" } else { "+" };
    let files = changes.files;
    let _ = writeln!(
        out,
        "\nsince {}: {sign}{}, {} to pull for who has it; files: {} new, {} gone, {} changed",
        name(&changes.since),
        bytes(changes.size.unsigned_abs()),
        bytes(changes.to_pull),
        files.added,
        files.removed,
        files.changed
    );
    for change in &changes.largest {
        let (before, now) = (change.before.unwrap_or(0), change.now.unwrap_or(0));
        let what = match (change.before, change.now) {
            (None, _) => "  new",
            (_, None) => "  gone",
            _ => "",
        };
        let sign = if now < before { "-" } else { "+" };
        let size = format!("{sign}{}", bytes(now.abs_diff(before)));
        let _ = writeln!(
            out,
            "{size:>11}  /{}{what}",
            sanitize_line(&change.path, 200)
        );
    }
}

/// A reference as it is; of a path its last part says enough.
fn name(image: &str) -> String {
    let path = Path::new(image);
    let short = path.is_absolute().then(|| path.file_name()).flatten();
    sanitize_line(
        &short.map_or(image.into(), |name| name.to_string_lossy()),
        300,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        oci::{Contents, Digest, LayerContents, LayerEntry, LayerEntryKind},
        plan::inspect::inspect,
    };

    #[test]
    fn the_report_reads_from_the_top() {
        let layer = |text: &str, path: &str, size: u64| LayerContents {
            digest: Digest::of(text.as_bytes()),
            diff_id: Digest::of(text.as_bytes()),
            size: size / 2,
            created_by: Some(format!("COPY {text}")),
            entries: vec![LayerEntry {
                path: path.to_owned(),
                size,
                kind: LayerEntryKind::File,
                content: None,
                private_key: false,
            }],
        };
        let contents = |layers: Vec<LayerContents>| Contents {
            user: Some("1".into()),
            layers,
            ..Contents::default()
        };
        let old = contents(vec![layer("a", "app", 2_500_000)]);
        let new = contents(vec![
            layer("a", "app", 2_500_000),
            layer("b\u{1b}", "app", 900),
        ]);
        let shown = text(&inspect("acme/api:2", &new, Some(("acme/api:1", &old))));
        insta::assert_snapshot!(shown, @r"
        acme/api:2: 1.3 MB to pull, 2.5 MB unpacked, 2.5 MB wasted
        runs as user 1

        layer              pull  unpacked   files    wasted
        ca978112ca1b     1.2 MB    2.5 MB       1    2.5 MB  = COPY a
        d75bef6b2919      450 B     900 B       1       0 B  + COPY b\u{1b}

        wasted:
             2.5 MB  /app  overwritten by layer 2

        largest files:
              900 B  /app  layer 2

        since acme/api:1: +450 B, 450 B to pull for who has it; files: 0 new, 0 gone, 1 changed
            -2.5 MB  /app

        advice, with what it saves unpacked:
             2.5 MB  files that a later layer overwrites are pulled twice, /app of layer 1 among them (by layer 2)
                     → change files in the RUN that makes them, or write them once
        ");
    }
}
