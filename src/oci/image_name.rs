//! Which image of a release is meant: `main`, another one that the policy names, or a variant of one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of the image that `[image]` describes.
const MAIN: &str = "main";

/// An image of a release: `main` for `[image]`, or a name of `[images.NAME]`, and the variant of it
/// (`[variants.alpine]`), if it is one. The main image sorts first, and each image before its variants.
///
/// Text has it as `worker` or `worker/alpine`, a document as two fields: `image` and `variant`, where the
/// second is `null` for an image without a suffix.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageName {
    /// The image's name.
    #[serde(rename = "image", default, with = "main_or_named")]
    #[cfg_attr(test, schemars(with = "String"))]
    name: Option<String>,
    /// The variant's name; `null` for the image without a suffix.
    #[serde(default)]
    variant: Option<String>,
}

impl ImageName {
    /// The image that `[image]` describes.
    #[must_use]
    pub const fn main() -> Self {
        Self {
            name: None,
            variant: None,
        }
    }

    /// The image of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: (name != MAIN).then(|| name.to_owned()),
            variant: None,
        }
    }

    /// The variant of the same image that is called so.
    #[must_use]
    pub fn with_variant(&self, variant: impl Into<String>) -> Self {
        Self {
            name: self.name.clone(),
            variant: Some(variant.into()),
        }
    }

    /// The same image without a suffix.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            name: self.name.clone(),
            variant: None,
        }
    }

    /// The image's name, whichever variant it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(MAIN)
    }

    /// The variant's name; `None` for the image without a suffix.
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether it is the main image or a variant of it.
    #[must_use]
    pub const fn is_of_main(&self) -> bool {
        self.name.is_none()
    }

    /// Whether it is the main image itself.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.name.is_none() && self.variant.is_none()
    }

    /// The words that set it apart from the main image, to be joined to a name or a file; none for the
    /// main image.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.name.iter().chain(&self.variant).map(String::as_str)
    }

    /// In words, for a sentence in which the main image needs none: "variant `alpine`", "image `worker`".
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        match (&self.name, &self.variant) {
            (None, None) => None,
            (None, Some(variant)) => Some(format!("variant `{variant}`")),
            (Some(_), _) => Some(format!("image `{self}`")),
        }
    }

    /// As [`ImageName::in_words`], behind a noun: " of variant `alpine`"; empty for the main image.
    #[must_use]
    pub fn of_words(&self) -> String {
        let words = self.in_words();
        words.map_or_else(String::new, |words| format!(" of {words}"))
    }

    /// `base`, and behind it the variant, if it is one: `1.3.0-alpine`.
    #[must_use]
    pub fn suffixed_variant(&self, base: &str) -> String {
        match &self.variant {
            Some(variant) => format!("{base}-{variant}"),
            None => base.to_owned(),
        }
    }

    /// What the `index.json` of a layout calls the image of a version: `1.3.0`, `worker-1.3.0-alpine`.
    #[must_use]
    pub fn in_layout(&self, version: &str) -> String {
        let version = self.suffixed_variant(version);
        match self.is_of_main() {
            true => version,
            false => format!("{}-{version}", self.name()),
        }
    }

    /// `base`, and behind it what sets the image apart: `tags`, `tags-alpine`, `tags-worker-alpine`.
    #[must_use]
    pub fn suffixed(&self, base: &str) -> String {
        let mut text = base.to_owned();
        for part in self.parts() {
            text.push('-');
            text.push_str(part);
        }
        text
    }
}

/// As the command line names it: `main`, `main/alpine`, `worker`.
impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variant {
            Some(variant) => write!(f, "{}/{variant}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// The main image has no name in memory, so that it sorts first.
mod main_or_named {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::MAIN;

    pub(super) fn serialize<S: Serializer>(
        name: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_deref().unwrap_or(MAIN))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok((name != MAIN).then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use crate::oci::ImageName;

    #[test]
    fn the_main_image_comes_first_and_a_document_names_it() {
        let (main, worker) = (ImageName::main(), ImageName::named("api"));
        let sorted = [
            main.clone(),
            main.with_variant("alpine"),
            worker.clone(),
            worker.with_variant("alpine"),
        ];
        let mut all = sorted.clone();
        all.reverse();
        all.sort();
        assert_eq!(all, sorted);
        let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["main", "main/alpine", "api", "api/alpine"]);
        let text = serde_json::to_string(&all[..3]).expect("plain data");
        assert_eq!(
            text,
            r#"[{"image":"main","variant":null},{"image":"main","variant":"alpine"},{"image":"api","variant":null}]"#
        );
        let read: Vec<ImageName> = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, all[..3]);
        // As documents had it before an image had a name.
        let old: ImageName = serde_json::from_str(r#"{"variant":"alpine"}"#).expect("it is read");
        assert_eq!(old, main.with_variant("alpine"));
        assert_eq!(ImageName::named("main"), main);
    }

    #[test]
    fn what_sets_an_image_apart_is_joined_to_a_name() {
        let worker = ImageName::named("worker");
        for (image, text) in [
            (ImageName::main(), "tags"),
            (ImageName::main().with_variant("alpine"), "tags-alpine"),
            (worker.clone(), "tags-worker"),
            (worker.with_variant("alpine"), "tags-worker-alpine"),
        ] {
            assert_eq!(image.suffixed("tags"), text);
        }
    }
}
