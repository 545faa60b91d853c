//! The line that was typed: what a hint repeats, and what an answer to a wrong line has to know.

use std::ffi::OsString;

use crate::text::{is_harmful, shell_word};

/// Global flags whose value is not looked at.
const WITH_VALUE: [&str; 1] = ["--image"];

/// Verbs whose `--json` output is lines that end with an outcome.
pub(super) const LINES: [&str; 5] = ["release", "promote", "resume", "rollback", "repair"];

/// What a line that may be wrong asks for, as far as can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedLine {
    /// The first word that is neither a flag nor a flag's value.
    pub(super) verb: Option<String>,
    /// `--json` was given.
    pub(super) json: bool,
    /// The value of `--color`.
    pub(super) color: Option<String>,
    /// The value of `-C`.
    pub(super) directory: Option<String>,
    /// The value of `--config`.
    pub(super) config: Option<String>,
    /// The whole line, without the program's name.
    words: Vec<String>,
}

/// This process's line with a further flag, as a shell reads it.
pub(super) fn with(flag: &str) -> String {
    let words = std::env::args_os().skip(1);
    with_flag(words.map(|word| word.to_string_lossy().into_owned()), flag)
}

/// Behind `--` nothing is a flag.
fn with_flag(words: impl Iterator<Item = String>, flag: &str) -> String {
    let mut words: Vec<String> = words.map(|word| shell_word(&word)).collect();
    let flags_end = words.iter().position(|word| word == "--");
    words.insert(flags_end.unwrap_or(words.len()), flag.to_owned());
    format!("hoist {}", words.join(" "))
}

/// Words as a shell reads them.
pub(super) fn shown(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    words.join(" ")
}

impl TypedLine {
    /// Reads `arguments` without the program's own name.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let all: Vec<String> = arguments
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut typed = Self {
            verb: None,
            json: false,
            color: None,
            directory: None,
            config: None,
            words: all.clone(),
        };
        let mut words = all.into_iter();
        while let Some(word) = words.next() {
            match &*word {
                "--" => break,
                "--json" => typed.json = true,
                "--color" => typed.color = words.next(),
                "-C" => typed.directory = words.next(),
                "--config" => typed.config = words.next(),
                word if WITH_VALUE.contains(&word) => drop(words.next()),
                word if word.starts_with('-') => {
                    let value = |flag: &str| word.strip_prefix(flag).map(str::to_owned);
                    typed.color = value("--color=").or(typed.color);
                    typed.config = value("--config=").or(typed.config);
                }
                word if typed.verb.is_none() => typed.verb = Some(word.to_owned()),
                _ => {}
            }
        }
        typed
    }

    /// Whether the line has what must not reach a terminal as it is.
    pub(super) fn is_harmful(&self) -> bool {
        self.words.iter().any(|word| word.contains(is_harmful))
    }

    /// The line with `instead` in the place of `word`.
    pub(super) fn with_instead(&self, word: &str, instead: &[&str]) -> Option<Vec<String>> {
        let place = self.words.iter().position(|one| one == word)?;
        let (before, after) = self.words.split_at(place);
        let instead = instead.iter().map(ToString::to_string);
        let words = std::iter::once("hoist".to_owned())
            .chain(before.iter().cloned())
            .chain(instead)
            .chain(after.iter().skip(1).cloned());
        Some(words.collect())
    }

    /// Whether the verb's `--json` output is lines that end with an outcome.
    pub(super) fn is_lines(&self) -> bool {
        self.verb
            .as_deref()
            .is_some_and(|verb| LINES.contains(&verb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stands_where_it_is_read_as_one() {
        for (line, with) in [
            ("promote 1.0.0-rc.1", "hoist promote 1.0.0-rc.1 --yes"),
            ("promote -- 1.0.0-rc.1", "hoist promote --yes -- 1.0.0-rc.1"),
            ("-C a release", "hoist -C a release --yes"),
        ] {
            let words = line.split(' ').map(str::to_owned);
            assert_eq!(super::with_flag(words, "--yes"), with);
        }
    }

    #[test]
    fn verb_and_form_are_found_in_a_wrong_line() {
        for (line, verb, json) in [
            ("release --json --bogus", Some("release"), true),
            ("--json release --bump huge", Some("release"), true),
            ("-C release plan --json", Some("plan"), true),
            (
                "--config=a.toml --image x/y promote",
                Some("promote"),
                false,
            ),
            ("--color always realease --json", Some("realease"), true),
            ("--json", None, true),
            ("release -- --json", Some("release"), false),
        ] {
            let typed = TypedLine::read(line.split(' ').map(OsString::from));
            assert_eq!((typed.verb.as_deref(), typed.json), (verb, json), "{line}");
        }
        let typed = TypedLine::read(["--color=never", "plan"].map(OsString::from));
        assert_eq!(typed.color.as_deref(), Some("never"));
    }
}
