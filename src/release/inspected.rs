//! Which image a word of `inspect` means: a file, an image or a version of the policy, or a reference. No
//! registry is asked about a name that may be a mistyped file.

use std::path::Path;

use semver::Version;

use crate::{
    build,
    error::{Error, Result},
    oci::{ImageName, Reference, Registry, Repository, Tag},
    plan::tags::{ExactTags, ImageRule, TagRules},
    policy::Policy,
    release::{facade::Release, last_release::ReleaseLookup},
    text::sanitize_line,
};

/// Most images of the policy that an error names.
const NAMED: usize = 5;

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MeantImage {
    /// The last release of an image of the policy.
    Image(ImageName),
    /// A version of the main image.
    Version(Version),
    /// A file, or a reference, as it was written.
    Written(String),
}

/// An image that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AskedImage {
    /// A path, or a reference.
    pub(super) reference: String,
    /// The image of the policy that it is, if it is one.
    pub(super) image: Option<ImageName>,
    /// The version that it is, where that was asked for.
    pub(super) version: Option<Version>,
}

impl AskedImage {
    /// The image by whose rules it is judged: the main one where the policy does not know it.
    pub(super) fn judged(&self) -> ImageName {
        self.image.clone().unwrap_or_else(ImageName::main)
    }

    /// Its reference; `None`: it is on disk.
    pub(super) fn published(&self) -> Option<Reference> {
        let on_disk = Path::new(&self.reference).exists();
        self.reference.parse().ok().filter(|_| !on_disk)
    }
}

/// What `text` means. Asks nobody but the disk.
///
/// # Errors
/// Usage (exit 2): it is a name without a registry that the policy does not know, and no file.
pub(super) fn meant(policy: &Policy, text: &str) -> Result<MeantImage> {
    let named = named(policy, text);
    if is_on_disk(Path::new(text)) || (named.is_none() && Path::new(text).exists()) {
        return Ok(MeantImage::Written(text.to_owned()));
    }
    if let Some(image) = named {
        return Ok(MeantImage::Image(image));
    }
    if let Some(version) = plain_version(policy, text) {
        return Ok(MeantImage::Version(version));
    }
    match text.parse::<Reference>() {
        Ok(reference) if is_guess(policy, text, &reference) => {
            Err(refusal(policy, text, &reference))
        }
        Ok(_) | Err(_) => Ok(MeantImage::Written(text.to_owned())),
    }
}

/// A version as it is, as the git tags of the policy have it, or behind a `v`.
fn plain_version(policy: &Policy, text: &str) -> Option<Version> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let version = Version::parse(text).ok();
    let version = version.or_else(|| policy.version.tag.version(text));
    version.or_else(|| Version::parse(bare).ok())
}

/// Whether a file, or a directory with an image in it, is there. Another directory may well have the name of an
/// image of the policy.
pub(crate) fn is_on_disk(path: &Path) -> bool {
    let mut documents = ["index.json", "manifest.json"].iter();
    path.is_file() || documents.any(|name| path.join(name).is_file())
}

/// The image of the policy that is called so, or the only one with a variant of that name.
fn named(policy: &Policy, text: &str) -> Option<ImageName> {
    if let Some(image) = policy.all_images().find(|image| image.to_string() == text) {
        return Some(image);
    }
    let mut variants = policy
        .all_images()
        .filter(|image| image.variant() == Some(text));
    match (variants.next(), variants.next()) {
        (Some(image), None) => Some(image),
        _ => None,
    }
}

/// A name without registry, tag and digest says no more than that of a file.
fn is_guess(policy: &Policy, text: &str, reference: &Reference) -> bool {
    let registry = format!("{}/", reference.repository.registry());
    let is_whole = text.to_ascii_lowercase().starts_with(&registry)
        || reference.tag.is_some()
        || reference.digest.is_some();
    !is_whole && !policy.repositories().contains(&reference.repository)
}

/// Names what would be understood.
fn refusal(policy: &Policy, text: &str, reference: &Reference) -> Error {
    let shown = sanitize_line(text, 200);
    let mut hints = vec![format!("`hoist inspect ./{shown}` reads a file")];
    let main = policy.repositories().into_iter().next();
    if let (Some(repository), Ok(tag)) = (&main, text.parse::<Tag>()) {
        let image = repository.tag(&tag);
        hints.push(format!(
            "`hoist inspect {image}` reads that tag of the main image"
        ));
    }
    let place = match reference.repository.registry().as_str() {
        Registry::DOCKER_HUB => "Docker Hub",
        other => other,
    };
    hints.push(format!(
        "`hoist inspect {}:latest` asks {place}",
        reference.repository
    ));
    let all: Vec<String> = policy
        .all_images()
        .map(|image| format!("`{image}`"))
        .collect();
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = all[..all.len().min(NAMED)].join(", ");
    let error = Error::usage(format!(
        "`{shown}` is neither a file, a version nor an image of the policy"
    ))
    .cause(format!("the policy has {names}{more}"))
    .state("no registry was asked");
    hints.into_iter().fold(error, Error::hint)
}

impl Release {
    /// What `text` names. A version is one of the image `of`.
    pub(super) async fn meant_reference(
        &self,
        lookup: &ReleaseLookup<'_>,
        text: &str,
        of: &ImageName,
    ) -> Result<AskedImage> {
        Ok(match meant(self.policy(), text)? {
            MeantImage::Image(image) => self.last_release(lookup, &image).await?,
            MeantImage::Version(version) => {
                self.version_reference(lookup, (text, &version), of).await?
            }
            MeantImage::Written(text) => AskedImage {
                image: self.image_of(&text),
                reference: text,
                version: None,
            },
        })
    }

    /// The image of the policy whose layout a path is, or that a reference names.
    fn image_of(&self, text: &str) -> Option<ImageName> {
        if Path::new(text).exists() {
            return self.image_with_layout(Path::new(text));
        }
        let reference: Reference = text.parse().ok()?;
        let repository = &reference.repository;
        if !self.policy().repositories().contains(repository) {
            return None;
        }
        let rules = TagRules::in_repository(self.policy(), repository);
        let git = self.git_versions().unwrap_or_default();
        let reader = ExactTags::new(&rules, &git);
        let read = |tag: &Tag| Some(reader.read(tag.as_str())?.0.clone());
        let tagged = reference.tag.as_ref();
        if let Some(image) = tagged.and_then(read).or_else(|| moving(&rules, tagged?)) {
            return Some(image);
        }
        // Neither a suffix that no image has any more nor a digest tells which image it is of.
        let is_strange = |tag: &Tag| {
            !reader
                .with_unknown_suffix(std::slice::from_ref(tag))
                .is_empty()
        };
        if tagged.is_some_and(is_strange) {
            return None;
        }
        let plain = self.policy().image_in(repository);
        let is_certain = tagged.is_some() || self.policy().variants_of(&plain).next().is_none();
        is_certain.then_some(plain)
    }

    /// The only image whose `layout` names this path.
    fn image_with_layout(&self, path: &Path) -> Option<ImageName> {
        let path = path.canonicalize().ok()?;
        let has_it = |image: &ImageName| {
            let build = self.policy().image_policy(image).build;
            let layout = build.image_source.layout().unwrap_or_default();
            let places = build::expand(layout, self.top()).unwrap_or_default();
            let mut places = places.iter().map(|place| self.top().join(place));
            !layout.is_empty()
                && places.any(|place| place.canonicalize().ok() == Some(path.clone()))
        };
        let mut images = self.policy().all_images().filter(has_it);
        match (images.next(), images.next()) {
            (Some(image), None) => Some(image),
            _ => None,
        }
    }

    /// The version in the first repository of the image that has it; else, where `text` ends with the suffix of a
    /// variant, that variant's; else the tag of that name.
    async fn version_reference(
        &self,
        lookup: &ReleaseLookup<'_>,
        (text, version): (&str, &Version),
        of: &ImageName,
    ) -> Result<AskedImage> {
        let repositories: Vec<Repository> = self.policy().repositories_of(of);
        if repositories.is_empty() {
            return Err(self.project().without_repository());
        }
        let suffixed = TagRules::of(self.policy(), &of.plain()).images.into_iter();
        let suffixed = suffixed.filter_map(|rule| {
            let base = text.strip_suffix(&*rule.suffix)?;
            let is_variant = !rule.suffix.is_empty();
            is_variant.then_some((rule.name, plain_version(self.policy(), base)?))
        });
        let all = std::iter::once((of.clone(), version.clone())).chain(suffixed);
        for (image, version) in all {
            if let Some(found) = lookup.version(&image, &repositories, &version).await? {
                return Ok(AskedImage {
                    reference: lookup.named(&image, &found).await?,
                    image: Some(image),
                    version: Some(version),
                });
            }
        }
        for repository in &repositories {
            let tags = lookup.tags(repository).await?;
            if let Some(tag) = tags.iter().find(|tag| tag.as_str() == text) {
                let reference = repository.tag(tag);
                return Ok(AskedImage {
                    image: self.image_of(&reference),
                    reference,
                    version: None,
                });
            }
        }
        Err(self.not_published(version))
    }
}

/// The variant whose moving tag this is: `1.2-alpine`, `latest-alpine`.
fn moving(rules: &TagRules<'_>, tag: &Tag) -> Option<ImageName> {
    let tag = tag.as_str();
    let of_suffix = |rule: &&ImageRule| !rule.suffix.is_empty() && tag.ends_with(&*rule.suffix);
    let latest = rules.images.iter().find(|rule| rule.latest == tag);
    let longest = rules.images.iter().filter(of_suffix);
    let longest = longest.max_by_key(|rule| rule.suffix.len());
    Some(latest.or(longest)?.name.clone())
}

#[cfg(test)]
mod tests {
    use crate::release::inspected::*;

    fn read(text: &str) -> Result<MeantImage> {
        let policy = r#"
            [image]
            repository = "ghcr.io/acme/api"
            [images.worker]
            repository = "acme/worker"
            target = "worker"
            [variants.alpine]
            images = ["main"]
            target = "alpine"
            [variants.slim]
            images = ["main", "worker"]
            target = { main = "slim", worker = "worker-slim" }
        "#;
        let policy = Policy::parse(policy, "release.toml").expect("a good policy");
        meant(&policy, text)
    }

    #[test]
    fn a_name_of_the_policy_is_the_policys() {
        let (main, worker) = (ImageName::main(), ImageName::named("worker"));
        for (text, image) in [
            ("main", main.clone()),
            ("worker", worker.clone()),
            ("main/alpine", main.with_variant("alpine")),
            ("alpine", main.with_variant("alpine")),
            ("worker/slim", worker.with_variant("slim")),
        ] {
            assert_eq!(read(text).ok(), Some(MeantImage::Image(image)), "{text}");
        }
        let version = MeantImage::Version(Version::new(1, 2, 3));
        for text in ["1.2.3", "v1.2.3"] {
            assert_eq!(read(text).ok(), Some(version.clone()), "{text}");
        }
        for text in [
            "docker.io/library/work",
            "work:latest",
            "ghcr.io/acme/api",
            "acme/worker",
            "src",
        ] {
            assert_eq!(
                read(text).ok(),
                Some(MeantImage::Written(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_guess_is_refused_with_what_would_be_understood() {
        for (text, hub) in [
            ("work", "docker.io/library/work:latest"),
            ("dist/oci", "docker.io/dist/oci:latest"),
            // Two images have it.
            ("slim", "docker.io/library/slim:latest"),
            ("latest", "docker.io/library/latest:latest"),
            ("1.2", "docker.io/library/1.2:latest"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.exit_code(), crate::exit::USAGE, "{text}");
            let hints = error.hints().join("\n");
            assert!(
                hints.contains(&format!("`hoist inspect ./{text}`")),
                "{hints}"
            );
            assert!(hints.contains(&format!("`hoist inspect {hub}`")), "{hints}");
            let of_policy = format!("`hoist inspect ghcr.io/acme/api:{text}`");
            assert_eq!(hints.contains(&of_policy), !text.contains('/'), "{hints}");
        }
    }
}
