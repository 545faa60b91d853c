//! Where an image's bytes are, which of them are wasted, and what would make it smaller.

mod advice;
mod merge;
mod report;
#[cfg(test)]
mod tests;

use crate::{
    oci::{Contents, Digest},
    plan::inspect::report::LISTED,
};

pub use report::{
    Advice, Changes, FileChange, FileChangeCount, Hidden, Layer, LeftoverCache, Report, Waste,
};

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
