//! A version's reasons as lines for a person: what the base is, what each commit gives, what was
//! passed over, and what would change the answer.

use crate::{
    git::CommitId,
    plan::{
        history::{
            facts::{Commit, Facts, VersionTag},
            levels::{self, JudgedChange},
        },
        version::{
            branch::BranchKind,
            next::{self, Next},
            request::VersionRequest,
        },
    },
    policy::{Level, Policy},
    text::sanitize_line,
};

/// The explanation of `next`, one line each, in reading order.
#[must_use]
pub fn explain(
    policy: &Policy,
    facts: &Facts,
    request: &VersionRequest,
    next: &Next,
) -> Vec<String> {
    let mut lines = vec![headline(next)];
    lines.extend(seen(policy, facts, &next.entries));
    lines.extend(otherwise(policy, facts, request, next));
    lines
}

/// What was seen where the answer is a refusal: base, what was passed over, every commit with its
/// level as far as the policy can judge them.
#[must_use]
pub fn refused(policy: &Policy, facts: &Facts) -> Vec<String> {
    let judged = levels::judge(&policy.version, &facts.commits).unwrap_or_default();
    seen(policy, facts, &judged.entries)
}

fn seen(policy: &Policy, facts: &Facts, entries: &[JudgedChange]) -> Vec<String> {
    let mut lines = vec![base(policy, facts)];
    if let (Some(from), Some(base)) = (&facts.stable, &facts.base)
        && from.name != base.name
    {
        lines.push(format!(
            "range: since {}, because pre-releases do not hide commits",
            at(from)
        ));
    }
    lines.extend(passed_over(facts));
    lines.extend(entries.iter().map(|entry| line(entry, facts)));
    lines
}

/// One change: its commit, the level it gives, and why.
#[must_use]
pub fn line(entry: &JudgedChange, facts: &Facts) -> String {
    let level = entry.level.map_or("-", Level::as_str);
    let already = match &facts.channel {
        Some(tag) if !entry.after_prerelease => format!("; in `{}` already", tag.name),
        _ => String::new(),
    };
    format!(
        "{} {level:<5} {}  ({}{already})",
        entry.id.short(),
        sanitize_line(&entry.summary, 72),
        entry.why
    )
}

fn headline(next: &Next) -> String {
    let from = next
        .current
        .as_ref()
        .map_or_else(|| "the first release".to_owned(), ToString::to_string);
    match &next.version {
        Some(version) => format!("{from} → {version}, because {}", next.why),
        None => format!("nothing to release: {}", next.why),
    }
}

fn base(policy: &Policy, facts: &Facts) -> String {
    let kind = BranchKind::of(&policy.branches, facts.branch.as_deref());
    let (which, any) = match kind {
        BranchKind::Maintenance(line) => (
            format!("highest stable version of {line}"),
            format!("stable version of {line}"),
        ),
        _ => ("highest version".to_owned(), "version tag".to_owned()),
    };
    match &facts.base {
        Some(tag) => format!("base: {}, the {which} behind HEAD", at(tag)),
        None => format!("base: none, no {any} is behind HEAD"),
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
            "passed over: {} that do not point at a commit: {}",
            facts.not_commits.len(),
            some(facts.not_commits.clone())
        ));
    }
    if facts.other_tags > 0 {
        lines.push(format!(
            "passed over: {} whose names do not match `version.tag`",
            facts.other_tags
        ));
    }
    lines
}

/// What one more commit would make of the answer, where that is something else.
fn otherwise(policy: &Policy, facts: &Facts, request: &VersionRequest, next: &Next) -> Vec<String> {
    if request.version.is_some() || request.bump.is_some() {
        return Vec::new();
    }
    let since = facts.channel.as_ref().or(facts.stable.as_ref());
    let since = since.map_or_else(String::new, |tag| format!(" since `{}`", tag.name));
    let now = next.version.as_ref().map(|now| format!("make it {now}"));
    let mut lines = Vec::new();
    let mut last = now;
    for (message, change) in [
        ("fix: x", "a `fix`"),
        ("feat: x", "a `feat`"),
        ("feat!: x", "a breaking change"),
    ] {
        let effect = match next::next(policy, &with_commit(facts, message), request) {
            Ok(other) => other.version.map(|version| format!("make it {version}")),
            Err(error) => Some(format!("be refused: {}", error.message())),
        };
        if effect != last
            && let Some(effect) = &effect
        {
            lines.push(format!("{change}{since} would {effect}"));
        }
        last = effect.or(last);
    }
    lines
}

/// The facts as they would be with one more commit on top of HEAD.
fn with_commit(facts: &Facts, message: &str) -> Facts {
    let mut facts = facts.clone();
    let id = CommitId::new([0xff; 20]);
    let commit = Commit {
        id,
        parents: vec![facts.head],
        message: message.to_owned(),
        author: String::new(),
        email: String::new(),
        time: facts.head_time,
        written: facts.head_time,
        in_paths: true,
        after_prerelease: true,
        released_beside: Vec::new(),
    };
    facts.commits.insert(0, commit);
    facts.head = id;
    facts.on_head.clear();
    facts
}

#[cfg(test)]
mod tests {
    use crate::plan::version::explain::*;

    fn facts(messages: &[&str]) -> Facts {
        let id = |number: u8| CommitId::new([number; 20]);
        let tag = VersionTag {
            name: "v1.2.3".into(),
            version: semver::Version::new(1, 2, 3),
            commit: Some(id(1)),
        };
        let mut facts = Facts {
            head: id(1),
            head_time: 0,
            branch: None,
            tags: vec![tag.clone()],
            on_head: vec![tag.clone()],
            base: Some(tag.clone()),
            stable: Some(tag),
            channel: None,
            commits: Vec::new(),
            elsewhere: Vec::new(),
            not_commits: Vec::new(),
            near_miss: None,
            short: None,
            unmatched: Vec::new(),
            other_tags: 0,
            withdrawn: Vec::new(),
            shallow: false,
            notes: Vec::new(),
        };
        for message in messages {
            facts = with_commit(&facts, message);
        }
        facts
    }

    fn otherwise_of(policy: &str, messages: &[&str]) -> Vec<String> {
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        let (facts, request) = (facts(messages), VersionRequest::default());
        let next = next::next(&policy, &facts, &request).expect("an answer");
        otherwise(&policy, &facts, &request, &next)
    }

    #[test]
    fn what_would_change_the_answer_is_what_one_more_commit_makes_of_it() {
        let feat = "a `feat` since `v1.2.3` would make it 1.3.0";
        let breaking = "a breaking change since `v1.2.3` would make it 2.0.0";
        assert_eq!(otherwise_of("", &["fix: a"]), [feat, breaking]);
        assert_eq!(otherwise_of("", &["feat: a"]), [breaking]);
        assert_eq!(
            otherwise_of("", &[]),
            ["a `fix` since `v1.2.3` would make it 1.2.4", feat, breaking]
        );
        // A footer decides, whatever else is committed; a rule can take a change's effect away.
        let footer = ["fix: a\n\nRelease-As: 3.0.0"];
        assert_eq!(otherwise_of("", &footer), [""; 0]);
        let rule = "[[version.rules]]\ntype = \"feat\"\nbump = \"none\"\n";
        assert_eq!(otherwise_of(rule, &["fix: a"]), [breaking]);
    }
}
