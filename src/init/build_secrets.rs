//! Secrets and SSH agents of a build.

use crate::{
    init::{
        build_inputs::unquoted,
        fields,
        push::{Build, SecretPlace, plain_path},
        term::is_partial,
    },
    policy::SshAgent,
};

impl Build {
    /// The inputs `secrets`, `secret-envs` and `secret-files`.
    pub(super) fn secrets(&mut self, kind: &str, value: &str) {
        for line in fields::lines(value) {
            // A value with commas stands in quotes, together with its name.
            let line = unquoted(&line);
            let Some((id, value)) = line.split_once('=') else {
                self.left(&format!("`{kind}` line"), "it has no name");
                continue;
            };
            let (id, value) = (id.trim(), unquoted(value));
            let place = match kind {
                "secret-files" if !is_partial(value) && !value.starts_with('/') => {
                    Some(SecretPlace::File(plain_path(value)))
                }
                "secret-envs" if is_variable(value) => Some(SecretPlace::Env(value.into())),
                "secrets" => variable_of(value).map(|name| SecretPlace::Env(name.into())),
                _ => None,
            };
            match place {
                Some(place) => {
                    self.secrets.insert(id.to_owned(), place);
                }
                // The value itself is not shown: it can be one.
                None => self.left(
                    &format!("secret `{id}`"),
                    match kind {
                        "secret-files" if !is_partial(value) => {
                            "its file is not in this repository"
                        }
                        "secrets" if !is_partial(value) => {
                            "its value stands in the workflow, and the key names a variable or a file"
                        }
                        _ => "GitHub alone knows its value",
                    },
                ),
            }
        }
    }

    /// A secret as the command line has it: `id=npm,env=NPM_TOKEN`, `id=npm,src=file`.
    pub(super) fn secret(&mut self, record: &str) {
        let pairs = fields::pairs(record);
        let get = |keys: &[&str]| {
            let found = pairs
                .iter()
                .find(|(name, _)| name.as_deref().is_some_and(|name| keys.contains(&name)));
            found.map(|(_, value)| value.clone())
        };
        let id = get(&["id"]).filter(|id| !is_partial(id));
        let place = match (get(&["env"]), get(&["src", "source"])) {
            (Some(name), _) if is_variable(&name) => Some(SecretPlace::Env(name)),
            (None, Some(path)) if !is_partial(&path) && !path.starts_with(['/', '~']) => {
                Some(SecretPlace::File(plain_path(&path)))
            }
            (None, None) => id
                .clone()
                .filter(|id| is_variable(id))
                .map(SecretPlace::Env),
            _ => None,
        };
        match (id, place) {
            (Some(id), Some(place)) => {
                self.secrets.insert(id, place);
            }
            (Some(id), None) => self.left(
                &format!("secret `{id}`"),
                "nothing in this repository tells where it is",
            ),
            (None, _) => self.left("a secret of the build", "it is not read"),
        }
    }

    /// The input `ssh`: `default`, `id=path`.
    pub(super) fn agents(&mut self, value: &str) {
        for line in fields::lines(value) {
            let (id, socket) = match line.split_once('=') {
                Some((id, socket)) => (id.trim(), Some(unquoted(socket))),
                None => (&*line, None),
            };
            // The agent that `SSH_AUTH_SOCK` names is the one that is meant without a path.
            let socket = socket.filter(|path| !path.contains("SSH_AUTH_SOCK"));
            let key = [".pem", ".key", "id_rsa", "id_ed25519", "id_ecdsa"];
            let why = match socket {
                _ if is_partial(id) => Some("GitHub alone knows its name"),
                Some(path) if is_partial(path) => Some("GitHub alone knows its path"),
                Some(path) if path.contains(',') => Some("an agent has one socket here"),
                Some(path) if key.iter().any(|end| path.ends_with(end)) => {
                    Some("`image.build.ssh` takes the socket of an agent and no key")
                }
                _ => None,
            };
            if let Some(why) = why {
                self.left(&format!("SSH agent `{id}`"), why);
                continue;
            }
            let agent = SshAgent {
                id: id.to_owned(),
                socket: socket.map(str::to_owned),
            }
            .to_string();
            if !self.ssh.contains(&agent) {
                self.ssh.push(agent);
            }
        }
    }
}

/// The variable that a release needs in the place of an expression that is one secret.
fn variable_of(value: &str) -> Option<&str> {
    let inner = value.strip_prefix("${{")?.strip_suffix("}}")?.trim();
    match inner {
        "github.token" => Some("GITHUB_TOKEN"),
        _ => inner
            .strip_prefix("secrets.")
            .or_else(|| inner.strip_prefix("env."))
            .filter(|name| is_variable(name)),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
