//! The binary, before the registry of this test program: transcripts, signals, faults, hostile
//! surroundings. `git` is real.

mod adopt;
mod announce;
mod attach;
mod ci;
mod failed_build;
mod forge;
mod hooks;
pub(crate) mod images;
mod init;
mod init_corpus;
mod inspect;
mod json_errors;
mod layouts;
mod legs;
mod legs_refused;
mod locks;
mod multi_image;
mod noted;
mod obstacles;
mod one_clone;
mod pipelines;
mod planted;
mod policy_file;
mod questions;
mod recheck;
pub(crate) mod refusal;
mod release_files;
mod repositories;
mod rollback;
mod schema;
mod security;
mod sign;
mod signals;
mod stale_layout;
mod trace;
mod transcripts;
