//! What only real parts can show: Debian's registry and engine, a real git remote.

mod chaos;
mod contrast;
mod drift;
mod engine;
mod example;
mod facts;
mod handover;
mod judges;
pub(crate) mod kill;
mod kill_images;
mod laws;
mod lease;
mod legs;
mod memory;
mod promote;
mod pushed;
mod race;
mod reader;
mod release;
mod sandbox;
mod secrets;
mod smoke;
mod stopped;
mod trees;
