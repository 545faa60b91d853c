//! The flags that `hoist resume` and `hoist rollback` share, and the question that a release of which only
//! the lock tells needs.

use std::sync::Arc;

use super::{
    context::Context,
    locked_release::would_do,
    question::{can_be_answered, confirm},
};
use crate::{
    error::ErrorCode,
    release::{Consent, LockedRelease, Recovery},
};

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
        let question = format!("{}\nGo on with it?", would_do(release));
        let undone = format!("the release {} was not gone on with", release.version);
        match confirm(&question, &undone, &cancel) {
            Err(error) if error.code() == ErrorCode::Declined => Err(error.hint(
                "`hoist unlock --discard` deletes the lock of a release that nobody should follow, and moves no tag",
            )),
            answered => answered.map(|()| true),
        }
    }))
}
