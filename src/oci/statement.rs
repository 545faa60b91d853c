//! What is said about an image beside it: labels and annotations, place by place.

use std::{collections::BTreeMap, fmt};

use super::annotation;

/// A place that can say something about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementPlace {
    /// The labels of its configuration. Those of a base image are inherited.
    Label,
    /// The annotations of its manifest.
    Manifest,
    /// The annotations of its entry, or of an index above it, in an index.
    Entry,
    /// The annotations of an index above it.
    Index,
    /// The annotations of its entry in the `index.json` of the layout.
    Layout,
    /// The annotations of the `index.json` of the layout itself.
    LayoutIndex,
}

/// What one place says about an image: keys and their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The place.
    pub place: StatementPlace,
    /// What it says.
    pub values: BTreeMap<String, String>,
}

impl StatementPlace {
    /// `key` at this place, in words.
    pub fn of_key(self, key: &str) -> impl fmt::Display + use<> {
        match self {
            Self::Label => format!("its label `{key}`"),
            Self::Manifest => format!("the annotation `{key}` of its manifest"),
            Self::Entry => format!("the annotation `{key}` of its entry in an index"),
            Self::Index => format!("the annotation `{key}` of its index"),
            Self::Layout => format!("the annotation `{key}` of its entry in `index.json`"),
            Self::LayoutIndex => format!("the annotation `{key}` of `index.json` itself"),
        }
    }

    /// The place in words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Label => "its label",
            Self::Manifest => "an annotation of its manifest",
            Self::Entry => "an annotation of its entry in an index",
            Self::Index => "an annotation of its index",
            Self::Layout => "an annotation of its entry in `index.json`",
            Self::LayoutIndex => "an annotation of `index.json` itself",
        }
    }

    /// What the builder does so that this place says `value` under `key`, or nothing.
    pub(crate) fn own_statement(self, key: &str, value: &str) -> String {
        match self {
            Self::Label => format!(
                "a label of the base image is inherited: let the builder set its own, `--label {key}={value}`"
            ),
            // buildah 1.41 and podman 5.6 brought both flags; earlier ones inherit annotations, too.
            Self::Manifest => format!(
                "let the builder set its own annotation, `--annotation {key}={value}`; buildah and podman inherit that of the base image, which `--unsetannotation {key}` or `--inherit-annotations=false` leaves out (buildah 1.41, podman 5.6)"
            ),
            Self::Entry | Self::Index | Self::Layout | Self::LayoutIndex => format!(
                "let the builder write its own annotation there, `{key}` with `{value}`, or leave it out"
            ),
        }
    }
}

/// Longest value that is kept of what a registry says, in characters: longer than any id of a commit or version.
const MAX_VALUE: usize = 200;

impl Statement {
    /// What annotations say of a commit or a version; `None`: nothing.
    pub(crate) fn of_origin(
        place: StatementPlace,
        annotations: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let value = |key: &str| {
            let value = annotations.get(key)?.trim();
            let value: String = value.chars().take(MAX_VALUE).collect();
            (!value.is_empty()).then(|| (key.to_owned(), value))
        };
        let keys = [annotation::REVISION, annotation::VERSION];
        let values: BTreeMap<_, _> = keys.into_iter().filter_map(value).collect();
        (!values.is_empty()).then_some(Self { place, values })
    }

    /// The value of `key`, without spaces around it; `None` where there is none, or nothing in it.
    #[must_use]
    pub fn says(&self, key: &str) -> Option<&str> {
        let text = self.values.get(key)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// Whether it names a commit or a version.
    #[must_use]
    pub fn names_origin(&self) -> bool {
        let keys = [annotation::REVISION, annotation::VERSION];
        keys.iter().any(|key| self.says(key).is_some())
    }
}
