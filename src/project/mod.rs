//! A [`Project`]: a git repository, the policy of one image in it, and the environment. Whatever
//! needs no network works on it alone: the next version, release notes, past releases, the check
//! of commit messages. A [`Release`](crate::Release) is a project with the outside world.
//!
//! Every operation is there for several images, too: a [`ProjectSet`] is a list of projects, each
//! operation on it answers with a list of [`ImageResult`]s, and one image is a list of one.
//! [`ProjectSet::one`] opens the project that a [`Location`] names, [`ProjectSet::all`] one for
//! each policy file of the repository (`--all`); only then does a result name its policy file.
//!
//! | question | one image | several |
//! |---|---|---|
//! | next version | [`Project::next`] | [`ProjectSet::next`] |
//! | release notes | [`Project::notes`] | [`ProjectSet::notes`] |
//! | what a released version is made of | [`Project::released_changes`] | |
//! | commit messages | [`Project::check_commits`] | [`ProjectSet::check_commits`] |
//! | past releases | [`Project::log`] | [`ProjectSet::log`] |
//! | versions that were taken back, as this clone knows them | [`Project::withdrawn`] | |
//!
//! Not promised: nothing here knows what a registry or the git remote has.

mod commit_check;
mod detached;
#[cfg(feature = "cli")]
mod found;
mod history;
mod location;
mod log;
mod notes;
mod open;
mod policies;
mod policy_file;
mod set;
mod withdrawn;

pub use commit_check::CheckedMessage;
pub(crate) use detached::stable_branch;
#[cfg(feature = "cli")]
pub(crate) use found::WorkTree;
pub use history::NextVersion;
pub use location::{Location, POLICY_FILE};
pub use log::PastRelease;
pub use notes::{ReleasedChanges, Wanted};
pub use open::Project;
pub use set::{ImageResult, ProjectSet};
pub use withdrawn::Withdrawn;

pub use crate::io::environment::Environment;
pub use crate::plan::history::facts::Facts;
pub use crate::plan::notes::lint::{LintFinding, Severity};
pub use crate::plan::notes::{NoteItem, ReleaseNotes};
pub use crate::plan::release::receipt::ReferrerReceipt;
pub(crate) use crate::plan::release::receipt::image_words;
pub use crate::plan::release::withdrawal::Withdrawal;
pub use crate::plan::version::{VersionRequest, next::Next, request::parse_version};
