//! The changes of a squashed branch, as the body of its one commit lists them.

use crate::{
    plan::history::{
        change::{self, CommitChange, MessageKind},
        code_blocks,
    },
    policy::Regex,
};

/// One change of a squashed branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquashedChange {
    /// Its first line.
    pub title: String,
    /// What it says.
    pub change: CommitChange,
}

impl SquashedChange {
    /// Whether it is a change at all: it has a header, or says what it breaks.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.change.breaking.is_some() || self.change.type_.is_some()
    }
}

/// What a squashed commit's body lists: each line `* …`, as forges write it, and each commit below
/// `Squashed commit of the following:`, as `git merge --squash` does. What is indented below such a
/// line belongs to it, a `BREAKING CHANGE:` line there too. Code blocks and quoted lines list nothing.
#[must_use]
pub fn squashed(message: &str, strip: &[Regex]) -> Vec<SquashedChange> {
    listed(message).map(|one| one.read(strip)).collect()
}

/// Whether a message may list changes: most do not, and are not taken apart for it.
pub(super) fn may_list(message: &str) -> bool {
    message.contains("* ") || message.contains("commit ")
}

/// The first listed change that `wanted` takes; those after it are not read.
pub(super) fn first_listed(
    message: &str,
    strip: &[Regex],
    wanted: impl Fn(&SquashedChange) -> bool,
) -> Option<SquashedChange> {
    listed(message)
        .map(|one| one.read(strip))
        .find(|one| wanted(one))
}

fn listed(message: &str) -> impl Iterator<Item = ListedChange<'_>> {
    let (_, body) = change::split(message);
    let mut listed = bullets(&body);
    if listed.is_empty() {
        listed = commits(&body);
    }
    listed.into_iter()
}

/// A listed change, before it is read.
struct ListedChange<'a> {
    title: &'a str,
    /// The lines that are indented below the title, without their indent; others are empty here.
    indented: Vec<&'a str>,
    /// All lines up to the next change.
    all: Vec<&'a str>,
}

impl<'a> ListedChange<'a> {
    fn new(title: &'a str) -> Self {
        Self {
            title: title.trim(),
            indented: Vec::new(),
            all: Vec::new(),
        }
    }

    fn read(self, strip: &[Regex]) -> SquashedChange {
        let of = |lines: &[&str]| {
            let text = format!("{}\n\n{}", self.title, lines.join("\n"));
            change::parse(&text, false, strip)
        };
        let mut change = match self.indented.iter().all(|line| line.trim().is_empty()) {
            true => change::parse(self.title, false, strip),
            false => of(&self.indented),
        };
        // Forges do not indent a commit's body, and git's own line about a revert stands there.
        if change.kind == MessageKind::Revert && change.reverts.ids.is_empty() {
            change.reverts = of(&self.all).reverts;
        }
        SquashedChange {
            title: self.title.to_owned(),
            change,
        }
    }
}

/// How many columns code is indented.
const CODE: usize = 4;

/// `* title` lines. A bullet that stands deeper than one before it belongs to that one. Lines that are
/// indented as far as code is (four columns more than the text around it, after an empty line) are
/// code.
fn bullets<'a>(body: &[&'a str]) -> Vec<ListedChange<'a>> {
    let mut blocks: Vec<ListedChange<'a>> = Vec::new();
    let mut depth = CODE - 1;
    // Whether the line before was empty or code.
    let mut may_be_code = true;
    for line in body {
        let text = line.trim_start();
        let indent = code_blocks::indent(line);
        let is_blank = text.is_empty();
        let around = blocks.last().map_or(0, |_| depth + "* ".len());
        let is_code = may_be_code && !is_blank && indent >= around + CODE;
        may_be_code = is_blank || is_code;
        if let Some(title) = text.strip_prefix("* ")
            && indent <= depth
        {
            depth = indent;
            blocks.push(ListedChange::new(title));
        } else if let Some(block) = blocks.last_mut() {
            let below = indent > depth && !is_code;
            block.indented.push(if below { text } else { "" });
            block.all.push(text);
        }
    }
    blocks
}

/// The commits that git lists as `git log` does: `commit <id>`, headers, and an indented message.
fn commits<'a>(body: &[&'a str]) -> Vec<ListedChange<'a>> {
    let mut blocks: Vec<ListedChange<'a>> = Vec::new();
    let mut wants_title = false;
    for line in body {
        let id = line.strip_prefix("commit ").unwrap_or_default().trim();
        let text = line.strip_prefix("    ").unwrap_or_default();
        if id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            wants_title = true;
        } else if wants_title && !text.trim().is_empty() {
            wants_title = false;
            blocks.push(ListedChange::new(text));
        } else if let Some(block) = blocks.last_mut().filter(|_| !wants_title) {
            block.indented.push(text);
            block.all.push(text);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use crate::plan::history::{change::Breaking, squash::*};

    fn found(message: &str) -> Vec<String> {
        let listed = squashed(message, &["^ABC-\\d+: ".parse().expect("a pattern")]);
        let text = |one: SquashedChange| {
            let change = one.change;
            let breaking = match change.breaking {
                Some(Breaking::Line(text)) => format!(" !{text}"),
                Some(Breaking::Mark) => " !".to_owned(),
                None => String::new(),
            };
            format!("{}{breaking}", change.type_.unwrap_or_default())
        };
        let changes = listed.into_iter().filter(SquashedChange::is_change);
        changes.map(text).collect()
    }

    #[test]
    fn a_squashed_body_has_changes_of_its_own() {
        for (message, expected) in [
            (
                "Search (#9)\n\n* feat: x\n\n* fix(api)!: y\n\n* wip\n- feat: no bullet\n",
                &["feat", "fix !"][..],
            ),
            (
                "S\n\n* feat: x\n  BREAKING CHANGE: y\n  and z\n* fix: a",
                &["feat !y and z", "fix"],
            ),
            (
                "S\n\n* feat: x\n\n  BREAKING-CHANGE: y\n\nBREAKING CHANGE: z",
                &["feat !y"],
            ),
            (
                "S\r\n\r\n* feat: x\r\n\tBREAKING CHANGE #1\r\n",
                &["feat !1"],
            ),
            // A list below a bullet is part of its text.
            ("S\n\n* feat: x\n  * fix: y\n* docs: z", &["feat", "docs"]),
            ("S\n\n  * feat: x\n  * fix: y\n", &["feat", "fix"]),
            (
                "S\n\n* ABC-1: feat: x\n* fixup! feat: y\n* Merge branch 'x'",
                &["feat"],
            ),
            ("feat: no body", &[]),
            // What code blocks and quotations show is not done by the commit.
            (
                "S\n\n* feat: x\n\n```\n* feat!: y\n```\n\n* fix: z",
                &["feat", "fix"],
            ),
            ("S\n\n~~~\n* feat: x\n~~~\n\n* fix: y", &["fix"]),
            (
                "S\n\n> * feat: x\n\n* fix: y\n  > BREAKING CHANGE: z",
                &["fix"],
            ),
            (
                "S\n\nAs in\n\n    * feat: x\n\t* feat: y\n\n* fix: z",
                &["fix"],
            ),
            (
                "S\n\n* feat: x\n\n  ```\n  BREAKING CHANGE: y\n  ```\n* fix: z",
                &["feat", "fix"],
            ),
            (
                "S\n\n* feat: x\n\n      BREAKING CHANGE: y\n\n      BREAKING CHANGE: z",
                &["feat"],
            ),
            ("S\n\n* feat: x\n      BREAKING CHANGE: y", &["feat !y"]),
            // Nothing closes the fence.
            ("S\n\n```\n* feat: x\n* fix: y", &["feat", "fix"]),
        ] {
            assert_eq!(found(message), expected, "{message}");
        }
    }

    #[test]
    fn git_lists_commits_in_its_own_way() {
        let commit = |number: u8, text: &str| {
            let id = crate::git::CommitId::new([number; 20]);
            format!("commit {id}\nAuthor: A <a@b>\nDate:   now\n\n    {text}\n\n")
        };
        let message = format!(
            "Squashed commit of the following:\n\n{}{}{}",
            commit(1, "feat: x\n    \n    BREAKING CHANGE: y"),
            commit(2, "wip"),
            commit(3, "fix: z\n    \n    feat: not a title"),
        );
        assert_eq!(found(&message), ["feat !y", "fix"]);
        assert_eq!(found("commit 1\n\n    feat: x"), [""; 0]);
    }

    #[test]
    fn a_revert_among_them_names_what_it_takes_back() {
        let listed = squashed(
            "S\n\n* Revert \"feat: x\"\n\nThis reverts commit 0123456.\n\n* revert: y\n\n  Refs: abcdef0",
            &[],
        );
        let ids: Vec<_> = listed
            .iter()
            .map(|one| one.change.reverts.ids.clone())
            .collect();
        assert_eq!(ids, [["0123456"], ["abcdef0"]]);
    }
}
