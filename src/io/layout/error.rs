//! Errors about images on disk.

use std::{io, path::Path};

use crate::error::{Error, ErrorCode};

/// The image is damaged or not valid.
pub(super) fn broken(why: impl Into<String>) -> Error {
    Error::failed("the image cannot be used")
        .with_code(ErrorCode::ImageUnusable)
        .cause(why)
}

/// Reading the image failed.
pub(super) fn read_error(error: &io::Error) -> Error {
    Error::failed("cannot read the image")
        .with_code(ErrorCode::ImageUnusable)
        .because(error)
}

/// A file operation failed. `doing` is a verb: "read", "write".
pub(super) fn disk(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot {doing} `{}`", path.display()))
        .with_code(ErrorCode::ImageUnusable)
        .because(error)
}
