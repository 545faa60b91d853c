//! `hoist completions SHELL`: made from the definition of the command line.

use std::process::ExitCode;

use super::{context::Context, exit};
use crate::error::Result;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh
    shell: clap_complete::Shell,
}

pub(super) fn run(args: CompletionsArgs, context: &Context) -> Result<ExitCode> {
    let mut text = Vec::new();
    let mut command = (context.command_line)();
    clap_complete::generate(args.shell, &mut command, "hoist", &mut text);
    context.terminal.bytes(&text);
    Ok(ExitCode::from(exit::OK))
}
