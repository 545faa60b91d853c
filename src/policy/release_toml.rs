//! The whole of `release.toml`, with the tables that have no file of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    oci::{Repository, Variant},
    policy::{
        branches::BranchPolicy,
        budget::BudgetPolicy,
        build::BuildPolicy,
        hooks::HookPolicy,
        publish::{GitPolicy, PublishPolicy, RegistryPolicy},
        tags::TagPolicy,
        template::Template,
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
    /// Further images of the same release, by name.
    pub variants: BTreeMap<String, VariantPolicy>,
    /// How the tags are published.
    pub publish: PublishPolicy,
    /// Programs of the project that run around a release.
    #[serde(skip_serializing_if = "HookPolicy::is_empty")]
    pub hooks: HookPolicy,
    /// What happens in git.
    pub git: GitPolicy,
    /// How release notes are written.
    pub notes: NotesPolicy,
    /// Settings for single registries, by host.
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

    /// Whether a release writes files, and so makes a commit.
    #[must_use]
    pub fn makes_commit(&self) -> bool {
        !self.version.files.is_empty() || self.notes.changelog
    }
}

/// `[image]`: what is released, and to which repositories.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImagePolicy {
    /// One repository; `repositories` for several.
    pub repository: Option<Repository>,
    /// Several repositories that all get the same image and tags.
    pub repositories: Vec<Repository>,
    /// What makes the image.
    pub build: BuildPolicy,
    /// How large the image may be, and what it must not have.
    // Left out of a policy's identity where it is not set: the table came later.
    #[serde(skip_serializing_if = "BudgetPolicy::is_unset")]
    pub budget: BudgetPolicy,
    /// Labels of the image's configuration; they stand before those that hoist sets itself.
    pub labels: BTreeMap<String, Template>,
    /// Annotations of the image's manifest.
    pub annotations: BTreeMap<String, Template>,
    /// `org.opencontainers.image.title`
    pub title: Option<String>,
    /// `org.opencontainers.image.url`
    pub url: Option<String>,
    /// `org.opencontainers.image.description`
    pub description: Option<String>,
    /// `org.opencontainers.image.licenses`, an SPDX expression.
    pub licenses: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NotesPolicy {
    /// The path of a minijinja template; unset: the built-in one.
    pub template: Option<String>,
    /// Whether the notes are written to the top of the `CHANGELOG.md` beside the policy file, in the release commit.
    pub changelog: bool,
}
