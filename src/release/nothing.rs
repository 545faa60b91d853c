//! What is said where nothing is to be released: why, and what of the version on HEAD is not in the
//! registries.

use semver::Version;

use crate::{
    error::Result,
    oci::{Observed, Tag},
    plan::{
        history::{change::MessageKind, facts::Facts, levels::JudgedChange},
        tags::{Published, TagAction, TagSet},
        version::{explain::line, next::Next},
    },
    release::{
        facade::Release,
        gather::tag_set,
        observe::RepositoryApis,
        request::{NothingToRelease, Planned},
        survey::Survey,
    },
};

/// Most commits that are listed.
const SHOWN: usize = 5;

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
            nothing.messages.extend(ways_on(facts, next));
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

/// What was seen, and what leads to a release all the same.
fn ways_on(facts: &Facts, next: &Next) -> Vec<String> {
    let shown = next.entries.iter().take(SHOWN);
    let mut messages: Vec<String> = shown.map(|entry| line(entry, facts)).collect();
    let more = next.entries.len().saturating_sub(SHOWN);
    if more > 0 {
        messages.push(format!("and {more} more: `hoist next --explain`"));
    }
    if next.entries.is_empty() {
        return messages;
    }
    if next.current.is_none() {
        messages.push("the first version can be named: `hoist release --version 0.1.0`".to_owned());
        return messages;
    }
    let is_plain = |entry: &JudgedChange| entry.change.kind == MessageKind::Unconventional;
    if next.entries.iter().all(is_plain) {
        messages.push(
            "`version.unconventional = \"patch\"` in release.toml makes commits without a header count"
                .to_owned(),
        );
    }
    messages.push("a level can be named: `hoist release --bump patch`".to_owned());
    messages
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
