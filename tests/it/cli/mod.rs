//! The binary, before the registry of this test program: transcripts, signals, faults, hostile
//! surroundings. `git` is real.

mod adopt;
mod ci;
mod failed_build;
mod hooks;
mod init;
mod inspect;
mod layouts;
mod legs;
mod legs_refused;
mod locks;
mod multi_image;
mod noted;
mod one_clone;
mod pipelines;
mod planted;
mod recheck;
pub(crate) mod refusal;
mod release_files;
mod repositories;
mod rollback;
mod schema;
mod security;
mod signals;
mod stale_layout;
mod transcripts;
