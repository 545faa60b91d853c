//! What can stand between the braces of a template.

use std::{fmt, fmt::Write as _, str::FromStr};

use chrono::{DateTime, Utc, format::StrftimeItems};
use semver::Version;

use crate::{git::CommitId, policy::text_value::text_value};

/// Everything that a placeholder can stand for, in one release.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The version that is released.
    pub version: &'a Version,
    /// `{channel}`: the label of a pre-release that counts (`rc` of `1.0.0-rc.2`).
    pub channel: Option<&'a str>,
    /// The commit; `None` where it is not known.
    pub commit: Option<CommitId>,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The one instant that the whole release counts from.
    pub instant: DateTime<Utc>,
    /// The branch's name, as git has it.
    pub branch: Option<&'a str>,
    /// The format of dates whose placeholder has none of its own: `tags.date`.
    pub date: &'a DateFormat,
}

/// One placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Placeholder {
    Version,
    Major,
    Minor,
    Patch,
    Prerelease,
    Channel,
    /// How many hex digits.
    Sha(usize),
    /// The placeholder's own format; without one, `tags.date` counts.
    Date(Option<DateFormat>),
    CommitDate(Option<DateFormat>),
    Branch,
}

const NAMES: [&str; 10] = [
    "version",
    "major",
    "minor",
    "patch",
    "prerelease",
    "channel",
    "sha",
    "date",
    "commit_date",
    "branch",
];

impl Placeholder {
    pub(crate) fn parse(inner: &str) -> Result<Self, String> {
        let (name, argument) = match inner.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (inner, None),
        };
        let plain = |placeholder| match argument {
            None => Ok(placeholder),
            Some(_) => Err(format!("`{{{name}}}` takes nothing after a `:`")),
        };
        match name {
            "version" => plain(Self::Version),
            "major" => plain(Self::Major),
            "minor" => plain(Self::Minor),
            "patch" => plain(Self::Patch),
            "prerelease" => plain(Self::Prerelease),
            "channel" => plain(Self::Channel),
            "branch" => plain(Self::Branch),
            "sha" => sha_length(argument).map(Self::Sha),
            "date" => date_format(argument).map(Self::Date),
            "commit_date" => date_format(argument).map(Self::CommitDate),
            _ => Err(unknown(name)),
        }
    }

    /// The placeholder as it is written, without an argument.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Version => "{version}",
            Self::Major => "{major}",
            Self::Minor => "{minor}",
            Self::Patch => "{patch}",
            Self::Prerelease => "{prerelease}",
            Self::Channel => "{channel}",
            Self::Sha(_) => "{sha}",
            Self::Date(_) => "{date}",
            Self::CommitDate(_) => "{commit_date}",
            Self::Branch => "{branch}",
        }
    }

    /// The value as it is; `None` where this release does not have one.
    pub(crate) fn render(&self, values: &Values<'_>) -> Option<String> {
        let version = values.version;
        let date = |own: &Option<DateFormat>, time: DateTime<Utc>| {
            let mut out = String::new();
            let format = own.as_ref().unwrap_or(values.date);
            write!(out, "{}", time.format(format.as_str()))
                .ok()
                .map(|()| out)
        };
        match self {
            Self::Version => Some(version.to_string()),
            Self::Major => Some(version.major.to_string()),
            Self::Minor => Some(version.minor.to_string()),
            Self::Patch => Some(version.patch.to_string()),
            Self::Prerelease => Some(version.pre.to_string()).filter(|text| !text.is_empty()),
            Self::Channel => values.channel.map(str::to_owned),
            Self::Sha(length) => values.commit.map(|id| id.abbreviated(*length)),
            Self::Date(own) => date(own, values.instant),
            Self::CommitDate(own) => date(own, values.commit_time),
            Self::Branch => values
                .branch
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        }
    }
}

fn unknown(name: &str) -> String {
    let near = NAMES
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)))
        .filter(|near| strsim::jaro_winkler(near, name) > 0.7);
    match near {
        Some(near) => format!("there is no placeholder `{{{name}}}`; did you mean `{{{near}}}`?"),
        None => format!(
            "there is no placeholder `{{{name}}}`; the placeholders are {}",
            all_names()
        ),
    }
}

fn all_names() -> String {
    let names: Vec<String> = NAMES.iter().map(|name| format!("`{{{name}}}`")).collect();
    names.join(" ")
}

/// git itself abbreviates to no fewer than 4 digits.
fn sha_length(argument: Option<&str>) -> Result<usize, String> {
    match argument {
        None => Ok(7),
        Some("full") => Ok(40),
        Some(text) => text
            .parse()
            .ok()
            .filter(|length| (4..=40).contains(length) && !text.starts_with('+'))
            .ok_or_else(|| {
                format!("`{{sha:{text}}}` needs a length from 4 to 40, or the word `full`")
            }),
    }
}

fn date_format(argument: Option<&str>) -> Result<Option<DateFormat>, String> {
    argument.map(str::parse).transpose()
}

/// A strftime format with known specifiers only. Whether its text can stand in a tag is another
/// question: the date of a label may hold a `:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DateFormat(String);

impl DateFormat {
    /// The format as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DateFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || StrftimeItems::new(text).parse().is_err() {
            return Err(format!("`{text}` is not a valid strftime format of a date"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_value!(DateFormat: r"^[\s\S]+$");
