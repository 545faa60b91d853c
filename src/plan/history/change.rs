//! What one commit message says: its type, scope and whether it breaks something.
//!
//! The header follows Conventional Commits 1.0.0, read by `git-conventional`. What surrounds the
//! header is read more kindly than that specification asks: see [`parse`]. Nothing here panics,
//! whatever the message.

use git_conventional::Commit as Header;

use crate::{
    plan::history::{code_blocks, footer},
    policy::Regex,
};

/// Types that mean something to the default rules or are customary (the Conventional Commits
/// specification and the Angular convention it came from).
pub(crate) const TYPES: [&str; 11] = [
    "feat", "fix", "perf", "revert", "docs", "style", "refactor", "test", "build", "ci", "chore",
];

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// It has a conventional header.
    Conventional,
    /// A revert: `revert: …`, `Revert "…"` or `Reapply "…"`.
    Revert,
    /// The message of a merge (a commit with several parents) that has no header of its own.
    Merge,
    /// `fixup! …`, `squash! …`, `amend! …`: part of another commit.
    Fixup,
    /// A message without a conventional header.
    Unconventional,
}

/// What makes a change a breaking one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breaking {
    /// `!` before the colon.
    Mark,
    /// A line that starts with `BREAKING CHANGE:` or its like; what follows it, up to the end of
    /// its paragraph or the next footer, as one line.
    Line(String),
}

/// What a revert says that it takes back. Each field is one way to name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevertTarget {
    /// The ids that `This reverts commit` names; without one, those of a `Refs:` footer below
    /// `revert: …`.
    pub ids: Vec<String>,
    /// The parent that a reverted merge goes back to: `reversing changes made to <id>`.
    pub mainline: Option<String>,
    /// The title: what `Revert "…"` quotes; `Revert "x"` for `Reapply "x"`; the description of
    /// `revert: …`, or what it quotes.
    pub title: Option<String>,
    /// The number of the pull request, as forges write it: `Reverts acme/api#12`.
    pub pull_request: Option<String>,
}

/// One change, as its message tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChange {
    /// What kind of message it is.
    pub kind: MessageKind,
    /// The header's type in lower case; `revert` for every kind of revert.
    pub type_: Option<String>,
    /// The header's scope as written.
    pub scope: Option<String>,
    /// The description; the whole first line where there is no conventional header.
    pub description: String,
    /// Whether, and how, it says that it breaks something.
    pub breaking: Option<Breaking>,
    /// What a revert names; empty for every other kind.
    pub reverts: RevertTarget,
    /// The text of a `Release-As` footer.
    pub release_as: Option<String>,
    /// `[skip release]` or `[release skip]` stands in the message.
    pub skip: bool,
    /// `type:description` without a space between them.
    pub no_space: bool,
}

impl CommitChange {
    /// What a revert changes in the end, as far as its title quotes it: the change, and whether it
    /// is brought back (the revert of a revert) instead of taken back.
    #[must_use]
    pub fn reverted(&self, strip: &[Regex]) -> Option<(CommitChange, bool)> {
        let mut title = self.reverts.title.as_deref()?;
        let mut brought_back = false;
        let mut quoted;
        loop {
            if let Some((inner, again)) = git_revert(title) {
                // `Reapply "x"` stands for `Revert "Revert "x""`, which undoes nothing in the end.
                brought_back ^= !again;
                title = inner;
                continue;
            }
            let change = of_header(&stripped(title, strip));
            let Some(inner) = change.reverts.title else {
                return Some((change, brought_back));
            };
            brought_back ^= true;
            quoted = inner;
            title = &quoted;
        }
    }

    /// Whether a `!` stands before the colon.
    #[must_use]
    pub fn has_mark(&self) -> bool {
        self.breaking == Some(Breaking::Mark)
    }
}

/// Reads a message. `merge` says that the commit has several parents; what `strip` matches is
/// taken off the title before it is read.
///
/// Lines end at LF or CRLF; a bare CR ends none. The text ends at a NUL. A byte-order mark, blank
/// lines, comment lines and spaces before the header do not matter, nor does a missing blank line
/// after it. A line that starts with `BREAKING CHANGE:`, `BREAKING-CHANGE:`, `BREAKING CHANGE #`
/// or `BREAKING-CHANGE #` breaks wherever it stands, the header included, but not in a fenced code
/// block.
///
/// The parents decide what is a merge: one parent makes none, whatever its title says.
#[must_use]
pub fn parse(message: &str, merge: bool, strip: &[Regex]) -> CommitChange {
    parse_with_summary(message, merge, strip).1
}

/// The same, and the [`summary`]: the message is taken apart once.
pub(crate) fn parse_with_summary(
    message: &str,
    merge: bool,
    strip: &[Regex],
) -> (String, CommitChange) {
    let (header, body) = split(message);
    let title = stripped(&header, strip);
    let mut change = of_header(&title);
    if change.kind == MessageKind::Unconventional
        && let Some(rest) = edited_revert(&title)
        && !footer::reverted_ids(&body).is_empty()
    {
        change.kind = MessageKind::Revert;
        change.type_ = Some("revert".to_owned());
        change.description = rest.to_owned();
    }
    let breaking = footer::breaking_text(&body);
    if merge
        && change.kind == MessageKind::Unconventional
        && change.breaking.is_none()
        && (breaking.is_none() || is_merge_subject(&header))
    {
        change.kind = MessageKind::Merge;
    }
    if !matches!(change.kind, MessageKind::Merge | MessageKind::Fixup)
        && let Some(text) = breaking
    {
        // The line says what breaks, so it is kept even where there is a mark too.
        change.breaking = Some(match change.breaking {
            Some(Breaking::Mark) if text.is_empty() => Breaking::Mark,
            _ => Breaking::Line(text),
        });
    }
    change.no_space &= change.kind != MessageKind::Unconventional;
    if change.kind == MessageKind::Revert {
        name_reverted(&mut change, &title, &body);
    }
    change.release_as = footer::release_as(&body);
    change.skip = footer::skips(message);
    (header, change)
}

/// Fills in what the body of a revert names.
fn name_reverted(change: &mut CommitChange, title: &str, body: &[&str]) {
    let reverts = &mut change.reverts;
    reverts.ids = footer::reverted_ids(body);
    // Only the specification's own form uses `Refs`; below `Revert "…"` it can be anything.
    if reverts.ids.is_empty() && git_revert(title).is_none() {
        reverts.ids = footer::referenced_ids(body);
    }
    reverts.mainline = footer::mainline(body);
    reverts.pull_request = footer::reverted_pull_request(body);
}

/// A title without what the policy takes off it. What would be left empty stays as it is.
#[must_use]
pub(crate) fn stripped(title: &str, strip: &[Regex]) -> String {
    let mut rest = title.to_owned();
    for pattern in strip {
        if let Some(found) = pattern.compiled().find(&rest) {
            let less = format!("{}{}", &rest[..found.start()], &rest[found.end()..]);
            if !less.trim().is_empty() {
                rest = less.trim().to_owned();
            }
        }
    }
    rest
}

/// The line of a merge's body that says what came in: what forges put there is the title of the
/// pull request. A header of a customary type is taken before any other line.
#[must_use]
pub(crate) fn merged_title<'a>(message: &'a str, strip: &[Regex]) -> Option<&'a str> {
    let (_, body) = split(message);
    let mut lines = body.into_iter().map(str::trim);
    let mut said = lines.clone().filter(|line| {
        let change = of_header(&stripped(line, strip));
        change
            .type_
            .is_some_and(|type_| TYPES.contains(&type_.as_str()))
    });
    let is_list = |line: &&str| line.starts_with("* ") || line.starts_with("- ");
    said.next()
        .or_else(|| lines.find(|line| !line.is_empty()))
        .filter(|line| !footer::is_trailer(line) && !is_list(line))
}

/// The message's first line that says something, trimmed; what `git log --oneline` would show.
#[must_use]
pub fn summary(message: &str) -> String {
    split(message).0
}

/// The header, and the lines after it, of which those in fenced code blocks are empty.
pub(crate) fn split(message: &str) -> (String, Vec<&str>) {
    let text = message.split('\0').next().unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let header = lines
        .by_ref()
        .find(|line| !line.trim().is_empty() && !is_comment(line))
        .unwrap_or_default();
    let mut body: Vec<_> = lines.collect();
    if text.contains("```") || text.contains("~~~") {
        code_blocks::empty_fenced(&mut body);
    }
    (header.trim().replace('\r', " "), body)
}

/// A line of git's commit template that was left in. `#12` begins a title, not a comment.
fn is_comment(line: &str) -> bool {
    line.strip_prefix('#')
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn of_header(header: &str) -> CommitChange {
    let mut change = CommitChange {
        kind: MessageKind::Unconventional,
        type_: None,
        scope: None,
        description: header.to_owned(),
        breaking: None,
        reverts: RevertTarget::default(),
        release_as: None,
        skip: false,
        no_space: false,
    };
    if let Some((quoted, again)) = git_revert(header) {
        change.kind = MessageKind::Revert;
        change.type_ = Some("revert".to_owned());
        change.description = quoted.to_owned();
        change.reverts.title = Some(match again {
            true => format!("Revert \"{quoted}\""),
            false => quoted.to_owned(),
        });
    } else if is_fixup(header) {
        change.kind = MessageKind::Fixup;
    } else if let Some(text) = footer::breaking(header) {
        change.breaking = Some(Breaking::Line(text.to_owned()));
        change.description = text.to_owned();
    } else if let Ok(parsed) = Header::parse(header)
        && parsed.scope().is_none_or(|s| !s.as_str().trim().is_empty())
    {
        let type_ = parsed.type_().as_str().to_lowercase();
        change.kind = match type_.as_str() {
            "revert" => MessageKind::Revert,
            _ => MessageKind::Conventional,
        };
        change.type_ = Some(type_);
        change.scope = parsed.scope().map(|s| s.as_str().trim().to_owned());
        change.description = parsed.description().trim().to_owned();
        if change.kind == MessageKind::Revert {
            change.reverts.title = Some(unquoted(&change.description).to_owned());
        }
        change.breaking = parsed.breaking().then_some(Breaking::Mark);
        change.no_space = !header
            .strip_suffix(parsed.description())
            .is_some_and(|start| start.ends_with(char::is_whitespace));
    }
    change
}

/// As `git commit --fixup` writes it, with a space: `fixup!: x` is a breaking change of type `fixup`.
fn is_fixup(header: &str) -> bool {
    ["fixup!", "squash!", "amend!"].iter().any(|word| {
        header
            .strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    })
}

/// What `Revert "…"` and `Reapply "…"` quote, and whether it is the latter.
fn git_revert(header: &str) -> Option<(&str, bool)> {
    let (quoted, again) = match header.strip_prefix("Revert \"") {
        Some(quoted) => (quoted, false),
        None => (header.strip_prefix("Reapply \"")?, true),
    };
    // A forge may have put ` (#12)` after the closing quote.
    quoted.rfind('"').map(|end| (&quoted[..end], again))
}

/// The title that the description of `revert: …` names: what stands in its quotes, where it has
/// some. A forge may have put ` (#12)` after them.
fn unquoted(description: &str) -> &str {
    const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”')];
    let (text, _) = split_number(description);
    let mut inner = QUOTES
        .iter()
        .filter_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    inner
        .find(|inner| !inner.trim().is_empty())
        .unwrap_or(description)
}

/// A title without the number of the pull request at its end, and that number.
pub(super) fn split_number(title: &str) -> (&str, Option<&str>) {
    let found = title.strip_suffix(')').and_then(|rest| {
        let (before, number) = rest.rsplit_once(" (")?;
        let number = number.strip_prefix("pull request ").unwrap_or(number);
        let digits = number.strip_prefix(['#', '!'])?;
        let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all.then_some((before, Some(digits)))
    });
    found.unwrap_or((title, None))
}

/// What a title in somebody's own words says of a revert: `Revert the login page`. Whether it is one is
/// said by git's own line in the body.
fn edited_revert(title: &str) -> Option<&str> {
    let (word, rest) = title.split_once(' ')?;
    let is_word = ["revert", "reverts", "reapply"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    (is_word && !rest.trim().is_empty()).then_some(rest.trim())
}

/// Whether a title is one that git and the forges give to merges of their own making.
pub(crate) fn is_merge_subject(header: &str) -> bool {
    header.starts_with("Merge ") || header.starts_with("Merged ")
}

#[cfg(test)]
mod tests {
    use crate::plan::history::change::*;

    fn level(message: &str) -> String {
        let change = parse(message, false, &[]);
        match (change.kind, change.breaking.is_some(), &change.type_) {
            (_, true, _) => "breaking".into(),
            (MessageKind::Conventional | MessageKind::Revert, _, Some(type_)) => type_.clone(),
            (kind, ..) => format!("{kind:?}"),
        }
    }

    #[test]
    fn the_header() {
        for (message, expected) in [
            ("feat: x", "feat"),
            ("Feat(API): x", "feat"),
            ("feat:x", "feat"),
            ("feat:\tx", "feat"),
            ("feat!: x", "breaking"),
            ("feat(a b,#1/c): x", "feat"),
            ("feat(): x", "Unconventional"),
            ("feat( ): x", "Unconventional"),
            ("feat(a)(b): x", "Unconventional"),
            ("feat((a)): x", "Unconventional"),
            ("feat : x", "Unconventional"),
            ("feat!(a): x", "Unconventional"),
            ("feat:", "Unconventional"),
            ("feat!:  ", "Unconventional"),
            (": x", "Unconventional"),
            ("", "Unconventional"),
            ("update the docs", "Unconventional"),
            ("feat: x\rBREAKING CHANGE: y", "feat"),
            ("fixup! feat: x", "Fixup"),
            ("fixup!: x", "breaking"),
            ("Merge branch 'topic'", "Unconventional"),
            ("revert: feat: x", "revert"),
            ("Revert \"feat: x\"", "revert"),
            ("Reapply \"feat: x\" (#3)", "revert"),
        ] {
            assert_eq!(level(message), expected, "{message:?}");
        }
    }

    #[test]
    fn what_surrounds_the_header_does_not_matter() {
        for message in [
            "\u{feff}feat: x",
            "\n\n  feat: x",
            "feat: x\r\n\r\nbody\r\n",
            "# a comment\n#\nfeat: x",
            "feat: x\nno blank line",
            "feat: x (#123)",
            "feat: x\0!: y",
        ] {
            assert_eq!(level(message), "feat", "{message:?}");
        }
        assert_eq!(level("#12 do it\n\nfeat: x"), "Unconventional");
    }

    #[test]
    fn a_breaking_line_counts_wherever_it_stands() {
        for message in [
            "BREAKING CHANGE: x",
            "BREAKING-CHANGE #12",
            "docs: x\nBREAKING CHANGE: y",
            "Update it\n\ntext\nBREAKING-CHANGE: y\n",
            "chore: x\n\nBREAKING CHANGE #12",
            "docs: x\n\n```\ncode\n```\nBREAKING CHANGE: y",
            "docs: x\n\n```\nnot closed\n\nBREAKING CHANGE: y",
        ] {
            assert_eq!(level(message), "breaking", "{message:?}");
        }
        for message in [
            "docs: x\n\n BREAKING CHANGE: y",
            "docs: x\n\nbreaking change: y",
            "docs: x\n\nBREAKING CHANGES: y",
            "docs: x\n\nBREAKING CHANGE : y",
            "docs: x\n\n```\nBREAKING CHANGE: y\n```\n",
            "docs: x\n\n~~~text\nBREAKING CHANGE: y\n~~~\n",
            "docs: x\n\n> BREAKING CHANGE: y",
        ] {
            assert_eq!(level(message), "docs", "{message:?}");
        }
        assert_eq!(level("fixup! feat!: x\n\nBREAKING CHANGE: y"), "Fixup");
    }

    #[test]
    fn what_breaks_is_told_to_the_end_of_its_paragraph() {
        for (message, expected) in [
            (
                "feat!: x\n\nBREAKING CHANGE: one\n  two\n\nthree",
                "one two",
            ),
            ("feat: x\n\nBREAKING CHANGE:\none\nRefs: #1", "one"),
            ("feat: x\n\nBREAKING-CHANGE #1\nBREAKING CHANGE: two", "1"),
        ] {
            let breaking = parse(message, false, &[]).breaking;
            assert_eq!(breaking, Some(Breaking::Line(expected.into())), "{message}");
        }
    }

    #[test]
    fn a_revert_quotes_what_it_takes_back() {
        let quoted = |message| {
            let (change, again) = parse(message, false, &[]).reverted(&[])?;
            Some(format!(
                "{}{}",
                change.type_?,
                if again { " again" } else { "" }
            ))
        };
        for (message, expected) in [
            ("Revert \"feat!: x\"", Some("feat")),
            ("revert(api): fix: x", Some("fix")),
            ("Reapply \"feat: x\"", Some("feat again")),
            ("Revert \"Revert \"feat: x\"\"", Some("feat again")),
            ("Revert \"Reapply \"feat: x\"\"", Some("feat")),
            ("Reapply \"Reapply \"feat: x\"\"", Some("feat again")),
            ("revert: \"feat: x (#12)\" (#14)", Some("feat")),
            ("revert: revert: feat: x", Some("feat again")),
            ("Revert \"revert: 'feat: x' (#2)\"", Some("feat again")),
            ("revert: Reapply \"feat: x\"", Some("feat")),
            ("Revert \"hello\"", None),
            ("fix: x", None),
        ] {
            assert_eq!(quoted(message).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn a_revert_names_what_it_takes_back() {
        let reverts = |message| parse(message, false, &[]).reverts;
        let merge = reverts(
            "Revert \"Merge branch 'x'\"\n\nThis reverts commit 676104e0, reversing\nchanges made to a215868.\n",
        );
        assert_eq!(merge.ids, ["676104e0"]);
        assert_eq!(merge.mainline.as_deref(), Some("a215868"));
        assert_eq!(merge.title.as_deref(), Some("Merge branch 'x'"));
        // The form of the specification's own FAQ.
        let faq = "revert: let us never again speak of it\n\nRefs: 676104e, a215868\n";
        assert_eq!(reverts(faq).ids, ["676104e", "a215868"]);
        for other in [
            "revert: x\n\nRefs: #12, JIRA-1",
            "Revert \"x\"\n\nRefs: 676104e",
            "fix: x\n\nRefs: 676104e",
        ] {
            assert_eq!(reverts(other).ids, [""; 0], "{other}");
        }
        let both = "revert: x\n\nThis reverts commit 676104e.\n\nRefs: a215868";
        assert_eq!(reverts(both).ids, ["676104e"]);
        let edited = "Revert the login page\n\nThis reverts commit 676104e.";
        assert_eq!(reverts(edited).ids, ["676104e"]);
        assert_eq!(level(edited), "revert");
        assert_eq!(level("Revert the login page"), "Unconventional");
        let other = "Rework the login page\n\nThis reverts commit 676104e.";
        assert_eq!(level(other), "Unconventional");
        let forge = "Revert \"feat: x\" (#10)\n\nReverts acme/api#9";
        assert_eq!(reverts(forge).pull_request.as_deref(), Some("9"));
        assert_eq!(reverts(forge).title.as_deref(), Some("feat: x"));
    }

    #[test]
    fn the_description_of_a_revert_may_quote_the_title() {
        let title = |message| parse(message, false, &[]).reverts.title;
        for (message, expected) in [
            ("revert: \"feat: x (#12)\" (#14)", "feat: x (#12)"),
            ("revert(api): 'feat: x'", "feat: x"),
            ("revert: `feat: x` (!3)", "feat: x"),
            ("revert: “feat: x” (pull request #3)", "feat: x"),
            ("revert: feat: x (#14)", "feat: x (#14)"),
            (
                "revert: \"revert: \"feat: x (#12)\" (#14)\" (#15)",
                "revert: \"feat: x (#12)\" (#14)",
            ),
            (
                "revert: Revert \"feat: x\" (#14)",
                "Revert \"feat: x\" (#14)",
            ),
            ("revert: \"\"", "\"\""),
            ("revert: \"", "\""),
            ("revert: \"a\" and b", "\"a\" and b"),
        ] {
            assert_eq!(title(message).as_deref(), Some(expected), "{message}");
        }
    }

    #[test]
    fn the_parents_decide_what_is_a_merge() {
        let kind = |message, merge| parse(message, merge, &[]).kind;
        for title in [
            "Merge branch 'x'",
            "Merged in x (pull request #18)",
            "Sync x",
        ] {
            assert_eq!(kind(title, false), MessageKind::Unconventional, "{title}");
            assert_eq!(kind(title, true), MessageKind::Merge, "{title}");
        }
        assert_eq!(kind("feat: x", true), MessageKind::Conventional);
        assert_eq!(kind("fixup! x", true), MessageKind::Fixup);
        let breaking = |title: &str, merge| {
            let message = format!("{title}\n\nBREAKING CHANGE: y");
            parse(&message, merge, &[]).breaking.is_some()
        };
        assert!(breaking("Merged in x", false) && breaking("Sync x", true));
        assert!(!breaking("Merge branch 'x'", true));
    }

    #[test]
    fn what_the_policy_takes_off_a_title_is_not_read() {
        let strip: Vec<Regex> = ["^Merged PR \\d+: ", "^\\[?[A-Z]+-\\d+\\]?:? ", ".*"]
            .map(|text| text.parse().expect("a pattern"))
            .into();
        let read = |title: &str| parse(title, false, &strip);
        for (title, type_) in [
            ("Merged PR 40: fix!: x", Some("fix")),
            ("[ABC-42] feat: x", Some("feat")),
            ("ABC-43: fix: x", Some("fix")),
            ("Merged PR 41: ABC-1: Revert \"fix: x\"", Some("revert")),
            ("Merged PR 41: x", None),
            // Nothing would be left of it.
            ("x", None),
        ] {
            assert_eq!(read(title).type_.as_deref(), type_, "{title}");
        }
        assert!(read("Merged PR 40: fix!: x").breaking.is_some());
        assert_eq!(read("ABC-43: fix: x").description, "x");
    }

    #[test]
    fn a_merge_says_what_came_in() {
        for (message, expected) in [
            (
                "Merge pull request #9 from a/b\n\nfeat: x\n\nmore",
                Some("feat: x"),
            ),
            (
                "Merge branch 'x' into 'main'\n\nLimits\n\nfix: y\n\nSee merge request a!3",
                Some("fix: y"),
            ),
            ("Merge pull request #9 from a/b\n\nLimits", Some("Limits")),
            ("Merge branch 'x'\n\nSigned-off-by: A <a@b>", None),
            ("Merge branch 'x'", None),
            (
                "Merged in x (pull request #18)\n\n* feat: a\n* fix: b",
                None,
            ),
        ] {
            assert_eq!(merged_title(message, &[]), expected, "{message}");
        }
    }
}
