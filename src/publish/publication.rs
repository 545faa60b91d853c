//! What is to be published, as plain data.

use chrono::{DateTime, Utc};
use semver::Version;

use crate::{
    git::{CommitId, RefName},
    io::forge::{ReleaseFile, ReleaseText},
    oci::{Descriptor, Digest, Image, ImageName, Observed, Platform, Repository, Tag, referrer},
    policy::PublishPolicy,
    publish::{
        protocol::{
            journal::{BranchMove, ReferrerRecord},
            state::TagClass,
        },
        recheck::Recheck,
    },
};

/// What is to be published: plain data, complete.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The version that is released.
    pub version: Version,
    /// The pre-release that becomes this version, where one is promoted.
    pub promotes: Option<Version>,
    /// The commit that is released.
    pub commit: CommitId,
    /// The instant of the release: tags with a date, and a later `resume`, go by it.
    pub instant: DateTime<Utc>,
    /// The images, and behind those of this version the images of other versions that a tag is to show. A
    /// blob that does not lie in an image's directory is taken from a repository that has it, so an adopted
    /// image needs no copy on disk.
    pub images: Vec<PublishedImage>,
    /// What is about the images and goes where they go, such as attachments: what is about an image
    /// before what is about that.
    pub referrers: Vec<Referrer>,
    /// Where the images go; each repository is named once.
    pub targets: Vec<Target>,
    /// The git tag to push, made and signed already; `None`: it is there, or none is wanted.
    pub git_tag: Option<GitTagObject>,
    /// The mark that the last push makes of a version that is taken back; `None`: none is wanted.
    pub mark: Option<MarkObject>,
    /// The branch that [`Publication::commit`] goes to together with the lock, before any tag moves.
    pub branch: Option<BranchMove>,
    /// Decides once more under the lock whether every tag may still move; `None`: they may.
    pub recheck: Option<Recheck>,
    /// The prefix of the names of the lock's refs: `refs/hoist`.
    pub lock_refs: RefName,
    /// Time-outs, and what a failed commit leads to.
    pub policy: PublishPolicy,
}

/// One image of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedImage {
    /// Which image of the release it is.
    pub name: ImageName,
    /// The platforms that it is for, as far as its index or the policy tells.
    pub platforms: Vec<Platform>,
    /// What is published.
    pub image: Image,
}

impl PublishedImage {
    /// An image of which no platform is known.
    #[must_use]
    pub fn new(name: ImageName, image: Image) -> Self {
        Self {
            name,
            platforms: Vec::new(),
            image,
        }
    }

    /// The manifest or index that tags are to show.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        self.image.manifest.digest()
    }
}

impl Publication {
    /// Whether some image has its name already, as one does that is adopted.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let mut tags = self.targets.iter().flat_map(|target| &target.tags);
        tags.any(|tag| {
            let image = self.images.get(tag.image);
            image.is_some_and(|image| tag.before.digest() == Some(image.digest()))
        })
    }

    /// What is true before the lock.
    #[must_use]
    pub fn nothing_moved(&self) -> &'static str {
        match self.is_named() {
            true => "no tag has moved; what was published before stays",
            false => "no tag has moved; what was sent has no name",
        }
    }

    /// What is about the images of one target and is sent there, in an order in which it can be put.
    pub(crate) fn referrers_of(&self, target: &Target) -> impl Iterator<Item = &Referrer> {
        self.referrers.iter().filter(|referrer| {
            referrer.goes_to(&target.repository)
                && target.tags.iter().any(|tag| tag.image == referrer.image)
        })
    }
}

/// A manifest that is about an image, or about another such manifest. It has no tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Index in [`Publication::images`] of the image that it is about in the end.
    pub image: usize,
    /// What it is about.
    pub subject: Digest,
    /// The manifest as the list of its subject's referrers has it.
    pub entry: Descriptor,
    /// The manifest and its content.
    pub content: Image,
    /// The repository that it was read from, and that has it.
    pub from: Option<Repository>,
}

impl Referrer {
    /// `None`: the manifest is not about another one.
    #[must_use]
    pub fn new(image: usize, content: Image, from: Option<Repository>) -> Option<Self> {
        let (subject, entry) = referrer::referrer(&content.manifest)?;
        Some(Self {
            image,
            subject,
            entry,
            content,
            from,
        })
    }

    /// Whether it is to be sent to a repository that gets its image.
    #[must_use]
    pub fn goes_to(&self, repository: &Repository) -> bool {
        self.from.as_ref() != Some(repository)
    }

    /// The type of the artifact; empty where the manifest names none.
    #[must_use]
    pub fn artifact_type(&self) -> &str {
        self.entry.artifact_type().unwrap_or_default()
    }
}

/// What became known between staging and the lock.
#[derive(Debug, Clone, Default)]
pub struct Proven {
    /// The git tag that records it, instead of [`Publication::git_tag`].
    pub git_tag: Option<GitTagObject>,
    /// The release on the forge; `None`: none is wanted.
    pub forge: Option<ForgePublication>,
    /// The signatures of the images, each with its repository.
    pub signatures: Vec<(Repository, ReferrerRecord)>,
}

/// One repository and the tags that are to move in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The repository that the tags are in.
    pub repository: Repository,
    /// Whether it commits before the others: it refused something in preflight, or cannot take a new
    /// tag back.
    pub strict: bool,
    /// The tags. Those that show the release already belong here too: they are verified.
    pub tags: Vec<TagMove>,
}

/// One tag that is to show an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMove {
    /// The name of the tag.
    pub tag: Tag,
    /// What the tag is to its readers, which decides when it moves.
    pub kind: TagClass,
    /// Index of the image in [`Publication::images`].
    pub image: usize,
    /// What it showed when the release was planned.
    pub before: Observed,
}

/// A release on the forge that is made public when the git tag is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgePublication {
    /// The git tag.
    pub tag: RefName,
    /// What it is called and says.
    pub text: ReleaseText,
    /// Whether it becomes the project's latest release.
    pub latest: bool,
    /// Whether it is a draft first, where the forge has drafts.
    pub draft_first: bool,
    /// Whether a draft of somebody else for the same tag is taken.
    pub use_draft: bool,
    /// Its files, complete on disk.
    pub files: Vec<ReleaseFile>,
}

/// The mark of a withdrawn version, which exists only as an object so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkObject {
    /// The ref that is to show it.
    pub name: RefName,
    /// The object, byte for byte: a commit whose tree is empty.
    pub object: Vec<u8>,
}

/// An annotated git tag that exists only as an object so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitTagObject {
    /// The ref that is to show it.
    pub name: RefName,
    /// The object, byte for byte, signature included.
    pub object: Vec<u8>,
}
