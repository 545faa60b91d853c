//! The entries of one layer: names, kinds, sizes and hashes, never the bytes of files themselves.

use std::io::Read;

use tar::{EntryType, GnuExtSparseHeader};

use super::{
    archive::{BLOCK, TarEntry, drain, next_entry, read_block},
    error::{broken, read_error},
};
use crate::{
    error::Result,
    oci::{ContentHash, Hasher, LayerEntry, LayerEntryKind},
    text::sanitize_line,
};

/// More entries than any layer has.
const MAX_ENTRIES: usize = 2_000_000;
/// How many bytes at the beginning of a file are looked at, behind blank lines.
const HEAD: usize = 4096;

/// What a layer holds.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) entries: Vec<LayerEntry>,
    /// The distribution's name for people, where the layer has an `os-release`.
    pub(super) distribution: Option<String>,
}

/// Reads the tar archive of a layer to its end.
pub(super) fn read(mut reader: impl Read) -> Result<Entries> {
    let mut all = Entries::default();
    while let Some(entry) = next_entry(&mut reader)? {
        if all.entries.len() == MAX_ENTRIES {
            return Err(broken(format!(
                "a layer has more than {MAX_ENTRIES} entries"
            )));
        }
        all.take(entry, &mut reader)?;
    }
    drain(&mut reader)?;
    Ok(all)
}

impl Entries {
    fn take(&mut self, entry: TarEntry, reader: &mut impl Read) -> Result<()> {
        let path = normal(&entry.name);
        let kind = kind(&entry);
        let has_content = kind == LayerEntryKind::File;
        skip_sparse_maps(&entry, reader)?;
        // As in Go's reader of archives, which engines use: whatever is not a file has no content, even
        // where its header says so.
        let size = if has_content { entry.size } else { 0 };
        let content = content(reader, size)?;
        if path.is_empty() {
            return Ok(());
        }
        if matches!(&*path, "etc/os-release" | "usr/lib/os-release") {
            let name = distribution(&content.head);
            self.distribution = name.or(self.distribution.take());
        }
        let hash = match &kind {
            LayerEntryKind::File => Some(content.hash),
            LayerEntryKind::SymbolicLink(target) => Some(ContentHash::of(target.as_bytes())),
            LayerEntryKind::Directory | LayerEntryKind::HardLink(_) | LayerEntryKind::Special => {
                None
            }
        };
        self.entries.push(LayerEntry {
            path,
            size,
            private_key: has_content && is_private_key(&content.head),
            kind,
            content: hash,
        });
        Ok(())
    }
}

fn kind(entry: &TarEntry) -> LayerEntryKind {
    match entry.header.entry_type() {
        EntryType::Directory => LayerEntryKind::Directory,
        // Archives from before POSIX mark a directory by its name alone.
        EntryType::Regular if entry.name.ends_with('/') && entry.size == 0 => {
            LayerEntryKind::Directory
        }
        EntryType::Link => LayerEntryKind::HardLink(normal(&entry.link)),
        EntryType::Symlink => LayerEntryKind::SymbolicLink(entry.link.clone()),
        EntryType::Char | EntryType::Block | EntryType::Fifo => LayerEntryKind::Special,
        _ => LayerEntryKind::File,
    }
}

/// GNU's old form of a sparse file can have further blocks that say where its pieces are. What is counted
/// are the bytes that the layer holds.
fn skip_sparse_maps(entry: &TarEntry, reader: &mut impl Read) -> Result<()> {
    let gnu = entry.header.as_gnu();
    if entry.header.entry_type() != EntryType::GNUSparse
        || !gnu.is_some_and(|gnu| gnu.is_extended())
    {
        return Ok(());
    }
    loop {
        let mut map = GnuExtSparseHeader::new();
        let mut block = [0; BLOCK];
        if !read_block(reader, &mut block)? {
            return Err(broken("a layer ends too early"));
        }
        map.as_mut_bytes().copy_from_slice(&block);
        if !map.is_extended() {
            return Ok(());
        }
    }
}

/// What is remembered of a file.
struct Content {
    hash: ContentHash,
    head: Vec<u8>,
}

/// Reads `size` bytes and the padding behind them.
fn content(reader: &mut impl Read, size: u64) -> Result<Content> {
    let mut hasher = Hasher::default();
    let mut head = Vec::new();
    let mut buffer = [0; 16 << 10];
    let (mut left, mut padded) = (size, size.next_multiple_of(BLOCK as u64));
    while padded > 0 {
        let wanted = usize::try_from(padded).map_or(buffer.len(), |all| all.min(buffer.len()));
        let read = match reader.read(&mut buffer[..wanted]) {
            Ok(0) => return Err(broken("a layer ends too early")),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(&error)),
        };
        padded -= read as u64;
        let own = usize::try_from(left).map_or(read, |left| left.min(read));
        left -= own as u64;
        hasher.update(&buffer[..own]);
        let mut more = &buffer[..own];
        if head.is_empty() {
            more = begun(more);
        }
        let room = HEAD.saturating_sub(head.len());
        head.extend_from_slice(&more[..more.len().min(room)]);
    }
    Ok(Content {
        hash: ContentHash::from_digest(&hasher.finish()),
        head,
    })
}

/// A path without `.`, `..` and slashes that say nothing; what leads out of the image stays inside.
fn normal(name: &str) -> String {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What is behind the mark of UTF-8 and blank lines.
fn begun(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_start();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start()
}

fn is_private_key(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let lines = text.lines().map(str::trim_end);
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.ends_with("PRIVATE KEY-----");
    lines.into_iter().any(begins)
}

/// `PRETTY_NAME` of an `os-release`.
fn distribution(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = sanitize_line(value.trim().trim_matches(['"', '\'']), 100);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GNU tar gives the entry of a sparse file a name of its own, and says the file's name beside it.
    #[test]
    fn a_sparse_file_has_the_name_that_it_unpacks_to() {
        let mut tar = tar::Builder::new(Vec::new());
        let about: [(&str, &[u8]); 4] = [
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"var/lib/data"),
            ("GNU.sparse.realsize", b"1048576"),
        ];
        tar.append_pax_extensions(about).expect("it is written");
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        let name = "var/lib/GNUSparseFile.0/data";
        tar.append_data(&mut header, name, &b"0\n\0\0"[..])
            .expect("it is written");
        let bytes = tar.into_inner().expect("it is written");
        let read = read(&*bytes).expect("it is a layer");
        let paths: Vec<_> = read.entries.iter().map(|entry| &*entry.path).collect();
        assert_eq!(paths, ["var/lib/data"]);
    }

    #[test]
    fn a_private_key_is_one_behind_whatever_editors_write_before_it() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3Bl\n";
        let blank = "\n".repeat(20_000);
        for (before, is_key) in [
            ("", true),
            ("\u{feff}", true),
            ("\n\n", true),
            ("\r\n \t\n", true),
            ("\u{feff}\r\n\r\n", true),
            (&*blank, true),
            ("Proc-Type: 4\n", true),
            ("see: ", false),
            ("// ", false),
        ] {
            let mut tar = tar::Builder::new(Vec::new());
            let text = format!("{before}{key}");
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, "app/key", text.as_bytes())
                .expect("it is written");
            let bytes = tar.into_inner().expect("it is written");
            let read = read(&*bytes).expect("it is a layer");
            assert_eq!(read.entries[0].private_key, is_key, "{before:?}");
        }
    }
}
