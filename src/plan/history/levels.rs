//! From the commits of the range to the level of the release: what each change gives, and why.

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    plan::history::{
        change::{self, Breaking, CommitChange, MessageKind},
        facts::Commit,
        reverts::cancelled,
        rules::deciding,
    },
    policy::{Level, Squash, Unconventional, VersionPolicy},
};

/// Why a change is left out before any rule is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It touches none of `version.paths`.
    Paths,
    /// Its message says so.
    Skipped,
    /// It and its revert are both in the range.
    Reverted,
}

/// One change of the range, with the level it gives and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedChange {
    /// The commit it is in.
    pub id: CommitId,
    /// The commit's first line.
    pub summary: String,
    /// The name of the commit's author.
    pub author: String,
    /// What its message says.
    pub change: CommitChange,
    /// The level it gives; `None`: it does not count.
    pub level: Option<Level>,
    /// Which rule gave it.
    pub why: String,
    /// Why no rule was asked, where none was.
    pub left_out: Option<LeftOut>,
    /// It came after the channel's last pre-release.
    pub after_prerelease: bool,
}

/// The range, judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Every change, newest first; several for one commit where its body is split.
    pub entries: Vec<JudgedChange>,
    /// The newest `Release-As` among the commits that count, and its commit.
    pub release_as: Option<(CommitId, String)>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Judgement {
    /// The highest level.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.entries.iter().filter_map(|entry| entry.level).max()
    }

    /// The newest change that gives `level`.
    #[must_use]
    pub fn decider(&self, level: Level) -> Option<&JudgedChange> {
        self.entries.iter().find(|entry| entry.level == Some(level))
    }
}

/// Judges the commits of the range, which come newest first.
///
/// # Errors
/// With `version.unconventional = "error"`, the commits without a conventional header (exit 4).
pub fn judge(policy: &VersionPolicy, commits: &[Commit]) -> Result<Judgement> {
    let changes: Vec<CommitChange> = commits
        .iter()
        .map(|commit| change::parse(&commit.message, commit.parents.len() > 1))
        .collect();
    let cancelled = cancelled(commits, &changes);
    let mut judgement = Judgement::default();
    let mut unconventional = Vec::new();
    for ((commit, change), cancelled) in commits.iter().zip(changes).zip(cancelled) {
        let left_out = left_out(commit, &change, cancelled);
        if left_out.is_none() {
            if is_unconventional(policy, commit, &change) {
                unconventional.push(commit);
            }
            if judgement.release_as.is_none()
                && let Some(text) = &change.release_as
            {
                judgement.release_as = Some((commit.id, text.clone()));
            }
            remark(commit, &change, &mut judgement.notes);
        }
        let mut all = vec![change];
        if policy.squash == Squash::Body && left_out.is_none() && all[0].kind != MessageKind::Merge
        {
            all.extend(change::bullets(&commit.message));
        }
        for change in all {
            let (level, why) = match &left_out {
                Some((_, why)) => (None, why.clone()),
                None => match deciding(policy, &commit.message, &change) {
                    Some(rule) => (rule.rule.bump.level(), rule.name()),
                    None => default_level(policy, &change),
                },
            };
            judgement.entries.push(JudgedChange {
                id: commit.id,
                summary: change::summary(&commit.message),
                author: commit.author.clone(),
                change,
                level,
                why,
                left_out: left_out.as_ref().map(|(reason, _)| *reason),
                after_prerelease: commit.after_prerelease,
            });
        }
    }
    if policy.unconventional == Unconventional::Error && !unconventional.is_empty() {
        return Err(not_conventional(&unconventional));
    }
    Ok(judgement)
}

/// Why the change is left out before any rule is asked, with the words for it.
fn left_out(
    commit: &Commit,
    change: &CommitChange,
    cancelled: Option<String>,
) -> Option<(LeftOut, String)> {
    if !commit.in_paths {
        Some((LeftOut::Paths, "touches none of `version.paths`".to_owned()))
    } else if change.skip {
        Some((
            LeftOut::Skipped,
            "skipped by its own `[skip release]`".to_owned(),
        ))
    } else {
        cancelled.map(|why| (LeftOut::Reverted, why))
    }
}

/// No header, no line that says what breaks, and no rule that knows the commit.
fn is_unconventional(policy: &VersionPolicy, commit: &Commit, change: &CommitChange) -> bool {
    change.kind == MessageKind::Unconventional
        && change.breaking.is_none()
        && deciding(policy, &commit.message, change).is_none()
}

/// The level of a change that no rule of the policy decides.
fn default_level(policy: &VersionPolicy, change: &CommitChange) -> (Option<Level>, String) {
    match (&change.breaking, change.kind) {
        (Some(Breaking::Mark), _) => (Some(Level::Major), "breaking: `!`".into()),
        (Some(Breaking::Line(_)), _) => {
            (Some(Level::Major), "breaking: says what it breaks".into())
        }
        (None, MessageKind::Merge) => (None, "a merge is not a change of its own".into()),
        (None, MessageKind::Fixup) => (None, "part of another commit".into()),
        (None, MessageKind::Unconventional) => match policy.unconventional {
            Unconventional::Patch => (
                Some(Level::Patch),
                "no conventional header: `version.unconventional = \"patch\"`".into(),
            ),
            Unconventional::Ignore | Unconventional::Error => {
                (None, "no conventional header".into())
            }
        },
        (None, MessageKind::Conventional | MessageKind::Revert) => {
            let type_ = change.type_.as_deref().unwrap_or_default();
            match type_ {
                "feat" => (Some(Level::Minor), "`feat`".into()),
                "fix" | "perf" | "revert" => (Some(Level::Patch), format!("`{type_}`")),
                _ => (None, format!("`{type_}` releases nothing")),
            }
        }
    }
}

/// What is odd about a commit that counts.
fn remark(commit: &Commit, change: &CommitChange, notes: &mut Vec<String>) {
    let id = commit.id.short();
    if change.no_space {
        notes.push(format!(
            "{id} has no space after the colon of its header; it counts"
        ));
    }
    if change.breaking.is_some() {
        return;
    }
    if let Some(reverted) = change.reverted() {
        let what = match (&reverted.breaking, reverted.type_.as_deref()) {
            (Some(_), _) => "a breaking change",
            (None, Some("feat")) => "a feature",
            _ => return,
        };
        notes.push(format!(
            "{id} reverts {what} that is not among these commits; it counts as a fix: mark it `revert!:` if users must act"
        ));
    }
}

fn not_conventional(commits: &[&Commit]) -> Error {
    let count = commits.len();
    let mut error = Error::refused(format!(
        "{count} {} no conventional header, and `version.unconventional` is `error`",
        if count == 1 {
            "commit has"
        } else {
            "commits have"
        }
    ))
    .with_code(ErrorCode::UnconventionalCommits);
    for commit in commits.iter().take(10) {
        let summary = crate::text::sanitize_line(&change::summary(&commit.message), 72);
        error = error.cause(format!("{} {summary}", commit.id.short()));
    }
    error.hint("reword them, or set `version.unconventional` to `ignore` or `patch`")
}

#[cfg(test)]
mod tests {
    use crate::plan::history::levels::*;
    use crate::policy::Policy;

    fn id(number: u8) -> CommitId {
        CommitId::new([number; 20])
    }

    /// Commits 1, 2, … with these messages, judged; levels oldest first.
    fn levels(policy: &str, messages: &[&str]) -> Vec<Option<Level>> {
        let mut commits = commits(messages);
        commits.reverse();
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        let judged = judge(&policy.version, &commits).expect("a judgement");
        judged
            .entries
            .iter()
            .rev()
            .map(|entry| entry.level)
            .collect()
    }

    fn commits(messages: &[&str]) -> Vec<Commit> {
        messages
            .iter()
            .zip(1..)
            .map(|(message, number)| Commit {
                id: id(number),
                parents: vec![],
                message: (*message).to_owned(),
                author: String::new(),
                email: String::new(),
                time: 0,
                in_paths: true,
                after_prerelease: true,
            })
            .collect()
    }

    fn revert(number: u8) -> String {
        format!("Revert \"x\"\n\nThis reverts commit {}.", id(number))
    }

    const PATCH: Option<Level> = Some(Level::Patch);
    const MINOR: Option<Level> = Some(Level::Minor);
    const MAJOR: Option<Level> = Some(Level::Major);

    #[test]
    fn reverts_in_the_range_cancel() {
        let (first, second, third) = (revert(1), revert(2), revert(3));
        assert_eq!(levels("", &["feat: x", &first]), [None, None]);
        assert_eq!(
            levels("", &["feat: x", &first, &second]),
            [MINOR, None, None]
        );
        assert_eq!(
            levels("", &["feat: x", &first, &second, &third]),
            [None, None, None, None]
        );
        // Reverted, brought back, reverted again by its own id.
        assert_eq!(
            levels("", &["feat: x", &first, &second, &first]),
            [None, None, None, None]
        );
        // Twice, on two branches.
        assert_eq!(levels("", &["feat: x", &first, &first]), [None, None, None]);
    }

    /// A revert of a revert need not come before it: dates run backwards, branches fork.
    #[test]
    fn reverts_cancel_in_any_order() {
        let commits = commits(&["feat: x", &revert(1), &revert(2)]);
        let level = |order: [usize; 3]| {
            let commits: Vec<_> = order.iter().map(|place| commits[*place].clone()).collect();
            judge(&Policy::default().version, &commits)
                .expect("a judgement")
                .level()
        };
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            assert_eq!(level(order), MINOR, "{order:?}");
        }
    }

    #[test]
    fn a_commit_that_a_rule_decides_is_not_unconventional() {
        let error = "[version]\nunconventional = \"error\"\n";
        let rule = "[[version.rules]]\nmatch = \"^Bump \"\nbump = \"patch\"\n";
        assert_eq!(levels(&format!("{error}{rule}"), &["Bump x to 2"]), [PATCH]);
        let policy = Policy::parse(error, "release.toml").expect("a good policy");
        assert!(judge(&policy.version, &commits(&["Bump x to 2"])).is_err());
    }

    #[test]
    fn a_revert_of_something_released_is_a_fix() {
        assert_eq!(levels("", &["fix: y", &revert(9)]), [PATCH, PATCH]);
        let both = format!("revert: x\n\nThis reverts commits {} and {}", id(1), id(9));
        assert_eq!(levels("", &["feat: y", &both]), [None, PATCH]);
        let breaking = format!("revert!: x\n\nThis reverts commit {}", id(1));
        assert_eq!(levels("", &["feat: y", &breaking]), [MINOR, MAJOR]);
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = "[[version.rules]]\ntype = \"Docs\"\nscope = \"api*\"\nbump = \"patch\"\n\
                     [[version.rules]]\ntype = \"feat\"\nbump = \"none\"\n\
                     [[version.rules]]\nmatch = \"(?i)security\"\nbump = \"minor\"\n";
        assert_eq!(
            levels(
                rules,
                &[
                    "docs(API-v2): x",
                    "docs(web, api): x",
                    "docs: x",
                    "feat: security",
                    "feat!: x",
                    "Fix a SECURITY hole"
                ]
            ),
            [PATCH, PATCH, None, None, MAJOR, MINOR]
        );
        let any = "[[version.rules]]\ntype = \"*\"\nbump = \"patch\"\n";
        assert_eq!(levels(any, &["docs: x", "hello"]), [PATCH, None]);
        let lower = "[[version.rules]]\ntype = \"feat\"\nbreaking = true\nbump = \"minor\"\n";
        assert_eq!(levels(lower, &["feat!: x", "fix!: x"]), [MINOR, MAJOR]);
    }

    #[test]
    fn a_squashed_body_counts_when_the_policy_says_so() {
        let message = "Search (#9)\n\n* feat: x\n* fix: y";
        assert_eq!(levels("", &[message]), [None]);
        let levels = levels("[version]\nsquash = \"body\"", &[message]);
        assert_eq!(levels, [PATCH, MINOR, None]);
    }

    #[test]
    fn what_is_skipped_does_not_count() {
        assert_eq!(levels("", &["feat: x [Skip Release]"]), [None]);
        assert_eq!(
            levels("[version]\nunconventional = \"patch\"", &["hello"]),
            [PATCH]
        );
    }
}
