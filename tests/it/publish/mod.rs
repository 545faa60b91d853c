//! The publish transaction over the in-memory world, with tokio's clock paused.

mod basics;
mod git;
mod scene;
