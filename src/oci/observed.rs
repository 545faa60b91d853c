//! What a tag was seen to show.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// What a tag showed when it was last read. The tag may have moved since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// 404 with every media type accepted: there is no such tag.
    Absent,
    /// The tag exists and points at this digest.
    At(Digest),
    /// The tag could not be read, for instance because of a 401 or 403 on a repository that the
    /// push will create.
    Unknown,
}

impl Observed {
    /// The digest that the tag showed, if it was read and showed one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::At(digest) => Some(digest),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// What a successful read found.
impl From<Option<Digest>> for Observed {
    fn from(found: Option<Digest>) -> Self {
        found.map_or(Self::Absent, Self::At)
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(digest) => f.write_str(digest.short()),
            Self::Absent => f.write_str("absent"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
