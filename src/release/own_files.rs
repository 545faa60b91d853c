//! Files in the work tree that hoist itself writes and reads: plans, legs, and what it prints into. No commit has
//! them, and they do not count as changes of the project.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    build::Leg,
    io::{git::read::DirtyPath, layout},
    oci::annotation,
    plan::Plan,
    regular_file,
    release::{facade::Release, request::LegPath},
};

/// Paths of a dirty tree that a message names.
const SHOWN: usize = 5;
/// Longest plan or list of legs that is looked at, in bytes.
const LONGEST: u64 = 4 << 20;
/// How deep folders are looked into.
const DEPTH: usize = 4;
/// Most names that are looked at in one folder.
const MOST_NAMES: usize = 100;

/// What counts as a change of the project, a few paths: all that differs from HEAD but the policy, which is told by
/// itself, and but what is untracked and hoist's own.
pub(super) fn uncommitted(
    dirty: Vec<DirtyPath>,
    policy: Option<&str>,
    is_own: impl Fn(&str) -> bool,
) -> Vec<DirtyPath> {
    dirty
        .into_iter()
        .filter(|dirty| policy != Some(&*dirty.path))
        .filter(|dirty| !(dirty.is_untracked && is_own(&dirty.path)))
        .take(SHOWN)
        .collect()
}

impl Release {
    /// Whether all that lies at an untracked `path` is hoist's own: a leg that `from` names, what `hoist build` or
    /// `hoist plan` has written, or the file that this run prints into.
    pub(super) fn is_own_file(&self, path: &str, from: &[LegPath]) -> bool {
        // What is wrong with `from` is told where the legs are read.
        let inputs = |leg| {
            self.leg_inputs(std::slice::from_ref(leg))
                .unwrap_or_default()
        };
        let named: Vec<PathBuf> = from
            .iter()
            .flat_map(inputs)
            .filter_map(|leg| fs::canonicalize(&leg.path).ok())
            .collect();
        let top = fs::canonicalize(self.top()).unwrap_or_else(|_| self.top().to_owned());
        is_own(&top.join(path), &named, DEPTH)
    }
}

fn is_own(path: &Path, named: &[PathBuf], depth: usize) -> bool {
    if named.iter().any(|named| named == path) {
        return true;
    }
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return false;
    };
    if metadata.is_dir() {
        return layout::is_marked(path, annotation::LEG) || is_folder_of_own(path, named, depth);
    }
    metadata.is_file()
        && (regular_file::is_stdout(&metadata)
            || layout::is_marked(path, annotation::LEG)
            || metadata.len() <= LONGEST && is_own_text(path))
}

/// Whether a folder holds nothing else than hoist's own.
fn is_folder_of_own(path: &Path, named: &[PathBuf], depth: usize) -> bool {
    let names: io::Result<Vec<_>> = match (depth, fs::read_dir(path)) {
        (1.., Ok(names)) => names.take(MOST_NAMES + 1).collect(),
        _ => return false,
    };
    names.is_ok_and(|names| {
        (1..=MOST_NAMES).contains(&names.len())
            && names
                .iter()
                .all(|name| is_own(&name.path(), named, depth - 1))
    })
}

/// Whether it is a plan or a list of legs.
fn is_own_text(path: &Path) -> bool {
    let mut first = [0];
    let begun = regular_file::open(path).and_then(|mut file| file.read_exact(&mut first));
    if begun.is_err() || first != *b"{" {
        return false;
    }
    regular_file::read_text(path).is_ok_and(|text| {
        Leg::parse_all(&text, "").is_ok() || serde_json::from_str::<Plan>(&text).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{
        io::git::read::DirtyPath,
        release::own_files::{is_own, uncommitted},
    };

    #[test]
    fn what_is_untracked_and_own_is_no_change() {
        let dirty = |path: &str, is_untracked| DirtyPath {
            path: path.to_owned(),
            is_untracked,
        };
        let all = vec![
            dirty("a.json", true),
            dirty("b.json", false),
            dirty("release.toml", true),
            dirty("src.txt", true),
        ];
        let own = |path: &str| path.ends_with(".json");
        let changed = uncommitted(all.clone(), Some("release.toml"), own);
        let changed: Vec<_> = changed.iter().map(|one| &*one.path).collect();
        assert_eq!(changed, ["b.json", "src.txt"]);
        assert_eq!(uncommitted(all, None, |_| false).len(), 4);
    }

    #[test]
    fn a_folder_is_own_where_all_in_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| dir.path().join(name);
        let layout = |name: &str, mark: &str| {
            fs::create_dir_all(place(name).join("blobs")).expect("a directory");
            let index = format!(
                "{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:{}\",\"size\":2,\"annotations\":{{\"{mark}\":\"{{}}\"}}}}]}}",
                "0".repeat(64)
            );
            fs::write(place(name).join("oci-layout"), "{}").expect("it is written");
            fs::write(place(name).join("index.json"), index).expect("it is written");
        };
        layout("dist/leg", "hoist.leg");
        layout("dist2/other", "x");
        fs::create_dir(place("none")).expect("a directory");
        for (name, own) in [
            ("dist", true),
            ("dist/leg", true),
            ("dist2", false),
            ("none", false),
            ("missing", false),
        ] {
            assert_eq!(is_own(&place(name), &[], 4), own, "{name}");
        }
        assert!(is_own(&place("dist2"), &[place("dist2/other")], 4));
        for text in ["[]", "{}", "{\"type\":\"leg\"}", "fn main() {}"] {
            fs::write(place("dist/x.json"), text).expect("it is written");
            assert!(!is_own(&place("dist"), &[], 4), "{text}");
        }
        fs::remove_file(place("dist/x.json")).expect("it is removed");
        fs::write(place("dist/leg/main.rs"), "").expect("it is written");
        assert!(!is_own(&place("dist"), &[], 4), "more than a layout");
    }
}
