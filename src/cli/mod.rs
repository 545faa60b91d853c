//! The command line: one verb a file. The only place that prints, colours and decides exit codes.
//!
//! A verb's file holds its flags (`XArgs`) and `run`: flags in, one call of the facade, words out.
//! Most verbs work on a list of images, `images::Images`; one image is a list of one. What verbs
//! share stands in files below them, so a new verb is a file, and a line in each of four places
//! here: `Command`, `Command::output`, `Command::text` and `Command::run`. The compiler asks for all of them.

mod args;
mod build;
mod candidates;
mod changelog;
mod check;
mod ci;
mod command_line;
mod completions;
mod context;
mod ending;
mod exit;
mod help;
mod images;
mod init;
mod inspect;
mod inspect_text;
mod line;
mod live;
mod locked_release;
mod log;
mod man;
mod markdown;
mod next;
mod next_steps;
mod nothing;
mod outcome;
mod plan;
mod plan_file;
mod policy_file;
mod progress;
mod promote;
mod question;
mod recorder;
mod recovery_args;
mod release;
mod render;
mod repair;
mod report;
mod resume;
mod rollback;
mod schema;
mod signal;
mod standpoint;
mod status;
mod step_text;
mod table;
mod tags;
mod trace;
mod unlock;
mod usage;
mod verify;
mod verify_document;
mod wait_text;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::{
    args::Global,
    ci::{RunEnd, RunReport},
    command_line::TypedLine,
    context::Context,
    policy_file::PolicyFile,
    recorder::Recorder,
    render::Terminal,
    signal::Patience,
};
use crate::{error::Result, release::Cancel};

/// Where passwords come from, and where they go.
const CREDENTIALS: &str = "\
Credentials: HOIST_REGISTRY_USERNAME_<HOST> and HOIST_REGISTRY_PASSWORD_<HOST>, then what \
`docker login` and `podman login` keep. HOIST_REGISTRY_USERNAME and HOIST_REGISTRY_PASSWORD are for \
the host in HOIST_REGISTRY_HOST; without it they are for the policy's only registry, and only in \
what publishes.";

/// Cut a release of a container image: next version from git, one build, every tag or none.
#[derive(Debug, Parser)]
#[command(
    name = "hoist",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    max_term_width = 100,
    after_long_help = CREDENTIALS
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    /// Print the version of hoist
    #[arg(short = 'V', long, action = clap::ArgAction::Version, help_heading = help::GLOBAL)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Next(next::NextArgs),
    Changelog(changelog::ChangelogArgs),
    Check(check::CheckArgs),
    Tags(tags::TagsArgs),
    Plan(plan::PlanArgs),
    Build(build::BuildArgs),
    Release(release::ReleaseArgs),
    Promote(promote::PromoteArgs),
    Verify(verify::VerifyArgs),
    Status(status::StatusArgs),
    Resume(resume::ResumeArgs),
    Rollback(rollback::RollbackArgs),
    Repair(repair::RepairArgs),
    Unlock(unlock::UnlockArgs),
    Log(log::LogArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Schema(schema::SchemaArgs),
    Inspect(inspect::InspectArgs),
}

/// What a verb prints with `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// One document, or the error in its place. Such a verb moves nothing.
    Document,
    /// The same of a verb that works for a while: it moves nothing, and has something to clear away.
    Work,
    /// Lines, the last one an outcome, errors included. Such a verb can move tags.
    Lines,
}

impl Output {
    /// What a signal leaves to a verb with this output.
    fn patience(self) -> Patience {
        match self {
            Self::Document => Patience::Moment,
            Self::Work | Self::Lines => Patience::UntilSecond,
        }
    }
}

impl Command {
    fn output(&self) -> Output {
        match self {
            Self::Build(_) => Output::Work,
            Self::Release(_)
            | Self::Promote(_)
            | Self::Resume(_)
            | Self::Rollback(_)
            | Self::Repair(_) => Output::Lines,
            Self::Init(_)
            | Self::Next(_)
            | Self::Changelog(_)
            | Self::Check(_)
            | Self::Tags(_)
            | Self::Plan(_)
            | Self::Verify(_)
            | Self::Status(_)
            | Self::Unlock(_)
            | Self::Log(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Schema(_)
            | Self::Inspect(_) => Output::Document,
        }
    }

    /// What it prints, where that is a text that is the same for every project.
    fn text(&self) -> Option<&'static str> {
        match self {
            Self::Completions(_) => Some("a script for a shell"),
            Self::Man(_) => Some("a page of the manual"),
            Self::Schema(_) => Some("a schema"),
            Self::Init(_)
            | Self::Next(_)
            | Self::Changelog(_)
            | Self::Check(_)
            | Self::Tags(_)
            | Self::Plan(_)
            | Self::Build(_)
            | Self::Release(_)
            | Self::Promote(_)
            | Self::Verify(_)
            | Self::Status(_)
            | Self::Resume(_)
            | Self::Rollback(_)
            | Self::Repair(_)
            | Self::Unlock(_)
            | Self::Log(_)
            | Self::Inspect(_) => None,
        }
    }

    fn run(self, context: &Context) -> Result<ExitCode> {
        if let Some(text) = self.text() {
            context.global.refuse_for(text)?;
        }
        match self {
            Self::Init(args) => init::run(args, context),
            Self::Next(args) => next::run(args, context),
            Self::Changelog(args) => changelog::run(args, context),
            Self::Check(args) => check::run(args, context),
            Self::Tags(args) => tags::run(args, context),
            Self::Plan(args) => plan::run(args, context),
            Self::Build(args) => build::run(args, context),
            Self::Release(args) => release::run(args, context),
            Self::Promote(args) => promote::run(args, context),
            Self::Verify(args) => verify::run(args, context),
            Self::Status(args) => status::run(args, context),
            Self::Resume(args) => resume::run(args, context),
            Self::Rollback(args) => rollback::run(args, context),
            Self::Repair(args) => repair::run(args, context),
            Self::Unlock(args) => unlock::run(args, context),
            Self::Log(args) => log::run(args, context),
            Self::Completions(args) => completions::run(args, context),
            Self::Man(args) => man::run(args, context),
            Self::Schema(args) => schema::run(args, context),
            Self::Inspect(args) => inspect::run(args, context),
        }
    }
}

/// Parses the process's arguments, runs the verb, prints what came of it.
pub fn main() -> ExitCode {
    completions::answer_shell(command_line_definition);
    let typed = TypedLine::read(std::env::args_os().skip(1));
    let cli = match parse(&typed) {
        Ok(cli) => cli,
        Err(error) => return usage::tell(error, &typed, command_line_definition),
    };
    let trace = cli
        .global
        .trace
        .as_deref()
        .map(|file| cli.global.path(file));
    let trace = trace.as_deref().map(trace::begin).transpose();
    let (_trace, traced) = match trace {
        Ok(trace) => (trace, Ok(())),
        Err(error) => (None, Err(error)),
    };
    let output = cli.command.output();
    let context = Context {
        terminal: Terminal::new(&cli.global),
        global: cli.global,
        cancel: Cancel::new(),
        recorder: Recorder::new(),
        command_line: command_line_definition,
    };
    let watched = traced.and_then(|()| {
        signal::watch(
            context.cancel.clone(),
            output.patience(),
            context.terminal.clone(),
        )
    });
    match watched.and_then(|()| cli.command.run(&context)) {
        Ok(code) => code,
        Err(error) => {
            let terminal = &context.terminal;
            let error = terminal.with_whole_commands(error);
            let lines = output == Output::Lines;
            // A document that was printed already is the only one.
            if terminal.json && (lines || !terminal.has_printed_json()) {
                terminal.json(&outcome::error_document(&error, lines));
            }
            if lines {
                let end = RunEnd::Failed(&error);
                terminal.report(&[RunReport::new(PolicyFile::new(None), end)]);
            }
            terminal.error(&error);
            exit::code(&error)
        }
    }
}

/// The whole command line, with its help.
fn command_line_definition() -> clap::Command {
    help::with_help(Cli::command())
}

fn parse(typed: &TypedLine) -> Result<Cli, clap::Error> {
    let color = match typed.color.as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    };
    let matches = command_line_definition().color(color).try_get_matches()?;
    Cli::from_arg_matches(&matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command_line_definition().debug_assert();
    }

    #[test]
    fn the_form_of_each_verb_is_known_from_its_name() {
        let mut seen = 0;
        for verb in Cli::command().get_subcommands() {
            let name = verb.get_name();
            let arguments = [
                &["hoist", name][..],
                &["hoist", name, "1.0.0"],
                &["hoist", name, "bash"],
            ];
            let parsed = arguments
                .into_iter()
                .find_map(|line| Cli::try_parse_from(line).ok());
            let Some(cli) = parsed else { continue };
            let is_lines = cli.command.output() == Output::Lines;
            assert_eq!(is_lines, command_line::LINES.contains(&name), "{name}");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }
}
