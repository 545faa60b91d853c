//! Images written by hand: layers of files, links, directories and whiteouts, packed into a layout.

use std::{io::Write as _, path::Path};

use hoist::oci::{Digest, MediaType};
use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::support::layout::Layout;

/// One entry of a layer.
#[derive(Clone)]
pub enum Item {
    File(Vec<u8>, Vec<u8>),
    Directory(String),
    HardLink(String, String),
    SymbolicLink(String, String),
    Pipe(String),
}

/// A layer: the instruction that made it, and its entries in order.
#[derive(Clone)]
pub struct Layer {
    pub instruction: String,
    pub items: Vec<Item>,
    pub packing: Packing,
}

#[derive(Clone, Copy)]
pub enum Packing {
    Plain,
    Gzip,
}

/// An image to be made.
#[derive(Clone)]
pub struct Recipe {
    pub name: &'static str,
    pub user: &'static str,
    pub labels: Value,
    pub layers: Vec<Layer>,
}

/// A file of `size` bytes that no other file is equal to, unless it has the same seed.
pub fn file(path: &str, size: usize, seed: &str) -> Item {
    content(path, filled(size, seed))
}

/// A file with this content.
pub fn content(path: &str, bytes: impl Into<Vec<u8>>) -> Item {
    Item::File(path.as_bytes().to_vec(), bytes.into())
}

/// The entry that deletes `path` of a lower layer.
pub fn whiteout(path: &str) -> Item {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    content(format!("{parent}/.wh.{name}").trim_start_matches('/'), "")
}

/// The entry that deletes everything of lower layers in `path`.
pub fn opaque(path: &str) -> Item {
    content(&format!("{path}/.wh..wh..opq"), "")
}

pub fn directory(path: &str) -> Item {
    Item::Directory(path.to_owned())
}

pub fn hard_link(path: &str, target: &str) -> Item {
    Item::HardLink(path.to_owned(), target.to_owned())
}

pub fn symbolic_link(path: &str, target: &str) -> Item {
    Item::SymbolicLink(path.to_owned(), target.to_owned())
}

pub fn layer(instruction: &str, items: Vec<Item>) -> Layer {
    Layer {
        instruction: instruction.to_owned(),
        items,
        packing: Packing::Gzip,
    }
}

pub fn recipe(name: &'static str, layers: Vec<Layer>) -> Recipe {
    Recipe {
        name,
        user: "1000",
        labels: json!({}),
        layers,
    }
}

/// The seed over and over: quick to make, quick to pack.
fn filled(size: usize, seed: &str) -> Vec<u8> {
    let mut bytes = format!("{seed}\n")
        .into_bytes()
        .repeat(size / (seed.len() + 1) + 1);
    bytes.truncate(size);
    bytes
}

impl Layer {
    /// The tar archive, as builders write it.
    pub fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for item in &self.items {
            match item {
                Item::File(path, bytes) => append(&mut tar, EntryType::Regular, path, "", bytes),
                Item::Directory(path) => {
                    let path = format!("{path}/");
                    append(&mut tar, EntryType::Directory, path.as_bytes(), "", &[]);
                }
                Item::HardLink(path, target) => {
                    append(&mut tar, EntryType::Link, path.as_bytes(), target, &[]);
                }
                Item::SymbolicLink(path, target) => {
                    append(&mut tar, EntryType::Symlink, path.as_bytes(), target, &[]);
                }
                Item::Pipe(path) => append(&mut tar, EntryType::Fifo, path.as_bytes(), "", &[]),
            }
        }
        tar.into_inner().unwrap()
    }

    fn pack(&self, layout: &mut Layout, tar: &[u8]) -> Value {
        match self.packing {
            Packing::Plain => layout.blob("application/vnd.oci.image.layer.v1.tar", tar),
            Packing::Gzip => {
                let fast = flate2::Compression::fast();
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), fast);
                packed.write_all(tar).unwrap();
                layout.blob(MediaType::OCI_LAYER_GZIP, &packed.finish().unwrap())
            }
        }
    }
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    kind: EntryType,
    path: &[u8],
    target: &str,
    bytes: &[u8],
) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    if path.len() > 99 {
        let mut long = Header::new_gnu();
        long.set_entry_type(EntryType::GNULongName);
        long.as_gnu_mut().unwrap().name[..13].copy_from_slice(b"././@LongLink");
        long.set_size(path.len() as u64 + 1);
        long.set_cksum();
        let name: Vec<u8> = path.iter().copied().chain([0]).collect();
        tar.append(&long, &*name).unwrap();
    }
    let short = path.len().min(99);
    header.as_gnu_mut().unwrap().name[..short].copy_from_slice(&path[..short]);
    if !target.is_empty() {
        header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
    }
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

impl Recipe {
    /// Writes the image as an OCI layout in place of what was in `folder`; its digest.
    pub fn write(&self, folder: &Path) -> Digest {
        let mut layout = Layout::new(folder);
        let (mut layers, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
        history.push(json!({"created_by": "ENV A=b", "empty_layer": true}));
        for layer in &self.layers {
            let tar = layer.tar();
            diff_ids.push(Digest::of(&tar));
            layers.push(layer.pack(&mut layout, &tar));
            history.push(json!({"created_by": layer.instruction}));
        }
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "config": {"User": self.user, "Labels": self.labels},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        let config = layout.blob(MediaType::OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config,
            "layers": layers,
        });
        let top = layout.document(MediaType::OCI_MANIFEST, &manifest);
        layout.finish(&top)
    }
}
