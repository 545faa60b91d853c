//! What the headers of an answer tell of a manifest.

use crate::{
    io::http::Response,
    oci::{Descriptor, Digest, MediaType, TagOrDigest},
};

/// The header with the digest of the content that a registry holds or has stored.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";

/// Whether an answer to HEAD shows the manifest of this digest.
pub(super) fn shows(answer: &Response, digest: &Digest) -> bool {
    answer.status() == 200 && described(answer).is_some_and(|found| found.digest == *digest)
}

/// Whether `what` can show `digest`.
pub(super) fn names(what: &TagOrDigest, digest: &Digest) -> bool {
    match what {
        TagOrDigest::Tag(_) => true,
        TagOrDigest::Digest(asked) => asked == digest,
    }
}

pub(super) fn digest_of(answer: &Response) -> Option<Digest> {
    answer
        .header(CONTENT_DIGEST)
        .and_then(|text| text.parse().ok())
}

/// What the headers of an answer describe, where they do so in full.
pub(super) fn described(answer: &Response) -> Option<Descriptor> {
    let size = answer.header("content-length")?.parse().ok()?;
    Some(Descriptor::new(
        content_type(answer)?,
        digest_of(answer)?,
        size,
    ))
}

/// `Content-Type` without its parameters, if it is a type that a tag can point at.
pub(super) fn content_type(answer: &Response) -> Option<MediaType> {
    let value = answer.header("content-type")?;
    let name = value.split(';').next().unwrap_or_default().trim();
    MediaType::ALL
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(MediaType::from)
}
