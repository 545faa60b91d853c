//! What a message holds that does not count as it stands, and what would make it count.

use crate::{
    git::CommitId,
    plan::history::{
        change::{self, CommitChange, MessageKind, TYPES},
        footer, rules,
        squash::{self, SquashedChange},
    },
    policy::{Level, Squash, VersionPolicy},
    text::sanitize_line,
};

/// Something in a message that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncounted {
    /// The commit is ignored, and its body lists changes that would count.
    Squashed {
        /// The first of them.
        first: String,
    },
    /// The commit is ignored, and its title has a header behind a prefix.
    Prefixed {
        /// The header.
        header: String,
        /// A regular expression that matches the prefix, where one can be shown.
        pattern: Option<String>,
    },
    /// The title is no header, and a line of the body is one.
    Below {
        /// The header.
        header: String,
    },
    /// A merge is ignored, and its body has a header, mostly the title of a pull request.
    Merged {
        /// The header.
        header: String,
    },
    /// A merge is ignored, and its body says what breaks.
    MergedBreaking,
    /// `Release-As` stands where no footer can stand.
    ReleaseAs {
        /// The version as it is written.
        version: String,
    },
}

/// What a message holds that does not count. `level` is what the commit gives by its title.
#[must_use]
pub fn uncounted(
    policy: &VersionPolicy,
    message: &str,
    merge: bool,
    change: &CommitChange,
    level: Option<Level>,
) -> Vec<Uncounted> {
    let mut found = Vec::new();
    // This is asked of every commit, and most have neither: they are not taken apart once more.
    let ignored = level.is_none() && change.kind != MessageKind::Fixup;
    let may_name_version = change.release_as.is_none() && footer::may_name_version(message);
    if !ignored && !may_name_version {
        return found;
    }
    let (title, body) = change::split(message);
    if may_name_version && let Some(version) = footer::misplaced_release_as(&title, &body) {
        found.push(Uncounted::ReleaseAs { version });
    }
    if !ignored {
        return found;
    }
    if change.kind == MessageKind::Merge {
        if footer::breaking_text(&body).is_some() {
            found.push(Uncounted::MergedBreaking);
        }
        let header = change::merged_title(message, &policy.strip);
        found.extend(
            header
                .filter(|header| counts(policy, header))
                .map(|header| Uncounted::Merged {
                    header: header.to_owned(),
                }),
        );
        return found;
    }
    if !merge && policy.squash == Squash::Title && squash::may_list(message) {
        let counts = |one: &SquashedChange| {
            one.is_change() && rules::level(policy, message, &one.change).0.is_some()
        };
        let first = squash::first_listed(message, &policy.strip, counts);
        found.extend(first.map(|one| Uncounted::Squashed { first: one.title }));
    }
    if !merge && change.kind == MessageKind::Unconventional && found.is_empty() {
        found.extend(below(policy, message, &body));
    }
    found.extend(prefixed(policy, &title, change));
    found
}

/// A header in the body, where no list of changes has it that counts.
fn below(policy: &VersionPolicy, message: &str, body: &[&str]) -> Option<Uncounted> {
    let mut lines = body
        .iter()
        .map(|line| line.strip_prefix("- ").unwrap_or(line));
    let header = lines.find(|line| {
        let word = line.split(['(', '!', ':']).next().unwrap_or_default();
        TYPES.contains(&word) && counts(policy, line)
    })?;
    let is_listed = policy.squash == Squash::Body
        && squash::first_listed(message, &policy.strip, |one| one.title == header).is_some();
    (!is_listed).then(|| Uncounted::Below {
        header: header.to_owned(),
    })
}

fn counts(policy: &VersionPolicy, header: &str) -> bool {
    let change = change::parse(header, false, &policy.strip);
    change.type_.is_some() && rules::level(policy, header, &change).0.is_some()
}

/// A header behind a prefix: a ticket, an emoji, what a forge puts before a title.
fn prefixed(policy: &VersionPolicy, title: &str, change: &CommitChange) -> Option<Uncounted> {
    let own = |type_: &str| {
        let mut globs = policy.rules.iter().filter_map(|rule| rule.type_.as_ref());
        TYPES.contains(&type_) || globs.any(|glob| glob.is_match(type_))
    };
    let is_known = change.type_.as_deref().is_some_and(own);
    if is_known || change.breaking.is_some() || !title.contains([':', '"']) {
        return None;
    }
    let title = change::stripped(title, &policy.strip);
    let starts = title.char_indices().skip(1).filter(|(at, c)| {
        let before = title[..*at].chars().next_back();
        c.is_alphabetic() && before.is_some_and(|c| !c.is_alphanumeric() && c != '(' && c != '"')
    });
    for (at, _) in starts {
        let (prefix, header) = title.split_at(at);
        // This is asked of every ignored commit, so a whole header is read only where one begins.
        let word = header.split(['(', '!', ':', ' ', '\t']).next();
        let word = word.unwrap_or_default().to_lowercase();
        if !(own(&word) || word == "reapply") || !is_prefix(prefix) {
            continue;
        }
        let read = change::parse(header, false, &[]);
        let known = read.type_.as_deref().is_some_and(own);
        if known && rules::level(policy, header, &read).0.is_some() {
            return Some(Uncounted::Prefixed {
                header: header.to_owned(),
                pattern: pattern(prefix),
            });
        }
    }
    None
}

/// Whether text before a header looks like a mark and not like the beginning of a sentence.
fn is_prefix(prefix: &str) -> bool {
    let text = prefix.trim_end();
    let is_word = !text.contains(char::is_whitespace);
    text.chars().count() <= 60
        && (text.ends_with([':', ']', ')', '}', '>', '|', '-', '–', '—', '/'])
            || is_word && !text.chars().all(char::is_alphabetic))
}

/// A regular expression for a prefix and others like it: any number for its numbers, any project
/// for the key of a ticket.
fn pattern(prefix: &str) -> Option<String> {
    if sanitize_line(prefix, 100) != prefix.trim() {
        return None;
    }
    let mut out = String::from("^");
    let mut rest = prefix;
    while let Some(c) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|d: char| d.is_ascii_digit()).len();
        let letters = rest.len()
            - rest
                .trim_start_matches(|d: char| d.is_ascii_uppercase())
                .len();
        let is_key = letters > 1
            && rest[letters..]
                .strip_prefix('-')
                .is_some_and(|number| number.starts_with(|d: char| d.is_ascii_digit()));
        if is_key {
            out.push_str("[A-Z]+");
            rest = &rest[letters..];
        } else if digits > 0 {
            out.push_str("\\d+");
            rest = &rest[digits..];
        } else {
            if "\\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}

impl Uncounted {
    /// What does not count, as a fragment.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Squashed { first } => format!(
                "its body lists changes that do not count, the first one `{}`",
                shown(first)
            ),
            Self::Prefixed { header, .. } => format!(
                "its header stands behind a prefix and does not count: `{}`",
                shown(header)
            ),
            Self::Below { header } => {
                format!("the header in its body does not count: `{}`", shown(header))
            }
            Self::Merged { header } => format!(
                "it is a merge, so the header in its body does not count: `{}`",
                shown(header)
            ),
            Self::MergedBreaking => {
                "it is a merge, so its `BREAKING CHANGE` line does not count".to_owned()
            }
            Self::ReleaseAs { version } => format!(
                "its line `Release-As: {}` is not in a paragraph of footers and sets no version",
                shown(version)
            ),
        }
    }

    /// The key that would make it count, or what to write instead.
    #[must_use]
    pub fn way_on(&self) -> String {
        match self {
            Self::Squashed { .. } => "`version.squash = \"body\"` counts such changes".to_owned(),
            Self::Prefixed {
                pattern: Some(pattern),
                ..
            } => format!("`version.strip = [{}]` takes it off", quoted(pattern)),
            Self::Prefixed { pattern: None, .. } => {
                "`version.strip` takes off what a regular expression matches".to_owned()
            }
            Self::Below { .. } => {
                "a header stands in the first line, or, with `version.squash = \"body\"`, in a list of `* ` lines"
                    .to_owned()
            }
            Self::Merged { .. } | Self::MergedBreaking => {
                "a rule in `version.rules` with `match` counts it".to_owned()
            }
            Self::ReleaseAs { version } => format!(
                "write it as a footer, in a paragraph of its own; or use `--version {}`",
                shown(version.strip_prefix(['v', 'V']).unwrap_or(version))
            ),
        }
    }
}

fn shown(text: &str) -> String {
    sanitize_line(text, 72)
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    match text.contains('\'') {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => format!("'{text}'"),
    }
}

/// A note for each way on: the newest commit that it is for, and how many more.
#[must_use]
pub fn notes(found: &[(CommitId, Uncounted)]) -> Vec<String> {
    let mut notes: Vec<(String, String, usize)> = Vec::new();
    for (id, one) in found {
        let way_on = one.way_on();
        match notes.iter_mut().find(|(_, known, _)| *known == way_on) {
            Some((_, _, more)) => *more += 1,
            None => notes.push((format!("{}: {}", id.short(), one.what()), way_on, 0)),
        }
    }
    let text = |(first, way_on, more): (String, String, usize)| match more {
        0 => format!("{first}; {way_on}"),
        1 => format!("{first}; {way_on} (and 1 more commit like it)"),
        _ => format!("{first}; {way_on} (and {more} more commits like it)"),
    };
    notes.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use crate::{plan::history::uncounted::*, policy::Policy};

    fn found(policy: &str, message: &str, merge: bool) -> Vec<Uncounted> {
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        let policy = policy.version;
        let change = change::parse(message, merge, &policy.strip);
        let level = rules::level(&policy, message, &change).0;
        uncounted(&policy, message, merge, &change, level)
    }

    /// What is suggested counts the commit, and nothing is left to say.
    #[test]
    fn the_suggested_pattern_counts_the_commit() {
        for title in [
            "ABC-43: fix: close it",
            "[ABC-42] feat: x",
            "ABC-42 feat: x",
            "(#12) fix: x",
            "Merged PR 40: fix!: x",
            "Merged PR 41: Revert \"fix: x\"",
            "✨ feat: x",
            ":sparkles: feat(a): x",
            "🐛fix: x",
            "[a.b/c] perf: x",
            "foo: fix: x",
            "JIRA-1 | feat: x",
            "it's: feat: x",
        ] {
            let one = found("", title, false);
            let [
                Uncounted::Prefixed {
                    pattern: Some(pattern),
                    ..
                },
            ] = &one[..]
            else {
                panic!("{title}: {one:?}");
            };
            let policy = format!("[version]\nstrip = [{}]", quoted(pattern));
            assert_eq!(found(&policy, title, false), [], "{title}");
            let policy = Policy::parse(&policy, "release.toml").expect("a good policy");
            let change = change::parse(title, false, &policy.version.strip);
            let level = rules::level(&policy.version, title, &change).0;
            assert!(level.is_some(), "{title}: {pattern}");
        }
    }

    #[test]
    fn sentences_and_known_types_have_no_prefix() {
        for title in [
            "docs: fix: a typo",
            "Explain what feat: means",
            "Rename fix: to bug:",
            "hello",
            "[ABC-1] docs: x",
            "chore: release",
            "fixup! ABC-1: feat: x",
            "feat: ABC-1: fix: x",
        ] {
            assert_eq!(found("", title, false), [], "{title}");
        }
        let rule = "[[version.rules]]\ntype = \"docs\"\nbump = \"patch\"";
        assert_eq!(found(rule, "[ABC-1] docs: x", false).len(), 1);
        assert_eq!(
            found(
                "[[version.rules]]\ntype = \"abc-1\"\nbump = \"none\"",
                "abc-1: feat: x",
                false
            ),
            []
        );
    }

    #[test]
    fn an_ignored_commit_with_changes_in_its_body_is_told() {
        let body = "* feat: a\n\n* docs: b\n* fix: c";
        let squashed = Uncounted::Squashed {
            first: "feat: a".to_owned(),
        };
        for title in [
            "Rework it (#20)",
            "Merged in x (pull request #18)",
            "chore: all of it",
        ] {
            let message = format!("{title}\n\n{body}");
            assert_eq!(
                found("", &message, false),
                std::slice::from_ref(&squashed),
                "{title}"
            );
            assert_eq!(found("[version]\nsquash = \"body\"", &message, false), []);
        }
        // It counts already, or there is nothing that could count.
        assert_eq!(found("", &format!("fix: x\n\n{body}"), false), []);
        assert_eq!(found("", "Rework it\n\n* docs: a\n* wip", false), []);
        // The commits that a merge brings in count by themselves.
        assert_eq!(found("", &format!("Merge branch 'x'\n\n{body}"), true), []);
    }

    #[test]
    fn a_header_below_the_title_is_told() {
        let below = |header: &str| Uncounted::Below {
            header: header.to_owned(),
        };
        for (message, header) in [
            ("Merged in x (pull request #18)\n\nfeat: mail", "feat: mail"),
            ("Rework\n\n- docs: a\n- fix(b): c", "fix(b): c"),
        ] {
            assert_eq!(found("", message, false), [below(header)], "{message}");
        }
        let both = "Merged in x (pull request #18)\n\nfeat: mail\n\n* fix: sender";
        let body = "[version]\nsquash = \"body\"";
        assert_eq!(found(body, both, false), [below("feat: mail")]);
        for message in [
            "chore: x\n\nfeat: mail",
            "Rework\n\nSee feat: mail",
            "Rework\n\ndocs: x",
            "Rework\n\nNote: x",
        ] {
            assert_eq!(found("", message, false), [], "{message}");
        }
    }

    #[test]
    fn a_merge_says_what_its_body_would_give() {
        let merged = Uncounted::Merged {
            header: "feat: limits".to_owned(),
        };
        let message = "Merge pull request #9 from acme/t\n\nfeat: limits";
        assert_eq!(found("", message, true), [merged]);
        assert_eq!(
            found("", "Merge branch 'x'\n\nSigned-off-by: A <a@b>", true),
            []
        );
        let breaking = "Merge branch 'x'\n\nBREAKING CHANGE: y";
        assert_eq!(found("", breaking, true), [Uncounted::MergedBreaking]);
    }

    #[test]
    fn a_version_that_no_footer_names_is_told() {
        for message in [
            "feat: x (#80)\n\n* docs: say it\nRelease-As: 1.0.0\n\n* fix: y",
            "feat: x\n\nSome prose\nrelease-as: v1.0.0",
            "feat: x\n\n  Release-As: 1.0.0",
            "feat: x\n\n* Release-As: 1.0.0",
            "Release-As: 1.0.0",
            "feat: x\n\n> Release-As : 1.0.0",
            "feat: x\n\nRelease-As 1.0.0",
            "feat: x\n\nrelease-as=1.0.0",
        ] {
            let one = found("", message, false);
            assert!(
                matches!(&one[..], [Uncounted::ReleaseAs { version }] if version.ends_with("1.0.0")),
                "{message}: {one:?}"
            );
        }
        for message in [
            "feat: x\n\nRelease-As: 1.0.0",
            "feat: x\n\nRelease-As: 1.0.0\n\nmore\nRelease-As: 1.0.0",
            "feat: x\n\nWe say\nRelease-As: to name the version",
            "feat: x\n\n(cherry picked from commit 0123456)\nRelease-As: 1.0.0",
        ] {
            assert_eq!(found("", message, false), [], "{message}");
        }
    }

    #[test]
    fn commits_that_need_the_same_key_share_a_note() {
        let id = |number| CommitId::new([number; 20]);
        let of = |title: &str| found("", title, false).remove(0);
        let found = [
            (id(1), of("ABC-43: fix: close it")),
            (id(2), of("DEF-4: feat: it")),
            (id(3), of("[x] feat: it")),
        ];
        assert_eq!(
            notes(&found),
            [
                "0101010: its header stands behind a prefix and does not count: `fix: close it`; \
                 `version.strip = ['^[A-Z]+-\\d+: ']` takes it off (and 1 more commit like it)",
                "0303030: its header stands behind a prefix and does not count: `feat: it`; \
                 `version.strip = ['^\\[x\\] ']` takes it off",
            ]
        );
    }
}
