//! Releases on a forge: what a version's page shows beside its tags.
//!
//! [`ForgeApi`] is the seam. Behind it are GitHub, whose releases are drafts before they are public, and
//! GitLab, which has no drafts: files go to the project's package registry, and the release is made at the
//! end. One call is one thing that the forge does; what follows from its answer is decided by whoever calls.

mod address;
mod answer;
mod api;
mod client;
mod connection;
mod error;
mod github;
mod gitlab;
mod open;
mod project;
mod token;

pub use api::{
    FileContent, FileHolder, ForgeApi, ForgeRelease, KeptFile, KeptPackage, PublicRelease,
    ReleaseFile, ReleaseText, has_drafts,
};
pub use connection::ForgeConnection;
pub use error::{ForgeError, ForgeErrorKind, NAME_IS_USED};
pub use open::open;
