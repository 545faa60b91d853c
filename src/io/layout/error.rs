//! The words for what can be wrong with an image on disk.

use std::{io, path::Path};

use crate::error::Error;

/// The image itself is wrong.
pub(super) fn broken(why: impl Into<String>) -> Error {
    Error::failed("the image cannot be used").cause(why)
}

/// The source failed while it was read.
pub(super) fn read_error(error: &io::Error) -> Error {
    Error::failed("cannot read the image").because(error)
}

/// The disk said no.
pub(super) fn disk(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot {doing} `{}`", path.display())).because(error)
}
