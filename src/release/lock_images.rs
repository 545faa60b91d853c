//! What labels, receipts and the published versions tell of the images that a lock's journal names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use semver::Version;

use crate::{
    error::Result,
    io::registry::RepositoryApi,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{
        release::{
            lock_images::{ImageFact, ImageFacts, MovingTagFacts},
            lock_journal::{ClaimedTag, GrantedTag, JournalClaim, TagRole},
            ownership::{Evidence, ImageOwner, PublishedTag},
            receipt::{Receipt, receipts},
        },
        tags::{ExactTags, Listing, Origins, TagRules},
        version::bump::core,
    },
    policy::SameImage,
    release::{
        facade::Release,
        observe::{self, RepositoryApis},
    },
};

/// What is known before the images of a claim are looked at.
pub(super) struct ClaimInputs<'a> {
    /// What the journal says.
    pub(super) claim: &'a JournalClaim,
    /// The tags that the policy gives the version.
    pub(super) given: &'a [GrantedTag],
    /// The versions that git knows.
    pub(super) known: &'a [Version],
    /// The versions that are withdrawn.
    pub(super) withdrawn: &'a [Version],
    /// Whether the tags of the claim's version go back to the one before it.
    pub(super) takes_back: bool,
    /// The version's git tag on the remote.
    pub(super) there: TagThere,
}

/// The version's git tag on the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagThere {
    /// There is none.
    No,
    /// It is the claim's own.
    Own,
    /// It is another object, which names this commit.
    Of(crate::git::CommitId),
    /// It is another object, which names no commit.
    Odd,
}

/// Repositories, each with all of its tags that are known.
type TagLists = Vec<(Arc<dyn RepositoryApi>, Vec<Tag>)>;

/// What one repository shows, as far as the claim is concerned.
struct SeenRepository {
    moving: Vec<MovingTagFacts>,
    own: Vec<Digest>,
}

impl Release {
    /// Asks the repositories of the claim, which must be the policy's.
    pub(super) async fn image_facts(&self, inputs: &ClaimInputs<'_>) -> Result<ImageFacts> {
        let claim = inputs.claim;
        let apis = self.apis(&claim.repositories)?;
        let mut facts = ImageFacts {
            is_tagged: matches!(inputs.there, TagThere::Of(_) | TagThere::Odd),
            ..ImageFacts::default()
        };
        let lists = self.lists_of_claim(&apis, inputs).await?;
        for (api, tags) in &lists {
            let seen = self.seen(api.as_ref(), tags, inputs).await?;
            facts.moving.extend(seen.moving);
            facts.own.extend(seen.own);
        }
        let receipts = self.receipts_of_claim(inputs);
        let mut named: BTreeSet<(ImageName, Digest)> = BTreeSet::new();
        for tag in claim.tags.iter().filter(|tag| tag.role != TagRole::Moving) {
            let given = inputs.given.iter().find(|given| given.is(tag));
            let image = given.map_or_else(ImageName::main, |given| given.image.clone());
            if named.insert((image.clone(), tag.wanted.clone())) {
                let origin = self.image_origin(&lists, inputs, (tag, &image), &receipts);
                facts.images.push(ImageFact {
                    origin: origin.await?,
                    digest: tag.wanted.clone(),
                    image,
                });
            }
        }
        Ok(facts)
    }

    /// Each repository with its tags; without a list nothing is known of them.
    async fn lists_of_claim(
        &self,
        apis: &RepositoryApis,
        inputs: &ClaimInputs<'_>,
    ) -> Result<TagLists> {
        let listed = self.listed(apis, inputs.known).await?;
        let tags = listed.into_iter().map(|seen| match seen.tags {
            Listing::Known(tags) => tags,
            Listing::Refused | Listing::NotAsked => Vec::new(),
        });
        Ok(apis.iter().cloned().zip(tags).collect())
    }

    /// The receipts of the version's git tag, where the remote has it.
    fn receipts_of_claim(&self, inputs: &ClaimInputs<'_>) -> Vec<Receipt> {
        match (inputs.there, &inputs.claim.git_tag) {
            (TagThere::Own, Some(tag)) => {
                let text = String::from_utf8_lossy(&tag.object);
                let message = text.split_once("\n\n").map_or("", |(_, message)| message);
                receipts(message)
            }
            (TagThere::Of(_), _) => self.receipts_here(&inputs.claim.version),
            (TagThere::No | TagThere::Odd | TagThere::Own, _) => Vec::new(),
        }
    }

    /// Whose the image of `tag` is; `None`: no repository has it.
    async fn image_origin(
        &self,
        lists: &TagLists,
        inputs: &ClaimInputs<'_>,
        (tag, image): (&ClaimedTag, &ImageName),
        receipts: &[Receipt],
    ) -> Result<Option<ImageOwner>> {
        let (claim, digest) = (inputs.claim, &tag.wanted);
        let mut found = None;
        for (api, _) in lists {
            let seen = observe::images_behind(api.as_ref(), digest).await?;
            let is_gone = seen.as_ref().is_err_and(|why| why == observe::GONE);
            if !is_gone {
                found = Some((api.repository().clone(), seen));
                break;
            }
        }
        let Some((repository, images)) = found else {
            return Ok(None);
        };
        let policy = self.policy();
        let commits = self.commits_of_release(None, claim.commit, &claim.version);
        let branch = claim.branch.as_ref().map(|branch| branch.before);
        let commits: Vec<_> = commits.into_iter().chain(branch).collect();
        let evidence = Evidence {
            version: &claim.version,
            commits: &commits,
            policy,
            journaled: &[],
            receipts,
        };
        let published = PublishedTag {
            repository,
            tag: tag.tag.clone(),
            image: image.clone(),
            digest: digest.clone(),
            images,
            earlier: false,
            recorded: false,
        };
        let origin = evidence.origin_of(&published);
        let promoted = match origin {
            ImageOwner::Unknown(_) => self.is_promoted(&published, inputs).await?,
            ImageOwner::Own | ImageOwner::Other(_) => false,
        };
        let build = policy.image_policy(image).build;
        let again = build.same_image == SameImage::Allow;
        let earlier = self.is_of_other(digest, inputs);
        Ok(Some(match origin {
            ImageOwner::Own => origin,
            ImageOwner::Unknown(_) if promoted => ImageOwner::Own,
            ImageOwner::Unknown(_) | ImageOwner::Other(_) if again && earlier => {
                ImageOwner::Unknown("another version published it, too".to_owned())
            }
            ImageOwner::Other(_) => origin,
            ImageOwner::Unknown(why) if build.image_source.is_engine() => {
                ImageOwner::Other(format!("{why}, and every image that hoist builds has one"))
            }
            ImageOwner::Unknown(_) if earlier => {
                ImageOwner::Other("another version published it".to_owned())
            }
            ImageOwner::Unknown(_) => {
                let other = self.published_as_other(lists, inputs, digest).await?;
                match other {
                    Some(shown) => ImageOwner::Other(format!("`{shown}` shows it")),
                    None => origin,
                }
            }
        }))
    }

    /// Whether `promote` publishes this image as the claim's version: it is that of a pre-release of the
    /// version, from the same commit, and the receipt in the pre-release's git tag names it.
    async fn is_promoted(
        &self,
        published: &PublishedTag,
        inputs: &ClaimInputs<'_>,
    ) -> Result<bool> {
        let claim = inputs.claim;
        if !claim.version.pre.is_empty() {
            return Ok(false);
        }
        // This clone may not have the pre-release's git tag yet.
        self.remote_tags(true).await?;
        let known = self.git_versions()?;
        let is_candidate = |version: &&Version| {
            let name = self.policy().version.tag.name(version);
            !version.pre.is_empty()
                && core(version) == claim.version
                && !inputs.withdrawn.contains(version)
                && self.project().git().tag_commit(&name) == Some(claim.commit)
        };
        let mut candidates = known.iter().filter(is_candidate);
        Ok(candidates.any(|candidate| {
            let evidence = Evidence {
                version: candidate,
                commits: &self.commits_of_release(None, claim.commit, candidate),
                policy: self.policy(),
                journaled: &[],
                receipts: &self.receipts_here(candidate),
            };
            evidence.origin_of(published) == ImageOwner::Own
        }))
    }

    /// Whether a receipt says that another version published the image.
    fn is_of_other(&self, digest: &Digest, inputs: &ClaimInputs<'_>) -> bool {
        let mut known = inputs.known.iter();
        known.any(|version| {
            let mut recorded = self.receipts_here(version).into_iter();
            *version != inputs.claim.version && recorded.any(|one| one.digest == *digest)
        })
    }

    /// The exact tag of another version that shows `digest`.
    async fn published_as_other(
        &self,
        lists: &TagLists,
        inputs: &ClaimInputs<'_>,
        digest: &Digest,
    ) -> Result<Option<String>> {
        for (api, tags) in lists {
            let rules = TagRules::in_repository(self.policy(), api.repository());
            let reader = ExactTags::new(&rules, inputs.known);
            let others: Vec<Tag> = reader
                .all(tags)
                .into_values()
                .flatten()
                .filter(|exact| exact.version != inputs.claim.version)
                .map(|exact| exact.tag)
                .collect();
            let shows = observe::heads(api.as_ref(), &others).await?;
            let mut shows = shows.into_iter();
            if let Some((tag, _)) = shows.find(|(_, shown)| shown.digest() == Some(digest)) {
                return Ok(Some(api.repository().tag(&tag)));
            }
        }
        Ok(None)
    }

    /// What one repository shows of the claim's moving tags, and what they should show.
    async fn seen(
        &self,
        api: &dyn RepositoryApi,
        tags: &[Tag],
        inputs: &ClaimInputs<'_>,
    ) -> Result<SeenRepository> {
        let (claim, repository) = (inputs.claim, api.repository());
        let rules = TagRules::in_repository(self.policy(), repository);
        let of_others = inputs.withdrawn.iter().filter(|one| **one != claim.version);
        let reader = ExactTags::new(&rules, inputs.known)
            .passing_over(&of_others.cloned().collect::<Vec<_>>());
        let is_own = |tag: &Tag| {
            let read = reader.read(tag.as_str());
            read.is_some_and(|(_, version)| version.cmp_precedence(&claim.version).is_eq())
        };
        let (own, others): (Vec<Tag>, Vec<Tag>) = tags.iter().cloned().partition(is_own);
        let origins = match inputs.takes_back {
            true => self.origins(inputs.known),
            false => Origins::new(),
        };
        let lines = |tags: &[Tag]| -> BTreeMap<Tag, Vec<Tag>> {
            let targets = rules.targets(&reader, inputs.known, tags);
            let days = rules.day_targets(&reader, &origins, tags);
            let targets = targets.into_iter().chain(days);
            let mut lines: BTreeMap<Tag, Vec<Tag>> =
                targets.map(|target| (target.tag, target.exact)).collect();
            if inputs.takes_back {
                lines.extend(rules.latest_of_branch(&reader, tags));
            }
            lines
        };
        let (due, without) = (lines(tags), lines(&others));
        let claimed: Vec<&ClaimedTag> = claim
            .moving()
            .filter(|tag| tag.repository == *repository)
            .collect();
        let exact = |tag: &&ClaimedTag| {
            let named = [&due, &without]
                .into_iter()
                .filter_map(|all| all.get(&tag.tag));
            named
                .flatten()
                .chain([&tag.tag])
                .cloned()
                .collect::<Vec<_>>()
        };
        let looked: BTreeSet<Tag> = claimed.iter().flat_map(exact).chain(own.clone()).collect();
        let looked: Vec<Tag> = looked.into_iter().collect();
        let shows = observe::heads(api, &looked).await?;
        let at = |tag: &Tag| shows.get(tag).and_then(Observed::digest).cloned();
        let all = |names: Option<&Vec<Tag>>| names.into_iter().flatten().filter_map(at).collect();
        let recorded = self.recorded(inputs.known, repository);
        let moving = claimed.into_iter().map(|tag| {
            let given = inputs.given.iter().find(|given| given.is(tag));
            MovingTagFacts {
                repository: repository.clone(),
                tag: tag.tag.clone(),
                image: given.map(|given| given.image.clone()),
                shown: at(&tag.tag),
                follows: rules.is_target(inputs.known, &tag.tag),
                due: all(due.get(&tag.tag)),
                due_without: all(without.get(&tag.tag)),
                recorded: recorded.clone(),
            }
        });
        Ok(SeenRepository {
            moving: moving.collect(),
            own: own.iter().filter_map(at).collect(),
        })
    }

    /// The images of `repository` that receipts name.
    fn recorded(&self, known: &[Version], repository: &Repository) -> Vec<Digest> {
        let all = self.receipts_of(known).into_iter();
        all.filter(|(_, receipt)| receipt.repository == *repository)
            .map(|(_, receipt)| receipt.digest)
            .collect()
    }
}
