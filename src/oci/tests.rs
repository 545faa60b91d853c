//! Documents as real builders and registries write them: what was read can be written.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::oci::{
    Descriptor, Digest, HistoryEntry, ImageConfig, ImageDocument, Index, Manifest,
    ManifestDocument, MediaType, Platform,
};

/// Parses the document, writes it, and expects every field again.
#[track_caller]
fn kept<T: DeserializeOwned + Serialize>(document: &Value) -> T {
    let parsed: T = serde_json::from_value(document.clone()).expect("it can be read");
    let written = serde_json::to_value(&parsed).expect("it can be written");
    assert_eq!(written, *document);
    parsed
}

fn digest(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

#[test]
fn an_index_keeps_what_buildkit_wrote() {
    let index: Index = kept(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [
            {
                "mediaType": MediaType::OCI_MANIFEST,
                "digest": digest("image"),
                "size": 669,
                "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"},
            },
            {
                "mediaType": MediaType::OCI_MANIFEST,
                "digest": digest("attestation"),
                "size": 566,
                "annotations": {
                    "vnd.docker.reference.digest": digest("image"),
                    "vnd.docker.reference.type": "attestation-manifest",
                },
                "platform": {"architecture": "unknown", "os": "unknown"},
            },
        ],
        "annotations": {"a": "b"},
    }));
    let attestations: Vec<bool> = index
        .manifests
        .iter()
        .map(Descriptor::is_attestation)
        .collect();
    assert_eq!(attestations, [false, true]);
    let platform = index.manifests[0].platform.as_ref().expect("it has one");
    assert_eq!(platform.to_string(), "linux/arm64/v8");
}

#[test]
fn a_manifest_list_keeps_what_windows_images_need() {
    let index: Index = kept(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_INDEX,
        "manifests": [{
            "mediaType": MediaType::DOCKER_MANIFEST,
            "size": 1125,
            "digest": digest("nanoserver"),
            "platform": {
                "architecture": "amd64",
                "os": "windows",
                "os.version": "10.0.20348.2113",
                "os.features": ["win32k"],
                "features": ["sse4"],
            },
        }],
    }));
    let platform = index.manifests[0].platform.as_ref().expect("it has one");
    assert_eq!(platform.os_version.as_deref(), Some("10.0.20348.2113"));
}

#[test]
fn a_manifest_keeps_fields_that_hoist_does_not_know() {
    let manifest: ManifestDocument = kept(&json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.example",
        "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest("{}"), "size": 2, "data": "e30="},
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "size": 10,
            "digest": digest("layer"),
            "urls": ["https://example.org/layer"],
        }],
        "subject": {"mediaType": MediaType::OCI_MANIFEST, "digest": digest("image"), "size": 9},
        "from.the.future": {"z": [1, 2.5, null], "a": true},
    }));
    assert!(manifest.layers[0].media_type.is_foreign());
    assert_eq!(manifest.blobs().count(), 2);
}

#[test]
fn a_configuration_keeps_what_docker_wrote() {
    let config: ImageConfig = kept(&json!({
        "architecture": "arm",
        "variant": "v7",
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "container": "0123",
        "config": {"Env": ["PATH=/bin"], "User": "app", "Labels": {"a": "b"}, "OnBuild": null},
        "rootfs": {"type": "layers", "diff_ids": [digest("layer")]},
        "history": [
            {"created": "2024-01-01T00:00:00Z", "created_by": "COPY . ."},
            {"created_by": "CMD [\"sh\"]", "empty_layer": true},
        ],
    }));
    assert_eq!(
        config.platform().map(|p| p.to_string()).as_deref(),
        Some("linux/arm/v7")
    );
    assert_eq!(config.diff_ids(), [digest("layer")]);
    let made: Vec<_> = config.history.iter().map(HistoryEntry::created).collect();
    assert_eq!(made, ["2024-01-01T00:00:00Z".parse().ok(), None]);
    let epoch = json!({"created": "1970-01-01T00:00:00Z"});
    let epoch: HistoryEntry = serde_json::from_value(epoch).expect("it can be read");
    assert_eq!(epoch.created(), None);
    assert_eq!(config.labels()["a"], "b");
}

#[test]
fn go_writes_empty_lists_as_null() {
    let config: ImageConfig = serde_json::from_value(json!({
        "os": "linux", "architecture": "amd64", "variant": "",
        "config": {"Labels": null}, "history": null, "os.features": null,
    }))
    .expect("it can be read");
    assert_eq!(
        config.platform(),
        Some(Platform::new("linux", "amd64", None))
    );
    assert!(config.labels().is_empty() && config.history.is_empty());
}

#[test]
fn a_document_is_what_its_media_type_says() {
    let index = Index::new(vec![Descriptor::new(
        MediaType::OCI_MANIFEST,
        digest("a"),
        1,
    )]);
    let manifest = index.to_manifest();
    assert_eq!(
        std::str::from_utf8(&manifest.bytes).expect("text"),
        format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":1}}]}}"#,
            MediaType::OCI_MANIFEST,
            digest("a")
        )
    );
    assert_eq!(
        ImageDocument::parse(&manifest).expect("it is one"),
        ImageDocument::Index(index)
    );
    let mistyped = Manifest::new(MediaType::OCI_MANIFEST.into(), manifest.bytes);
    assert!(ImageDocument::parse(&mistyped).is_err());
    let foreign = Manifest::new(MediaType::OCI_MANIFEST.into(), r#"{"schemaVersion":2}"#);
    assert_eq!(
        ImageDocument::parse(&foreign).expect("a registry may hold it"),
        ImageDocument::NotAnImage
    );
}

#[test]
fn a_platform_is_two_or_three_words() {
    for good in ["linux/amd64", "linux/arm64/v8"] {
        assert_eq!(
            good.parse::<Platform>().map(|p| p.to_string()).as_deref(),
            Ok(good)
        );
    }
    for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"] {
        assert!(bad.parse::<Platform>().is_err(), "{bad}");
    }
    let platform = |text: &str| text.parse::<Platform>().expect("a platform");
    for (has, wanted, is) in [
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/arm64", "linux/arm64/v8", true),
        ("linux/arm64", "linux/arm64/v9", false),
        ("linux/arm/v6", "linux/arm", true),
        ("linux/arm", "linux/arm/v6", false),
        ("linux/arm", "linux/arm/v7", true),
        ("linux/arm64", "linux/amd64", false),
    ] {
        assert_eq!(
            platform(has).satisfies(&platform(wanted)),
            is,
            "{has} {wanted}"
        );
    }
}

#[test]
fn of_several_platforms_the_nearest_is_taken() {
    let windows = |version: &str| {
        let mut one = Platform::new("windows", "amd64", None);
        one.os_version = (!version.is_empty()).then(|| version.to_owned());
        one
    };
    let all = ["10.0.17763.1", "10.0.20348.5"].map(windows);
    for (wanted, found) in [
        ("10.0.17763.1", Some(0)),
        ("10.0.17763.2", Some(0)),
        ("10.0.20348.9", Some(1)),
        ("10.0.22000.1", None),
        ("", Some(0)),
    ] {
        let nearest = windows(wanted).nearest(&all, |one| Some(one));
        assert_eq!(nearest, found.map(|place: usize| &all[place]), "{wanted}");
    }
    let arm = |text: &str| text.parse::<Platform>().expect("a platform");
    let all = ["linux/arm/v6", "linux/arm64/v9", "linux/arm64"].map(arm);
    for (wanted, found) in [
        ("linux/arm64/v8", Some(2)),
        ("linux/arm64", Some(2)),
        ("linux/arm64/v9", Some(1)),
        ("linux/arm", None),
    ] {
        let nearest = arm(wanted).nearest(&all, |one| Some(one));
        assert_eq!(nearest, found.map(|place: usize| &all[place]), "{wanted}");
    }
}
