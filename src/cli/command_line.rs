//! The line that was typed: what a hint repeats, and what an answer to a wrong line has to know.

use std::ffi::OsString;

use crate::text::shell_word;

/// Global flags that take the next word as their value.
const WITH_VALUE: [&str; 4] = ["-C", "--config", "--image", "--color"];

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

impl TypedLine {
    /// Reads `arguments` without the program's own name.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut typed = Self {
            verb: None,
            json: false,
            color: None,
        };
        let mut words = arguments
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            match &*word {
                "--" => break,
                "--json" => typed.json = true,
                "--color" => typed.color = words.next(),
                word if WITH_VALUE.contains(&word) => drop(words.next()),
                word if word.starts_with('-') => {
                    let color = word.strip_prefix("--color=").map(str::to_owned);
                    typed.color = color.or(typed.color);
                }
                word if typed.verb.is_none() => typed.verb = Some(word.to_owned()),
                _ => {}
            }
        }
        typed
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
