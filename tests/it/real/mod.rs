//! What only real parts can show: Debian's registry and engine, a real git remote.

mod contrast;
mod drift;
mod engine;
mod example;
mod facts;
mod handover;
pub(crate) mod kill;
mod laws;
mod lease;
mod memory;
mod promote;
mod pushed;
mod race;
mod release;
mod sandbox;
mod stopped;
mod trees;
