//! What was found, read and put in order: what the draft is made from.

use semver::Version;

use crate::{
    init::{
        dockerfile,
        found::{Found, TOOL_FILES, is_workflow},
        tools::Hints,
        workflow::{Imported, Known},
    },
    plan::release::labels::source_url,
};

/// More Dockerfiles than this are examples or tests.
const MOST_DOCKERFILES: usize = 20;

/// What the found files say.
#[derive(Debug, Default)]
pub(super) struct DraftFacts {
    /// Name and URL of the git remote.
    pub(super) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(super) git_tags: Vec<String>,
    /// Path and text of each Dockerfile, the likeliest first.
    pub(super) dockerfiles: Vec<(String, String)>,
    /// What the workflows say.
    pub(super) imported: Imported,
    /// What other release tools were told.
    pub(super) hints: Hints,
}

impl DraftFacts {
    /// Reads what was found.
    pub(super) fn of(found: &Found) -> Self {
        let mut facts = Self {
            remote: found.remote.clone(),
            git_tags: found.git_tags.clone(),
            dockerfiles: dockerfiles(found),
            ..Self::default()
        };
        for name in TOOL_FILES {
            if let Some(file) = found.files.iter().find(|file| file.path == name) {
                facts.hints.read(name, &file.text);
            }
        }
        facts.read_workflows(found);
        facts
    }

    fn read_workflows(&mut self, found: &Found) {
        let prefix = git_prefix(&self.git_tags).map(|(prefix, _)| prefix);
        let hinted = self.hints.tag.as_deref();
        let hinted = hinted.and_then(|tag| tag.split('{').next());
        let own = self.remote.as_ref().and_then(|(_, url)| github(url));
        let known = Known {
            repository: own.as_deref(),
            git_prefix: &prefix.unwrap_or_else(|| hinted.unwrap_or("v").to_owned()),
        };
        let mut workflows: Vec<_> = found
            .files
            .iter()
            .filter(|file| is_workflow(&file.path))
            .collect();
        workflows.sort_by_key(|file| &file.path);
        for file in workflows {
            self.imported.read(&file.path, &file.text, &known);
        }
    }
}

/// The Dockerfiles: those at the top first, plain names before others.
fn dockerfiles(found: &Found) -> Vec<(String, String)> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut all: Vec<_> = found
        .files
        .iter()
        .filter(|file| dockerfile::is_dockerfile(&name(&file.path)))
        .map(|file| (file.path.clone(), file.text.clone()))
        .collect();
    all.sort_by_key(|(path, _)| {
        let depth = path.matches('/').count();
        (depth, dockerfile::flavour(path).is_some(), path.clone())
    });
    all.truncate(MOST_DOCKERFILES);
    all
}

/// `owner/name` where the remote is on GitHub.
pub(super) fn github(remote: &str) -> Option<String> {
    let path = source_url(remote)?
        .strip_prefix("https://github.com/")?
        .to_owned();
    (path.split('/').count() == 2).then_some(path)
}

/// What stands before the version in most git tags, and the highest version with it.
pub(super) fn git_prefix(tags: &[String]) -> Option<(String, Version)> {
    let mut prefixes: Vec<(String, usize, Version)> = Vec::new();
    for tag in tags {
        let Some((prefix, version)) = split_tag(tag) else {
            continue;
        };
        match prefixes.iter_mut().find(|(known, ..)| known == prefix) {
            Some((_, count, highest)) => {
                *count += 1;
                if version.cmp_precedence(highest).is_gt() {
                    *highest = version;
                }
            }
            None => prefixes.push((prefix.to_owned(), 1, version)),
        }
    }
    // The most used one; of equals the shorter, which is rather the whole repository's.
    prefixes.sort_by_key(|(prefix, count, _)| (std::cmp::Reverse(*count), prefix.len()));
    prefixes
        .into_iter()
        .next()
        .map(|(prefix, _, highest)| (prefix, highest))
}

fn split_tag(tag: &str) -> Option<(&str, Version)> {
    let starts = tag.char_indices().filter(|(at, c)| {
        c.is_ascii_digit() && !tag[..*at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    starts
        .filter_map(|(at, _)| Some((&tag[..at], Version::parse(&tag[at..]).ok()?)))
        .next()
}

#[cfg(test)]
mod tests {
    use crate::init::facts::*;

    #[test]
    fn the_most_used_prefix_is_taken() {
        let tags = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let prefix = |names: &[&str]| git_prefix(&tags(names)).map(|(p, v)| format!("{p}|{v}"));
        assert_eq!(
            prefix(&["api@1.0.0", "api@1.1.0", "v3.0.0"]).as_deref(),
            Some("api@|1.1.0")
        );
        assert_eq!(prefix(&["api2-1.0.0"]).as_deref(), Some("api2-|1.0.0"));
        assert_eq!(prefix(&["v1.2", "x"]), None);
        assert_eq!(github("https://gitlab.com/a/b"), None);
        assert_eq!(
            github("https://x@github.com/a/b.git").as_deref(),
            Some("a/b")
        );
    }
}
