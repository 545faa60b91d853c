//! `hoist man`: made from the definition of the command line.

use std::process::ExitCode;

use clap::Command;

use super::{context::Context, exit};
use crate::error::{Error, Result};

/// Print the manual as roff
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {}

/// The manual: hoist itself, then each verb.
pub(super) fn run(_: ManArgs, context: &Context) -> Result<ExitCode> {
    let mut command = (context.command_line)();
    command.build();
    let mut text = Vec::new();
    page(&command, &mut text)?;
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        page(verb, &mut text)?;
    }
    context.terminal.bytes(&text);
    Ok(ExitCode::from(exit::OK))
}

fn page(command: &Command, text: &mut Vec<u8>) -> Result<()> {
    clap_mangen::Man::new(command.clone())
        .render(text)
        .map_err(|error| Error::failed("cannot write the manual").because(&error))
}
