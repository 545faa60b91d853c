//! The registry client, and the suite that every registry passes.

pub mod conformance;
mod real;
