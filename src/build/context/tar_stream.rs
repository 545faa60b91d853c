//! Writes entries as a tar stream.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::{
    build::context::entry::{ContextEntry, EntryKind, OpenEntry},
    error::{Error, Result},
    text::sanitize_line,
};

/// Writes all entries to `out`. Blocks.
pub(crate) fn write_tar(
    entries: &[ContextEntry],
    files: &dyn OpenEntry,
    time: i64,
    out: impl Write,
) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    for entry in entries {
        append(&mut tar, entry, files, time)?;
    }
    tar.finish().map_err(|e| sending(&e))
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    entry: &ContextEntry,
    files: &dyn OpenEntry,
    time: i64,
) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(u64::try_from(time).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match &entry.kind {
        EntryKind::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, format!("{}/", entry.path), io::empty())
        }
        EntryKind::Link { target } => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            append_link(tar, &mut header, &entry.path, target)
        }
        EntryKind::File { executable, .. } => {
            let (size, content) = files.open(entry)?;
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(size);
            let exact = ExactLength {
                content,
                left: size,
            };
            tar.append_data(&mut header, &entry.path, exact)
        }
    }
    .map_err(|e| sending(&e).cause(format!("at `{}`", sanitize_line(&entry.path, 200))))
}

/// The target of a link must arrive byte for byte, although it need not be a normalised path. Only a
/// target that is too long for the header is written with the archive's own extension.
fn append_link(
    tar: &mut tar::Builder<impl Write>,
    header: &mut tar::Header,
    path: &str,
    target: &[u8],
) -> io::Result<()> {
    if header.set_link_name_literal(target).is_ok() {
        return tar.append_data(header, path, io::empty());
    }
    tar.append_link(header, path, Path::new(OsStr::from_bytes(target)))
}

fn sending(error: &io::Error) -> Error {
    Error::failed("cannot send the build context").because(error)
}

/// A file of exactly the length that its header says, even if the file changes while it is read.
pub(super) struct ExactLength {
    pub(super) content: Box<dyn Read>,
    /// Bytes that are still to be read.
    pub(super) left: u64,
}

impl Read for ExactLength {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let n = self.content.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(io::Error::other(
                "the file became shorter while it was read",
            ));
        }
        self.left -= n as u64;
        Ok(n)
    }
}
