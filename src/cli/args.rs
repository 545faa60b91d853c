//! Flags that several verbs share, and what they stand for.

use std::path::{Path, PathBuf};

use clap::{
    ValueEnum, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{
    candidates::{images, labels},
    help::GLOBAL,
};
use crate::{
    error::{Error, Result},
    oci,
    policy::Level,
    project::{Location, VersionRequest, parse_version},
};

/// Flags of every verb.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Global {
    /// Run as if started in DIR: relative paths in other arguments start there
    #[arg(short = 'C', value_name = "DIR", global = true, help_heading = GLOBAL, value_hint = ValueHint::DirPath)]
    pub(super) directory: Option<PathBuf>,
    /// The policy file [default: the nearest release.toml, here or further up]
    #[arg(long, value_name = "FILE", global = true, help_heading = GLOBAL)]
    pub(super) config: Option<PathBuf>,
    /// The repository to release to, instead of those in the policy file
    #[arg(long, value_name = "REPOSITORY", global = true, help_heading = GLOBAL, add = images())]
    pub(super) image: Vec<String>,
    /// Print one JSON document, or JSON lines
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(super) json: bool,
    /// Write no outputs, summary and annotations for the CI service
    #[arg(long, global = true, help_heading = GLOBAL, hide_short_help = true)]
    pub(super) no_ci: bool,
    /// Write what happened when into FILE, for a viewer of Chrome traces
    #[arg(long, value_name = "FILE", global = true, help_heading = GLOBAL, hide_short_help = true)]
    pub(super) trace: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = GLOBAL)]
    pub(super) color: Color,
    /// Print help; with `--help` more of it
    #[arg(short = 'h', long, action = clap::ArgAction::Help, global = true, help_heading = GLOBAL)]
    pub(super) help: Option<bool>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Global {
    /// A path of the command line. As with `git -C`, a relative one starts from the directory of `-C`.
    pub(super) fn path(&self, given: &Path) -> PathBuf {
        match &self.directory {
            Some(directory) => directory.join(given),
            None => given.to_owned(),
        }
    }

    /// Refuses what says nothing to a verb that prints `text`, whatever the project.
    ///
    /// # Errors
    /// Usage (exit 2), naming the flag.
    pub(super) fn refuse_for(&self, text: &str) -> Result<()> {
        let flags = [
            (self.json, "--json"),
            (self.config.is_some(), "--config"),
            (!self.image.is_empty(), "--image"),
        ];
        match flags.into_iter().find(|(given, _)| *given) {
            Some((_, flag)) => Err(Error::usage(format!(
                "`{flag}` does not go with a verb that prints {text}"
            ))),
            None => Ok(()),
        }
    }

    /// The repository and the policy file that the flags name.
    ///
    /// # Errors
    /// Usage (exit 2) for a name that is not a valid repository.
    pub(super) fn location(&self) -> Result<Location> {
        let parse = |name: &String| {
            name.parse::<oci::Repository>().map_err(|error| {
                Error::usage(format!("`--image {name}` is not a valid repository")).because(&error)
            })
        };
        let images = self.image.iter().map(parse).collect::<Result<Vec<_>>>()?;
        for (at, place) in images.iter().enumerate() {
            let mut before = images[..at].iter();
            if let Some(other) = before.find(|it| *it != place && it.is_same_place(place)) {
                return Err(Error::usage(format!(
                    "`--image {other}` and `--image {place}` are one repository"
                ))
                .state("nothing was built or moved")
                .hint(format!("leave `--image {place}` out")));
            }
        }
        Ok(Location {
            directory: self.directory.clone().unwrap_or_else(|| ".".into()),
            config: self.config.clone(),
            images,
        })
    }
}

/// What replaces the history's answer; the same for `next`, `tags`, `plan`, `release` and
/// `changelog`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Overrides {
    /// Take this level, whatever the commits say
    #[arg(long, value_name = "LEVEL", value_parser = levels())]
    bump: Option<Level>,
    /// Take this version
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true, conflicts_with_all = ["bump", "pre"])]
    version: Option<String>,
    /// Make it a pre-release with this label, e.g. `rc`
    #[arg(long, value_name = "LABEL", add = labels())]
    pre: Option<String>,
    /// Answer for this branch
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

impl Overrides {
    /// The request. One version cannot be that of several images (`all`), which are independent of
    /// each other.
    ///
    /// # Errors
    /// Usage (exit 2) for `--version` with `--all`.
    pub(super) fn request(self, all: bool) -> Result<VersionRequest> {
        match &self.version {
            Some(version) if all => Err(Error::usage(format!(
                "`--version {version}` is one image's, and `--all` means several"
            ))
            .state("nothing was built or moved")
            .hint(format!(
                "name the image: `hoist --config FILE release --version {version}`"
            ))),
            // A text that is not a version is refused before anything is asked.
            Some(version) => parse_version(version).map(drop),
            None => Ok(()),
        }?;
        Ok(VersionRequest {
            bump: self.bump,
            version: self.version,
            pre: self.pre,
            branch: self.branch,
        })
    }
}

fn levels() -> impl TypedValueParser<Value = Level> {
    let names = [Level::Major, Level::Minor, Level::Patch].map(Level::as_str);
    PossibleValuesParser::new(names).map(|name| match &*name {
        "major" => Level::Major,
        "minor" => Level::Minor,
        _ => Level::Patch,
    })
}
