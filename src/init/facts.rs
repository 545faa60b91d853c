//! What was found, read and put in order: what the draft is made from.

use semver::Version;

use crate::{
    init::{
        dockerfile,
        found::{Found, TOOL_FILES},
        notes::Notes,
        push::Push,
        scenario::{Event, Scenario},
        tools::Hints,
        workflow::{Happening, Texts, Workflows},
    },
    plan::release::labels::source_url,
};

/// More Dockerfiles than this are examples or tests.
const MOST_DOCKERFILES: usize = 40;

/// More labels of pre-releases than this are not tried.
const MOST_LABELS: usize = 4;

/// What the found files say.
#[derive(Debug, Default)]
pub(super) struct DraftFacts {
    /// Name and URL of the git remote.
    pub(super) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(super) git_tags: Vec<String>,
    /// Path and text of each Dockerfile, the likeliest first.
    pub(super) dockerfiles: Vec<(String, String)>,
    /// Every file by its path.
    pub(super) texts: Texts,
    /// What other release tools were told.
    pub(super) hints: Hints,
    /// `owner/name` on GitHub.
    pub(super) github: Option<String>,
    /// What stands before the version in git tags.
    pub(super) prefix: String,
    /// The highest version that is tagged.
    pub(super) highest: Option<Version>,
    pub(super) default_branch: String,
    /// Labels of pre-releases, the one most in use first.
    pub(super) labels: Vec<String>,
    /// Repositories that were named on the command line, or by the person at the terminal.
    pub(super) images: Vec<String>,
}

impl DraftFacts {
    /// Reads what was found.
    pub(super) fn of(found: &Found) -> Self {
        let mut facts = Self {
            remote: found.remote.clone(),
            git_tags: found.git_tags.clone(),
            dockerfiles: dockerfiles(found),
            images: found.images.clone(),
            ..Self::default()
        };
        for file in &found.files {
            facts.texts.insert(file.path.clone(), file.text.clone());
        }
        for name in TOOL_FILES {
            if let Some(text) = facts.texts.get(name) {
                facts.hints.read(name, text);
            }
        }
        facts.github = facts.remote.as_ref().and_then(|(_, url)| github(url));
        let tagged = git_prefix(&facts.git_tags);
        let workflows = Workflows::read(&facts.texts);
        let hinted = facts
            .hints
            .tag
            .as_deref()
            .and_then(|tag| tag.split('{').next());
        let started = workflows.tag_prefixes().into_iter().next();
        let branch = workflows.default_branch().unwrap_or("main").to_owned();
        facts.prefix = match &tagged {
            Some((prefix, _)) => prefix.clone(),
            None => started
                .or_else(|| hinted.map(str::to_owned))
                .unwrap_or_else(|| "v".into()),
        };
        facts.highest = tagged.map(|(_, version)| version);
        facts.default_branch = branch;
        facts.labels = labels(&facts.git_tags, &facts.texts);
        facts
    }

    /// What happens when the version is released.
    pub(super) fn release(&self, version: &Version) -> Happening {
        Workflows::read(&self.texts).release(&self.scenario(version, Event::TagPush))
    }

    /// The same, for those who want the pushes alone.
    pub(super) fn pushes(&self, version: &Version) -> (Vec<Push>, Notes) {
        let happening = self.release(version);
        (happening.pushes, happening.notes)
    }

    /// What happens on a push to the default branch, which releases nothing.
    pub(super) fn on_branch(&self, version: &Version) -> Happening {
        Workflows::read(&self.texts).any(&self.scenario(version, Event::BranchPush))
    }

    fn scenario<'a>(&'a self, version: &'a Version, event: Event) -> Scenario<'a> {
        Scenario {
            version,
            prefix: &self.prefix,
            event,
            repository: self.github.as_deref(),
            default_branch: &self.default_branch,
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

/// The labels of pre-releases that git tags have, and those that workflows look for; `rc` where
/// there is none.
fn labels(tags: &[String], texts: &Texts) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    let mut count = |label: &str| match counted.iter_mut().find(|(known, _)| known == label) {
        Some((_, count)) => *count += 1,
        None => counted.push((label.to_owned(), 1)),
    };
    for tag in tags {
        let Some((_, version)) = split_tag(tag) else {
            continue;
        };
        let label = version.pre.split('.').next().unwrap_or_default();
        // `rc2` has no counter that could be raised; what stands before it is the label.
        let label = label
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches('-');
        if !label.is_empty() {
            count(label);
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut labels: Vec<String> = counted.into_iter().map(|(label, _)| label).collect();
    let asked = [
        "rc", "beta", "alpha", "pre", "preview", "next", "dev", "canary",
    ];
    let is_asked = |label: &&str| {
        let quoted = [
            format!("'-{label}"),
            format!("\"-{label}"),
            format!("-{label}."),
        ];
        texts.iter().any(|(path, text)| {
            crate::init::workflow::is_workflow(path)
                && quoted.iter().any(|quoted| text.contains(&**quoted))
        })
    };
    for label in asked.into_iter().filter(is_asked) {
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    if labels.is_empty() {
        labels.push("rc".into());
    }
    labels.truncate(MOST_LABELS);
    labels
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

    #[test]
    fn labels_in_use() {
        let tags = ["v1.0.0-beta.1", "v1.0.0-rc.1", "v1.0.0-rc2", "v1.0.0"].map(str::to_owned);
        assert_eq!(labels(&tags, &Texts::new()), ["rc", "beta"]);
        let texts = [(
            ".github/workflows/a.yml".to_owned(),
            "if: contains(github.ref, '-pre')".to_owned(),
        )];
        assert_eq!(labels(&[], &texts.into()), ["pre"]);
        assert_eq!(labels(&[], &Texts::new()), ["rc"]);
    }
}
