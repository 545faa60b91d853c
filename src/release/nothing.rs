//! What is said where nothing is to be released: why, and what of the version on HEAD is not in the
//! registries.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Observed, Tag},
    plan::{
        history::{facts::Facts, levels::JudgedChange},
        release::{places::is_part, preconditions::PushedHead, receipt::Receipt},
        tags::{PlannedTag, Published, TagAction, TagSet},
        version::{explain, next::Next},
    },
    policy::{Policy, Unconventional},
    release::{
        adoption::Completed,
        facade::Release,
        gather::tag_set,
        observe::{LookPurpose, RepositoryApis},
        request::{NothingToRelease, Planned, ReleaseRequest},
        survey::Survey,
    },
    text::shell_word,
};

/// Commits that are shown where none of them counts.
const SHOWN: usize = 5;

impl Release {
    /// HEAD is released already, by a commit that the branch has and this clone's HEAD has not.
    pub(super) fn pulled_past(&self, facts: &Facts) -> Option<Planned> {
        let (version, commit) = self.released_by_child(facts)?;
        let remote = shell_word(&self.policy().git.remote);
        let pull = match &facts.branch {
            Some(branch) => format!("git pull {remote} {}", shell_word(branch)),
            None => "git pull".to_owned(),
        };
        Some(Planned::NothingToRelease(NothingToRelease {
            why: format!("HEAD is released as {version}, by its release commit {commit}"),
            current: Some(version),
            messages: vec![format!("`{pull}` brings the release commit")],
            without_image: None,
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
            without_image: None,
        };
        let Some(tag) = &next.on_head else {
            nothing.messages.extend(seen(facts, next, self.policy()));
            return Ok(nothing);
        };
        match self.behind(facts, next, &tag.version, apis).await {
            Ok((messages, is_published)) => {
                nothing.messages.extend(messages);
                let version = tag.version.clone();
                nothing.without_image = (!is_published).then_some(version);
            }
            // The answer is complete without the registries.
            Err(error) => nothing
                .messages
                .push(format!("the registries were not compared: {error:#}")),
        }
        Ok(nothing)
    }

    /// Refuses to end well where HEAD is tagged with a version of which no repository has an image: somebody
    /// has pushed that tag in order to have one.
    pub(super) fn refuse_without_image(&self, planned: &Planned) -> Result<()> {
        let Planned::NothingToRelease(nothing) = planned else {
            return Ok(());
        };
        match &nothing.without_image {
            Some(version) => Err(self.without_image(version)),
            None => Ok(()),
        }
    }

    /// The command that completes a version which is tagged on HEAD.
    pub(super) fn completing(&self, version: &Version) -> Result<String> {
        let found = self.findings_here(&ReleaseRequest::default(), PushedHead::Yes)?;
        let is_dirty = found.refusals.iter().any(|error| {
            matches!(
                error.code(),
                ErrorCode::PolicyNotCommitted | ErrorCode::DirtyTree
            )
        });
        let dirty = if is_dirty { " --allow-dirty" } else { "" };
        Ok(format!("`hoist release --version {version}{dirty}`"))
    }

    /// The error of a git tag that has no image.
    pub(super) fn without_image(&self, version: &Version) -> Error {
        let name = self.policy().version.tag.name(version);
        Error::refused(format!("`{name}` is a git tag without an image"))
            .with_code(ErrorCode::NotReleased)
            .cause(format!(
                "HEAD is tagged with it, and no repository has {version}"
            ))
            .state("nothing was built or moved")
            .hint(format!(
                "`hoist release --version {version}` publishes it, and leaves the git tag as it is"
            ))
    }

    /// What of a version that HEAD is tagged with is not in the registries, and whether any of it may be.
    async fn behind(
        &self,
        facts: &Facts,
        next: &Next,
        version: &Version,
        apis: &RepositoryApis,
    ) -> Result<(Vec<String>, bool)> {
        // The tag of the day is that of the release's own day.
        let origin = self.origin_of(version);
        let inputs = self.inputs(facts, next, version, None)?;
        let survey = Survey::of(self, (apis, LookPurpose::Read), |published| {
            tag_set(&inputs, published)
        })
        .await?;
        let has_day = origin.is_some_and(|origin| origin.is_recorded);
        let (set, published) = (&survey.set, &survey.published);
        let complete = self.completing(version)?;
        let receipts = self.receipts(facts, version)?;
        let mut way = Way::Completed(complete);
        let seen = (set, published.as_slice(), receipts.as_slice());
        let mut messages = drift_messages(seen, version, (&way, has_day));
        if !messages.is_empty() {
            let (mut claims, gone) = survey.claims_and_recorded(&receipts).await?;
            let commits = self.commits_of_release(None, facts.head, version);
            let completed = Completed {
                version,
                head: facts.head,
                commits: &commits,
                receipts: &receipts,
            };
            if let Some(refused) = self.not_completed(facts, &completed, (&mut claims, &gone)) {
                way = Way::Refused(refused);
                messages = drift_messages(seen, version, (&way, has_day));
            }
        }
        messages.extend(younger_images(set, &receipts, version));
        messages.extend(self.unmoved_notes(facts, published).await);
        Ok((messages, may_be_published(set, published)))
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

/// Whether a repository shows the version's own tag of an image, or does not tell.
fn may_be_published(set: &TagSet, published: &[Published]) -> bool {
    published.iter().any(|seen| {
        let mut own = set.tags().iter();
        own.any(|planned| {
            planned.is_version
                && planned.is_for(&seen.repository)
                && seen.shows.get(&planned.tag) != Some(&Observed::Absent)
        })
    })
}

/// A sentence for each image of the policy that came into it after the version.
fn younger_images(set: &TagSet, receipts: &[Receipt], version: &Version) -> Vec<String> {
    let own = set.tags().iter().filter(|planned| planned.is_version);
    let younger = own.filter(|planned| !is_part(receipts, None, &planned.image));
    let sentence = |planned: &PlannedTag| {
        format!(
            "the image `{}` is no part of {version}, as its git tag records; the next release has it",
            planned.image
        )
    };
    younger.map(sentence).collect()
}

/// What becomes of what a version lacks.
enum Way {
    /// This command completes it.
    Completed(String),
    /// A release would refuse to, as this sentence says.
    Refused(String),
}

/// `way` is what completes the version. `has_day`: the day of the release is known, so the tag of that day can be compared.
/// An image that the `receipts` do not have is no part of it.
fn drift_messages(
    (set, published, receipts): (&TagSet, &[Published], &[Receipt]),
    version: &Version,
    (way, has_day): (&Way, bool),
) -> Vec<String> {
    let mut messages = Vec::new();
    for seen in published {
        let repository = &seen.repository;
        let own = || {
            let all = set.tags().iter();
            all.filter(|planned| is_part(receipts, None, &planned.image))
        };
        let absent = |tag: &Tag| seen.shows.get(tag) == Some(&Observed::Absent);
        let missing: Vec<String> = own()
            .filter(|planned| planned.is_version && planned.is_for(repository))
            .filter(|planned| absent(&planned.tag))
            .map(|planned| format!("`{}`", planned.tag))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            messages.push(match way {
                Way::Completed(complete) => {
                    format!("`{repository}` has no image under {missing}: {complete} completes it")
                }
                Way::Refused(refused) => {
                    format!("`{repository}` has no image under {missing}, and {refused}")
                }
            });
            continue;
        }
        let behind: Vec<String> = own()
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
            let mend = match way {
                Way::Completed(complete) => format!("{complete} or `hoist repair` mends it"),
                Way::Refused(_) => "`hoist repair` mends moving tags".to_owned(),
            };
            messages.push(format!(
                "`{repository}` does not show {version} under {}: {mend}",
                behind.join(", ")
            ));
        }
    }
    messages
}
