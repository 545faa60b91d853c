//! The comparison of what is pushed now with what a policy does, as data.

use crate::plan::tags::TagAction;

/// The comparison of several releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) releases: Vec<ComparedRelease>,
}

/// The tags of one release, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComparedRelease {
    pub(crate) version: String,
    /// A higher version that is out.
    pub(crate) after: Option<String>,
    pub(crate) rows: Vec<ComparedTag>,
}

/// One tag of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComparedTag {
    /// The variant, or an image that the policy does not have.
    pub(crate) image: String,
    pub(crate) tag: String,
    pub(crate) repositories: Vec<String>,
    /// `None`: it is not pushed there. `Some(false)`: nobody here knows.
    pub(crate) there: Option<bool>,
    /// What the policy does with the tag.
    pub(crate) here: Option<TagAction>,
    pub(crate) difference: TagDifference,
}

/// How both sides of a row compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagDifference {
    /// There is none.
    Same,
    /// hoist does it differently for a reason.
    OnPurpose(String),
    /// The policy cannot say it, or does not.
    NotTakenOver(String),
    /// The policy pushes more.
    Added(String),
    /// Both push the tag, of different images.
    AnotherImage(String),
}

impl TagDifference {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OnPurpose(_) => "on purpose",
            Self::NotTakenOver(_) => "not taken over",
            Self::Added(_) => "added",
            Self::AnotherImage(_) => "another image",
        }
    }

    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Same => "",
            Self::OnPurpose(why)
            | Self::NotTakenOver(why)
            | Self::Added(why)
            | Self::AnotherImage(why) => why,
        }
    }
}
