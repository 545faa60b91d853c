//! Where an image's bytes are, which of them are wasted, and what would make it smaller. Pure.

mod advice;
mod merge;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::oci::{Contents, Digest};

pub use advice::Advice;

/// How many of the largest findings of each kind are listed.
const LISTED: usize = 20;

/// What `hoist inspect` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Format of this document.
    pub v: u8,
    /// What was looked at.
    pub image: String,
    /// What it runs on.
    pub platform: Option<String>,
    /// Bytes to pull.
    pub size: u64,
    /// Bytes of all files in all layers.
    pub unpacked: u64,
    /// Lowest first.
    pub layers: Vec<Layer>,
    /// Bytes of files that a later layer deletes or overwrites.
    pub wasted: u64,
    /// The largest of them.
    pub waste: Vec<Waste>,
    /// Caches and lists that nothing needs when the image runs.
    pub caches: Vec<Cache>,
    /// Compared with another image, where one was given.
    pub changes: Option<Changes>,
    /// What would help, the largest saving first.
    pub advice: Vec<Advice>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// The packed layer's digest.
    pub digest: Digest,
    /// Bytes to pull.
    pub size: u64,
    /// Bytes of its files.
    pub unpacked: u64,
    /// How many files.
    pub files: usize,
    /// The instruction that made it.
    pub created_by: Option<String>,
    /// Bytes in it that a later layer deletes or overwrites.
    pub wasted: u64,
    /// Whether the image that it is compared with has it too.
    pub shared: Option<bool>,
}

/// A file that is in the image and cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waste {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The layer that holds it, counted from 0.
    pub layer: usize,
    /// The layer that hides it.
    pub hidden_by: usize,
    /// What hides it.
    pub how: Hidden,
}

/// How a later layer hides a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hidden {
    /// It deletes it.
    Deleted,
    /// It has another file of this name.
    Overwritten,
}

/// A cache that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// The directory.
    pub path: String,
    /// Whose it is.
    pub what: &'static str,
    /// Bytes of its files that can be seen.
    pub size: u64,
    /// What leaves it out.
    pub fix: &'static str,
}

/// What is different from another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The other image.
    pub since: String,
    /// This image's size minus the other one's, in bytes to pull.
    pub size: i64,
    /// Bytes to pull for who has the other image.
    pub to_pull: u64,
    /// How many files came, went and changed their size.
    pub files: ChangeCount,
    /// The largest of them.
    pub largest: Vec<Change>,
}

/// Counts of changed files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChangeCount {
    /// New ones.
    pub added: usize,
    /// Those that went.
    pub removed: usize,
    /// Those in both, in a layer that the other image does not have.
    pub changed: usize,
}

/// One file that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// Bytes before; `None`: it is new.
    pub before: Option<u64>,
    /// Bytes now; `None`: it went.
    pub now: Option<u64>,
}

/// Looks at `contents`, called `image`; compares with `since`, called by its name.
#[must_use]
pub fn inspect(image: &str, contents: &Contents, since: Option<(&str, &Contents)>) -> Report {
    let merged = merge::merge(contents);
    let wasted_in = |layer: usize| {
        let own = merged.waste.iter().filter(|waste| waste.layer == layer);
        own.map(|waste| waste.size).sum()
    };
    let has = |diff_id: &Digest| {
        let (_, other) = since?;
        Some(other.layers.iter().any(|layer| layer.diff_id == *diff_id))
    };
    let layers: Vec<Layer> = contents
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| Layer {
            digest: layer.digest.clone(),
            size: layer.size,
            unpacked: layer.entries.iter().map(|entry| entry.size).sum(),
            files: layer
                .entries
                .iter()
                .filter(|entry| !entry.directory)
                .count(),
            created_by: layer.created_by.as_deref().map(instruction),
            wasted: wasted_in(index),
            shared: has(&layer.diff_id),
        })
        .collect();
    let caches = advice::caches(&merged);
    let wasted = merged.waste.iter().map(|waste| waste.size).sum();
    let mut report = Report {
        v: 1,
        image: image.to_owned(),
        platform: contents.platform.as_ref().map(ToString::to_string),
        size: layers.iter().map(|layer| layer.size).sum(),
        unpacked: layers.iter().map(|layer| layer.unpacked).sum(),
        layers,
        wasted,
        waste: Vec::new(),
        caches,
        changes: since.map(|(name, other)| merge::changes(name, other, contents, &merged)),
        advice: Vec::new(),
    };
    report.advice = advice::advice(&report, contents, &merged);
    report.waste = merged.waste;
    report
        .waste
        .sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    report.waste.truncate(LISTED);
    report
}

/// An instruction as the Dockerfile has it, without what builders wrap around it.
fn instruction(created_by: &str) -> String {
    let text = created_by
        .strip_suffix("# buildkit")
        .unwrap_or(created_by)
        .trim();
    let text = match text.strip_prefix("/bin/sh -c #(nop)") {
        Some(rest) => rest.trim(),
        None => text,
    };
    match text.strip_prefix("/bin/sh -c ") {
        Some(command) => format!("RUN {command}"),
        None => text.replacen("RUN /bin/sh -c ", "RUN ", 1),
    }
}
