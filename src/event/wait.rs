//! A wait that takes longer than a person expects, as data.

use chrono::{DateTime, Utc};
use semver::Version;
use serde::Serialize;

use crate::oci::{Repository, Tag};

/// A wait: for what, why, for how long already and how long at most. It is told at the first retry, and
/// again as long as it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LongWait {
    /// What is waited for.
    pub awaited: Awaited,
    /// What came instead, in the outside world's own words; `None`: nothing so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when, at most; `None`: the number of tries is limited, not the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Awaited {
    /// A registry's answer, or the whole of it.
    Answer {
        /// The request, by method and URL.
        request: String,
    },
    /// A registry that asked to be left alone for a while.
    Throttle {
        /// The request that it did not take.
        request: String,
    },
    /// A registry that takes these tags.
    TagsMove {
        /// The repository of the tags.
        repository: Repository,
        /// The tags that have not moved yet.
        tags: Vec<Tag>,
    },
    /// A registry that gives these tags back what they showed before.
    TagsBack {
        /// The repository of the tags.
        repository: Repository,
        /// The tags that are not put back yet.
        tags: Vec<Tag>,
    },
    /// Registries that show what they have accepted.
    TagsShow {
        /// How many tags do not show it yet.
        tags: usize,
    },
    /// The git remote's answer.
    GitRemote {
        /// The name of the remote.
        remote: String,
        /// What `git` does with it, such as `push`.
        call: String,
    },
    /// The lock or the git tag on the remote: another push follows.
    GitRefs {
        /// The name of the remote.
        remote: String,
    },
    /// The forge: the draft of the release and its files are to be there.
    Draft {
        /// The page of the release.
        page: String,
    },
    /// The forge: the release is to be made public.
    Forge {
        /// The page of the release.
        page: String,
    },
    /// The end of another release.
    Release {
        /// Its version.
        version: Version,
        /// Who runs it.
        owner: String,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Another run in this clone, which makes its image.
    Build,
    /// Requests that the former holder of the lock may have sent, and that may still be under way.
    FormerHolder,
    /// A request of this run whose answer was not seen, and that may still be carried out.
    UnseenAnswer,
}
