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
//! # Features
//!
//! All are on by default; a program that embeds hoist turns the default off and chooses.
//!
//! - `engine`: builds with a Docker Engine, Podman or BuildKit. Without it, such a build is refused with the ways that
//!   remain: `image.build.layout`, `image.build.command`, legs.
//! - `registry`: requests over HTTP, to registries, forges and chats. Without it, each request fails with a word on the
//!   feature; a [`Project`] needs none.
//! - `cli`: the program `hoist`, for which the library needs nothing. It brings the other two.
//! - `testing`, off by default: in-memory stand-ins for the outside world.
//!
//! # The map
//!
//! ```text
//!  git ──── io::git ──► Facts ─┐
//!  release.toml ─────► Policy ─┼─► plan ─► Plan            (pure: data in, decision and reason out)
//!  command line ────► Request ─┘            │
//!                                     build ▼ build once ─► Image
//!       registry ── observe ─► publish: stage ─► lock ─► commit ─► verify ─► finish
//!                                    │                      └─► roll back
//!                                    ▼
//!                          journal: on disk, and in a git ref
//! ```
//!
//! - [`oci`], `git`, `text`, `policy`, `event`, `error`, `outcome`, [`exit`]: checked data, used by
//!   all the rest.
//! - `regular_file`: how files are read that somebody else has laid down.
//! - `plan`: from history to version to tags. No IO, no clock.
//! - `publish`: the transaction. Its protocol, journal, recovery and verdicts are pure; the rest
//!   carries their actions out over traits.
//! - `build`: the image, built once or taken from a layout.
//! - `init`: from what is found in a repository to a draft of a policy.
//! - `io`: the outside world, with the traits that the transaction sees. The second table of
//!   `docs/design.md` says where each foreign crate is at home.
//! - `project`: repository and policy brought together; what needs no network.
//! - `release`: the facade, with the order of a release and the one place where a transaction
//!   begins and ends.
//! - `cli`: one verb a file; the only place that prints and exits.
//!
//! # What semver binds
//!
//! What this page lists, and the program's verbs, flags, JSON documents and exit codes. Texts for
//! people are not part of it. The feature `testing` adds `testing`, and opens the modules for the
//! crate's own tests; those are hidden here, and nothing in them is stable.
//!
//! Imports run downwards only; a test reads the source and holds them to it.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(test, feature = "testing")),
    expect(
        dead_code,
        unused_imports,
        reason = "the tests outside the crate use more than the program does"
    )
)]

#[cfg(not(unix))]
compile_error!("hoist runs on Unix systems only, such as Linux and macOS");

#[cfg(not(any(test, feature = "testing")))]
mod build;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod build;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(not(any(test, feature = "testing")))]
mod error;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod error;
#[cfg(not(any(test, feature = "testing")))]
mod event;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod event;
pub mod exit;
#[cfg(not(any(test, feature = "testing")))]
mod git;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod git;
#[cfg(all(feature = "cli", not(any(test, feature = "testing"))))]
mod init;
#[cfg(all(feature = "cli", any(test, feature = "testing")))]
#[doc(hidden)]
pub mod init;
#[cfg(not(any(test, feature = "testing")))]
mod io;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod io;
pub mod oci;
#[cfg(not(any(test, feature = "testing")))]
mod outcome;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod outcome;
#[cfg(not(any(test, feature = "testing")))]
mod plan;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod plan;
#[cfg(not(any(test, feature = "testing")))]
mod policy;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod policy;
#[cfg(not(any(test, feature = "testing")))]
mod project;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod project;
#[cfg(not(any(test, feature = "testing")))]
mod publish;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod publish;
mod regular_file;
#[cfg(not(any(test, feature = "testing")))]
mod release;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod release;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(not(any(test, feature = "testing")))]
mod text;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod text;

pub use error::{Error, ErrorCode, ErrorKind, Excerpt, Result};
pub use event::{Event, Events, Finished, Started, Step};
pub use outcome::{
    Amount, BranchReport, GitTagReport, ImageReport, Outcome, OutcomeKind, TagReport, Transfer,
};
pub use plan::Plan;
pub use policy::{Level, Policy};
pub use project::*;
pub use release::*;
