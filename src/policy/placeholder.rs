//! What can stand between the braces of a template.

use std::fmt::Write as _;

use chrono::{DateTime, Utc, format::StrftimeItems};
use semver::Version;

/// Everything that a placeholder can stand for, in one release.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The version.
    pub version: &'a Version,
    /// `{channel}`: the label of a pre-release that counts (`rc` of `1.0.0-rc.2`).
    pub channel: Option<&'a str>,
    /// The commit, 40 hex digits.
    pub commit: &'a str,
    /// When the commit was made.
    pub commit_time: DateTime<Utc>,
    /// The release's one instant.
    pub instant: DateTime<Utc>,
    /// The branch as git names it.
    pub branch: Option<&'a str>,
    /// strftime format of dates that bring none.
    pub date: &'a str,
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
    /// Its own format, where it has one.
    Date(Option<String>),
    CommitDate(Option<String>),
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
            "date" => check_format(argument).map(Self::Date),
            "commit_date" => check_format(argument).map(Self::CommitDate),
            _ => Err(unknown(name)),
        }
    }

    /// As it is written, without an argument.
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

    /// The value as it is; `None` where this release has none.
    pub(crate) fn render(&self, values: &Values<'_>) -> Option<String> {
        let version = values.version;
        let date = |own: &Option<String>, time: DateTime<Utc>| {
            let mut out = String::new();
            let format = own.as_deref().unwrap_or(values.date);
            write!(out, "{}", time.format(format)).ok().map(|()| out)
        };
        match self {
            Self::Version => Some(version.to_string()),
            Self::Major => Some(version.major.to_string()),
            Self::Minor => Some(version.minor.to_string()),
            Self::Patch => Some(version.patch.to_string()),
            Self::Prerelease => Some(version.pre.to_string()).filter(|text| !text.is_empty()),
            Self::Channel => values.channel.map(str::to_owned),
            Self::Sha(length) => values.commit.get(..*length).map(str::to_owned),
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
        Some(near) => format!("there is no `{{{name}}}`; did you mean `{{{near}}}`?"),
        None => format!("there is no `{{{name}}}`; there are {}", all_names()),
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

/// Checks a strftime format: known specifiers only, and one that can stand in a tag is the
/// policy's matter, not this one's (a label's date may hold a `:`).
pub(crate) fn check_format(format: Option<&str>) -> Result<Option<String>, String> {
    let Some(format) = format else {
        return Ok(None);
    };
    if format.is_empty() || StrftimeItems::new(format).parse().is_err() {
        return Err(format!("`{format}` is no strftime format of a date"));
    }
    Ok(Some(format.to_owned()))
}
