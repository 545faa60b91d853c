//! Layouts that other programs made: published byte for byte, or refused before anything is sent or
//! locked.

use std::{collections::BTreeMap, fs};

use hoist::oci::{Digest, MediaType};
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{On, Personality, TestRegistry},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

fn project<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    let repository = registry.repository(NAME);
    clone.write(
        "release.toml",
        format!("[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"dist/oci\"\n"),
    );
    clone.commit("feat: begin");
    clone.push();
    clone
}

fn layout(clone: &Clone<'_>) -> Layout {
    Layout::new(&clone.path().join("dist/oci"))
}

fn tar(content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "content", content).unwrap();
    tar.into_inner().unwrap()
}

/// A manifest of one layer that is not compressed; the caller changes it and stores it.
fn plain(layout: &mut Layout, layer: &[u8]) -> Value {
    let descriptor = layout.blob(PLAIN, layer);
    let config = json!({"os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(layer)]}});
    let config = layout.blob(MediaType::OCI_CONFIG, config.to_string().as_bytes());
    json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config,
        "layers": [descriptor]})
}

/// Refused with exit 6: nothing was sent, locked or tagged.
#[track_caller]
fn refused(world: &World<'_>, registry: &TestRegistry, clone: &Clone<'_>, says: &[&str]) -> Run {
    registry.forget();
    let refs = world.remote.refs();
    let run = world.run(clone, &["release", "--version", "1.0.0", "--yes"]);
    run.expect(6);
    for words in says {
        run.says(words);
    }
    run.says("state: nothing was published");
    run.says("hint: ");
    assert_eq!(registry.tags(NAME), BTreeMap::new(), "{run}");
    assert_eq!(registry.count(&On::method("PUT")), 0, "{run}");
    assert_eq!(world.remote.refs(), refs, "{run}");
    run
}

#[test]
fn a_layout_is_published_with_the_digest_that_it_has() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry);
    let mut layout = layout(&clone);
    let mut manifest = plain(&mut layout, &tar(b"plain"));
    manifest["layers"][0]["annotations"] = json!({"com.example.part": "base"});
    manifest["artifactType"] = json!("application/vnd.example.app");
    let top = layout.document(MediaType::OCI_MANIFEST, &manifest);
    let digest = layout.finish(&top);
    let run = world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    run.says(digest.as_str());
    assert_eq!(registry.tags(NAME)["1.0.0"], digest);
    world.hoist(&clone, &["verify", "--deep"]);
}

#[test]
fn images_without_layers_or_bytes_are_images() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry);
    for (minor, layers, diff_ids) in [
        (0, Some(json!(null)), json!(null)),
        (1, Some(json!([])), json!([])),
        (2, None, json!([Digest::of(b"")])),
    ] {
        let mut layout = layout(&clone);
        let layer = layout.blob(PLAIN, b"");
        let config = json!({"os": "linux", "architecture": "amd64", "history": null,
            "config": {"Labels": null, "Env": [format!("N={minor}")]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = layout.blob(MediaType::OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
            "config": config, "layers": layers.unwrap_or(json!([layer])), "annotations": null});
        let mut top = layout.document(MediaType::OCI_MANIFEST, &manifest);
        top["annotations"] = json!(null);
        top["platform"] = json!({"architecture": "amd64"});
        let digest = layout.finish(&top);
        let version = format!("1.{minor}.0");
        world.hoist(&clone, &["release", "--version", &version, "--yes"]);
        assert_eq!(registry.tags(NAME)[&version], digest);
        world.change(&clone, "feat: more");
    }
}

#[test]
fn an_image_is_published_without_what_lies_beside_it() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry);
    let mut layout = layout(&clone);
    let image = layout.image("amd64", &json!({}), b"x");
    let config = layout.blob("application/vnd.oci.empty.v1+json", b"{}");
    let sbom = layout.blob("application/spdx+json", b"{\"spdx\":1}");
    let sbom = layout.document(
        MediaType::OCI_MANIFEST,
        &json!({"schemaVersion": 2, "config": config, "layers": [sbom], "subject": image}),
    );
    let mut signature = plain(&mut layout, b"signed");
    signature["layers"][0]["mediaType"] = json!("application/vnd.dev.cosign.simplesigning.v1+json");
    let mut signature = layout.document(MediaType::OCI_MANIFEST, &signature);
    let name = format!(
        "{}.sig",
        image["digest"].as_str().unwrap().replace(':', "-")
    );
    signature["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    layout.list(&[sbom, image.clone(), signature]);
    let run = world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    assert_eq!(registry.tags(NAME)["1.0.0"].as_str(), image["digest"]);
    run.says("not part of this release");
    run.says("application/spdx+json");
    run.says(".sig` (signature)");
}

#[test]
fn what_is_not_as_it_says_is_refused_before_anything_is_sent() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry);

    // Another type inside than outside.
    let mut here = layout(&clone);
    let mut manifest = plain(&mut here, &tar(b"x"));
    manifest["mediaType"] = json!(MediaType::DOCKER_MANIFEST);
    let top = here.document(MediaType::OCI_MANIFEST, &manifest);
    here.finish(&top);
    let says = [
        "says itself",
        "docker.distribution",
        "OCI layout, directory",
    ];
    refused(&world, &registry, &clone, &says);

    // No image at all.
    let here = layout(&clone);
    here.list(&[]);
    let index = clone.path().join("dist/oci/index.json");
    for list in ["[]", "null"] {
        fs::write(
            &index,
            format!("{{\"schemaVersion\":2,\"manifests\":{list}}}"),
        )
        .unwrap();
        refused(&world, &registry, &clone, &["there is no image"]);
    }

    // A digest that hoist cannot check.
    let here = layout(&clone);
    let digest = format!("sha512:{}", "ab".repeat(64));
    here.list(&[json!({"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": 1})]);
    refused(&world, &registry, &clone, &["sha512", "sha256 alone"]);

    // A platform whose layer is not there.
    let mut here = layout(&clone);
    let first = here.image("amd64", &json!({}), b"x");
    let second = here.image("arm64", &json!({}), b"y");
    let lost = here.blobs[2].0.clone();
    let top = here.index(&[first, second]);
    here.finish(&top);
    let blobs = clone.path().join("dist/oci/blobs/sha256");
    fs::remove_file(blobs.join(lost.hex())).unwrap();
    let says = [lost.as_str(), "is missing", "linux/arm64"];
    refused(&world, &registry, &clone, &says);
}

#[test]
fn what_is_no_layout_is_refused_by_its_packing_and_form() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry);
    let place = clone.path().join("dist/oci");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST});
    fs::write(place.join("manifest.json"), manifest.to_string()).unwrap();
    refused(
        &world,
        &registry,
        &clone,
        &["skopeo's `dir:`", "skopeo copy"],
    );
    fs::remove_dir_all(&place).unwrap();
    for (bytes, says) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz -d"),
        (b"BZh91AY&SY", "bzip2 -d"),
        (b"PK\x03\x04", "zip archive"),
    ] {
        fs::write(&place, bytes).unwrap();
        refused(&world, &registry, &clone, &[says]);
    }
}
