//! Publishing a layout: everything is there already at several distances, and nothing is there.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::sandbox::{Clone, GitRemote, Packages, Registry, RegistryOptions};

use super::{
    Bench,
    proxy::Proxy,
    run::{Cost, find, measured, median, version},
};
use crate::Result;

const LAYERS: u64 = 8;
const LAYER: usize = 20 << 20;
/// Round trips, in milliseconds.
const DISTANCES: [u64; 4] = [0, 10, 50, 150];
const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

pub fn measure(bench: &mut Bench) -> Result<()> {
    let packages = Packages::fetch()?;
    let registry = Registry::start(&packages, &RegistryOptions::default())?;
    let skopeo = match find("skopeo") {
        Some(skopeo) => Some(skopeo),
        None => Packages::fetch_skopeo()
            .and_then(|packages| packages.wrapper("skopeo"))
            .map(|folder| folder.join("skopeo"))
            .ok(),
    };
    let curl = find("curl");
    bench.section("Publishing an image of 8 layers, 20 MB each");
    bench.text(&format!("- {}", version(&bench.hoist, &["--version"])));
    for (name, program) in [("skopeo", &skopeo), ("curl", &curl)] {
        bench.text(&match program {
            Some(program) => format!("- {}", version(program, &["--version"])),
            None => format!("- {name}: absent"),
        });
    }
    for peer in ["crane", "regctl", "oras"] {
        if find(peer).is_none() {
            bench.text(&format!("- {peer}: absent"));
        }
    }
    bench.text("- docker push: left out, because it sends what its engine has and not a layout");
    bench
        .text("- the registry: docker-registry of Debian, behind a proxy that adds the round trip");
    let folder = tempfile::tempdir()?;
    let image = write_layout(&folder.path().join("oci"))?;
    let parts = Parts {
        registry,
        image,
        skopeo,
        curl,
    };
    warm(bench, &parts)?;
    cold(bench, &parts)
}

/// What the runs have in common.
struct Parts {
    registry: Registry,
    image: Layout,
    skopeo: Option<PathBuf>,
    curl: Option<PathBuf>,
}

/// A layout on disk.
struct Layout {
    path: PathBuf,
    /// Digest and file of each blob.
    blobs: Vec<(String, PathBuf)>,
}

fn tag_table(tags: usize) -> String {
    let more: Vec<String> = (6..tags)
        .map(|number| format!("\"more-{number}\""))
        .collect();
    format!(
        "[tags]\nmoving = [\"{{major}}.{{minor}}\", \"{{major}}\", \"latest\", \"{{date}}\", {}]\n",
        more.join(", ")
    )
}

const COLUMNS: [&str; 8] = [
    "round trip",
    "tags",
    "program",
    "on the clock, s",
    "CPU, s",
    "requests",
    "in a row",
    "connections",
];

/// The runs of one table, by program.
type Rows = BTreeMap<&'static str, Vec<(Cost, [u64; 3])>>;

/// What is run in turns: a release, and what the peers do for the same.
struct Turn<'a, 'r> {
    clone: &'a Clone<'r>,
    version: String,
    /// What skopeo's row is called, and the references that it copies to.
    skopeo: (&'static str, Vec<String>),
    /// What curl's row is called, and its command line.
    curl: (&'static str, &'a dyn Fn(&Path) -> String),
}

impl Turn<'_, '_> {
    fn run(self, bench: &Bench, parts: &Parts, proxy: &Proxy, rows: &mut Rows) -> Result<()> {
        let own = release(bench, self.clone, &self.version, proxy)?;
        rows.entry("hoist release").or_default().push(own);
        if let Some(skopeo) = &parts.skopeo {
            let copies: Vec<String> = self
                .skopeo
                .1
                .iter()
                .map(|reference| {
                    format!(
                        "{} copy --quiet --insecure-policy --dest-tls-verify=false oci:{} docker://{reference}",
                        skopeo.display(),
                        parts.image.path.display()
                    )
                })
                .collect();
            let cost = run(&copies.join(" && "), proxy)?;
            rows.entry(self.skopeo.0).or_default().push(cost);
        }
        if let Some(curl) = &parts.curl {
            let cost = run(&self.curl.1(curl), proxy)?;
            rows.entry(self.curl.0).or_default().push(cost);
        }
        Ok(())
    }
}

/// Every tag is new or moves; all content is in the repository.
fn warm(bench: &mut Bench, parts: &Parts) -> Result<()> {
    bench.text("\n### Everything is there already, the tags move\n");
    bench.head(&COLUMNS);
    for tags in [6, 12] {
        for distance in DISTANCES {
            let target = parts.registry.address();
            let proxy = Proxy::start(target, Duration::from_millis(distance))?;
            let mut rows = Rows::new();
            let remote = GitRemote::new();
            let name = format!("acme/warm-{tags}-{distance}");
            let repository = format!("{}/{name}", proxy.address());
            let clone = project(&remote, &repository, &parts.image, &tag_table(tags));
            release(bench, &clone, "1.0.0", &proxy)?;
            let names: Vec<String> = (0..tags).map(|tag| format!("peer-{tag}")).collect();
            for round in 1..=bench.rounds {
                clone.commit("feat: more");
                clone.push();
                let references = names.iter().map(|tag| format!("{repository}:{tag}"));
                let turn = Turn {
                    clone: &clone,
                    version: format!("1.{round}.0"),
                    skopeo: ("skopeo copy, each tag", references.collect()),
                    curl: ("curl, one PUT a tag", &|curl| {
                        curl_puts(curl, parts, &repository, &names)
                    }),
                };
                turn.run(bench, parts, &proxy, &mut rows)?;
            }
            table(bench, &format!("{distance} ms | {tags}"), rows);
        }
    }
    Ok(())
}

/// Nothing is there; six tags, near and far.
fn cold(bench: &mut Bench, parts: &Parts) -> Result<()> {
    bench.text("\n### Nothing is there yet, 160 MB are sent\n");
    bench.head(&COLUMNS);
    for distance in [0, 50] {
        let target = parts.registry.address();
        let proxy = Proxy::start(target, Duration::from_millis(distance))?;
        let mut rows = Rows::new();
        for round in 0..bench.rounds {
            let remote = GitRemote::new();
            let repository =
                |who: &str| format!("{}/acme/cold-{who}-{distance}-{round}", proxy.address());
            let clone = project(&remote, &repository("hoist"), &parts.image, &tag_table(6));
            let turn = Turn {
                clone: &clone,
                version: "1.0.0".to_owned(),
                skopeo: (
                    "skopeo copy, one tag",
                    vec![format!("{}:1", repository("skopeo"))],
                ),
                curl: ("curl, four at once, one tag", &|curl| {
                    curl_uploads(curl, parts, &repository("curl"))
                }),
            };
            turn.run(bench, parts, &proxy, &mut rows)?;
        }
        table(bench, &format!("{distance} ms | 6"), rows);
    }
    Ok(())
}

fn table(bench: &mut Bench, what: &str, rows: Rows) {
    for (name, mut runs) in rows {
        runs.sort_by(|a, b| a.0.wall.total_cmp(&b.0.wall));
        let costs: Vec<Cost> = runs.iter().map(|(cost, _)| *cost).collect();
        let (_, [requests, in_a_row, connections]) = runs[runs.len() / 2];
        let in_a_row = match in_a_row {
            0 => "-".to_owned(),
            some => some.to_string(),
        };
        bench.row(&[
            what.to_owned(),
            name.to_owned(),
            format!("{:.2}", median(costs.clone(), |cost| cost.wall).wall),
            format!("{:.2}", median(costs, |cost| cost.cpu).cpu),
            requests.to_string(),
            in_a_row,
            connections.to_string(),
        ]);
    }
}

fn run(line: &str, proxy: &Proxy) -> Result<(Cost, [u64; 3])> {
    proxy.take();
    let cost = measured(line, |_| {})?;
    let (requests, connections) = proxy.take();
    Ok((cost, [requests, 0, connections]))
}

fn release(
    bench: &Bench,
    clone: &Clone<'_>,
    version: &str,
    proxy: &Proxy,
) -> Result<(Cost, [u64; 3])> {
    let trace = clone.path().with_extension("trace.json");
    let line = format!(
        "{} release --yes --allow-same-image --version {version} --trace {}",
        bench.hoist.display(),
        trace.display()
    );
    proxy.take();
    let cost = measured(&line, |command| {
        command.env_clear().current_dir(clone.path());
        for (name, value) in clone.command("true").get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
    })?;
    let (requests, connections) = proxy.take();
    Ok((cost, [requests, in_a_row(&trace)?, connections]))
}

/// The longest chain of requests each of which began when the one before it was over.
fn in_a_row(trace: &Path) -> Result<u64> {
    let events: Vec<Value> = serde_json::from_slice(&fs::read(trace)?)?;
    let mut longest = 0;
    let mut open: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["name"] == "request") {
        let id = event["id"].as_u64().unwrap_or_default();
        match event["ph"].as_str() {
            Some("b") => drop(open.insert(id, longest + 1)),
            _ => longest = open.remove(&id).map_or(longest, |depth| longest.max(depth)),
        }
    }
    Ok(longest)
}

fn project<'r>(remote: &'r GitRemote, repository: &str, image: &Layout, tags: &str) -> Clone<'r> {
    let clone = remote.clone("a", &[]);
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"{}\"\n{tags}",
            image.path.display()
        ),
    );
    clone.commit("feat: begin");
    clone.push();
    clone
}

/// A curl for each tag, one after another.
fn curl_puts(curl: &Path, parts: &Parts, repository: &str, names: &[String]) -> String {
    let (host, name) = repository.split_once('/').unwrap_or_default();
    let manifest = parts.image.path.join("manifest");
    let puts = names.iter().map(|tag| {
        format!(
            "{} -sf -X PUT -H 'Content-Type: {TYPE}' --data-binary @{} http://{host}/v2/{name}/manifests/{tag}",
            curl.display(),
            manifest.display()
        )
    });
    puts.collect::<Vec<_>>().join(" && ")
}

/// Each blob with an upload of its own, four at once; then the manifest.
fn curl_uploads(curl: &Path, parts: &Parts, repository: &str) -> String {
    let (host, name) = repository.split_once('/').unwrap_or_default();
    let curl_name = curl.display();
    let files: Vec<String> = parts
        .image
        .blobs
        .iter()
        .map(|(digest, file)| format!("{digest} {}", file.display()))
        .collect();
    let upload = format!(
        "u=$({curl_name} -sf -X POST -D - -o /dev/null http://{host}/v2/{name}/blobs/uploads/ | tr -d \"\\r\" | sed -n \"s/^[Ll]ocation: //p\"); \
         case $u in *\\?*) s=\"&\";; *) s=\"?\";; esac; \
         {curl_name} -sf -X PUT -H \"Content-Type: application/octet-stream\" -T \"$1\" \"$u${{s}}digest=$0\""
    );
    format!(
        "printf '%s\\n' {} | xargs -P4 -L1 sh -c '{upload}' && {}",
        files
            .iter()
            .map(|file| format!("'{file}'"))
            .collect::<Vec<_>>()
            .join(" "),
        curl_puts(curl, parts, repository, &["1".to_owned()])
    )
}

/// A layout of layers that do not compress.
fn write_layout(path: &Path) -> Result<Layout> {
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
