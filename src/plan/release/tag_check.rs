//! One tag of a release beside what its repository shows.

use crate::{
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{release::belonging::CheckState, tags::TagKind},
};

/// One tag in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCheck {
    /// The repository that was looked at.
    pub repository: Repository,
    /// The tag that the release should have there.
    pub tag: Tag,
    /// The image that it should show.
    pub image: ImageName,
    /// Whether later releases may move it.
    pub kind: TagKind,
    /// What it should show; `None` where no repository has the release.
    pub want: Option<Digest>,
    /// What the tag showed when it was observed.
    pub shown: Observed,
    /// Whether the tag shows the release.
    pub state: CheckState,
    /// Why the tag belongs to the release, or does not; empty for a fixed tag.
    pub why: String,
}
