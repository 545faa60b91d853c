//! A value of a variant, which can have several images.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// One value for all images, or one for each of them, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PerImage<T> {
    /// The same for all.
    All(T),
    /// One for each.
    Each(BTreeMap<String, T>),
}

impl<T> PerImage<T> {
    /// The value for the image called `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&T> {
        match self {
            Self::All(value) => Some(value),
            Self::Each(values) => values.get(name),
        }
    }

    /// The images that have a value of their own, where each has one.
    pub(super) fn names(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::All(_) => None,
            Self::Each(values) => Some(values.keys().map(String::as_str)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerImage<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PerImageVisitor(PhantomData))
    }
}

struct PerImageVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PerImageVisitor<T> {
    type Value = PerImage<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or a table with one for each image")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(text.into_deserializer()).map(PerImage::All)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(PerImage::Each)
    }
}
