//! Every version that the repositories of the policy have.

use semver::Version;

use crate::{
    error::Result,
    oci::{Repository, Tag},
    plan::{
        history::facts::Facts,
        release::drift::unlisted,
        tags::{ExactTags, Listing, Origins, TagRules},
    },
    release::facade::Release,
};

/// Names that a sentence lists.
const NAMES: usize = 5;

impl Release {
    /// Every version that an exact tag names, ascending; where there is none, the newest that a git tag records.
    /// And what is to be told of names that are passed over.
    pub(super) async fn published_versions(
        &self,
        facts: &Facts,
        origins: &Origins,
    ) -> Result<(Vec<Version>, Vec<String>)> {
        let apis = self.apis(&self.repositories()?)?;
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let published = self.listed(&apis, &git).await?;
        let mut versions: Vec<Version> = Vec::new();
        let mut notes = Vec::new();
        for seen in &published {
            let Listing::Known(tags) = &seen.tags else {
                return Err(unlisted(&seen.repository));
            };
            let rules = TagRules::in_repository(self.policy(), &seen.repository);
            let reader = ExactTags::new(&rules, facts.tags.iter().map(|tag| &tag.version));
            let exact = reader.all(tags).into_values().flatten();
            versions.extend(exact.map(|exact| exact.version));
            notes.extend(passed_over(
                &seen.repository,
                &reader.with_unknown_suffix(tags),
            ));
        }
        versions.sort();
        versions.dedup();
        if versions.is_empty() {
            let mut recorded = origins.keys().filter(|one| !facts.withdrawn.contains(one));
            versions.extend(recorded.next_back().cloned());
        }
        Ok((versions, notes))
    }
}

/// What is told of names that have a suffix which no image of the policy has.
pub(super) fn passed_over(repository: &Repository, tags: &[&Tag]) -> Option<String> {
    let names: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
    let more = match names.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = names.get(..NAMES).unwrap_or(&names);
    (!names.is_empty()).then(|| {
        format!(
            "`{repository}` has {}{more}: a version with a suffix that no image of the policy has; such tags were not looked at",
            named.join(", ")
        )
    })
}
