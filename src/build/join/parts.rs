//! What a leg contributes: its images, and what is about them. Indexes below it are flattened.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    build::join::{
        content::LegContent,
        part::{AttachedPart, ImagePart, LegParts, other_fields},
        platform_refusal,
        platforms::same_platform,
        refusal,
    },
    error::Result,
    oci::{
        Descriptor, Digest, ImageConfig, ImageDocument, Manifest, ManifestDocument, Platform,
        Statement, StatementPlace, annotation,
    },
};

/// How deep indexes may be nested.
const MAX_DEPTH: usize = 8;
/// Most entries of all indexes of a leg.
const MAX_ENTRIES: usize = 1_000;

/// Takes a leg apart.
///
/// # Errors
/// Refused (exit 4): something in it is neither an image nor about one, an index and a configuration
/// contradict each other, or a document is missing.
pub(super) fn parts(leg: &LegContent) -> Result<LegParts<'_>> {
    let mut walk = LegWalk {
        leg,
        parts: LegParts::default(),
        within: BTreeSet::new(),
        above: [
            (StatementPlace::LayoutIndex, &leg.of_layout),
            (StatementPlace::Layout, &leg.listed),
        ]
        .map(|(place, values)| Statement {
            place,
            values: values.clone(),
        })
        .into(),
        entries: 0,
    };
    // The entry of a layout tells of the image as the entry of an index does.
    let mut top = leg.manifest.descriptor();
    top.annotations.clone_from(&leg.listed);
    top.annotations
        .retain(|key, _| !annotation::is_of_layout(key));
    walk.visit(&top, 0)?;
    if walk.parts.images.is_empty() {
        return Err(refusal::without_image(leg));
    }
    Ok(walk.parts)
}

struct LegWalk<'a> {
    leg: &'a LegContent,
    parts: LegParts<'a>,
    /// The indexes above the one that is being read.
    within: BTreeSet<Digest>,
    /// What they and their entries say.
    above: Vec<Statement>,
    entries: usize,
}

impl<'a> LegWalk<'a> {
    fn visit(&mut self, entry: &Descriptor, depth: usize) -> Result<()> {
        self.entries += 1;
        if depth > MAX_DEPTH || self.entries > MAX_ENTRIES {
            return Err(refusal::too_much(self.leg));
        }
        let leg = self.leg;
        let Some(manifest) = leg.document(&entry.digest) else {
            return Err(refusal::missing(leg, &entry.digest));
        };
        if entry.size != manifest.bytes.len() as u64 {
            return Err(refusal::other_size(leg, entry, manifest));
        }
        if entry.media_type != manifest.media_type {
            return Err(refusal::other_type(leg, entry, manifest));
        }
        let known = entry.media_type.is_index() || entry.media_type.is_image_manifest();
        let document = match ImageDocument::parse(manifest) {
            Ok(document) if known => document,
            Ok(_) => return Err(refusal::not_an_image(leg, entry, entry.media_type.as_str())),
            Err(error) => return Err(refusal::unreadable(leg, &entry.digest, &error)),
        };
        match document {
            ImageDocument::Index(index) => {
                if index.subject.is_some() || index.artifact_type.is_some() {
                    return Err(refusal::not_an_image(leg, entry, "an index of artifacts"));
                }
                if !self.within.insert(entry.digest.clone()) {
                    return Err(refusal::too_much(leg));
                }
                let known = self.above.len();
                let of_index = Statement {
                    place: StatementPlace::Index,
                    values: index.annotations,
                };
                let said = [of_entry(entry), of_index];
                self.parts.indexes.extend(said.clone());
                self.parts.fields.extend(other_fields(entry, None));
                self.above.extend(said);
                for child in &index.manifests {
                    self.visit(child, depth + 1)?;
                }
                self.above.truncate(known);
                self.within.remove(&entry.digest);
                Ok(())
            }
            ImageDocument::Manifest(document) => self.manifest(entry, manifest, document),
            ImageDocument::NotAnImage => Err(refusal::not_an_image(leg, entry, "no configuration")),
        }
    }

    fn manifest(
        &mut self,
        entry: &Descriptor,
        manifest: &'a Manifest,
        document: ManifestDocument,
    ) -> Result<()> {
        let layers = &document.layers;
        let has_files = layers.is_empty() || layers.iter().any(|layer| layer.media_type.is_tar());
        let runs = document.config.media_type.is_image_config() && has_files;
        if entry.is_attestation() || !runs || document.subject.is_some() {
            return self.attached(entry, manifest, &document);
        }
        let (configured, labels) = self.config(&document)?;
        if configured.as_ref().is_some_and(Platform::is_unknown) {
            return self.attached(entry, manifest, &document);
        }
        let listed = entry.platform.clone();
        let platform = match (listed, configured) {
            (Some(listed), Some(configured)) => {
                let whole = merged(&listed, &configured);
                whole.ok_or_else(|| platform_refusal::mislisted(self.leg, &listed, &configured))?
            }
            (Some(platform), None) | (None, Some(platform)) => platform,
            (None, None) => {
                return Err(platform_refusal::without_platform(self.leg, &entry.digest));
            }
        };
        // Some tools list an index and, beside it, the images that are in it.
        let mut statements = self.above.clone();
        statements.push(of_entry(entry));
        let mut images = self.parts.images.iter_mut();
        let known = images.find(|known| {
            known.manifest.digest() == manifest.digest()
                && same_platform(&known.platform, &platform)
        });
        if let Some(known) = known {
            known.statements.extend(statements);
            let mut again = of_entry(entry);
            let of_known = &known.entry.annotations;
            again
                .values
                .retain(|key, value| of_known.get(key) != Some(value));
            self.parts.indexes.push(again);
            let entry = Descriptor {
                platform: None,
                ..entry.clone()
            };
            let fields = other_fields(&entry, Some(&known.entry));
            self.parts.fields.extend(fields);
        } else {
            let of_image = |place, values: &BTreeMap<_, _>| Statement {
                place,
                values: values.clone(),
            };
            statements.insert(0, of_image(StatementPlace::Manifest, &document.annotations));
            statements.insert(0, of_image(StatementPlace::Label, &labels));
            let entry = Descriptor {
                platform: Some(platform.clone()),
                ..entry.clone()
            };
            self.parts.images.push(ImagePart {
                leg: self.leg,
                manifest,
                document,
                platform,
                labels,
                statements,
                entry,
            });
        }
        Ok(())
    }

    /// The platform and the labels of an image's configuration.
    fn config(
        &self,
        document: &ManifestDocument,
    ) -> Result<(Option<Platform>, BTreeMap<String, String>)> {
        let digest = &document.config.digest;
        let Some(bytes) = self.leg.configs.get(digest) else {
            return Err(refusal::missing(self.leg, digest));
        };
        let found = Digest::of(bytes);
        if found != *digest {
            return Err(refusal::tampered(self.leg, digest, &found));
        }
        let config: ImageConfig = serde_json::from_slice(bytes)
            .map_err(|error| refusal::unreadable(self.leg, digest, &error))?;
        Ok((config.platform(), config.labels()))
    }

    fn attached(
        &mut self,
        entry: &Descriptor,
        manifest: &'a Manifest,
        document: &ManifestDocument,
    ) -> Result<()> {
        let named = entry.annotations.get(annotation::REFERENCE_DIGEST);
        let subject = match (named, &document.subject) {
            (Some(text), _) => text.parse().ok(),
            (None, Some(subject)) => Some(subject.digest.clone()),
            (None, None) => None,
        };
        let Some(subject) = subject else {
            return Err(match entry.annotations.get(annotation::REFERENCE_TYPE) {
                Some(_) => refusal::without_subject(self.leg, entry),
                None => {
                    let kind = document.artifact_type.clone();
                    let kind = kind.unwrap_or_else(|| document.config.media_type.to_string());
                    refusal::not_an_image(self.leg, entry, &kind)
                }
            });
        };
        let mut attached = self.parts.attached.iter();
        if !attached.any(|known| known.entry == *entry) {
            self.parts.attached.push(AttachedPart {
                leg: self.leg,
                manifest,
                blobs: document.blobs().cloned().collect(),
                subject,
                entry: entry.clone(),
            });
        }
        Ok(())
    }
}

fn of_entry(entry: &Descriptor) -> Statement {
    Statement {
        place: StatementPlace::Entry,
        values: entry.annotations.clone(),
    }
}

/// What an index and a configuration say together; `None` where they contradict each other.
fn merged(listed: &Platform, configured: &Platform) -> Option<Platform> {
    let mut whole = configured.clone();
    whole.variant = whole.variant.or_else(|| listed.variant.clone());
    whole.os_version = whole.os_version.or_else(|| listed.os_version.clone());
    if whole.os_features.is_empty() {
        whole.os_features.clone_from(&listed.os_features);
    }
    whole.features.clone_from(&listed.features);
    let agrees = |part: fn(&Platform) -> Option<&String>| {
        part(listed).is_none_or(|listed| part(&whole) == Some(listed))
    };
    let same = listed.os == whole.os
        && listed.architecture == whole.architecture
        && (listed.variant.is_none() || same_platform(&bare(listed), &bare(&whole)))
        && agrees(|platform| platform.os_version.as_ref());
    same.then_some(whole)
}

/// The same without what belongs to the operating system.
fn bare(platform: &Platform) -> Platform {
    Platform::new(
        platform.os.clone(),
        platform.architecture.clone(),
        platform.variant.clone(),
    )
}
