//! Whether an image that already has the version's tag belongs to this release. If it does, it is
//! adopted byte for byte; any other image is refused. A version is never built twice.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::{Digest, ImageName, Repository, Runnable, Tag, annotation},
    plan::release::{
        image_check::{ExpectedImage, ImageProblem},
        receipt::Receipt,
    },
    policy::Policy,
};

/// One version tag that shows something, or that is to show what the version's receipt names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTag {
    /// The repository that has the tag.
    pub repository: Repository,
    /// The tag that names the version.
    pub tag: Tag,
    /// The image that the tag belongs to.
    pub image: ImageName,
    /// The manifest or index that the tag shows.
    pub digest: Digest,
    /// Every image behind it that can run; `Err`: why the registry's content cannot be read.
    pub images: Result<Vec<Runnable>, String>,
    /// Whether a receipt says that an earlier version published the same image.
    pub earlier: bool,
    /// Whether no tag shows it, and the receipt in the version's git tag names it.
    pub recorded: bool,
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
    /// The version of the release.
    pub version: &'a Version,
    /// As [`ExpectedImage::commits`].
    pub commits: &'a [CommitId],
    /// The policy, which knows the platforms of each image.
    pub policy: &'a Policy,
    /// Digests that a journal names, each with the image that it is said to be.
    pub journaled: &'a [(Option<ImageName>, Digest)],
    /// The receipts in the version's git tag.
    pub receipts: &'a [Receipt],
}

impl<'a> Evidence<'a> {
    /// What an image of the release should be: the same that `verify` asks for.
    fn expected(&self, image: &ImageName) -> ExpectedImage<'a> {
        ExpectedImage {
            version: self.version,
            commits: self.commits,
            platforms: self.policy.platforms(image),
        }
    }

    /// The images to adopt. One that is missing here is to be built.
    ///
    /// # Errors
    /// Refused (exit 4): the version was published from another commit, or as two different images.
    pub fn adopt(&self, claims: &[PublishedTag]) -> Result<BTreeMap<ImageName, Adopted>> {
        let mut adopted: BTreeMap<ImageName, Adopted> = BTreeMap::new();
        let mut unlike = Vec::new();
        for claim in claims {
            let why = match self.whose(claim) {
                Ok(why) => why,
                Err(doubt @ Doubt::Unlike(_)) => {
                    unlike.push((claim, doubt));
                    continue;
                }
                Err(doubt) => return Err(self.refusal(claim, &doubt)),
            };
            match adopted.get(&claim.image) {
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
                    adopted.insert(claim.image.clone(), found);
                }
            }
        }
        match unlike.first() {
            Some((claim, doubt)) => Err(match adopted.get(&claim.image) {
                Some(known) => self.split(claim, known),
                None => self.refusal(claim, doubt),
            }),
            None => Ok(adopted),
        }
    }

    /// Whose the image is. Where no label and no receipt tells, what can run in it must still be what the
    /// policy asks for.
    #[must_use]
    pub fn origin_of(&self, claim: &PublishedTag) -> ImageOwner {
        match self.whose(claim) {
            Ok(_) => ImageOwner::Own,
            Err(Doubt::Foreign(why) | Doubt::Unlike(why) | Doubt::Wrong(why)) => {
                ImageOwner::Other(why)
            }
            Err(Doubt::Unreadable(why)) => {
                ImageOwner::Other(format!("the image cannot be read: {why}"))
            }
            Err(Doubt::Unlabelled) => {
                let images = claim.images.as_deref().unwrap_or_default();
                match self
                    .expected(&claim.image)
                    .problems(images, false)
                    .into_iter()
                    .next()
                {
                    Some(problem) => ImageOwner::Other(problem.into_text()),
                    None => ImageOwner::Unknown(UNLABELLED.to_owned()),
                }
            }
        }
    }

    /// `Ok`: it belongs to this release, and how that is known. `Err`: why it is not adopted.
    ///
    /// In order: the journal, the receipt in the git tag, the revision label of every platform. None of
    /// them is enough where `verify` would call the image wrong.
    fn whose(&self, claim: &PublishedTag) -> Result<String, Doubt> {
        let images = claim
            .images
            .as_ref()
            .map_err(|why| Doubt::Unreadable(why.clone()))?;
        let origin = self.origin(claim, images)?;
        let again = claim.earlier && origin != OwnershipProof::Label;
        let problems = self.expected(&claim.image).problems(images, again);
        if problems.is_empty() {
            let why = match origin {
                OwnershipProof::Journal => "the journal names it",
                OwnershipProof::Receipt => "the receipt in the git tag names it",
                OwnershipProof::Label => "its revision label is this commit",
            };
            return Ok(why.to_owned());
        }
        let foreign = problems
            .iter()
            .any(|problem| matches!(problem, ImageProblem::OtherCommit(_)));
        let texts: Vec<String> = problems.into_iter().map(ImageProblem::into_text).collect();
        let text = texts.join("; ");
        Err(if foreign {
            Doubt::Foreign(text)
        } else {
            Doubt::Wrong(text)
        })
    }

    /// How the image is known to come from this commit. A label that names another is not judged here.
    fn origin(&self, claim: &PublishedTag, images: &[Runnable]) -> Result<OwnershipProof, Doubt> {
        let is_it = |(image, digest): &(Option<ImageName>, Digest)| {
            let same = image.as_ref().is_none_or(|image| *image == claim.image);
            same && *digest == claim.digest
        };
        if self.journaled.iter().any(is_it) {
            return Ok(OwnershipProof::Journal);
        }
        let of_image = || {
            self.receipts
                .iter()
                .filter(|receipt| receipt.image == claim.image)
        };
        if of_image().any(|receipt| receipt.digest == claim.digest) {
            return Ok(OwnershipProof::Receipt);
        }
        let names = |other: &Receipt| format!("the receipt in the git tag names {}", other.digest);
        if let Some(other) = of_image().find(|receipt| receipt.repository == claim.repository) {
            return Err(Doubt::Foreign(names(other)));
        }
        // Every repository gets the same image.
        if let Some(other) = of_image().next() {
            return Err(Doubt::Unlike(names(other)));
        }
        let labelled = |image: &Runnable| image.labels.contains_key(annotation::REVISION);
        if images.is_empty() || !images.iter().all(labelled) {
            return Err(Doubt::Unlabelled);
        }
        Ok(OwnershipProof::Label)
    }

    fn refusal(&self, claim: &PublishedTag, doubt: &Doubt) -> Error {
        let shows = match claim.recorded {
            true => format!(
                "the receipt in the git tag names {} for `{}`",
                claim.digest, claim.image
            ),
            false => format!(
                "`{}` shows {}",
                claim.repository.tag(&claim.tag),
                claim.digest
            ),
        };
        let version = self.version;
        let (what, why) = match doubt {
            Doubt::Foreign(why) | Doubt::Unlike(why) => ("not from this commit", why.clone()),
            Doubt::Unlabelled => ("not from this commit", UNLABELLED.to_owned()),
            Doubt::Wrong(why) => ("as an image that `hoist verify` calls wrong", why.clone()),
            Doubt::Unreadable(why) => (
                "nothing tells whether from this commit",
                format!("the image cannot be read: {why}"),
            ),
        };
        let joint = if matches!(doubt, Doubt::Wrong(_)) {
            ","
        } else {
            ", and"
        };
        Error::refused(format!("{version} is published already{joint} {what}"))
            .with_code(ErrorCode::PublishedFromElsewhere)
            .cause(format!("{shows}: {why}"))
            .state("nothing was built or moved")
            .hint(format!(
                "a published version stays as it is; release the next one: `hoist release --version {}`",
                next_patch(version)
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

/// Whose an image is that a lock's journal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOwner {
    /// It is this release's.
    Own,
    /// Nothing tells, for this reason.
    Unknown(String),
    /// It is not this release's, for this reason.
    Other(String),
}

/// What tells whose a published image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnershipProof {
    /// A journal names its digest.
    Journal,
    /// The receipt in the version's git tag names its digest.
    Receipt,
    /// The revision label of each of its platforms.
    Label,
}

/// Why a published image is not adopted.
enum Doubt {
    /// It is another commit's, or nothing says that it is this one's.
    Foreign(String),
    /// The version's receipt names another one, in another repository.
    Unlike(String),
    /// It has no revision label, and nothing else tells whose it is.
    Unlabelled,
    /// It is not what the release should be.
    Wrong(String),
    /// What it is cannot be read.
    Unreadable(String),
}

const UNLABELLED: &str = "it has no revision label";

/// The version that comes after a published one, whatever has changed.
pub(super) fn next_patch(version: &Version) -> Version {
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

    /// One image a platform, with these revision labels.
    fn claim(repository: &str, content: &str, revisions: &[Option<&str>]) -> PublishedTag {
        let image = |revision: &Option<&str>| {
            let label = |text: &str| (annotation::REVISION.to_owned(), text.to_owned());
            Runnable {
                digest: None,
                listed: "linux/amd64".parse().ok(),
                labels: revision.map(label).into_iter().collect(),
                ..Runnable::default()
            }
        };
        PublishedTag {
            repository: repository.parse().expect("a good name"),
            tag: "1.2.3".parse().expect("a good tag"),
            image: ImageName::main(),
            digest: Digest::of(content.as_bytes()),
            earlier: false,
            recorded: false,
            images: Ok(revisions.iter().map(image).collect()),
        }
    }

    /// The same claim with this version label.
    fn versioned(mut claim: PublishedTag, version: &str) -> PublishedTag {
        for image in claim.images.iter_mut().flatten() {
            let label = (annotation::VERSION.to_owned(), version.to_owned());
            image.labels.extend([label]);
        }
        claim
    }

    fn receipt(claim: &PublishedTag) -> Receipt {
        Receipt {
            repository: claim.repository.clone(),
            digest: claim.digest.clone(),
            image: ImageName::main(),
        }
    }

    fn adopt_for(
        platforms: &[&str],
        journaled: &[Digest],
        claims: &[PublishedTag],
        receipts: &[Receipt],
    ) -> Result<Option<Digest>, String> {
        let version = Version::new(1, 2, 3);
        let commits = [OURS, PARENT].map(|id| id.parse().expect("a commit id"));
        let mut policy = Policy::default();
        let platforms = platforms.iter();
        policy.image.build.platforms = platforms
            .map(|text| text.parse().expect("a platform"))
            .collect();
        let journaled: Vec<_> = journaled.iter().map(|one| (None, one.clone())).collect();
        let evidence = Evidence {
            version: &version,
            commits: &commits,
            policy: &policy,
            journaled: &journaled,
            receipts,
        };
        match evidence.adopt(claims) {
            Ok(found) => Ok(found
                .get(&ImageName::main())
                .map(|adopted| adopted.digest.clone())),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    fn adopt(claims: &[PublishedTag], receipts: &[Receipt]) -> Result<Option<Digest>, String> {
        adopt_for(&[], &[], claims, receipts)
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
        let receipt = receipt(&unlabelled);
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

    /// However an image is known to be of this commit: what `verify` would call wrong is not adopted.
    #[test]
    fn nothing_is_adopted_that_verify_calls_wrong() {
        let ours = || claim("a/b", "x", &[Some(OURS)]);
        let other = claim("a/b", "x", &[Some(OTHER)]);
        let cases = [
            (ours(), "linux/amd64", None),
            (versioned(ours(), "1.2.3"), "linux/amd64", None),
            (versioned(ours(), "1.2.3-rc.2"), "linux/amd64", None),
            (versioned(ours(), "24.04"), "linux/amd64", None),
            (
                ours(),
                "linux/arm64",
                Some("platform linux/arm64 is missing"),
            ),
            (
                versioned(ours(), "0.0.0-dev"),
                "linux/amd64",
                Some("says version 0.0.0-dev"),
            ),
            (other, "linux/amd64", Some("not from this commit")),
        ];
        for (claim, platform, wrong) in cases {
            let receipts = [receipt(&claim)];
            let journaled = [claim.digest.clone()];
            let claims = std::slice::from_ref(&claim);
            for (journaled, receipts) in [(&[][..], &[][..]), (&journaled, &[]), (&[], &receipts)] {
                let found = adopt_for(&[platform], journaled, claims, receipts);
                match wrong {
                    None => assert_eq!(found, Ok(Some(claim.digest.clone()))),
                    Some(text) => assert!(
                        found.as_ref().is_err_and(|error| error.contains(text)),
                        "{claim:?}: {found:?}"
                    ),
                }
            }
        }
    }

    /// With `same-image = "allow"`: the labels are those of the version that published it first.
    #[test]
    fn an_image_that_is_published_again_on_purpose_has_the_labels_of_an_earlier_version() {
        let mut again = versioned(claim("a/b", "x", &[Some(OTHER)]), "1.2.2");
        let receipts = [receipt(&again)];
        let journaled = [again.digest.clone()];
        for (earlier, journaled, receipts, adopted) in [
            (true, &[][..], &receipts[..], true),
            (true, &journaled, &[], true),
            (true, &[], &[], false),
            (false, &journaled, &receipts, false),
        ] {
            again.earlier = earlier;
            let found = adopt_for(&[], journaled, std::slice::from_ref(&again), receipts);
            assert_eq!(
                found.is_ok(),
                adopted,
                "{earlier} {journaled:?} {receipts:?}"
            );
        }
        again.earlier = true;
        let found = adopt_for(&["linux/s390x"], &journaled, &[again], &receipts);
        assert!(found.is_err_and(|error| error.contains("linux/s390x is missing")));
    }

    #[test]
    fn what_cannot_be_read_is_not_ours_and_said_to_be_unreadable() {
        let mut broken = claim("a/b", "x", &[]);
        broken.images = Err("its config is not an image config".to_owned());
        let journaled = [broken.digest.clone()];
        for journaled in [&[][..], &journaled] {
            let error = adopt_for(&[], journaled, std::slice::from_ref(&broken), &[]);
            let error = error.expect_err("it must be refused");
            assert!(
                error.contains("nothing tells whether from this commit"),
                "{error}"
            );
            assert!(
                error.contains("cannot be read: its config is not"),
                "{error}"
            );
        }
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
