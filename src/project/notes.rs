//! Release notes of a repository: the range, the template and the remote's pages put together.

use std::path::Path;

use semver::Version;

use crate::{
    error::{Error, Result},
    io::{environment::Environment, git::read::Repository},
    plan::{
        history::{
            facts::{Commit, Facts, Question, VersionTag},
            levels::{self, Entry},
        },
        notes::{self, Notes, Span, forge::Forge},
        version::{
            next::{Next, Request},
            requested,
        },
    },
    policy::{Policy, Unconventional},
    project::{Location, ProjectFacts, load},
};

/// What notes are wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// What is not released yet.
    Next,
    /// A released version.
    Version(Version),
    /// The commits of `from..to`.
    Range {
        /// Where it starts; unset: at the first commit.
        from: Option<String>,
        /// Where it ends.
        to: String,
    },
}

impl Wanted {
    /// `1.2.3`, or `from..to` with HEAD for what is left out.
    ///
    /// # Errors
    /// Usage (exit 2).
    pub fn parse(text: &str) -> Result<Self> {
        let Some((from, to)) = text.split_once("..") else {
            return requested::parse(text).map(Self::Version);
        };
        if to.starts_with('.') {
            return Err(Error::usage(format!("`{text}` has three dots"))
                .hint("a range is `FROM..TO`: the commits of TO that FROM does not have"));
        }
        let named = |end: &str| (!end.is_empty()).then(|| end.to_owned());
        Ok(Self::Range {
            from: named(from),
            to: named(to).unwrap_or_else(|| "HEAD".to_owned()),
        })
    }
}

/// The notes of `wanted`. `today` (`2026-11-23`) dates what is not released yet.
///
/// # Errors
/// As [`Seen::read`]; refused (exit 4) where the version has no tag; usage (exit 2) where the
/// range or the template is wrong.
pub fn read(
    place: &Location,
    wanted: &Wanted,
    request: &Request,
    env: &Environment,
    today: &str,
) -> Result<Notes> {
    match wanted {
        Wanted::Next => {
            let seen = ProjectFacts::read(place, request, env)?;
            let next = seen.next(request)?;
            of_next(&seen.repository, &seen.policy, &seen.facts, &next, today)
        }
        Wanted::Version(version) => {
            let repository = Repository::open(&place.directory)?;
            let policy = load(place, &repository)?;
            of_version(&repository, &policy, version)
        }
        Wanted::Range { from, to } => {
            let repository = Repository::open(&place.directory)?;
            let policy = load(place, &repository)?;
            let commits = commits(&repository, &policy, from.as_deref(), to)?;
            let entries = judge(&policy, &commits)?;
            let mut notes = notes::collect(
                &entries,
                &Span::default(),
                forge(&repository, &policy).as_ref(),
            );
            notes.title = format!("{}..{to}", from.as_deref().unwrap_or_default());
            Ok(notes)
        }
    }
}

/// The notes of the next version; of what is not released yet where there is none; of the version
/// that HEAD is tagged with where that is the one to be released.
///
/// # Errors
/// Usage (exit 2) for a bad rule.
pub fn of_next(
    repository: &Repository,
    policy: &Policy,
    facts: &Facts,
    next: &Next,
    today: &str,
) -> Result<Notes> {
    if let (Some(version), Some(_)) = (&next.next, &next.on_head) {
        return of_version(repository, policy, version);
    }
    let prerelease = next.is_prerelease();
    let span = Span {
        to: next
            .next
            .as_ref()
            .map(|version| (version.to_string(), policy.version.tag.name(version))),
        from: before(prerelease, facts.channel.as_ref(), facts.stable.as_ref()),
        date: next.next.as_ref().map(|_| today.to_owned()),
    };
    let entries = judge(policy, &facts.commits)?;
    Ok(notes::collect(
        &fresh(entries, prerelease),
        &span,
        forge(repository, policy).as_ref(),
    ))
}

fn of_version(repository: &Repository, policy: &Policy, version: &Version) -> Result<Notes> {
    let tag = policy.version.tag.name(version);
    let at = repository.tagged(&tag)?.ok_or_else(|| {
        Error::refused(format!(
            "`{version}` is not released: there is no tag `{tag}`"
        ))
        .hint("`hoist changelog` shows what is not released yet; `git fetch --tags` fetches tags")
    })?;
    let prerelease = !version.pre.is_empty();
    let label = version.pre.as_str().split('.').next().unwrap_or_default();
    let facts = repository.read(&Question {
        template: policy.version.tag.clone(),
        branch: None,
        at: Some(at.commit),
        below: Some(version.clone()),
        line: None,
        label: prerelease.then(|| label.to_owned()),
        version: None,
        paths: policy.version.paths.clone(),
        remote_tags: Vec::new(),
    })?;
    let span = Span {
        to: Some((version.to_string(), tag)),
        from: before(prerelease, facts.channel.as_ref(), facts.stable.as_ref()),
        date: chrono::DateTime::from_timestamp(at.time, 0)
            .map(|time| time.format("%Y-%m-%d").to_string()),
    };
    let entries = judge(policy, &facts.commits)?;
    Ok(notes::collect(
        &fresh(entries, prerelease),
        &span,
        forge(repository, policy).as_ref(),
    ))
}

/// The commits that a range names.
///
/// # Errors
/// Usage (exit 2) for a name that is none; refused (exit 4) for a history that cannot be read.
pub fn commits(
    repository: &Repository,
    policy: &Policy,
    from: Option<&str>,
    to: &str,
) -> Result<Vec<Commit>> {
    let from = from.map(|name| repository.resolve(name)).transpose()?;
    repository.between(from, repository.resolve(to)?, &policy.version.paths)
}

/// The text of the next version's notes without a heading: what the git tag's message says.
///
/// # Errors
/// As [`of_next`] and [`render`].
pub fn text(
    repository: &Repository,
    policy: &Policy,
    facts: &Facts,
    next: &Next,
    today: &str,
) -> Result<String> {
    let notes = of_next(repository, policy, facts, next, today)?;
    let top = repository
        .directory()
        .unwrap_or_else(|| repository.common_directory());
    render(&notes, policy, top)
}

/// The text of the notes, by the policy's template or the built-in one.
///
/// # Errors
/// Usage (exit 2): the template cannot be read, or fails.
pub fn render(notes: &Notes, policy: &Policy, top: &Path) -> Result<String> {
    let Some(name) = &policy.notes.template else {
        return notes::render(notes, None);
    };
    let source = std::fs::read_to_string(top.join(name)).map_err(|error| {
        Error::usage(format!("cannot read `notes.template` `{name}`")).because(&error)
    })?;
    notes::render(notes, Some((name, &source)))
}

/// A pre-release tells what is new since the one before it, a stable version everything since the
/// last stable one.
fn before(
    prerelease: bool,
    channel: Option<&VersionTag>,
    stable: Option<&VersionTag>,
) -> Option<(String, String)> {
    channel
        .filter(|_| prerelease)
        .or(stable)
        .map(|tag| (tag.version.to_string(), tag.name.clone()))
}

fn fresh(mut entries: Vec<Entry>, prerelease: bool) -> Vec<Entry> {
    entries.retain(|entry| !prerelease || entry.after_prerelease);
    entries
}

/// Notes tell of every commit, also of one that would stop a release.
fn judge(policy: &Policy, commits: &[Commit]) -> Result<Vec<Entry>> {
    let mut policy = policy.version.clone();
    if policy.unconventional == Unconventional::Error {
        policy.unconventional = Unconventional::Ignore;
    }
    levels::judge(&policy, commits).map(|judged| judged.entries)
}

fn forge(repository: &Repository, policy: &Policy) -> Option<Forge> {
    repository
        .remote_url(&policy.git.remote)
        .and_then(|url| Forge::of(&url))
}
