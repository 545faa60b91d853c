//! Images from strangers: archives and layouts, each taken in a directory of its own.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use hoist::{
    Result,
    event::Events,
    io::layout::{self, Store, WantedImage},
    oci::{Digest, Image, MediaType},
};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::is_harmless;

/// An archive. Checksums of headers are put right first, except where the input begins with `!`
/// or is compressed: no fuzzer would guess them.
pub fn layout_tar(data: &[u8]) {
    let archive = match data {
        [b'!', rest @ ..] => rest.to_vec(),
        [0x1f, 0x8b, ..] => data.to_vec(),
        _ => with_sums(data.to_vec()),
    };
    let place = Sandbox::new();
    let (events, cancel) = (Events::none(), CancellationToken::new());
    let taken = layout::adopt_archive(
        Cursor::new(archive),
        &place.store,
        &WantedImage::default(),
        &events,
        &cancel,
    );
    place.holds(taken);
}

fn with_sums(mut tar: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(header) = tar.get_mut(at..at + 512) {
        at += 512;
        if header.iter().all(|byte| *byte == 0) {
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[124..136]).unwrap_or_default();
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap_or(0);
        at = at.saturating_add(size.next_multiple_of(512));
    }
    tar
}

/// A manifest or an index of this type, in a layout that has a configuration and layers for it.
pub(super) fn layout_manifest(media_type: &str, document: &[u8]) {
    let place = Sandbox::new();
    let layout = place.root.path().join("layout");
    let top = write_blob(&layout, document);
    for blob in parts() {
        write_blob(&layout, &blob);
    }
    let index = json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": media_type, "digest": top, "size": document.len() },
    ] });
    fs::write(layout.join("index.json"), index.to_string()).expect("room for an index");
    let taken = layout::adopt(
        &layout,
        &place.store,
        &WantedImage::default(),
        &Events::none(),
        &CancellationToken::new(),
    );
    if let Ok(image) = &taken {
        // A layout's manifest is published byte for byte.
        assert_eq!(image.manifest.bytes, document);
        assert_eq!(*image.manifest.digest(), top);
    }
    fs::remove_dir_all(&layout).expect("it was made here");
    place.holds(taken);
}

/// The list of a layout that has a configuration, layers and manifests for it.
pub(super) fn layout_index(list: &[u8]) {
    let place = Sandbox::new();
    let layout = place.root.path().join("layout");
    for blob in parts() {
        write_blob(&layout, &blob);
    }
    fs::write(layout.join("index.json"), list).expect("room for an index");
    let (events, cancel) = (Events::none(), CancellationToken::new());
    let wanted = WantedImage::default();
    let taken = layout::adopt(&layout, &place.store, &wanted, &events, &cancel);
    if let Ok(image) = &taken {
        assert!(parts().iter().any(|blob| image.manifest.bytes == *blob));
    }
    fs::remove_dir_all(&layout).expect("it was made here");
    place.holds(taken);
}

/// What the seeds' documents name: a configuration, a layer, an empty object and a manifest.
fn parts() -> [Vec<u8>; 4] {
    let layer = b"a layer that is no archive\n".to_vec();
    let config = json!({ "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] } });
    let config = config.to_string().into_bytes();
    let descriptor = |media_type: &str, blob: &[u8]| json!({ "mediaType": media_type, "digest": Digest::of(blob), "size": blob.len() });
    let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor(MediaType::OCI_CONFIG, &config),
        "layers": [descriptor(MediaType::OCI_LAYER_GZIP, &layer)] });
    [
        config,
        layer,
        b"{}".to_vec(),
        manifest.to_string().into_bytes(),
    ]
}

fn write_blob(layout: &Path, blob: &[u8]) -> Digest {
    let digest = Digest::of(blob);
    let dir = layout.join("blobs").join("sha256");
    fs::create_dir_all(&dir).expect("room for a directory");
    fs::write(dir.join(digest.hex()), blob).expect("room for a blob");
    digest
}

/// A directory with a store in it and a file beside it that nothing may touch.
struct Sandbox {
    root: TempDir,
    store: Store,
}

impl Sandbox {
    fn new() -> Self {
        // Memory where there is such a place: a fuzzer makes thousands of these.
        let memory = Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        builder.prefix("hoist-law-");
        let root = if memory.is_dir() {
            builder.tempdir_in(memory)
        } else {
            builder.tempdir()
        };
        let root = root.expect("room for a directory");
        fs::write(root.path().join("canary"), "untouched").expect("room for a file");
        let store = Store::new(root.path().join("store"));
        Self { root, store }
    }

    /// All that was made is the store, and in it whole images and nothing else.
    fn holds(self, taken: Result<Image>) {
        let mut beside = names(self.root.path());
        beside.retain(|name| name != "store");
        assert_eq!(beside, ["canary"]);
        let canary = fs::read(self.root.path().join("canary")).expect("the canary");
        assert_eq!(canary, b"untouched");
        let images = self.store.root().join("images");
        match taken {
            Ok(image) => {
                assert_eq!(names(&images), [image.manifest.digest().hex()]);
                assert_eq!(image.dir, images.join(image.manifest.digest().hex()));
                whole(&image);
                let cancel = CancellationToken::new();
                let opened = self.store.open(image.manifest.digest(), &cancel);
                // The store keeps the image, and not what the layout said of it.
                let opened = Image {
                    listed: image.listed.clone(),
                    ..opened.expect("what was taken can be opened")
                };
                assert_eq!(opened, image);
                // Layers may hold anything; reading what is in them must end.
                let _ = layout::contents(&image);
            }
            Err(error) => {
                assert!(is_harmless(&error.to_string()), "{error:?}");
                assert_eq!(names(&images), Vec::<String>::new());
            }
        }
        plain_files(self.store.root());
    }
}

/// Every document and blob is there under its digest, and nothing that the image does not name.
fn whole(image: &Image) {
    let mut digests = Vec::new();
    for manifest in image.children.iter().chain([&image.manifest]) {
        assert_eq!(*manifest.digest(), Digest::of(&manifest.bytes));
        digests.push(manifest.digest().clone());
    }
    for blob in &image.blobs {
        let bytes = fs::read(image.blob_path(&blob.digest)).expect("a blob");
        assert_eq!(bytes.len() as u64, blob.size);
        digests.push(blob.digest.clone());
    }
    for digest in &digests {
        let bytes = fs::read(image.blob_path(digest)).expect("a blob");
        assert_eq!(Digest::of(&bytes), *digest);
    }
    let mut expected: Vec<String> = digests.iter().map(|d| d.hex().to_owned()).collect();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(names(&image.dir.join("blobs/sha256")), expected);
    assert_eq!(names(&image.dir), ["blobs", "index.json", "oci-layout"]);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Neither a link nor a device, all the way down.
fn plain_files(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).collect::<Vec<PathBuf>>() {
        let kind = fs::symlink_metadata(&path)
            .expect("it was listed")
            .file_type();
        assert!(kind.is_dir() || kind.is_file(), "{}", path.display());
        if kind.is_dir() {
            plain_files(&path);
        }
    }
}
