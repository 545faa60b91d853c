//! Versions and labels that a person names: `--version`, `--pre`, `Release-As`.

use semver::{Prerelease, Version};

use crate::{
    error::{Error, Result},
    plan::version::next::{Computed, Decision, Request, core, higher},
};

/// Overrides that exclude each other.
pub(crate) fn check_flags(request: &Request) -> Result<()> {
    if request.version.is_some() && (request.bump.is_some() || request.pre.is_some()) {
        return Err(Error::usage(
            "`--version` says it all: it goes with neither `--bump` nor `--pre`",
        ));
    }
    Ok(())
}

/// A version as typed. Nothing is guessed: what was probably meant is named instead.
///
/// # Errors
/// Usage (exit 2).
pub fn parse(text: &str) -> Result<Version> {
    Version::parse(text).map_err(|cause| {
        let error = Error::usage(format!("`{}` is no version", text.escape_debug()))
            .cause(cause.to_string());
        match meant(text) {
            Some(version) => error.hint(format!("probably `{version}`")),
            None => error.hint("a version is `1.2.3` or `1.2.3-rc.1` (https://semver.org)"),
        }
    })
}

/// The version that somebody meant who wrote `v1.2.3`, `1.2` or ` 1.2.3`.
fn meant(text: &str) -> Option<Version> {
    let bare = text.trim().trim_start_matches(['v', 'V', '=']).trim();
    if let Ok(version) = Version::parse(bare) {
        return Some(version);
    }
    let end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, rest) = bare.split_at(end);
    let missing = 3_usize.checked_sub(numbers.split('.').count())?;
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}

/// A label for new pre-releases.
///
/// # Errors
/// Usage (exit 2): not letters, digits and `-`; digits alone; or it ends with a number of its
/// own, because `rc2` sorts after `rc10` while `rc.2` sorts before `rc.10`.
pub fn label(text: &str) -> Result<&str> {
    let legal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let bare = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if !legal || bare.is_empty() {
        return Err(Error::usage(format!(
            "`{}` is no label for pre-releases",
            text.escape_debug()
        ))
        .hint("a label is letters, digits and `-`, not digits alone: `rc`, `beta`"));
    }
    if bare != text {
        return Err(
            Error::usage(format!("the label `{text}` ends with a number of its own"))
                .cause(format!(
                    "`{text}` would be counted as text: `{bare}10` sorts before `{bare}9`"
                ))
                .hint(format!(
                    "use `{bare}`: hoist counts `{bare}.1`, `{bare}.2`, …"
                )),
        );
    }
    Ok(text)
}

/// Whether a pre-release ends with a counter after a dot, so that the next one sorts after it.
fn has_counter(pre: &Prerelease) -> bool {
    pre.as_str()
        .rsplit_once('.')
        .is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()))
}

impl Decision<'_> {
    /// `--version`.
    pub(crate) fn exact(&mut self, version: &Version) -> Result<Computed> {
        if let Some(tag) = self
            .facts
            .on_head
            .iter()
            .find(|tag| tag.version == *version)
        {
            return Ok(Computed {
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
            return Err(Error::refused(format!(
                "`{version}` is not above `{}`, which HEAD descends from",
                base.name
            ))
            .state("nothing was changed")
            .hint(format!(
                "an older line is released from its own branch, e.g. `{}.{}.x`",
                version.major, version.minor
            )));
        }
        Ok(Computed::of(version.clone(), "`--version`"))
    }

    /// The newest `Release-As` footer of the range, where it can be followed.
    pub(crate) fn release_as(&mut self, label: Option<&str>) -> Result<Option<Computed>> {
        let Some((commit, text)) = &self.judgement.release_as else {
            return Ok(None);
        };
        let id = commit.short();
        let bare = text.strip_prefix('v').unwrap_or(text);
        let version = Version::parse(bare).map_err(|cause| {
            Error::refused(format!(
                "{id} says `Release-As: {}`, which is no version",
                crate::text::sanitize_line(text, 72)
            ))
            .cause(cause.to_string())
            .hint("say what is meant with `--version`")
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
            .hint("say what is meant with `--version`"));
        }
        self.stays_in_line(&version)?;
        Ok(Some(Computed::of(version, format!("`Release-As` of {id}"))))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::version::requested::*;

    #[test]
    fn a_version_is_never_guessed_but_named() {
        for (text, hint) in [
            ("v1.2.3", "probably `1.2.3`"),
            ("1.2", "probably `1.2.0`"),
            ("V2", "probably `2.0.0`"),
            ("1.2-rc.1", "probably `1.2.0-rc.1`"),
            (" 1.2.3\n", "probably `1.2.3`"),
            ("1.2.3.4", "a version is"),
            ("latest", "a version is"),
            ("01.2.3", "a version is"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.hint.is_some_and(|it| it.contains(hint)), "{text}");
        }
        assert!(parse("1.2.3-rc.1+build.5").is_ok());
    }

    #[test]
    fn a_label_leaves_the_counting_to_hoist() {
        assert!(label("rc").is_ok() && label("x-y").is_ok() && label("k8s").is_ok());
        for bad in ["", "1", "rc2", "rc.1", "r c", "é"] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }
}
