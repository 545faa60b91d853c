//! Whether what is published of a version belongs to its release, so that a release completes it.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::ImageName,
    plan::{
        history::facts::Facts,
        release::{
            belonging::CheckState,
            gone::GoneImage,
            held::{given_away, not_by_this_policy},
            ownership::{Adopted, Evidence, PublishedTag},
            receipt::Receipt,
            verify::{ReleaseChecks, without_images},
        },
        tags::{Published, TagContext, TagKind, compute},
    },
    publish,
    release::{
        facade::Release, observe, past_policy::lacks_a_place, recorded::recorded, tags::Subject,
    },
};

/// A version as a release of it looks at it.
pub(super) struct Completed<'a> {
    /// The version.
    pub(super) version: &'a Version,
    /// The commit that is checked out for it.
    pub(super) head: CommitId,
    /// The commits that its images can name.
    pub(super) commits: &'a [CommitId],
    /// The receipts in its git tag.
    pub(super) receipts: &'a [Receipt],
}

impl Release {
    /// The images that a release of the version takes over instead of building them.
    ///
    /// # Errors
    /// Refused (exit 4): what is published is not the version's own, as far as anybody can tell here.
    pub(super) fn adoption(
        &self,
        facts: &Facts,
        completed: &Completed<'_>,
        claims: &mut [PublishedTag],
    ) -> Result<BTreeMap<ImageName, Adopted>> {
        let version = completed.version;
        let is_there = |receipt: &Receipt| {
            claims.iter().any(|claim| {
                claim.repository == receipt.repository && claim.digest == receipt.digest
            })
        };
        if let Some(found) = given_away(self.policy(), completed.receipts, is_there) {
            let tag = self.policy().version.tag.name(version);
            return Err(not_by_this_policy(version, &tag, &found));
        }
        self.mark_earlier(claims, version, facts);
        let evidence = Evidence {
            version,
            commits: completed.commits,
            policy: self.policy(),
            journaled: &publish::journaled_images(&self.world(), version, completed.head),
            receipts: completed.receipts,
        };
        evidence.adopt(claims)
    }

    /// What is said instead of the command that completes a version, where a release would refuse to.
    /// `None`: it would not.
    pub(super) fn not_completed(
        &self,
        facts: &Facts,
        completed: &Completed<'_>,
        (claims, gone): (&mut [PublishedTag], &[GoneImage]),
    ) -> Option<String> {
        if let Some(gone) = gone.first() {
            let version = completed.version;
            return Some(would_not_complete(version, &gone.refusal(version)));
        }
        let error = self.adoption(facts, completed, claims).err()?;
        let refused = error.code() == ErrorCode::PublishedFromElsewhere;
        refused.then(|| would_not_complete(completed.version, &error))
    }

    /// Why a release would not complete the version, where something of it is missing.
    pub(super) async fn refused_completion(
        &self,
        facts: &Facts,
        subject: &Subject,
        receipts: &[Receipt],
        (context, published, found): (&TagContext<'_>, &[Published], &ReleaseChecks),
    ) -> Result<Option<String>> {
        let mut fixed = found
            .tags
            .iter()
            .filter(|check| check.kind == TagKind::Fixed);
        let is_complete = !fixed.any(|check| check.state == CheckState::Missing);
        let withdrawn = facts.withdrawn.contains(&subject.version);
        if withdrawn || (is_complete && !lacks_a_place(&found.unjudged)) {
            return Ok(None);
        }
        let Some(head) = subject.commit else {
            return Ok(None);
        };
        let set = compute(self.policy(), context, &without_images(published))?;
        let apis = self.apis(&self.repositories()?)?;
        let mut claims = observe::claims(&apis, published, &set).await?;
        let recorded = recorded(&apis, &set, receipts, &claims).await?;
        claims.extend(recorded.found);
        let commits = self.commits_of_release(None, head, &subject.version);
        let completed = Completed {
            version: &subject.version,
            head,
            commits: &commits,
            receipts,
        };
        Ok(self.not_completed(facts, &completed, (&mut claims, &recorded.gone)))
    }
}

fn would_not_complete(version: &Version, error: &Error) -> String {
    let causes = error.causes().join("; ");
    let hint = error.first_hint().unwrap_or_default();
    format!(
        "`hoist release --version {version}` would refuse to complete it, because {}: {causes}; {hint}",
        error.message()
    )
}
