//! The flags that `hoist resume` and `hoist rollback` share, and the question that a release of which only
//! the lock tells needs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    context::Context,
    question::{ask, can_be_answered},
};
use crate::{
    error::Result,
    release::{Consent, LockedRelease, Recovery},
};

#[derive(Debug, clap::Args)]
pub(super) struct RecoveryArgs {
    /// Take the lock from an owner who may still be running
    #[arg(long)]
    take_over: bool,
    /// Go ahead without asking; needed where there is no terminal and only the lock tells of the release
    #[arg(long)]
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

/// Who agrees, and whether the answer was no.
pub(super) struct Question {
    pub(super) consent: Consent,
    refused: Arc<AtomicBool>,
}

impl Question {
    /// With `yes` nobody is asked, and `given` says what that agrees to; without a terminal nobody can be.
    pub(super) fn new(yes: bool, given: Consent, context: &Context) -> Self {
        let refused = Arc::new(AtomicBool::new(false));
        let consent = if yes {
            given
        } else if can_be_answered(&context.terminal).is_err() {
            Consent::Missing
        } else {
            let (cancel, refused) = (context.cancel.clone(), Arc::clone(&refused));
            Consent::Ask(Arc::new(move |release: &LockedRelease| {
                let agreed = ask(&text(release), &cancel)?;
                refused.store(!agreed, Ordering::Relaxed);
                Ok(agreed)
            }))
        };
        Self { consent, refused }
    }

    /// What came of the run that has asked: a no is not a failure.
    pub(super) fn answered<T>(&self, result: Result<Option<T>>) -> Result<Option<T>> {
        match result {
            Err(_) if self.refused.load(Ordering::Relaxed) => Ok(None),
            result => result,
        }
    }
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
