//! Files that a CI service reads.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

/// Other steps write to the same file.
pub(super) fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(text.as_bytes())
}

pub(super) fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    fs::write(file, text)
}
