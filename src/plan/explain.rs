//! A version's reasons as lines for a person: what the base is, what each commit gives, what was
//! passed over, and what would change the answer.

use super::{
    branch::BranchKind,
    bump::Entry,
    facts::{Facts, VersionTag},
    version::{self, Next, Request},
};
use crate::{
    event::clean,
    policy::{Level, Policy},
};

/// The explanation of `next`, one line each, in reading order.
#[must_use]
pub fn explain(policy: &Policy, facts: &Facts, request: &Request, next: &Next) -> Vec<String> {
    let mut lines = vec![headline(next)];
    lines.push(base(facts, next));
    if let (Some(from), Some(base)) = (&facts.stable, &facts.base)
        && from.name != base.name
    {
        lines.push(format!(
            "range: since {}, because pre-releases do not hide commits",
            at(from)
        ));
    }
    lines.extend(passed_over(facts));
    lines.extend(next.entries.iter().map(line));
    lines.extend(otherwise(policy, facts, request, next));
    lines
}

/// One change: its commit, the level it gives, and why.
#[must_use]
pub fn line(entry: &Entry) -> String {
    let level = entry.level.map_or("-", Level::as_str);
    format!(
        "{} {level:<5} {}  ({})",
        entry.id.short(),
        clean(&entry.summary, 72),
        entry.why
    )
}

fn headline(next: &Next) -> String {
    let from = next
        .current
        .as_ref()
        .map_or_else(|| "the first release".to_owned(), ToString::to_string);
    match &next.next {
        Some(version) => format!("{from} → {version}, because {}", next.why),
        None => format!("nothing to release: {}", next.why),
    }
}

fn base(facts: &Facts, next: &Next) -> String {
    let kind = if facts.branch.is_some() && next.kind == BranchKind::Unlisted {
        "highest version behind HEAD"
    } else if matches!(next.kind, BranchKind::Maintenance(_)) {
        "highest stable version of the line behind HEAD"
    } else {
        "highest version behind HEAD"
    };
    match &facts.base {
        Some(tag) => format!("base: {}, the {kind}", at(tag)),
        None => "base: none, no version tag is behind HEAD".into(),
    }
}

fn at(tag: &VersionTag) -> String {
    match tag.commit {
        Some(commit) => format!("`{}` at {}", tag.name, commit.short()),
        None => format!("`{}`", tag.name),
    }
}

/// Tags that were not taken, by reason.
fn passed_over(facts: &Facts) -> Vec<String> {
    let some = |names: Vec<String>| {
        let shown: Vec<_> = names
            .iter()
            .take(3)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = if names.len() > 3 { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    let mut lines = Vec::new();
    if !facts.elsewhere.is_empty() {
        let names = facts.elsewhere.iter().map(|tag| tag.name.clone()).collect();
        lines.push(format!(
            "passed over: {} higher, on commits that HEAD does not descend from: {}",
            facts.elsewhere.len(),
            some(names)
        ));
    }
    if !facts.not_commits.is_empty() {
        lines.push(format!(
            "passed over: {} that point at no commit: {}",
            facts.not_commits.len(),
            some(facts.not_commits.clone())
        ));
    }
    if facts.other_tags > 0 {
        lines.push(format!(
            "passed over: {} whose names are no versions of `version.tag`",
            facts.other_tags
        ));
    }
    lines
}

/// What a further commit of each higher level would make of the answer.
fn otherwise(policy: &Policy, facts: &Facts, request: &Request, next: &Next) -> Vec<String> {
    let overridden = request.version.is_some() || request.bump.is_some();
    if overridden || next.on_head.is_some() {
        return Vec::new();
    }
    let since = facts
        .stable
        .as_ref()
        .map_or_else(String::new, |tag| format!(" since `{}`", tag.name));
    let mut lines = Vec::new();
    let mut last = next.next.clone();
    for (level, change) in [
        (Level::Patch, "a `fix`"),
        (Level::Minor, "a `feat`"),
        (Level::Major, "a breaking change"),
    ] {
        if next.level.is_some_and(|now| now >= level) {
            continue;
        }
        let asked = Request {
            bump: Some(level),
            ..request.clone()
        };
        match version::next(policy, facts, &asked) {
            Ok(other) if other.next.is_some() && other.next != last => {
                let version = other.next.as_ref().map(ToString::to_string);
                lines.push(format!(
                    "{change}{since} would make it {}",
                    version.unwrap_or_default()
                ));
                last = other.next;
            }
            Ok(_) => {}
            Err(error) => lines.push(format!(
                "{change}{since} would be refused: {}",
                error.message
            )),
        }
    }
    lines
}
