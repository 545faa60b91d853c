//! The image that is published: a layout of layers that do not compress.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Result;

const LAYERS: u64 = 8;
const LAYER: usize = 20 << 20;
pub const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layout on disk.
pub struct Layout {
    pub path: PathBuf,
    /// The digest of its manifest.
    pub digest: String,
    /// Digest and file of each blob.
    pub blobs: Vec<(String, PathBuf)>,
}

/// A layout of layers that do not compress.
pub fn write_layout(path: &Path) -> Result<Layout> {
    let store = path.join("blobs/sha256");
    fs::create_dir_all(&store)?;
    fs::write(
        path.join("oci-layout"),
        "{\"imageLayoutVersion\":\"1.0.0\"}",
    )?;
    let mut blobs = Vec::new();
    let mut put = |bytes: &[u8]| -> Result<String> {
        let hex = hex(bytes);
        let file = store.join(&hex);
        fs::write(&file, bytes)?;
        blobs.push((format!("sha256:{hex}"), file));
        Ok(format!("sha256:{hex}"))
    };
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for number in 0..LAYERS {
        let mut tar = tar::Builder::new(Vec::new());
        let noise = noise(number + 1, LAYER);
        let mut header = tar::Header::new_gnu();
        header.set_size(noise.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("file-{number}"), &*noise)?;
        let tar = tar.into_inner()?;
        diff_ids.push(format!("sha256:{}", hex(&tar)));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&tar)?;
        let packed = packed.finish()?;
        let digest = put(&packed)?;
        layers.push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": digest,
            "size": packed.len(),
        }));
    }
    let config = json!({
        "os": "linux",
        "architecture": "amd64",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = config.to_string();
    let digest = put(config.as_bytes())?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest,
            "size": config.len(),
        },
        "layers": layers,
    });
    let manifest = manifest.to_string().into_bytes();
    let top = hex(&manifest);
    fs::write(store.join(&top), &manifest)?;
    fs::write(path.join("manifest"), &manifest)?;
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{"mediaType": TYPE, "digest": format!("sha256:{top}"), "size": manifest.len()}],
    });
    fs::write(path.join("index.json"), index.to_string())?;
    Ok(Layout {
        path: path.to_owned(),
        digest: format!("sha256:{top}"),
        blobs,
    })
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that nothing packs.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
