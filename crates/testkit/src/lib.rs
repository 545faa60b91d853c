//! The real parts that hoist is shown and tested with: a private Docker Engine, a private
//! registry, a git remote, a small project to release. Nothing here is part of the released
//! program.

pub mod project;
pub mod sandbox;
