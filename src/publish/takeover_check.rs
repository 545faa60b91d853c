//! What a recovery asks its caller before it believes a journal that came from the lock. Whoever may
//! push the lock's refs can have written it, so nothing that it says is done before the caller has
//! compared it with the policy.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::{
    error::Result,
    git::RefName,
    oci::Digest,
    policy::{OnFailure, PublishPolicy},
    publish::protocol::{journal::Prepared, replay::Replayed, state::Goal},
};

/// An unfinished release of which this clone has no journal: only its lock tells of it.
#[derive(Debug, Clone, Copy)]
pub struct LockJournal<'a> {
    /// The journal in the lock, and who has it.
    pub replayed: &'a Replayed,
    /// The refs that hold it.
    pub refs: &'a [RefName],
}

/// Decides about journals that came from a lock.
#[async_trait]
pub trait TakeoverCheck: Send + Sync {
    /// Refuses a journal that says what the policy would not do, with
    /// [`JournalUnfit`](crate::ErrorCode::JournalUnfit).
    async fn fits(&self, found: LockJournal<'_>) -> Result<()>;

    /// Lets a recovery go on with a journal, or refuses it: where it does not fit, as
    /// [`TakeoverCheck::fits`], or where nobody agrees. Nothing has been changed before, and where this
    /// refuses, nothing is changed.
    async fn agrees(&self, found: LockJournal<'_>, goal: Goal) -> Result<()>;

    /// The policy that decides how long is waited, and what a failure leaves.
    fn policy(&self) -> &PublishPolicy;

    /// Where this machine keeps the image with this manifest. The paths in a journal are those of the
    /// machine that wrote it.
    fn image_directory(&self, manifest: &Digest) -> PathBuf;
}

/// The journal with this machine's paths; one that only the lock has (`is_foreign`) also with the time
/// limits of the policy, for its own may keep this process waiting for ever.
pub(super) fn with_own_settings(
    mut prepared: Prepared,
    check: &dyn TakeoverCheck,
    is_foreign: bool,
) -> Prepared {
    for image in &mut prepared.images {
        image.dir = check.image_directory(&image.manifest);
    }
    if is_foreign {
        let policy = check.policy();
        let milliseconds =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        prepared.hold = policy.on_failure == OnFailure::Hold;
        prepared.verify_timeout = milliseconds(policy.verify_timeout);
        prepared.deadline = milliseconds(policy.deadline);
        prepared.grace = milliseconds(policy.grace);
    }
    prepared
}
