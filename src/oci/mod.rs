//! The names and documents of the image world as checked values.
//!
//! Everything here is parsed once, at the edge; afterwards a [`Tag`] cannot hold a `+` and a
//! [`Digest`] cannot have the wrong length. Nothing in this module does IO.
//!
//! Source of the grammar: the OCI distribution specification 1.1 (names, tags) and the OCI image
//! specification 1.1 (digests, descriptors, media types).

mod contents;
mod digest;
mod manifest;
mod name;
mod observed;
mod reference;

pub use contents::{Contents, LayerContents, LayerEntry};
pub use digest::{Digest, Hasher, ParseDigestError};
pub use manifest::{Descriptor, Image, Manifest, MediaType, Platform};
pub use name::{NameError, Registry, Repository};
pub use observed::Observed;
pub use reference::{Reference, Tag, TagOrDigest};
