//! The facade: a [`Project`] with the outside world, for one image ([`Release`]) and for several
//! ([`ReleaseSet`]). Everything is async; [`blocking`] is the same for callers without a runtime.
//!
//! Where the order of a release is decided:
//!
//! | what | where |
//! |---|---|
//! | what stands in the way, plan, execute | `plan.rs` |
//! | history and registries to a plan | `gather.rs`, over `survey.rs` and `observe.rs`; `nothing.rs` where nothing is to be released |
//! | whether this commit may be released from here, whether the registries would take it | `preflight.rs` |
//! | images: built, taken from a layout, adopted (`build.rs`), or joined from legs (`legs.rs`) | `build.rs`, which asks by `build_request.rs` |
//! | what is attached to the images; what goes along with one that is published already | `attachments.rs`, `carry.rs` |
//! | what is about the images, for those who only look | `referrers.rs` |
//! | how large the images of a release are, beside those of the one before it, for its report; what earlier ones had to pull | `released.rs`; `past_sizes.rs` |
//! | preflight, images, transaction, what follows from its end | `execute.rs`; `budget.rs`, over `measure.rs`, between images and transaction |
//! | which release an image is compared with, and where that is | `last_release.rs` |
//! | what runs around a transaction: the gate, what is told of its end; signatures; messages | `hooks.rs`, `sign.rs`, `signatures.rs`, `announce.rs` |
//! | from a plan and its images to the transaction's data | `publication.rs`, `platforms.rs` |
//! | the release on the forge: what it says, its files | `forge.rs`, `forge_files.rs` |
//! | an unfinished release: waited for, gone on with | `wait.rs` |
//! | a journal that came from a lock, against the policy, and who agrees | `policy_check.rs`, over `lock_journal.rs` and `lock_images.rs`; `consent.rs` |
//! | the steps of the transaction itself | [`publish`](crate::publish) |
//!
//! A verb is a file of its own, and each is there for one image and for a list of them:
//!
//! | verb | one image | several |
//! |---|---|---|
//! | `tags`, `plan`, `verify`, `check`, `status`, `inspect` | `Release::plan(…)` -> `Result<T>` | `ReleaseSet::plan(…)` -> `Vec<ImageResult<T>>` |
//! | `release --dry-run` | [`Release::dry_run`] | [`ReleaseSet::dry_run`] |
//! | `release --yes` | [`Release::release`] plans and carries out | [`ReleaseSet::release`] |
//! | `release`, before its question | [`Release::propose`] | [`ReleaseSet::propose`] |
//! | `release`, after a yes; `release --plan FILE` | [`Release::execute`] takes the plan that was shown | [`ReleaseSet::execute`] takes what [`ReleaseSet::propose`] gave |
//! | `repair` | [`Release::drift`], then [`Release::repair`] with that report | [`ReleaseSet::drift`], [`ReleaseSet::repair`] |
//! | `build` | [`Release::build`]: a trial, or a leg for `release --from` | |
//! | `promote` | [`Release::plan_promotion`] (`--dry-run`), [`Release::promote`] (`--yes`) | |
//! | `promote`, with its question | [`Release::propose_promotion`], then [`Release::execute_promotion`] with that plan | |
//! | `rollback VERSION` | [`Release::plan_take_back`], then [`Release::take_back`] with that plan; [`Release::undo_take_back`] (`--undo`) | |
//! | `resume`, `rollback` | [`Release::resume`], [`Release::roll_back_unfinished`] | |
//! | `unlock` | [`Release::plan_unlock`], then [`Release::unlock`] with that plan | |
//! | `next`, `changelog`, `log`, `check --commits` | no network: see [`project`](crate::project) | |
//!
//! Only `execute.rs` starts, resumes or undoes a transaction.

mod adoption;
mod announce;
mod asked;
mod at_hand;
mod attachments;
pub mod blocking;
mod budget;
mod build;
mod build_request;
mod built;
mod cancel;
mod carry;
mod check;
mod consent;
mod earlier_images;
mod errors;
mod execute;
mod facade;
mod footing;
mod forge;
mod forge_files;
mod gather;
mod hooks;
mod image_contents;
mod image_size;
mod inspect;
mod inspected;
mod instant;
mod known_registries;
mod last_release;
mod left;
mod left_behind;
mod leg;
mod legs;
mod lock_check;
mod lock_images;
mod lock_journal;
mod measure;
mod nothing;
mod observe;
mod obstacles;
mod origin;
mod own_files;
mod past_policy;
mod past_sizes;
mod plan;
mod platforms;
mod policy_check;
mod preflight;
mod programs;
mod promote;
mod publication;
mod published_versions;
mod purpose;
mod pushed;
mod ready;
mod receipts;
mod recheck;
mod recorded;
mod recovery;
mod referrers;
mod release_commit;
mod released;
mod remote_memory;
mod remote_tags;
mod repair;
mod request;
mod rollback;
mod sample_tags;
mod set;
mod sign;
mod signatures;
mod survey;
mod tags;
mod trial;
mod unlisted;
mod unlock;
mod unmoved;
mod verified;
mod verify;
mod wait;
mod withdrawn;
mod world;

#[cfg(doc)]
use crate::project::Project;

pub(crate) use crate::plan::inspect::{markdown::markdown, page::page};
#[cfg(feature = "cli")]
pub(crate) use crate::plan::tags::Verdict;
pub use built::{BuildOptions, BuildTarget, BuiltImage, BuiltImages};
pub use cancel::Cancel;
pub use check::{Check, first_problem};
pub use consent::{Consent, LockedRelease};
pub use facade::Release;
pub use image_contents::ShownImage;
pub use inspect::{InspectOptions, inspect_path};
#[cfg(feature = "cli")]
pub(crate) use inspected::is_on_disk;
pub use lock_check::LockCheck;
pub use released::{ReleasedImage, ReleasedPlatform};
pub use repair::{DriftReport, RepositoryDrift};
pub use request::{LegPath, NothingToRelease, Planned, ReleaseRequest, ReleaseResult};
pub use rollback::{RollbackPlan, TakenBack};
pub use set::ReleaseSet;
pub use tags::TagsResult;
pub use unlock::{LockToDelete, UnlockChoice, UnlockContent, UnlockPlan};
pub use verified::{Finding, ProvenImage, Verified, VerifyOptions};

pub use crate::build::{LEG_FORMAT, Leg, LegBase};
pub use crate::plan::inspect::{
    Advice, AdviceKind, BaseReport, Changes, Duplicate, Excess, FileChange, FileChangeCount,
    Hidden, ImageUser, LargeFile, Layer, LeftoverCache, Omitted, PastSize, ReferrerReport, Report,
    SecretFile, Waste,
};
pub use crate::plan::release::belonging::CheckState;
pub use crate::plan::release::document::{
    PLAN_FORMAT, Plan, PlannedCommit, PlannedForge, PlannedGitTag, PlannedImage, PlannedMove,
    PlannedSource, ReleaseCommit,
};
pub use crate::plan::release::drift::{Drift, DriftState, UnjudgedTag};
pub use crate::plan::release::places::{PlaceReason, UnjudgedPlace};
pub use crate::plan::release::tag_check::TagCheck;
pub use crate::plan::tags::{Explained, PlannedTag, TagAction, TagKind, TagSet};
pub use crate::publish::{MissingGitTag, Recovery, RunState, Unfinished};
