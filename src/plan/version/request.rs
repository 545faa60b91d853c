//! What a person asks for on the command line, and how versions and labels are read from it.

use semver::Version;

use crate::{
    error::{Error, Result},
    policy::Level,
};

/// What a person asked for on the command line, in place of what the history would say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionRequest {
    /// `--bump`: the level, whatever the commits say.
    pub bump: Option<Level>,
    /// `--version`: the version itself, as typed.
    pub version: Option<String>,
    /// `--pre`: a pre-release with this label, whatever the branch.
    pub pre: Option<String>,
    /// `--branch`: the branch to answer for.
    pub branch: Option<String>,
}

/// Overrides that exclude each other.
pub(crate) fn check_flags(request: &VersionRequest) -> Result<()> {
    if request.version.is_some() && (request.bump.is_some() || request.pre.is_some()) {
        return Err(Error::usage(
            "`--version` cannot be combined with `--bump` or `--pre`",
        ));
    }
    Ok(())
}

/// A version as typed. Nothing is guessed: what was probably meant is named instead.
///
/// # Errors
/// Usage (exit 2).
pub fn parse_version(text: &str) -> Result<Version> {
    Version::parse(text).map_err(|cause| {
        let error = Error::usage(format!("`{}` is not a valid version", text.escape_debug()))
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
pub fn parse_label(text: &str) -> Result<&str> {
    let legal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let bare = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if !legal || bare.is_empty() {
        return Err(Error::usage(format!(
            "`{}` is not a valid pre-release label",
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

/// A label that reads like a variant's suffix.
pub(crate) fn like_a_variant(label: &str, variant: &str) -> Error {
    Error::usage(format!(
        "the pre-release label `{label}` is the suffix of variant `{variant}`"
    ))
    .cause(format!("the tag `1.2.3-{label}` could be either"))
    .hint(format!(
        "choose another label, or set `variants.{variant}.suffix`"
    ))
}

#[cfg(test)]
mod tests {
    use crate::plan::version::request::*;

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
            let error = parse_version(text).expect_err(text);
            assert!(
                error.first_hint().is_some_and(|it| it.contains(hint)),
                "{text}"
            );
        }
        assert!(parse_version("1.2.3-rc.1+build.5").is_ok());
    }

    #[test]
    fn a_label_leaves_the_counting_to_hoist() {
        assert!(
            parse_label("rc").is_ok() && parse_label("x-y").is_ok() && parse_label("k8s").is_ok()
        );
        for bad in ["", "1", "rc2", "rc.1", "r c", "é"] {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
    }
}
