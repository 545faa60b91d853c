//! Files and directories as this folder makes and reads them.

use std::{
    fs::{DirBuilder, File},
    io::BufReader,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::error::disk;
use crate::error::Result;

/// Makes a directory, and those above it, for its owner alone.
pub(super) fn private_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| disk("make", path, &e))
}

/// Reads a file in large pieces.
pub(super) fn buffered(file: File) -> BufReader<File> {
    BufReader::with_capacity(256 << 10, file)
}
