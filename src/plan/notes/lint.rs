//! Checks whether a commit message says what a release needs to know. For CI and for a `commit-msg`
//! hook.

use semver::Version;
use serde::Serialize;

use crate::{
    plan::history::{
        change::{self, Breaking, CommitChange, MessageKind, TYPES},
        rules,
        uncounted::{Uncounted, uncounted},
    },
    policy::{Unconventional, VersionPolicy},
};

/// How much a problem of a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Counts, but probably not as it was meant; or holds something that does not count.
    Warning,
    /// Does not count, or stops a release.
    Error,
}

/// One problem of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// Whether the message still counts.
    pub severity: Severity,
    /// What is wrong, as a sentence fragment.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Words that are often written for a type.
const MEANT: [(&str, &str); 11] = [
    ("feature", "feat"),
    ("features", "feat"),
    ("feats", "feat"),
    ("bug", "fix"),
    ("bugfix", "fix"),
    ("hotfix", "fix"),
    ("fixed", "fix"),
    ("fixes", "fix"),
    ("performance", "perf"),
    ("doc", "docs"),
    ("breaking", "feat!"),
];

/// What is wrong with a message under `policy`. `merge`: the commit has several parents.
#[must_use]
pub fn lint(message: &str, merge: bool, policy: &VersionPolicy) -> Vec<LintFinding> {
    let change = change::parse(message, merge, &policy.strip);
    let level = rules::level(policy, message, &change).0;
    let ignored = uncounted(policy, message, merge, &change, level);
    let mut findings = Vec::new();
    match change.kind {
        MessageKind::Unconventional
            if rules::is_unconventional(policy, message, merge, &change) =>
        {
            let mut finding = header(message);
            let counts = policy.unconventional == Unconventional::Patch;
            if counts && !change.description.is_empty() {
                finding.severity = Severity::Warning;
            }
            findings.push(finding);
        }
        MessageKind::Conventional
            if !ignored
                .iter()
                .any(|one| matches!(one, Uncounted::Prefixed { .. })) =>
        {
            findings.extend(type_(&change, policy));
        }
        _ => {}
    }
    // A merge's commits count by themselves; what its body says besides is not a mistake.
    let told = |one: &&Uncounted| !matches!(one, Uncounted::Merged { .. });
    findings.extend(ignored.iter().filter(told).map(|one| {
        let (what, hint) = (one.what(), one.way_on());
        warning(&what, Some(&hint))
    }));
    if change.no_space {
        findings.push(warning(
            "there is no space after the colon of the header",
            Some("write `type: description`"),
        ));
    }
    findings.extend(release_as(&change));
    findings.extend(breaking(message, &change));
    findings
}

fn header(message: &str) -> LintFinding {
    let summary = change::summary(message);
    if summary.is_empty() {
        return error("the message is empty", "write `type: description`");
    }
    let hint = nearly(&summary).unwrap_or_else(|| match summary.split_once(':') {
        Some((start, "")) if !start.contains(' ') => {
            format!("`{start}:` needs a description after it")
        }
        Some((start, _)) if start.ends_with(' ') => {
            format!(
                "write `{}:`, without a space before the colon",
                start.trim()
            )
        }
        Some((start, _)) if start.contains("()") => "leave out the empty `()`".to_owned(),
        _ => "write `type: description`, e.g. `fix: close the file`, `feat(api)!: drop v1`".into(),
    });
    error("the first line is not a conventional header", &hint)
}

/// What a header that is nearly one should be: a known type, and signs that are not those of a header.
fn nearly(summary: &str) -> Option<String> {
    let end = summary.find(|c: char| !c.is_ascii_alphabetic())?;
    let (type_, rest) = summary.split_at(end);
    let type_ = type_.to_lowercase();
    if !TYPES.contains(&&*type_) {
        return None;
    }
    let scope = |rest: &str| -> Option<String> {
        let inner = rest.split([')', ']', ':']).next()?;
        let inner = inner.trim_matches(['(', '[', ' ']);
        (!inner.is_empty()).then(|| format!("({inner})"))
    };
    let (scope, mark) = match rest.as_bytes() {
        [b'!', b'(', ..] => (scope(&rest[1..])?, "!"),
        [b'[', ..] if rest.contains(']') => (scope(rest)?, ""),
        _ if rest.starts_with(['：', ';', '-']) || rest.starts_with(" - ") => (String::new(), ""),
        _ => return None,
    };
    Some(format!(
        "write `{type_}{scope}{mark}:` and a space before the description"
    ))
}

fn type_(change: &CommitChange, policy: &VersionPolicy) -> Option<LintFinding> {
    let type_ = change.type_.as_deref()?;
    let mut own = policy.rules.iter().filter_map(|rule| rule.type_.as_ref());
    // Of whatever type, a breaking change is released.
    let is_released = change.breaking.is_some();
    if is_released || TYPES.contains(&type_) || own.any(|glob| glob.is_match(type_)) {
        return None;
    }
    if let Some(hint) = nearly(&format!("{type_}:")) {
        return Some(warning(
            &format!("the type `{type_}` releases nothing"),
            Some(&hint),
        ));
    }
    let near = MEANT
        .iter()
        .find(|(word, _)| *word == type_)
        .map(|(_, meant)| *meant)
        .or_else(|| {
            TYPES
                .into_iter()
                .find(|known| type_.len() > 2 && strsim::damerau_levenshtein(known, type_) == 1)
        })?;
    Some(warning(
        &format!("the type `{type_}` releases nothing"),
        Some(&format!("did you mean `{near}`?")),
    ))
}

fn release_as(change: &CommitChange) -> Option<LintFinding> {
    let text = change.release_as.as_deref()?;
    let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if Version::parse(bare).is_err() {
        return Some(error(
            &format!("`Release-As: {text}` is not a valid version"),
            "write `Release-As: 1.2.3`; as it is, it would stop the release",
        ));
    }
    (bare != text).then(|| {
        warning(
            &format!("`Release-As: {text}` has a `v`"),
            Some(&format!("write `Release-As: {bare}`")),
        )
    })
}

/// Spellings of the breaking footer that do not count.
fn breaking(message: &str, change: &CommitChange) -> Option<LintFinding> {
    if change.breaking.is_some() || matches!(change.kind, MessageKind::Merge | MessageKind::Fixup) {
        return match &change.breaking {
            Some(Breaking::Line(text)) if text.is_empty() => Some(warning(
                "`BREAKING CHANGE:` says nothing of what breaks",
                Some("say what users must do"),
            )),
            _ => None,
        };
    }
    let line = message.lines().skip(1).map(str::trim).find(|line| {
        let lower = line.to_ascii_lowercase().replace(['-', '_'], " ");
        lower.starts_with("breaking change:")
            || lower.starts_with("breaking changes:")
            || lower.starts_with("breaking change :")
            || lower.starts_with("breaking:")
    })?;
    let start = line.split(':').next().unwrap_or_default().trim();
    Some(warning(
        &format!("`{start}:` does not mark a breaking change"),
        Some("write `BREAKING CHANGE:` at the start of the line, or `!` before the header's colon"),
    ))
}

fn error(message: &str, hint: &str) -> LintFinding {
    LintFinding {
        severity: Severity::Error,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

fn warning(message: &str, hint: Option<&str>) -> LintFinding {
    LintFinding {
        severity: Severity::Warning,
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

/// What git keeps of a message that its editor was given: nothing after the scissors line, no
/// comment lines (git-commit(1), `--cleanup`).
#[must_use]
pub fn cleaned(text: &str, comment: char) -> String {
    let scissors = format!("{comment} ------------------------ >8 ------------------------");
    let mut out = String::new();
    for line in text.lines().take_while(|line| *line != scissors) {
        if !line.starts_with(comment) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{plan::notes::lint::*, policy::Policy};

    fn policy(text: &str) -> VersionPolicy {
        Policy::parse(text, "release.toml")
            .expect("a good policy")
            .version
    }

    const RELEASE: &str = "[[version.rules]]\ntype = \"release\"\nbump = \"none\"\n";

    fn of(message: &str) -> Vec<(Severity, String)> {
        lint(message, false, &policy(RELEASE))
            .into_iter()
            .map(|finding| (finding.severity, finding.hint.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn good_messages_have_no_findings() {
        for message in [
            "feat: x",
            "fix(a)!: x\n\nBREAKING CHANGE: do y",
            "fixup! wip",
            "Revert \"feat: x\"",
            "release: 1.2.3",
            "build(deps): x\n\nRelease-As: 2.0.0",
            "BREAKING CHANGE: x",
        ] {
            assert_eq!(of(message), [], "{message}");
        }
    }

    #[test]
    fn what_does_not_count_is_an_error_and_what_is_doubtful_a_warning() {
        use Severity::{Error, Warning};
        for (message, severity, hint) in [
            ("hello", Error, "write `type: description`"),
            ("", Error, "write `type: description`"),
            ("feat:", Error, "needs a description"),
            ("feat : x", Error, "without a space"),
            ("feat(): x", Error, "empty `()`"),
            ("feat：x", Error, "`feat:`"),
            ("fix; x", Error, "`fix:`"),
            ("Fix - x", Error, "`fix:`"),
            ("feat!(api): x", Error, "`feat(api)!:`"),
            ("feat[api]: x", Warning, "`feat(api):`"),
            ("breaking: x", Warning, "`feat!`"),
            ("feature: x", Warning, "`feat`"),
            ("faet: x", Warning, "`feat`"),
            ("feat:x", Warning, "type: description"),
            ("feat: x\n\nRelease-As: two", Error, "1.2.3"),
            ("feat: x\n\nRelease-As: v2.0.0", Warning, "2.0.0"),
            ("feat: x\n\nBreaking change: y", Warning, "BREAKING CHANGE:"),
            (
                "feat: x\n\nBREAKING CHANGES: y",
                Warning,
                "BREAKING CHANGE:",
            ),
            ("feat: x\n\nBREAKING CHANGE:\n", Warning, "users"),
        ] {
            let found = of(message);
            assert_eq!(found.len(), 1, "{message:?}: {found:?}");
            assert_eq!(found[0].0, severity, "{message:?}");
            assert!(found[0].1.contains(hint), "{message:?}: {found:?}");
        }
    }

    #[test]
    fn what_the_policy_lets_count_is_no_error() {
        let of = |message, text| {
            let found = lint(message, false, &policy(text));
            found.first().map(|finding| finding.severity)
        };
        let rule = "[[version.rules]]\nmatch = \"^Bump \"\nbump = \"patch\"";
        let patch = "[version]\nunconventional = \"patch\"";
        assert_eq!(of("Bump x", ""), Some(Severity::Error));
        assert_eq!(of("Bump x", rule), None);
        assert_eq!(of("Bump x", patch), Some(Severity::Warning));
        assert_eq!(of("", patch), Some(Severity::Error));
        let squash = "[version]\nsquash = \"body\"";
        assert_eq!(of("Rework it (#2)\n\n* feat: x", squash), None);
        assert_eq!(of("Rework it (#2)\n\n* wip", squash), Some(Severity::Error));
        let strip = "[version]\nstrip = ['^[A-Z]+-\\d+: ']";
        assert_eq!(of("ABC-43: fix: x", strip), None);
    }

    #[test]
    fn what_a_release_will_ignore_is_a_warning() {
        use Severity::{Error, Warning};
        for (message, merge, expected) in [
            ("ABC-43: fix: x", false, &[(Warning, "version.strip")][..]),
            (
                "[ABC-42] feat: x",
                false,
                &[(Error, "type: description"), (Warning, "version.strip")],
            ),
            (
                "Merged in a (pull request #18)\n\n* feat: x",
                false,
                &[(Error, "type: description"), (Warning, "version.squash")],
            ),
            (
                "Rework\n\nfeat: x",
                false,
                &[(Error, "type: description"), (Warning, "in the first line")],
            ),
            ("Merge branch 'x'", false, &[(Error, "type: description")]),
            ("Merge branch 'x'", true, &[]),
            ("Merge pull request #9 from a/b\n\nfeat: x", true, &[]),
            (
                "Merge branch 'x'\n\nBREAKING CHANGE: y",
                true,
                &[(Warning, "version.rules")],
            ),
            (
                "feat: x\n\n* docs: y\nRelease-As: 1.0.0",
                false,
                &[(Warning, "--version 1.0.0")],
            ),
            (
                "chore: all\n\n* fix: y",
                false,
                &[(Warning, "version.squash")],
            ),
        ] {
            let found = lint(message, merge, &policy(""));
            let found: Vec<_> = found
                .iter()
                .map(|one| (one.severity, one.hint.as_deref().unwrap_or_default()))
                .collect();
            assert_eq!(found.len(), expected.len(), "{message}: {found:?}");
            for ((severity, hint), (wanted, part)) in found.iter().zip(expected) {
                assert!(
                    severity == wanted && hint.contains(part),
                    "{message}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_hook_sees_what_git_keeps() {
        let text = "feat: x\n# Please enter\nbody\n\
                    # ------------------------ >8 ------------------------\ndiff\n";
        assert_eq!(cleaned(text, '#'), "feat: x\nbody\n");
    }
}
