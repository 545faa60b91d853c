//! `[image]`: an image, what makes it and where it goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    oci::Repository,
    policy::{budget::BudgetPolicy, build::BuildPolicy, template::Template},
};

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
        all_once(self.repository.as_ref(), &self.repositories)
    }
}

/// The one repository and the several, each once.
pub(super) fn all_once(one: Option<&Repository>, several: &[Repository]) -> Vec<Repository> {
    let mut all: Vec<Repository> = Vec::new();
    for repository in one.into_iter().chain(several) {
        if !all.contains(repository) {
            all.push(repository.clone());
        }
    }
    all
}
