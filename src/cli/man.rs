//! `hoist man`: the manual, made from the definition of the command line. One page for hoist and one for
//! each verb.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{context::Context, exit, help};
use crate::error::{Error, Result};

/// Print a page of the manual as roff, or write all pages
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The page of this verb [default: that of hoist]
    #[arg(value_name = "VERB")]
    verb: Option<String>,
    /// Write all pages into this folder: hoist.1, hoist-release.1, …
    #[arg(short, long, value_name = "DIR", conflicts_with = "verb")]
    output: Option<PathBuf>,
}

/// What the program reads from its environment.
const ENVIRONMENT: [(&str, &str); 9] = [
    (
        "HOIST_REGISTRY_USERNAME_<HOST>, HOIST_REGISTRY_PASSWORD_<HOST>",
        "Credentials for one registry; in HOST every character that is not a letter or a digit is `_`.",
    ),
    (
        "HOIST_REGISTRY_USERNAME, HOIST_REGISTRY_PASSWORD, HOIST_REGISTRY_HOST",
        "Credentials for the host that the third one names; without it for the policy's only registry, and only in what publishes.",
    ),
    (
        "DOCKER_CONFIG, REGISTRY_AUTH_FILE",
        "Where the credentials of `docker login` and `podman login` are.",
    ),
    ("DOCKER_HOST, DOCKER_CONTEXT", "The engine that builds."),
    (
        "BUILDKIT_HOST",
        "A BuildKit daemon that builds, where no engine is named.",
    ),
    (
        "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy for requests to registries.",
    ),
    ("SOURCE_DATE_EPOCH", "The time that an image is made with."),
    (
        "GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, HOIST_DOTENV",
        "Files that a CI service reads: outputs, summary, variables.",
    ),
    ("NO_COLOR", "Colours are not used."),
];

/// What the program reads and writes on disk.
const FILES: [(&str, &str); 4] = [
    (
        "release.toml",
        "The policy: the nearest one, here or further up.",
    ),
    (
        ".git/hoist/journal/",
        "The journals of this clone's releases.",
    ),
    (".git/hoist/logs/", "What builders have printed."),
    (
        "~/.docker/config.json, ~/.config/containers/auth.json",
        "Credentials for registries.",
    ),
];

pub(super) fn run(args: ManArgs, context: &Context) -> Result<ExitCode> {
    let mut command = (context.command_line)();
    command.build();
    if let Some(folder) = &args.output {
        write_all(&command, &context.path(folder))?;
        return Ok(ExitCode::from(exit::OK));
    }
    let page = match &args.verb {
        None => page(&command)?,
        Some(verb) => {
            let found = command.find_subcommand(verb).ok_or_else(|| {
                Error::usage(format!("`{verb}` is not a verb of hoist"))
                    .hint("`hoist --help` lists the verbs")
            })?;
            page(found)?
        }
    };
    context.terminal.bytes(&page);
    Ok(ExitCode::from(exit::OK))
}

fn write_all(command: &Command, folder: &PathBuf) -> Result<()> {
    let failed = |what: &std::path::Path, error: &std::io::Error| {
        Error::failed(format!("cannot write `{}`", what.display())).because(error)
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for one in std::iter::once(command).chain(verbs_of(command)) {
        let path = folder.join(format!("{}.1", name(one)));
        fs::write(&path, page(one)?).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// `help` is not a verb of its own.
fn verbs_of(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
}

/// `hoist`, or `hoist-release`.
fn name(command: &Command) -> String {
    match command.get_name() {
        "hoist" => "hoist".to_owned(),
        verb => format!("hoist-{verb}"),
    }
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::failed("cannot write the manual").because(&error);
    let mut text = Vec::new();
    let man = Man::new(command.clone())
        .title(name(command))
        .source(concat!("hoist ", env!("CARGO_PKG_VERSION")))
        .manual("hoist");
    man.render_title(&mut text).map_err(failed)?;
    man.render_name_section(&mut text).map_err(failed)?;
    synopsis(command).to_writer(&mut text).map_err(failed)?;
    man.render_description_section(&mut text).map_err(failed)?;
    if command.get_subcommands().next().is_some() {
        verbs(command).to_writer(&mut text).map_err(failed)?;
    }
    man.render_options_section(&mut text).map_err(failed)?;
    let rest = [
        exit_status(),
        entries("ENVIRONMENT", &ENVIRONMENT),
        entries("FILES", &FILES),
        examples(command),
        see_also(command),
    ];
    for section in rest {
        section.to_writer(&mut text).map_err(failed)?;
    }
    Ok(with_one_preamble(&text))
}

/// Every section comes with the same definitions; one page needs them once.
fn with_one_preamble(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let is_definition = |line: &str| line.starts_with(".ie \\n(.g") || line.starts_with(".el .ds");
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(place, line)| *place < 2 || !is_definition(line));
    let mut page: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    page.truncate(page.trim_end().len());
    page.push('\n');
    page.into_bytes()
}

fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in usage.lines() {
        roff.text([bold(line.trim())]).control("br", []);
    }
    roff
}

fn verbs(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for verb in verbs_of(command) {
        let about = verb.get_about().map(ToString::to_string);
        roff.control("TP", [])
            .text([bold(format!("{}(1)", name(verb)))])
            .text([roman(about.unwrap_or_default())]);
    }
    roff
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit::MEANINGS {
        roff.control("TP", [])
            .text([bold(code.to_string())])
            .text([roman(meaning)]);
    }
    roff
}

fn entries(heading: &str, entries: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (name, what) in entries {
        roff.control("TP", [])
            .text([bold(*name)])
            .text([roman(*what)]);
    }
    roff
}

fn examples(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    let shown = match help::examples(command.get_name()) {
        [] => help::examples("release"),
        shown => shown,
    };
    for (line, what) in shown {
        roff.control("TP", [])
            .text([bold(*line)])
            .text([roman(*what)]);
    }
    roff
}

fn see_also(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let pages = match command.get_name() {
        "hoist" => "git(1), docker(1)",
        _ => "hoist(1)",
    };
    roff.control("SH", ["SEE ALSO"]).text([roman(pages)]);
    roff
}

#[cfg(test)]
mod tests {
    use crate::cli::{command_line_definition, man::*};

    #[test]
    fn every_page_has_every_section() {
        let mut command = command_line_definition();
        command.build();
        let mut pages = 0;
        for one in std::iter::once(&command).chain(verbs_of(&command)) {
            let text = String::from_utf8(page(one).expect("a page")).expect("text");
            for section in [
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "\"GLOBAL OPTIONS\"",
                "\"EXIT STATUS\"",
                "ENVIRONMENT",
                "FILES",
                "EXAMPLES",
                "\"SEE ALSO\"",
            ] {
                let heading = format!(".SH {section}\n");
                assert!(
                    text.contains(&heading),
                    "{section} in {}:\n{text}",
                    name(one)
                );
            }
            assert!(!text.contains("\u{1b}"), "{text}");
            pages += 1;
        }
        assert!(pages > 20, "{pages}");
    }
}
