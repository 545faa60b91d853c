//! The records of a journal.

use chrono::{DateTime, Utc};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    git::{CommitId, ObjectId, RefName, tag_name},
    oci::{Descriptor, Digest, ImageName, Manifest, MediaType, Repository, Tag},
    policy::OnFailure,
    publish::protocol::{
        journal::{base64_bytes, forge_record::ForgeRecord},
        lock_way::LockWay,
        state::{TagClass, TagSpec, Transaction, TransactionSpec},
    },
};

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// Always first: all that is needed to finish or undo the release.
    Prepared(Box<Prepared>),
    /// The transaction is in this state; its action may have been performed.
    Step {
        /// When the record was written.
        at: DateTime<Utc>,
        /// The whole of what is known.
        txn: Transaction,
    },
    /// Only in the lock's object: the holder leads the tags this way.
    Directed {
        /// When the record was written.
        at: DateTime<Utc>,
        /// Where the tags are led.
        way: LockWay,
    },
    /// `resume` or `rollback` took the transaction over.
    TakenOver {
        /// When the record was written.
        at: DateTime<Utc>,
        /// The process that has it from now on.
        owner: Owner,
    },
}

/// A process that publishes, and how to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Name of the machine.
    pub host: String,
    /// Identity of the machine's boot and process namespace: elsewhere, a process id says nothing.
    pub boot: String,
    /// The id of the process on that machine.
    pub pid: u32,
    /// When the process started, in the machine's own count: the id of a dead process may be given to
    /// another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_started: Option<u64>,
    /// The job of a CI service that the process belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<CiJob>,
    /// The address of the CI run, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// A random word, so that two locks of one release differ.
    pub nonce: String,
}

/// A job of a CI service. Of one job, a later attempt runs only when the earlier one is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CiJob {
    /// The address of the service.
    pub server: String,
    /// The repository or project that the run is for.
    pub repository: String,
    /// The run or pipeline.
    pub run: String,
    /// The job within the run.
    pub job: String,
    /// Counts the attempts of the job; a later one is larger.
    pub attempt: u64,
}

impl CiJob {
    /// Whether this is an attempt of the same job that `other` is a later one of.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        let same = |job: &Self| Self {
            attempt: 0,
            ..job.clone()
        };
        same(self) == same(other) && self.attempt < other.attempt
    }
}

impl Owner {
    /// Whether the third version of the format is needed to hold what is known of it.
    pub(super) fn is_known_further(&self) -> bool {
        self.pid_started.is_some() || self.ci.is_some()
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        match &self.run {
            Some(run) => write!(f, " ({run})"),
            None => Ok(()),
        }
    }
}

/// A transaction before its first step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The version that is released.
    pub version: Version,
    /// The pre-release that becomes this version, where one is promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotes: Option<Version>,
    /// The commit that is released.
    pub commit: CommitId,
    /// The instant of the release: `resume` keeps yesterday's date.
    pub instant: DateTime<Utc>,
    /// When the transaction was prepared.
    pub started: DateTime<Utc>,
    /// The process that prepared it.
    pub owner: Owner,
    /// The repositories that the release goes to; tags name them by index.
    pub repositories: Vec<RepositoryRecord>,
    /// The tags of the release in all repositories; the protocol names them by index.
    pub tags: Vec<TagRecord>,
    /// The images of the release; tags name them by index.
    pub images: Vec<ImageRecord>,
    /// What is about the images and was put beside them: its content is in place, and has no tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<ReferrerRecord>,
    /// The signatures that were made of the images before the lock was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<ReferrerRecord>,
    /// Every manifest that is new or was before, byte for byte: untagged ones are swept by
    /// registries' retention rules.
    pub documents: Vec<JournaledManifest>,
    /// The git tag to be made, where one is wanted.
    pub git_tag: Option<GitTagRecord>,
    /// The mark of the version that is taken back, made by the last push, where one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<MarkRecord>,
    /// The branch that the release commit goes to together with the lock, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchMove>,
    /// The release on the forge, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgeRecord>,
    /// The lock's refs, one a repository.
    pub lock_refs: Vec<RefName>,
    /// Whether a failed commit is left as it is; else it is rolled back.
    pub hold: bool,
    /// How long a registry may take to show what it accepted, in milliseconds.
    pub verify_timeout: u64,
    /// How long the commit may go on retrying, in milliseconds.
    pub deadline: u64,
    /// How long a signal leaves, in milliseconds.
    pub grace: u64,
}

/// A repository of the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryRecord {
    /// The canonical name.
    pub repository: Repository,
    /// 0 for the strictest, which commits first, else 1.
    pub group: u8,
}

/// A tag of the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// The index of its repository in [`Prepared::repositories`].
    pub repository: usize,
    /// The name of the tag.
    pub tag: Tag,
    /// What the tag is to its readers, which decides when it moves.
    pub kind: TagClass,
    /// The index of the image that it is to show, in [`Prepared::images`].
    pub image: usize,
    /// What it showed before: `None` where it did not exist.
    pub before: Option<Digest>,
}

/// An image of the transaction. Its documents are in [`Prepared::documents`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The image's name; `None` in a journal of the main image alone, and in formats before 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The variant's name, of an image with a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The platforms that it is for, for people; none where `name` is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The layout directory on the machine that began the release.
    pub dir: std::path::PathBuf,
    /// The manifest or index that the tags are to show.
    pub manifest: Digest,
    /// Manifests below an index, children first.
    pub children: Vec<Digest>,
    /// Configs and layers, of all platforms.
    pub blobs: Vec<Descriptor>,
}

impl ImageRecord {
    /// Which image of the release it is; `None`: the journal does not tell.
    #[must_use]
    pub fn image_name(&self) -> Option<ImageName> {
        let name = ImageName::named(self.name.as_deref()?);
        let variant = self.variant.as_ref();
        Some(variant.map_or(name.clone(), |variant| name.with_variant(variant)))
    }
}

/// A manifest that is about an image of the transaction. It is named, and nothing more is done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferrerRecord {
    /// The index of its repository in [`Prepared::repositories`].
    pub repository: usize,
    /// Its own manifest.
    pub digest: Digest,
    /// The type of the artifact.
    pub artifact_type: String,
    /// The manifest that it is about.
    pub subject: Digest,
}

/// A manifest, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournaledManifest(pub Manifest);

/// A branch that is to move to the release commit, which is [`Prepared::commit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchMove {
    /// The branch, which a document names in full: `refs/heads/main`.
    pub name: RefName,
    /// Where it was, and where a roll back puts it again: the release commit's parent.
    pub before: CommitId,
}

impl BranchMove {
    /// The name that people use: `main`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.name.short()
    }
}

/// A git tag as it is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitTagRecord {
    /// Its ref, which a document names without `refs/tags/`.
    #[serde(with = "tag_name")]
    pub name: RefName,
    /// The id that its object has in git.
    pub id: ObjectId,
    /// The object's bytes, signature included.
    #[serde(with = "base64_bytes")]
    pub object: Vec<u8>,
}

/// The mark of a withdrawn version as it is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRecord {
    /// Its ref.
    pub name: RefName,
    /// The id that its object has in git.
    pub id: ObjectId,
    /// The object's bytes.
    #[serde(with = "base64_bytes")]
    pub object: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct RawDocument {
    media_type: MediaType,
    #[serde(with = "base64_bytes")]
    bytes: Vec<u8>,
}

impl Serialize for JournaledManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawDocument {
            media_type: self.0.media_type.clone(),
            bytes: self.0.bytes.to_vec(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JournaledManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawDocument::deserialize(deserializer)?;
        // The digest is computed from the bytes, so a document cannot lie about its name.
        Ok(Self(Manifest::new(raw.media_type, raw.bytes)))
    }
}

impl Prepared {
    /// Whether the third version of the format is needed.
    pub(super) fn is_of_format_3(&self) -> bool {
        let has_referrers = !self.attachments.is_empty() || !self.signatures.is_empty();
        let has_names = self.images.iter().any(|image| image.name.is_some());
        has_referrers || has_names || self.owner.is_known_further()
    }

    /// A document by its digest.
    #[must_use]
    pub fn document(&self, digest: &Digest) -> Option<&Manifest> {
        self.documents
            .iter()
            .map(|document| &document.0)
            .find(|manifest| manifest.digest() == digest)
    }

    /// The digest that a tag is to show.
    #[must_use]
    pub fn wanted(&self, tag: &TagRecord) -> &Digest {
        &self.images[tag.image].manifest
    }

    /// The image that a tag is to show; the main one where the journal does not tell.
    #[must_use]
    pub fn image_name(&self, tag: &TagRecord) -> ImageName {
        self.images[tag.image].image_name().unwrap_or_default()
    }

    /// The repository of a tag.
    #[must_use]
    pub fn repository(&self, tag: &TagRecord) -> &Repository {
        &self.repositories[tag.repository].repository
    }

    /// What the protocol must know.
    #[must_use]
    pub fn spec(&self) -> TransactionSpec {
        let tag = |tag: &TagRecord| TagSpec {
            repository: tag.repository,
            image: tag.image,
            group: self.repositories[tag.repository].group,
            kind: tag.kind,
        };
        TransactionSpec {
            tags: self.tags.iter().map(tag).collect(),
            on_failure: if self.hold {
                OnFailure::Hold
            } else {
                OnFailure::Rollback
            },
            makes_git_tag: self.last_ref().is_some(),
            has_forge: self.forge.is_some(),
            takes_draft: self.forge.as_ref().is_some_and(|forge| forge.adopted),
        }
    }

    /// The ref that the last push makes, and its object: the version's git tag, or the mark of a version
    /// that is taken back. It tells that the transaction is complete.
    #[must_use]
    pub fn last_ref(&self) -> Option<(&RefName, &ObjectId)> {
        let tag = self.git_tag.as_ref().map(|tag| (&tag.name, &tag.id));
        tag.or_else(|| self.mark.as_ref().map(|mark| (&mark.name, &mark.id)))
    }

    /// The transaction before its first step.
    #[must_use]
    pub fn transaction(&self) -> Transaction {
        Transaction::new(
            self.tags
                .iter()
                .map(|tag| tag.before.as_ref() == Some(self.wanted(tag))),
        )
    }
}

/// A journal's name: the same on every machine, oldest first in a listing.
#[must_use]
pub fn name(prepared: &Prepared) -> String {
    let started = prepared.started.format("%Y%m%dT%H%M%SZ");
    let nonce: String = prepared
        .owner
        .nonce
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(12)
        .collect();
    format!("{started}-{nonce}")
}
