//! Journals that came from a lock, before anything of them is done: they are compared with the policy, and
//! somebody has to agree.
//!
//! The policy is the one at hand. Where it does not fit, the policy of the journal's own commit counts,
//! too, if that commit is on a branch of the remote that the policy at hand names: then it went the way of
//! every change. A commit that only the lock names, or anybody's branch, could have any policy.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::{
    error::{Error, ErrorCode, Result},
    git::RefName,
    oci::Digest,
    plan::release::{
        lock_images::Doubts,
        lock_journal::{
            ClaimedBranch, ClaimedGitTag, ClaimedMark, ClaimedTag, JournalClaim, TagRole, moves,
        },
    },
    policy::PublishPolicy,
    publish::{
        LockJournal, TagClass, TakeoverCheck,
        protocol::{journal::Prepared, state::Goal},
    },
    release::{
        consent::{Consent, LockedRelease},
        facade::Release,
    },
    text::sanitize_line,
};

/// Decides by a policy, and by asking.
pub(super) struct PolicyCheck {
    release: Release,
    consent: Consent,
}

impl PolicyCheck {
    /// A check that lives apart from `release`.
    pub(super) fn new(release: &Release, consent: &Consent) -> Result<Self> {
        Ok(Self {
            release: release.again()?,
            consent: consent.clone(),
        })
    }

    /// Refuses what neither the policy at hand nor that of the journal's own commit gives; else what
    /// nothing proves.
    async fn compared(&self, found: LockJournal<'_>, forward: bool) -> Result<Doubts> {
        let prepared = &found.replayed.prepared;
        let (claim, instant) = (claim(prepared, found.refs), prepared.instant);
        let remote = self.release.remote();
        // Without its commit the names of its tags may not come out, and that is told then.
        let _ = remote.fetch_commit(claim.commit).await;
        let judged = match self.release.odd_forge(prepared) {
            Some(why) => Err(why),
            None => self.release.judge(&claim, instant, forward).await?,
        };
        let why = match judged {
            Ok(doubts) => return Ok(doubts),
            Err(why) => why,
        };
        let source = claim.branch.as_ref().map_or(claim.commit, |b| b.before);
        if let Some(other) = self.release.with_policy_of(source).await?
            && other.odd_forge(prepared).is_none()
            && let Ok(doubts) = other.judge(&claim, instant, forward).await?
        {
            self.release.events.note(format!(
                "the release {} goes by the policy of its own commit {}",
                claim.version,
                source.short()
            ));
            return Ok(doubts);
        }
        Err(refusal(&claim, why))
    }

    /// What `resume` would do with the release that a lock tells of, for the person who decides about it.
    ///
    /// # Errors
    /// Refused (exit 4) where it is not what the policy would do; failed (exit 6) where that cannot be found
    /// out.
    pub(super) async fn shown(&self, found: LockJournal<'_>) -> Result<LockedRelease> {
        let doubts = match self.compared(found, true).await {
            // A way back asks for less, so it may fit all the same.
            Err(error) if error.code() == ErrorCode::JournalUnfit => {
                let mut doubts = self.compared(found, false).await?;
                doubts.unproven.push(error.causes().join(": "));
                doubts
            }
            compared => compared?,
        };
        Ok(shown(found, Goal::Forward, doubts))
    }
}

fn shown(found: LockJournal<'_>, goal: Goal, doubts: Doubts) -> LockedRelease {
    let forward = goal == Goal::Forward;
    let prepared = &found.replayed.prepared;
    LockedRelease {
        version: prepared.version.clone(),
        commit: prepared.commit,
        owner: sanitize_line(&found.replayed.owner.to_string(), 300),
        since: found.replayed.since,
        moves: moves(&claim(prepared, found.refs), forward),
        unproven: doubts.unproven,
        unexplained: if forward { Vec::new() } else { doubts.back },
    }
}

#[async_trait]
impl TakeoverCheck for PolicyCheck {
    async fn fits(&self, found: LockJournal<'_>) -> Result<()> {
        // A way back asks for less.
        self.compared(found, false).await.map(drop)
    }

    async fn agrees(&self, found: LockJournal<'_>, goal: Goal) -> Result<()> {
        let doubts = self.compared(found, goal == Goal::Forward).await?;
        self.consent.agrees(&shown(found, goal, doubts), goal).await
    }

    fn policy(&self) -> &PublishPolicy {
        &self.release.policy().publish
    }

    fn image_directory(&self, manifest: &Digest) -> PathBuf {
        self.release.store().image_dir(manifest)
    }
}

fn refusal(claim: &JournalClaim, why: String) -> Error {
    Error::refused(format!(
        "the lock's journal of {} is not what the policy would do",
        claim.version
    ))
    .with_code(ErrorCode::JournalUnfit)
    .cause(why)
    .state("nothing was changed")
    .hint("where the policy has changed since: check out the commit of that release, then the same command")
    .hint("`hoist unlock` removes a lock that nobody should follow")
}

/// What a journal says that it does.
fn claim(prepared: &Prepared, found_in: &[RefName]) -> JournalClaim {
    let tag = |tag: &crate::publish::protocol::journal::TagRecord| ClaimedTag {
        repository: prepared.repository(tag).clone(),
        tag: tag.tag.clone(),
        role: match tag.kind {
            TagClass::Version => TagRole::Version,
            TagClass::Fixed => TagRole::Fixed,
            TagClass::Moving => TagRole::Moving,
        },
        before: tag.before.clone(),
        wanted: prepared.wanted(tag).clone(),
        image: prepared.images[tag.image].image_name(),
    };
    JournalClaim {
        version: prepared.version.clone(),
        commit: prepared.commit,
        repositories: prepared
            .repositories
            .iter()
            .map(|place| place.repository.clone())
            .collect(),
        lock_refs: prepared.lock_refs.clone(),
        found_in: found_in.to_vec(),
        tags: prepared.tags.iter().map(tag).collect(),
        git_tag: prepared.git_tag.as_ref().map(|tag| ClaimedGitTag {
            name: tag.name.clone(),
            id: tag.id.clone(),
            object: tag.object.clone(),
        }),
        mark: prepared.mark.as_ref().map(|mark| ClaimedMark {
            name: mark.name.clone(),
            id: mark.id.clone(),
            object: mark.object.clone(),
        }),
        branch: prepared.branch.as_ref().map(|branch| ClaimedBranch {
            name: branch.name.clone(),
            before: branch.before,
        }),
    }
}
