//! Reads a tar archive that cannot be trusted.
//!
//! No name in the archive ever becomes a file name: each file is stored under the digest of its
//! content, and the names are kept in a table. Therefore `..`, absolute names and links cannot lead
//! out of the store. They are refused all the same, because no builder writes them.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read},
};

use tar::{EntryType, Header};

use super::{
    blobs::{Blobs, Stored},
    error::{broken, read_error},
    unknown::foreign_file,
    unpack::{Packing, unpack},
};
use crate::{error::Result, text::sanitize_line};

/// The most entries of an archive; more than any image needs.
const MAX_ENTRIES: usize = 200_000;
/// The most bytes of a long name or of extended headers.
const MAX_EXTENSION: u64 = 1 << 20;
/// How many links may be followed in a row.
const MAX_LINKS: usize = 16;
/// The most bytes of all names together. Names are kept in memory, and a small compressed archive
/// can hold many.
const MAX_NAMES: usize = 64 << 20;
pub(super) const BLOCK: usize = 512;

/// The files of an archive, by name.
#[derive(Debug, Default)]
pub(super) struct Archive {
    files: HashMap<String, Stored>,
    links: HashMap<String, String>,
}

/// What extended headers say about the entry that follows them.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
    /// The name of a sparse file, whose entry has one that was made up.
    sparse_name: Option<String>,
}

impl Archive {
    /// Stores every file of the tar archive, which may be compressed with gzip or zstd, in `blobs`.
    /// `packing` is set as soon as it is known.
    pub(super) fn read(
        reader: impl Read,
        blobs: &Blobs,
        packing: &mut Option<Packing>,
    ) -> Result<Self> {
        let mut reader = BufReader::with_capacity(256 << 10, reader);
        let head = reader.fill_buf().map_err(|e| read_error(&e))?;
        *packing = Some(Packing::of(head));
        if let Some(error) = foreign_file(head) {
            return Err(error);
        }
        Self::entries(unpack(reader)?, blobs)
    }

    /// The names of all files and links, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .keys()
            .chain(self.links.keys())
            .cloned()
            .collect();
        names.sort_unstable();
        names
    }

    fn entries(mut reader: impl Read, blobs: &Blobs) -> Result<Self> {
        let mut archive = Self::default();
        let (mut count, mut names) = (0, 0);
        while let Some(next) = next_entry(&mut reader)? {
            count += 1;
            if count > MAX_ENTRIES {
                return Err(broken(format!("it has more than {MAX_ENTRIES} entries")));
            }
            names += next.name.len() + next.link.len();
            if names > MAX_NAMES {
                return Err(broken("its names are longer than 64 MiB together"));
            }
            archive.entry(next, &mut reader, blobs)?;
        }
        drain(&mut reader)?;
        Ok(archive)
    }

    fn entry(&mut self, entry: TarEntry, reader: &mut impl Read, blobs: &Blobs) -> Result<()> {
        let TarEntry { name, size, .. } = entry;
        match entry.header.entry_type() {
            _ if entry.sparse => Err(broken("it has sparse files")),
            EntryType::Directory => normal("", &name).map(drop),
            EntryType::Regular | EntryType::Continuous => {
                let name = normal("", &name)?;
                let stored = blobs.store(&mut reader.by_ref().take(size), Some(size))?;
                skip_padding(reader, size)?;
                self.links.remove(&name);
                self.files.insert(name, stored);
                Ok(())
            }
            EntryType::Symlink => {
                let name = normal("", &name)?;
                let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
                let target = normal(parent, &entry.link)?;
                self.files.remove(&name);
                self.links.insert(name, target);
                Ok(())
            }
            EntryType::Link => {
                let name = normal("", &name)?;
                let target = normal("", &entry.link)?;
                // A hard link is the file that has the name now, whatever gets the name afterwards.
                match self.find(&target).cloned() {
                    Some(stored) => {
                        self.links.remove(&name);
                        self.files.insert(name, stored);
                    }
                    None => {
                        self.files.remove(&name);
                        self.links.insert(name, target);
                    }
                }
                Ok(())
            }
            other => Err(broken(format!(
                "`{}` is a {}; an image archive holds files, directories and links",
                sanitize_line(&name, 200),
                kind_name(other)
            ))),
        }
    }

    /// Finds the file of this name, following links.
    pub(super) fn find(&self, name: &str) -> Option<&Stored> {
        let mut name = name;
        for _ in 0..MAX_LINKS {
            if let Some(stored) = self.files.get(name) {
                return Some(stored);
            }
            name = self.links.get(name)?;
        }
        None
    }
}

/// One entry, with what its extended headers say. The content follows in the stream.
pub(super) struct TarEntry {
    pub(super) header: Header,
    pub(super) name: String,
    pub(super) link: String,
    pub(super) size: u64,
    sparse: bool,
}

/// Reads the rest of the stream, so that a process that writes to a pipe does not fail.
pub(super) fn drain(reader: &mut impl Read) -> Result<()> {
    io::copy(reader, &mut io::sink())
        .map(drop)
        .map_err(|e| read_error(&e))
}

pub(super) fn next_entry(reader: &mut impl Read) -> Result<Option<TarEntry>> {
    let mut about = Extension::default();
    while let Some(header) = next_header(reader)? {
        let declared = header.entry_size().map_err(|e| read_error(&e))?;
        let kind = header.entry_type();
        if is_extension(kind) {
            about.take(kind, &bounded(reader, declared)?)?;
            continue;
        }
        return Ok(Some(TarEntry {
            name: about
                .sparse_name
                .or(about.path)
                .unwrap_or_else(|| text(&header.path_bytes())),
            link: about
                .link
                .unwrap_or_else(|| text(&header.link_name_bytes().unwrap_or_default())),
            size: about.size.unwrap_or(declared),
            sparse: about.sparse,
            header,
        }));
    }
    Ok(None)
}

impl Extension {
    fn take(&mut self, kind: EntryType, bytes: &[u8]) -> Result<()> {
        let whole = |bytes: &[u8]| text(bytes.strip_suffix(b"\0").unwrap_or(bytes));
        match kind {
            EntryType::GNULongName => self.path = Some(whole(bytes)),
            EntryType::GNULongLink => self.link = Some(whole(bytes)),
            EntryType::XHeader => {
                for pair in tar::PaxExtensions::new(bytes) {
                    let pair = pair.map_err(|e| read_error(&e))?;
                    match pair.key_bytes() {
                        b"path" => self.path = Some(text(pair.value_bytes())),
                        b"linkpath" => self.link = Some(text(pair.value_bytes())),
                        b"size" => self.size = Some(pax_size(pair.value_bytes())?),
                        b"GNU.sparse.name" => {
                            self.sparse = true;
                            self.sparse_name = Some(text(pair.value_bytes()));
                        }
                        // The bytes of a sparse file are not the file's content.
                        key if key.starts_with(b"GNU.sparse") => self.sparse = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn pax_size(value: &[u8]) -> Result<u64> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken("a size in it is not a valid number"))
}

fn is_extension(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName
            | EntryType::GNULongLink
            | EntryType::XHeader
            | EntryType::XGlobalHeader
    )
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "special entry",
    }
}

/// The next header, or `None` at the end: two empty blocks, or the end of the data.
fn next_header(reader: &mut impl Read) -> Result<Option<Header>> {
    for _ in 0..2 {
        let mut header = Header::new_old();
        if !read_block(reader, header.as_mut_bytes())? {
            return Ok(None);
        }
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            continue;
        }
        let sum: u32 = header
            .as_bytes()
            .iter()
            .enumerate()
            .map(|(at, &byte)| u32::from(if (148..156).contains(&at) { b' ' } else { byte }))
            .sum();
        return match header.cksum() {
            Ok(declared) if declared == sum => Ok(Some(header)),
            _ => Err(broken("it is not a tar archive, or it was damaged")),
        };
    }
    Ok(None)
}

/// Fills `block`. `false` if the stream ends exactly before the block.
pub(super) fn read_block(reader: &mut impl Read, block: &mut [u8; BLOCK]) -> Result<bool> {
    let mut filled = 0;
    while filled < BLOCK {
        match reader.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(broken("it ends too early")),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(read_error(&e)),
        }
    }
    Ok(true)
}

fn bounded(reader: &mut impl Read, size: u64) -> Result<Vec<u8>> {
    if size > MAX_EXTENSION {
        return Err(broken("a name in it is longer than 1 MiB"));
    }
    let mut bytes = Vec::new();
    reader
        .take(size)
        .read_to_end(&mut bytes)
        .map_err(|e| read_error(&e))?;
    if bytes.len() as u64 != size {
        return Err(broken("it ends too early"));
    }
    skip_padding(reader, size)?;
    Ok(bytes)
}

fn skip_padding(reader: &mut impl Read, size: u64) -> Result<()> {
    let padding = size.next_multiple_of(BLOCK as u64) - size;
    io::copy(&mut reader.take(padding), &mut io::sink())
        .map(drop)
        .map_err(|e| read_error(&e))
}

/// Names are only compared, never opened, so bytes that are not UTF-8 may be written as `\xff`. Different
/// names stay different.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// `name` as seen from `parent`, without `.` and `..`; refused when it leaves the archive.
pub(super) fn normal(parent: &str, name: &str) -> Result<String> {
    let refuse = |why| {
        Err(broken(format!(
            "the name `{}` in it {why}",
            sanitize_line(name, 200)
        )))
    };
    if name.starts_with('/') {
        return refuse("is absolute");
    }
    if name.contains('\0') {
        return refuse("has a zero byte");
    }
    let mut parts: Vec<&str> = parent.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return refuse("leaves the archive");
                }
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
