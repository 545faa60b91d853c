//! Versions and labels that a person names: `--version`, `--pre`, `Release-As`.

use semver::{Prerelease, Version};

use crate::{
    error::{Error, Result},
    plan::version::{
        bump::{core, higher},
        decision::{ComputedVersion, VersionDecision},
    },
};

/// Whether a pre-release ends with a counter after a dot, so that the next one sorts after it.
fn has_counter(pre: &Prerelease) -> bool {
    pre.as_str()
        .rsplit_once('.')
        .is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()))
}

impl VersionDecision<'_> {
    /// `--version`.
    pub(crate) fn exact(&mut self, version: &Version) -> Result<ComputedVersion> {
        if let Some(tag) = self
            .facts
            .on_head
            .iter()
            .find(|tag| tag.version == *version)
        {
            return Ok(ComputedVersion {
                version: Some(version.clone()),
                on_head: Some(tag.clone()),
                why: format!("`--version`; the tag `{}` is on HEAD already", tag.name),
            });
        }
        if !version.pre.is_empty() && !has_counter(&version.pre) {
            return Err(Error::usage(format!(
                "`{version}` has no counter: a new pre-release is `{}-{}.1`",
                core(version),
                version
                    .pre
                    .as_str()
                    .trim_end_matches(|c: char| c.is_ascii_digit())
            ))
            .cause("without a number after a dot, `rc10` sorts before `rc9`"));
        }
        self.is_free(version)?;
        if self.line.is_some() {
            self.stays_in_line(version)?;
        } else if let Some(base) = &self.facts.base
            && !higher(version, &base.version)
        {
            let error = Error::refused(format!(
                "`{version}` is not above `{}`, which HEAD descends from",
                base.name
            ))
            .state("nothing was changed");
            // One of a version that is out is behind it, and so is a lower counter.
            let is_of_base = core(version) == core(&base.version);
            return Err(match version.pre.as_str().split('.').next() {
                Some(label) if is_of_base && !label.is_empty() => error.hint(format!(
                    "`hoist next --pre {label}` names the pre-release that follows"
                )),
                _ => error.hint(format!(
                    "an older line is released from its own branch, e.g. `{}.{}.x`",
                    version.major, version.minor
                )),
            });
        }
        Ok(ComputedVersion::of(version.clone(), "`--version`"))
    }

    /// The newest `Release-As` footer of the range, where it can be followed.
    pub(crate) fn release_as(&mut self, label: Option<&str>) -> Result<Option<ComputedVersion>> {
        let Some((commit, text)) = &self.judgement.release_as else {
            return Ok(None);
        };
        let id = commit.short();
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let version = Version::parse(bare).map_err(|cause| {
            Error::refused(format!(
                "{id} says `Release-As: {}`, which is not a valid version",
                crate::text::sanitize_line(text, 72)
            ))
            .cause(cause.to_string())
            .hint("name the version with `--version`")
        })?;
        if bare != text {
            self.notes.push(format!(
                "{id} says `Release-As: {text}`; read as `{version}`"
            ));
        }
        let ignored = if self.request.bump.is_some() {
            Some("`--bump` was given".to_owned())
        } else if let Some(base) = &self.facts.base
            && !higher(&version, &base.version)
        {
            Some(format!("it is not above `{}`", base.name))
        } else {
            self.taken(&version)
                .map(|tag| format!("the tag `{}` has it already", tag.name))
        };
        if let Some(reason) = ignored {
            self.notes.push(format!(
                "`Release-As: {version}` of {id} is ignored: {reason}"
            ));
            return Ok(None);
        }
        if let Some(label) = label
            && version.pre.is_empty()
        {
            return self.prerelease(label, Some(&version)).map(Some);
        }
        if !version.pre.is_empty() && !has_counter(&version.pre) {
            return Err(Error::refused(format!(
                "{id} says `Release-As: {version}`, a pre-release without a counter"
            ))
            .hint("name the version with `--version`"));
        }
        self.stays_in_line(&version)?;
        Ok(Some(ComputedVersion::of(
            version,
            format!("`Release-As` of {id}"),
        )))
    }
}
