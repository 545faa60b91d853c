//! `hoist completions SHELL`: a script that asks this program what can follow, so that versions and
//! images of the repository at hand are offered, too.

use std::process::ExitCode;

use clap::{Command, ValueEnum};
use clap_complete::env::{CompleteEnv, Shells};

use super::{context::Context, exit};
use crate::error::{Error, Result};

/// The variable by which a shell's script says that it wants candidates.
const VARIABLE: &str = "COMPLETE";

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that the script is for
    shell: CompletionShell,
}

/// The shells that can ask for candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompletionShell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// The script for bash: that of the library does not put words together that readline parts at `=` and `:`.
const BASH: &str = include_str!("completions.bash");

pub(super) fn run(args: CompletionsArgs, context: &Context) -> Result<ExitCode> {
    if args.shell == CompletionShell::Bash {
        context.terminal.bytes(BASH.as_bytes());
        return Ok(ExitCode::from(exit::OK));
    }
    let shell = args.shell.to_possible_value().expect("no shell is hidden");
    let shells = Shells::builtins();
    let script = shells
        .completer(shell.get_name())
        .expect("every shell is built in");
    let mut text = Vec::new();
    script
        .write_registration(VARIABLE, "hoist", "hoist", "hoist", &mut text)
        .map_err(|error| Error::failed("cannot write the completions").because(&error))?;
    context.terminal.bytes(&text);
    Ok(ExitCode::from(exit::OK))
}

/// Answers a shell that asks for candidates, and ends the process then.
pub(super) fn answer_shell(definition: fn() -> Command) {
    if std::env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(definition)
            .var(VARIABLE)
            .complete();
    }
}
