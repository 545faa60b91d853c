//! A line that is not a valid command: told to a person, and to a program that asked for JSON.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use semver::Version;

use super::{
    command_line::{self, TypedLine},
    exit, outcome, render,
};
use crate::{error::Error, text::sanitize_line};

/// Longest part of clap's message that is repeated, in characters.
const MAX_MESSAGE: usize = 1_000;

/// A flag that differs in more letters from what was typed is another one.
const MOST_TYPOS: usize = 2;

/// Verbs that take a version or a level by a flag.
const BY_FLAG: [&str; 5] = ["release", "plan", "next", "tags", "changelog"];

/// Words that other tools have for what a verb does here.
const MEANT: [(&str, &str); 18] = [
    ("publish", "hoist release"),
    ("push", "hoist release"),
    ("deploy", "hoist release"),
    ("tag", "hoist release"),
    ("bump", "hoist release --bump patch"),
    ("dry-run", "hoist plan"),
    ("diff", "hoist plan"),
    ("preview", "hoist plan"),
    ("version", "hoist --version"),
    ("undo", "hoist rollback"),
    ("revert", "hoist rollback"),
    ("continue", "hoist resume"),
    ("lint", "hoist check"),
    ("doctor", "hoist check"),
    ("list", "hoist log"),
    ("history", "hoist log"),
    ("notes", "hoist changelog"),
    ("login", "docker login"),
];

/// Tells what clap answers. Help and version are not errors.
pub(super) fn tell(
    error: clap::Error,
    typed: &TypedLine,
    definition: fn() -> clap::Command,
) -> ExitCode {
    let error = &without_wrong_tips(error);
    if error.use_stderr() && typed.is_harmful() {
        // The message repeats what was typed.
        render::plain_error(&error.render().to_string());
    } else {
        // Nothing can be done about a closed stream here.
        let _ = error.print();
    }
    if !error.use_stderr() {
        return ExitCode::from(exit::OK);
    }
    let error = converted(error, typed, definition);
    for hint in error.hints().iter().filter(|hint| hint.starts_with('`')) {
        render::hint(hint);
    }
    if typed.json {
        render::print_json(&outcome::error_document(&error, typed.is_lines()));
    }
    exit::code(&error)
}

/// Without the tips that lead astray: a flag that resembles the typed one only in some letters, and the advice
/// to give a flag as a value.
fn without_wrong_tips(mut error: clap::Error) -> clap::Error {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let is_far = match (
        named(ContextKind::InvalidArg),
        named(ContextKind::SuggestedArg),
    ) {
        (Some(typed), Some(flag)) => {
            !flag.starts_with(typed) && strsim::osa_distance(typed, flag) > MOST_TYPOS
        }
        _ => false,
    };
    if is_far {
        error.remove(ContextKind::SuggestedArg);
        // It shows the flag, too.
        error.remove(ContextKind::Usage);
    }
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().starts_with("to pass"));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    error
}

/// The same as an error of hoist.
fn converted(error: &clap::Error, typed: &TypedLine, definition: fn() -> clap::Command) -> Error {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let message: Vec<&str> = message.lines().map(str::trim).collect();
    let told = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Error::usage("no verb is given")
            .hint("`hoist init` begins: it writes a first `release.toml`; `hoist help plan` explains the verb `plan`")
        }
        _ => Error::usage(sanitize_line(&message.join(" "), MAX_MESSAGE)),
    };
    let tips = paragraphs.flat_map(str::lines).map(str::trim);
    let told = tips
        .filter_map(|line| line.strip_prefix("tip: "))
        .fold(told, |told, tip| told.hint(sanitize_line(tip, MAX_MESSAGE)));
    if let Some(command) = meant(error) {
        return told.hint(format!("`{command}` does this"));
    }
    if typed.verb.as_deref() == Some("init")
        && message_names(error, &["--force", "-f", "--overwrite"])
    {
        return told.hint("`rm release.toml` first: `hoist init` writes over no file");
    }
    match by_flag(error, typed) {
        Some(words) if definition().try_get_matches_from(&words).is_ok() => {
            told.hint(format!("`{}` is the form", command_line::shown(&words)))
        }
        Some(_) | None => told,
    }
}

/// The command that does what a word of another tool says.
fn meant(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let known = MEANT.iter().find(|(name, _)| name == word);
    known.map(|(_, command)| *command)
}

fn message_names(error: &clap::Error, words: &[&str]) -> bool {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => words.contains(&&**word),
        _ => false,
    }
}

/// `hoist release 1.2.3` and `hoist release minor`: the flag that was meant.
fn by_flag(error: &clap::Error, typed: &TypedLine) -> Option<Vec<String>> {
    typed
        .verb
        .as_deref()
        .filter(|verb| BY_FLAG.contains(verb))?;
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let version = word.strip_prefix('v').unwrap_or(word);
    let flag = match &**word {
        "major" | "minor" | "patch" => ["--bump", word],
        _ if Version::parse(version).is_ok() => ["--version", version],
        _ => return None,
    };
    typed.with_instead(word, &flag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command_line_definition;

    fn answer(line: &str) -> Error {
        let words: Vec<&str> = line.split(' ').collect();
        let parsed = command_line_definition().try_get_matches_from(&words);
        let error = without_wrong_tips(parsed.expect_err("the line is wrong"));
        let typed = TypedLine::read(words.iter().skip(1).map(Into::into));
        converted(&error, &typed, command_line_definition)
    }

    #[test]
    fn a_version_or_a_level_is_answered_with_its_flag() {
        for (line, form) in [
            ("hoist release 1.2.3", "`hoist release --version 1.2.3`"),
            (
                "hoist release v1.2.3 --yes",
                "`hoist release --version 1.2.3 --yes`",
            ),
            ("hoist plan 2.0.0-rc.1", "`hoist plan --version 2.0.0-rc.1`"),
            ("hoist release minor", "`hoist release --bump minor`"),
            ("hoist next major", "`hoist next --bump major`"),
            ("hoist publish", "`hoist release`"),
            ("hoist version", "`hoist --version`"),
            ("hoist undo --yes", "`hoist rollback`"),
            ("hoist init --force", "`rm release.toml`"),
        ] {
            let error = answer(line);
            let hints = error.hints();
            assert!(
                hints.iter().any(|hint| hint.contains(form)),
                "{line}: {hints:?}"
            );
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_tip_names_what_was_probably_meant() {
        for (line, tip) in [
            ("hoist release --dryrun", Some("--dry-run")),
            ("hoist plan --verison 1.2.3", Some("--version")),
            ("hoist release --require", Some("--require-release")),
            ("hoist release --force", None),
            ("hoist verify --bogus", None),
        ] {
            let hints = answer(line).hints().join("; ");
            match tip {
                Some(tip) => assert!(hints.contains(tip), "{line}: {hints}"),
                None => assert_eq!(hints, "", "{line}"),
            }
        }
    }

    #[test]
    fn a_line_without_a_verb_is_answered_with_a_first_step() {
        let typed = TypedLine::read([]);
        let error = command_line_definition().try_get_matches_from(["hoist"]);
        let told = converted(
            &error.expect_err("there is no verb"),
            &typed,
            command_line_definition,
        );
        assert!(told.hints()[0].starts_with("`hoist init`"), "{told:?}");
    }

    /// Lines that are wrong in every way that a verb's definition knows of.
    fn wrong_lines() -> Vec<Vec<String>> {
        let mut command = command_line_definition();
        command.build();
        let mut lines: Vec<Vec<String>> = Vec::new();
        for verb in command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let mut add = |words: &[&str]| {
                let start = ["hoist", verb.get_name()];
                let line = start.iter().chain(words);
                lines.push(line.map(ToString::to_string).collect());
            };
            add(&["--bogus"]);
            add(&["-Z"]);
            add(&["one", "two", "three"]);
            add(&["1.2.3", "minor"]);
            add(&["minor"]);
            add(&["\u{1b}[2J"]);
            add(&["--json=yes"]);
            add(&["--color", "\u{9b}31m"]);
            add(&["-q", "-v"]);
            add(&[]);
            for argument in verb.get_arguments() {
                let Some(long) = argument.get_long() else {
                    continue;
                };
                let flag = format!("--{long}");
                add(&[&flag[..flag.len() - 1]]);
                add(&[&flag, &flag]);
                if argument.get_action().takes_values() {
                    add(&[&flag]);
                    add(&[&flag, "\u{1b}[31mx y'z"]);
                    add(&[&format!("{flag}=")]);
                } else {
                    add(&[&format!("{flag}=x")]);
                }
            }
        }
        lines
    }

    #[test]
    fn whatever_is_wrong_is_told_and_hints_are_valid_lines() {
        let (mut wrong, mut hinted) = (0, 0);
        for words in wrong_lines() {
            let Err(error) = command_line_definition().try_get_matches_from(&words) else {
                continue;
            };
            if !error.use_stderr() {
                continue;
            }
            wrong += 1;
            let typed = TypedLine::read(words.iter().skip(1).map(Into::into));
            let told = converted(&error, &typed, command_line_definition);
            let text = std::iter::once(told.message()).chain(told.hints().iter().map(|h| &**h));
            for text in text {
                assert!(!text.is_empty(), "{words:?}");
                assert!(
                    !text.contains(crate::text::is_harmful),
                    "{words:?}: {text:?}"
                );
            }
            let document = outcome::error_document(&told, typed.is_lines());
            assert_eq!(
                (&document["v"], &document["error"]["exit"]),
                (&1.into(), &2.into())
            );
            assert_eq!(document["type"] == "outcome", typed.is_lines(), "{words:?}");
            for hint in told.hints() {
                let Some(line) = hint
                    .split('`')
                    .nth(1)
                    .filter(|line| line.starts_with("hoist "))
                else {
                    continue;
                };
                let parsed = command_line_definition().try_get_matches_from(line.split(' '));
                let is_valid = parsed
                    .as_ref()
                    .map_or_else(|error| !error.use_stderr(), |_| true);
                assert!(is_valid, "{words:?}: {hint}");
                hinted += 1;
            }
        }
        assert!(
            wrong > 400 && hinted > 4,
            "{wrong} wrong lines, {hinted} with a line to run"
        );
    }

    #[test]
    fn other_wrong_lines_say_what_is_wrong() {
        for (line, message) in [
            ("hoist release --bogus", "unexpected argument '--bogus'"),
            ("hoist release --bump huge", "invalid value 'huge'"),
            ("hoist realease", "unrecognized subcommand 'realease'"),
            ("hoist promote", "PRERELEASE"),
            ("hoist release now", "unexpected argument 'now'"),
        ] {
            let error = answer(line);
            assert!(error.message().contains(message), "{line}: {error}");
            assert!(!error.message().contains('\n'), "{line}: {error}");
        }
        let hints = answer("hoist realease");
        assert!(
            hints.hints().iter().any(|hint| hint.contains("release")),
            "{hints:?}"
        );
    }
}
