//! `release.toml` as checked data: every key, its default and its rule.
//!
//! Reading is strict: an unknown key is an error that names the nearest known one. Nothing here
//! touches the disk; the caller brings the text.

mod build;
mod check;
mod conflicts;
mod parse;
mod placeholder;
mod publish;
mod tags;
mod template;
mod version;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use crate::policy::conflicts::conflicts;
pub use build::{BuildPolicy, BuildSource, Builder, Compression, SecretSource};
pub use parse::is_cargo_release;
pub use placeholder::Values;
pub(crate) use placeholder::{Placeholder, check_format};
pub use publish::{GitPolicy, OnFailure, PublishPolicy, RegistryPolicy};
pub use tags::{Latest, TagListFallback, TagPolicy, TemplateList, VariantPolicy};
pub(crate) use template::{Part, is_tag_character};
pub use template::{Rendered, Template};
pub use version::{
    BranchPolicy, FileKind, Level, Rule, RuleBump, Squash, TagTemplate, Unconventional,
    VersionFile, VersionPolicy, ZeroMajor,
};

use crate::oci::{Repository, Variant};

/// The whole of `release.toml`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// What is released, and where to.
    pub image: ImagePolicy,
    /// How history becomes a version.
    pub version: VersionPolicy,
    /// Which branches release what.
    pub branches: BranchPolicy,
    /// Which tags a version gets.
    pub tags: TagPolicy,
    /// Further images of the same release, by name.
    pub variants: BTreeMap<String, VariantPolicy>,
    /// The transaction.
    pub publish: PublishPolicy,
    /// The git side.
    pub git: GitPolicy,
    /// Release notes.
    pub notes: NotesPolicy,
    /// Per registry host.
    pub registry: BTreeMap<String, RegistryPolicy>,
}

impl Policy {
    /// The images of a release: the main one, then the variants by name.
    pub fn images(&self) -> impl Iterator<Item = Variant> {
        let variants = self.variants.keys().map(Variant::named);
        std::iter::once(Variant::main()).chain(variants)
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
}

/// `[image]`: what is released, and where to.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImagePolicy {
    /// One repository; `repositories` for several.
    pub repository: Option<Repository>,
    /// Several repositories that all get the same image and tags.
    pub repositories: Vec<Repository>,
    /// How the image comes to be.
    pub build: BuildPolicy,
    /// Labels of the image's config. Templates as in tags; the user's own win.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// `org.opencontainers.image.title`
    pub title: Option<String>,
    /// `org.opencontainers.image.url`
    pub url: Option<String>,
    /// `org.opencontainers.image.description`
    pub description: Option<String>,
    /// `org.opencontainers.image.licenses`, an SPDX expression.
    pub licenses: Option<String>,
}

impl Policy {
    /// Whether a release writes files, and so makes a commit.
    #[must_use]
    pub fn makes_commit(&self) -> bool {
        !self.version.files.is_empty() || self.notes.changelog
    }
}

impl ImagePolicy {
    /// All repositories in the order they were named, each once.
    #[must_use]
    pub fn all(&self) -> Vec<Repository> {
        let mut all: Vec<Repository> = Vec::new();
        for repository in self.repository.iter().chain(&self.repositories) {
            if !all.contains(repository) {
                all.push(repository.clone());
            }
        }
        all
    }
}

/// `[notes]`: release notes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NotesPolicy {
    /// A minijinja template file; unset: the built-in one.
    pub template: Option<String>,
    /// Prepend the notes to the `CHANGELOG.md` beside the policy file, in the release commit.
    pub changelog: bool,
}
