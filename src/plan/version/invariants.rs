//! What every computed version must hold to: free, in its line, above its base.

use std::cmp::Ordering;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    plan::{
        history::facts::VersionTag,
        version::{
            bump::{bumped, higher},
            decision::{VersionDecision, named},
        },
    },
    policy::Level,
    text::shell_word,
};

impl VersionDecision<'_> {
    /// A computed version that is not above its base is a bug, not a release.
    pub(crate) fn is_above(&self, base: Option<&VersionTag>, version: &Version) -> Result<()> {
        match base {
            Some(base) if !higher(version, &base.version) => Err(Error::bug(format!(
                "`{version}` was computed, which is not above `{}`",
                base.name
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a version that is tagged on another commit.
    pub(crate) fn is_free(&self, version: &Version) -> Result<()> {
        let Some(tag) = self.taken(version) else {
            return Ok(());
        };
        let place = match tag.commit {
            Some(commit) => format!("it is tagged on {commit}"),
            None => "its tag does not point at a commit of this clone".into(),
        };
        let error = Error::refused(format!("`{version}` is taken by the tag `{}`", tag.name))
            .with_code(ErrorCode::VersionTaken)
            .cause(format!("{place}, and HEAD is {}", self.facts.head))
            .state("nothing was changed");
        let free = self.free();
        // Whoever names a version that is out may want the rest of it.
        let error = match (&self.request.version, tag.commit) {
            (Some(_), Some(_)) if tag.version == *version => error.hint(format!(
                "`git checkout {}`, then the same command, completes {version} where something of it is missing",
                shell_word(&tag.name)
            )),
            _ => error,
        };
        // A commit that this branch has cannot be merged into it.
        let is_elsewhere = self.facts.elsewhere.iter().any(|one| one.name == tag.name);
        Err(match is_elsewhere {
            true => error
                .hint("merge that commit into this branch")
                .hint(format!(
                    "or name a version that is free: `--version {free}`"
                )),
            false => error.hint(format!("name a version that is free: `--version {free}`")),
        })
    }

    /// A version above all that are tagged.
    fn free(&self) -> Version {
        let versions = self.facts.tags.iter().map(|tag| &tag.version);
        let highest = versions.max_by(|a, b| a.cmp_precedence(b));
        let mut free = highest.cloned().unwrap_or(Version::new(0, 1, 0));
        if free.pre.is_empty() {
            free.patch = free.patch.saturating_add(1);
        }
        Version::new(free.major, free.minor, free.patch)
    }

    /// The tag that has `version` already, on another commit than HEAD.
    pub(crate) fn taken(&self, version: &Version) -> Option<&VersionTag> {
        self.facts.tags.iter().find(|tag| {
            tag.version.cmp_precedence(version) == Ordering::Equal
                && !self.facts.on_head.iter().any(|own| own.name == tag.name)
        })
    }

    /// Refuses a version outside the maintenance line, naming the commits that force it out.
    pub(crate) fn stays_in_line(&self, version: &Version) -> Result<()> {
        let Some(line) = self.line.filter(|line| !line.contains(version)) else {
            return Ok(());
        };
        let mut error = Error::refused(format!(
            "`{version}` is outside the line {line} of branch `{}`",
            self.facts.branch.as_deref().unwrap_or_default()
        ));
        let base = self.facts.stable.as_ref();
        for entry in &self.judgement.entries {
            let forces = entry.level.zip(base).is_some_and(|(level, base)| {
                bumped(&base.version, level, self.policy.zero)
                    .is_none_or(|version| !line.contains(&version))
            });
            if forces {
                error = error.cause(named(entry));
            }
        }
        let patch = base.and_then(|base| bumped(&base.version, Level::Patch, self.policy.zero));
        let error = error
            .state("nothing was changed")
            .hint("take these changes out of the branch, or release them from another one");
        Err(match patch.filter(|patch| line.contains(patch)) {
            Some(patch) if self.request.version.is_none() => error.hint(format!(
                "`--bump patch` releases them as {patch} all the same"
            )),
            _ => error,
        })
    }
}
