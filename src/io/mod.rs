//! The outside world. One foreign crate a file; everybody else sees only the traits here.

pub mod ci;
pub mod credentials;
pub mod environment;
pub mod git;
pub mod http;
pub mod journal_file;
pub mod layout;
pub mod process;
pub mod registry;
