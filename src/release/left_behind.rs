//! Places of a version that the policy of today does not reach: tags of a variant that it lacks, or that had another
//! suffix, and repositories that it does not name. A version that is taken back is still shown there.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Repository, Tag},
    plan::{
        history::facts::Facts,
        release::{
            receipt::Receipt,
            rollback::{RollbackStep, rollback_survey},
        },
        tags::{KnownVersions, Listing, Origins, Published},
    },
    release::{facade::Release, observe},
    text::shell_word,
};

/// What a version that is taken back keeps.
#[derive(Debug, Default)]
pub(super) struct LeftBehind {
    /// Moving tags that show the version and that would go back by the policy of its commit.
    pub(super) tags: Vec<(Repository, Tag)>,
    /// Repositories that the policy does not name, so that nobody asks them.
    pub(super) repositories: Vec<Repository>,
    /// One sentence for each of these.
    pub(super) words: Vec<String>,
    /// What takes them back.
    pub(super) way: String,
}

impl LeftBehind {
    /// Nothing of the version is where the policy looks, and its receipt names other repositories.
    pub(super) fn not_published(&self, version: &Version) -> Option<Error> {
        let first = self.repositories.first()?;
        let error = Error::refused(format!("no repository of the policy has {version}"))
            .with_code(ErrorCode::NotReleased)
            .cause(format!(
                "it was published in `{first}`, which the policy does not name any more"
            ));
        Some(error.hint(self.way.clone()))
    }

    /// Each tag that still shows the version, as a sentence.
    pub(super) fn notes(&self, version: &Version) -> Vec<String> {
        let tags = self.tags.iter().map(|(repository, tag)| {
            format!(
                "`{}` shows {version}, which is withdrawn, and the policy does not move it any more; {}",
                repository.tag(tag),
                self.way
            )
        });
        tags.chain(self.words.clone()).collect()
    }
}

impl Release {
    /// What of `version` the policy does not reach. `published` has the lists of tags of today's repositories.
    pub(super) async fn left_behind(
        &self,
        version: &Version,
        (known, receipts): (&KnownVersions<'_>, &[(Version, Receipt)]),
        published: &[Published],
    ) -> Result<LeftBehind> {
        let name = self.policy().version.tag.name(version);
        let mut left = LeftBehind::default();
        let own = receipts.iter().filter(|(of, _)| of == version);
        let mut repositories: Vec<&Repository> =
            own.map(|(_, receipt)| &receipt.repository).collect();
        repositories.dedup();
        let commit = self.project().git().tag_commit(&name);
        let then = commit.and_then(|commit| self.project().with_policy_of(commit).ok().flatten());
        let then = then.map(|project| project.policy().clone());
        let of_then = then.as_ref().map(|then| then.repositories());
        for repository in repositories {
            let Some(seen) = published.iter().find(|seen| seen.repository == *repository) else {
                if !left.repositories.contains(repository) {
                    left.repositories.push(repository.clone());
                }
                continue;
            };
            let (Some(then), Listing::Known(_)) = (&then, &seen.tags) else {
                continue;
            };
            let before = self.shown_before(version, repository, receipts);
            let survey = rollback_survey(then, known, seen, version, &before)?.believing(receipts);
            let now = rollback_survey(self.policy(), known, seen, version, &before)?;
            let mut asked = survey.tags_to_observe();
            let today = now.tags_to_observe();
            if asked.iter().all(|tag| today.contains(tag)) {
                continue;
            }
            asked.sort();
            let api = self.apis(std::slice::from_ref(repository))?.remove(0);
            let shows = observe::heads(api.as_ref(), &asked).await?;
            let steps = survey.steps(&shows).into_iter();
            left.tags.extend(steps.filter_map(|step| match step {
                RollbackStep::Back(back) if !today.contains(&back.tag) => {
                    Some((repository.clone(), back.tag))
                }
                RollbackStep::Back(_) | RollbackStep::Stays(..) => None,
            }));
        }
        let names_all = of_then.is_some_and(|then| {
            let mut lost = left.repositories.iter();
            lost.all(|repository| then.contains(repository))
        });
        left.way = match names_all {
            true => {
                let tag = shell_word(&name);
                format!(
                    "`git checkout {tag} && hoist rollback {version}` takes it back by the policy of its commit"
                )
            }
            false => format!("`hoist rollback {version}` takes it back by a policy that names it"),
        };
        let words = left.repositories.iter().map(|repository| {
            format!(
                "`{repository}` was not looked at: {version} was published there, and the policy does not name it any more; {}",
                left.way
            )
        });
        left.words = words.collect();
        Ok(left)
    }

    /// What still shows a version that was taken back, and no policy of today takes away from it.
    pub(super) async fn left_of_withdrawn(
        &self,
        facts: &Facts,
        origins: &Origins,
        version: &Version,
        published: &[Published],
    ) -> Result<Vec<String>> {
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let known = KnownVersions {
            git: &git,
            withdrawn: &facts.withdrawn,
            origins,
        };
        let is_listed = |seen: &&Published| matches!(seen.tags, Listing::Known(_));
        if published.iter().filter(is_listed).count() < published.len() {
            return Ok(Vec::new());
        }
        let receipts = self.receipts_of(&git);
        let left = self.left_behind(version, (&known, &receipts), published);
        Ok(left.await?.notes(version))
    }
}
