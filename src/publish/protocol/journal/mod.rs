//! What is written down, so that any machine can finish or undo a release.
//!
//! A journal is text, one record a line: `{"v":1,"sum":"…","record":{…}}`, where `sum` is the
//! beginning of the record's SHA-256. Records are only ever added. Each [`Record::Step`] holds the
//! whole of what is known, so a reader needs the first record and the last whole one, and a line
//! that was cut by a crash or a full disk is simply not there.
//!
//! No credential is ever part of a record.

mod names;

use chrono::{DateTime, Utc};
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    oci::{Descriptor, Digest, Manifest, MediaType, Repository, Tag},
    policy::OnFailure,
    publish::protocol::state::{Cause, TagKind, TagSpec, Transaction, TransactionSpec},
};

/// The newest version of the format. A reader refuses a newer one; a record says the oldest one that
/// can hold it, so that an older hoist still takes up what it knows.
pub const FORMAT: u64 = 2;

/// Records without a release commit, which is what version 2 brought.
const WITHOUT_BRANCH: u64 = 1;

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// Always first: all that is needed to finish or undo the release.
    Prepared(Box<Prepared>),
    /// The transaction is in this state; its action may have been performed.
    Step {
        /// When.
        at: DateTime<Utc>,
        /// The whole of what is known.
        txn: Transaction,
    },
    /// `resume` or `rollback` took the transaction over.
    TakenOver {
        /// When.
        at: DateTime<Utc>,
        /// By whom.
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
    /// Process id.
    pub pid: u32,
    /// Address of the CI run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Random; makes two locks of one release differ.
    pub nonce: String,
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
    /// The release.
    pub version: Version,
    /// The commit that is released, full hash.
    pub commit: String,
    /// The instant of the release: `resume` keeps yesterday's date.
    pub instant: DateTime<Utc>,
    /// When the transaction began.
    pub started: DateTime<Utc>,
    /// Who began it.
    pub owner: Owner,
    /// All repositories.
    pub repositories: Vec<Place>,
    /// All tags.
    pub tags: Vec<TagPlan>,
    /// All images.
    pub images: Vec<ImageRecord>,
    /// Every manifest that is new or was before, byte for byte: untagged ones are swept by
    /// registries' retention rules.
    pub documents: Vec<Document>,
    /// The git tag to be made, where one is wanted.
    pub git_tag: Option<GitTagRecord>,
    /// The branch that the release commit goes to together with the lock, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchMove>,
    /// The lock's refs, one a repository.
    pub lock_refs: Vec<String>,
    /// What a failed commit leads to.
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
pub struct Place {
    /// Its name.
    pub repository: Repository,
    /// 0 for the strictest, which commits first, else 1.
    pub group: u8,
}

/// A tag of the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagPlan {
    /// Index of its repository.
    pub repository: usize,
    /// Its name.
    pub tag: Tag,
    /// When it moves.
    pub kind: TagKind,
    /// Index of the image that it is to show.
    pub image: usize,
    /// What it showed before: `None` where it did not exist.
    pub before: Option<Digest>,
}

/// An image of the transaction. Its documents are in [`Prepared::documents`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The layout directory on the machine that began the release.
    pub dir: std::path::PathBuf,
    /// The manifest or index that the tags are to show.
    pub manifest: Digest,
    /// Manifests below an index, children first.
    pub children: Vec<Digest>,
    /// Configs and layers.
    pub blobs: Vec<Descriptor>,
}

/// A manifest, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document(pub Manifest);

/// A branch that is to move to the release commit, which is [`Prepared::commit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchMove {
    /// Its full name: `refs/heads/main`.
    pub name: String,
    /// Where it was, and where a roll back puts it again: the release commit's parent.
    pub before: String,
}

impl BranchMove {
    /// The name that people use: `main`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.name.strip_prefix("refs/heads/").unwrap_or(&self.name)
    }
}

/// A git tag as it is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitTagRecord {
    /// Its name without `refs/tags/`.
    pub name: String,
    /// Its object's id.
    pub id: String,
    /// The object's bytes, signature included.
    #[serde(with = "base64_bytes")]
    pub object: Vec<u8>,
}

mod base64_bytes {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

    use crate::publish::protocol::journal::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
struct RawDocument {
    media_type: MediaType,
    #[serde(with = "base64_bytes")]
    bytes: Vec<u8>,
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawDocument {
            media_type: self.0.media_type.clone(),
            bytes: self.0.bytes.to_vec(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawDocument::deserialize(deserializer)?;
        // The digest is computed from the bytes, so a document cannot lie about its name.
        Ok(Self(Manifest::new(raw.media_type, raw.bytes)))
    }
}

impl Prepared {
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
    pub fn wanted(&self, tag: &TagPlan) -> &Digest {
        &self.images[tag.image].manifest
    }

    /// The repository of a tag.
    #[must_use]
    pub fn repository(&self, tag: &TagPlan) -> &Repository {
        &self.repositories[tag.repository].repository
    }

    /// What the protocol must know.
    #[must_use]
    pub fn shape(&self) -> TransactionSpec {
        let slot = |tag: &TagPlan| TagSpec {
            repository: tag.repository,
            image: tag.image,
            group: self.repositories[tag.repository].group,
            kind: tag.kind,
        };
        TransactionSpec {
            slots: self.tags.iter().map(slot).collect(),
            on_failure: if self.hold {
                OnFailure::Hold
            } else {
                OnFailure::Rollback
            },
        }
    }

    /// The transaction before its first step.
    #[must_use]
    pub fn begin(&self) -> Transaction {
        Transaction::new(
            self.tags
                .iter()
                .map(|tag| tag.before.as_ref() == Some(self.wanted(tag))),
        )
    }

    /// Every index is in range, every needed document is there, and every name is one: a journal
    /// comes from a file or a remote, so it is checked like any input.
    fn is_consistent(&self) -> bool {
        let image = |image: &ImageRecord| {
            std::iter::once(&image.manifest)
                .chain(&image.children)
                .all(|digest| self.document(digest).is_some())
        };
        self.tags
            .iter()
            .all(|tag| tag.repository < self.repositories.len() && tag.image < self.images.len())
            && self.images.iter().all(image)
            && !self.tags.is_empty()
            && names::is_legal(self)
    }
}

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Written by a later hoist.
    #[error("it has format {0}, which is newer than this hoist knows ({FORMAT})")]
    Newer(u64),
    /// Records follow, but the first one is missing or makes no sense.
    #[error("its first record is missing or damaged")]
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct Line<R> {
    v: u64,
    sum: String,
    record: R,
}

fn sum(record: &str) -> String {
    Digest::of(record.as_bytes()).hex()[..16].to_owned()
}

/// A record as one line, newline included.
#[must_use]
pub fn encode(record: &Record) -> String {
    let body = serde_json::to_string(record).expect("a record is plain data");
    let format = match record {
        Record::Prepared(prepared) if prepared.branch.is_some() => FORMAT,
        Record::Prepared(_) | Record::Step { .. } | Record::TakenOver { .. } => WITHOUT_BRANCH,
    };
    format!(
        "{{\"v\":{format},\"sum\":\"{}\",\"record\":{body}}}\n",
        sum(&body)
    )
}

/// The whole records of a journal, in order. Lines that are cut or damaged are left out.
///
/// # Errors
/// The journal is of a newer format, its first record is missing while later ones are there, or a
/// record names a tag that the first one does not have.
pub fn decode(text: &[u8]) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(record) = decode_line(line)? {
            records.push(record);
        }
    }
    match records.first() {
        None => Ok(records),
        Some(Record::Prepared(prepared)) if prepared.is_consistent() => {
            let tags = prepared.tags.len();
            if records.iter().all(|record| fits(record, tags)) {
                Ok(records)
            } else {
                Err(ReadError::Damaged)
            }
        }
        Some(Record::Prepared(_) | Record::Step { .. } | Record::TakenOver { .. }) => {
            Err(ReadError::Damaged)
        }
    }
}

/// Whether all that a record says is about one of so many tags.
fn fits(record: &Record, tags: usize) -> bool {
    let Record::Step { txn, .. } = record else {
        return true;
    };
    let named = match txn.cause {
        Some(Cause::Refused(tag) | Cause::Foreign(tag) | Cause::Unclear(tag)) => tag < tags,
        Some(
            Cause::GitTag
            | Cause::Branch
            | Cause::Busy
            | Cause::Lock
            | Cause::Unreadable
            | Cause::Content
            | Cause::Journal
            | Cause::Interrupted,
        )
        | None => true,
    };
    named && txn.marks.len() == tags
}

fn decode_line(line: &[u8]) -> Result<Option<Record>, ReadError> {
    let Ok(line) = serde_json::from_slice::<Line<serde_json::Value>>(line) else {
        return Ok(None);
    };
    // Written again by the writer's own serialiser, the text is the same, and so is its sum.
    if sum(&line.record.to_string()) != line.sum {
        return Ok(None);
    }
    if line.v > FORMAT {
        return Err(ReadError::Newer(line.v));
    }
    Ok(serde_json::from_value(line.record).ok())
}
