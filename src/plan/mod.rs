//! The pure decisions: history to version to tags, put together to a [`Plan`]. No IO, no clock.

pub mod files;
pub mod history;
pub mod inspect;
pub mod notes;
pub mod release;
pub mod tags;
pub mod version;

pub use crate::plan::release::{
    document::{
        PLAN_FORMAT, Plan, PlannedCommit, PlannedForge, PlannedGitTag, PlannedImage, PlannedMove,
        PlannedSource, ReleaseCommit, Successor,
    },
    inputs::Inputs,
};
