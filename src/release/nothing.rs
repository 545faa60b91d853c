//! What is said where nothing is to be released: why, and what of the version on HEAD is not in the
//! registries.

use semver::Version;

use crate::{
    error::Result,
    oci::{Observed, Tag},
    plan::{
        history::facts::Facts,
        tags::{Published, TagAction, TagSet},
        version::next::Next,
    },
    release::{
        facade::Release,
        gather::tag_set,
        observe::RepositoryApis,
        request::{NothingToRelease, Planned},
        survey::Survey,
    },
};

impl Release {
    /// HEAD is released already, by a commit that the branch has and this clone's HEAD has not.
    pub(super) fn pulled_past(&self, facts: &Facts) -> Option<Planned> {
        let (version, commit) = self.released_by_child(facts)?;
        Some(Planned::NothingToRelease(NothingToRelease {
            why: format!("HEAD is released as {version}, by its release commit {commit}"),
            current: Some(version),
            messages: vec!["`git pull` brings the release commit".to_owned()],
        }))
    }

    /// Why nothing is released, and whether the registries agree with what HEAD is tagged with.
    pub(super) async fn nothing(
        &self,
        facts: &Facts,
        next: &Next,
        apis: &RepositoryApis,
    ) -> Result<NothingToRelease> {
        let mut nothing = NothingToRelease {
            current: next.current.clone(),
            why: next.why.clone(),
            messages: next.notes.clone(),
        };
        let Some(tag) = &next.on_head else {
            return Ok(nothing);
        };
        match self.behind(facts, next, &tag.version, apis).await {
            Ok(messages) => nothing.messages.extend(messages),
            // The answer is complete without the registries.
            Err(error) => nothing
                .messages
                .push(format!("the registries were not compared: {error:#}")),
        }
        Ok(nothing)
    }

    /// What of a version that HEAD is tagged with is not in the registries.
    async fn behind(
        &self,
        facts: &Facts,
        next: &Next,
        version: &Version,
        apis: &RepositoryApis,
    ) -> Result<Vec<String>> {
        let inputs = self.inputs(facts, next, version, None)?;
        let survey = Survey::of(self, apis, |published| tag_set(&inputs, published)).await?;
        Ok(drift_messages(&survey.set, &survey.published, version))
    }
}

fn drift_messages(set: &TagSet, published: &[Published], version: &Version) -> Vec<String> {
    let mut messages = Vec::new();
    for seen in published {
        let repository = &seen.repository;
        let absent = |tag: &Tag| seen.shows.get(tag) == Some(&Observed::Absent);
        let missing: Vec<String> = set
            .tags()
            .iter()
            .filter(|planned| planned.is_version && planned.is_for(repository))
            .filter(|planned| absent(&planned.tag))
            .map(|planned| format!("`{}`", planned.tag))
            .collect();
        if !missing.is_empty() {
            messages.push(format!(
                "`{repository}` has no image under {}: `hoist release --version {version}` completes it",
                missing.join(", ")
            ));
            continue;
        }
        let behind: Vec<String> = set
            .tags()
            .iter()
            .filter(|planned| {
                planned.verdicts.iter().any(|verdict| {
                    verdict.repository == *repository
                        && matches!(verdict.action, TagAction::Create | TagAction::Move)
                })
            })
            .map(|planned| format!("`{}`", planned.tag))
            .collect();
        if !behind.is_empty() {
            messages.push(format!(
                "`{repository}` does not show {version} under {}: `hoist release --version {version}` or `hoist repair` mends it",
                behind.join(", ")
            ));
        }
    }
    messages
}
