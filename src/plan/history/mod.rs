//! What a history says: the facts that were read, the change that each commit makes, and the level
//! that follows from all of them.

pub mod change;
pub mod facts;
mod footer;
pub mod levels;
mod reverts;
pub mod rules;
