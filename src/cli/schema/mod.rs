//! `hoist schema`: the JSON Schemas of what people write for hoist and of what hoist prints.
//!
//! The schemas are files of the repository, made from the types by a test, so that the program needs
//! nothing to make them with.

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
            Self::Lines => include_str!("../../../schema/lines.json"),
            Self::Leg => include_str!("../../../schema/leg.json"),
        }
    }
}

pub(super) fn run(args: SchemaArgs, context: &Context) -> Result<ExitCode> {
    context.terminal.bytes(args.of.text().as_bytes());
    Ok(ExitCode::from(exit::OK))
}
