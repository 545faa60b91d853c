//! `version.files`: files that contain the version.

use serde::{Deserialize, Serialize};

use crate::policy::{path::RepositoryPath, pattern::Regex};

/// A file that contains the version. A release writes the new one into it and commits the file
/// before the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "VersionFileTable", into = "VersionFileTable")]
pub struct VersionFile {
    /// The file's path.
    pub path: RepositoryPath,
    /// What tells where the version is in the file.
    pub format: VersionFormat,
}

/// Where a file contains the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionFormat {
    /// `Cargo.toml`, and the `Cargo.lock` of its workspace.
    Cargo,
    /// `package.json`, and npm's lock file beside it.
    Npm,
    /// `pyproject.toml`
    Python,
    /// `Chart.yaml`: `version` and `appVersion`.
    Chart,
    /// `VERSION`, `version.txt`: nothing but the version.
    Whole,
    /// In the first group of each match of this expression.
    Pattern(Regex),
}

impl VersionFormat {
    /// The format that a file's name stands for, if any.
    #[must_use]
    pub fn of(path: &RepositoryPath) -> Option<Self> {
        match path.file_name() {
            "Cargo.toml" => Some(Self::Cargo),
            "package.json" => Some(Self::Npm),
            "pyproject.toml" => Some(Self::Python),
            "Chart.yaml" => Some(Self::Chart),
            name => matches!(
                &*name.to_ascii_lowercase(),
                "version" | "version.txt" | ".version"
            )
            .then_some(Self::Whole),
        }
    }
}

/// The paths whose format [`VersionFormat::of`] knows by their names.
#[cfg(test)]
const FILE_NAMES: &str = r"(^|/)(Cargo\.toml|package\.json|pyproject\.toml|Chart\.yaml|\.?[Vv][Ee][Rr][Ss][Ii][Oo][Nn]|[Vv][Ee][Rr][Ss][Ii][Oo][Nn]\.[Tt][Xx][Tt])$";

/// The keys of a file as `release.toml` has them.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("anyOf" = [{ "required": ["pattern"] }, { "properties": { "path": { "pattern": FILE_NAMES } } }])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct VersionFileTable {
    /// The file, as its path in the repository.
    path: RepositoryPath,
    /// A regular expression whose first group is the version; without one the name of the file decides.
    pattern: Option<Regex>,
}

impl TryFrom<VersionFileTable> for VersionFile {
    type Error = String;

    fn try_from(table: VersionFileTable) -> Result<Self, Self::Error> {
        let VersionFileTable { path, pattern } = table;
        let format = match pattern {
            Some(pattern) if pattern.compiled().captures_len() < 2 => {
                return Err(format!(
                    "the `pattern` of `{path}`, `{pattern}`, needs a group for the version"
                ));
            }
            Some(pattern) => VersionFormat::Pattern(pattern),
            None => VersionFormat::of(&path).ok_or_else(|| {
                format!("`{path}` needs a `pattern` that says where the version is in it")
            })?,
        };
        Ok(Self { path, format })
    }
}

impl From<VersionFile> for VersionFileTable {
    fn from(file: VersionFile) -> Self {
        Self {
            path: file.path,
            pattern: match file.format {
                VersionFormat::Pattern(pattern) => Some(pattern),
                VersionFormat::Cargo
                | VersionFormat::Npm
                | VersionFormat::Python
                | VersionFormat::Chart
                | VersionFormat::Whole => None,
            },
        }
    }
}
