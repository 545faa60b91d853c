//! A release of which only its lock tells, in words.

use crate::release::LockedRelease;

/// Whose it is, what it would do and what is doubtful about it, for the person who decides.
pub(super) fn would_do(release: &LockedRelease) -> String {
    let LockedRelease {
        version,
        commit,
        owner,
        since,
        moves,
        ..
    } = release;
    let since = since.format("%Y-%m-%d %H:%M:%S UTC");
    let mut text =
        format!("only the lock tells of {version} of commit {commit}, by {owner}, since {since}:");
    for line in moves {
        text += &format!("\n  {line}");
    }
    for line in cautions(release) {
        text += &format!("\n  caution: {line}");
    }
    text
}

/// What is doubtful about it.
pub(super) fn cautions(release: &LockedRelease) -> impl Iterator<Item = &String> {
    release.unproven.iter().chain(&release.unexplained)
}
