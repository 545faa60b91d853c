//! The publish transaction: **after a release every tag of the set, in every repository, shows the
//! new digest, or every tag is as it was before**. A crash at any point leaves a journal from
//! which any machine finishes or undoes the release. Where the outside world makes that
//! impossible, the run ends as [`OutcomeKind::NeedsHuman`] (or, by policy, [`OutcomeKind::Held`])
//! with the exact list of what is where.
//!
//! Not promised, because registries have no transactions: what was pulled, mirrored or announced
//! while the commit ran cannot be taken back; a *new* tag cannot be deleted on some registries;
//! between the last look and the PUT of a roll back another writer can slip in.
//!
//! [`state`], [`journal`], [`recover`] and [`verify`] are pure; the rest carries out their actions
//! over the traits of [`crate::io`].

mod deadline;
mod preflight;
mod prepare;
pub mod protocol;
mod report;
mod run;
mod start;
pub mod steps;
mod takeover;
mod unfinished;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use semver::Version;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    event::Events,
    io::{git::remote::Remote, journal_file::JournalStore, registry::RepositoryApi},
    oci::{Digest, Image, Observed, Repository, Tag},
    outcome::Outcome,
    policy::PublishPolicy,
};

pub use crate::publish::protocol::journal::{BranchMove, Owner};
pub use crate::publish::protocol::state::TagKind;
pub use crate::publish::start::run;
pub use crate::publish::steps::recheck::{Overtaken, PublishedNow, Recheck};
pub use crate::publish::takeover::Recovery;
pub use crate::publish::unfinished::{Scope, Unfinished, journaled, refuse_open, status};
pub(crate) use preflight::push_error;
pub use preflight::{Found, Preflight, preflight};

#[cfg(doc)]
use crate::outcome::OutcomeKind;

/// What is to be published: plain data, complete.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The release.
    pub version: Version,
    /// Its commit, full hash.
    pub commit: String,
    /// The release's instant, fixed once.
    pub instant: DateTime<Utc>,
    /// The images; variants are further ones. A blob that does not lie in an image's directory is
    /// taken from a repository that has it, so an adopted image needs no copy on disk.
    pub images: Vec<Image>,
    /// Where to, each repository once.
    pub targets: Vec<Target>,
    /// The git tag to push, made and signed already; `None`: it is there, or none is wanted.
    pub git_tag: Option<GitTag>,
    /// The branch that [`Publication::commit`] goes to together with the lock, before any tag moves.
    pub branch: Option<BranchMove>,
    /// Asked again under the lock whether every tag may still move; `None`: nobody asks.
    pub guard: Option<Recheck>,
    /// Below which the lock's refs live: `refs/hoist`.
    pub lock_refs: String,
    /// Time-outs, and what a failed commit leads to.
    pub policy: PublishPolicy,
}

/// One repository and the tags that are to move in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The repository.
    pub repository: Repository,
    /// It refused something in preflight, or cannot take a new tag back: it commits first.
    pub strict: bool,
    /// The tags. Those that show the release already belong here too: they are verified.
    pub tags: Vec<TagMove>,
}

/// One tag that is to show an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMove {
    /// The tag.
    pub tag: Tag,
    /// When it moves.
    pub kind: TagKind,
    /// Index of the image in [`Publication::images`].
    pub image: usize,
    /// What it showed when the release was planned.
    pub before: Observed,
}

/// An annotated git tag that exists only as an object so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitTag {
    /// Its name without `refs/tags/`.
    pub name: String,
    /// The object, byte for byte, signature included.
    pub object: Vec<u8>,
}

/// How a repository is reached. A recovery connects to what the journal names.
pub type Connect = Arc<dyn Fn(&Repository) -> Result<Arc<dyn RepositoryApi>> + Send + Sync>;

/// The outside world of a transaction. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Reaches a repository.
    pub connect: Connect,
    /// Where lock and git tag live.
    pub remote: Arc<dyn Remote>,
    /// Where journals live.
    pub journals: Arc<dyn JournalStore>,
    /// Who hears what happens.
    pub events: Events,
    /// The first signal: end in a named state, soon.
    pub cancel: CancellationToken,
    /// This process.
    pub owner: Owner,
    /// Whether a process of this machine runs.
    pub alive: fn(u32) -> bool,
    /// The time of day.
    pub clock: Clock,
}

/// The time of day, moved on by the runtime's own clock: with that one paused, time is data.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: DateTime<Utc>,
    since: tokio::time::Instant,
}

impl Clock {
    /// It is `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            start: now,
            since: tokio::time::Instant::now(),
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.since.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(self.start)
    }
}

/// The lock's ref for a repository: its name hashed, since a name with `:` is no legal ref.
#[must_use]
pub fn lock_ref(prefix: &str, repository: &Repository) -> String {
    let name = Digest::of(repository.to_string().as_bytes());
    format!("{}/publish/{}", prefix.trim_end_matches('/'), name.hex())
}

/// Goes on with an unfinished release, to the digest that its journal names; never builds.
/// `None`: there is none.
///
/// # Errors
/// What is unfinished could not be found out, or it is not ours to take.
pub async fn resume(world: &World, scope: &Scope, how: Recovery) -> Result<Option<Outcome>> {
    takeover::recover(world, scope, how, protocol::state::Goal::Forward).await
}

/// Undoes an unfinished release: every tag is put back. `None`: there is none.
///
/// # Errors
/// What is unfinished could not be found out, or it is not ours to take.
pub async fn rollback(world: &World, scope: &Scope, how: Recovery) -> Result<Option<Outcome>> {
    takeover::recover(world, scope, how, protocol::state::Goal::Back).await
}
