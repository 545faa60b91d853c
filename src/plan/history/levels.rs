//! From the commits of the range to the level of the release: what each change gives, and why.

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    plan::history::{
        change::{self, CommitChange, MessageKind, is_merge_subject},
        facts::Commit,
        footer,
        reverts::{self, Missed, RangeChange, ReadRange},
        rules,
        uncounted::{self, Uncounted, uncounted},
    },
    policy::{Level, Unconventional, VersionPolicy},
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
    /// The first line of the change: the commit's, or that of a change which its body lists.
    pub summary: String,
    /// The name of the commit's author.
    pub author: String,
    /// Everybody who wrote the commit: its author, and who is named by `Co-authored-by`.
    pub people: Vec<Person>,
    /// What its message says.
    pub change: CommitChange,
    /// Whether the body of its commit lists it.
    pub squashed: bool,
    /// What came in by a merge that counts, as the merge's body says it.
    pub merged: Option<CommitChange>,
    /// The level it gives; `None`: it does not count.
    pub level: Option<Level>,
    /// Which rule gave it.
    pub why: String,
    /// Why no rule was asked, where none was.
    pub left_out: Option<LeftOut>,
    /// It came after the channel's last pre-release.
    pub after_prerelease: bool,
}

/// Somebody who wrote a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name as the commit has it.
    pub name: String,
    /// The address as the commit has it.
    pub email: String,
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
    let range = ReadRange {
        commits,
        whole: None,
    };
    judge_read(policy, range)
}

/// The same where only some commits of the range were read.
pub(super) fn judge_read(policy: &VersionPolicy, range: ReadRange<'_>) -> Result<Judgement> {
    let commits = range.commits;
    let said = said_by(policy, commits);
    let skipped = skipped(&said);
    let reverted = {
        let changes = range_changes(range, &said, &skipped);
        reverts::reverted(range, &changes, &policy.strip)
    };
    let mut judgement = Judgement::default();
    let mut unconventional = Vec::new();
    let mut ignored = Vec::new();
    for ((one, out), missed) in said.into_iter().zip(reverted.out).zip(&reverted.missed) {
        if !one.is_change {
            continue;
        }
        let commit = &commits[one.commit];
        let left_out = left_out(commit, skipped[one.commit], out);
        let (level, why) = match &left_out {
            Some((_, why)) => (None, why.clone()),
            None => rules::level(policy, &commit.message, &one.change),
        };
        if left_out.is_none() {
            remark(
                policy,
                commit,
                &one.change,
                missed.as_ref(),
                &mut judgement.notes,
            );
        }
        if left_out.is_none() && !one.squashed {
            let (change, merge) = (&one.change, commit.is_merge());
            if rules::is_unconventional(policy, &commit.message, merge, change) {
                unconventional.push(commit);
            }
            if judgement.release_as.is_none()
                && let Some(text) = &change.release_as
            {
                judgement.release_as = Some((commit.id, text.clone()));
            }
            let found = uncounted(policy, &commit.message, merge, change, level);
            ignored.extend(found.into_iter().map(|found| (commit.id, found)));
        }
        judgement.entries.push(JudgedChange {
            id: commit.id,
            merged: level.and_then(|_| merged(policy, commit, &one.title, &one.change)),
            summary: one.title,
            author: commit.author.clone(),
            people: people(commit),
            change: one.change,
            squashed: one.squashed,
            level,
            why,
            left_out: left_out.as_ref().map(|(reason, _)| *reason),
            after_prerelease: commit.after_prerelease,
        });
    }
    if policy.unconventional == Unconventional::Error && !unconventional.is_empty() {
        return Err(not_conventional(&unconventional));
    }
    if judgement.level().is_some() {
        // What came in by a merge counts by itself, mostly.
        ignored.retain(|(_, one)| !matches!(one, Uncounted::Merged { .. }));
    }
    judgement.notes.extend(uncounted::notes(&ignored));
    Ok(judgement)
}

/// What the commits say, in their order.
pub(super) fn said_by(policy: &VersionPolicy, commits: &[Commit]) -> Vec<SaidChange> {
    let commits = commits.iter().enumerate();
    commits
        .flat_map(|(place, commit)| said(policy, place, commit))
        .collect()
}

/// For each commit, whether its own message takes it out.
pub(super) fn skipped(said: &[SaidChange]) -> Vec<bool> {
    let own = said.iter().filter(|one| !one.squashed);
    own.map(|one| one.change.skip).collect()
}

/// The changes, as reverts ask about them.
pub(super) fn range_changes<'a>(
    range: ReadRange<'_>,
    said: &'a [SaidChange],
    skipped: &[bool],
) -> Vec<RangeChange<'a>> {
    let change = |one: &'a SaidChange| RangeChange {
        commit: range.place(one.commit),
        title: &one.title,
        change: &one.change,
        skipped: skipped[one.commit],
    };
    said.iter().map(change).collect()
}

/// A change as a commit of the range says it.
pub(super) struct SaidChange {
    /// The place of the commit among those that were read.
    commit: usize,
    title: String,
    change: CommitChange,
    /// Whether it is listed in the commit's body.
    squashed: bool,
    /// Not so for what a body lists without a header.
    is_change: bool,
}

/// A commit's own change, and those that its body lists where they count.
fn said(policy: &VersionPolicy, place: usize, commit: &Commit) -> Vec<SaidChange> {
    let merge = commit.is_merge();
    let (title, change) = change::parse_with_summary(&commit.message, merge, &policy.strip);
    let mut all = vec![SaidChange {
        commit: place,
        title,
        change,
        squashed: false,
        is_change: true,
    }];
    let listed = rules::squashed(policy, &commit.message, merge);
    all.extend(listed.into_iter().map(|one| SaidChange {
        commit: place,
        is_change: one.is_change(),
        title: one.title,
        change: one.change,
        squashed: true,
    }));
    all
}

/// Why the change is left out before any rule is asked, with the words for it.
fn left_out(commit: &Commit, skip: bool, reverted: Option<String>) -> Option<(LeftOut, String)> {
    if !commit.in_paths {
        Some((LeftOut::Paths, "touches none of `version.paths`".to_owned()))
    } else if skip {
        Some((
            LeftOut::Skipped,
            "skipped by its own `[skip release]`".to_owned(),
        ))
    } else {
        reverted.map(|why| (LeftOut::Reverted, why))
    }
}

/// What came in by a merge, where the merge's message says so.
fn merged(
    policy: &VersionPolicy,
    commit: &Commit,
    title: &str,
    change: &CommitChange,
) -> Option<CommitChange> {
    let without_header = matches!(
        change.kind,
        MessageKind::Merge | MessageKind::Unconventional
    );
    if !without_header || !is_merge_subject(title) {
        return None;
    }
    let said = change::merged_title(&commit.message, &policy.strip)?;
    Some(change::parse(said, false, &policy.strip))
}

/// The author, and the co-authors that the message names.
fn people(commit: &Commit) -> Vec<Person> {
    let author = (commit.author.clone(), commit.email.clone());
    std::iter::once(author)
        .chain(footer::co_authors(&commit.message))
        .map(|(name, email)| Person { name, email })
        .collect()
}

/// What is odd about a change that counts.
fn remark(
    policy: &VersionPolicy,
    commit: &Commit,
    change: &CommitChange,
    missed: Option<&Missed>,
    notes: &mut Vec<String>,
) {
    let id = commit.id.short();
    if change.no_space {
        notes.push(format!(
            "{id} has no space after the colon of its header; it counts"
        ));
    }
    if let (Some(missed), None) = (missed, &change.breaking) {
        notes.push(format!("{id} {}", missed_words(policy, change, missed)));
    }
}

/// A revert that takes back nothing of the range, or not all that it names.
fn missed_words(policy: &VersionPolicy, change: &CommitChange, missed: &Missed) -> String {
    let reverted = change.reverted(&policy.strip);
    let what = reverted.and_then(|(reverted, again)| {
        let what = match (&reverted.breaking, reverted.type_.as_deref()) {
            (Some(_), _) => "a breaking change",
            (None, Some("feat")) => "a feature",
            _ => return None,
        };
        Some((what, again))
    });
    match (missed, what) {
        (Missed::Several(count), _) => format!(
            "is a revert whose title fits {count} of these commits; it takes none of them out, and counts as a fix: name one by `This reverts commit <id>`"
        ),
        (Missed::Released(merge), _) => format!(
            "reverts the merge {merge}, by which commits came in that are released already; it counts as a fix: mark it `revert!:` if users must act"
        ),
        (_, Some((what, false))) => format!(
            "reverts {what} that is not among these commits; it counts as a fix: mark it `revert!:` if users must act"
        ),
        (_, Some((what, true))) => format!(
            "brings back {what} that is not among these commits; it counts as a fix: `--bump` or `--version` says otherwise"
        ),
        (Missed::Id(hex), None) => format!(
            "reverts {}, which is not among these commits; it counts as a fix",
            &hex[..hex.len().min(7)]
        ),
        (Missed::Title, None) => {
            "is a revert that names none of these commits; it counts as a fix".to_owned()
        }
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
                written: 0,
                in_paths: true,
                after_prerelease: true,
                released_beside: Vec::new(),
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
        let body = "[version]\nsquash = \"body\"";
        assert_eq!(levels(body, &[message]), [PATCH, MINOR, None]);
        // A commit and its revert on the squashed branch.
        let both = format!(
            "S\n\n* feat: x\n* fix: y\n* Revert \"feat: x\"\n\n  {}",
            revert(9)
        );
        assert_eq!(levels(body, &[&both]), [None, PATCH, None, None]);
        let again = format!("{both}\n\n* Reapply \"feat: x\"");
        assert_eq!(levels(body, &[&again]), [None, None, PATCH, MINOR, None]);
        // The whole of it, reverted later.
        assert_eq!(levels(body, &[message, &revert(1)]), [None; 4]);
        let error = "[version]\nsquash = \"body\"\nunconventional = \"error\"";
        assert_eq!(levels(error, &[message]), [PATCH, MINOR, None]);
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
