//! The command line: one verb a file. The only place that prints, colours and decides exit codes.

mod exit;
mod init;
mod next;
mod progress;
mod render;
mod signal;
mod tags;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

use crate::error::Result;

pub use render::Terminal;

/// Cut a release of a container image: next version from git, one build, every tag or none.
#[derive(Debug, Parser)]
#[command(
    name = "hoist",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every verb.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// The policy file [default: release.toml beside .git]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The repository to release to; stands in for the file
    #[arg(long, value_name = "REPOSITORY", global = true)]
    pub image: Vec<String>,
    /// Print one JSON document, or JSON lines
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colour
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented `release.toml` from what the repository holds
    Init,
    Next(next::Arguments),
    Tags(tags::Arguments),
}

/// Parses the process's arguments, runs the verb, prints what came of it.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::from_clap(&error),
    };
    let terminal = Terminal::new(&cli.global);
    match run(cli, &terminal) {
        Ok(code) => code,
        Err(error) => {
            terminal.error(&error);
            exit::code(error.kind)
        }
    }
}

fn run(cli: Cli, terminal: &Terminal) -> Result<ExitCode> {
    match cli.command {
        Command::Init => init::run(&cli.global, terminal),
        Command::Next(arguments) => next::run(&cli.global, arguments, terminal),
        Command::Tags(arguments) => tags::run(&cli.global, arguments, terminal),
    }
}
