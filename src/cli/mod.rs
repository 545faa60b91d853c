//! The command line: one verb a file. The only place that prints, colours and decides exit codes.

mod all;
mod changelog;
mod check;
pub(crate) mod exit;
mod init;
mod inspect;
mod log;
mod next;
mod outcome;
mod plan;
mod progress;
mod promote;
mod recover;
mod release;
mod render;
mod repair;
mod shell;
mod signal;
mod status;
mod tags;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    error::Result,
    event::Events,
    io::environment::Environment,
    project::{Project, ProjectSet},
    release::{
        Cancel,
        blocking::{Release, ReleaseSet},
    },
};

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
    Init(init::InitArgs),
    Next(next::Arguments),
    Changelog(changelog::Arguments),
    Check(check::Arguments),
    Tags(tags::Arguments),
    Plan(plan::Args),
    Release(release::Args),
    Promote(promote::Args),
    Verify(verify::Args),
    Status(status::Args),
    Resume(recover::ResumeArgs),
    Rollback(recover::RollbackArgs),
    Repair(repair::Args),
    Log(log::Args),
    Completions(shell::Completions),
    /// Print the manual as roff
    Man,
    Inspect(inspect::Args),
}

impl Command {
    /// Prints JSON lines, the last one an outcome, errors included.
    fn is_stream(&self) -> bool {
        matches!(
            self,
            Self::Release(_)
                | Self::Promote(_)
                | Self::Resume(_)
                | Self::Rollback(_)
                | Self::Repair(_)
        )
    }
}

/// What every verb gets.
pub(crate) struct Context {
    pub(crate) terminal: Terminal,
    pub(crate) global: Global,
}

impl Context {
    /// The directory that relative paths on the command line start from.
    pub(crate) fn directory(&self) -> &Path {
        self.global.directory.as_deref().unwrap_or(Path::new("."))
    }

    /// The repository and its policy, as the global flags name them.
    pub(crate) fn open(&self) -> Result<Release> {
        Release::new(self.project()?, Events::none(), &Cancel::new())
    }

    /// The same, with progress shown and signals watched.
    pub(crate) fn open_for_work(&self) -> Result<Release> {
        let project = self.project()?;
        let cancel = Cancel::new();
        signal::watch(cancel.clone())?;
        let events = progress::Screen::new(&self.terminal).events(None);
        Release::new(project, events, &cancel)
    }

    /// The project that the global flags name.
    pub(crate) fn project(&self) -> Result<Project> {
        Project::open(&next::place(&self.global)?, &Environment::from_process())
    }

    /// With `all` the projects of every policy file, else the one that the global flags name.
    pub(crate) fn projects(&self, all: bool) -> Result<ProjectSet> {
        let (location, environment) = (next::place(&self.global)?, Environment::from_process());
        let projects = match all {
            true => ProjectSet::all(&location, &environment)?,
            false => ProjectSet::one(&location, &environment)?,
        };
        all::tell_passed_over(projects.passed_over(), &self.terminal);
        Ok(projects)
    }

    /// The images' releases, for a verb that only looks.
    pub(crate) fn open_set(&self, all: bool) -> Result<ReleaseSet> {
        ReleaseSet::new(self.projects(all)?, &Cancel::new(), |_| Events::none())
    }

    /// The same with progress shown and signals watched.
    pub(crate) fn open_set_for_work(&self, all: bool) -> Result<ReleaseSet> {
        let projects = self.projects(all)?;
        let cancel = Cancel::new();
        signal::watch(cancel.clone())?;
        let screen = progress::Screen::new(&self.terminal);
        ReleaseSet::new(projects, &cancel, |label| screen.events(label))
    }
}

/// Parses the process's arguments, runs the verb, prints what came of it.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::from_clap(&error),
    };
    let stream = cli.command.is_stream();
    let context = Context {
        terminal: Terminal::new(&cli.global),
        global: cli.global,
    };
    match run(cli.command, &context) {
        Ok(code) => code,
        Err(error) => {
            if context.terminal.json && stream {
                context.terminal.json(&outcome::failed(&error));
            }
            context.terminal.error(&error);
            exit::code(error.kind)
        }
    }
}

fn run(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Next(args) => next::run(args, context),
        Command::Changelog(args) => changelog::run(args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Tags(args) => tags::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Release(args) => release::run(args, context),
        Command::Promote(args) => promote::run(&args, context),
        Command::Verify(args) => verify::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Resume(args) => recover::resume(args, context),
        Command::Rollback(args) => recover::rollback(args, context),
        Command::Repair(args) => repair::run(&args, context),
        Command::Log(args) => log::run(&args, context),
        Command::Completions(args) => shell::completions(&args),
        Command::Man => shell::man(),
        Command::Inspect(args) => inspect::run(args, context),
    }
}
