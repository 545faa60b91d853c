//! Where images come from. Whatever makes one stands behind [`ImageSource`]: the Docker Engine, a BuildKit daemon, a
//! layout on disk, a program of the project, legs that other machines made. [`mod@choose`] says which; each hands over one verified
//! image in a [`Store`](crate::io::layout::Store).
//!
//! A new source is a file or a folder here, a line in `choose.rs`, and the keys in
//! `policy/build.rs` that select it.

mod base;
mod buildkit;
mod choose;
mod command;
mod context;
mod docker;
mod dockerfile;
mod dockerignore;
mod engine;
mod errors;
mod failed_step;
#[cfg(any(test, fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod join;
mod layout;
mod paths;
mod pushed;
mod request;
mod secrets;
mod source;

pub(crate) use base::base_image;
pub use choose::choose;
pub(crate) use command::why_not;
pub(crate) use docker::load;
pub use join::{Expected, LEG_FORMAT, Leg, LegBase, LegPolicy};
pub(crate) use join::{LegInput, LegsSource, described, is_archive, is_described, same_platform};
pub(crate) use paths::expand;
pub use request::{BuildRequest, TargetRepositories};
pub use source::{Description, ImageSource};
