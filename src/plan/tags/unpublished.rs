//! Versions that git alone knows: they have a tag there and no image, so they hold no moving tag back.

use semver::Version;

use crate::oci::{ImageName, Tag};

/// Most versions that a note names.
const NAMED: usize = 3;

/// One moving tag, and the versions that would hold it back if their images were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// The moving tag.
    pub tag: Tag,
    /// The image of which they are missing.
    pub image: ImageName,
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
    let mut images: Vec<&ImageName> = all.iter().map(|one| &one.image).collect();
    images.sort();
    images.dedup();
    let of_image = |image: &ImageName| {
        let own = all.iter().filter(|one| one.image == *image);
        let versions = unpublished_versions(&own.cloned().collect::<Vec<_>>());
        note(image, &versions)
    };
    images.into_iter().filter_map(of_image).collect()
}

fn note(image: &ImageName, versions: &[Version]) -> Option<String> {
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
    let image = format!("no image{}", image.of_words());
    Some(format!(
        "{names} {have} a git tag and {image} in any repository, and so {hold} no moving tag back: \
         `hoist release --version {highest}` at its commit publishes it"
    ))
}
