//! The publish transaction over the in-memory world, with tokio's clock paused.

mod basics;
mod branch;
mod faults;
pub mod git;
mod locks;
mod matrix;
mod model;
mod races;
mod recovery;
pub mod scene;
mod stops;
mod taking_back;
