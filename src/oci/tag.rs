//! Names of images in a repository.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::NameError;

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (distribution specification, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")))]
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
}
