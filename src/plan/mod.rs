//! The pure decisions: history to version to tags. No IO, no clock.

pub mod adopt;
pub mod branch;
pub mod bump;
pub mod change;
pub mod exact;
pub mod explain;
pub mod facts;
mod footer;
pub mod gate;
pub mod labels;
pub mod prerelease;
mod promise;
pub mod promote;
pub mod receipt;
pub mod repair;
pub mod tags;
pub mod verify;
pub mod version;
