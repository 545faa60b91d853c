//! `[branches]`: which branches release what.

use std::{fmt, str::FromStr};

use globset::Glob;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::policy::{pattern::BranchGlob, text_value::text_value};

/// `[branches]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BranchPolicy {
    /// Branches that release stable versions.
    pub stable: Vec<BranchGlob>,
    /// Branches whose releases stay in one line.
    pub maintenance: Vec<MaintenancePattern>,
    /// Branches that release pre-releases, sorted by their globs' texts.
    #[serde(with = "prerelease_table")]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, Label>"))]
    pub prerelease: Vec<PrereleaseBranches>,
}

impl Default for BranchPolicy {
    fn default() -> Self {
        let prerelease = |branches, label| PrereleaseBranches {
            branches: parsed(branches),
            label: parsed(label),
        };
        Self {
            stable: vec![parsed("main"), parsed("master")],
            maintenance: vec![parsed("{major}.x"), parsed("{major}.{minor}.x")],
            prerelease: vec![prerelease("beta/*", "beta"), prerelease("next", "rc")],
        }
    }
}

fn parsed<T: FromStr<Err = String>>(text: &str) -> T {
    text.parse().expect("the defaults are legal")
}

/// Branches that release pre-releases of one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrereleaseBranches {
    /// The branches' names.
    pub branches: BranchGlob,
    /// The label of their pre-releases.
    pub label: Label,
}

/// `branches.prerelease`: a table from globs to labels.
mod prerelease_table {
    use std::fmt;

    use serde::{
        Deserializer, Serializer,
        de::{MapAccess, Visitor},
    };

    use super::PrereleaseBranches;

    pub(super) fn deserialize<'de, D>(from: D) -> Result<Vec<PrereleaseBranches>, D::Error>
    where
        D: Deserializer<'de>,
    {
        from.deserialize_map(TableVisitor)
    }

    pub(super) fn serialize<S>(all: &[PrereleaseBranches], to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
    {
        to.collect_map(all.iter().map(|one| (&one.branches, &one.label)))
    }

    struct TableVisitor;

    impl<'de> Visitor<'de> for TableVisitor {
        type Value = Vec<PrereleaseBranches>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some((branches, label)) = table.next_entry()? {
                all.push(PrereleaseBranches { branches, label });
            }
            all.sort_by(|a, b| a.branches.as_str().cmp(b.branches.as_str()));
            Ok(all)
        }
    }
}

/// The label of pre-releases: letters, digits and `-`, but no digit at its end, where the counter stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// The label's text, as it stands in `1.2.3-rc.1`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.bytes().all(|b| b.is_ascii_digit());
        if !legal {
            return Err(format!(
                "`{text}` is not a valid pre-release label: a label is letters, digits and `-`, not digits alone"
            ));
        }
        let bare = text.trim_end_matches(|c: char| c.is_ascii_digit());
        if bare != text {
            // `rc10` sorts before `rc9`, because both are text.
            return Err(match bare.trim_end_matches('-') {
                "" => format!(
                    "`{text}` is not a valid pre-release label: it ends with a number of its own"
                ),
                bare => format!(
                    "`{text}` is not a valid pre-release label: it ends with a number of its own; use `{bare}`, and hoist counts `{bare}.1`, `{bare}.2`, …"
                ),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The versions that a maintenance branch may release: `1.x` or `1.2.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaintenanceLine {
    /// The major version, which every release of the branch keeps.
    pub major: u64,
    /// The minor version, where the branch keeps that, too.
    pub minor: Option<u64>,
}

impl MaintenanceLine {
    /// Whether `version` is of this line.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        version.major == self.major && self.minor.is_none_or(|minor| version.minor == minor)
    }
}

impl fmt::Display for MaintenanceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some(minor) => write!(f, "{}.{minor}.x", self.major),
            None => write!(f, "{}.x", self.major),
        }
    }
}

/// The pattern of maintenance branches, with `{major}` and perhaps `{minor}` in it: `{major}.x`,
/// `release/v{major}.{minor}`.
#[derive(Clone)]
pub struct MaintenancePattern {
    text: String,
    expression: regex::Regex,
}

impl MaintenancePattern {
    /// The line that a branch called `name` stands for; `None` where the pattern does not match.
    #[must_use]
    pub fn line(&self, name: &str) -> Option<MaintenanceLine> {
        let found = self.expression.captures(name)?;
        let number = |group| found.name(group).map(|m| m.as_str().parse::<u64>());
        match (number("major")?, number("minor")) {
            (Ok(major), None) => Some(MaintenanceLine { major, minor: None }),
            (Ok(major), Some(Ok(minor))) => Some(MaintenanceLine {
                major,
                minor: Some(minor),
            }),
            // The digits are not a number that a version can hold.
            _ => None,
        }
    }
}

impl FromStr for MaintenancePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let times = |placeholder| text.matches(placeholder).count();
        let rest = text.replace("{major}", "0").replace("{minor}", "0");
        if times("{major}") != 1
            || times("{minor}") > 1
            || rest.contains(['{', '}', '[', ']', '\\'])
        {
            return Err(format!(
                "`{text}` is not a valid pattern of maintenance branches: it needs `{{major}}`, and may have `{{minor}}`, each once, and `*`"
            ));
        }
        let invalid = |error: String| {
            format!("`{text}` is not a valid pattern of maintenance branches: {error}")
        };
        // The glob's own translation keeps both kinds of pattern one language; the placeholders are
        // letters to it and become groups afterwards.
        let letters = text.replace("{major}", "MAJOR").replace("{minor}", "MINOR");
        let glob = Glob::new(&letters).map_err(|error| invalid(error.kind().to_string()))?;
        let number = |group: &str| format!("(?P<{group}>0|[1-9][0-9]*)");
        let expression = glob
            .regex()
            .replacen("MAJOR", &number("major"), 1)
            .replacen("MINOR", &number("minor"), 1)
            .replace("(?-u)", "");
        Ok(Self {
            text: text.to_owned(),
            expression: regex::Regex::new(&expression)
                .map_err(|error| invalid(error.to_string()))?,
        })
    }
}

impl PartialEq for MaintenancePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for MaintenancePattern {}

impl fmt::Debug for MaintenancePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for MaintenancePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

text_value!(
    Label: "^[A-Za-z0-9-]*[A-Za-z-]$",
    MaintenancePattern: r"^[^{}\[\]\\]*(\{minor\}[^{}\[\]\\]*)?\{major\}[^{}\[\]\\]*(\{minor\}[^{}\[\]\\]*)?$",
);
