//! `hoist completions SHELL` and `hoist man`: made from the command line's own definition.

use std::{io::Write, process::ExitCode};

use clap::{Command, CommandFactory};

use super::{Cli, exit};
use crate::error::{Error, Result};

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: clap_complete::Shell,
}

pub(super) fn completions(args: &Completions) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hoist", &mut text);
    print(&text)
}

/// The manual: hoist itself, then each verb.
pub(super) fn man() -> Result<ExitCode> {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    page(&command, &mut text)?;
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        page(verb, &mut text)?;
    }
    print(&text)
}

fn page(command: &Command, text: &mut Vec<u8>) -> Result<()> {
    clap_mangen::Man::new(command.clone())
        .render(text)
        .map_err(|error| Error::failed("cannot write the manual").because(&error))
}

/// A reader that went away ends the output, not the run.
fn print(text: &[u8]) -> Result<ExitCode> {
    let _ = std::io::stdout().write_all(text);
    Ok(ExitCode::from(exit::OK))
}
