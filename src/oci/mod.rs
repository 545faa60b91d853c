//! The names and documents of the image world as checked values.
//!
//! Everything here is parsed once, at the edge; afterwards a [`Tag`] cannot hold a `+` and a
//! [`Digest`] cannot have the wrong length. Nothing in this module does IO.
//!
//! Source of the grammar: the OCI distribution specification 1.1 (names, tags) and the OCI image
//! specification 1.1 (digests, descriptors, media types).

pub mod annotation;
mod contents;
mod descriptor;
mod digest;
mod document;
mod image;
mod image_config;
mod image_name;
mod index;
mod manifest;
mod manifest_document;
mod media_type;
mod name_error;
mod null;
mod observed;
mod platform;
mod reference;
#[doc(hidden)]
pub mod referrer;
mod registry;
mod repository;
mod runnable;
mod statement;
mod tag;
#[cfg(test)]
mod tests;

pub use contents::{BaseImage, ContentHash, Contents, LayerContents, LayerEntry, LayerEntryKind};
pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher, ParseDigestError};
pub use document::ImageDocument;
pub use image::Image;
pub use image_config::{ContainerConfig, HistoryEntry, ImageConfig, RootFs};
pub use image_name::ImageName;
pub use index::Index;
pub use manifest::Manifest;
pub use manifest_document::ManifestDocument;
pub use media_type::MediaType;
pub use name_error::NameError;
pub use observed::Observed;
pub use platform::{ParsePlatformError, Platform};
pub use reference::{Reference, TagOrDigest};
pub use registry::Registry;
pub use repository::Repository;
pub use runnable::Runnable;
pub use statement::{Statement, StatementPlace};
pub use tag::Tag;
