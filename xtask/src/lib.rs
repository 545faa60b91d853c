//! The real parts that hoist is shown and tested with: a private Docker Engine, a private
//! registry, a git remote. Nothing here is part of the released program.

pub mod sandbox;
