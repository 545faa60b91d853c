//! The other tools that publish a layout, as far as they can be had, and their command lines.

use std::path::{Path, PathBuf};

use testkit::sandbox::Packages;

use super::{
    layout::{Layout, TYPE},
    run::{find, version},
};

/// How a tool is told to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Crane,
    Curl,
    Oras,
    Regctl,
    Skopeo,
}

/// All of them, in the order of the tables.
const ALL: [(Way, &str, &[&str]); 5] = [
    (Way::Crane, "crane", &["version"]),
    (
        Way::Regctl,
        "regctl",
        &["version", "--format", "regctl {{.VCSTag}}"],
    ),
    (Way::Oras, "oras", &["version"]),
    (Way::Skopeo, "skopeo", &["--version"]),
    (Way::Curl, "curl", &["--version"]),
];

/// A tool of this machine.
pub struct Peer {
    way: Way,
    program: PathBuf,
}

/// The tools that could be had, and a line on each of them and of those that could not.
pub fn find_all() -> (Vec<Peer>, Vec<String>) {
    let (mut peers, mut lines) = (Vec::new(), Vec::new());
    for (way, name, asked) in ALL {
        let Some(program) = find(name).or_else(|| fetch(way, name)) else {
            lines.push(format!("- {name}: absent"));
            continue;
        };
        let said = version(&program, asked);
        let said = said.replacen("Version:", "", 1);
        let said = said.trim();
        lines.push(match said.contains(name) {
            true => format!("- {said}"),
            false => format!("- {name} {said}"),
        });
        peers.push(Peer { way, program });
    }
    (peers, lines)
}

/// The program from Debian's packages.
fn fetch(way: Way, name: &str) -> Option<PathBuf> {
    let folder = match way {
        Way::Skopeo => Packages::fetch_skopeo().and_then(|packages| packages.wrapper(name)),
        Way::Curl => Packages::fetch_curl().and_then(|packages| packages.wrapper(name)),
        // They are in the newest suite alone.
        Way::Crane | Way::Oras => Packages::fetch_judges().and_then(|packages| packages.judges()),
        Way::Regctl => return None,
    };
    Some(folder.ok()?.join(name))
}

impl Peer {
    /// What its row is called where everything is there already, and it puts several tags.
    pub fn warm(&self) -> &'static str {
        match self.way {
            Way::Crane => "crane push, then crane tag",
            Way::Curl => "curl, one PUT a tag",
            Way::Oras => "oras cp, all tags at once",
            Way::Regctl => "regctl image copy, then each tag",
            Way::Skopeo => "skopeo copy, each tag",
        }
    }

    /// What its row is called where nothing is there.
    pub fn cold(&self) -> &'static str {
        match self.way {
            Way::Crane => "crane push, one tag",
            Way::Curl => "curl, four at once, one tag",
            Way::Oras => "oras cp, one tag",
            Way::Regctl => "regctl image copy, one tag",
            Way::Skopeo => "skopeo copy, one tag",
        }
    }

    /// The command line that makes `tags` of a repository show the image, whose blobs are there.
    pub fn put_tags(&self, image: &Layout, repository: &str, tags: &[String]) -> String {
        match self.way {
            Way::Curl => curl_puts(&self.program, image, repository, tags),
            _ => self.copy(image, repository, tags),
        }
    }

    /// The command line that sends the image to an empty repository, under one tag.
    pub fn send(&self, image: &Layout, repository: &str) -> String {
        let one = ["1".to_owned()];
        match self.way {
            Way::Curl => curl_uploads(&self.program, image, repository, &one),
            _ => self.copy(image, repository, &one),
        }
    }

    fn copy(&self, image: &Layout, repository: &str, tags: &[String]) -> String {
        let (program, path) = (self.program.display(), image.path.display());
        let (first, rest) = tags.split_first().expect("there are tags");
        let join = |lines: Vec<String>| lines.join(" && ");
        match self.way {
            Way::Crane => {
                let push = format!("{program} push {path} {repository}:{first}");
                let tag = |tag: &String| format!("{program} tag {repository}:{first} {tag}");
                join([push].into_iter().chain(rest.iter().map(tag)).collect())
            }
            Way::Oras => format!(
                "{program} cp --from-oci-layout --to-plain-http {path}@{} {repository}:{}",
                image.digest,
                tags.join(",")
            ),
            Way::Regctl => {
                let host = repository.split('/').next().unwrap_or_default();
                let copy = |from: String, tag: &String| {
                    format!(
                        "{program} --host reg={host},tls=disabled image copy {from} {repository}:{tag}"
                    )
                };
                let own = copy(format!("ocidir://{path}@{}", image.digest), first);
                let again = rest
                    .iter()
                    .map(|tag| copy(format!("{repository}:{first}"), tag));
                join([own].into_iter().chain(again).collect())
            }
            Way::Skopeo | Way::Curl => {
                let copy = |tag: &String| {
                    format!(
                        "{program} copy --quiet --insecure-policy --dest-tls-verify=false oci:{path} docker://{repository}:{tag}"
                    )
                };
                join(tags.iter().map(copy).collect())
            }
        }
    }
}

/// A curl for each tag, one after another.
fn curl_puts(curl: &Path, image: &Layout, repository: &str, names: &[String]) -> String {
    let (host, name) = repository.split_once('/').unwrap_or_default();
    let manifest = image.path.join("manifest");
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
fn curl_uploads(curl: &Path, image: &Layout, repository: &str, names: &[String]) -> String {
    let (host, name) = repository.split_once('/').unwrap_or_default();
    let curl_name = curl.display();
    let files: Vec<String> = image
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
        curl_puts(curl, image, repository, names)
    )
}
