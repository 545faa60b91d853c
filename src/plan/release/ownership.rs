//! Whether an image that already has the version's tag belongs to this release. If it does, it is
//! adopted byte for byte; any other image is refused. A version is never built twice.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::{Digest, Repository, Tag, Variant},
    plan::release::receipt::Receipt,
};

/// One version tag that shows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTag {
    /// The repository that has the tag.
    pub repository: Repository,
    /// The tag that names the version.
    pub tag: Tag,
    /// The variant that the tag belongs to.
    pub variant: Variant,
    /// The manifest or index that the tag shows.
    pub digest: Digest,
    /// `org.opencontainers.image.revision` of each platform's config.
    pub revisions: Vec<Option<String>>,
}

/// An image to finish instead of building one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The manifest or index to finish.
    pub digest: Digest,
    /// A repository that has it.
    pub from: Repository,
    /// How it is known to be this commit's.
    pub why: String,
}

/// What published tags are compared with to tell whether they belong to this release.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The version that is to be released.
    pub version: &'a Version,
    /// The commit that is released.
    pub commit: CommitId,
    /// The commit's parent, where a release made the commit: an image that others made was built
    /// before that.
    pub parent: Option<CommitId>,
    /// Digests that a journal names.
    pub journaled: &'a [Digest],
    /// The receipts in the version's git tag.
    pub receipts: &'a [Receipt],
}

impl Evidence<'_> {
    /// The images to adopt, by variant. A variant that is missing here is to be built.
    ///
    /// # Errors
    /// Refused (exit 4): the version was published from another commit, or as two different images.
    pub fn adopt(&self, claims: &[PublishedTag]) -> Result<BTreeMap<Variant, Adopted>> {
        let mut adopted: BTreeMap<Variant, Adopted> = BTreeMap::new();
        for claim in claims {
            let why = self.whose(claim).map_err(|why| self.refusal(claim, &why))?;
            match adopted.get(&claim.variant) {
                Some(known) if known.digest != claim.digest => {
                    return Err(self.split(claim, known));
                }
                Some(_) => {}
                None => {
                    let found = Adopted {
                        digest: claim.digest.clone(),
                        from: claim.repository.clone(),
                        why,
                    };
                    adopted.insert(claim.variant.clone(), found);
                }
            }
        }
        Ok(adopted)
    }

    /// `Ok`: it belongs to this release, and how that is known. `Err`: why it does not.
    ///
    /// In order: the journal, the receipt in the git tag, the revision label of every platform.
    fn whose(&self, claim: &PublishedTag) -> Result<String, String> {
        if self.journaled.contains(&claim.digest) {
            return Ok("the journal names it".into());
        }
        let of_variant = || {
            self.receipts
                .iter()
                .filter(|receipt| receipt.variant == claim.variant)
        };
        if of_variant().any(|receipt| receipt.digest == claim.digest) {
            return Ok("the receipt in the git tag names it".into());
        }
        if let Some(other) = of_variant().find(|receipt| receipt.repository == claim.repository) {
            return Err(format!("the receipt in the git tag names {}", other.digest));
        }
        if claim.revisions.is_empty() || claim.revisions.contains(&None) {
            return Err("it has no revision label".into());
        }
        let names_us = |label: &str| {
            let mut ours = std::iter::once(&self.commit).chain(&self.parent);
            ours.any(|id| id.is_named_by(label))
        };
        match claim
            .revisions
            .iter()
            .flatten()
            .find(|revision| !names_us(revision))
        {
            Some(other) => Err(format!("it was built from commit {other}")),
            None => Ok("its revision label is this commit".into()),
        }
    }

    fn refusal(&self, claim: &PublishedTag, why: &str) -> Error {
        let shown = claim.repository.tag(&claim.tag);
        Error::refused(format!("{} is published already, and not from this commit", self.version)).with_code(ErrorCode::PublishedFromElsewhere)
            .cause(format!("`{shown}` shows {}: {why}", claim.digest))
            .state("nothing was built or moved")
            .hint(format!(
                "a published version stays as it is; release the next one: `hoist release --version {}`",
                next_patch(self.version)
            ))
    }

    fn split(&self, claim: &PublishedTag, known: &Adopted) -> Error {
        Error::refused(format!("{} is published as two different images", self.version)).with_code(ErrorCode::PublishedFromElsewhere)
            .cause(format!("`{}` has {}", known.from, known.digest))
            .cause(format!("`{}` has {}", claim.repository, claim.digest))
            .state("nothing was built or moved")
            .hint("delete the version's tag where it is wrong, and run the release again: it completes that repository with the other's bytes")
    }
}

fn next_patch(version: &Version) -> Version {
    Version::new(
        version.major,
        version.minor,
        version.patch.saturating_add(1),
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::release::ownership::*;

    const OURS: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
    const PARENT: &str = "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";
    const OTHER: &str = "c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2";

    fn claim(repository: &str, content: &str, revisions: &[Option<&str>]) -> PublishedTag {
        PublishedTag {
            repository: repository.parse().expect("a good name"),
            tag: "1.2.3".parse().expect("a good tag"),
            variant: Variant::main(),
            digest: Digest::of(content.as_bytes()),
            revisions: revisions.iter().map(|r| r.map(str::to_owned)).collect(),
        }
    }

    fn adopt(claims: &[PublishedTag], receipts: &[Receipt]) -> Result<Option<Digest>, String> {
        let version = Version::new(1, 2, 3);
        let evidence = Evidence {
            version: &version,
            commit: OURS.parse().expect("a commit id"),
            parent: Some(PARENT.parse().expect("a commit id")),
            journaled: &[],
            receipts,
        };
        match evidence.adopt(claims) {
            Ok(found) => Ok(found
                .get(&Variant::main())
                .map(|adopted| adopted.digest.clone())),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    #[test]
    fn nothing_published_is_built() {
        assert_eq!(adopt(&[], &[]), Ok(None));
    }

    #[test]
    fn the_revision_label_of_every_platform_decides() {
        let both = claim("a/b", "x", &[Some(OURS), Some(OURS)]);
        assert_eq!(
            adopt(std::slice::from_ref(&both), &[]),
            Ok(Some(both.digest))
        );
        for revisions in [[Some(PARENT), Some(OURS)], [Some(&OURS[..7]), Some(PARENT)]] {
            let adopted = adopt(&[claim("a/b", "x", &revisions)], &[]);
            assert!(matches!(adopted, Ok(Some(_))), "{revisions:?}");
        }
        for revisions in [&[Some(OURS), Some(OTHER)][..], &[Some(OURS), None], &[]] {
            assert!(
                adopt(&[claim("a/b", "x", revisions)], &[]).is_err(),
                "{revisions:?}"
            );
        }
    }

    #[test]
    fn the_receipt_comes_before_the_label() {
        let unlabelled = claim("a/b", "x", &[None]);
        let receipt = Receipt {
            repository: unlabelled.repository.clone(),
            digest: unlabelled.digest.clone(),
            variant: Variant::main(),
        };
        assert_eq!(
            adopt(
                std::slice::from_ref(&unlabelled),
                std::slice::from_ref(&receipt)
            ),
            Ok(Some(unlabelled.digest))
        );
        let rebuilt = claim("a/b", "y", &[Some(OURS)]);
        assert!(adopt(&[rebuilt], &[receipt]).is_err_and(|e| e.contains("receipt")));
    }

    #[test]
    fn two_images_of_one_version_are_refused() {
        let claims = [
            claim("a/b", "x", &[Some(OURS)]),
            claim("a/c", "y", &[Some(OURS)]),
        ];
        assert!(adopt(&claims, &[]).is_err_and(|e| e.contains("two different images")));
    }
}
