//! Where images come from: a Docker Engine, an OCI layout, a command.

mod command;
pub mod context;
pub mod docker;
pub mod dockerignore;
mod secrets;
