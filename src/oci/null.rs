//! `null` where a list, a map or a text may stand. Go writes its empty values so, and reads `null` as
//! an empty value; every builder and registry that is written in Go does.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// Reads `null` as the empty value.
pub(super) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a map of texts, in which the map and each text may be `null`.
pub(super) fn texts<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    optional_texts(deserializer).map(Option::unwrap_or_default)
}

/// The same where no map is another thing than an empty one.
pub(super) fn optional_texts<'de, D>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(map.map(|map| {
        let texts = map.into_iter();
        texts
            .map(|(key, text)| (key, text.unwrap_or_default()))
            .collect()
    }))
}

/// Reads an object of which every named field must say something; one that lacks such a field, or
/// has it empty, is none.
pub(super) fn none_without<'de, D, T>(
    deserializer: D,
    fields: &[&str],
) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Option::<Value>::deserialize(deserializer)?.unwrap_or_default();
    let says_nothing = |field: &str| match value.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if value.is_null() || (value.is_object() && fields.iter().any(|field| says_nothing(field))) {
        return Ok(None);
    }
    T::deserialize(value)
        .map(Some)
        .map_err(serde::de::Error::custom)
}
