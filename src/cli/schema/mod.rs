//! `hoist schema`: the JSON Schemas of what people write for hoist and of what hoist prints.
//!
//! The schemas are files of the repository, made from the types by a test, so that the program needs
//! nothing to make them with.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod made;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod reference;

use std::process::ExitCode;

use clap::ValueEnum;

use super::{context::Context, exit};
use crate::error::Result;

/// Print the JSON Schema of `release.toml`, or of what verbs print with `--json`
#[derive(Debug, clap::Args)]
pub(super) struct SchemaArgs {
    /// What the schema describes
    #[arg(value_enum, default_value = "policy")]
    of: SchemaSubject,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaSubject {
    /// `release.toml`
    Policy,
    /// The document of `hoist plan --json`
    Plan,
    /// The document of `hoist log --json`
    Log,
    /// The document of `hoist next --json`
    Next,
    /// The document of `hoist tags --json`
    Tags,
    /// The document of `hoist changelog --json`
    Changelog,
    /// The document of `hoist check --json`
    Check,
    /// The document of `hoist verify --json`
    Verify,
    /// The document of `hoist status --json`
    Status,
    /// The document of `hoist inspect --json`
    Inspect,
    /// The document of `hoist init --json`
    Init,
    /// The document of `hoist build --json`
    Build,
    /// The document of `hoist unlock --json`
    Unlock,
    /// What `--report FILE.json` writes
    Report,
    /// A line of `release`, `promote`, `resume`, `rollback` or `repair` with `--json`
    Lines,
    /// A leg, as `hoist build` prints it with `--stage` and writes it into a layout
    Leg,
}

impl SchemaSubject {
    fn text(self) -> &'static str {
        match self {
            Self::Policy => include_str!("../../../schema/release.json"),
            Self::Plan => include_str!("../../../schema/plan.json"),
            Self::Log => include_str!("../../../schema/log.json"),
            Self::Next => include_str!("../../../schema/next.json"),
            Self::Tags => include_str!("../../../schema/tags.json"),
            Self::Changelog => include_str!("../../../schema/changelog.json"),
            Self::Check => include_str!("../../../schema/check.json"),
            Self::Verify => include_str!("../../../schema/verify.json"),
            Self::Status => include_str!("../../../schema/status.json"),
            Self::Inspect => include_str!("../../../schema/inspect.json"),
            Self::Init => include_str!("../../../schema/init.json"),
            Self::Build => include_str!("../../../schema/build.json"),
            Self::Unlock => include_str!("../../../schema/unlock.json"),
            Self::Report => include_str!("../../../schema/report.json"),
            Self::Lines => include_str!("../../../schema/lines.json"),
            Self::Leg => include_str!("../../../schema/leg.json"),
        }
    }
}

pub(super) fn run(args: SchemaArgs, context: &Context) -> Result<ExitCode> {
    context.terminal.bytes(args.of.text().as_bytes());
    Ok(ExitCode::from(exit::OK))
}
