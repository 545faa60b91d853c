//! Finds the document that tags will point at.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    blobs::MAX_DOCUMENT,
    cache::LayerCache,
    document::{SavedImage, parse},
    error::broken,
    form::LayoutFormat,
    role::{EntryRole, MAX_MANIFESTS, role},
    select::{ImageCandidate, WantedImage, leg_of, names, select},
    source::{LayoutOrigin, Source},
    unknown::{no_image, skopeo_directory},
};
use crate::{
    error::Result,
    event::Events,
    oci::{Descriptor, Digest, Index, annotation},
    text::sanitize_line,
};

/// How many manifests that are left out a note names.
const SHOWN: usize = 5;

impl Source {
    /// In which format the image is.
    ///
    /// # Errors
    /// There is no image that hoist reads; the error says what there is.
    pub(super) fn format(&self) -> Result<LayoutFormat> {
        let list = self.document("manifest.json")?;
        let is_list = list
            .as_deref()
            .is_some_and(|list| list.trim_ascii_start().first() != Some(&b'{'));
        self.known_version()?;
        if self.document("index.json")?.is_some() {
            return Ok(match is_list {
                true => LayoutFormat::SavedOci,
                false => LayoutFormat::Oci,
            });
        }
        match list {
            Some(_) if is_list => Ok(LayoutFormat::Saved),
            Some(_) => Err(skopeo_directory()),
            None => Err(no_image(&self.names())),
        }
    }

    /// A layout of another version of the format may mean something else by the same files.
    fn known_version(&self) -> Result<()> {
        let marker = self.document("oci-layout")?.unwrap_or_default();
        let marker: Value = serde_json::from_slice(&marker).unwrap_or_default();
        match marker["imageLayoutVersion"].as_str() {
            Some(version) if !version.starts_with("1.") => Err(broken(format!(
                "`oci-layout` says version `{}` of the layout's format, and hoist reads version 1",
                sanitize_line(version, 40)
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Finds the document that tags will point at.
    pub(super) fn top(
        &mut self,
        format: LayoutFormat,
        wanted: &WantedImage,
        cache: &LayerCache,
        events: &Events,
    ) -> Result<Descriptor> {
        if format != LayoutFormat::Saved {
            let top = self.top_of_layout(wanted, events)?;
            return self.repack_if_saved(top, format, wanted, cache, events);
        }
        let list = self
            .document("manifest.json")?
            .ok_or_else(|| broken("`manifest.json` is missing"))?;
        let list: Option<Vec<SavedImage>> = parse(&list, "`manifest.json`")?;
        let images = list
            .unwrap_or_default()
            .into_iter()
            .map(|image| ImageCandidate {
                names: image.repo_tags.clone().unwrap_or_default(),
                leg_of: Vec::new(),
                digest: image.id(),
                platform: None,
                item: image,
            });
        let image = select(images.collect(), wanted)?;
        self.own_manifest_of(&image, wanted, cache, events)
    }

    /// Finds the image in `index.json`.
    pub(super) fn top_of_layout(
        &self,
        wanted: &WantedImage,
        events: &Events,
    ) -> Result<Descriptor> {
        let index = self
            .document("index.json")?
            .ok_or_else(|| broken("`index.json` is missing"))?;
        let index: Index = parse(&index, "`index.json`")?;
        let mut all: Vec<ImageCandidate<Descriptor>> = Vec::new();
        for entry in index.manifests {
            // An image may be listed several times, under different names.
            match all
                .iter_mut()
                .find(|known| known.item.digest == entry.digest)
            {
                Some(known) => {
                    known.names.extend(names(&entry));
                    known.leg_of.extend(leg_of(&entry));
                    merge(&mut known.item, entry)?;
                    known.platform.clone_from(&known.item.platform);
                }
                None => all.push(ImageCandidate {
                    names: names(&entry),
                    leg_of: leg_of(&entry).into_iter().collect(),
                    digest: Some(entry.digest.clone()),
                    platform: entry.platform.clone(),
                    item: entry,
                }),
            }
            if all.len() > MAX_MANIFESTS {
                return Err(broken(format!(
                    "`index.json` lists more than {MAX_MANIFESTS} manifests"
                )));
            }
        }
        let everything: Vec<Descriptor> = all.iter().map(|one| one.item.clone()).collect();
        let (images, beside) = self.images_among(all);
        let chosen = select(images, wanted)?;
        let left = everything
            .iter()
            .filter(|entry| entry.digest != chosen.digest);
        note_left_out(left, &beside, events);
        Ok(chosen)
    }

    /// The entries that are images, and those that lie beside an image with what they are. Where
    /// nothing is an image, everything is to be chosen from.
    fn images_among(
        &self,
        all: Vec<ImageCandidate<Descriptor>>,
    ) -> (Vec<ImageCandidate<Descriptor>>, Vec<(Descriptor, String)>) {
        if all.len() < 2 {
            return (all, Vec::new());
        }
        let read = |entry: &Descriptor| self.small_document(entry);
        let mut roles: Vec<EntryRole> = all.iter().map(|one| role(&one.item, &read)).collect();
        // Some tools list an index and, without names, the images that are in it.
        let within: HashSet<Digest> = all
            .iter()
            .filter(|one| one.item.media_type.is_index())
            .filter_map(|one| serde_json::from_slice::<Index>(&read(&one.item)?).ok())
            .flat_map(|index| index.manifests.into_iter().map(|child| child.digest))
            .collect();
        for (candidate, role) in all.iter().zip(&mut roles) {
            if candidate.names.is_empty() && within.contains(&candidate.item.digest) {
                *role = EntryRole::Beside("listed by an index".to_owned());
            }
        }
        let best = match roles.iter().min() {
            Some(EntryRole::Beside(_)) | None => return (all, Vec::new()),
            Some(best) => best.clone(),
        };
        let (mut images, mut beside) = (Vec::new(), Vec::new());
        for (candidate, role) in all.into_iter().zip(roles) {
            match role {
                role if role == best => images.push(candidate),
                EntryRole::Beside(what) => beside.push((candidate.item, what)),
                EntryRole::Image | EntryRole::ImageAbout => {
                    beside.push((candidate.item, "about another manifest".to_owned()));
                }
            }
        }
        (images, beside)
    }

    /// A manifest that is there, is whole, and is not too long to be one.
    fn small_document(&self, entry: &Descriptor) -> Option<Vec<u8>> {
        if entry.size > MAX_DOCUMENT || matches!(self.origin(), LayoutOrigin::InPlace) {
            return None;
        }
        let stored = self.blob(&entry.digest).ok()?;
        self.blobs().document(&stored).ok()
    }
}

/// What entries of `index.json` say of the image that they list, and a release is judged by.
const JUDGED: [&str; 3] = [annotation::REVISION, annotation::VERSION, annotation::LEG];

/// Takes over what a further entry says of an image that is listed already.
///
/// # Errors
/// Both say something that a release is judged by, and not the same.
fn merge(known: &mut Descriptor, further: Descriptor) -> Result<()> {
    let differ = |what: &str, one: &str, other: &str| {
        let value = |text: &str| sanitize_line(text, 200);
        Err(broken(format!(
            "two entries of `index.json` list the image {} and do not agree: `{what}` is `{}` and `{}`",
            known.digest,
            value(one),
            value(other)
        ))
        .hint("leave one of the two entries out, or have the layout made anew"))
    };
    match (&known.platform, &further.platform) {
        (Some(one), Some(other)) if one != other => {
            return differ("platform", &one.in_full(), &other.in_full());
        }
        _ => {}
    }
    for key in JUDGED {
        match (known.annotations.get(key), further.annotations.get(key)) {
            (Some(one), Some(other)) if one != other => return differ(key, one, other),
            _ => {}
        }
    }
    known.platform = known.platform.take().or(further.platform);
    for (key, value) in further.annotations {
        known.annotations.entry(key).or_insert(value);
    }
    Ok(())
}

/// What is not published is said: nobody should look for it in the registry.
fn note_left_out<'a>(
    left: impl Iterator<Item = &'a Descriptor>,
    beside: &[(Descriptor, String)],
    events: &Events,
) {
    let mut all: Vec<String> = Vec::new();
    for entry in left {
        let what = beside
            .iter()
            .find(|(known, _)| known.digest == entry.digest)
            .map_or("image", |(_, what)| what);
        let name = match names(entry).first() {
            Some(name) => format!("`{}`", sanitize_line(name, 100)),
            None => entry.digest.short().to_owned(),
        };
        all.push(format!("{name} ({what})"));
    }
    let more = match all.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !all.is_empty() {
        all.truncate(SHOWN);
        events.note(format!(
            "the layout also holds {}{more}: not part of this release",
            all.join(", ")
        ));
    }
}
