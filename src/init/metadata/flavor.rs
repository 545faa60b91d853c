//! The `flavor:` input: what stands around every tag, and what becomes of `latest`.

use crate::init::fields;

/// The `flavor:` input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flavor {
    /// `auto`, `true` or `false`.
    pub(super) latest: String,
    pub(super) prefix: String,
    pub(super) suffix: String,
    prefix_on_latest: bool,
    suffix_on_latest: bool,
}

impl Default for Flavor {
    fn default() -> Self {
        Self {
            latest: "auto".into(),
            prefix: String::new(),
            suffix: String::new(),
            prefix_on_latest: false,
            suffix_on_latest: false,
        }
    }
}

impl Flavor {
    pub(super) fn parse(lines: &[String]) -> Self {
        let mut flavor = Self::default();
        for line in lines {
            let mut last = "";
            for (key, value) in fields::pairs(line) {
                match key.as_deref() {
                    Some("latest") => flavor.latest = value,
                    Some("prefix") => (flavor.prefix, last) = (value, "prefix"),
                    Some("suffix") => (flavor.suffix, last) = (value, "suffix"),
                    Some("onlatest") if last == "prefix" => {
                        flavor.prefix_on_latest = value == "true";
                    }
                    Some("onlatest") if last == "suffix" => {
                        flavor.suffix_on_latest = value == "true";
                    }
                    _ => {}
                }
            }
        }
        flavor
    }

    /// What the tag `latest` is called.
    pub(super) fn latest_tag(&self) -> String {
        let around = |on: bool, text: &str| if on { text.to_owned() } else { String::new() };
        format!(
            "{}latest{}",
            around(self.prefix_on_latest, &self.prefix),
            around(self.suffix_on_latest, &self.suffix)
        )
    }
}
