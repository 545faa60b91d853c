//! Writes a context as a tar stream.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::{
    build::context::{
        build_context::BuildContext,
        classic::ClassicFiles,
        entry::{ContextEntry, EntryKind, OpenFile},
    },
    error::{Error, Result},
};

impl BuildContext {
    /// Writes the tar stream. Blocks.
    ///
    /// # Errors
    /// A file cannot be read or became shorter while it was read, or `out` fails.
    pub(crate) fn write(&self, files: &ClassicFiles, out: impl Write) -> Result<()> {
        let mut tar = tar::Builder::new(out);
        for entry in self.entries() {
            if !files.extra.iter().any(|extra| extra.path == entry.path) {
                append(&mut tar, self, entry)?;
            }
        }
        for extra in &files.extra {
            let mut header = header(self.time(), tar::EntryType::Regular, 0o644);
            header.set_size(extra.content.len() as u64);
            tar.append_data(&mut header, extra.path.as_path(), &*extra.content)
                .map_err(|error| sending(&error))?;
        }
        tar.finish().map_err(|error| sending(&error))
    }
}

fn header(time: i64, kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(u64::try_from(time).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    context: &BuildContext,
    entry: &ContextEntry,
) -> Result<()> {
    let (time, path) = (context.time(), &entry.path);
    match &entry.kind {
        EntryKind::Directory | EntryKind::Submodule => {
            let mut header = header(time, tar::EntryType::Directory, 0o755);
            let name = [path.as_bytes(), b"/"].concat();
            tar.append_data(
                &mut header,
                Path::new(OsStr::from_bytes(&name)),
                io::empty(),
            )
        }
        EntryKind::Link { target } => {
            let mut header = header(time, tar::EntryType::Symlink, 0o777);
            append_link(tar, &mut header, path.as_path(), target)
        }
        EntryKind::File { executable, .. } => {
            let (size, content) = context.open_entry(entry)?;
            let mode = if *executable { 0o755 } else { 0o644 };
            let mut header = header(time, tar::EntryType::Regular, mode);
            header.set_size(size);
            tar.append_data(
                &mut header,
                path.as_path(),
                ExactLength::new((size, content)),
            )
        }
    }
    .map_err(|error| sending(&error).cause(format!("at `{path}`")))
}

/// The target of a link must arrive byte for byte, although it need not be a normalised path. Only a
/// target that is too long for the header is written with the archive's own extension.
fn append_link(
    tar: &mut tar::Builder<impl Write>,
    header: &mut tar::Header,
    path: &Path,
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

/// A file of exactly the length that was announced, even if the file changes while it is read.
pub(crate) struct ExactLength {
    content: Box<dyn Read>,
    /// Bytes that are still to be read.
    left: u64,
}

impl ExactLength {
    pub(crate) fn new((left, content): OpenFile) -> Self {
        Self { content, left }
    }
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
