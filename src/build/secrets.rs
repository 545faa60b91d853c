//! Secrets and ssh agents of the policy, found before the build begins.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    build::request::BuildRequest,
    error::{Error, Result},
    io::environment::Environment,
    policy::{Secret, SecretSource},
    regular_file,
};

/// The longest secret in bytes that BuildKit accepts.
const MAX_SECRET: u64 = 500 * 1024;

/// What a builder may ask for while it builds.
#[derive(Clone, Default)]
pub(crate) struct BuildSecrets {
    /// For the credentials of base images' registries.
    pub(crate) environment: Environment,
    /// The secrets' values by id.
    pub(crate) values: BTreeMap<String, Vec<u8>>,
    /// Sockets of ssh agents by id.
    agents: BTreeMap<String, PathBuf>,
}

impl BuildSecrets {
    /// Finds everything that the policy names.
    ///
    /// # Errors
    /// A secret or an ssh agent is not there.
    pub(crate) fn find(request: &BuildRequest, environment: &Environment) -> Result<Self> {
        let mut values = BTreeMap::new();
        for secret in &request.policy.secrets {
            let value = value(secret, &request.repository, environment)?;
            values.insert(secret.id.clone(), value);
        }
        let mut agents = BTreeMap::new();
        for wanted in &request.policy.ssh {
            let path = match &wanted.socket {
                Some(path) => Some(path.as_str()),
                None => environment.get("SSH_AUTH_SOCK"),
            };
            let path = path.ok_or_else(|| {
                Error::failed(format!("`image.build.ssh = [\"{wanted}\"]` needs an ssh agent, and `SSH_AUTH_SOCK` is not set"))
                    .hint("eval $(ssh-agent) && ssh-add")
            })?;
            agents.insert(wanted.id.clone(), agent(&request.repository.join(path))?);
        }
        Ok(Self {
            environment: environment.clone(),
            values,
            agents,
        })
    }

    /// The socket of the ssh agent with this id. BuildKit sends an empty id, or `default`, for the
    /// usual one.
    pub(crate) fn agent(&self, id: &str) -> Option<&Path> {
        let id = if id.is_empty() { "default" } else { id };
        self.agents.get(id).map(PathBuf::as_path)
    }
}

fn value(secret: &Secret, repository: &Path, environment: &Environment) -> Result<Vec<u8>> {
    let id = &secret.id;
    match &secret.source {
        SecretSource::Env { name } => match environment.get(name) {
            Some(value) => Ok(value.as_bytes().to_vec()),
            None => Err(Error::failed(format!(
                "the secret `{id}` comes from the environment variable `{name}`, which is not set"
            ))),
        },
        SecretSource::File { path } => {
            let mut value = Vec::new();
            regular_file::open(&repository.join(path))
                .and_then(|file| file.take(MAX_SECRET + 1).read_to_end(&mut value))
                .map_err(|error| {
                    Error::failed(format!(
                        "the secret `{id}` comes from `{path}`, which cannot be read"
                    ))
                    .because(&error)
                })?;
            if value.len() as u64 > MAX_SECRET {
                return Err(Error::failed(format!(
                    "the secret `{id}` is longer than {MAX_SECRET} bytes"
                )));
            }
            Ok(value)
        }
    }
}

fn agent(path: &Path) -> Result<PathBuf> {
    use std::os::unix::fs::FileTypeExt;
    let metadata = std::fs::metadata(path).map_err(|error| {
        Error::failed(format!("there is no ssh agent at `{}`", path.display())).because(&error)
    })?;
    if metadata.file_type().is_socket() {
        return Ok(path.to_owned());
    }
    Err(Error::refused(format!(
        "`{}` is not the socket of an ssh agent, and key files are not read",
        path.display()
    ))
    .hint("`eval $(ssh-agent)`, then `ssh-add` with the key's file, and `image.build.ssh = [\"default\"]`"))
}

#[cfg(test)]
mod tests {
    use crate::build::secrets::*;

    #[test]
    fn a_secret_comes_from_one_place() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("token"), "from file").expect("it is written");
        let environment = [("TOKEN", "from variable")].into_iter().collect();
        let get = |source: SecretSource| {
            let secret = Secret {
                id: "x".into(),
                source,
            };
            match value(&secret, dir.path(), &environment) {
                Ok(value) => String::from_utf8(value).expect("text"),
                Err(error) => error.message().to_owned(),
            }
        };
        let env = |name: &str| SecretSource::Env { name: name.into() };
        let file = |path: &str| SecretSource::File { path: path.into() };
        assert_eq!(get(env("TOKEN")), "from variable");
        assert_eq!(get(file("token")), "from file");
        assert!(get(env("NONE")).contains("`NONE`, which is not set"));
        assert!(get(file("none")).contains("cannot be read"));
    }
}
