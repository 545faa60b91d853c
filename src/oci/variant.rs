//! Which image of a release is meant: the main one, or a variant.

use serde::{Deserialize, Serialize};

/// The main image of a release, or one of its variants by name (`[variants.alpine]`). The main
/// image sorts before every variant, and is `null` in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Variant(Option<String>);

impl Variant {
    /// The main image.
    #[must_use]
    pub const fn main() -> Self {
        Self(None)
    }

    /// The variant of that name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Some(name.into()))
    }

    /// The variant's name; `None` for the main image.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use crate::oci::Variant;

    #[test]
    fn the_main_image_comes_first_and_is_null_in_a_document() {
        let mut all = [Variant::named("alpine"), Variant::main()];
        all.sort();
        let text = serde_json::to_string(&all).expect("plain data");
        assert_eq!(text, "[null,\"alpine\"]");
        let read: [Variant; 2] = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, all);
    }
}
