//! OCI layouts made by hand: images of one small file, indexes, attestations as BuildKit makes them.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use hoist::oci::{Digest, MediaType};
use serde_json::{Value, json};

/// A layout that is being written. Descriptors are JSON, as they stand in a manifest.
pub struct Layout {
    folder: PathBuf,
    /// Configs and layers that were written, with their size in bytes.
    pub blobs: Vec<(Digest, u64)>,
    /// Annotations of the manifests of images.
    pub annotations: Value,
}

impl Layout {
    /// An empty layout in place of whatever was in `folder`.
    pub fn new(folder: &Path) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(
            folder.join("oci-layout"),
            "{\"imageLayoutVersion\":\"1.0.0\"}",
        )
        .unwrap();
        Self {
            folder: folder.to_owned(),
            blobs: Vec::new(),
            annotations: Value::Null,
        }
    }

    fn store(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        let file = self.folder.join("blobs/sha256").join(digest.hex());
        fs::write(file, bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Writes a configuration or layer; its descriptor.
    pub fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        self.blobs.push((Digest::of(bytes), bytes.len() as u64));
        self.store(media_type, bytes)
    }

    /// A document with whitespace that no serialiser writes: parsed and written again, its digest
    /// would be another one.
    pub fn document(&self, media_type: &str, document: &Value) -> Value {
        let text = serde_json::to_string_pretty(document).unwrap();
        let text = text.replace("\": ", "\"  :\t");
        self.store(media_type, text.as_bytes())
    }

    /// An image for `linux/architecture` whose one file holds `content`.
    pub fn image(&mut self, architecture: &str, labels: &Value, content: &[u8]) -> Value {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "content", content).unwrap();
        let tar = tar.into_inner().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&tar).unwrap();
        let layer = self.blob(MediaType::OCI_LAYER_GZIP, &packed.finish().unwrap());
        let config = json!({
            "os": "linux",
            "architecture": architecture,
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&tar)]},
        });
        let config = self.blob(MediaType::OCI_CONFIG, config.to_string().as_bytes());
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config,
            "layers": [layer],
        });
        if !self.annotations.is_null() {
            manifest["annotations"] = self.annotations.clone();
        }
        let mut descriptor = self.document(MediaType::OCI_MANIFEST, &manifest);
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        descriptor
    }

    /// The attestation of an image: a manifest for `unknown/unknown` whose layer is a statement.
    pub fn attestation(&mut self, image: &Value) -> Value {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "subject": [{"digest": image["digest"]}],
        });
        let statement = statement.to_string();
        let mut layer = self.blob("application/vnd.in-toto+json", statement.as_bytes());
        layer["annotations"] =
            json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"});
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let config = self.blob(MediaType::OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config,
            "layers": [layer],
        });
        let mut descriptor = self.document(MediaType::OCI_MANIFEST, &manifest);
        descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        descriptor["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image["digest"],
        });
        descriptor
    }

    /// An index of these, in their order.
    pub fn index(&self, manifests: &[Value]) -> Value {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": manifests,
        });
        self.document(MediaType::OCI_INDEX, &index)
    }

    /// Ends the layout with the one thing that it is of; its digest.
    pub fn finish(self, top: &Value) -> Digest {
        self.list(std::slice::from_ref(top));
        top["digest"].as_str().unwrap().parse().unwrap()
    }

    /// Ends the layout with a list of these.
    pub fn list(self, entries: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": entries});
        fs::write(self.folder.join("index.json"), index.to_string()).unwrap();
    }
}

/// So many bytes that do not compress, the same for the same seed.
pub fn noise(seed: &str, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last = seed.to_owned();
    while bytes.len() < count {
        last = Digest::of(last.as_bytes()).hex().to_owned();
        let pairs = last.as_bytes().chunks(2);
        bytes.extend(pairs.map(|pair| {
            let text = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(text, 16).unwrap()
        }));
    }
    bytes.truncate(count);
    bytes
}
