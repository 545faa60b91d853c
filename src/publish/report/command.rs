//! The command that begins a transaction anew.

use crate::{
    publish::{
        errors::{FINISHED_FIRST, pull},
        protocol::{journal::Prepared, state::TagClass},
    },
    text::shell_word,
};

const RELEASE: &str = "`hoist release`";

/// What was asked for: the same command is the way on when the cause is removed.
pub(super) fn command(prepared: &Prepared) -> String {
    let mut tags = prepared.tags.iter();
    let is_release = prepared.git_tag.is_some() || tags.any(|tag| tag.kind != TagClass::Moving);
    match (&prepared.mark, &prepared.promotes) {
        (Some(_), _) => format!("`hoist rollback {}`", prepared.version),
        (None, Some(candidate)) => format!("`hoist promote {candidate}`"),
        (None, None) if is_release => RELEASE.to_owned(),
        // What a withdrawn version has left is a tag in a wrong place, too.
        (None, None) => "`hoist repair --yes`".to_owned(),
    }
}

/// What takes up the tags that were left.
pub(super) fn takes_up(prepared: &Prepared) -> String {
    match command(prepared).as_str() {
        RELEASE => "`hoist release` of the same commit takes up what is left".to_owned(),
        // It leaves what somebody else has put there.
        back if prepared.mark.is_some() => {
            format!("{back}, then `hoist repair --yes`, takes up what is left")
        }
        other => format!("{other} takes up what is left"),
    }
}

/// The way on where somebody else was first.
pub(super) fn finished_first(prepared: &Prepared) -> String {
    match command(prepared).as_str() {
        RELEASE => FINISHED_FIRST.to_owned(),
        other => format!("{other} looks at the tags anew"),
    }
}

/// The way on where the release's branch has advanced.
pub(super) fn pull_again(prepared: &Prepared, remote: &str) -> String {
    let branch = prepared.branch.as_ref();
    pull(remote, branch.map_or("HEAD", |branch| branch.short()))
}

/// The way on where the branch keeps the release commit.
pub(super) fn from_branch(prepared: &Prepared, remote: &str) -> String {
    let branch = prepared.branch.as_ref();
    format!(
        "`git pull {} {}`, then `hoist release` releases from there; `git revert {}` undoes that commit",
        shell_word(remote),
        shell_word(branch.map_or("HEAD", |branch| branch.short())),
        prepared.commit
    )
}
