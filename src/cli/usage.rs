//! A line that is not a valid command: told to a person, and to a program that asked for JSON.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use semver::Version;

use super::{command_line::TypedLine, exit, outcome, render};
use crate::error::Error;

/// Verbs that take a version or a level by a flag.
const BY_FLAG: [&str; 5] = ["release", "plan", "next", "tags", "changelog"];

/// Tells what clap answers. Help and version are not errors.
pub(super) fn tell(error: &clap::Error, typed: &TypedLine) -> ExitCode {
    // Nothing can be done about a closed stream here.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::from(exit::OK);
    }
    let error = converted(error, typed);
    for hint in error.hints().iter().filter(|hint| hint.starts_with('`')) {
        render::hint(hint);
    }
    if typed.json {
        render::print_json(&outcome::error_document(&error, typed.is_lines()));
    }
    exit::code(&error)
}

/// The same as an error of hoist.
fn converted(error: &clap::Error, typed: &TypedLine) -> Error {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let message: Vec<&str> = message.lines().map(str::trim).collect();
    let told = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Error::usage("no verb is given").hint("`hoist --help` lists the verbs")
        }
        _ => Error::usage(message.join(" ")),
    };
    let tips = paragraphs.flat_map(str::lines).map(str::trim);
    let told = tips
        .filter_map(|line| line.strip_prefix("tip: "))
        .fold(told, |told, tip| told.hint(tip));
    match by_flag(error, typed) {
        Some(line) => told.hint(format!("`{line}` is the form")),
        None => told,
    }
}

/// `hoist release 1.2.3` and `hoist release minor`: the flag that was meant.
fn by_flag(error: &clap::Error, typed: &TypedLine) -> Option<String> {
    let verb = typed
        .verb
        .as_deref()
        .filter(|verb| BY_FLAG.contains(verb))?;
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let version = word.strip_prefix('v').unwrap_or(word);
    let flag = match &**word {
        "major" | "minor" | "patch" => format!("--bump {word}"),
        _ if Version::parse(version).is_ok() => format!("--version {version}"),
        _ => return None,
    };
    Some(format!("hoist {verb} {flag}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn answer(line: &str) -> Error {
        let words: Vec<&str> = line.split(' ').collect();
        let error = Cli::try_parse_from(&words).expect_err("the line is wrong");
        let typed = TypedLine::read(words.iter().skip(1).map(Into::into));
        converted(&error, &typed)
    }

    #[test]
    fn a_version_or_a_level_is_answered_with_its_flag() {
        for (line, form) in [
            ("hoist release 1.2.3", "`hoist release --version 1.2.3`"),
            (
                "hoist release v1.2.3 --yes",
                "`hoist release --version 1.2.3`",
            ),
            ("hoist plan 2.0.0-rc.1", "`hoist plan --version 2.0.0-rc.1`"),
            ("hoist release minor", "`hoist release --bump minor`"),
            ("hoist next major", "`hoist next --bump major`"),
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
