//! Images in every form that builders and engines hand out, and in forms that only an attacker
//! does.

mod as_they_are;
mod twice;

use std::os::unix::fs::{MetadataExt as _, symlink};

use serde_json::{Value, json};

use super::*;
use crate::{
    error::ErrorKind,
    oci::{Manifest, MediaType},
};

/// A tar archive in memory.
struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.0
            .append_data(&mut header, name, bytes)
            .expect("memory takes it");
        self
    }

    /// An entry as no honest program writes it.
    fn raw(mut self, name: &str, kind: tar::EntryType, link: &str, size: u64) -> Self {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        self.0
            .append(&header, std::io::empty())
            .expect("memory takes it");
        self
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.raw(name, tar::EntryType::Symlink, target, 0)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes it")
    }
}

fn layer(text: &str) -> Vec<u8> {
    Tar::new().file("hello", text.as_bytes()).bytes()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("memory takes it");
    out.finish().expect("memory takes it")
}

fn config(layers: &[Vec<u8>], architecture: &str) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    })
    .to_string()
    .into_bytes()
}

fn describe(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

/// An OCI layout as a list of files.
#[derive(Default, Clone)]
struct Layout {
    files: Vec<(String, Vec<u8>)>,
    entries: Vec<Value>,
}

impl Layout {
    fn blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.files
            .push((format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()));
        digest
    }

    /// Adds an image's manifest and blobs; returns the manifest.
    fn image(&mut self, layer_type: &str, text: &str, architecture: &str) -> Vec<u8> {
        let plain = layer(text);
        let packed = if layer_type.ends_with("gzip") {
            gz(&plain)
        } else {
            plain.clone()
        };
        let config = config(&[plain], architecture);
        self.blob(&packed);
        self.blob(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "config": describe(MediaType::OCI_CONFIG, &config),
            "layers": [describe(layer_type, &packed)],
        })
        .to_string()
        .into_bytes();
        self.blob(&manifest);
        manifest
    }

    fn entry(&mut self, mut descriptor: Value, name: Option<&str>) {
        if let Some(name) = name {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        self.entries.push(descriptor);
    }

    /// One packed image.
    fn simple() -> (Self, Vec<u8>) {
        let mut layout = Self::default();
        let manifest = layout.image(MediaType::OCI_LAYER_GZIP, "one", "amd64");
        layout.entry(describe(MediaType::OCI_MANIFEST, &manifest), None);
        (layout, manifest)
    }

    fn all(&self) -> Vec<(String, Vec<u8>)> {
        let index = json!({"schemaVersion": 2, "manifests": self.entries});
        let mut files = self.files.clone();
        files.push((
            "oci-layout".into(),
            b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec(),
        ));
        files.push(("index.json".into(), index.to_string().into_bytes()));
        files
    }

    fn tar(&self) -> Vec<u8> {
        self.all()
            .iter()
            .fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes))
            .bytes()
    }

    fn directory(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, bytes) in self.all() {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            fs::write(path, bytes).expect("it is written");
        }
        dir
    }

    fn without(mut self, digest: &Digest) -> Self {
        self.files.retain(|(name, _)| !name.ends_with(digest.hex()));
        self
    }
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    wanted: WantedImage,
    cancel: CancellationToken,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            store: Store::new(dir.path()),
            dir,
            wanted: WantedImage::default(),
            cancel: CancellationToken::new(),
        }
    }

    fn archive(&self, bytes: &[u8]) -> Result<Image> {
        adopt_archive(
            bytes,
            &self.store,
            &self.wanted,
            &Events::none(),
            &self.cancel,
        )
    }

    fn path(&self, path: &Path) -> Result<Image> {
        adopt(
            path,
            &self.store,
            &self.wanted,
            &Events::none(),
            &self.cancel,
        )
    }

    /// What an attacker could have written: every file outside of the store's own folders.
    fn strays(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("a list");
        let names = entries.map(|e| {
            e.expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        });
        let images = fs::read_dir(self.dir.path().join("images")).expect("a list");
        names
            .filter(|name| name != "images" && name != "layers")
            .chain(images.map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            }))
            .collect()
    }
}

/// The form that Docker 20.10 saves: plain layers in folders of their own, `manifest.json` last.
fn saved(layers: &[Vec<u8>]) -> Tar {
    let config = config(layers, "amd64");
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let names: Vec<String> = (0..layers.len())
        .map(|n| format!("id{n}/layer.tar"))
        .collect();
    let mut tar = Tar::new();
    for (name, layer) in names.iter().zip(layers) {
        let folder = name.trim_end_matches("layer.tar");
        tar = tar
            .raw(folder, tar::EntryType::Directory, "", 0)
            .file(&format!("{folder}VERSION"), b"1.0")
            .file(&format!("{folder}json"), b"{}")
            .file(name, layer);
    }
    let list = json!([{"Config": config_name, "RepoTags": ["hoist:x"], "Layers": names}]);
    tar.file(&config_name, &config)
        .file("repositories", b"{}")
        .file("manifest.json", list.to_string().as_bytes())
}

fn unpacked(image: &Image, at: usize) -> Vec<u8> {
    let file = fs::File::open(image.blob_path(&image.blobs[at].digest)).expect("it is there");
    let mut out = Vec::new();
    unpack::unpack(file)
        .expect("it opens")
        .read_to_end(&mut out)
        .expect("it unpacks");
    out
}

#[test]
fn plain_layers_of_an_engine_are_packed_under_an_own_manifest() {
    let (world, other) = (World::new(), World::new());
    let layers = [layer("one"), layer("two"), layer("one")];
    let archive = saved(&layers).bytes();
    let image = world.archive(&archive).expect("it is whole");
    assert_eq!(image.manifest.media_type.as_str(), MediaType::OCI_MANIFEST);
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(3));
    assert_eq!(manifest["layers"][0], manifest["layers"][2]);
    assert_eq!(
        manifest["layers"][0]["mediaType"],
        MediaType::OCI_LAYER_GZIP
    );
    // Each blob once: configuration and two different layers, with the bytes that went in.
    assert_eq!(image.blobs.len(), 3);
    assert_eq!(unpacked(&image, 0), config(&layers, "amd64"));
    assert_eq!(unpacked(&image, 1), layers[0]);
    assert_eq!(unpacked(&image, 2), layers[1]);
    // The same image everywhere, with and without packed layers at hand.
    assert_eq!(
        other.archive(&gz(&archive)).expect("whole").manifest,
        image.manifest
    );
    fs::remove_dir_all(&image.dir).expect("it goes");
    assert_eq!(world.archive(&archive).expect("whole"), image);
    assert_eq!(world.strays(), [image.manifest.digest().hex()]);
}

#[test]
fn links_within_an_archive_are_followed() {
    let world = World::new();
    let layers = [layer("one")];
    let config = config(&layers, "amd64");
    let list = json!([{"Config": "c.json", "Layers": ["id/layer.tar"]}]);
    let tar = Tar::new()
        .file("abc.tar", &layers[0])
        .link("id/layer.tar", "../abc.tar")
        .file("real.json", &config)
        .raw("c.json", tar::EntryType::Link, "real.json", 0)
        .file("manifest.json", list.to_string().as_bytes());
    let image = world.archive(&tar.bytes()).expect("it is whole");
    assert_eq!(unpacked(&image, 1), layers[0]);
}

#[test]
fn packed_layers_in_a_saved_archive_keep_their_bytes() {
    let world = World::new();
    let plain = layer("one");
    let packed = gz(&plain);
    let list = json!([{"Config": "c.json", "Layers": ["a.tar.gz"]}]);
    let tar = Tar::new()
        .file("a.tar.gz", &packed)
        .file("c.json", &config(&[plain], "amd64"))
        .file("manifest.json", list.to_string().as_bytes());
    let image = world.archive(&tar.bytes()).expect("it is whole");
    assert_eq!(image.blobs[1].digest, Digest::of(&packed));
}

#[test]
fn a_layout_keeps_its_bytes_from_a_directory_a_tar_and_a_packed_tar() {
    let world = World::new();
    let (layout, manifest) = Layout::simple();
    let dir = layout.directory();
    let image = world.path(dir.path()).expect("it is whole");
    assert_eq!(image.manifest.bytes, manifest);
    assert_eq!(image.dir, world.store.image_dir(image.manifest.digest()));
    for (name, bytes) in [("a.tar", layout.tar()), ("a.tar.gz", gz(&layout.tar()))] {
        let file = dir.path().join(name);
        fs::write(&file, bytes).expect("it is written");
        assert_eq!(world.path(&file).expect("it is whole"), image);
    }
    for blob in &image.blobs {
        let mode = fs::metadata(image.blob_path(&blob.digest))
            .expect("there")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let mode = fs::metadata(&image.dir).expect("there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);
}

#[test]
fn a_large_blob_of_a_directory_is_not_copied() {
    // It does not get shorter when it is packed.
    let noise: String = (0..400_000_u64)
        .map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    let mut layout = Layout::default();
    let manifest = layout.image(MediaType::OCI_LAYER_GZIP, &noise, "amd64");
    layout.entry(describe(MediaType::OCI_MANIFEST, &manifest), None);
    let dir = layout.directory();
    let world = World::new();
    let image = world.path(dir.path()).expect("it is whole");
    let layer = &image.blobs[1];
    let theirs = dir.path().join("blobs/sha256").join(layer.digest.hex());
    let inode = |path: &Path| {
        fs::metadata(path)
            .map(|found| found.ino())
            .expect("it is there")
    };
    assert!(layer.size > 1 << 20);
    assert_eq!(inode(&theirs), inode(&image.blob_path(&layer.digest)));
    let small = &image.blobs[0].digest;
    let config = dir.path().join("blobs/sha256").join(small.hex());
    assert_ne!(inode(&config), inode(&image.blob_path(small)));

    // Who follows a link, or has other content under the name, gets no second name for it.
    let moved = dir.path().join("moved");
    fs::rename(&theirs, &moved).expect("it is moved");
    symlink(&moved, &theirs).expect("it is linked");
    let other = World::new();
    let image = other.path(dir.path()).expect("it is whole");
    assert_ne!(inode(&moved), inode(&image.blob_path(&layer.digest)));
    fs::remove_file(&theirs).expect("it goes");
    let mut bytes = fs::read(&moved).expect("it is read");
    bytes[700_000] ^= 1;
    fs::write(&theirs, bytes).expect("it is written");
    let last = World::new();
    let error = last.path(dir.path()).expect_err("it is damaged");
    assert!(error.causes()[0].contains("hashes to"), "{error:?}");
    assert_eq!(last.strays(), [""; 0]);
}

#[test]
fn plain_layers_in_a_saved_layout_are_packed() {
    let world = World::new();
    let mut layout = Layout::default();
    let manifest = layout.image("application/vnd.oci.image.layer.v1.tar", "one", "amd64");
    layout.entry(
        describe(MediaType::OCI_MANIFEST, &manifest),
        Some("hoist:x"),
    );
    layout.files.push(("manifest.json".into(), b"[]".to_vec()));
    let image = world.archive(&layout.tar()).expect("it is whole");
    assert_ne!(image.manifest.bytes, manifest);
    assert_eq!(unpacked(&image, 1), layer("one"));
    assert_eq!(
        image.manifest,
        world
            .archive(&saved(&[layer("one")]).bytes())
            .expect("it is whole")
            .manifest,
        "the engine's store does not change the image"
    );
}

#[test]
fn an_index_keeps_its_attestations_and_puts_children_first() {
    let world = World::new();
    let mut layout = Layout::default();
    let image = layout.image(MediaType::OCI_LAYER_GZIP, "one", "arm64");
    let statement = b"{\"predicate\":1}".to_vec();
    layout.blob(&statement);
    let about = json!({"architecture": "unknown", "os": "unknown",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&statement)]}})
    .to_string()
    .into_bytes();
    layout.blob(&about);
    let attestation = json!({"schemaVersion": 2,
        "config": describe(MediaType::OCI_CONFIG, &about),
        "layers": [describe("application/vnd.in-toto+json", &statement)]})
    .to_string()
    .into_bytes();
    layout.blob(&attestation);
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [
        describe(MediaType::OCI_MANIFEST, &image),
        describe(MediaType::OCI_MANIFEST, &attestation),
    ]})
    .to_string()
    .into_bytes();
    layout.blob(&index);
    let descriptor = describe(MediaType::OCI_INDEX, &index);
    layout.entry(descriptor.clone(), Some("1.3.0"));
    layout.entry(descriptor, Some("latest"));

    let taken = world.archive(&layout.tar()).expect("it is whole");
    assert_eq!(taken.manifest.bytes, index);
    let children: Vec<&Digest> = taken.children.iter().map(Manifest::digest).collect();
    assert_eq!(children, [&Digest::of(&image), &Digest::of(&attestation)]);
    assert_eq!(taken.blobs.len(), 4);

    let gone = layout.clone().without(&Digest::of(&attestation));
    let error = world.archive(&gone.tar()).expect_err("a child is missing");
    assert!(format!("{error:#}").contains("is missing"), "{error}");
}

#[test]
fn what_is_not_whole_or_not_true_is_refused() {
    let world = World::new();
    let (layout, manifest) = Layout::simple();
    let document: Value = serde_json::from_slice(&manifest).expect("JSON");
    let blob = |at: &str| -> Digest {
        let digest = document
            .pointer(at)
            .and_then(Value::as_str)
            .expect("a digest");
        digest.parse().expect("a digest")
    };
    for lost in [
        blob("/layers/0/digest"),
        blob("/config/digest"),
        Digest::of(&manifest),
    ] {
        let error = world
            .archive(&layout.clone().without(&lost).tar())
            .expect_err("lost");
        assert!(
            format!("{error:#}").contains(&format!("{lost} is missing")),
            "{error}"
        );
    }
    // A directory's blob under a name that is not its digest.
    let dir = layout.directory();
    let path = dir
        .path()
        .join("blobs/sha256")
        .join(blob("/layers/0/digest").hex());
    fs::write(path, b"damaged").expect("it is written");
    let error = world.path(dir.path()).expect_err("it is damaged");
    assert!(format!("{error:#}").contains("is damaged"), "{error}");

    // A packed layer that holds something else than the configuration says.
    let mut layout = Layout::default();
    let packed = gz(&layer("other"));
    let config = config(&[layer("one")], "amd64");
    layout.blob(&packed);
    layout.blob(&config);
    let mut document = json!({"schemaVersion": 2,
        "config": describe(MediaType::OCI_CONFIG, &config),
        "layers": [describe(MediaType::OCI_LAYER_GZIP, &packed)]});
    for (change, says) in [
        ("diff id", "the configuration says"),
        ("size", "its descriptor says"),
        ("count", "names 1"),
        ("schema", "schema version 1"),
    ] {
        match change {
            "size" => document["layers"][0]["size"] = json!(1),
            "count" => document["layers"] = json!([]),
            "schema" => document["schemaVersion"] = json!(1),
            _ => {}
        }
        let mut layout = layout.clone();
        let bytes = document.to_string().into_bytes();
        layout.blob(&bytes);
        layout.entry(describe(MediaType::OCI_MANIFEST, &bytes), None);
        let error = world.archive(&layout.tar()).expect_err(change);
        assert!(format!("{error:#}").contains(says), "{change}: {error}");
        assert_eq!(error.kind(), ErrorKind::Failed);
    }
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn nothing_leaves_the_archive() {
    use tar::EntryType as Kind;
    let world = World::new();
    let long = "x".repeat(64);
    let cases: [(&str, Tar); 9] = [
        ("leaves", Tar::new().raw("../evil", Kind::Regular, "", 0)),
        (
            "leaves",
            Tar::new().raw("a/../../evil", Kind::Directory, "", 0),
        ),
        (
            "absolute",
            Tar::new().raw("/etc/evil", Kind::Regular, "", 0),
        ),
        ("leaves", Tar::new().link("a/b", "../../etc/passwd")),
        ("absolute", Tar::new().link("manifest.json", "/etc/passwd")),
        ("leaves", Tar::new().raw("a", Kind::Link, "../b", 0)),
        ("device", Tar::new().raw("a", Kind::Char, "", 0)),
        ("pipe", Tar::new().raw("a", Kind::Fifo, "", 0)),
        ("sparse", Tar::new().raw(&long, Kind::GNUSparse, "", 0)),
    ];
    for (says, tar) in cases {
        let error = world.archive(&tar.bytes()).expect_err(says);
        assert!(format!("{error:#}").contains(says), "{says}: {error}");
    }
    // Links in a circle lead nowhere, and do not lead for ever.
    let circle = Tar::new()
        .link("manifest.json", "b")
        .link("b", "manifest.json");
    let error = world.archive(&circle.bytes()).expect_err("a circle");
    assert!(format!("{error:#}").contains("neither"), "{error}");
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn bombs_do_not_go_off() {
    use tar::EntryType as Kind;
    let world = World::new();
    let cases: [(&str, Vec<u8>); 6] = [
        (
            "the disk has",
            Tar::new().raw("a", Kind::Regular, "", 1 << 60).bytes(),
        ),
        (
            "longer than 1 MiB",
            Tar::new().raw("a", Kind::GNULongName, "", 1 << 40).bytes(),
        ),
        (
            "longer than 1 MiB",
            Tar::new().raw("a", Kind::XHeader, "", 1 << 40).bytes(),
        ),
        (
            "shorter than it says",
            Tar::new().raw("a", Kind::Regular, "", 4096).bytes()[..700].to_vec(),
        ),
        ("not a tar archive", b"PK\x03\x04".repeat(512)),
        (
            "cannot be read",
            Tar::new()
                .file("manifest.json", "[".repeat(100_000).as_bytes())
                .bytes(),
        ),
    ];
    for (says, bytes) in cases {
        let error = world.archive(&bytes).expect_err(says);
        assert!(format!("{error:#}").contains(says), "{says}: {error}");
    }
    // Names are kept in memory: these are a few kilobytes on the wire.
    let mut names = Tar::new();
    for n in 0..70 {
        let name = format!("{n:02}{}", "x".repeat((1 << 20) - 16));
        names = names.file(&name, b"");
    }
    let error = world.archive(&gz(&names.bytes())).expect_err("names");
    assert!(format!("{error:#}").contains("64 MiB"), "{error}");
    let huge = Tar::new().file("index.json", &vec![b' '; 9 << 20]);
    let error = world.archive(&gz(&huge.bytes())).expect_err("too long");
    assert!(format!("{error:#}").contains("the longest is"), "{error}");
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn a_long_name_is_read_in_both_spellings() {
    let world = World::new();
    let layers = [layer("one")];
    let name = format!("{}/layer.tar", "d".repeat(150));
    let mut pax = format!("{name}\n");
    pax = format!(" path={pax}");
    pax = format!("{}{pax}", pax.len() + 3);
    let list = json!([{"Config": "c.json", "Layers": [name]}]).to_string();
    let gnu = Tar::new().file(&name, &layers[0]);
    let mut posix = Tar::new();
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(pax.len() as u64);
    header.set_cksum();
    posix
        .0
        .append(&header, pax.as_bytes())
        .expect("memory takes it");
    let posix = posix.file("short", &layers[0]);
    let both = [gnu, posix].map(|tar| {
        let tar = tar
            .file("c.json", &config(&layers, "amd64"))
            .file("manifest.json", list.as_bytes());
        world.archive(&tar.bytes()).expect("it is whole").manifest
    });
    assert_eq!(both[0], both[1]);
}

#[test]
fn the_right_image_is_chosen_or_none() {
    let mut world = World::new();
    let mut layout = Layout::default();
    let one = layout.image(MediaType::OCI_LAYER_GZIP, "one", "amd64");
    let two = layout.image(MediaType::OCI_LAYER_GZIP, "two", "amd64");
    layout.entry(describe(MediaType::OCI_MANIFEST, &one), Some("1.2.0"));
    layout.entry(describe(MediaType::OCI_MANIFEST, &two), Some("1.3.0"));
    let error = world.archive(&layout.tar()).expect_err("two images");
    assert_eq!(error.kind(), ErrorKind::Refused);
    world.wanted.references = vec!["1.3.0".into()];
    let image = world.archive(&layout.tar()).expect("it is named");
    assert_eq!(image.manifest.bytes, two);
    // What belongs to the other image is not taken along.
    assert!(!image.blob_path(&Digest::of(&one)).exists());

    world.wanted.platforms = vec![Platform::new("linux", "s390x", None)];
    let error = world.archive(&layout.tar()).expect_err("another platform");
    assert!(
        format!("{error:#}").contains("it is for linux/amd64"),
        "{error}"
    );
}

#[test]
fn annotations_are_written_only_into_a_manifest_of_our_own() {
    let mut world = World::new();
    world.wanted.annotations = [("org.example.a".to_owned(), "b".to_owned())].into();
    let (layout, manifest) = Layout::simple();
    assert_eq!(
        world.archive(&layout.tar()).expect("whole").manifest.bytes,
        manifest
    );
    world.wanted.built_here = true;
    let image = world.archive(&layout.tar()).expect("it is whole");
    let document: Value = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
    assert_eq!(document["annotations"]["org.example.a"], "b");
    // The layers' bytes stay.
    let before: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(document["layers"], before["layers"]);
}

#[test]
fn a_stored_image_is_verified_when_it_is_opened_again() {
    let world = World::new();
    let (layout, manifest) = Layout::simple();
    let image = world.archive(&layout.tar()).expect("it is whole");
    let digest = Digest::of(&manifest);
    let open = || world.store.open(&digest, &world.cancel);
    assert_eq!(open().expect("it is whole"), image);
    let count = || {
        fs::read_dir(image.dir.join("blobs/sha256"))
            .expect("a list")
            .count()
    };
    assert_eq!(count(), 3, "looking adds nothing");
    fs::write(image.blob_path(&image.blobs[1].digest), b"damaged").expect("it is written");
    assert!(open().is_err());
    // A damaged one is replaced, and what nobody keeps goes.
    assert_eq!(world.archive(&layout.tar()).expect("it is whole"), image);
    open().expect("it is whole again");
    world.store.prune(&[&digest]).expect("the disk obeys");
    open().expect("it is kept");
    world.store.prune(&[]).expect("the disk obeys");
    assert!(open().is_err());
}

/// What several processes of one clone do, each with a store of its own.
#[test]
fn an_image_stays_until_the_last_process_is_done_with_it() {
    let world = World::new();
    let (layout, manifest) = Layout::simple();
    let digest = Digest::of(&manifest);
    let image = world.archive(&layout.tar()).expect("it is whole");
    let other = Store::new(world.store.root());
    let again = adopt_archive(
        &*layout.tar(),
        &other,
        &world.wanted,
        &Events::none(),
        &world.cancel,
    );
    assert_eq!(again.expect("it is whole"), image);
    world.store.remove(&digest).expect("the disk obeys");
    other.prune(&[&digest]).expect("the disk obeys");
    assert_eq!(other.open(&digest, &world.cancel).expect("it stays"), image);
    // One that only resumes uses all that is there.
    let third = Store::new(world.store.root());
    third.hold_all();
    other.remove(&digest).expect("the disk obeys");
    assert!(image.dir.is_dir());
    third.let_go();
    other.prune(&[]).expect("the disk obeys");
    assert!(!image.dir.exists());
    other.remove(&digest).expect("nothing is left to do");
    // A place for content that is fetched later.
    other.hold(&digest).expect("the disk obeys");
    world.store.prune(&[]).expect("the disk obeys");
    assert!(image.dir.is_dir());
    other.remove(&digest).expect("the disk obeys");
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn many_put_use_and_remove_the_same_image_at_once() {
    let world = World::new();
    let (layout, manifest) = Layout::simple();
    let (tar, digest) = (layout.tar(), Digest::of(&manifest));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..15 {
                    let store = Store::new(world.store.root());
                    let none = Events::none();
                    let image = adopt_archive(&*tar, &store, &world.wanted, &none, &world.cancel);
                    let image = image.expect("it is whole");
                    for blob in &image.blobs {
                        assert!(image.blob_path(&blob.digest).is_file(), "it was removed");
                    }
                    store.remove(&digest).expect("the disk obeys");
                }
            });
        }
    });
    world.store.prune(&[]).expect("the disk obeys");
    assert!(!world.store.image_dir(&digest).exists());
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn a_path_that_is_no_image_is_refused() {
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    assert!(format!("{:#}", world.path(dir.path()).expect_err("empty")).contains("neither"));
    let error = world.path(&dir.path().join("none")).expect_err("missing");
    assert!(error.first_hint().is_some());
    // A link out of the layout is followed, and what it shows has to be the blob.
    let (layout, manifest) = Layout::simple();
    let dir = layout.directory();
    let path = dir
        .path()
        .join("blobs/sha256")
        .join(Digest::of(&manifest).hex());
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("it moves");
    symlink(&elsewhere, &path).expect("a link");
    world.path(dir.path()).expect("it is whole");
}

#[test]
fn a_cancelled_release_takes_nothing() {
    let world = World::new();
    world.cancel.cancel();
    let error = world
        .archive(&Layout::simple().0.tar())
        .expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(world.strays(), Vec::<String>::new());
}
