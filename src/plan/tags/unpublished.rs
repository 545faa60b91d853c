//! Versions that git alone knows: they have a tag there and no image, so they hold no moving tag back.

use semver::Version;

use crate::oci::{Tag, Variant};

/// Most versions that a note names.
const NAMED: usize = 3;

/// One moving tag, and the versions that would hold it back if their images were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// The moving tag.
    pub tag: Tag,
    /// The variant whose images are missing.
    pub variant: Variant,
    /// The versions, ascending.
    pub versions: Vec<Version>,
}

/// The versions of all of them, ascending, each once.
#[must_use]
pub fn unpublished_versions(all: &[Unpublished]) -> Vec<Version> {
    let versions = all.iter().flat_map(|one| one.versions.iter().cloned());
    let mut versions: Vec<Version> = versions.collect();
    versions.sort();
    versions.dedup();
    versions
}

/// What a person should know of them: which they are, and the way on. The highest come first.
#[must_use]
pub fn unpublished_notes(all: &[Unpublished]) -> Vec<String> {
    let mut variants: Vec<&Variant> = all.iter().map(|one| &one.variant).collect();
    variants.sort();
    variants.dedup();
    let of_variant = |variant: &Variant| {
        let own = all.iter().filter(|one| one.variant == *variant);
        let versions = unpublished_versions(&own.cloned().collect::<Vec<_>>());
        note(variant, &versions)
    };
    variants.into_iter().filter_map(of_variant).collect()
}

fn note(variant: &Variant, versions: &[Version]) -> Option<String> {
    let highest = versions.last()?;
    let named: Vec<String> = versions
        .iter()
        .rev()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let more = versions.len() - named.len();
    let mut names = named.join(", ");
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    let (have, hold) = if versions.len() == 1 {
        ("has", "holds")
    } else {
        ("have", "hold")
    };
    let image = match variant.name() {
        None => "no image".to_owned(),
        Some(name) => format!("no image of variant `{name}`"),
    };
    Some(format!(
        "{names} {have} a git tag and {image} in any repository, and so {hold} no moving tag back: \
         `hoist release --version {highest}` at its commit publishes it"
    ))
}
