//! `[variants.NAME]`: further images of the same release.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::policy::{path::DockerfilePath, tag_template::is_tag_character, text_value::text_value};

/// `[variants.NAME]`: a further image of the same release, with tags of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VariantPolicy {
    /// The stage of the Dockerfile that makes this image.
    pub target: Option<String>,
    /// The variant's own Dockerfile; unset: `image.build.dockerfile`.
    pub dockerfile: Option<DockerfilePath>,
    /// A layout or archive that holds this image, which then is not built.
    pub layout: Option<String>,
    /// Added to each tag of the variant; unset: `-NAME`. [`VariantPolicy::suffix`] has both.
    pub suffix: Option<Suffix>,
    /// Whether the variant's `latest` is called `latest-alpine` or just `alpine`.
    pub latest_suffix: bool,
}

impl VariantPolicy {
    /// What is added to each tag of the variant called `name`.
    #[must_use]
    pub fn suffix(&self, name: &str) -> String {
        match &self.suffix {
            Some(suffix) => suffix.to_string(),
            None => format!("-{name}"),
        }
    }

    /// What the tag `latest` of the variant called `name` is called.
    #[must_use]
    pub fn latest(&self, name: &str) -> String {
        let suffix = self.suffix(name);
        if self.latest_suffix {
            format!("latest{suffix}")
        } else {
            suffix.trim_start_matches(['-', '.', '_']).to_owned()
        }
    }
}

impl Default for VariantPolicy {
    fn default() -> Self {
        Self {
            target: None,
            dockerfile: None,
            layout: None,
            suffix: None,
            latest_suffix: true,
        }
    }
}

/// What a variant adds to each of its tags: not empty, and only what can stand in a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suffix(String);

impl FromStr for Suffix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(
                "an empty suffix would put the image of the variant on the tags of the main image"
                    .to_owned(),
            );
        }
        if let Some(c) = text.chars().find(|c| !is_tag_character(*c)) {
            return Err(format!(
                "`{}` of the suffix `{text}` cannot stand in a tag",
                c.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(Suffix: "^[A-Za-z0-9._-]+$");
