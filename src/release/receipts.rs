//! What the git tags of this clone record of images.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::Digest,
    plan::{
        history::facts::Facts,
        release::{
            ownership::PublishedTag,
            receipt::{Receipt, ReceiptRecord, receipts, record},
        },
    },
    release::facade::Release,
};

impl Release {
    /// The digests that the version's git tag records.
    pub(super) fn receipts(&self, facts: &Facts, version: &Version) -> Result<Vec<Receipt>> {
        Ok(self.record(facts, version)?.images)
    }

    /// All that the version's git tag records.
    pub(super) fn record(&self, facts: &Facts, version: &Version) -> Result<ReceiptRecord> {
        let Some(tag) = facts.tags.iter().find(|tag| tag.version == *version) else {
            return Ok(ReceiptRecord::default());
        };
        let message = self.project().git().tag_message(&tag.name)?;
        Ok(message.as_deref().and_then(record).unwrap_or_default())
    }

    /// The images that the git tag of a version records; none where this clone does not have the tag.
    pub(super) fn receipts_here(&self, version: &Version) -> Vec<Receipt> {
        let name = self.policy().version.tag.name(version);
        let message = self.project().git().tag_message(&name).ok().flatten();
        message
            .map(|message| receipts(&message))
            .unwrap_or_default()
    }

    /// No repository has the version. A git tag of it alone is no release.
    pub(super) fn not_published(&self, version: &Version) -> Error {
        let name = self.policy().version.tag.name(version);
        let error = Error::refused(format!("no repository has {version}"))
            .with_code(ErrorCode::NotReleased);
        match self.project().git().tag_commit(&name) {
            Some(_) => error
                .cause(format!("`{name}` is a git tag without an image"))
                .hint(format!(
                    "`hoist release --version {version}` at its commit publishes it"
                )),
            None => error.hint("`hoist log` lists the releases"),
        }
    }

    /// The images that the git tags of these versions record, as far as this clone has the tags.
    pub(super) fn receipts_of(&self, versions: &[Version]) -> Vec<(Version, Receipt)> {
        let mut all = Vec::new();
        for version in versions {
            let recorded = self.receipts_here(version).into_iter();
            all.extend(recorded.map(|receipt| (version.clone(), receipt)));
        }
        all
    }

    /// Marks the images that an earlier version published, too.
    pub(super) fn mark_earlier(
        &self,
        claims: &mut [PublishedTag],
        version: &Version,
        facts: &Facts,
    ) {
        for claim in claims {
            let known = facts.tags.iter().map(|tag| &tag.version);
            claim.earlier = self.is_of_earlier(&claim.digest, version, known);
        }
    }

    /// Whether receipts say that this version published the image, and an earlier one, too.
    pub(super) fn is_published_again(
        &self,
        digest: &Digest,
        version: &Version,
        known: &[Version],
    ) -> bool {
        let own = self.receipts_here(version);
        own.iter().any(|one| one.digest == *digest) && self.is_of_earlier(digest, version, known)
    }

    /// Whether a receipt says that an earlier version published this image, too: where it is published
    /// again on purpose, its labels are that version's.
    fn is_of_earlier<'v>(
        &self,
        digest: &Digest,
        version: &Version,
        known: impl IntoIterator<Item = &'v Version>,
    ) -> bool {
        let mut earlier = known.into_iter().filter(|other| *other < version);
        earlier.any(|other| {
            self.receipts_here(other)
                .iter()
                .any(|one| one.digest == *digest)
        })
    }
}
