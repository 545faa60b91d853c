//! What is to be done between `hoist init` and the first release: commands that run from where one stands.

use std::path::Path;

use semver::Version;

use crate::{init::Draft, oci::Repository, text::shell_word};

/// Most pushers that are named.
const SHOWN: usize = 3;

/// Where git is run, and what the policy file is called there.
pub(super) struct GitPlace {
    command: String,
    file: String,
}

impl GitPlace {
    /// The place for the policy file `path` of the working tree at `top`.
    pub(super) fn of(path: &Path, top: &Path) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let (Ok(here), Ok(top), Ok(path)) = (here, top.canonicalize(), path.canonicalize()) else {
            return Self::named("git".to_owned(), path);
        };
        Self::from(&here, &top, &path)
    }

    fn from(here: &Path, top: &Path, path: &Path) -> Self {
        if !here.starts_with(top) {
            let command = format!("git -C {}", shell_word(&top.to_string_lossy()));
            return Self::named(command, path.strip_prefix(top).unwrap_or(path));
        }
        let common = here.ancestors().find(|folder| path.starts_with(folder));
        let common = common.unwrap_or(top);
        let up = here
            .strip_prefix(common)
            .map_or(0, |way| way.components().count());
        let file = Path::new(&"../".repeat(up)).join(path.strip_prefix(common).unwrap_or(path));
        Self::named("git".to_owned(), &file)
    }

    fn named(command: String, file: &Path) -> Self {
        let file = shell_word(&file.to_string_lossy());
        Self { command, file }
    }
}

/// What is known of the way to the first release.
pub(super) struct NextSteps<'a> {
    pub(super) git: GitPlace,
    /// The global flags that name the policy.
    pub(super) flags: String,
    /// The first version; `None`: there is one already.
    pub(super) first: Option<&'a Version>,
    /// Whether there is a git remote.
    pub(super) pushes: bool,
}

impl NextSteps<'_> {
    /// The steps for a draft that was written.
    pub(super) fn of(&self, draft: &Draft) -> String {
        let repositories = &draft.repositories;
        let GitPlace { command, file } = &self.git;
        let flags = &self.flags;
        let host = repositories
            .first()
            .and_then(|name| name.parse::<Repository>().ok())
            .map(|repository| repository.registry().to_string())
            .filter(|host| host != "docker.io");
        let login = host.map_or_else(
            || "docker login".to_owned(),
            |host| format!("docker login {host}"),
        );
        let mut steps = Vec::new();
        if repositories.is_empty() {
            steps.push(format!("set `image.repository` in {file}"));
        }
        if let Some(others) = others(&draft.pushers) {
            steps.push(format!(
                "stop {others} from pushing the same tags, or both push them"
            ));
        }
        let push = match self.pushes {
            true => format!(" && {command} push"),
            false => String::new(),
        };
        steps.push(format!(
            "{command} add {file} && {command} commit -m 'chore: release policy'{push}"
        ));
        steps.push(login);
        steps.push(format!("hoist{flags} plan"));
        let version = self.first.map(|first| format!(" --version {first}"));
        let version = version.unwrap_or_default();
        steps.push(format!("hoist{flags} release{version}"));
        steps.join("; ")
    }
}

/// What pushes the same tags now, the first few by name.
fn others(pushers: &[String]) -> Option<String> {
    let shown: Vec<&str> = pushers.iter().take(SHOWN).map(String::as_str).collect();
    let (last, first) = shown.split_last()?;
    let more = pushers.len() - shown.len();
    Some(match (first, more) {
        ([], _) => (*last).to_owned(),
        (first, 0) => format!("{} and {last}", first.join(", ")),
        (first, more) => format!("{}, {last} and {more} more", first.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use crate::cli::next_steps::*;

    #[test]
    fn the_file_is_named_from_where_one_stands() {
        for (here, command, file) in [
            ("/tree", "git", "services/web/release.toml"),
            ("/tree/services/web", "git", "release.toml"),
            ("/tree/services/api", "git", "../web/release.toml"),
            ("/home", "git -C /tree", "services/web/release.toml"),
        ] {
            let path = Path::new("/tree/services/web/release.toml");
            let place = GitPlace::from(Path::new(here), Path::new("/tree"), path);
            assert_eq!((&*place.command, &*place.file), (command, file), "{here}");
        }
    }
}
