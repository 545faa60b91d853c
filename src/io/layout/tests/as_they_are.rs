//! Layouts as builders write them: kept byte for byte, or refused with what they are.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{error::ErrorCode, event::Event};

/// What a case does to a configuration and its manifest.
type Change<'a> = &'a dyn Fn(&mut Value, &mut Value);

const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

impl Layout {
    fn put(&mut self, media_type: &str, document: &Value) -> Value {
        let bytes = document.to_string().into_bytes();
        self.blob(&bytes);
        describe(media_type, &bytes)
    }

    /// A manifest whose configuration and layers the caller may still change.
    fn manifest(&mut self, layer_type: &str, text: &str, architecture: &str) -> Value {
        let bytes = self.image(layer_type, text, architecture);
        let document = serde_json::from_slice(&bytes).expect("JSON");
        self.files.pop();
        document
    }

    /// A layout of one manifest or index.
    fn of(document: &Value, media_type: &str, blobs: &Self) -> Self {
        let mut layout = blobs.clone();
        let entry = layout.put(media_type, document);
        layout.entry(entry, None);
        layout
    }
}

impl World {
    /// Adopts a layout, and gives the notes as well.
    fn noted(&self, layout: &Layout) -> (Result<Image>, Vec<String>) {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let notes = notes.clone();
            move |event| {
                if let Event::Note { text } = event {
                    notes.lock().expect("a list").push(text);
                }
            }
        });
        let dir = layout.directory();
        let taken = adopt(dir.path(), &self.store, &self.wanted, &events, &self.cancel);
        let notes = notes.lock().expect("a list").clone();
        (taken, notes)
    }

    /// Refuses the layout, saying this, with state and hint.
    #[track_caller]
    fn refuses(&self, layout: &Layout, says: &[&str]) -> Error {
        let dir = layout.directory();
        let error = self.path(dir.path()).expect_err(says[0]);
        complete(&error, says);
        error
    }
}

#[track_caller]
fn complete(error: &Error, says: &[&str]) {
    let text = format!("{error:#}");
    for word in says {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(error.code(), ErrorCode::ImageUnusable, "{text}");
    assert_eq!(error.exit_code(), 6, "{text}");
    assert_eq!(error.state_now(), Some("nothing was published"), "{text}");
    assert!(error.first_hint().is_some(), "{text}");
}

#[test]
fn a_layouts_manifest_is_never_written_anew() {
    let mut world = World::new();
    world.wanted.annotations = [("org.example.a".to_owned(), "b".to_owned())].into();
    let docker = "application/vnd.docker.image.rootfs.diff.tar";
    for (layer_type, config_type) in [
        (PLAIN, MediaType::OCI_CONFIG),
        (MediaType::OCI_LAYER_GZIP, MediaType::OCI_CONFIG),
        (docker, MediaType::DOCKER_CONFIG),
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            MediaType::OCI_CONFIG,
        ),
    ] {
        let mut blobs = Layout::default();
        let mut document = blobs.manifest(layer_type, "one", "amd64");
        document["config"]["mediaType"] = json!(config_type);
        document["artifactType"] = json!("application/vnd.example.app");
        document["layers"][0]["annotations"] = json!({"com.example.part": "base"});
        document["layers"][0]["urls"] = json!(["https://example.org/a"]);
        document["subject"] = describe(MediaType::OCI_MANIFEST, b"elsewhere");
        document["from.the.future"] = json!([1, null]);
        let layout = Layout::of(&document, MediaType::OCI_MANIFEST, &blobs);
        let bytes = document.to_string().into_bytes();
        let dir = layout.directory();
        let mut tars = vec![dir.path().to_owned()];
        let zstd = ruzstd::encoding::compress_to_vec(
            &*layout.tar(),
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        for (name, packed) in [
            ("a.tar", layout.tar()),
            ("a.tar.gz", gz(&layout.tar())),
            ("a.tar.zst", zstd),
        ] {
            tars.push(dir.path().join(name));
            fs::write(dir.path().join(name), packed).expect("it is written");
        }
        for path in tars {
            let image = world.path(&path).expect("it is whole");
            assert_eq!(
                image.manifest.bytes,
                bytes,
                "{layer_type} {}",
                path.display()
            );
        }
    }
}

/// What `docker save` makes up is compressed, and that is said; what a builder said about it stays.
#[test]
fn a_saved_layout_is_packed_with_a_note_and_keeps_its_fields() {
    let world = World::new();
    let mut blobs = Layout::default();
    let mut document = blobs.manifest(PLAIN, "one", "amd64");
    document["layers"][0]["annotations"] = json!({"com.example.part": "base"});
    document["artifactType"] = json!("application/vnd.example.app");
    document["annotations"] = json!({"a": "b"});
    let mut layout = Layout::of(&document, MediaType::OCI_MANIFEST, &blobs);
    layout.files.push(("manifest.json".into(), b"[]".to_vec()));
    let (image, notes) = world.noted(&layout);
    let image = image.expect("it is whole");
    let written: Value = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
    assert_eq!(written["layers"][0]["mediaType"], MediaType::OCI_LAYER_GZIP);
    assert_eq!(
        written["layers"][0]["annotations"],
        document["layers"][0]["annotations"]
    );
    assert_eq!(written["artifactType"], document["artifactType"]);
    assert_eq!(written["annotations"], document["annotations"]);
    let before = Digest::of(document.to_string().as_bytes());
    let note = notes.iter().find(|note| note.contains("becomes"));
    let note = note.expect("it is said");
    assert!(note.contains(before.as_str()), "{note}");
    assert!(note.contains(image.manifest.digest().as_str()), "{note}");
}

#[test]
fn null_is_none_wherever_a_list_or_map_may_stand() {
    let world = World::new();
    let base = |change: Change<'_>| {
        let mut config = json!({"architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []}});
        let mut manifest = json!({"schemaVersion": 2, "layers": []});
        change(&mut config, &mut manifest);
        let mut layout = Layout::default();
        let config = layout.put(MediaType::OCI_CONFIG, &config);
        manifest["config"] = config;
        layout.entry(json!(null), None);
        layout.entries.clear();
        let entry = layout.put(MediaType::OCI_MANIFEST, &manifest);
        (layout, entry)
    };
    let changes: [(&str, Change<'_>); 9] = [
        ("nothing", &|_, _| {}),
        ("layers", &|_, manifest| manifest["layers"] = json!(null)),
        ("annotations", &|_, manifest| {
            manifest["annotations"] = json!(null)
        }),
        ("subject", &|_, manifest| manifest["subject"] = json!(null)),
        ("media type", &|_, manifest| {
            manifest["mediaType"] = json!(null)
        }),
        ("diff ids", &|config, _| {
            config["rootfs"]["diff_ids"] = json!(null)
        }),
        ("root fs", &|config, _| config["rootfs"] = json!(null)),
        ("history", &|config, _| config["history"] = json!(null)),
        ("labels", &|config, _| {
            config["config"] = json!({"Labels": null, "Env": null})
        }),
    ];
    for (what, change) in changes {
        let (mut layout, entry) = base(change);
        layout.entry(entry, None);
        world.archive(&layout.tar()).expect(what);
    }
    for platform in [
        json!(null),
        json!({}),
        json!({"architecture": "amd64"}),
        json!({"os": "", "architecture": "amd64"}),
        json!({"os": "linux", "architecture": null}),
        json!({"os": "linux", "architecture": "amd64", "os.features": null, "features": null}),
    ] {
        let (mut layout, mut entry) = base(&|_, _| {});
        entry["platform"] = platform.clone();
        entry["annotations"] = json!(null);
        layout.entry(entry.clone(), None);
        let mut wanted = World::new();
        wanted.wanted.platforms = vec![Platform::new("linux", "amd64", None)];
        let image = wanted.archive(&layout.tar());
        image.unwrap_or_else(|error| panic!("{platform}: {error:#}"));
        // The same below an index.
        layout.entries.clear();
        let index = json!({"schemaVersion": 2, "annotations": null, "manifests": [entry]});
        let index = layout.put(MediaType::OCI_INDEX, &index);
        layout.entry(index, None);
        let image = wanted.archive(&layout.tar());
        image.unwrap_or_else(|error| panic!("{platform}: {error:#}"));
    }
}

#[test]
fn lists_without_an_image_say_that_there_is_none() {
    let world = World::new();
    for list in [json!(null), json!([])] {
        let mut layout = Layout::default();
        let index = json!({"schemaVersion": 2, "manifests": list});
        layout
            .files
            .push(("index.json".into(), index.to_string().into_bytes()));
        let tar = layout
            .files
            .iter()
            .fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes));
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.tar");
        fs::write(&path, tar.bytes()).expect("it is written");
        let error = world.path(&path).expect_err("empty");
        complete(&error, &["there is no image"]);
        let nested = Layout::of(&index, MediaType::OCI_INDEX, &Layout::default());
        world.refuses(&nested, &["there is no image"]);
    }
    for list in ["null", "[]"] {
        let tar = Tar::new().file("manifest.json", list.as_bytes());
        let error = world.archive(&tar.bytes()).expect_err("empty");
        assert!(format!("{error:#}").contains("no image"), "{error:#}");
    }
}

#[test]
fn a_saved_image_without_layers_is_an_image() {
    let world = World::new();
    for layers in [json!(null), json!([])] {
        let list = json!([{"Config": "c.json", "RepoTags": null, "Layers": layers}]);
        let tar = Tar::new()
            .file("c.json", &config(&[], "amd64"))
            .file("manifest.json", list.to_string().as_bytes());
        let image = world.archive(&tar.bytes()).expect("it is whole");
        assert_eq!(image.blobs.len(), 1);
    }
}

#[test]
fn a_document_that_is_not_what_its_descriptor_says_is_refused() {
    let world = World::new();
    let mut blobs = Layout::default();
    let document = blobs.manifest(MediaType::OCI_LAYER_GZIP, "one", "amd64");
    let with = |field: &str, value: Value| {
        let mut document = document.clone();
        document[field] = value;
        document
    };
    let index = json!({"schemaVersion": 2, "manifests": []});
    for (listed, document, says) in [
        (
            MediaType::OCI_MANIFEST,
            with("mediaType", json!(MediaType::DOCKER_MANIFEST)),
            "says itself",
        ),
        (
            MediaType::DOCKER_MANIFEST,
            with("mediaType", json!(MediaType::OCI_MANIFEST)),
            "says itself",
        ),
        (
            MediaType::OCI_MANIFEST,
            with("mediaType", json!("application/x")),
            "says itself",
        ),
        (
            MediaType::OCI_INDEX,
            document.clone(),
            "as an image manifest has",
        ),
        (
            MediaType::OCI_MANIFEST,
            with("manifests", json!([])),
            "as an index has",
        ),
        (MediaType::OCI_MANIFEST, index, "as an index has"),
        (
            "application/vnd.example+json",
            document.clone(),
            "application/vnd.example+json",
        ),
    ] {
        let layout = Layout::of(&document, listed, &blobs);
        world.refuses(&layout, &[says, "OCI layout, directory"]);
        if listed.starts_with("application/vnd.example") {
            continue;
        }
        // The same below an index.
        let mut below = blobs.clone();
        let child = below.put(listed, &document);
        let index = json!({"schemaVersion": 2, "manifests": [child]});
        let layout = Layout::of(&index, MediaType::OCI_INDEX, &below);
        world.refuses(&layout, &[says]);
    }
    for fine in [json!(null), json!(""), json!(MediaType::OCI_MANIFEST)] {
        let layout = Layout::of(&with("mediaType", fine), MediaType::OCI_MANIFEST, &blobs);
        world.archive(&layout.tar()).expect("it is whole");
    }
}

/// An artifact about an image: its own configuration, its own layer.
fn artifact(layout: &mut Layout, config_type: &str, layer_type: &str, subject: &Value) -> Value {
    let config = layout.put(config_type, &json!({}));
    let statement = layout.put(layer_type, &json!({"about": subject["digest"]}));
    let mut document = json!({"schemaVersion": 2, "config": config, "layers": [statement]});
    if !subject.is_null() {
        document["subject"] = subject.clone();
    }
    layout.put(MediaType::OCI_MANIFEST, &document)
}

#[test]
fn the_image_is_chosen_among_what_lies_beside_it() {
    type Beside = fn(&mut Layout, &Value);
    let cases: [(&str, Beside); 7] = [
        ("a signature of cosign by its tag", |layout, image| {
            let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
            let entry = artifact(layout, MediaType::OCI_CONFIG, signature, &json!(null));
            let hex = image["digest"].as_str().expect("text").replace(':', "-");
            layout.entry(entry, Some(&format!("{hex}.sig")));
        }),
        ("what `cosign save` marks", |layout, _| {
            let mut entry = artifact(layout, MediaType::OCI_CONFIG, PLAIN, &json!(null));
            entry["annotations"] = json!({"kind": "dev.cosignproject.cosign/sigs"});
            layout.entries.push(entry);
        }),
        ("an SBOM with a subject", |layout, image| {
            let empty = "application/vnd.oci.empty.v1+json";
            let entry = artifact(layout, empty, "application/spdx+json", image);
            layout.entry(entry, None);
        }),
        ("an artifact without a subject", |layout, _| {
            let empty = "application/vnd.oci.empty.v1+json";
            let entry = artifact(layout, empty, "application/spdx+json", &json!(null));
            layout.entry(entry, Some("sbom"));
        }),
        ("an attestation of BuildKit", |layout, _| {
            let mut entry = artifact(layout, MediaType::OCI_CONFIG, PLAIN, &json!(null));
            entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            layout.entries.push(entry);
        }),
        ("a list of referrers", |layout, image| {
            let empty = "application/vnd.oci.empty.v1+json";
            let mut child = artifact(layout, empty, "application/spdx+json", image);
            child["artifactType"] = json!("application/spdx+json");
            let index = json!({"schemaVersion": 2, "manifests": [child]});
            let entry = layout.put(MediaType::OCI_INDEX, &index);
            layout.entry(entry, None);
        }),
        ("an image about another one", |layout, image| {
            let mut document = layout.manifest(MediaType::OCI_LAYER_GZIP, "two", "amd64");
            document["subject"] = image.clone();
            let entry = layout.put(MediaType::OCI_MANIFEST, &document);
            layout.entry(entry, None);
        }),
    ];
    let world = World::new();
    let mut everything: Option<Layout> = None;
    for (what, beside) in cases {
        for first in [true, false] {
            let (mut layout, manifest) = Layout::simple();
            let image = layout.entries[0].clone();
            beside(&mut layout, &image);
            if !first {
                layout.entries.reverse();
            }
            let (taken, notes) = world.noted(&layout);
            let taken = taken.unwrap_or_else(|error| panic!("{what}: {error:#}"));
            assert_eq!(taken.manifest.bytes, manifest, "{what}");
            let note = notes.iter().find(|note| note.contains("also holds"));
            assert!(note.is_some(), "{what}: {notes:?}");
        }
        let layout = everything.get_or_insert_with(|| Layout::simple().0);
        let image = layout.entries[0].clone();
        beside(layout, &image);
    }
    let (taken, notes) = world.noted(&everything.expect("the cases"));
    taken.expect("the one image");
    assert!(notes[0].contains("and 1 more"), "{notes:?}");

    // Some tools list the images of an index beside it.
    let mut layout = Layout::default();
    let child = layout.image(MediaType::OCI_LAYER_GZIP, "one", "amd64");
    let child = describe(MediaType::OCI_MANIFEST, &child);
    let index = json!({"schemaVersion": 2, "manifests": [child]});
    let top = layout.put(MediaType::OCI_INDEX, &index);
    layout.entry(child, None);
    layout.entry(top, Some("1.3.0"));
    let taken = world.archive(&layout.tar()).expect("the index");
    assert_eq!(taken.manifest.bytes, index.to_string());

    // Alone, an artifact is what the layout is for; two of them leave a choice.
    let mut layout = Layout::default();
    let entry = artifact(&mut layout, "application/x", "application/y", &json!(null));
    layout.entry(entry.clone(), None);
    world.archive(&layout.tar()).expect("the only manifest");
    let other = artifact(&mut layout, "application/x", "application/z", &json!(null));
    layout.entry(other, None);
    let error = world.archive(&layout.tar()).expect_err("two");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[test]
fn what_is_left_out_is_named() {
    let mut world = World::new();
    let mut layout = Layout::default();
    for (text, name) in [("one", "1.2.0"), ("two", "1.3.0")] {
        let manifest = layout.image(MediaType::OCI_LAYER_GZIP, text, "amd64");
        layout.entry(describe(MediaType::OCI_MANIFEST, &manifest), Some(name));
    }
    world.wanted.references = vec!["1.3.0".into()];
    let (taken, notes) = world.noted(&layout);
    taken.expect("it is named");
    assert_eq!(
        notes,
        ["the layout also holds `1.2.0` (image): not part of this release"]
    );
}

#[test]
fn what_hoist_cannot_unpack_is_carried_as_it_is() {
    let world = World::new();
    for layer_type in [
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+encrypted",
        "application/vnd.oci.image.layer.v1.tar+xz",
        "application/vnd.example.layer.v1+lz4",
        "application/vnd.in-toto+json",
    ] {
        let mut layout = Layout::default();
        let sealed = b"sealed".to_vec();
        layout.blob(&sealed);
        let config = config(&[layer("one")], "amd64");
        layout.blob(&config);
        let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
            "config": describe(MediaType::OCI_CONFIG, &config),
            "layers": [describe(layer_type, &sealed)]});
        let layout = Layout::of(&document, MediaType::OCI_MANIFEST, &layout);
        let image = world.archive(&layout.tar()).expect(layer_type);
        assert_eq!(image.manifest.bytes, document.to_string());
        let contents = contents(&image).expect("they can be read");
        assert!(contents[0].layers[0].entries.is_empty());
    }
    // Below an index any manifest is carried, with the blobs that it names.
    let (mut layout, _) = Layout::simple();
    let image = layout.entries.pop().expect("one");
    let blob = layout.put("application/octet-stream", &json!("data"));
    let config = layout.put("application/vnd.example.config", &json!({"a": 1}));
    let kind = "application/vnd.oci.artifact.manifest.v1+json";
    let strange = layout.put(
        kind,
        &json!({"mediaType": kind, "blobs": [blob], "config": config}),
    );
    let index = json!({"schemaVersion": 2, "manifests": [image, strange]});
    let layout = Layout::of(&index, MediaType::OCI_INDEX, &layout);
    let image = world.archive(&layout.tar()).expect("it is whole");
    assert_eq!(image.children[1].media_type.as_str(), kind);
    assert_eq!(image.blobs.len(), 4);
    world
        .store
        .open(image.manifest.digest(), &world.cancel)
        .expect("it is whole");
    contents(&image).expect("they can be read");
}

#[test]
fn other_digests_than_sha256_are_refused_by_name() {
    let world = World::new();
    let other = format!("sha512:{}", "0123456789abcdef".repeat(8));
    let mut blobs = Layout::default();
    let document = blobs.manifest(MediaType::OCI_LAYER_GZIP, "one", "amd64");
    for at in ["/config/digest", "/layers/0/digest"] {
        let mut document = document.clone();
        *document.pointer_mut(at).expect("a digest") = json!(other);
        let layout = Layout::of(&document, MediaType::OCI_MANIFEST, &blobs);
        world.refuses(&layout, &["sha512", "sha256 alone"]);
    }
    let (mut layout, _) = Layout::simple();
    layout.entries[0]["digest"] = json!(other);
    world.refuses(&layout, &["`index.json`", "sha512", "sha256 alone"]);
    let config = json!({"rootfs": {"diff_ids": [other]}});
    let mut layout = blobs.clone();
    let mut document = document;
    document["config"] = layout.put(MediaType::OCI_CONFIG, &config);
    let layout = Layout::of(&document, MediaType::OCI_MANIFEST, &layout);
    world.refuses(&layout, &["configuration", "sha512"]);
}

#[test]
fn a_layer_of_no_bytes_is_a_layer() {
    let world = World::new();
    for layer_type in [PLAIN, MediaType::OCI_LAYER_GZIP] {
        let mut layout = Layout::default();
        layout.blob(b"");
        let config = config(&[Vec::new()], "amd64");
        layout.blob(&config);
        let document = json!({"schemaVersion": 2,
            "config": describe(MediaType::OCI_CONFIG, &config),
            "layers": [describe(layer_type, b"")]});
        let layout = Layout::of(&document, MediaType::OCI_MANIFEST, &layout);
        let image = world.archive(&layout.tar()).expect(layer_type);
        assert_eq!(image.manifest.bytes, document.to_string());
        let dir = layout.directory();
        world.path(dir.path()).expect(layer_type);
    }
    // As an engine saves it.
    let image = world.archive(&saved(&[Vec::new()]).bytes());
    assert_eq!(unpacked(&image.expect("it is whole"), 1), b"");
}

#[test]
fn what_is_not_an_image_is_refused_by_its_packing_and_form() {
    let world = World::new();
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        fs::write(&path, bytes).expect("it is written");
    };
    write("a.tar.xz", b"\xfd7zXZ\0\0\x04\xe6\xd6");
    write("a.tar.bz2", b"BZh91AY&SY");
    write("a.tar.lz4", b"\x04\x22\x4d\x18\x64");
    write("a.zip", b"PK\x03\x04\x14");
    write("empty", b"");
    write("noise", &[7; 600]);
    write("cut.tar", &Layout::simple().0.tar()[..700]);
    write("cut.tar.gz", &gz(&Layout::simple().0.tar())[..90]);
    let skopeo = json!({"schemaVersion": 2, "config": {}, "layers": []}).to_string();
    write("dir/version", b"Directory Transport Version: 1.1\n");
    write("dir/manifest.json", skopeo.as_bytes());
    let inner = Layout::simple().0.all();
    for (name, bytes) in &inner {
        write(&format!("outer/oci/{name}"), bytes);
    }
    let outer = inner.iter().fold(Tar::new(), |tar, (name, bytes)| {
        tar.file(&format!("oci/{name}"), bytes)
    });
    write("outer.tar", &outer.bytes());
    write("rootfs/etc/passwd", b"x");
    write("rootfs/usr/bin/env", b"x");
    write("half/oci-layout", b"{}");
    for (name, index) in [("nothing", "null"), ("list", "[3]"), ("number", " 3")] {
        write(&format!("{name}/oci-layout"), b"{}");
        write(&format!("{name}/index.json"), index.as_bytes());
    }
    for (name, says) in [
        ("a.tar.xz", &["a.tar.xz", "xz"][..]),
        ("a.tar.bz2", &["bzip2"]),
        ("a.tar.lz4", &["lz4"]),
        ("a.zip", &["zip archive"]),
        ("empty", &["empty"]),
        ("noise", &["not a tar archive", "noise", "tar)"]),
        ("cut.tar", &["cut.tar", "tar)"]),
        ("cut.tar.gz", &["cut.tar.gz", "tar with gzip"]),
        ("dir", &["skopeo's `dir:`", "directory"]),
        ("outer", &["in `oci`"]),
        ("outer.tar", &["in `oci`"]),
        ("rootfs", &["file system of a container"]),
        ("half", &["without `index.json`"]),
        ("nothing", &["`index.json`", "not the document"]),
        ("list", &["`index.json`", "not the document"]),
        ("number", &["`index.json`", "not the document"]),
        ("nowhere", &["nowhere"]),
    ] {
        let error = world.path(&dir.path().join(name)).expect_err(name);
        complete(&error, says);
    }
    assert_eq!(world.strays(), Vec::<String>::new());
}

#[test]
fn a_sparse_index_names_the_platform_that_is_missing() {
    let world = World::new();
    let mut layout = Layout::default();
    let mut children = Vec::new();
    let mut lost = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let bytes = layout.image(MediaType::OCI_LAYER_GZIP, architecture, architecture);
        let document: Value = serde_json::from_slice(&bytes).expect("JSON");
        let mut entry = describe(MediaType::OCI_MANIFEST, &bytes);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        lost = ["/config/digest", "/layers/0/digest"]
            .map(|at| document.pointer(at).cloned().expect("a digest"))
            .to_vec();
        lost.push(entry["digest"].clone());
        children.push(entry);
    }
    let index = json!({"schemaVersion": 2, "manifests": children});
    let layout = Layout::of(&index, MediaType::OCI_INDEX, &layout);
    for digest in lost {
        let digest: Digest = serde_json::from_value(digest).expect("a digest");
        let says = format!("{digest} is missing");
        let error = world.refuses(&layout.clone().without(&digest), &[&says, "linux/arm64"]);
        assert!(
            error
                .first_hint()
                .is_some_and(|hint| hint.contains("platforms"))
        );
    }
}

/// `index.json` says for which platform an image is, and its configuration has to say the same.
#[test]
fn an_image_that_index_json_lists_for_another_platform_is_refused() {
    let of = |listed: &Value, indexed: bool| {
        let mut layout = Layout::default();
        let manifest = layout.image(MediaType::OCI_LAYER_GZIP, "one", "arm64");
        let mut entry = describe(MediaType::OCI_MANIFEST, &manifest);
        if indexed {
            let index = json!({"schemaVersion": 2, "manifests": [entry]});
            entry = layout.put(MediaType::OCI_INDEX, &index);
        }
        if !listed.is_null() {
            entry["platform"] = listed.clone();
        }
        layout.entry(entry, None);
        layout
    };
    let platform = |text: &str| {
        let platform: Platform = text.parse().expect("a platform");
        serde_json::to_value(platform).expect("plain data")
    };
    let mut world = World::new();
    for (listed, agrees) in [
        (Value::Null, true),
        (platform("linux/arm64"), true),
        (platform("linux/arm64/v8"), true),
        (platform("unknown/unknown"), true),
        (platform("linux/amd64"), false),
        (platform("linux/riscv64"), false),
        (platform("freebsd/arm64"), false),
    ] {
        for indexed in [false, true] {
            let layout = of(&listed, indexed);
            let dir = layout.directory();
            let tar = dir.path().join("all.tar");
            fs::write(&tar, layout.tar()).expect("it is written");
            let collection = Collection::begin(&world.store, &world.cancel).expect("a place");
            let events = Events::none();
            let taken = [
                world.path(dir.path()).err(),
                world.path(&tar).err(),
                world.archive(&layout.tar()).err(),
                glance(dir.path(), &world.wanted).err(),
                collection
                    .take(dir.path(), &world.wanted, "mark", &events)
                    .err(),
                collection.take(&tar, &world.wanted, "mark", &events).err(),
            ];
            for (how, error) in taken.into_iter().enumerate() {
                let Some(error) = error else {
                    assert!(agrees, "{listed} {indexed} {how}");
                    continue;
                };
                let text = format!("{error:#}");
                assert!(!agrees, "{text}");
                assert_eq!(error.exit_code(), 4, "{text}");
                assert!(text.contains("`index.json` says "), "{text}");
                assert!(text.contains("that image linux/arm64"), "{text}");
                assert_eq!(error.state_now(), Some("nothing was published"), "{text}");
                let place = dir.path().display().to_string();
                assert!(how == 2 || text.contains(&place), "{text}");
            }
        }
    }
    // What the policy asks for is compared with what the image is.
    world.wanted.platforms = vec!["linux/amd64".parse().expect("a platform")];
    let layout = of(&Value::Null, false);
    let dir = layout.directory();
    let tar = dir.path().join("all.tar");
    fs::write(&tar, layout.tar()).expect("it is written");
    for place in [dir.path(), &tar] {
        let error = world.path(place).expect_err("it is for arm64");
        assert_eq!(error.exit_code(), 4);
        let named = format!(
            "the image at `{}` is not for `linux/amd64`",
            place.display()
        );
        assert!(error.message().starts_with(&named), "{error:#}");
        assert_eq!(error.state_now(), Some("nothing was published"));
        assert_eq!(error.hints().len(), 1);
    }
    let error = world.archive(&layout.tar()).expect_err("it is for arm64");
    assert!(
        error.message().starts_with("the image is not for"),
        "{error:#}"
    );
}

/// Annotations of `index.json` itself are said about its image, too.
#[test]
fn what_index_json_itself_says_is_read() {
    let (layout, _) = Layout::simple();
    let dir = layout.directory();
    let index = json!({
        "schemaVersion": 2,
        "manifests": layout.entries,
        "annotations": {"org.opencontainers.image.version": "9.9.9"},
    });
    fs::write(dir.path().join("index.json"), index.to_string()).expect("it is written");
    let world = World::new();
    let seen = glance(dir.path(), &world.wanted).expect("a layout");
    // Also where the store has the image already.
    for _ in 0..2 {
        let image = world.path(dir.path()).expect("a layout");
        let all = runnable(&image).expect("an image");
        assert_eq!(
            all[0].statements[0].place,
            crate::oci::StatementPlace::LayoutIndex
        );
        assert_eq!(Some(&all), seen.as_ref().map(|seen| &seen.runnable));
    }
}
