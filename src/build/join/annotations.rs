//! Which annotations of the legs the joined index has, and which ones it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    build::join::{
        content::LegContent,
        part::{AttachedPart, ImagePart, other_fields},
    },
    oci::{Statement, StatementPlace},
    text::sanitize_line,
};

/// Longest list of names in a sentence, in characters.
const MAX_NAMES: usize = 300;

/// What is said of all images alike, by the indexes above them or by their manifests: registries show the description
/// of an index and not that of its children. Where an image has several values for a key, that of its outermost index
/// goes first.
pub(super) fn shared(images: &[ImagePart<'_>]) -> BTreeMap<String, String> {
    let places = [StatementPlace::Index, StatementPlace::Manifest];
    let says = |image: &ImagePart<'_>, key: &String, value: &String| {
        let mut said = image.statements.iter();
        said.any(|it| places.contains(&it.place) && it.values.get(key) == Some(value))
    };
    let mut shared = BTreeMap::new();
    let of_first = images.first().map_or(&[][..], |first| &first.statements);
    for place in places {
        let said = of_first.iter().filter(|it| it.place == place);
        for (key, value) in said.flat_map(|it| &it.values) {
            if images.iter().all(|image| says(image, key, value)) {
                let known = shared.entry(key.clone());
                known.or_insert_with(|| value.clone());
            }
        }
    }
    shared
}

/// A sentence for each leg whose indexes say something that is said nowhere in the joined image: neither by its index,
/// which has the annotations `shared`, nor by the manifests of all images of the leg. `of_docker`: the joined index is
/// a Docker manifest list.
pub(super) fn left_out(
    legs: &[(&LegContent, Vec<Statement>)],
    images: &[ImagePart<'_>],
    shared: &BTreeMap<String, String>,
    of_docker: bool,
) -> Vec<String> {
    let why = match of_docker {
        true => "a Docker manifest list has no annotations",
        false => "only what the indexes or manifests of all legs say alike goes there",
    };
    let sentence = |(leg, said): &(&LegContent, Vec<Statement>)| {
        let is_kept = |key: &String, value: &String| {
            let mut own = images.iter().filter(|image| std::ptr::eq(image.leg, *leg));
            shared.get(key) == Some(value)
                || own.all(|image| image.document.annotations.get(key) == Some(value))
        };
        let lost = said.iter().flat_map(|it| &it.values);
        let lost = lost.filter(|(key, value)| !is_kept(key, value));
        let lost: BTreeSet<&String> = lost.map(|(key, _)| key).collect();
        (!lost.is_empty()).then(|| {
            format!(
                "annotations of the index of the leg `{}` are not taken over into the joined one: {}; {why}",
                sanitize_line(&leg.file, 200),
                names(&lost)
            )
        })
    };
    let mut sentences: Vec<String> = legs.iter().filter_map(sentence).collect();
    sentences.sort();
    sentences
}

/// Sentences for each entry of something about an image that another leg lists with other words: `replaced` has
/// it, and behind it the one that is kept.
pub(super) fn of_replaced(replaced: &[(AttachedPart<'_>, AttachedPart<'_>)]) -> Vec<String> {
    let sentence = |(part, kept): &(AttachedPart<'_>, AttachedPart<'_>)| {
        let said = part.entry.annotations.iter();
        let lost = said.filter(|(key, value)| kept.entry.annotations.get(*key) != Some(value));
        let lost: BTreeSet<&String> = lost.map(|(key, _)| key).collect();
        let fields = other_fields(&part.entry, Some(&kept.entry));
        let all = [("annotations", lost), ("fields", fields.iter().collect())];
        let told = all.into_iter().filter(|(_, lost)| !lost.is_empty());
        let told = told.map(|(what, lost)| {
            format!(
                "{what} of {} in the index of the leg `{}` are not taken over into the joined one: {}; the leg `{}` lists it, too, and says something else",
                part.manifest.digest().short(),
                sanitize_line(&part.leg.file, 200),
                names(&lost),
                sanitize_line(&kept.leg.file, 200)
            )
        });
        told.collect::<Vec<_>>()
    };
    let sentences: BTreeSet<String> = replaced.iter().flat_map(sentence).collect();
    sentences.into_iter().collect()
}

/// A sentence for each leg with `fields` of entries that are gone with them: the entries of indexes that were flattened, and
/// of images that the leg lists twice.
pub(super) fn of_fields(fields: &[(&LegContent, BTreeSet<String>)]) -> Vec<String> {
    let with_some = fields.iter().filter(|(_, lost)| !lost.is_empty());
    let sentence = |(leg, lost): &(&LegContent, BTreeSet<String>)| {
        format!(
            "fields of entries in the index of the leg `{}` are not taken over into the joined one: {}; what lists an index, or an image again, is not there any more",
            sanitize_line(&leg.file, 200),
            names(&lost.iter().collect())
        )
    };
    let mut sentences: Vec<String> = with_some.map(sentence).collect();
    sentences.sort();
    sentences
}

/// As many names as fit into a sentence, and how many more there are.
fn names(keys: &BTreeSet<&String>) -> String {
    let mut shown = String::new();
    for (place, key) in keys.iter().enumerate() {
        let name = format!("`{}`", sanitize_line(key, 100));
        let length = shown.chars().count() + name.chars().count();
        if place > 0 && length > MAX_NAMES {
            return format!("{shown} and {} more", keys.len() - place);
        }
        if place > 0 {
            shown += ", ";
        }
        shown += &name;
    }
    shown
}
