//! The help: verbs in groups, the flags of a verb before those of every verb, examples.

use anstyle::{AnsiColor, Style};
use clap::{Command, builder::Styles};
use console::Term;

use super::{
    live,
    table::{self, TableCell},
};

const HEADER: Style = AnsiColor::Green.on_default().bold();
const LITERAL: Style = AnsiColor::Cyan.on_default().bold();

/// The widest help.
const WIDEST: usize = 100;

/// The heading of the flags that every verb has.
pub(super) const GLOBAL: &str = "Global options";

/// Verbs by what they are for.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Look",
        &[
            "next",
            "tags",
            "plan",
            "changelog",
            "check",
            "verify",
            "status",
            "log",
            "inspect",
        ],
    ),
    ("Release", &["init", "build", "release", "promote"]),
    ("Mend", &["resume", "rollback", "repair", "unlock"]),
];

/// Verbs that are for the installation; they are named without a sentence.
const MORE: [&str; 3] = ["completions", "man", "schema"];

/// What a verb is called with, and what for: two examples each.
pub(super) const EXAMPLES: [(&str, [(&str, &str); 2]); 20] = [
    (
        "init",
        [
            (
                "hoist init",
                "write release.toml from what the repository holds",
            ),
            (
                "hoist init --image docker.io/acme/api",
                "and say where the image goes",
            ),
        ],
    ),
    (
        "next",
        [
            ("hoist next", "the next version alone"),
            ("hoist next --explain", "and why it is that one"),
        ],
    ),
    (
        "tags",
        [
            (
                "hoist tags --format refs",
                "full references, for another builder",
            ),
            ("hoist tags 1.2.3", "the tags of a version"),
        ],
    ),
    (
        "plan",
        [
            ("hoist plan", "what a release would do"),
            (
                "hoist plan --json > plan.json",
                "a plan for `hoist release --plan plan.json`",
            ),
        ],
    ),
    (
        "changelog",
        [
            ("hoist changelog", "notes of what is not released yet"),
            ("hoist changelog 1.2.3", "notes of a release"),
        ],
    ),
    (
        "check",
        [
            ("hoist check", "everything that could stop a release"),
            (
                "hoist check --commits origin/main..HEAD",
                "commit messages alone",
            ),
        ],
    ),
    (
        "build",
        [
            ("hoist build --load", "try the next image on this machine"),
            (
                "hoist build --platform linux/arm64 --output arm64.tar",
                "one leg, for `hoist release --from arm64.tar`",
            ),
        ],
    ),
    (
        "release",
        [
            ("hoist release", "show the plan, ask, then release"),
            (
                "hoist release --bump minor --yes",
                "with this level, without a question",
            ),
        ],
    ),
    (
        "promote",
        [
            ("hoist promote 1.3.0-rc.2", "publish that image as 1.3.0"),
            (
                "hoist promote 1.3.0-rc.2 --dry-run",
                "show what it would do",
            ),
        ],
    ),
    (
        "verify",
        [
            ("hoist verify", "the last release"),
            ("hoist verify --all --deep", "every release, and every blob"),
        ],
    ),
    (
        "status",
        [
            ("hoist status", "is a release unfinished?"),
            ("hoist status --json", "the same for a program"),
        ],
    ),
    (
        "resume",
        [
            ("hoist resume", "finish a release that was interrupted"),
            (
                "hoist resume --take-over",
                "although its owner may still be running",
            ),
        ],
    ),
    (
        "rollback",
        [
            ("hoist rollback", "undo a release that was interrupted"),
            ("hoist rollback 1.2.3", "take a finished release back"),
        ],
    ),
    (
        "repair",
        [
            ("hoist repair", "which moving tags have drifted"),
            ("hoist repair --yes", "move them to where they should point"),
        ],
    ),
    (
        "unlock",
        [
            (
                "hoist unlock",
                "delete a lock that cannot be used, after a question",
            ),
            ("hoist unlock --yes", "the same without a question"),
        ],
    ),
    (
        "log",
        [
            ("hoist log -n 5", "the five newest releases"),
            ("hoist log --json", "all of them, for a program"),
        ],
    ),
    (
        "completions",
        [
            (
                "hoist completions bash > ~/.local/share/bash-completion/completions/hoist",
                "for bash",
            ),
            (
                "hoist completions fish > ~/.config/fish/completions/hoist.fish",
                "for fish",
            ),
        ],
    ),
    (
        "man",
        [
            ("hoist man release", "one page, to be read with `man -l -`"),
            (
                "hoist man --output ~/.local/share/man/man1",
                "all pages, where `man` finds them",
            ),
        ],
    ),
    (
        "schema",
        [
            ("hoist schema", "the JSON Schema of release.toml"),
            ("hoist schema plan", "that of `hoist plan --json`"),
        ],
    ),
    (
        "inspect",
        [
            ("hoist inspect", "the last release: layers, waste, advice"),
            (
                "hoist inspect 1.2.3 --since 1.2.2",
                "what a release changed",
            ),
        ],
    ),
];

/// The examples of a verb.
pub(super) fn examples(verb: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES
        .iter()
        .find(|(name, _)| *name == verb)
        .map_or(&[], |(_, examples)| examples)
}

/// The command line with its help.
pub(super) fn with_help(command: Command) -> Command {
    let width = live::width(&Term::stdout()).unwrap_or(WIDEST).min(WIDEST);
    let template = template(&command, width);
    command
        .help_template(template)
        .styles(styles())
        .mut_subcommands(|verb| with_examples(verb, width))
}

fn styles() -> Styles {
    Styles::styled()
        .header(HEADER)
        .usage(HEADER)
        .literal(LITERAL)
        .placeholder(AnsiColor::Cyan.on_default())
}

/// The help of the program: verbs in groups, then the flags of every verb.
fn template(command: &Command, width: usize) -> String {
    let mut text = "{about}\n\n{usage-heading} {usage}\n".to_owned();
    let about = |name: &str| {
        let verb = command.find_subcommand(name);
        let about = verb.and_then(Command::get_about);
        about.map(ToString::to_string).unwrap_or_default()
    };
    let widest = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter());
    let widest = widest.map(|verb| verb.len()).max().unwrap_or(0);
    for (heading, verbs) in GROUPS {
        text += &format!("\n{HEADER}{heading}:{HEADER:#}\n");
        for name in verbs {
            let verb = format!("{name:widest$}");
            let row = vec![vec![TableCell::from(verb), TableCell::from(about(name))]];
            let lines = table::lines(&row, 2, Some(width)).join("\n");
            let styled = format!("  {LITERAL}{name}{LITERAL:#}");
            text += &lines.replacen(&format!("  {name}"), &styled, 1);
            text.push('\n');
        }
    }
    text += &format!(
        "\n{HEADER}More:{HEADER:#} {}\n\n{HEADER}{GLOBAL}:{HEADER:#}\n{{options}}{{after-help}}",
        MORE.join(", ")
    );
    text
}

fn with_examples(verb: Command, width: usize) -> Command {
    let examples = examples(verb.get_name());
    if examples.is_empty() {
        return verb;
    }
    let rows: Vec<Vec<TableCell>> = examples
        .iter()
        .map(|(line, what)| vec![TableCell::from(*line), TableCell::from(*what)])
        .collect();
    let lines = table::lines(&rows, 2, Some(width)).join("\n");
    let text = format!("{HEADER}Examples:{HEADER:#}\n{lines}");
    match verb.get_after_long_help().map(ToString::to_string) {
        Some(more) => {
            let long = format!("{text}\n\n{more}");
            verb.after_help(text).after_long_help(long)
        }
        None => verb.after_help(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::command_line_definition;

    #[test]
    fn every_verb_is_in_one_group_and_has_two_examples() {
        let command = command_line_definition();
        let verbs: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, verbs)| verbs.iter().copied())
            .collect();
        let grouped: Vec<&str> = grouped.into_iter().chain(MORE).collect();
        assert_eq!(grouped.len(), verbs.len());
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), verbs);
        let shown: BTreeSet<&str> = EXAMPLES.iter().map(|(verb, _)| *verb).collect();
        assert_eq!(shown, verbs);
    }

    #[test]
    fn every_example_is_a_valid_line_of_its_verb() {
        for (verb, examples) in EXAMPLES {
            for (line, what) in examples {
                let line = line.split(" > ").next().unwrap_or(line);
                let words: Vec<&str> = line.split(' ').collect();
                assert_eq!(words[1], verb, "{line}");
                assert!(!what.is_empty(), "{line}");
                let parsed = command_line_definition().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
            }
        }
    }

    #[test]
    fn the_flags_of_a_verb_come_before_those_of_every_verb() {
        let mut command = command_line_definition();
        command.build();
        let verbs = command.clone();
        for verb in verbs
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let verb = command
                .find_subcommand_mut(verb.get_name())
                .expect("it is there");
            let help = verb.render_help().to_string();
            let own = help.find("Options:").unwrap_or(0);
            let global = help.find(&format!("{GLOBAL}:")).expect("the global flags");
            let examples = help.find("Examples:").expect("examples");
            assert!(own < global && global < examples, "{help}");
        }
    }
}
