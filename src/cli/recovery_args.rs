//! The flags that `hoist resume` and `hoist rollback` share, and the question that a release of which only
//! the lock tells needs.

use std::sync::Arc;

use super::{
    context::Context,
    question::{can_be_answered, confirm},
};
use crate::release::{Consent, LockedRelease, Recovery};

#[derive(Debug, clap::Args)]
pub(super) struct RecoveryArgs {
    /// Take the lock from an owner who may still be running
    #[arg(long)]
    take_over: bool,
    /// Go ahead without asking; needed where there is no terminal and only the lock tells of the release
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl RecoveryArgs {
    pub(super) fn recovery(&self) -> Recovery {
        match self.take_over {
            true => Recovery::TakeOver,
            false => Recovery::IfAbandoned,
        }
    }
}

/// Who agrees that a release goes on of which only the lock tells. With `yes` nobody is asked, and `given`
/// says what that agrees to; without a terminal nobody can be.
pub(super) fn consent(yes: bool, given: Consent, context: &Context) -> Consent {
    if yes {
        return given;
    }
    if can_be_answered(&context.terminal).is_err() {
        return Consent::Missing;
    }
    let cancel = context.cancel.clone();
    Consent::Ask(Arc::new(move |release: &LockedRelease| {
        confirm(&text(release), "it was not gone on with", &cancel)?;
        Ok(true)
    }))
}

fn text(release: &LockedRelease) -> String {
    let LockedRelease {
        version,
        commit,
        owner,
        since,
        moves,
        unproven,
        unexplained,
        ..
    } = release;
    let since = since.format("%Y-%m-%d %H:%M:%S UTC");
    let mut text = format!(
        "only the lock tells of {version} of commit {commit}, by {owner}, since {since}:\n"
    );
    for line in moves {
        text += &format!("  {line}\n");
    }
    for line in unproven.iter().chain(unexplained) {
        text += &format!("  caution: {line}\n");
    }
    text + "Go on with it?"
}
