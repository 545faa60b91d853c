//! The outside world. One foreign crate a file; everybody else sees only the traits here.

pub mod ci;
pub mod content;
pub mod context;
pub mod credentials;
pub mod dockerignore;
pub mod engine;
pub mod environment;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
pub mod git;
pub mod host;
pub mod http;
pub mod journal_file;
pub mod layout;
pub mod registry;
pub mod remote;
pub mod remote_tags;
