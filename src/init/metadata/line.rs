//! A line of the `tags:` input, split.

use std::collections::BTreeMap;

use crate::init::fields;

/// A line of the input, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetadataRule {
    pub(super) kind: String,
    fields: BTreeMap<String, String>,
}

impl MetadataRule {
    pub(super) fn parse(line: &str) -> Self {
        let mut fields = BTreeMap::new();
        for (key, value) in fields::pairs(line) {
            fields.insert(key.unwrap_or_else(|| "value".to_owned()), value);
        }
        let kind = fields.remove("type").unwrap_or_else(|| "raw".to_owned());
        Self { kind, fields }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    /// The rule without its condition.
    pub(super) fn unconditional(mut self) -> Self {
        self.fields.remove("enable");
        self
    }

    /// The rule in few words.
    pub(super) fn describe(&self) -> String {
        let shown = [
            "event", "branch", "pattern", "value", "format", "prefix", "suffix",
        ]
        .iter()
        .filter_map(|key| self.get(key).map(|value| format!(",{key}={value}")));
        format!("type={}{}", self.kind, shown.collect::<String>())
    }

    /// Rules of a higher priority come first, and the first one decides about `latest`.
    pub(super) fn priority(&self) -> f64 {
        let usual = match &*self.kind {
            "schedule" => 1000.0,
            "semver" | "pep440" => 900.0,
            "match" => 800.0,
            "edge" => 700.0,
            "ref" => 600.0,
            "raw" => 200.0,
            _ => 100.0,
        };
        let own = self.get("priority").and_then(|text| text.parse().ok());
        own.unwrap_or(usual)
    }
}
