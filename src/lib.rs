//! Cut a release of a container image: read the git history and a policy file, compute the next
//! semantic version, build the image once, and move one coherent set of tags on every registry,
//! or none of them.
//!
//! A [`Project`] is a repository with its policy, and answers what needs no network. A program that
//! embeds hoist (`cargo xtask release`) makes a [`Release`] of it, asks for a [`Plan`], and gets an
//! [`Outcome`]; what happens on the way comes to it as [`Event`]s. The library is async;
//! [`blocking`] is the same for programs without a runtime. Nothing in the library prints or exits.
//!
//! ```no_run
//! use hoist::{Environment, Events, Location, ReleaseRequest, ReleaseResult, blocking::Release};
//!
//! let here = Location::default();
//! let release = Release::open(&here, &Environment::from_process(), Events::none())?;
//! if let ReleaseResult::Ended(outcome) = release.release(&ReleaseRequest::default())? {
//!     println!("{} {:?}", outcome.version, outcome.kind);
//! }
//! # Ok::<(), hoist::Error>(())
//! ```
//!
//! # The map
//!
//! ```text
//!  git ──── io::git ──► Facts ─┐
//!  release.toml ─────► Policy ─┼─► plan ─► Plan            (pure: data in, decision and reason out)
//!  command line ────► Request ─┘            │
//!                                io::engine ▼ build once ─► Image
//!       registry ── observe ─► publish: stage ─► lock ─► commit ─► verify ─► finish
//!                                    │                      └─► roll back
//!                                    ▼
//!                          journal: on disk, and in a git ref
//! ```
//!
//! - [`oci`], [`git`], [`policy`], [`event`], [`error`], [`outcome`]: checked data, used by all the rest.
//! - [`plan`]: from history to version to tags. No IO, no clock.
//! - [`publish`]: the transaction. Its protocol ([`publish::state`]), journal, recovery and verdicts
//!   are pure; the rest carries their actions out over traits.
//! - [`io`]: the outside world, one foreign crate a file. Nobody else names git2, bollard or HTTP.
//! - [`history`]: repository and policy brought together for verbs that ask no registry.
//! - [`release`]: the facade, and the only place that knows the whole order.
//! - `cli`: one verb a file; the only place that prints and exits.
//!
//! Imports run downwards only; a test reads the source and holds them to it.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!("hoist runs on Unix systems only, such as Linux and macOS");

pub mod build;
#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
pub mod event;
pub mod exit;
pub mod git;
#[cfg(feature = "cli")]
mod init;
pub mod io;
pub mod oci;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod project;
pub mod publish;
pub mod release;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;

pub use error::{Error, ErrorCode, ErrorKind, Result};
pub use event::{Event, Events};
pub use outcome::{Outcome, OutcomeKind};
pub use plan::Plan;
pub use policy::Policy;
pub use project::{
    CheckedMessage, Environment, History, ImageResult, Location, PastRelease, Project, ProjectSet,
    VersionRequest, Wanted,
};
pub use release::{
    Cancel, NothingToRelease, Planned, Release, ReleaseRequest, ReleaseResult, ReleaseSet, blocking,
};
