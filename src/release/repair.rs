//! Where every moving tag should point, from what is published, and moving it there: one
//! transaction, as a release is.

use semver::Version;

use crate::{
    error::Result,
    event::{Finished, Started},
    git::CommitId,
    oci::{ImageName, Repository, Tag},
    outcome::Outcome,
    plan::{
        release::drift::{Drift, DriftState, UnjudgedTag, drift_survey},
        tags::{KnownVersions, Published, TagRules},
        version::VersionRequest,
    },
    policy::Latest,
    publish::{
        self, MarkObject, Preflight, Publication, PublishedImage, Recheck, TagClass, TagMove,
        Target,
    },
    release::{facade::Release, hooks::Verb, observe, unlisted::UnlistedTags},
};

/// One repository's moving tags beside where they should point.
#[derive(Debug, Clone)]
pub struct RepositoryDrift {
    /// The repository that was compared.
    pub repository: Repository,
    /// Each moving tag, by name.
    pub drift: Vec<Drift>,
    /// Those that nothing tells of what they should show.
    pub unjudged: Vec<UnjudgedTag>,
    /// Tags that are there and that the registry does not list.
    pub(super) unlisted: Vec<Tag>,
}

/// Every moving tag of every repository, beside where it should point.
#[derive(Debug, Clone, Default)]
pub struct DriftReport {
    /// The repositories in the policy's order.
    pub repositories: Vec<RepositoryDrift>,
    /// Templates whose tags do not follow versions, and are left as they are.
    pub left_out: Vec<String>,
}

impl RepositoryDrift {
    /// A repository of which only these tags are known.
    pub(super) fn new(seen: &Published, drift: Vec<Drift>) -> Self {
        Self {
            repository: seen.repository.clone(),
            drift,
            unjudged: Vec::new(),
            unlisted: seen.unlisted.clone(),
        }
    }
}

impl DriftReport {
    /// The tags that are not judged and show different images in different repositories.
    #[must_use]
    pub fn differing(&self) -> Vec<Tag> {
        let all = || {
            self.repositories
                .iter()
                .flat_map(|surveyed| &surveyed.unjudged)
        };
        let differs = |tag: &&UnjudgedTag| {
            all().any(|other| {
                let both = (other.shown.digest(), tag.shown.digest());
                let is_same = other.tag == tag.tag && other.image == tag.image;
                // The repositories can have different images of one version: then each shows its own.
                let is_one = tag.version.is_some() && tag.version == other.version;
                is_same && !is_one && matches!(both, (Some(a), Some(b)) if a != b)
            })
        };
        let mut tags: Vec<Tag> = all().filter(differs).map(|tag| tag.tag.clone()).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// The tags that are there and that no list names.
    pub(super) fn unlisted(&self) -> UnlistedTags {
        let all = self.repositories.iter();
        all.map(|surveyed| (surveyed.repository.clone(), surveyed.unlisted.clone()))
            .collect()
    }

    /// The tags that do not show what they should.
    pub fn wrong(&self) -> impl Iterator<Item = (&Repository, &Drift)> {
        self.repositories.iter().flat_map(|surveyed| {
            let wrong = surveyed
                .drift
                .iter()
                .filter(|d| d.state != DriftState::Right);
            wrong.map(|drift| (&surveyed.repository, drift))
        })
    }
}

impl Release {
    /// Compares every moving tag of every line and image with what is published. Touches
    /// nothing.
    ///
    /// # Errors
    /// Refused (exit 4) where a registry does not hand out its list of tags; failed (exit 6)
    /// where it cannot be read.
    pub async fn drift(&self) -> Result<DriftReport> {
        self.or_signal(self.compared()).await
    }

    async fn compared(&self) -> Result<DriftReport> {
        let facts = self.project().facts_of(&VersionRequest::default(), None)?;
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let apis = self.apis(&self.repositories()?)?;
        let (published, withdrawn) =
            tokio::join!(self.listed(&apis, &git), self.withdrawn_or_known());
        let published = published?;
        let withdrawn: Vec<Version> = withdrawn.into_iter().map(|one| one.version).collect();
        let origins = self.origins(&git);
        let known = KnownVersions {
            git: &git,
            withdrawn: &withdrawn,
            origins: &origins,
        };
        let repositories = self.surveyed(&known, &published).await?;
        let rules = TagRules::of(self.policy(), &ImageName::main());
        let of_a_branch = rules.left_out().filter(|one| one.is_of_a_branch());
        let mut left_out: Vec<String> = of_a_branch.map(ToString::to_string).collect();
        if self.policy().tags.latest == Latest::Never && !rules.open_latest().is_empty() {
            left_out.push("`latest` (`tags.latest` is \"never\")".to_owned());
        }
        Ok(DriftReport {
            repositories,
            left_out,
        })
    }

    /// Each repository's moving tags beside where they should point. `published` has the lists of tags.
    pub(super) async fn surveyed(
        &self,
        known: &KnownVersions<'_>,
        published: &[Published],
    ) -> Result<Vec<RepositoryDrift>> {
        let receipts = self.receipts_of(known.git);
        let mut repositories = Vec::new();
        for seen in published {
            let api = self.apis(std::slice::from_ref(&seen.repository))?.remove(0);
            let survey = drift_survey(self.policy(), known, seen, published)?;
            let survey = survey.believing(&receipts);
            let shows = observe::heads(api.as_ref(), &survey.tags_to_observe()).await?;
            let mut drift = Vec::new();
            let mut unjudged = survey.unjudged(&shows);
            for one in survey.drift(&shows) {
                match observe::is_gone(api.as_ref(), &one, &shows).await? {
                    true => unjudged.push(one.without_image()),
                    false => drift.push(one),
                }
            }
            repositories.push(RepositoryDrift {
                repository: survey.repository.clone(),
                drift,
                unjudged,
                unlisted: seen.unlisted.clone(),
            });
        }
        Ok(repositories)
    }

    /// Moves every tag that drifted to where it should point: all of them or none. `None`: there
    /// was nothing to repair.
    ///
    /// # Errors
    /// As [`Release::drift`]; what preflight finds. What came of the transaction is the outcome.
    pub async fn repair(&self, drifts: &DriftReport) -> Result<Option<Outcome>> {
        if drifts.wrong().next().is_none() {
            return Ok(None);
        }
        self.registries.publish();
        self.warn_of_policy()?;
        self.or_signal(self.refuse_unfinished()).await?;
        let wrong = drifts.wrong();
        let wanted = wrong.map(|(repository, drift)| {
            let (tag, version) = (drift.tag.clone(), drift.version.clone());
            (repository.clone(), tag, version)
        });
        let recheck = self.recheck_of_repair(wanted.collect(), None, drifts.unlisted());
        let highest = highest(drifts);
        let publication = self
            .or_signal(self.repair_publication(drifts, highest, recheck, None))
            .await?;
        Ok(Some(
            self.publish(&self.world(), &publication, Verb::Repair, None)
                .await,
        ))
    }

    /// Every tag of `drifts` that is not right, to where it should point; `version` is what the
    /// transaction is called. The last push makes `mark`.
    pub(super) async fn repair_publication(
        &self,
        drifts: &DriftReport,
        version: Version,
        recheck: Recheck,
        mark: Option<MarkObject>,
    ) -> Result<Publication> {
        let facts = self.project().facts_of(&VersionRequest::default(), None)?;
        let mut images: Vec<PublishedImage> = Vec::new();
        let mut targets = Vec::new();
        for surveyed in &drifts.repositories {
            let mut tags = Vec::new();
            for drift in surveyed
                .drift
                .iter()
                .filter(|d| d.state != DriftState::Right)
            {
                let known = images
                    .iter()
                    .position(|it| *it.digest() == drift.want && it.name == drift.image);
                let image = match known {
                    Some(known) => known,
                    None => {
                        let image = self.published_image(&drift.want, &surveyed.repository);
                        images.push(self.named(&drift.image, image.await?));
                        images.len() - 1
                    }
                };
                tags.push(TagMove {
                    tag: drift.tag.clone(),
                    kind: TagClass::Moving,
                    image,
                    before: drift.shown.clone(),
                });
            }
            if !tags.is_empty() {
                targets.push(Target {
                    repository: surveyed.repository.clone(),
                    strict: false,
                    tags,
                });
            }
        }
        self.prove(&mut targets, facts.head, mark.as_ref()).await?;
        Ok(Publication {
            branch: None,
            version,
            promotes: None,
            commit: facts.head,
            instant: self.instant()?,
            images,
            // What is about an image is where the image is already.
            referrers: Vec::new(),
            targets,
            git_tag: None,
            mark,
            recheck: Some(recheck),
            lock_refs: self.policy().git.lock_refs.clone(),
            policy: self.policy().publish.clone(),
        })
    }

    /// Proves the right to move the tags before one is moved.
    async fn prove(
        &self,
        targets: &mut [Target],
        commit: CommitId,
        mark: Option<&MarkObject>,
    ) -> Result<()> {
        let tags = |target: &Target| target.tags.iter().map(|t| t.tag.clone()).collect();
        let asked = Preflight {
            branch: None,
            shown: Vec::new(),
            repositories: targets
                .iter()
                .map(|t| (t.repository.clone(), tags(t)))
                .collect(),
            git_tag: None,
            mark: mark.map(|mark| mark.name.clone()),
            commit,
            lock_refs: self.policy().git.lock_refs.clone(),
        };
        let repositories: Vec<_> = targets.iter().map(|t| t.repository.clone()).collect();
        let step = self.events.start(Started::Preflight {
            repositories: repositories.clone(),
        });
        let found = publish::preflight(&self.world(), &asked).await?;
        for (target, found) in targets.iter_mut().zip(found) {
            target.strict = found.strict;
        }
        step.finish(Finished::Preflight { repositories });
        Ok(())
    }
}

/// The highest version that a tag is put to.
fn highest(drifts: &DriftReport) -> Version {
    let versions = drifts.wrong().map(|(_, drift)| &drift.version);
    let highest = versions.max_by(|a, b| a.cmp_precedence(b));
    highest.cloned().unwrap_or(Version::new(0, 0, 0))
}
