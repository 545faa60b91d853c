//! What a release expects of the legs of one image.

use semver::Version;

use crate::{
    git::{CommitId, ObjectId},
    oci::{Digest, ImageName, Platform, Repository},
};

/// What the legs of one image have to agree with.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The image that they are of.
    pub image: ImageName,
    /// Whether the release has other images beside it, so that messages name it.
    pub is_one_of_several: bool,
    /// What the tags of the image end in; empty where it is not a variant.
    pub suffix: String,
    /// The version that is released.
    pub version: Version,
    /// The branch that is released, where it has a name.
    pub branch: Option<String>,
    /// The commit that is released.
    pub commit: CommitId,
    /// The commit below it, where the release itself makes the commit: others build from that one.
    pub parent: Option<CommitId>,
    /// The tree of the commit, where it is known here.
    pub tree: Option<ObjectId>,
    /// The identity of the policy.
    pub policy: Digest,
    /// The file of the policy; `None` where it lies in no repository, or there is none.
    pub policy_file: Option<LegPolicy>,
    /// Whether legs may be of a working tree with uncommitted changes.
    pub accepts_dirty: bool,
    /// The platforms that the policy asks for; empty where it leaves them to the builders.
    pub platforms: Vec<Platform>,
    /// The pattern of `image.build.layout`, where the legs are what it matches.
    pub layouts: Option<String>,
    /// The repositories that the release goes to.
    pub repositories: Vec<Repository>,
}

/// The policy file of the job that joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegPolicy {
    /// The commit has it as it is used.
    Committed {
        /// The file, as git takes it.
        file: String,
    },
    /// No commit has it as it is used.
    Uncommitted {
        /// The file, as git takes it.
        file: String,
        /// Whether HEAD has a policy in its place.
        in_head: bool,
    },
}
