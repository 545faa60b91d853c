//! Pre-releases: the stable version that they lead to, and their counter.

use semver::{Prerelease, Version};

use crate::{
    error::{Error, Result},
    plan::{
        history::facts::{VersionTag, has_label},
        version::{
            bump::{core, higher},
            decision::{ComputedVersion, VersionDecision},
        },
    },
};

/// The counter of `version` where it is exactly `label.N`; digits, because they may be beyond u64.
#[must_use]
pub fn counter<'a>(version: &'a Version, label: &str) -> Option<&'a str> {
    version
        .pre
        .as_str()
        .strip_prefix(label)?
        .strip_prefix('.')
        .filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl VersionDecision<'_> {
    /// The next pre-release of `label`. `core` stands in for the computed one (`Release-As`).
    pub(crate) fn prerelease(
        &mut self,
        label: &str,
        wanted: Option<&Version>,
    ) -> Result<ComputedVersion> {
        if self.request.bump.is_none() {
            let counts =
                |entry: &&crate::plan::history::levels::JudgedChange| entry.level.is_some();
            let mut entries = self.judgement.entries.iter().filter(counts);
            let asked = wanted.is_some() && self.release_as_is_new();
            if !asked && !entries.any(|entry| entry.after_prerelease) {
                return Ok(ComputedVersion::none(self.nothing_new()));
            }
        }
        let target = self.target(label, wanted)?;
        self.stays_in_line(&target)?;
        let number = self.next_counter(&target, label)?;
        let next = Version {
            pre: Prerelease::new(&format!("{label}.{number}"))
                .map_err(|error| Error::bug(format!("label `{label}`")).because(&error))?,
            ..target.clone()
        };
        self.is_free(&next)?;
        self.warn(&target, &next, label)?;
        let why = match wanted {
            Some(_) => format!("`Release-As: {target}`"),
            None => self.because(),
        };
        Ok(ComputedVersion::of(next, why))
    }

    /// The core that the pre-release leads to: the bump of the last stable version over everything
    /// since, or `initial`; never below the core of a pre-release of that label ahead of it, on
    /// whatever branch.
    fn target(&self, label: &str, wanted: Option<&Version>) -> Result<Version> {
        if let Some(wanted) = wanted {
            return Ok(wanted.clone());
        }
        let stable = self.facts.stable.as_ref().map(|tag| &tag.version);
        let bumped = match (stable, self.level) {
            (Some(stable), Some(level)) => self.bumped(stable, level)?,
            (None, _) => core(&self.policy.initial),
            (Some(_), None) => {
                return Err(Error::bug("a pre-release was asked for without a level"));
            }
        };
        let floor = self
            .facts
            .tags
            .iter()
            .filter(|tag| has_label(&tag.version, label))
            .filter(|tag| stable.is_none_or(|stable| higher(&tag.version, stable)))
            .filter(|tag| self.line.is_none_or(|line| line.contains(&tag.version)))
            .map(|tag| core(&tag.version))
            .max_by(Version::cmp_precedence);
        Ok(match floor {
            Some(floor) if higher(&floor, &bumped) => floor,
            _ => bumped,
        })
    }

    /// One above the highest `target-label.N` of all tags; 1 where there is none.
    fn next_counter(&self, target: &Version, label: &str) -> Result<u64> {
        let highest = self
            .facts
            .tags
            .iter()
            .filter(|tag| core(&tag.version) == *target && counter(&tag.version, label).is_some())
            .max_by(|a, b| a.version.cmp_precedence(&b.version));
        let Some(tag) = highest else {
            return Ok(1);
        };
        counter(&tag.version, label)
            .and_then(|digits| digits.parse::<u64>().ok())
            .and_then(|number| number.checked_add(1))
            .ok_or_else(|| {
                Error::refused(format!(
                    "no pre-release follows `{}`: its counter would overflow ({})",
                    tag.name,
                    u64::MAX
                ))
                .hint("name the version with `--version`")
            })
    }

    /// Within a label versions rise; a new label may go down, and a core may be out already.
    fn warn(&mut self, target: &Version, next: &Version, label: &str) -> Result<()> {
        let own = |tag: &&VersionTag| counter(&tag.version, label).is_some();
        self.is_above(self.facts.channel.as_ref().filter(own), next)?;
        if let Some(base) = self
            .facts
            .base
            .as_ref()
            .filter(|tag| higher(&tag.version, next))
        {
            self.notes.push(format!(
                "`{next}` is below `{}`: the label changes",
                base.name
            ));
        }
        let released =
            |tag: &&VersionTag| tag.version.pre.is_empty() && core(&tag.version) == *target;
        if let Some(tag) = self.facts.tags.iter().find(released) {
            self.notes.push(format!(
                "`{target}` is out already as `{}`, which HEAD does not descend from: merge it before this channel goes on",
                tag.name
            ));
        }
        Ok(())
    }

    fn release_as_is_new(&self) -> bool {
        let commit = self.judgement.release_as.as_ref().map(|(commit, _)| commit);
        self.judgement
            .entries
            .iter()
            .any(|entry| Some(&entry.id) == commit && entry.after_prerelease)
    }

    fn nothing_new(&self) -> String {
        match &self.facts.channel {
            Some(tag) if self.level.is_some() => {
                format!("nothing that counts since `{}`", tag.name)
            }
            _ => self.nothing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::version::prerelease::*;

    #[test]
    fn a_label_is_known_in_every_spelling_but_counted_in_one() {
        let version = |text: &str| Version::parse(text).expect("a version");
        for (text, has, count) in [
            ("1.0.0-rc.2", true, Some("2")),
            ("1.0.0-rc", true, None),
            ("1.0.0-rc2", true, None),
            ("1.0.0-rc.a.2", true, None),
            ("1.0.0-rcx.2", false, None),
            ("1.0.0", false, None),
            ("1.0.0-beta.2", false, None),
            (
                "1.0.0-rc.99999999999999999999",
                true,
                Some("99999999999999999999"),
            ),
        ] {
            let version = version(text);
            assert_eq!(has_label(&version, "rc"), has, "{text}");
            assert_eq!(counter(&version, "rc"), count, "{text}");
        }
    }
}
