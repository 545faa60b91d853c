//! The pure decisions: history to version to tags. No IO, no clock.

pub mod adopt;
pub mod gate;
pub mod labels;
pub mod receipt;
pub mod repair;
pub mod tags;
pub mod verify;
