//! `version.tag`: how a version becomes the name of a git tag, and back.

use std::{fmt, str::FromStr};

use semver::Version;

use crate::policy::{branches::MaintenanceLine, text_value::text_value};

/// The git tag of a version: text with one `{version}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GitTagTemplate {
    pub(super) prefix: String,
    pub(super) suffix: String,
}

impl GitTagTemplate {
    /// The tag's name for `version`.
    #[must_use]
    pub fn name(&self, version: &Version) -> String {
        format!("{}{version}{}", self.prefix, self.suffix)
    }

    /// Whether the name is the version itself, with or without a `v`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(&*self.prefix, "" | "v") && self.suffix.is_empty()
    }

    /// The version that `name` stands for: the template is matched whole, with a strict semantic
    /// version inside.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<Version> {
        let inner = name
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        Version::parse(inner).ok()
    }

    /// The version that `name` would stand for without the leading zeros of its numbers, which
    /// semantic versions do not have (`v2026.07.2` is meant as 2026.7.2); `None` where there are
    /// none, or where more is wrong.
    #[must_use]
    pub fn without_leading_zeros(&self, name: &str) -> Option<Version> {
        let inner = name
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        let (version, build) = match inner.split_once('+') {
            Some((version, build)) => (version, Some(build)),
            None => (inner, None),
        };
        let mut out = String::new();
        for part in version.split_inclusive(['.', '-']) {
            let digits = part.trim_end_matches(['.', '-']);
            if digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit()) {
                let number = digits.trim_start_matches('0');
                out += if number.is_empty() { "0" } else { number };
                out += &part[digits.len()..];
            } else {
                out += part;
            }
        }
        if out == version {
            return None;
        }
        if let Some(build) = build {
            out = format!("{out}+{build}");
        }
        Version::parse(&out).ok()
    }

    /// The version that `name` would stand for with the numbers that it leaves out: `v1.2` is meant
    /// as 1.2.0; `None` where none is missing, or where more is wrong.
    #[must_use]
    pub fn with_missing_numbers(&self, name: &str) -> Option<Version> {
        let line = self.line(name)?;
        Some(Version::new(line.major, line.minor.unwrap_or(0), 0))
    }

    /// The line that `name` stands for: `v1.2` is the line 1.2, `v1` the line 1.
    #[must_use]
    pub fn line(&self, name: &str) -> Option<MaintenanceLine> {
        let inner = name
            .strip_prefix(&*self.prefix)?
            .strip_suffix(&*self.suffix)?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        match inner.split_once('.') {
            Some((major, minor)) => Some(MaintenanceLine {
                major: number(major)?,
                minor: Some(number(minor)?),
            }),
            None => Some(MaintenanceLine {
                major: number(inner)?,
                minor: None,
            }),
        }
    }

    /// What stands before the version.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for GitTagTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("`{text}` needs `{{version}}` exactly once");
        let (prefix, suffix) = text.split_once("{version}").ok_or_else(error)?;
        if suffix.contains("{version}") {
            return Err(error());
        }
        // git-check-ref-format(1), for what can stand around a version.
        let legal = |c: char| !c.is_control() && !" ~^:?*[\\{}".contains(c);
        if !text.replace("{version}", "").chars().all(legal)
            || text.contains("..")
            || text.contains("//")
            || prefix.starts_with(['-', '/', '.'])
            || suffix.ends_with(['.', '/'])
            || suffix.ends_with(".lock")
        {
            return Err(format!("`{text}` cannot be the name of a git tag"));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        })
    }
}

impl fmt::Display for GitTagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{version}}{}", self.prefix, self.suffix)
    }
}

text_value!(
    GitTagTemplate: r"^[^\x00-\x20\x7f~^:?*\[\\{}]*\{version\}[^\x00-\x20\x7f~^:?*\[\\{}]*$"
        except r"\.\.|//|^[-/.]|[./]$|\.lock$",
);
