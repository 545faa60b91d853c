//! What is odd about an image that others have made and keeps nobody from publishing it: it is named, so that
//! the builder can be mended.

use crate::oci::{Descriptor, Index, Platform, Runnable, annotation};

/// Everything odd about an image, each as a whole clause; `index`: where the image is one. `images`: its parts
/// that can run.
#[must_use]
pub fn oddities(index: Option<&Index>, images: &[Runnable]) -> Vec<String> {
    let entries = index.map_or(&[][..], |index| &index.manifests);
    let mut found = listed_twice(entries);
    found.extend(images.iter().filter_map(without_platform));
    found.extend(
        entries
            .iter()
            .filter_map(|entry| about_nothing(entry, entries)),
    );
    found.dedup();
    found
}

/// Whoever pulls for the platform gets the first of them.
fn listed_twice(entries: &[Descriptor]) -> Vec<String> {
    let platforms = entries.iter().filter(|entry| !entry.is_attestation());
    let platforms: Vec<&Platform> = platforms.filter_map(|one| one.platform.as_ref()).collect();
    let mut twice: Vec<&Platform> = Vec::new();
    for (place, platform) in platforms.iter().enumerate() {
        if platforms[..place].contains(platform) && !twice.contains(platform) {
            twice.push(platform);
        }
    }
    let told = |platform: &Platform| {
        format!(
            "its index lists `{}` more than once, and engines take the first of them",
            platform.in_full()
        )
    };
    twice.into_iter().map(told).collect()
}

/// Containerd, among others, takes such an image for one of its own platform, or refuses it.
fn without_platform(image: &Runnable) -> Option<String> {
    if image.configured.is_some() {
        return None;
    }
    Some(match &image.listed {
        Some(listed) => format!(
            "the configuration of its image for `{}` names no platform, and some engines refuse it",
            listed.in_full()
        ),
        None => "its configuration names no platform, and some engines refuse it".to_owned(),
    })
}

/// An attestation names the image that it is about, which lies beside it.
fn about_nothing(entry: &Descriptor, entries: &[Descriptor]) -> Option<String> {
    let kind = entry.annotations.get(annotation::REFERENCE_TYPE)?;
    let subject = entry.annotations.get(annotation::REFERENCE_DIGEST);
    let is_it =
        |other: &Descriptor| subject.is_some_and(|subject| other.digest.as_str() == subject);
    (kind == annotation::ATTESTATION && !entries.iter().any(is_it)).then(|| {
        let name = entry.digest.short();
        format!("the attestation {name} in its index is about no image that the index lists")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Digest, MediaType};

    fn entry(seed: &str, platform: &str) -> Descriptor {
        let digest = Digest::of(seed.as_bytes());
        Descriptor {
            platform: platform.parse().ok(),
            ..Descriptor::new(MediaType::OCI_MANIFEST, digest, 1)
        }
    }

    fn attestation(seed: &str, subject: Option<&Descriptor>) -> Descriptor {
        let mut entry = entry(seed, "unknown/unknown");
        let mut annotate =
            |name: &str, value: String| entry.annotations.insert(name.to_owned(), value);
        annotate(
            annotation::REFERENCE_TYPE,
            annotation::ATTESTATION.to_owned(),
        );
        if let Some(subject) = subject {
            annotate(annotation::REFERENCE_DIGEST, subject.digest.to_string());
        }
        entry
    }

    fn runnable(listed: &str, configured: &str) -> Runnable {
        Runnable {
            digest: None,
            listed: listed.parse().ok(),
            configured: configured.parse().ok(),
            ..Runnable::default()
        }
    }

    #[test]
    fn what_builders_should_not_do_is_named() {
        let (amd64, arm64) = (entry("a", "linux/amd64"), entry("b", "linux/arm64"));
        let again = entry("c", "linux/amd64");
        let variant = entry("d", "linux/arm64/v8");
        let good = runnable("linux/amd64", "linux/amd64");
        for (entries, images, says) in [
            (
                vec![amd64.clone(), arm64.clone()],
                vec![good.clone()],
                &[][..],
            ),
            (vec![amd64.clone(), arm64.clone(), variant], vec![], &[]),
            (
                vec![amd64.clone(), again.clone(), again],
                vec![],
                &["lists `linux/amd64` more than once"],
            ),
            (
                vec![amd64.clone()],
                vec![runnable("linux/amd64", "")],
                &["its image for `linux/amd64` names no platform"],
            ),
            (
                vec![],
                vec![runnable("", "")],
                &["its configuration names no platform"],
            ),
            (
                vec![amd64.clone(), attestation("x", Some(&amd64))],
                vec![],
                &[],
            ),
            (
                vec![amd64.clone(), attestation("x", Some(&arm64))],
                vec![],
                &["is about no image"],
            ),
            (
                vec![amd64, attestation("x", None)],
                vec![],
                &["is about no image"],
            ),
        ] {
            let index = Index::new(entries);
            let found = oddities(Some(&index), &images);
            assert_eq!(found.len(), says.len(), "{found:?}");
            for (found, says) in found.iter().zip(says) {
                assert!(found.contains(says), "{found}");
            }
        }
    }
}
