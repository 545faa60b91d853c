//! The images of a layout that can run: for which platforms they are, and what their labels say.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use super::{
    document::{parse, parse_index, parse_manifest},
    error::disk,
};
use crate::{
    error::Result,
    oci::{Digest, Image, ImageConfig, Platform, Runnable, Statement, StatementPlace},
};

/// Each image that can run; attestations are left out.
///
/// # Errors
/// An index, a manifest or a configuration cannot be read.
pub fn runnable(image: &Image) -> Result<Vec<Runnable>> {
    let manifests = || image.children.iter().chain([&image.manifest]);
    // One manifest can be listed for several platforms.
    let mut listed: HashMap<Digest, Vec<Platform>> = HashMap::new();
    for index in manifests().filter(|manifest| manifest.media_type.is_index()) {
        for entry in parse_index(&index.bytes, "an index")?.manifests {
            let platforms = listed.entry(entry.digest).or_default();
            platforms.extend(entry.platform);
        }
    }
    let mut said = statements(image)?;
    let mut all = Vec::new();
    for manifest in manifests() {
        if !manifest.media_type.is_image_manifest() {
            continue;
        }
        let document = parse_manifest(&manifest.bytes, "a manifest")?;
        if !document.config.media_type.is_image_config() {
            continue;
        }
        let path = image.blob_path(&document.config.digest);
        let bytes = fs::read(&path).map_err(|e| disk("read", &path, &e))?;
        let config: ImageConfig = parse(&bytes, "a configuration")?;
        let mut statements = Vec::new();
        let of_manifest = &document.annotations;
        state(&mut statements, StatementPlace::Manifest, of_manifest);
        statements.extend(said.remove(manifest.digest()).unwrap_or_default());
        let own = Runnable {
            digest: Some(manifest.digest().clone()),
            listed: None,
            configured: config.platform(),
            labels: config.labels(),
            statements,
        };
        let platforms = listed.remove(manifest.digest()).unwrap_or_default();
        if platforms.is_empty() {
            all.push(own);
            continue;
        }
        all.extend(platforms.into_iter().map(|platform| Runnable {
            listed: Some(platform),
            ..own.clone()
        }));
    }
    all.retain(|one| !one.platform().is_some_and(Platform::is_unknown));
    Ok(all)
}

/// What `index.json` and the indexes of an image say about each manifest.
fn statements(image: &Image) -> Result<HashMap<Digest, Vec<Statement>>> {
    let mut said: HashMap<Digest, Vec<Statement>> = HashMap::new();
    let of_top = said.entry(image.manifest.digest().clone()).or_default();
    state(of_top, StatementPlace::LayoutIndex, &image.of_layout);
    state(of_top, StatementPlace::Layout, &image.listed);
    // An index stands behind what it names.
    let from_the_top = std::iter::once(&image.manifest).chain(image.children.iter().rev());
    for manifest in from_the_top.filter(|manifest| manifest.media_type.is_index()) {
        let index = parse_index(&manifest.bytes, "an index")?;
        let mut above = said.get(manifest.digest()).cloned().unwrap_or_default();
        state(&mut above, StatementPlace::Index, &index.annotations);
        for entry in index.manifests {
            let all = said.entry(entry.digest).or_default();
            for statement in &above {
                state(all, statement.place, &statement.values);
            }
            state(all, StatementPlace::Entry, &entry.annotations);
        }
    }
    Ok(said)
}

/// Adds what names a commit or a version, once.
fn state(all: &mut Vec<Statement>, place: StatementPlace, values: &BTreeMap<String, String>) {
    let statement = Statement {
        place,
        values: values.clone(),
    };
    if statement.names_origin() && !all.contains(&statement) {
        all.push(statement);
    }
}
