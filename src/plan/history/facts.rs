//! What the repository says, as plain data: the only thing that decisions about versions look at.

use std::{fmt, str::FromStr};

use semver::Version;

use crate::policy::TagTemplate;

/// The id of a commit (SHA-1, 20 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId([u8; 20]);

impl CommitId {
    /// From the raw bytes.
    #[must_use]
    pub fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first seven digits, as people quote them.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..7].to_owned()
    }

    /// Whether the id's digits begin with `hex`, upper or lower case.
    #[must_use]
    pub fn starts_with(&self, hex: &str) -> bool {
        hex.len() <= 40
            && hex.bytes().enumerate().all(|(place, digit)| {
                let byte = self.0[place / 2];
                let nibble = if place % 2 == 0 { byte >> 4 } else { byte & 15 };
                char::from(digit).to_digit(16) == Some(u32::from(nibble))
            })
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CommitId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is no commit id: expected 40 hexadecimal digits");
        if text.len() != 40 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 20];
        for (byte, place) in bytes.iter_mut().zip((0..40).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

/// A git tag that stands for a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTag {
    /// The tag's name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The commit it points at. Known for the base, for tags on HEAD and for every tag whose
    /// place was looked at; `None` also where it points at something else than a commit.
    pub commit: Option<CommitId>,
}

/// A commit of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Its parents, in order.
    pub parents: Vec<CommitId>,
    /// The message, decoded.
    pub message: String,
    /// The author's name, decoded.
    pub author: String,
    /// The author's address, decoded.
    pub email: String,
    /// When it was committed, seconds since 1970 UTC.
    pub time: i64,
    /// Whether it touches `version.paths`; true where no paths are set.
    pub in_paths: bool,
    /// Whether it came after the last pre-release of the channel asked for; true without one.
    pub after_prerelease: bool,
}

/// The versions that a maintenance branch may release: `1.x` or `1.2.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaintenanceLine {
    /// The major version.
    pub major: u64,
    /// The minor version, where the line is that narrow.
    pub minor: Option<u64>,
}

impl MaintenanceLine {
    /// Whether `version` is of this line.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        version.major == self.major && self.minor.is_none_or(|minor| version.minor == minor)
    }
}

impl fmt::Display for MaintenanceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some(minor) => write!(f, "{}.{minor}.x", self.major),
            None => write!(f, "{}.x", self.major),
        }
    }
}

/// What the history is asked for; for the next version it is made by [`crate::plan::version::next::question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which tags stand for versions.
    pub template: TagTemplate,
    /// The branch's name.
    pub branch: Option<String>,
    /// The commit to answer for; unset: HEAD.
    pub at: Option<CommitId>,
    /// Tags of this version and of higher ones are not looked at.
    pub below: Option<Version>,
    /// Only versions of this line can be the base.
    pub line: Option<MaintenanceLine>,
    /// The channel whose last pre-release matters.
    pub label: Option<String>,
    /// A version whose tag's commit matters, wherever it is.
    pub version: Option<Version>,
    /// `version.paths`
    pub paths: Vec<String>,
    /// Tags that only the remote has: name and commit, in hex.
    pub remote_tags: Vec<(String, String)>,
}

impl Question {
    /// Whether `version` is a pre-release of the channel asked for, in any spelling of its label:
    /// `rc`, `rc2`, `rc.2`.
    #[must_use]
    pub fn is_channel(&self, version: &Version) -> bool {
        self.label
            .as_ref()
            .is_some_and(|label| has_label(version, label))
    }
}

/// Whether `version` is a pre-release of `label` in any spelling: `rc`, `rc2`, `rc.2`, `rc.a.1`.
#[must_use]
pub fn has_label(version: &Version, label: &str) -> bool {
    version
        .pre
        .as_str()
        .strip_prefix(label)
        .is_some_and(|rest| rest.starts_with('.') || rest.bytes().all(|b| b.is_ascii_digit()))
}

/// What the history answers. Filled by `io::git`.
#[derive(Debug, Clone)]
pub struct Facts {
    /// HEAD's commit.
    pub head: CommitId,
    /// When HEAD was committed, seconds since 1970 UTC.
    pub head_time: i64,
    /// The branch's name, as it was asked for.
    pub branch: Option<String>,
    /// Every tag that matches the template, highest version first.
    pub tags: Vec<VersionTag>,
    /// Those of them that point at HEAD.
    pub on_head: Vec<VersionTag>,
    /// The highest version reachable from HEAD; on a maintenance line the highest stable one of
    /// the line.
    pub base: Option<VersionTag>,
    /// The highest stable version reachable from HEAD (of the line, where one is asked for):
    /// where the range starts.
    pub stable: Option<VersionTag>,
    /// The highest reachable pre-release of the label asked for, where it is above `stable`.
    pub channel: Option<VersionTag>,
    /// ancestors(HEAD) − ancestors(`stable`), newest first: children before parents, then by
    /// time, then by id.
    pub commits: Vec<Commit>,
    /// Tags passed over because they are not ancestors of HEAD, highest first.
    pub elsewhere: Vec<VersionTag>,
    /// Names of version tags that point at no commit, or at one that is missing here.
    pub not_commits: Vec<String>,
    /// How many tags do not match the template.
    pub other_tags: usize,
    /// The clone's history is cut off somewhere (and the range does not need what is missing).
    pub shallow: bool,
    /// Oddities of the repository that a person should know of.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use crate::plan::history::facts::*;

    #[test]
    fn an_id_prints_as_it_was_read() {
        let text = "0123456789abcdef0123456789ABCDEF01234567";
        let id: CommitId = text.parse().expect("an id");
        assert_eq!(id.to_string(), text.to_lowercase());
        assert_eq!(id.short(), "0123456");
        assert!(id.starts_with("0123456789ABC") && id.starts_with("0"));
        assert!(!id.starts_with("1") && !id.starts_with("012x"));
        for bad in ["", "012", "zz", &"g".repeat(40), &"é".repeat(20)] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_holds_its_own_versions() {
        let line = MaintenanceLine {
            major: 1,
            minor: Some(2),
        };
        assert!(line.contains(&Version::new(1, 2, 9)) && !line.contains(&Version::new(1, 3, 0)));
        assert_eq!(line.to_string(), "1.2.x");
    }
}
