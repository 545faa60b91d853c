//! From facts to the next version, with the reason for it.

pub mod branch;
pub mod explain;
mod invariants;
pub mod next;
pub mod prerelease;
pub mod requested;
