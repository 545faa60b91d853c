//! The publish transaction over the in-memory world, with tokio's clock paused.

mod basics;
mod branch;
mod faults;
mod forge;
pub mod git;
mod late;
mod locks;
mod matrix;
mod model;
mod races;
mod recovery;
pub mod scene;
pub mod stops;
mod taking_back;
