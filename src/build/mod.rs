//! Where images come from. Whatever makes one stands behind [`ImageSource`]: the Docker Engine, a BuildKit daemon, a
//! layout on disk, a program of the project, legs that other machines made. [`mod@choose`] says which; each hands over one verified
//! image in a [`Store`](crate::io::layout::Store).
//!
//! A new source is a file or a folder here, a line in `choose.rs`, and the keys in
//! `policy/build.rs` that select it.

mod base;
#[cfg(feature = "engine")]
mod buildkit;
mod choose;
mod command;
#[cfg(feature = "engine")]
mod context;
#[cfg(feature = "engine")]
mod docker;
mod dockerfile;
#[cfg(feature = "engine")]
mod dockerignore;
#[cfg(feature = "engine")]
mod engine;
mod errors;
#[cfg(feature = "engine")]
mod failed_step;
#[cfg(any(test, fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod join;
mod layout;
#[cfg(any(test, not(feature = "engine")))]
#[cfg_attr(
    feature = "engine",
    expect(dead_code, reason = "only its tests use it")
)]
mod no_engine;
mod paths;
mod pushed;
mod request;
#[cfg(feature = "engine")]
mod secrets;
mod source;
#[cfg(feature = "engine")]
mod with_engine;

// The one seam of the feature `engine`: both modules offer the same functions.
#[cfg(not(feature = "engine"))]
use no_engine as engine_build;
#[cfg(feature = "engine")]
use with_engine as engine_build;

pub(crate) use base::base_image;
pub use choose::choose;
pub(crate) use command::why_not;
pub(crate) use engine_build::load;
pub use join::{Expected, LEG_FORMAT, Leg, LegBase, LegPolicy};
pub(crate) use join::{LegInput, LegsSource, described, is_archive, is_described, same_platform};
pub(crate) use paths::expand;
pub use request::{BuildRequest, TargetRepositories};
pub use source::{Description, ImageSource};
