//! The whole of `release.toml`, with the tables that have no file of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    oci::{ImageName, Platform, Repository},
    policy::{
        announce::AnnouncePolicy,
        attach::AttachPolicy,
        branches::BranchPolicy,
        forge::ForgePolicy,
        hooks::HookPolicy,
        image::ImagePolicy,
        images::NamedImagePolicy,
        publish::{GitPolicy, PublishPolicy, RegistryPolicy},
        sign::SignPolicy,
        tags::TagPolicy,
        variants::VariantPolicy,
        version::VersionPolicy,
    },
};

/// The whole of `release.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// What is released, and to which repositories.
    pub image: ImagePolicy,
    /// How history becomes a version.
    pub version: VersionPolicy,
    /// Which branches release what.
    pub branches: BranchPolicy,
    /// Which tags a version gets.
    pub tags: TagPolicy,
    /// Further images of the same version, by name.
    // Left out of a policy's identity where there are none: the table came later.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, NamedImagePolicy>,
    /// Variants of images, by name.
    pub variants: BTreeMap<String, VariantPolicy>,
    /// How the tags are published.
    pub publish: PublishPolicy,
    /// Programs of the project that run around a release.
    #[serde(skip_serializing_if = "HookPolicy::is_empty")]
    pub hooks: HookPolicy,
    /// Files that are about an image and are published with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<AttachPolicy>,
    /// How the images are signed before they get a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignPolicy>,
    /// The release on the forge; unset: none is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgePolicy>,
    /// Messages that are sent when a version is public.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<AnnouncePolicy>,
    /// What happens in git.
    pub git: GitPolicy,
    /// How release notes are written.
    pub notes: NotesPolicy,
    /// Settings for single registries, by host.
    pub registry: BTreeMap<String, RegistryPolicy>,
}

impl Policy {
    /// The names of the images: `main` first.
    pub fn image_names(&self) -> impl Iterator<Item = ImageName> {
        let named = self.images.keys().map(|name| ImageName::named(name));
        std::iter::once(ImageName::main()).chain(named)
    }

    /// The images of a release: the main one, then the others by name, each followed by its variants.
    pub fn all_images(&self) -> impl Iterator<Item = ImageName> {
        self.image_names().flat_map(|image| {
            let variants = self.variants_of(&image);
            let variants: Vec<_> = variants.map(|(name, _)| image.with_variant(name)).collect();
            std::iter::once(image).chain(variants)
        })
    }

    /// The variants of an image, by name.
    pub fn variants_of(&self, image: &ImageName) -> impl Iterator<Item = (&str, &VariantPolicy)> {
        let name = image.name().to_owned();
        let all = self.variants.iter();
        all.filter(move |(_, variant)| variant.is_of(&name))
            .map(|(name, variant)| (&**name, variant))
    }

    /// What the policy says of one image, its variant's own keys in their places.
    #[must_use]
    pub fn image_policy(&self, image: &ImageName) -> ImagePolicy {
        let mut policy = match self.images.get(image.name()) {
            Some(own) => own.over(&self.image),
            None => self.image.clone(),
        };
        let variant = image.variant().and_then(|name| self.variants.get(name));
        if let Some(variant) = variant {
            variant.put_into(image.name(), &mut policy.build);
        }
        policy
    }

    /// What the tags of an image end in; empty where it is not a variant.
    #[must_use]
    pub fn suffix_of(&self, image: &ImageName) -> String {
        let variant = image
            .variant()
            .and_then(|name| self.variants.get_key_value(name));
        variant.map_or_else(String::new, |(name, variant)| variant.suffix(name))
    }

    /// The table with the budget of an image: its own, else that of `[image]`.
    #[must_use]
    pub fn budget_key(&self, image: &ImageName) -> String {
        let own = self.images.get(image.name());
        match own.is_some_and(|own| own.budget.is_some()) {
            true => format!("images.{}.budget", image.name()),
            false => "image.budget".to_owned(),
        }
    }

    /// The platforms that an image is for; empty where its builder decides.
    #[must_use]
    pub fn platforms(&self, image: &ImageName) -> &[Platform] {
        let variant = image.variant().and_then(|name| self.variants.get(name));
        let of_variant = variant.and_then(|variant| variant.platforms.as_deref());
        let own = self.images.get(image.name());
        let own = own.and_then(|own| own.platforms.as_deref());
        of_variant.or(own).unwrap_or(&self.image.build.platforms)
    }

    /// The repositories of all images, each once.
    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        let names = self.image_names();
        names
            .flat_map(|image| self.repositories_of(&image))
            .collect()
    }

    /// The repositories of one image. No other image has one of them.
    #[must_use]
    pub fn repositories_of(&self, image: &ImageName) -> Vec<Repository> {
        match self.images.get(image.name()) {
            Some(own) => own.all(),
            None => self.image.all(),
        }
    }

    /// The image that a repository is of: one that the policy does not name is taken for the main image's.
    #[must_use]
    pub fn image_in(&self, repository: &Repository) -> ImageName {
        let mut named = self.images.iter();
        let owner = named.find(|(_, image)| image.all().contains(repository));
        owner.map_or_else(ImageName::main, |(name, _)| ImageName::named(name))
    }

    /// The variant whose suffix a pre-release label reads like: `1.2.3-alpine` could be either.
    #[must_use]
    pub fn variant_like(&self, label: &str) -> Option<&str> {
        let same = |(name, variant): &(&String, &VariantPolicy)| {
            let suffix = variant.suffix(name);
            suffix.strip_prefix('-').unwrap_or(&suffix) == label
        };
        self.variants.iter().find(same).map(|(name, _)| &**name)
    }

    /// Whether a release writes files, and so makes a commit.
    #[must_use]
    pub fn makes_commit(&self) -> bool {
        !self.version.files.is_empty() || self.notes.changelog
    }
}

/// `[notes]`: release notes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NotesPolicy {
    /// The path of a minijinja template; unset: the built-in one.
    pub template: Option<String>,
    /// Whether the notes are written to the top of the `CHANGELOG.md` beside the policy file, in the release commit.
    pub changelog: bool,
}
