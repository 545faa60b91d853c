//! The outside world: git, registries, image layouts, the environment, the disk.
//!
//! The second table of `docs/design.md` says where each foreign crate is at home; its types do not
//! leave that place. The publish transaction knows the traits only ([`registry::RepositoryApi`], [`git::remote::Remote`],
//! [`journal_file::JournalStore`]); the facade chooses what stands behind them.

pub(crate) mod build_log;
pub mod ci;
pub mod environment;
pub(crate) mod file_lock;
pub mod forge;
pub mod git;
mod http;
mod http_body;
pub mod journal_file;
pub(crate) mod last_lines;
pub mod layout;
pub mod lease;
pub(crate) mod mask;
pub mod process;
mod program;
mod proxy;
#[cfg(not(any(test, feature = "testing")))]
pub(crate) mod push_door;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod push_door;
pub mod registry;
mod server_warnings;
pub(crate) mod user_program;
pub(crate) mod wait_report;
pub(crate) mod webhook;

pub(crate) use program::end_all;
