//! From facts to the next version, with the reason for it.

pub mod branch;
pub mod bump;
mod decision;
pub mod explain;
mod invariants;
pub mod next;
pub mod prerelease;
pub mod request;
mod requested;
mod tag_notes;

pub use request::VersionRequest;
