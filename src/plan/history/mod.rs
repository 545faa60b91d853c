//! What a history says: the facts that were read, the change that each commit makes, and the level
//! that follows from all of them.

pub mod change;
mod code_blocks;
pub mod facts;
pub(crate) mod footer;
pub mod levels;
pub mod outline;
mod reverts;
pub mod rules;
pub mod squash;
mod titles;
pub mod uncounted;
