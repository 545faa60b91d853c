//! Legs made by hand.

mod descriptions;
mod hints;
mod joined;
mod mistakes;
mod platforms;
mod sources;
mod statements;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    build::join::{
        Expected, Leg,
        content::LegContent,
        index::{Joined, join},
    },
    oci::{Digest, ImageName, Index, Manifest, MediaType, Platform},
};

const COMMIT: &str = "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3";
const OTHER: &str = "2222222222222222222222222222222222222222";
const PARENT: &str = "1111111111111111111111111111111111111111";
/// The type of a layer that is not packed.
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const TREE: &str = "4444444444444444444444444444444444444444";

/// What is wrong with one of two legs, the words that the refusal has, and the legs.
type Mistake = (&'static str, &'static [&'static str], Vec<LegContent>);

/// What makes one leg.
#[derive(Clone)]
struct Made {
    file: &'static str,
    /// The configuration: platform and labels.
    config: Value,
    /// The platform that the index says, where the leg is an index.
    listed: Value,
    annotations: Value,
    attested: bool,
    /// What is said of it beside its labels: annotations of its entry in the innermost index, of that index, of
    /// the index's entry in the one around it, of the entry in `index.json`, and of that file itself.
    entry_annotations: Value,
    index_annotations: Value,
    outer_annotations: Value,
    listed_annotations: Value,
    layout_annotations: Value,
    /// How many indexes are around it.
    nested: usize,
    claims: Option<Value>,
    docker: bool,
}

fn made(file: &'static str, platform: &str) -> Made {
    let platform: Platform = platform.parse().expect("a platform");
    let mut config = json!({
        "os": platform.os,
        "architecture": platform.architecture,
        "config": {"Labels": {
            "org.opencontainers.image.revision": COMMIT,
            "org.opencontainers.image.version": "1.3.0",
        }},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(file.as_bytes())]},
    });
    if let Some(variant) = &platform.variant {
        config["variant"] = json!(variant);
    }
    Made {
        file,
        config,
        listed: Value::Null,
        annotations: json!({"org.opencontainers.image.title": "api", "of": file}),
        entry_annotations: json!({}),
        index_annotations: json!({}),
        outer_annotations: json!({}),
        listed_annotations: json!({}),
        layout_annotations: json!({}),
        attested: false,
        nested: 0,
        claims: None,
        docker: false,
    }
}

/// The same with a description that is right.
fn described(file: &'static str, platform: &str) -> Made {
    Made {
        claims: Some(json!({})),
        ..made(file, platform)
    }
}

impl Made {
    fn attested(mut self) -> Self {
        self.attested = true;
        self.nested = self.nested.max(1);
        self
    }

    fn nested(mut self, times: usize) -> Self {
        self.nested = times;
        self
    }

    /// With a label, or without it.
    fn label(mut self, key: &str, value: Value) -> Self {
        let key = format!("org.opencontainers.image.{key}");
        let labels = self.config["config"]["Labels"].as_object_mut();
        let labels = labels.expect("labels");
        match value.is_null() {
            true => drop(labels.remove(&key)),
            false => drop(labels.insert(key, value)),
        }
        self
    }

    /// With another word in the description.
    fn claims(mut self, field: &str, value: Value) -> Self {
        let claims = self.claims.as_mut().expect("it has a description");
        claims[field] = value;
        self
    }

    fn config(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self
    }

    fn leg(&self) -> LegContent {
        let (kind, config_type) = match self.docker {
            true => (MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG),
            false => (MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG),
        };
        let config = self.config.to_string().into_bytes();
        let digest = Digest::of(&config);
        let layer = json!({"mediaType": PLAIN, "digest": Digest::of(self.file.as_bytes()), "size": self.file.len()});
        let image = document(
            kind,
            &json!({
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {"mediaType": config_type, "digest": digest, "size": config.len()},
                "layers": [layer],
                "annotations": self.annotations,
            }),
        );
        let mut configs = BTreeMap::from([(digest, config)]);
        let mut entry = serde_json::to_value(image.descriptor()).expect("plain data");
        if !self.listed.is_null() {
            entry["platform"] = self.listed.clone();
        }
        entry["annotations"] = self.entry_annotations.clone();
        let mut children = Vec::new();
        let mut entries = vec![entry];
        if self.attested {
            let (attestation, statement) = attestation(&image);
            entries.push(statement.0);
            configs.insert(statement.1, statement.2);
            children.push(attestation);
        }
        let mut top = image;
        let mut annotations = self.index_annotations.clone();
        for _ in 0..self.nested {
            children.push(top);
            top = document(
                MediaType::OCI_INDEX,
                &json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries, "annotations": annotations}),
            );
            annotations = json!({});
            entries = vec![serde_json::to_value(top.descriptor()).expect("plain data")];
            entries[0]["annotations"] = self.outer_annotations.clone();
        }
        LegContent {
            file: self.file.to_owned(),
            claims: self
                .claims
                .as_ref()
                .map(|over| claims(&top, &self.config, over)),
            listed: serde_json::from_value(self.listed_annotations.clone()).expect("texts"),
            of_layout: serde_json::from_value(self.layout_annotations.clone()).expect("texts"),
            manifest: top,
            children,
            configs,
        }
    }
}

fn document(kind: &str, value: &Value) -> Manifest {
    Manifest::new(kind.into(), value.to_string().into_bytes())
}

/// The description of a leg, with some fields replaced.
fn claims(top: &Manifest, config: &Value, over: &Value) -> Leg {
    let text = |field: &str| config[field].as_str().unwrap_or_default();
    let mut platform = format!("{}/{}", text("os"), text("architecture"));
    if let Some(variant) = config["variant"].as_str() {
        platform = format!("{platform}/{variant}");
    }
    let mut leg = json!({
        "v": 1, "type": "leg", "image": "main", "variant": null, "version": "1.3.0",
        "commit": COMMIT, "tree": TREE, "policy": Digest::of(b"policy"),
        "instant": "2026-01-02T03:04:05Z", "platforms": [platform],
        "digest": top.digest(), "mediaType": top.media_type, "size": top.bytes.len(),
        "base": [], "builder": "Docker", "staged": [],
    });
    for (field, value) in over.as_object().expect("an object") {
        leg[field] = value.clone();
    }
    Leg::parse(&leg.to_string(), "leg.json").expect("a leg")
}

/// BuildKit's attestation of an image: the manifest, its entry, and its configuration.
fn attestation(image: &Manifest) -> (Manifest, (Value, Digest, Vec<u8>)) {
    let config = json!({"os": "unknown", "architecture": "unknown", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}});
    let config = config.to_string().into_bytes();
    let digest = Digest::of(&config);
    let statement = json!({"mediaType": "application/vnd.in-toto+json", "digest": Digest::of(image.digest().as_str().as_bytes()), "size": image.digest().as_str().len()});
    let manifest = document(
        MediaType::OCI_MANIFEST,
        &json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
            "layers": [statement],
        }),
    );
    let mut entry = serde_json::to_value(manifest.descriptor()).expect("plain data");
    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest(),
    });
    (manifest, (entry, digest, config))
}

fn expected(platforms: &[&str]) -> Expected {
    let platforms = platforms
        .iter()
        .map(|text| text.parse().expect("a platform"));
    Expected {
        image: ImageName::main(),
        is_one_of_several: false,
        suffix: String::new(),
        version: "1.3.0".parse().expect("a version"),
        branch: None,
        commit: COMMIT.parse().expect("a commit"),
        parent: None,
        tree: Some(TREE.parse().expect("a tree")),
        policy: Digest::of(b"policy"),
        policy_file: None,
        accepts_dirty: false,
        platforms: platforms.collect(),
        layouts: None,
        repositories: vec!["docker.io/acme/api".parse().expect("a repository")],
    }
}

fn joined(legs: &[LegContent], platforms: &[&str]) -> Joined {
    match join(legs, Some(&expected(platforms))) {
        Ok(joined) => joined,
        Err(error) => panic!("{error:#}"),
    }
}

fn entries(joined: &Joined) -> Vec<String> {
    let index: Index = serde_json::from_slice(&joined.manifest.bytes).expect("an index");
    let entry = |entry: &crate::oci::Descriptor| match &entry.platform {
        Some(platform) => platform.in_full(),
        None => "none".to_owned(),
    };
    index.manifests.iter().map(entry).collect()
}

fn permutations<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (place, first) in all.iter().enumerate() {
        let mut rest = all.to_vec();
        rest.remove(place);
        for mut tail in permutations(&rest) {
            tail.insert(0, first.clone());
            found.push(tail);
        }
    }
    found
}
