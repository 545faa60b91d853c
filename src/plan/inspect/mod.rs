//! Where an image's bytes are, which of them are wasted, and what would make it smaller.

mod advice;
mod base;
pub(crate) mod budget;
mod caches;
mod changes;
mod claims;
mod duplicates;
pub(crate) mod last_release;
mod layer_tree;
pub(crate) mod markdown;
mod merge;
mod omitted;
pub(crate) mod page;
mod report;
mod secrets;
mod squares;
#[cfg(test)]
mod tests;
mod toolchains;
mod tree;

use crate::{
    oci::{Contents, Digest, LayerEntryKind, Platform},
    plan::inspect::{claims::Claims, merge::Merged},
};

pub use budget::Before;
pub use omitted::Omitted;
pub use report::{
    Advice, AdviceKind, BaseReport, Changes, Duplicate, Excess, FileChange, FileChangeCount,
    Hidden, ImageUser, LargeFile, Layer, LeftoverCache, PastSize, ReferrerReport, Report,
    SecretFile, Waste,
};

/// Looks at `contents`, called `image`; compares with `since`, called by its name.
#[must_use]
pub fn inspect(image: &str, contents: &Contents, since: Option<(&str, &Contents)>) -> Report {
    let mut merged = merge::merge(contents);
    let mut claims = Claims::new(&merged);
    let copies = duplicates::duplicates(&merged);
    let (secrets, omitted_secrets) = secrets::secrets(&merged);
    let mut report = Report {
        v: 1,
        image: image.to_owned(),
        name: None,
        platform: contents.platform.as_ref().map(Platform::in_full),
        other_platforms: Vec::new(),
        size: changes::size_to_pull(contents),
        unpacked: 0,
        visible: merged.visible(),
        files: merged.paths.len(),
        layers: layers(contents, &merged, since.map(|(_, other)| other)),
        wasted: merged.waste.iter().map(|waste| waste.size).sum(),
        waste: Vec::new(),
        omitted_waste: Omitted::default(),
        largest: duplicates::largest(&merged),
        duplicated: copies.iter().map(|duplicate| duplicate.extra).sum(),
        duplicates: Vec::new(),
        omitted_duplicates: Omitted::default(),
        caches: caches::caches(&merged, &mut claims),
        omitted_caches: Omitted::default(),
        small_caches: Omitted::default(),
        package_caches: 0,
        secrets,
        omitted_secrets,
        base: base::base(contents),
        user: base::user(contents),
        changes: since.map(|(name, other)| changes::changes(name, other, contents, &merged)),
        past: Vec::new(),
        referrers: Vec::new(),
        advice: Vec::new(),
        over_budget: Vec::new(),
        tree: tree::trees(contents, &merged),
    };
    report.unpacked = report.layers.iter().map(|layer| layer.unpacked).sum();
    report.advice = advice::advice(&report, contents, &merged, &copies, &mut claims);
    caches::cut(&mut report);
    (report.duplicates, report.omitted_duplicates) = duplicates::listed(copies);
    report.waste = std::mem::take(&mut merged.waste);
    report
        .waste
        .sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    report.omitted_waste = Omitted::cut(&mut report.waste, |waste| waste.size);
    report
}

/// Compares the sizes of a report with what is known of the last release: its size, and which layers it has.
pub fn since(report: &mut Report, before: &Before) {
    for layer in &mut report.layers {
        layer.shared = Some(before.layers.contains(&layer.digest));
    }
    report.past = vec![PastSize {
        name: before.name.clone(),
        size: before.size,
    }];
}

fn layers(contents: &Contents, merged: &Merged, other: Option<&Contents>) -> Vec<Layer> {
    let mut wasted = vec![0; contents.layers.len()];
    for waste in &merged.waste {
        wasted[waste.layer] += waste.size;
    }
    let has = |diff_id: &Digest| {
        let mut layers = other?.layers.iter();
        Some(layers.any(|layer| layer.diff_id == *diff_id))
    };
    let layers = contents.layers.iter().zip(wasted);
    let layer = layers.map(|(layer, wasted)| Layer {
        digest: layer.digest.clone(),
        size: layer.size,
        unpacked: layer.entries.iter().map(|entry| entry.size).sum(),
        files: layer
            .entries
            .iter()
            .filter(|entry| entry.kind != LayerEntryKind::Directory)
            .count(),
        created_by: layer.created_by.as_deref().map(instruction),
        wasted,
        shared: has(&layer.diff_id),
        unread: layer.unread.clone(),
    });
    layer.collect()
}

/// An instruction as the Dockerfile has it, without what builders wrap around it.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim();
    let text = match text.strip_prefix("/bin/sh -c #(nop)") {
        Some(rest) => rest.trim(),
        None => text,
    };
    // The classic builder writes build arguments in front: `|1 A=b /bin/sh -c make`.
    let text = match text
        .strip_prefix('|')
        .and_then(|rest| rest.split_once("/bin/sh -c "))
    {
        Some((_, command)) => return format!("RUN {command}"),
        None => text,
    };
    match text.strip_prefix("/bin/sh -c ") {
        Some(command) => format!("RUN {command}"),
        None => text.replacen("RUN /bin/sh -c ", "RUN ", 1),
    }
}
