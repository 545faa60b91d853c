//! Where credentials lie: one variable, and files.

use std::{
    fs::metadata,
    io::{ErrorKind, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    io::{environment::Environment, registry::credentials::credential::CredentialError},
    regular_file,
};

/// Largest configuration that is read, in bytes.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;
/// The variable that holds a configuration, not the name of a file.
const DOCUMENT: &str = "DOCKER_AUTH_CONFIG";

/// A place that may hold credentials.
pub(super) enum Place {
    /// A variable that holds the JSON itself.
    Variable(&'static str),
    /// A file.
    File {
        path: PathBuf,
        /// The variable that names it; `None`: a default place.
        named_by: Option<&'static str>,
    },
}

/// All places, in the order in which they are looked at: what variables name, then Podman's and
/// Docker's default places in the order that Podman and Skopeo use.
pub(super) fn places(environment: &Environment) -> Vec<Place> {
    let folder = |name: &str| environment.get(name).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let named = |variable, path: Option<PathBuf>| {
        path.map(|path| Place::File {
            path,
            named_by: Some(variable),
        })
    };
    let docker_config = folder("DOCKER_CONFIG").map(|folder| folder.join("config.json"));
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let defaults = [
        runtime_file(environment),
        config.map(|folder| folder.join("containers/auth.json")),
        home.map(|home| home.join(".docker/config.json"))
            .filter(|_| docker_config.is_none()),
    ];
    let defaults = defaults.into_iter().flatten().map(|path| Place::File {
        path,
        named_by: None,
    });
    let document = environment.get(DOCUMENT).map(|_| Place::Variable(DOCUMENT));
    document
        .into_iter()
        .chain(named("REGISTRY_AUTH_FILE", folder("REGISTRY_AUTH_FILE")))
        .chain(named("DOCKER_CONFIG", docker_config))
        .chain(defaults)
        .collect()
}

/// Podman's file of this session.
fn runtime_file(environment: &Environment) -> Option<PathBuf> {
    if let Some(folder) = environment.get("XDG_RUNTIME_DIR") {
        return Some(Path::new(folder).join("containers/auth.json"));
    }
    let user = metadata("/proc/self").ok()?.uid();
    Some(format!("/run/containers/{user}/auth.json").into())
}

impl Place {
    /// Its name for an error message.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Variable(name) => format!("`{name}`"),
            Self::File { path, .. } => format!("`{}`", path.display()),
        }
    }

    /// What it holds; `None`: it is not there.
    pub(super) fn read(
        &self,
        environment: &Environment,
    ) -> Result<Option<Vec<u8>>, CredentialError> {
        match self {
            Self::Variable(name) => Ok(environment.get(name).map(|text| text.as_bytes().to_vec())),
            Self::File { path, .. } => read_file(path).map_err(|why| CredentialError::Unreadable {
                place: self.name(),
                why,
            }),
        }
    }

    /// The variable, and the file that it names, where that file is not there.
    pub(super) fn missing(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::File {
                path,
                named_by: Some(variable),
            } => {
                let is_missing = metadata(path).is_err_and(|error| is_absent(error.kind()));
                is_missing.then_some((*variable, path.as_path()))
            }
            Self::File { named_by: None, .. } | Self::Variable(_) => None,
        }
    }
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match metadata(path) {
        Err(error) if is_absent(error.kind()) => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(found) if found.is_dir() => return Err("it is a directory".to_owned()),
        // `/dev/null` stands for no credentials.
        Ok(_) if path == Path::new("/dev/null") => return Ok(None),
        // A pipe could keep the program waiting, and gives what it holds only once.
        Ok(found) if !found.is_file() => return Err("it is not a regular file".to_owned()),
        Ok(_) => {}
    }
    let mut content = Vec::new();
    regular_file::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content))
        .map_err(|error| error.to_string())?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(format!("it is larger than {LARGEST_FILE} bytes"));
    }
    Ok(Some(content))
}
