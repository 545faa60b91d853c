//! `image.build.provenance` and `image.build.sbom`: what a builder attests of an image.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// Whether a provenance attestation is attached, and how much it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provenance {
    /// There is none.
    #[default]
    Off,
    /// As much as the builder thinks right.
    On,
    /// What was built from which sources, without build arguments.
    Min,
    /// Everything, the Dockerfile and the build arguments included.
    Max,
}

/// Whether a software bill of materials is attached, and what makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sbom {
    /// There is none.
    #[default]
    Off,
    /// BuildKit's own scanner makes it.
    On,
    /// The scanner in this image makes it.
    Scanner(String),
}

impl Provenance {
    /// Whether there is one.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

impl Sbom {
    /// Whether there is one.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::Off
    }
}

impl Serialize for Provenance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On => serializer.serialize_bool(true),
            Self::Min => serializer.serialize_str("min"),
            Self::Max => serializer.serialize_str("max"),
        }
    }
}

impl Serialize for Sbom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On => serializer.serialize_bool(true),
            Self::Scanner(image) => serializer.serialize_str(image),
        }
    }
}

impl<'de> Deserialize<'de> for Provenance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProvenanceVisitor)
    }
}

struct ProvenanceVisitor;

impl Visitor<'_> for ProvenanceVisitor {
    type Value = Provenance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, \"min\" or \"max\"")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Provenance, E> {
        Ok(if on { Provenance::On } else { Provenance::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Provenance, E> {
        match text {
            "min" => Ok(Provenance::Min),
            "max" => Ok(Provenance::Max),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Sbom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SbomVisitor)
    }
}

struct SbomVisitor;

impl Visitor<'_> for SbomVisitor {
    type Value = Sbom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or the image of a scanner")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Sbom, E> {
        Ok(if on { Sbom::On } else { Sbom::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Sbom, E> {
        // It becomes a value between commas.
        if text.is_empty() || text.contains([',', '"', ' ']) {
            return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self));
        }
        Ok(Sbom::Scanner(text.to_owned()))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Provenance {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Provenance".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "boolean" }, { "enum": ["min", "max"] }] })
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Sbom {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sbom".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Keys {
        provenance: Provenance,
        sbom: Sbom,
    }

    #[test]
    fn attestations_are_switched_or_described() {
        for (text, provenance, sbom) in [
            ("", Provenance::Off, Sbom::Off),
            ("provenance = true\nsbom = true", Provenance::On, Sbom::On),
            (
                "provenance = \"max\"\nsbom = false",
                Provenance::Max,
                Sbom::Off,
            ),
            (
                "provenance = \"min\"\nsbom = \"acme/scan:1\"",
                Provenance::Min,
                Sbom::Scanner("acme/scan:1".into()),
            ),
        ] {
            let keys: Keys = toml::from_str(text).expect(text);
            let again = serde_json::to_value(&keys).expect("it is written");
            let again: Keys = serde_json::from_value(again).expect("it is read");
            assert_eq!(again, Keys { provenance, sbom }, "{text}");
        }
        for text in [
            "provenance = \"all\"",
            "provenance = 1",
            "sbom = \"a,b\"",
            "sbom = \"\"",
        ] {
            assert!(toml::from_str::<Keys>(text).is_err(), "{text}");
        }
    }
}
