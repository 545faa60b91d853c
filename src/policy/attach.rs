//! `[[attach]]`: files that are about an image and are published with it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    oci::{ImageName, Platform},
    policy::{path::RepositoryPath, platform, text_value::text_value},
};

/// One file that is attached to an image, as an OCI artifact that is about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AttachPolicy {
    /// The file, seen from the top of the repository; the build may make it.
    pub file: RepositoryPath,
    /// What the file is: the type of the artifact.
    #[serde(rename = "type")]
    pub artifact_type: ArtifactType,
    /// Annotations of the artifact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform whose image the file is about; unset: the whole image.
    #[serde(
        default,
        with = "platform::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(schema_with = "platform::optional::schema"))]
    pub platform: Option<Platform>,
    /// The image that the file is about, by its name in `[images.NAME]`; unset: the main image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The variant that the file is about; unset: the image without a suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl AttachPolicy {
    /// Which image of a release the file is about.
    #[must_use]
    pub fn image_name(&self) -> ImageName {
        let image = self.image.as_deref();
        let image = image.map_or_else(ImageName::main, ImageName::named);
        match &self.variant {
            Some(variant) => image.with_variant(variant),
            None => image,
        }
    }
}

/// A media type as `type/subtype` (RFC 6838, section 4.2), without parameters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArtifactType(String);

impl ArtifactType {
    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArtifactType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            let more = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            name.len() <= 127
                && name.starts_with(|first: char| first.is_ascii_alphanumeric())
                && name.bytes().all(more)
        };
        match text.split_once('/') {
            Some((kind, name)) if is_name(kind) && is_name(name) => Ok(Self(text.to_owned())),
            _ => {
                let shown: String = text.chars().take(100).collect();
                Err(format!(
                    "`{shown}` is not a valid media type, such as `application/spdx+json`"
                ))
            }
        }
    }
}

impl fmt::Display for ArtifactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(
    ArtifactType: "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$",
);

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn attachments_are_read_and_refused_where_they_say_nothing() {
        let read = |text: &str| Policy::parse(text, "release.toml").map_err(|e| format!("{e:#}"));
        let policy = read(
            "[image.build]\nplatforms = [\"linux/arm64\"]\n[variants.alpine]\n\
             [[attach]]\nfile = \"dist/sbom.json\"\ntype = \"application/spdx+json\"\n\
             platform = \"linux/arm64\"\nvariant = \"alpine\"\nannotations = { a = \"b\" }\n",
        );
        let attach = &policy.expect("it is good").attach[0];
        assert_eq!(attach.file.as_str(), "dist/sbom.json");
        assert_eq!(attach.artifact_type.as_str(), "application/spdx+json");
        assert_eq!(
            attach.platform.as_ref().map(ToString::to_string).as_deref(),
            Some("linux/arm64")
        );
        for (text, says) in [
            ("[[attach]]\nfile = \"a\"", "type"),
            ("[[attach]]\ntype = \"a/b\"", "file"),
            (
                "[[attach]]\nfile = \"/a\"\ntype = \"a/b\"",
                "inside the repository",
            ),
            ("[[attach]]\nfile = \"a\"\ntype = \"spdx\"", "media type"),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b; c=d\"",
                "media type",
            ),
            ("[[attach]]\nfile = \"a\"\ntype = \"a/b/c\"", "media type"),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b\"\nplatform = \"linux\"",
                "platform",
            ),
            (
                "[image.build]\nplatforms = [\"linux/amd64\"]\n\
                 [[attach]]\nfile = \"a\"\ntype = \"a/b\"\nplatform = \"linux/arm64\"",
                "among the platforms of the image",
            ),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b\"\nimage = \"worker\"",
                "no image `worker`",
            ),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b\"\nvariant = \"alpine\"",
                "no variant `alpine`",
            ),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b\"\nannotations = { \"\" = \"x\" }",
                "annotations",
            ),
            (
                "[[attach]]\nfile = \"a\"\ntype = \"a/b\"\n\
                 [[attach]]\nfile = \"a\"\ntype = \"a/b\"",
                "twice",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
