//! `[variants.NAME]`: further images of the same release.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    oci::{ImageName, Platform},
    policy::{
        build::{BuildPolicy, BuildSource},
        path::{DockerfilePath, RepositoryPath},
        per_image::PerImage,
        tag_template::is_tag_character,
        template::Template,
        text_value::text_value,
    },
};

/// `[variants.NAME]`: a further image of the same release, with tags of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VariantPolicy {
    /// The images that have this variant, by name: `main`, and those of `[images.NAME]`.
    // Left out of a policy's identity where it is not set: the key came later.
    #[serde(skip_serializing_if = "is_of_main_alone")]
    pub images: Vec<String>,
    /// The stage of the Dockerfile that makes this image, and if it is empty the last one; `{ main = "a", worker = "b" }` where its images differ.
    pub target: Option<PerImage<String>>,
    /// The variant's own Dockerfile; unset: `image.build.dockerfile`. One for each image, as `target`.
    pub dockerfile: Option<PerImage<DockerfilePath>>,
    /// The directory that the builder of this image sees. One for each image, as `target`.
    // Left out of a policy's identity where it is not set, as `args` and `platforms` are: they came later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<PerImage<RepositoryPath>>,
    /// Build arguments of this image besides those that it has without the variant; one of the same name
    /// stands in its place.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, Template>,
    /// The platforms of this image; unset: those that it has without the variant.
    #[serde(
        with = "crate::policy::images::platforms",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(schema_with = "crate::policy::platform::schema"))]
    pub platforms: Option<Vec<Platform>>,
    /// A layout or archive that holds this image, which then is not built. One for each image, as `target`.
    pub layout: Option<PerImage<String>>,
    /// Added to each tag of the variant; unset: `-NAME`. [`VariantPolicy::suffix`] has both.
    pub suffix: Option<Suffix>,
    /// Whether the variant's `latest` is called `latest-alpine` or just `alpine`.
    pub latest_suffix: bool,
}

fn is_of_main_alone(images: &[String]) -> bool {
    matches!(images, [one] if one == ImageName::main().name())
}

impl VariantPolicy {
    /// Whether the image called `name` has this variant.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.images.iter().any(|image| image == name)
    }

    /// Puts the variant's own keys into the build of the image called `name`.
    pub(super) fn put_into(&self, name: &str, build: &mut BuildPolicy) {
        if let Some(target) = own(self.target.as_ref(), name) {
            build.target = Some(target.clone()).filter(|target| !target.is_empty());
        }
        if let Some(path) = own(self.layout.as_ref(), name) {
            build.image_source = BuildSource::Layout {
                path: path.clone(),
                command: build.image_source.command().cloned(),
            };
        }
        if let Some(dockerfile) = own(self.dockerfile.as_ref(), name) {
            build.dockerfile.clone_from(dockerfile);
        }
        if let Some(context) = own(self.context.as_ref(), name) {
            build.context.clone_from(context);
        }
        build.args.extend(self.args.clone());
        if let Some(platforms) = &self.platforms {
            build.platforms.clone_from(platforms);
        }
    }

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

fn own<'a, T>(value: Option<&'a PerImage<T>>, name: &str) -> Option<&'a T> {
    value.and_then(|value| value.of(name))
}

impl Default for VariantPolicy {
    fn default() -> Self {
        Self {
            images: vec![ImageName::main().name().to_owned()],
            target: None,
            dockerfile: None,
            context: None,
            args: BTreeMap::new(),
            platforms: None,
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
