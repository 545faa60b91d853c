//! BuildKit by its own API: `Control.Solve` with a session of ours, on the gRPC endpoint of a Docker Engine or on
//! that of a BuildKit daemon with an address of its own, or of the nodes of a builder.
//!
//! The builder asks the session for the context, the Dockerfile, secrets, the ssh agent and logins, and hands the
//! image over by pushing it to a door on loopback, by digest; one that cannot reach our loopback sends it as an
//! OCI archive. Nothing gets a name in the builder's image store.

mod address;
mod assign;
mod cache;
mod control;
mod filesend;
mod filesync;
mod frontend;
mod hosts;
mod image;
mod instance;
mod join_nodes;
mod nodes;
mod packets;
mod sender;
mod services;
mod session;
mod solve;
#[cfg(test)]
mod tests;

pub(crate) use cache::{cache_image, is_inline};
pub(crate) use control::BuildkitControl;
pub(crate) use filesync::SyncedContext;
pub(crate) use image::SolvedImage;
pub(crate) use nodes::BuildkitNodesSource;
pub(crate) use session::{BuildkitSession, SessionOffer, upgrade};
