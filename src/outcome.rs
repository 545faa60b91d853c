//! How a release, a recovery or an undoing ended, as data.

use semver::Version;
use serde::Serialize;

use crate::{
    error::Error,
    exit,
    git::{CommitId, ObjectId, RefName, branch_name, tag_name},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    policy::ForgeService,
};

/// The end of one run of the publish transaction.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// In one word.
    pub kind: OutcomeKind,
    /// The version that was released.
    pub version: Version,
    /// Its commit.
    pub commit: CommitId,
    /// What was to be published where.
    pub images: Vec<ImageReport>,
    /// Each tag: before, wanted, now.
    pub tags: Vec<TagReport>,
    /// The version's git tag, where one is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_tag: Option<GitTagReport>,
    /// The branch that got the release commit, where the release made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchReport>,
    /// The release on the forge, where one belongs to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgeReport>,
    /// What went over the wire, a repository each; `None`: it ended before all content was staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Vec<Transfer>>,
    /// What failed; `None` where the run did what it was asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Outcome {
    /// The exit code of the program for this outcome: one of [`exit`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (&self.error, self.kind) {
            (Some(error), _) => error.exit_code(),
            (None, OutcomeKind::Published | OutcomeKind::RolledBack) => exit::OK,
            (None, OutcomeKind::Held | OutcomeKind::NeedsHuman) => exit::NEEDS_HUMAN,
            (None, OutcomeKind::Failed) => exit::FAILED,
            (None, OutcomeKind::Busy) => exit::BUSY,
            (None, OutcomeKind::Interrupted) => exit::INTERRUPTED,
        }
    }

    /// Whether nothing is left to do for `resume` or `rollback`.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self.kind {
            OutcomeKind::Published
            | OutcomeKind::RolledBack
            | OutcomeKind::Failed
            | OutcomeKind::Busy => true,
            OutcomeKind::Held | OutcomeKind::NeedsHuman | OutcomeKind::Interrupted => false,
        }
    }
}

/// The end in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// Every tag shows the release, and git knows it.
    Published,
    /// Every tag is as it was before.
    RolledBack,
    /// A failed commit was left as it is, by policy.
    Held,
    /// Some tags are neither as wanted nor as before, or git's part is missing: see the list.
    NeedsHuman,
    /// It failed before any tag moved.
    Failed,
    /// Another release is in the way; nothing was done.
    Busy,
    /// A signal ended it; nothing is half done, or the journal says what.
    Interrupted,
}

/// An image of a release in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageReport {
    /// Which image of the release it is.
    #[serde(flatten)]
    pub image: ImageName,
    /// The repository that shows it.
    pub repository: Repository,
    /// The manifest or index.
    pub digest: Digest,
}

/// Blobs that went between a repository and this machine. Manifests are not counted: they are small
/// and always sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Transfer {
    /// The repository on the other end.
    pub repository: Repository,
    /// Sent to it.
    pub sent: Amount,
    /// Fetched from it, to be sent to another.
    pub fetched: Amount,
    /// Taken over by its registry from another repository: nothing went over the wire.
    pub mounted: Amount,
}

/// So many blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Amount {
    /// Their number.
    pub blobs: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Transfer {
    /// Nothing went anywhere.
    #[must_use]
    pub fn none(repository: Repository) -> Self {
        Self {
            repository,
            sent: Amount::default(),
            fetched: Amount::default(),
            mounted: Amount::default(),
        }
    }
}

/// One tag of one repository, before and after a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TagReport {
    /// The repository of the tag.
    pub repository: Repository,
    /// The tag's name.
    pub tag: Tag,
    /// What it showed before the release; `None`: there was none.
    pub before: Option<Digest>,
    /// What the release wants it to show.
    pub wanted: Digest,
    /// What it shows now, as far as it is known.
    #[serde(serialize_with = "tag_shows::serialize")]
    #[cfg_attr(test, schemars(schema_with = "tag_shows::schema"))]
    pub now: Observed,
}

impl TagReport {
    /// It shows the release.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.now == Observed::At(self.wanted.clone())
    }

    /// It shows what it showed before.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        match (&self.before, &self.now) {
            (None, Observed::Absent) => true,
            (Some(before), Observed::At(now)) => before == now,
            (Some(_), Observed::Absent | Observed::Unknown)
            | (None, Observed::At(_) | Observed::Unknown) => false,
        }
    }
}

/// The form that [`TagReport::now`] has in the outcome document, which differs from the form that
/// [`Observed`] has in others: `{"shows":"at","digest":"sha256:…"}`.
mod tag_shows {
    use serde::{Serialize, Serializer};

    use crate::oci::{Digest, Observed};

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case", tag = "shows", content = "digest")]
    enum TagShowsDocument<'a> {
        At(&'a Digest),
        Absent,
        Unknown,
    }

    pub(super) fn serialize<S: Serializer>(
        now: &Observed,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let document = match now {
            Observed::At(digest) => TagShowsDocument::At(digest),
            Observed::Absent => TagShowsDocument::Absent,
            Observed::Unknown => TagShowsDocument::Unknown,
        };
        document.serialize(serializer)
    }

    #[cfg(test)]
    pub(super) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let digest = generator.subschema_for::<Digest>();
        schemars::json_schema!({ "oneOf": [
            {
                "type": "object",
                "properties": { "shows": { "const": "at" }, "digest": digest },
                "required": ["shows", "digest"],
            },
            {
                "type": "object",
                "properties": { "shows": { "enum": ["absent", "unknown"] } },
                "required": ["shows"],
            },
        ]})
    }
}

/// The branch of a release commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BranchReport {
    /// The branch, which the document names without `refs/heads/`.
    #[serde(with = "branch_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: RefName,
    /// What it showed before.
    pub before: CommitId,
    /// The release commit.
    pub commit: CommitId,
    /// Whether the remote's branch has the commit; `None`: not known.
    pub pushed: Option<bool>,
}

/// The release on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ForgeReport {
    /// Which forge it is.
    #[serde(rename = "kind")]
    pub service: ForgeService,
    /// The page of the release.
    pub url: String,
    /// Whether everybody sees it; `None`: not known.
    pub public: Option<bool>,
}

/// The version's git tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GitTagReport {
    /// The tag, which the document names without `refs/tags/`.
    #[serde(with = "tag_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub name: RefName,
    /// Its object, which is in this clone; `None`: there is none.
    #[serde(skip)]
    pub object: Option<ObjectId>,
    /// Whether the remote has it.
    pub pushed: bool,
    /// It was made in this clone alone, because of `git.push = false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}
