//! What one commit message says: its type, scope and whether it breaks something.
//!
//! The header follows Conventional Commits 1.0.0, read by `git-conventional`. What surrounds the
//! header is read more kindly than that specification asks: see [`parse`]. Nothing here panics,
//! whatever the message.

use git_conventional::Commit as Header;

use crate::plan::history::footer;

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// It has a conventional header.
    Conventional,
    /// A revert: `revert: …`, `Revert "…"` or `Reapply "…"`.
    Revert,
    /// One of git's or a forge's own subjects of a merge.
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
    /// The ids that `This reverts commit` names.
    pub reverts: Vec<String>,
    /// The text of a `Release-As` footer.
    pub release_as: Option<String>,
    /// `[skip release]` or `[release skip]` stands in the message.
    pub skip: bool,
    /// `type:description` without a space between them.
    pub no_space: bool,
}

impl CommitChange {
    /// The change that a revert undoes, as far as its header quotes it.
    #[must_use]
    pub fn reverted(&self) -> Option<CommitChange> {
        (self.kind == MessageKind::Revert).then(|| of_header(&self.description))
    }

    /// Whether a `!` stands before the colon.
    #[must_use]
    pub fn has_mark(&self) -> bool {
        self.breaking == Some(Breaking::Mark)
    }
}

/// Reads a message. `merge` says that the commit has several parents.
///
/// Lines end at LF or CRLF; a bare CR ends none. The text ends at a NUL. A byte-order mark, blank
/// lines, comment lines and spaces before the header do not matter, nor does a missing blank line
/// after it. A line that starts with `BREAKING CHANGE:`, `BREAKING-CHANGE:`, `BREAKING CHANGE #`
/// or `BREAKING-CHANGE #` breaks wherever it stands, the header included.
#[must_use]
pub fn parse(message: &str, merge: bool) -> CommitChange {
    let (header, body) = split(message);
    let mut change = of_header(&header);
    if change.kind == MessageKind::Unconventional && is_merge(&header, merge) {
        change.kind = MessageKind::Merge;
    }
    if !matches!(change.kind, MessageKind::Merge | MessageKind::Fixup)
        && let Some(text) = footer::breaking_text(&body)
    {
        // The line says what breaks, so it is kept even where there is a mark too.
        change.breaking = Some(match change.breaking {
            Some(Breaking::Mark) if text.is_empty() => Breaking::Mark,
            _ => Breaking::Line(text),
        });
    }
    change.no_space &= change.kind != MessageKind::Unconventional;
    change.reverts = footer::reverted_ids(&body);
    change.release_as = footer::release_as(&body);
    change.skip = footer::skips(message);
    change
}

/// The changes of a squashed commit's body: each line `* type: …` is one.
#[must_use]
pub fn bullets(message: &str) -> Vec<CommitChange> {
    let (_, body) = split(message);
    body.iter()
        .filter_map(|line| line.strip_prefix("* "))
        .map(of_header)
        .filter(|change| change.breaking.is_some() || change.type_.is_some())
        .collect()
}

/// The message's first line that says something, trimmed; what `git log --oneline` would show.
#[must_use]
pub fn summary(message: &str) -> String {
    split(message).0
}

/// The header, and the lines after it.
fn split(message: &str) -> (String, Vec<&str>) {
    let text = message.split('\0').next().unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let header = lines
        .by_ref()
        .find(|line| !line.trim().is_empty() && !is_comment(line))
        .unwrap_or_default();
    (header.trim().replace('\r', " "), lines.collect())
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
        reverts: Vec::new(),
        release_as: None,
        skip: false,
        no_space: false,
    };
    if let Some(quoted) = git_revert(header) {
        change.kind = MessageKind::Revert;
        change.type_ = Some("revert".to_owned());
        change.description = quoted.to_owned();
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

/// What `Revert "…"` and `Reapply "…"` quote.
fn git_revert(header: &str) -> Option<&str> {
    let quoted = header
        .strip_prefix("Revert \"")
        .or_else(|| header.strip_prefix("Reapply \""))?;
    // A forge may have put ` (#12)` after the closing quote.
    quoted.rfind('"').map(|end| &quoted[..end])
}

/// Subjects that git and the forges give to merges of their own making.
fn is_merge(header: &str, merge: bool) -> bool {
    const SUBJECTS: [&str; 11] = [
        "Merge branch ",
        "Merge branches ",
        "Merge remote-tracking branch",
        "Merge remote branch ",
        "Merge tag ",
        "Merge tags ",
        "Merge commit ",
        "Merge commits ",
        "Merge pull request ",
        "Merge in ",
        "Merged in ",
    ];
    SUBJECTS.iter().any(|subject| header.starts_with(subject))
        || (merge && (header.starts_with("Merge ") || header.starts_with("Merged ")))
}

#[cfg(test)]
mod tests {
    use crate::plan::history::change::*;

    fn level(message: &str) -> String {
        let change = parse(message, false);
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
            ("Merge branch 'topic'", "Merge"),
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
        ] {
            assert_eq!(level(message), "breaking", "{message:?}");
        }
        for message in [
            "docs: x\n\n BREAKING CHANGE: y",
            "docs: x\n\nbreaking change: y",
            "docs: x\n\nBREAKING CHANGES: y",
            "docs: x\n\nBREAKING CHANGE : y",
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
            let breaking = parse(message, false).breaking;
            assert_eq!(breaking, Some(Breaking::Line(expected.into())), "{message}");
        }
    }

    #[test]
    fn a_squashed_body_has_changes_of_its_own() {
        let message = "Search (#9)\n\n* feat: x\n\n* fix(api)!: y\n\n* wip\n- feat: no bullet\n";
        let found: Vec<_> = bullets(message).into_iter().map(|c| c.type_).collect();
        assert_eq!(found, [Some("feat".to_owned()), Some("fix".to_owned())]);
    }

    #[test]
    fn a_revert_quotes_what_it_takes_back() {
        let quoted = |message| {
            parse(message, false)
                .reverted()
                .and_then(|change| change.type_)
        };
        assert_eq!(quoted("Revert \"feat!: x\"").as_deref(), Some("feat"));
        assert_eq!(quoted("revert(api): fix: x").as_deref(), Some("fix"));
        assert_eq!(quoted("fix: x"), None);
    }
}
