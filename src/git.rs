//! The names of the git world as checked values: commit ids, object ids, names of refs.
//!
//! They are parsed once, at the edge. Afterwards none of them can be read as an option where it
//! becomes an argument of the `git` program, and none holds a character that git refuses.
//! Nothing in this module does IO.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How many digits of an id people quote.
const SHORT: usize = 7;

/// Why a string is not a valid git name. The text names the string and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitNameError {
    /// Not 40 hexadecimal digits.
    #[error("`{0}` is not a valid commit id: expected 40 hexadecimal digits")]
    Commit(String),
    /// Neither 40 nor 64 hexadecimal digits.
    #[error("`{0}` is not a valid object id: expected 40 or 64 hexadecimal digits")]
    Object(String),
    /// Not a name that `git check-ref-format` accepts, or one of its parts begins with `-`.
    #[error(
        "`{0}` is not a valid ref: expected a name below `refs/`, as `git check-ref-format` has it"
    )]
    Ref(String),
}

/// The id of a commit (SHA-1, 20 bytes). It is read from 40 hexadecimal digits and printed in lower
/// case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^[0-9a-fA-F]{40}$")))]
#[serde(try_from = "String", into = "String")]
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
        self.abbreviated(SHORT)
    }

    /// The first `digits` digits; all 40 where more are asked for.
    #[must_use]
    pub fn abbreviated(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }

    /// Whether a text names this commit: its id in full, or its first seven digits or more.
    #[must_use]
    pub fn is_named_by(&self, text: &str) -> bool {
        let text = text.trim();
        text.len() >= SHORT && self.starts_with(text)
    }

    /// Whether the id's digits begin with `hex`, in upper or lower case.
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
    type Err = GitNameError;

    fn from_str(text: &str) -> Result<Self, GitNameError> {
        let error = || GitNameError::Commit(text.to_owned());
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 20];
        for (byte, place) in bytes.iter_mut().zip((0..40).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for CommitId {
    type Error = GitNameError;

    fn try_from(text: String) -> Result<Self, GitNameError> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.to_string()
    }
}

/// The id of any git object (commit, tag, blob), in full: SHA-1 or SHA-256, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId(String);

impl ObjectId {
    /// All the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, as people quote them.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..SHORT]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectId {
    type Err = GitNameError;

    fn from_str(text: &str) -> Result<Self, GitNameError> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(GitNameError::Object(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ObjectId {
    type Error = GitNameError;

    fn try_from(text: String) -> Result<Self, GitNameError> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.0
    }
}

impl From<CommitId> for ObjectId {
    fn from(id: CommitId) -> Self {
        Self(id.to_string())
    }
}

impl From<&ObjectId> for ObjectId {
    fn from(id: &ObjectId) -> Self {
        id.clone()
    }
}

impl PartialEq<CommitId> for ObjectId {
    fn eq(&self, commit: &CommitId) -> bool {
        self.0 == commit.to_string()
    }
}

/// The full name of a ref: `refs/tags/v1.3.0`, `refs/heads/main`.
///
/// The rules are those of `git check-ref-format`; besides, no part may begin with `-`, so that no
/// part can be taken for an option of `git`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^refs/[^\\x00-\\x20\\x7f~^:?*\\[\\\\]+$")))]
#[serde(try_from = "String", into = "String")]
pub struct RefName(String);

impl RefName {
    /// Below which the branches are.
    pub const BRANCHES: &str = "refs/heads/";
    /// Below which the tags are.
    pub const TAGS: &str = "refs/tags/";

    /// The ref of the branch `name`.
    ///
    /// # Errors
    /// The name breaks a rule of git.
    pub fn branch(name: &str) -> Result<Self, GitNameError> {
        format!("{}{name}", Self::BRANCHES).parse()
    }

    /// The ref of the tag `name`.
    ///
    /// # Errors
    /// The name breaks a rule of git.
    pub fn tag(name: &str) -> Result<Self, GitNameError> {
        format!("{}{name}", Self::TAGS).parse()
    }

    /// The full name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that people use: `main` for `refs/heads/main`, `v1.3.0` for `refs/tags/v1.3.0`; the
    /// full name of any other ref.
    #[must_use]
    pub fn short(&self) -> &str {
        let of = |prefix| self.0.strip_prefix(prefix);
        of(Self::BRANCHES)
            .or_else(|| of(Self::TAGS))
            .unwrap_or(&self.0)
    }

    /// Whether this is a branch.
    #[must_use]
    pub fn is_branch(&self) -> bool {
        self.0.starts_with(Self::BRANCHES)
    }

    /// Whether this is a tag.
    #[must_use]
    pub fn is_tag(&self) -> bool {
        self.0.starts_with(Self::TAGS)
    }

    /// Whether this is the lock of a repository, wherever `git.lock-refs` puts it: a hash below `publish/`.
    #[must_use]
    pub fn is_lock(&self) -> bool {
        let is_hash = |name: &str| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let mut parts = self.0.rsplit('/');
        parts.next().is_some_and(is_hash) && parts.next() == Some("publish")
    }
}

/// As `git check-ref-format`, and no part begins with `-`.
fn is_ref(name: &str) -> bool {
    let special = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock");
    name.strip_prefix("refs/")
        .is_some_and(|rest| rest.split('/').all(is_part))
        && !name.contains(special)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RefName {
    type Err = GitNameError;

    fn from_str(name: &str) -> Result<Self, GitNameError> {
        Self::try_from(name.to_owned())
    }
}

impl TryFrom<String> for RefName {
    type Error = GitNameError;

    fn try_from(name: String) -> Result<Self, GitNameError> {
        if is_ref(&name) {
            Ok(Self(name))
        } else {
            Err(GitNameError::Ref(name))
        }
    }
}

impl From<RefName> for String {
    fn from(name: RefName) -> Self {
        name.0
    }
}

impl Borrow<str> for RefName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A branch in a document that names branches without `refs/heads/`.
pub(crate) mod branch_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::git::RefName;

    pub(crate) fn serialize<S: Serializer>(branch: &RefName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(branch.short())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RefName, D::Error> {
        RefName::branch(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A tag in a document that names tags without `refs/tags/`.
pub(crate) mod tag_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::git::RefName;

    pub(crate) fn serialize<S: Serializer>(tag: &RefName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(tag.short())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RefName, D::Error> {
        RefName::tag(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::git::*;

    #[test]
    fn an_id_prints_as_it_was_read() {
        let text = "0123456789abcdef0123456789ABCDEF01234567";
        let id: CommitId = text.parse().expect("an id");
        assert_eq!(id.to_string(), text.to_lowercase());
        assert_eq!(id.short(), "0123456");
        assert_eq!(ObjectId::from(id).short(), "0123456");
        assert!(id.starts_with("0123456789ABC") && id.starts_with("0"));
        assert!(!id.starts_with("1") && !id.starts_with("012x"));
        for bad in ["", "012", "zz", &"g".repeat(40), &"é".repeat(20)] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn in_a_document_each_is_a_plain_string() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let document = format!("[\"{id}\",\"{id}\",\"refs/tags/v1\"]");
        let read: (CommitId, ObjectId, RefName) = serde_json::from_str(&document).expect("valid");
        assert_eq!(serde_json::to_string(&read).expect("valid"), document);
        assert!(serde_json::from_str::<RefName>("\"HEAD\"").is_err());
    }

    #[test]
    fn a_ref_is_below_refs_and_cannot_be_an_option() {
        for good in [
            "refs/heads/main",
            "refs/heads/release/1.x",
            "refs/heads/a.b",
        ] {
            let name: RefName = good.parse().expect(good);
            assert!(name.is_branch() && !name.is_tag());
            assert_eq!(Ok(&name), RefName::branch(name.short()).as_ref());
        }
        for bad in [
            "--upload-pack=touch x",
            "main",
            "refs/heads/",
            "refs/heads//a",
            "refs/heads/../tags/a",
            "refs/heads/a b",
            "refs/heads/a*",
            "refs/heads/a:b",
            "refs/heads/-a",
            "refs/heads/a.lock",
            "refs/heads/a\n",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_object_is_a_whole_hash() {
        for good in ["a".repeat(40), "0".repeat(64)] {
            assert!(good.parse::<ObjectId>().is_ok(), "{good}");
        }
        for bad in ["", "abc", "--receive-pack=touch-xxxxxxxxxxxxxxxxxxxxx"] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }
}
