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
        }
    }
}

impl Statement {
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
