//! The flags of `docker build` and its kin, as the inputs of docker/build-push-action: both say the same
//! of a build.

use std::collections::BTreeMap;

use crate::init::{push::Build, term::is_partial};

/// A flag with a value: its names, and the input that says the same; `None` where it says nothing of the image.
const WITH_VALUE: [(&str, &str, Option<&str>); 27] = [
    ("--tag", "-t", Some("tags")),
    ("--file", "-f", Some("file")),
    ("--output", "-o", Some("outputs")),
    ("--build-arg", "", Some("build-args")),
    ("--build-context", "", Some("build-contexts")),
    ("--label", "", Some("labels")),
    ("--annotation", "", Some("annotations")),
    ("--target", "", Some("target")),
    ("--platform", "", Some("platforms")),
    ("--cache-from", "", Some("cache-from")),
    ("--cache-to", "", Some("cache-to")),
    ("--secret", "", Some("secret")),
    ("--ssh", "", Some("ssh")),
    ("--network", "", Some("network")),
    ("--add-host", "", Some("add-hosts")),
    ("--provenance", "", Some("provenance")),
    ("--sbom", "", Some("sbom")),
    ("--attest", "", Some("attests")),
    ("--allow", "", Some("allow")),
    ("--no-cache-filter", "", Some("no-cache-filters")),
    ("--shm-size", "", Some("shm-size")),
    ("--ulimit", "", Some("ulimit")),
    ("--builder", "", None),
    ("--progress", "", None),
    ("--metadata-file", "", None),
    ("--iidfile", "", None),
    ("--format", "", None),
];

/// A switch, and the input that says the same.
const SWITCHES: [(&str, &str, Option<&str>); 9] = [
    ("--push", "", Some("push")),
    ("--load", "", Some("load")),
    ("--pull", "", Some("pull")),
    ("--no-cache", "", Some("no-cache")),
    ("--quiet", "-q", None),
    ("--rm", "", None),
    ("--force-rm", "", None),
    ("--debug", "-D", None),
    ("--layers", "", None),
];

/// A build as a command says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BuildFlags {
    /// By the names of the action's inputs; lists have an item a line.
    pub(super) inputs: BTreeMap<String, String>,
    secrets: Vec<String>,
    /// Flags that are not known.
    unread: Vec<String>,
}

impl BuildFlags {
    /// Reads what stands behind the command.
    pub(super) fn read(words: &[String]) -> Self {
        let mut flags = Self::default();
        let mut contexts: Vec<&str> = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            // What follows is for the shell.
            if word.starts_with(['<', '>']) {
                words.next();
                continue;
            }
            if !word.starts_with('-') || word == "-" {
                contexts.push(word);
                continue;
            }
            let (name, attached) = split(word);
            let has_name = |(long, short, _): &&(&str, &str, _)| name == *long || name == *short;
            if let Some((.., input)) = WITH_VALUE.iter().find(has_name) {
                let value = attached.or_else(|| words.next()).unwrap_or_default();
                if let Some(input) = input {
                    flags.give(input, value);
                }
            } else if let Some((.., input)) = SWITCHES.iter().find(has_name) {
                if let Some(input) = input {
                    flags.give(input, attached.unwrap_or("true"));
                }
            } else {
                flags.unread.push(word.to_owned());
            }
        }
        // Among several words the unknown ones are rather flags, and what follows is of the shell.
        let known = contexts.iter().position(|word| !is_partial(word));
        let place = known.unwrap_or(0);
        for (at, word) in contexts.into_iter().enumerate() {
            if at == place {
                flags.inputs.insert("context".into(), word.to_owned());
            } else if is_partial(word) {
                flags.unread.push(word.to_owned());
            }
        }
        flags
    }

    fn give(&mut self, input: &str, value: &str) {
        if input == "secret" {
            self.secrets.push(value.to_owned());
            return;
        }
        match self.inputs.get_mut(input) {
            // Of what can be said once the last word counts.
            Some(known) if matches!(input, "file" | "target" | "network" | "push" | "pull") => {
                value.clone_into(known);
            }
            Some(known) => {
                known.push('\n');
                known.push_str(value);
            }
            None => drop(self.inputs.insert(input.to_owned(), value.to_owned())),
        }
    }

    /// The build, with paths seen from the folder `base`. `place` is the command, for messages.
    pub(super) fn build(&self, base: &str, place: &str) -> Build {
        let mut inputs = self.inputs.clone();
        let is_piped = inputs.get("context").is_some_and(|context| context == "-");
        if is_piped {
            inputs.remove("context");
        }
        let mut build = Build::of_inputs(base, &inputs);
        if is_piped {
            build.left_out.push(format!(
                "the context of {place}: it comes from a program of the script"
            ));
        }
        for secret in &self.secrets {
            build.secret(secret);
        }
        build.secrets_seen_from(base);
        for flag in &self.unread {
            build.left_out.push(match is_partial(flag) {
                true => format!("`{flag}` of {place}: nothing here tells what it is"),
                false => format!("`{flag}` of {place}: it has no key here"),
            });
        }
        build
    }
}

/// `--name=value` and `-nvalue` in two.
fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
    }
    match word.char_indices().nth(2) {
        Some((at, '=')) => (&word[..at], Some(&word[at + 1..])),
        Some((at, _)) => (&word[..at], Some(&word[at..])),
        None => (word, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::init::build_flags::*;

    fn read(line: &str) -> BuildFlags {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        BuildFlags::read(&words)
    }

    #[test]
    fn flags_are_the_inputs_of_the_action() {
        let flags = read(
            "-t acme/api:1 --tag=acme/api:latest -fdocker/Dockerfile --push --pull=false --build-arg A=1 --build-arg=B=2 --secret id=npm,env=NPM --progress plain --frob . --network host --network none",
        );
        let inputs: Vec<(&str, &str)> = flags
            .inputs
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(
            inputs,
            [
                ("build-args", "A=1\nB=2"),
                ("context", "."),
                ("file", "docker/Dockerfile"),
                ("network", "none"),
                ("pull", "false"),
                ("push", "true"),
                ("tags", "acme/api:1\nacme/api:latest"),
            ]
        );
        let build = flags.build(".", "`docker build`");
        assert_eq!(build.dockerfile, "docker/Dockerfile");
        assert_eq!(build.pull, Some(false));
        assert!(build.secrets.contains_key("npm"));
        assert_eq!(
            build.left_out,
            ["`--frob` of `docker build`: it has no key here"]
        );
    }
}
