//! hoist's image as an OCI layout, made without an engine: one layer with the system, one with the program, for each
//! architecture. The same files give the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    root::{Entry, USER},
    target::Target,
};
use crate::Result;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What the image's labels say.
pub struct Facts {
    pub version: String,
    /// The commit's whole id.
    pub commit: String,
    /// As RFC 3339 writes it.
    pub created: String,
    pub epoch: u64,
}

/// An image of one architecture.
pub struct Image {
    pub target: Target,
    /// From the lowest layer to the highest, each with a name.
    pub layers: Vec<(&'static str, BTreeMap<String, Entry>)>,
}

/// Writes the layout into a folder that does not exist.
///
/// # Errors
/// It cannot be written.
pub fn write(folder: &Path, images: &[Image], facts: &Facts) -> Result<()> {
    let layout = Layout { folder, facts };
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let mut manifests = Vec::new();
    for image in images {
        let mut descriptor = layout.image(image)?;
        descriptor["platform"] = json!({ "architecture": image.target.debian, "os": "linux" });
        manifests.push(descriptor);
    }
    let index = |manifests: &[Value]| json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let top = match &*manifests {
        [image] => image.clone(),
        several => layout.blob(INDEX, index(several).to_string().as_bytes())?,
    };
    fs::write(folder.join("index.json"), index(&[top]).to_string())?;
    Ok(())
}

struct Layout<'a> {
    folder: &'a Path,
    facts: &'a Facts,
}

impl Layout<'_> {
    fn blob(&self, media_type: &str, content: &[u8]) -> Result<Value> {
        let hex = hex(content);
        fs::write(self.folder.join("blobs/sha256").join(&hex), content)?;
        Ok(
            json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": content.len() }),
        )
    }

    fn image(&self, image: &Image) -> Result<Value> {
        let (mut layers, mut diffs, mut history) = (Vec::new(), Vec::new(), Vec::new());
        for (name, entries) in &image.layers {
            let tar = pack(entries, self.facts.epoch)?;
            diffs.push(format!("sha256:{}", hex(&tar)));
            layers.push(self.blob(LAYER, &compress(&tar)?)?);
            history.push(json!({ "created": self.facts.created, "created_by": format!("cargo xtask dist: {name}") }));
        }
        let labels = json!({
            "org.opencontainers.image.title": "hoist",
            "org.opencontainers.image.description": "Cuts a release of a container image: all tags or none",
            "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            "org.opencontainers.image.source": "https://github.com/hoist-rs/hoist",
            "org.opencontainers.image.version": self.facts.version,
            "org.opencontainers.image.revision": self.facts.commit,
            "org.opencontainers.image.created": self.facts.created,
        });
        let config = json!({
            "created": self.facts.created,
            "architecture": image.target.debian,
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": ["PATH=/usr/local/bin:/usr/bin", "HOME=/home/hoist"],
                "Entrypoint": ["hoist"],
                "WorkingDir": "/work",
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": diffs },
            "history": history,
        });
        let config = self.blob(CONFIG, config.to_string().as_bytes())?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }
}

fn pack(entries: &BTreeMap<String, Entry>, epoch: u64) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(epoch);
        header.set_mode(mode);
        header.set_size(0);
        header
    };
    let mut folders = BTreeSet::new();
    for (path, entry) in entries {
        let above = Path::new(path).ancestors().skip(1);
        let mut above: Vec<_> = above.filter(|folder| *folder != Path::new("")).collect();
        above.reverse();
        for folder in above {
            if folders.insert(folder.to_owned()) {
                let mut header = header(0o755);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, folder, &[][..])?;
            }
        }
        match entry {
            Entry::File {
                content,
                executable,
            } => {
                let mut header = header(if *executable { 0o755 } else { 0o644 });
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, path, &**content)?;
            }
            Entry::Link(to) => {
                let mut header = header(0o777);
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, to)?;
            }
            Entry::Folder(mode) => {
                let mut header = header(*mode);
                header.set_entry_type(tar::EntryType::Directory);
                if !["root", "tmp"].contains(&&**path) {
                    header.set_uid(USER);
                    header.set_gid(USER);
                }
                tar.append_data(&mut header, path, &[][..])?;
            }
        }
    }
    Ok(tar.into_inner()?)
}

fn compress(tar: &[u8]) -> Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut gzip, tar)?;
    Ok(gzip.finish()?)
}

fn hex(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
