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
//! From above:
//!
//! | what | where |
//! |---|---|
//! | the ways in: a new release, an unfinished one | `start`, `takeover` |
//! | the ways in for those who only want to know | `preflight`, `status` |
//! | content alone, for a leg | `stage_images` |
//! | the release on the forge, before it is public | `draft`, `drafting`, `draft_taken`, `draft_files`, `draft_waits`, `draft_end` |
//! | drafts on the forge whose run is over | `draft_left` |
//! | what the caller hands over | `publication`, `world`, `recheck` |
//! | what is written to the journal first | `prepare` |
//! | which unfinished releases are in the way | `unfinished` |
//! | what the caller decides about a journal that came from a lock | `takeover_check` |
//! | a release that is out but for its page | `tagged` |
//! | the way out of a lock that nobody can read or should follow | `unlock` |
//! | the loop: state, action, answer, next state | `drive` |
//! | what the loop says, as events | `announce`, `remarks` |
//! | one action of the protocol each, over the traits of [`crate::io`] | [`steps`] |
//! | the data of one run, and its limits in time | `run`, `deadline` |
//! | where content is sent, and how much of it | `destination`, `transfers` |
//! | the outcome and its words | `report`, `errors` |
//! | states, transitions, journal, replay: pure | [`protocol`], `lock_ref` |

mod announce;
mod attached;
mod deadline;
mod destination;
mod draft;
mod draft_end;
mod draft_files;
mod draft_left;
mod draft_marker;
mod draft_taken;
mod draft_waits;
mod drafting;
mod drive;
mod errors;
mod holding;
mod journaled;
mod lock_ref;
mod missing_tags;
mod overtaken;
mod preflight;
mod prepare;
pub mod protocol;
mod publication;
mod recheck;
mod refuse;
mod remarks;
mod report;
mod run;
mod run_state;
mod stage_images;
mod start;
mod status;
pub mod steps;
mod tagged;
mod takeover;
mod takeover_check;
mod transfers;
mod unfinished;
mod unlock;
mod waits;
mod world;

pub use draft_left::{LeftKind, LeftOnForge, clear_left_on_forge, left_on_forge};
pub(crate) use draft_marker::is_marker_of;
pub(crate) use errors::{git_error, is_one_login, push_error, push_error_of, registry_error};
pub use journaled::{journaled_before, journaled_images};
pub use lock_ref::lock_ref;
pub use missing_tags::{MissingGitTag, missing_git_tags};
pub use preflight::{Preflight, PreflightResult, preflight};
pub use protocol::{
    journal::{BranchMove, CiJob, ForgeRecord, Owner, ReferrerRecord},
    state::TagClass,
};
pub use publication::{
    ForgePublication, GitTagObject, MarkObject, Proven, Publication, PublishedImage, Referrer,
    TagMove, Target,
};
pub use recheck::{Overtaken, PublishedNow, Recheck};
pub use refuse::{InTheWay, in_the_way, refuse_unfinished};
pub use run_state::RunState;
pub use stage_images::stage_images;
pub use start::{Staged, publish, publish_past, stage};
pub use status::{Unfinished, status};
pub use tagged::refuse_tagged;
pub use takeover::{Recovery, resume, rollback};
pub use takeover_check::{LockJournal, TakeoverCheck};
pub use unfinished::{Scope, SeenLocks};
pub use unlock::{
    LockState, RawLock, delete_locks, discard_locks, find_locks, moved_tags, refuse_discard,
    usable_error,
};
pub use world::{Clock, Connect, ForgeAccess, World};

#[cfg(doc)]
use crate::outcome::OutcomeKind;
