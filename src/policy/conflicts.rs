//! Whether the images of one repository can be told apart: no two policies publish to the same
//! repository, and no git tag can be a version of two of them.

use crate::{
    error::{Error, ErrorCode, Result},
    oci::Repository,
    policy::{git_tag_template::GitTagTemplate, release_toml::Policy},
};

/// Compares the policies of one repository, each under its file's name.
///
/// # Errors
/// Usage (exit 2), naming both files: a repository that two policies publish to, or tag templates
/// that can give one name.
pub fn conflicts(policies: &[(&str, &Policy)]) -> Result<()> {
    for (place, (first, one)) in policies.iter().enumerate() {
        for (second, other) in &policies[place + 1..] {
            let refuse = |what: String, cause: String| {
                Err(Error::usage(format!(
                    "`{first}` and `{second}` cannot be told apart: {what}"
                ))
                .with_code(ErrorCode::InvalidPolicy)
                .cause(cause)
                .state("nothing was built or moved"))
            };
            let both = other.repositories();
            let is_shared = |one: &&Repository| both.iter().any(|other| one.is_same_place(other));
            if let Some(repository) = one.repositories().iter().find(is_shared) {
                return refuse(
                    format!("both publish to `{repository}`"),
                    "`--all` releases independent images, each to repositories of its own".into(),
                );
            }
            let (one, other) = (&one.version.tag, &other.version.tag);
            if one.overlaps(other) {
                return refuse(
                    format!("a git tag can be a version of both: `{one}` and `{other}`"),
                    "each image needs a `version.tag` of its own, e.g. \"api-v{version}\"".into(),
                );
            }
        }
    }
    Ok(())
}

impl GitTagTemplate {
    /// Whether a tag of this template can have a name of the other, or stand in its way as a
    /// folder (git has no tag `v1` beside `v1/api`).
    ///
    /// Errs on the side of yes: `false` is certain.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.can_equal(other) || self.can_be_folder(other) || other.can_be_folder(self)
    }

    fn can_equal(&self, other: &Self) -> bool {
        let (short, long) = by_length(&self.prefix, &other.prefix);
        // A version begins with a digit: where it does, the longer text must have one, too.
        let begins = long
            .strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()));
        let (short, long) = by_length(&self.suffix, &other.suffix);
        begins && long.strip_suffix(short).is_some_and(can_end_version)
    }

    /// Whether a name of `self` and `/` can begin a name of `other`.
    fn can_be_folder(&self, other: &Self) -> bool {
        let folders =
            |text: &str| -> Vec<usize> { text.match_indices('/').map(|(at, _)| at).collect() };
        let in_prefix = folders(&other.prefix)
            .into_iter()
            .any(|at| self.version(&other.prefix[..at]).is_some());
        let in_suffix = folders(&other.suffix).into_iter().any(|at| {
            let folder = Self {
                prefix: other.prefix.clone(),
                suffix: other.suffix[..at].to_owned(),
            };
            self.can_equal(&folder)
        });
        in_prefix || in_suffix
    }
}

fn by_length<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    }
}

/// Whether a version can end with `text`, or `text` with a version.
fn can_end_version(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
    match text.rfind(|c| !legal(c)) {
        None => true,
        // No version holds that character, so a whole one would have to follow it.
        Some(at) => text[at..]
            .char_indices()
            .skip(1)
            .any(|(start, _)| semver::Version::parse(&text[at..][start..]).is_ok()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::policy::conflicts::*;

    fn template(text: &str) -> GitTagTemplate {
        text.parse().expect("a template")
    }

    #[test]
    fn templates_meet_or_are_apart() {
        for (one, other, meet) in [
            ("v{version}", "v{version}", true),
            ("v{version}", "api-v{version}", false),
            ("{version}", "v{version}", false),
            ("{version}", "api-{version}", false),
            ("api-v{version}", "web-v{version}", false),
            ("api/v{version}", "api/web/v{version}", false),
            // `v1.0.0-api` is a pre-release of the one and a version of the other.
            ("v{version}", "v{version}-api", true),
            ("v{version}", "v{version}+api", true),
            ("v{version}", "v{version}_api", false),
            ("v{version}-api", "v{version}-web", false),
            ("v{version}-api", "v{version}-web-api", true),
            ("v{version}", "v1{version}", true),
            // `v1.0.0` would have to be a file and a folder.
            ("v{version}", "v{version}/api", true),
            ("v{version}/api", "v{version}/web", false),
            ("v{version}/api", "v{version}/api/web", true),
            ("v{version}", "v1.0.0/{version}", true),
            ("v{version}", "release/v{version}", false),
        ] {
            let (a, b) = (template(one), template(other));
            assert_eq!(a.overlaps(&b), meet, "{one} {other}");
            assert_eq!(b.overlaps(&a), meet, "{other} {one}");
        }
    }

    #[test]
    fn both_files_are_named() {
        let policy = |repository: &str, tag: &str| {
            let text =
                format!("[image]\nrepository = \"{repository}\"\n[version]\ntag = \"{tag}\"\n");
            Policy::parse(&text, "x").expect("a policy")
        };
        let api = policy("acme/api", "api-v{version}");
        let web = policy("acme/web", "web-v{version}");
        assert!(conflicts(&[("api/r.toml", &api), ("web/r.toml", &web)]).is_ok());
        for (twin, what) in [
            (
                policy("docker.io/acme/api", "x-v{version}"),
                "both publish to",
            ),
            (policy("acme/x", "api-v{version}"), "a version of both"),
        ] {
            let error = conflicts(&[
                ("api/r.toml", &api),
                ("web/r.toml", &web),
                ("x/r.toml", &twin),
            ])
            .expect_err("they meet");
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage);
            for words in ["`api/r.toml` and `x/r.toml`", what] {
                assert!(error.message().contains(words), "{error}");
            }
        }
    }

    proptest! {
        /// Whatever the templates: two that give one name, or a name and a folder of that name,
        /// are never called apart. Texts are cut from one name, so that they meet often.
        #[test]
        fn what_meets_is_never_called_apart(
            name in "[0-9a-b./+_-]{0,3}(1\\.0\\.0|0\\.1\\.2)[0-9a-b./+_-]{0,3}(1\\.0\\.0|0\\.1\\.2)?[a/_-]{0,2}",
            folder in "(/[a-b0-9]{1,2})?",
        ) {
            let templates = |name: &str| -> Vec<GitTagTemplate> {
                let spans = (0..name.len()).flat_map(|from| (from + 1..=name.len()).map(move |to| (from, to)));
                spans
                    .filter(|(from, to)| semver::Version::parse(&name[*from..*to]).is_ok())
                    .filter_map(|(from, to)| format!("{}{{version}}{}", &name[..from], &name[to..]).parse().ok())
                    .collect()
            };
            let below = format!("{name}{folder}");
            for one in templates(&name) {
                for other in templates(&below) {
                    prop_assert!(one.overlaps(&other), "{one} {other}");
                    prop_assert!(other.overlaps(&one), "{other} {one}");
                }
            }
        }
    }
}
