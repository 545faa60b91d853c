//! Which image of a repository: tag, digest, reference.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Digest, NameError, Repository};

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (distribution specification, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The longest tag in characters.
    pub const MAX: usize = 128;

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |rule| NameError::Tag {
            name: text.chars().take(200).collect(),
            rule,
        };
        let Some(first) = text.bytes().next() else {
            return Err(error("it is empty"));
        };
        if !(first.is_ascii_alphanumeric() || first == b'_') {
            return Err(error(
                "the first character must be a letter, a digit or `_`",
            ));
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        {
            return Err(error("only letters, digits, `.`, `_` and `-` are allowed"));
        }
        if text.len() > Self::MAX {
            return Err(error("it is longer than 128 characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Tag {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last part of a manifest's URL (distribution specification: `<tag-or-digest>`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagOrDigest {
    /// By name.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

impl FromStr for TagOrDigest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Digest(digest));
        }
        text.parse()
            .map(Self::Tag)
            .map_err(|_| NameError::TagOrDigest(text.to_owned()))
    }
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for TagOrDigest {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for TagOrDigest {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// What a person types to name an image: `repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The repository, written out.
    pub repository: Repository,
    /// The tag, when one was given.
    pub tag: Option<Tag>,
    /// The digest, when one was given; it decides where both are present.
    pub digest: Option<Digest>,
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|_| NameError::TagOrDigest(digest.into()))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.parse()?)),
            _ => (rest, None),
        };
        Ok(Self {
            repository: name.parse()?,
            tag,
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_follows_the_grammar() {
        for good in ["1.2.3", "_x", "latest", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "1.0.0+b", "a/b", "ä", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_prints_what_it_parsed() {
        let digest = Digest::of(b"x");
        for text in [
            "docker.io/acme/api",
            "127.0.0.1:5000/acme/api:1.2",
            &format!("ghcr.io/a/b@{digest}"),
            &format!("ghcr.io/a/b:1@{digest}"),
        ] {
            assert_eq!(
                text.parse::<Reference>().map(|r| r.to_string()).as_deref(),
                Ok(text)
            );
        }
    }
}
