//! Errors about images on disk.

use std::{io, path::Path};

use crate::error::{Error, ErrorCode};

/// The message of an image that is damaged or not valid.
pub(super) const UNUSABLE: &str = "the image cannot be used";
/// How every message begins that says something of the image, and not yet of which.
pub(super) const THE_IMAGE: &str = "the image ";
/// The message of an image that cannot be read.
pub(super) const UNREADABLE: &str = "cannot read the image";

/// The image is damaged or not valid.
pub(super) fn broken(why: impl Into<String>) -> Error {
    Error::failed(UNUSABLE)
        .with_code(ErrorCode::ImageUnusable)
        .cause(why)
}

/// Reading the image failed.
pub(super) fn read_error(error: &io::Error) -> Error {
    Error::failed(UNREADABLE)
        .with_code(ErrorCode::ImageUnusable)
        .because(error)
}

/// A file operation failed. `doing` is a verb: "read", "write".
pub(super) fn disk(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot {doing} `{}`", path.display()))
        .with_code(ErrorCode::ImageUnusable)
        .because(error)
}
