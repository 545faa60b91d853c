//! The git repository: its history is read with libgit2 ([`read`]); refs are pushed and tags are made
//! by the `git` program ([`remote`]), so that credential helpers, agents, keys and hooks work.

mod error;
mod objects;
pub mod read;
pub mod remote;
mod run;
mod secrets;
mod wait;

pub(crate) use run::OF_ANOTHER_REPOSITORY;
