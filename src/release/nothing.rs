//! What is said where nothing is to be released: why, and what of the version on HEAD is not in the
//! registries.

use semver::Version;

use crate::{
    error::Result,
    oci::{Observed, Tag},
    plan::{
        history::{facts::Facts, levels::JudgedChange},
        tags::{Published, TagAction, TagSet},
        version::{explain, next::Next},
    },
    policy::{Policy, Unconventional},
    release::{
        facade::Release,
        gather::tag_set,
        observe::RepositoryApis,
        request::{NothingToRelease, Planned},
        survey::Survey,
    },
};

/// Commits that are shown where none of them counts.
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
            nothing.messages.extend(seen(facts, next, self.policy()));
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
        // The tag of the day is that of the release's own day.
        let origins = self.origins(std::slice::from_ref(version));
        let origin = origins.get(version);
        let inputs = self.inputs(facts, next, version, origin.map(|origin| origin.instant))?;
        let survey = Survey::of(self, apis, |published| tag_set(&inputs, published)).await?;
        let has_day = origin.is_some();
        Ok(drift_messages(
            &survey.set,
            &survey.published,
            version,
            has_day,
        ))
    }
}

/// The commits of which none counts, and the ways on.
fn seen(facts: &Facts, next: &Next, policy: &Policy) -> Vec<String> {
    // What does not touch the image at all is not worth a word.
    let in_paths = |entry: &&JudgedChange| {
        let mut commits = facts.commits.iter();
        commits.any(|commit| commit.id == entry.id && commit.in_paths)
    };
    let entries: Vec<&JudgedChange> = next.entries.iter().filter(in_paths).collect();
    let Some(newest) = entries.first() else {
        return Vec::new();
    };
    let mut lines: Vec<String> = entries
        .iter()
        .take(SHOWN)
        .map(|entry| explain::line(entry, facts).trim().to_owned())
        .collect();
    if entries.len() > SHOWN {
        let more = entries.len() - SHOWN;
        lines.push(format!("and {more} more: `hoist next --explain`"));
    }
    let named = match (&facts.stable, policy.version.unconventional) {
        (None, _) => "`--version 0.1.0` names the first version".to_owned(),
        (Some(_), Unconventional::Ignore) if !newest.summary.contains(": ") => {
            "`--bump patch` releases them all the same; `version.unconventional = \"patch\"` counts such commits from now on".to_owned()
        }
        (Some(_), _) => "`--bump patch` releases them all the same".to_owned(),
    };
    lines.push(named);
    lines
}

/// `has_day`: the day of the release is known, so the tag of that day can be compared.
fn drift_messages(
    set: &TagSet,
    published: &[Published],
    version: &Version,
    has_day: bool,
) -> Vec<String> {
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
            .filter(|planned| has_day || !planned.template.is_of_the_moment())
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
