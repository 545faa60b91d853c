//! Release notes of a project: the range, the template and the remote's pages put together.

use std::{collections::BTreeMap, fs, io::ErrorKind};

use chrono::NaiveDate;
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    io::git::read::Tagged,
    plan::{
        PlannedCommit,
        history::{
            facts::{Commit, Facts, HistoryQuery, VersionTag},
            levels::{self, JudgedChange},
        },
        notes::{self, NotesRange, ReleaseNotes, forge::Forge, prepend},
        version::{VersionRequest, next::Next, request::parse_version},
    },
    policy::{Policy, Unconventional},
    project::open::Project,
    regular_file,
};

/// What a released version is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleasedChanges {
    /// The version before it; `None`: it is the first.
    pub previous: Option<Version>,
    /// The changes, newest first.
    pub commits: Vec<PlannedCommit>,
}

/// What notes are wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
            return parse_version(text).map(Self::Version);
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

impl Project {
    /// The notes of `wanted`. `today` (UTC) dates what is not released yet.
    ///
    /// # Errors
    /// As [`Project::next`]; refused (exit 4) where the version has no tag; usage (exit 2) where
    /// the range is wrong.
    pub fn notes(
        &self,
        wanted: &Wanted,
        request: &VersionRequest,
        today: NaiveDate,
    ) -> Result<ReleaseNotes> {
        match wanted {
            Wanted::Next => {
                let history = self.next(request)?;
                self.notes_of_next(&history.facts, &history.decision, today)
            }
            Wanted::Version(version) => self.notes_of_version(version),
            Wanted::Range { from, to } => {
                let commits = self.commits(from.as_deref(), to)?;
                let entries = judge(self.policy(), &commits)?;
                let forge = self.forge();
                let mut notes = notes::collect(&entries, &NotesRange::default(), forge.as_ref());
                notes.title = format!("{}..{to}", from.as_deref().unwrap_or_default());
                Ok(notes)
            }
        }
    }

    /// The text of the notes, by the policy's template or the built-in one.
    ///
    /// # Errors
    /// Usage (exit 2): the template cannot be read, or fails.
    pub fn render_notes(&self, notes: &ReleaseNotes) -> Result<String> {
        let Some(name) = &self.policy().notes.template else {
            return notes::render(notes, None);
        };
        let source = regular_file::read_text_named(self.top(), name).map_err(|error| {
            Error::usage(format!("cannot read `notes.template` `{name}`")).because(&error)
        })?;
        notes::render(notes, Some((name, &source)))
    }

    /// Puts the notes into the changelog, before the older ones. Returns the file's path inside
    /// the repository.
    ///
    /// # Errors
    /// As [`Project::render_notes`]; failed (exit 6) where the file cannot be read or written.
    pub fn write_notes(&self, notes: &ReleaseNotes) -> Result<&str> {
        let name = self.changelog();
        let text = self.render_notes(notes)?;
        let file = self.top().join(name);
        let old = match regular_file::read_text_inside(self.top(), name) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read
                .map_err(|error| Error::failed(format!("cannot read `{name}`")).because(&error))?,
        };
        fs::write(&file, prepend(&old, &text, &notes.title))
            .map_err(|error| Error::failed(format!("cannot write `{name}`")).because(&error))?;
        Ok(name)
    }

    /// The notes of the next version; of what is not released yet where there is none; of the
    /// version that HEAD is tagged with where that is the one to be released.
    pub(crate) fn notes_of_next(
        &self,
        facts: &Facts,
        next: &Next,
        today: NaiveDate,
    ) -> Result<ReleaseNotes> {
        if let (Some(version), Some(_)) = (&next.version, &next.on_head) {
            return self.notes_of_version(version);
        }
        let prerelease = next.is_prerelease();
        let name = |version: &Version| self.policy().version.tag.name(version);
        let version = next.version.as_ref();
        let span = NotesRange {
            to: version.map(|version| (version.to_string(), name(version))),
            from: before(prerelease, facts.channel.as_ref(), facts.stable.as_ref()),
            date: version.map(|_| today.to_string()),
            told: self.told(facts, version)?,
        };
        let entries = judge(self.policy(), &facts.commits)?;
        Ok(notes::collect(
            &fresh(entries, prerelease),
            &span,
            self.forge().as_ref(),
        ))
    }

    /// The text of the next version's notes without a heading: what the git tag's message says.
    pub(crate) fn notes_text(
        &self,
        facts: &Facts,
        next: &Next,
        today: NaiveDate,
    ) -> Result<String> {
        self.render_notes(&self.notes_of_next(facts, next, today)?)
    }

    fn notes_of_version(&self, version: &Version) -> Result<ReleaseNotes> {
        let policy = self.policy();
        let prerelease = !version.pre.is_empty();
        let (at, facts) = self.facts_of_version(version)?;
        let span = NotesRange {
            to: Some((version.to_string(), policy.version.tag.name(version))),
            from: before(prerelease, facts.channel.as_ref(), facts.stable.as_ref()),
            date: chrono::DateTime::from_timestamp(at.time, 0)
                .map(|time| time.format("%Y-%m-%d").to_string()),
            told: self.told(&facts, Some(version))?,
        };
        let entries = judge(policy, &facts.commits)?;
        Ok(notes::collect(
            &fresh(entries, prerelease),
            &span,
            self.forge().as_ref(),
        ))
    }

    /// The changes of a released version, as its release saw them.
    ///
    /// # Errors
    /// Refused (exit 4) where the version has no tag.
    pub fn released_changes(&self, version: &Version) -> Result<ReleasedChanges> {
        let (_, facts) = self.facts_of_version(version)?;
        let prerelease = !version.pre.is_empty();
        let entries = judge(self.policy(), &facts.commits)?;
        let previous = facts.channel.as_ref().filter(|_| prerelease);
        let previous = previous.or(facts.stable.as_ref());
        Ok(ReleasedChanges {
            previous: previous.map(|tag| tag.version.clone()),
            commits: entries.iter().map(PlannedCommit::of).collect(),
        })
    }

    /// The release that a version follows in git's history, or that HEAD follows: the stable one, where there is
    /// one. `None`: this clone does not tell.
    pub(crate) fn followed(&self, version: Option<&Version>) -> Option<Version> {
        let facts = match version {
            Some(version) => self.facts_of_version(version).ok()?.1,
            None => self.facts(&VersionRequest::default()).ok()?,
        };
        Some(facts.stable.or(facts.base)?.version)
    }

    /// The git tag of a released version, and the history below it.
    fn facts_of_version(&self, version: &Version) -> Result<(Tagged, Facts)> {
        let policy = self.policy();
        let tag = policy.version.tag.name(version);
        let at = self.git().tagged(&tag)?.ok_or_else(|| {
            Error::refused(format!(
                "`{version}` is not released: there is no tag `{tag}`"
            ))
            .with_code(ErrorCode::NotReleased)
            .hint(
                "`hoist changelog` shows what is not released yet; `git fetch --tags` fetches tags",
            )
        })?;
        let label = version.pre.as_str().split('.').next().unwrap_or_default();
        let prerelease = !version.pre.is_empty();
        let facts = self.git().read(&HistoryQuery {
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
        Ok((at, facts))
    }

    /// Which commits of the range a lower version has told of: one on an older line, or the base
    /// where its line was merged.
    fn told(&self, facts: &Facts, version: Option<&Version>) -> Result<BTreeMap<CommitId, String>> {
        let Some(version) = version.filter(|_| !facts.commits.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let lower = |tag: &&VersionTag| {
            tag.version.pre.is_empty() && tag.version.cmp_precedence(version).is_lt()
        };
        let mut tags: Vec<_> = facts.elsewhere.iter().filter(lower).collect();
        tags.sort_by(|a, b| a.version.cmp_precedence(&b.version));
        let commits: Vec<_> = tags.iter().filter_map(|tag| tag.commit).collect();
        let mut told = Vec::new();
        if let (Some(since), Some(base)) = (notes::oldest_beside_base(facts), &facts.stable)
            && let Some(commit) = base.commit
        {
            told.push((base.version.to_string(), self.git().behind(commit, since)?));
        }
        if !commits.is_empty() {
            for (commit, has) in self.git().beside(facts.head, &commits)? {
                let tag = tags.iter().find(|tag| tag.commit == Some(commit));
                told.extend(tag.map(|tag| (tag.version.to_string(), has)));
            }
        }
        Ok(notes::copies(&facts.commits, &told))
    }

    /// The commits that a range names, newest first. Without `from` it starts at the first commit.
    pub(super) fn commits(&self, from: Option<&str>, to: &str) -> Result<Vec<Commit>> {
        let git = self.git();
        let from = from.map(|name| git.resolve(name)).transpose()?;
        git.between(from, git.resolve(to)?, &self.policy().version.paths)
    }

    fn forge(&self) -> Option<Forge> {
        self.remote_url().and_then(|url| Forge::of(&url))
    }
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

fn fresh(mut entries: Vec<JudgedChange>, prerelease: bool) -> Vec<JudgedChange> {
    entries.retain(|entry| !prerelease || entry.after_prerelease);
    entries
}

/// Release notes tell of every commit, also of one that would stop a release.
fn judge(policy: &Policy, commits: &[Commit]) -> Result<Vec<JudgedChange>> {
    let mut policy = policy.version.clone();
    if policy.unconventional == Unconventional::Error {
        policy.unconventional = Unconventional::Ignore;
    }
    levels::judge(&policy, commits).map(|judged| judged.entries)
}
