//! What the policy gives for the version, commit and instant that a lock's journal names, and whether the
//! journal fits.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    git::{CommitId, RefName},
    io::git::remote::{RefPattern, RemoteError, RemoteTags},
    plan::{
        release::{
            lock_images::{Doubts, judge_images},
            lock_journal::{
                ClaimedTag, GrantedTag, JournalClaim, PolicyGrant, RemadeCommit, TagRole, misfit,
            },
            verify::without_images,
            withdrawal::mark_name,
        },
        tags::{self, TagContext, TagKind, TagRules},
        version::branch::BranchKind,
    },
    policy::Placeholder,
    project::Project,
    publish::lock_ref,
    release::{
        cancel::Cancel,
        facade::Release,
        lock_images::{ClaimInputs, TagThere},
    },
};

fn remote_error(what: &str, error: &RemoteError) -> Error {
    Error::failed(what)
        .with_code(ErrorCode::GitRemote)
        .because(error)
        .state("nothing was changed")
}

impl Release {
    /// The same release, apart from this value.
    pub(super) fn again(&self) -> Result<Self> {
        Ok(self.of(self.project().again()?))
    }

    /// A release of `project` that talks to the registries as this one does.
    fn of(&self, project: Project) -> Self {
        let cancel = Cancel(self.cancel.clone());
        let mut release = Self::new(project, self.events.clone(), &cancel);
        release.registries = Arc::clone(&self.registries);
        release
    }

    /// The release by the policy that `commit` has, where a branch of the remote holds that commit from
    /// which the policy at hand releases: other branches may be anybody's.
    pub(super) async fn with_policy_of(&self, commit: CommitId) -> Result<Option<Self>> {
        let branches = &self.policy().branches;
        let is_named =
            |name: &RefName| BranchKind::of(branches, Some(name.short())) != BranchKind::Unlisted;
        if !self.branches_with(commit).await?.iter().any(is_named) {
            return Ok(None);
        }
        // What cannot be read as a policy gives nothing.
        let project = self.project().with_policy_of(commit).ok().flatten();
        Ok(project.map(|project| self.of(project)))
    }

    /// The remote's branches that hold `commit`. The locks may lie among the branches, and are none.
    async fn branches_with(&self, commit: CommitId) -> Result<Vec<RefName>> {
        let remote = self.remote();
        let locks = format!("{}/", self.policy().git.lock_refs);
        let all = RefPattern::Below(RefName::BRANCHES.to_owned());
        let branches = remote.refs(&[all]).await;
        let branches = branches.map_err(|e| remote_error("cannot read the branches", &e))?;
        let mut holding = Vec::new();
        for (name, tip) in branches {
            let is_lock = name.as_str().starts_with(&locks);
            // What cannot be told is not said to hold it.
            if !is_lock && remote.contains(&name, &tip, commit).await.unwrap_or(false) {
                holding.push(name);
            }
        }
        Ok(holding)
    }

    /// Why this policy would not do what `claim` says; else what of it nothing proves.
    pub(super) async fn judge(
        &self,
        claim: &JournalClaim,
        instant: DateTime<Utc>,
        forward: bool,
    ) -> Result<std::result::Result<Doubts, String>> {
        match self.judge_claim(claim, instant, forward).await {
            // The policy cannot release that version at all.
            Err(error) if matches!(error.kind(), ErrorKind::Refused | ErrorKind::Usage) => {
                Ok(Err(format!("{error:#}")))
            }
            judged => judged,
        }
    }

    async fn judge_claim(
        &self,
        claim: &JournalClaim,
        instant: DateTime<Utc>,
        forward: bool,
    ) -> Result<std::result::Result<Doubts, String>> {
        // Which version a moving tag belongs to, all of them together tell, and this clone may lack some. One
        // that is another one here does not keep a dead release from its end.
        match self.remote_tags(true).await {
            Err(error) if error.kind() != ErrorKind::Refused => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let known = self.git_versions()?;
        let withdrawn = self.read_withdrawn().await?.into_iter();
        let withdrawn: Vec<Version> = withdrawn.map(|one| one.version).collect();
        // Its version's tags go back: with the mark that it makes, or once more.
        let takes_back = claim.mark.is_some() || withdrawn.contains(&claim.version);
        let (grant, there) = self.grant(claim, instant, &known, takes_back).await?;
        let odd = misfit(claim, &grant).or_else(|| self.odd_instant(claim, instant));
        if let Some(why) = odd {
            return Ok(Err(why));
        }
        // From here on the repositories and tags are the policy's, so they may be asked.
        let inputs = ClaimInputs {
            claim,
            given: &grant.tags,
            known: &known,
            withdrawn: &withdrawn,
            takes_back,
            there,
        };
        let facts = self.image_facts(&inputs).await?;
        Ok(judge_images(claim, &facts, forward).map(|mut doubts| {
            let branch = claim.branch.as_ref().map(|branch| branch.name.short());
            let kind = BranchKind::of(&self.policy().branches, branch);
            if let Some(branch) = branch.filter(|_| kind == BranchKind::Unlisted) {
                let line = format!("`[branches]` does not name the branch `{branch}`");
                doubts.unproven.push(line);
            }
            doubts
        }))
    }

    /// A tag of the day is of a day between the commit and now.
    fn odd_instant(&self, claim: &JournalClaim, instant: DateTime<Utc>) -> Option<String> {
        let of_day = |value: &Placeholder| matches!(value, Placeholder::Date(_));
        let mut templates = self.policy().tags.templates();
        if !templates.any(|(_, template)| template.has(of_day)) {
            return None;
        }
        let seconds = self.project().git().commit_time(claim.commit).ok()?;
        let committed = DateTime::from_timestamp(seconds, 0)?;
        let day = TimeDelta::days(1);
        let fits = instant >= committed - day && instant <= Utc::now() + day;
        (!fits).then(|| format!("its tags of the day are of {}", instant.format("%Y-%m-%d")))
    }

    /// What the policy gives for the version, commit and instant of `claim`.
    async fn grant(
        &self,
        claim: &JournalClaim,
        instant: DateTime<Utc>,
        known: &[Version],
        takes_back: bool,
    ) -> Result<(PolicyGrant, TagThere)> {
        let policy = self.policy();
        let is_moving = |claimed: &&ClaimedTag| {
            let rules = TagRules::in_repository(policy, &claimed.repository);
            match takes_back {
                true => rules.is_takeable(known, &claimed.tag),
                false => rules.is_target(known, &claimed.tag),
            }
        };
        let moving = claim.tags.iter().filter(is_moving);
        let moving = moving.map(|tag| (tag.repository.clone(), tag.tag.clone()));
        let moving = moving.collect();
        let git_tag = policy.version.tag.name(&claim.version);
        let git_tag = RefName::tag(&git_tag).map_err(|error| Error::refused(error.to_string()))?;
        let release_commit = match &claim.branch {
            None => RemadeCommit::NotClaimed,
            Some(branch) => {
                // The changelog depends on the version tags, so none may be missing here.
                self.remote_tags(true).await?;
                let place = (&branch.name, branch.before);
                self.remade(claim.commit, place, &claim.version, instant)?
            }
        };
        let object = claim.git_tag.as_ref().map(|tag| &*tag.object);
        let object_id = |object: &[u8]| self.project().git().tag_object_id(object);
        let there = self.tag_there(claim, &git_tag).await?;
        let grant = PolicyGrant {
            repositories: self.repositories()?,
            lock_refs: claim
                .repositories
                .iter()
                .map(|repository| lock_ref(&policy.git.lock_refs, repository))
                .collect(),
            tags: match claim.is_release() {
                true => self.granted_tags(claim, instant, known).await?,
                false => Vec::new(),
            },
            moving,
            git_tag_id: object.map(object_id).transpose()?,
            mark: match &claim.mark {
                None => None,
                Some(mark) => Some((
                    mark_name(&policy.git.marks(), &policy.version.tag, &claim.version)?,
                    self.project().git().commit_object_id(&mark.object)?,
                )),
            },
            tagged: match there {
                TagThere::Of(commit) => Some(commit),
                TagThere::No | TagThere::Own | TagThere::Odd => None,
            },
            git_tag,
            release_commit,
        };
        Ok((grant, there))
    }

    /// The versions that this clone's git tags name.
    pub(super) fn git_versions(&self) -> Result<Vec<Version>> {
        let template = &self.policy().version.tag;
        let ids = self.project().git().tag_ids()?;
        Ok(ids
            .keys()
            .filter_map(|name| template.version(name))
            .collect())
    }

    /// Every tag that the policy gives the version, from whichever branch it may have been released.
    async fn granted_tags(
        &self,
        claim: &JournalClaim,
        instant: DateTime<Utc>,
        known: &[Version],
    ) -> Result<Vec<GrantedTag>> {
        let policy = self.policy();
        let seconds = self.project().git().commit_time(claim.commit).unwrap_or(0);
        let mut given = Vec::new();
        for branch in self.possible_branches(claim).await? {
            let context = TagContext {
                version: &claim.version,
                commit: Some(claim.commit),
                commit_time: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
                instant,
                branch: branch.as_deref(),
                branch_kind: &BranchKind::of(&policy.branches, branch.as_deref()),
                git: known,
                withdrawn: &[],
                images: BTreeMap::new(),
            };
            // Which channels follow on to this version, the repositories tell.
            let published = match policy.tags.channel_follows {
                true => without_images(&self.published_for(&context).await?),
                false => Vec::new(),
            };
            let set = tags::compute(policy, &context, &published)?;
            given.extend(set.tags().iter().flat_map(|tag| {
                let role = match (tag.is_version, tag.kind) {
                    (true, _) => TagRole::Version,
                    (false, TagKind::Fixed) => TagRole::Fixed,
                    (false, TagKind::Moving) => TagRole::Moving,
                };
                let places = policy.repositories_of(&tag.image.plain());
                places.into_iter().map(move |repository| GrantedTag {
                    repository,
                    tag: tag.tag.clone(),
                    role,
                    image: tag.image.clone(),
                })
            }));
        }
        Ok(given)
    }

    /// The branches that the release may be from, as far as its tags' names depend on that.
    async fn possible_branches(&self, claim: &JournalClaim) -> Result<Vec<Option<String>>> {
        if let Some(branch) = &claim.branch {
            return Ok(vec![Some(branch.name.short().to_owned())]);
        }
        let mut branches = vec![None];
        let of_branch = |value: &Placeholder| *value == Placeholder::Branch;
        let mut templates = self.policy().tags.templates();
        if templates.any(|(_, template)| template.has(of_branch)) {
            let holding = self.branches_with(claim.commit).await?;
            branches.extend(holding.iter().map(|name| Some(name.short().to_owned())));
        }
        Ok(branches)
    }

    /// The version's git tag on the remote.
    async fn tag_there(&self, claim: &JournalClaim, name: &RefName) -> Result<TagThere> {
        let there = self.remote().refs(&RefPattern::names([name])).await;
        let there = there.map_err(|error| remote_error("cannot read the git tag", &error))?;
        let Some((_, there)) = there.into_iter().next() else {
            return Ok(TagThere::No);
        };
        if claim.git_tag.as_ref().is_some_and(|own| own.id == there) {
            return Ok(TagThere::Own);
        }
        let short = name.short();
        let here = self.project().git().tag_ids()?.get(short).cloned();
        match here {
            Some(here) if here == there => {}
            Some(_) => {
                return Err(Error::refused(format!(
                    "tag `{short}` is another one here than on `{}`",
                    self.policy().git.remote
                ))
                .with_code(ErrorCode::GitTagDiffers));
            }
            None => {
                let remote = RemoteTags::new(self.top(), &self.policy().git.remote);
                remote.fetch(std::slice::from_ref(name)).await?;
            }
        }
        let tagged = self.project().git().tagged(short)?;
        Ok(tagged.map_or(TagThere::Odd, |tagged| TagThere::Of(tagged.commit)))
    }
}
