//! Memory does not grow with the image.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use hoist::oci::{Digest, Hasher};

use crate::support::{self, Run, World};

const LAYER: usize = 256 << 20;
/// Far below the layer, well above what the program needs at rest.
const LIMIT: usize = 100 << 20;

#[test]
fn a_large_layer_passes_through_a_small_program() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["large/api"]);
    let clone = world.project("a");
    let repository = registry.repository("large/api");
    clone.write(
        "release.toml",
        format!("[image]\nrepository = \"{repository}\"\nbuild.layout = \"dist/oci\"\n"),
    );
    world.change(&clone, "feat: begin");
    write_layout(&clone.path().join("dist/oci"));

    let mut command = world.command(&clone, &["release", "--yes"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let peak = peak_memory(&mut child);
    Run::from(child.wait_with_output().unwrap()).expect(0);
    assert!(world.shows("0.1.0").is_some());
    assert!(peak > 1 << 20, "the peak was not read: {peak}");
    assert!(
        peak < LIMIT,
        "{} MiB for a layer of {} MiB",
        peak >> 20,
        LAYER >> 20
    );
}

/// The highest resident memory that the process reported while it lived, in bytes.
fn peak_memory(child: &mut Child) -> usize {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) =
            line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok())
        {
            peak = peak.max(kib << 10);
        }
        // The kernel keeps the high-water mark; this only has to see it before the end.
        std::thread::sleep(Duration::from_millis(10));
    }
    peak
}

/// An image of one layer that does not compress.
fn write_layout(folder: &Path) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let layer = write_layer(&blobs);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    });
    let blob = |value: &serde_json::Value| {
        let bytes = value.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        fs::write(blobs.join(digest.hex()), &bytes).unwrap();
        (digest.to_string(), bytes.len())
    };
    let (config, config_size) = blob(&config);
    let media = |kind: &str| format!("application/vnd.oci.image.{kind}");
    let (manifest, manifest_size) = blob(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media("manifest.v1+json"),
        "config": { "mediaType": media("config.v1+json"), "digest": config, "size": config_size },
        "layers": [{ "mediaType": media("layer.v1.tar"), "digest": layer, "size": LAYER }],
    }));
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{ "mediaType": media("manifest.v1+json"), "digest": manifest, "size": manifest_size }],
    });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
}

/// A layer of noise (xorshift), hashed while it is written; its digest.
fn write_layer(blobs: &Path) -> String {
    let partial = blobs.join("partial");
    let mut file = BufWriter::new(File::create(&partial).unwrap());
    let mut hasher = Hasher::default();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..LAYER / chunk.len() {
        for eight in chunk.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            eight.copy_from_slice(&state.to_le_bytes());
        }
        hasher.update(&chunk);
        file.write_all(&chunk).unwrap();
    }
    file.flush().unwrap();
    let digest = hasher.finish();
    fs::rename(partial, blobs.join(digest.hex())).unwrap();
    digest.to_string()
}
