//! Where a person stands: the global flags that a command in a hint needs, so that it runs as it is shown.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::args::Global;
use crate::text::shell_word;

/// What stands between two commands that run one behind the other.
const AND: &str = "&& ";

/// The fields of documents that hold texts for a person.
const TEXTS: [&str; 3] = ["hints", "messages", "notes"];

/// The global flags of this run that say which project is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standpoint {
    /// Each flag, and how it is typed.
    flags: Vec<(&'static str, String)>,
}

impl Standpoint {
    /// The flags that were given.
    pub(super) fn of(global: &Global) -> Self {
        let path = |path: &Path| shell_word(&path.to_string_lossy());
        let directory = global.directory.iter();
        let directory = directory.map(|one| ("-C", format!("-C {}", path(one))));
        let config = global.config.iter();
        let config = config.map(|file| ("--config", format!("--config {}", path(file))));
        let images = global.image.iter();
        let images = images.map(|name| ("--image", format!("--image {}", shell_word(name))));
        Self {
            flags: directory.chain(config).chain(images).collect(),
        }
    }

    /// The same for texts that name policy files from the top of the tree.
    pub(super) fn at_top(&self, top: &Path) -> Self {
        let mut flags = self.flags.clone();
        flags.retain(|(flag, _)| *flag != "-C");
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let way = match (here, top.canonicalize()) {
            (Ok(here), Ok(top)) => way(&here, &top),
            (Err(_), _) | (_, Err(_)) => top.to_owned(),
        };
        if !way.as_os_str().is_empty() {
            let way = shell_word(&way.to_string_lossy());
            flags.insert(0, ("-C", format!("-C {way}")));
        }
        Self { flags }
    }

    /// The flags that name the project, for commands that are not in a text.
    pub(super) fn project_flags(&self) -> String {
        let named = self.flags.iter().filter(|(flag, _)| *flag != "--image");
        named.map(|(_, typed)| format!(" {typed}")).collect()
    }

    /// The same for a document: its notes and hints, wherever they stand in it.
    pub(super) fn document(&self, document: &mut Value) {
        if self.flags.is_empty() {
            return;
        }
        match document {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::Array(texts) if TEXTS.contains(&name.as_str()) => {
                            self.texts(texts);
                        }
                        _ => self.document(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.document(value)),
            _ => {}
        }
    }

    fn texts(&self, texts: &mut [Value]) {
        for text in texts {
            if let Value::String(text) = text {
                *text = self.commands(text);
            }
        }
    }

    /// A text whose commands have the flags that they lack: those of hoist all of them, those of git `-C`. What is
    /// not in backquotes is a command where the whole text is one.
    pub(super) fn commands(&self, text: &str) -> String {
        if self.flags.is_empty() {
            return text.to_owned();
        }
        let is_whole = !text.contains('`') && text.starts_with("git ");
        let parts = text.split('`').enumerate().map(|(place, part)| {
            let is_code = place % 2 == 1 || is_whole;
            let lines = part.split(AND).enumerate().map(|(place, command)| {
                // Behind `&&` stands a command, wherever the text is.
                let is_command = is_code || place > 0;
                match command.split_once(' ') {
                    Some(("hoist", rest)) if is_command => self.with_flags("hoist", rest, |_| true),
                    Some(("git", rest)) if is_code => {
                        self.with_flags("git", rest, |flag| flag == "-C")
                    }
                    _ => command.to_owned(),
                }
            });
            lines.collect::<Vec<_>>().join(AND)
        });
        parts.collect::<Vec<_>>().join("`")
    }

    /// The command with those flags that are `taken` and that it lacks.
    fn with_flags(&self, program: &str, rest: &str, taken: impl Fn(&str) -> bool) -> String {
        let has = |flag: &str| rest.split(' ').any(|word| word == flag);
        let lacking = self
            .flags
            .iter()
            .filter(|(flag, _)| taken(flag) && !has(flag));
        let flags: String = lacking.map(|(_, typed)| format!("{typed} ")).collect();
        format!("{program} {flags}{rest}")
    }
}

/// The way up to a directory, or the directory itself where one does not stand in it; empty: one stands there.
fn way(here: &Path, top: &Path) -> PathBuf {
    match here.strip_prefix(top) {
        Ok(below) => below.components().map(|_| Component::ParentDir).collect(),
        Err(_) => top.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::standpoint::*;

    fn standpoint(flags: &[(&'static str, &str)]) -> Standpoint {
        let typed = |(flag, value): &(&'static str, &str)| (*flag, format!("{flag} {value}"));
        Standpoint {
            flags: flags.iter().map(typed).collect(),
        }
    }

    #[test]
    fn a_command_gets_the_flags_that_it_lacks() {
        let folder = standpoint(&[("--config", "web/release.toml")]);
        let elsewhere = standpoint(&[("-C", "web"), ("--image", "acme/web")]);
        for (text, in_folder, there) in [
            (
                "`hoist repair` mends it; `git fetch`",
                "`hoist --config web/release.toml repair` mends it; `git fetch`",
                "`hoist -C web --image acme/web repair` mends it; `git -C web fetch`",
            ),
            (
                "`git checkout v1 && hoist release --yes`",
                "`git checkout v1 && hoist --config web/release.toml release --yes`",
                "`git -C web checkout v1 && hoist -C web --image acme/web release --yes`",
            ),
            (
                "git add a && git commit -m x -- a",
                "git add a && git commit -m x -- a",
                "git -C web add a && git -C web commit -m x -- a",
            ),
            (
                "git knows `v1`, and hoist too",
                "git knows `v1`, and hoist too",
                "git knows `v1`, and hoist too",
            ),
            (
                "`hoist --config FILE plan`, or `hoist plan --all`",
                "`hoist --config FILE plan`, or `hoist --config web/release.toml plan --all`",
                "`hoist -C web --image acme/web --config FILE plan`, or `hoist -C web --image acme/web plan --all`",
            ),
        ] {
            assert_eq!(folder.commands(text), in_folder);
            assert_eq!(folder.commands(in_folder), in_folder, "a second time");
            assert_eq!(elsewhere.commands(text), there);
            assert_eq!(Standpoint::default().commands(text), text);
        }
    }

    #[test]
    fn the_notes_and_hints_of_a_document_get_them_too() {
        let document = |command: &str| {
            let text = format!("`{command} repair` mends it");
            json!({
                "messages": [text],
                "why": "`hoist repair`",
                "releases": [{ "error": { "hints": [text] }, "notes": [text, 1] }],
            })
        };
        let mut told = document("hoist");
        standpoint(&[("-C", "web")]).document(&mut told);
        assert_eq!(told, document("hoist -C web"));
        Standpoint::default().document(&mut told);
        assert_eq!(told, document("hoist -C web"));
    }

    #[test]
    fn the_top_is_named_from_where_one_stands() {
        for (here, to_top) in [
            ("/tree", ""),
            ("/tree/services/web", "../.."),
            ("/home", "/tree"),
        ] {
            assert_eq!(way(Path::new(here), Path::new("/tree")), Path::new(to_top));
        }
    }
}
