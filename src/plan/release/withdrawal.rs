//! A version that was taken back: what is remembered of it, and the ref that remembers it.
//!
//! `hoist rollback VERSION` makes a *mark*, a ref `<git.lock-refs>/withdrawn/<version>`. It shows a commit with
//! an empty tree, whose message ends with one line of JSON:
//!
//! ```text
//! hoist: 1.3.0 is withdrawn
//!
//! {"v":1,"version":"1.3.0","at":"2026-11-29T08:00:00Z","by":"Dana <dana@example.org>","why":null}
//! ```

use chrono::{DateTime, SubsecRound as _, Utc};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    git::RefName,
    policy::GitTagTemplate,
    text::sanitize_line,
};

/// The format of the JSON line.
const FORMAT: u32 = 1;

/// The tree of every mark: git's empty one.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// How long a reason may be.
const LONGEST: usize = 1000;

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Withdrawal {
    v: u32,
    /// The version that was taken back.
    pub version: Version,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom, as git names them.
    pub by: String,
    /// Why, where somebody said so.
    pub why: Option<String>,
}

impl Withdrawal {
    /// `version` is taken back now, which is `at`.
    #[must_use]
    pub fn new(version: &Version, at: DateTime<Utc>, by: &str, why: Option<&str>) -> Self {
        Self {
            v: FORMAT,
            version: version.clone(),
            at: at.trunc_subsecs(0),
            by: sanitize_line(by, LONGEST),
            why: why.map(|why| sanitize_line(why, LONGEST)),
        }
    }

    /// The commit object that the mark shows. `who` made it, as git writes it: name and address.
    #[must_use]
    pub fn object(&self, who: &str) -> Vec<u8> {
        let (version, seconds) = (&self.version, self.at.timestamp());
        let json = serde_json::to_string(self).expect("a withdrawal is plain data");
        format!(
            "tree {EMPTY_TREE}\nauthor {who} {seconds} +0000\ncommitter {who} {seconds} +0000\n\n\
             hoist: {version} is withdrawn\n\n{json}\n"
        )
        .into_bytes()
    }

    /// What the message of a mark's commit says; `None`: it is not one, or of a newer format.
    #[must_use]
    pub fn read(message: &str) -> Option<Self> {
        let line = message.trim_end().lines().next_back()?;
        let read: Self = serde_json::from_str(line).ok()?;
        let sane = Self::new(&read.version, read.at, &read.by, read.why.as_deref());
        (read.v == FORMAT).then_some(sane)
    }

    /// What a whole commit object says, headers included.
    #[must_use]
    pub fn of_object(object: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(object).ok()?;
        let (headers, message) = text.split_once("\n\n")?;
        headers
            .starts_with(&format!("tree {EMPTY_TREE}\nauthor "))
            .then(|| Self::read(message))?
    }

    /// When, by whom and why, as a fragment of a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let why = self.why.as_ref().map(|why| format!(": {why}"));
        let at = self.at.format("%Y-%m-%d");
        format!(
            "withdrawn on {at} by {}{}",
            self.by,
            why.unwrap_or_default()
        )
    }
}

/// The mark of `version`, below `marks` (`refs/hoist/withdrawn/`). It is called like the version, or, where
/// the git tags are called otherwise than `1.3.0` or `v1.3.0`, like the git tag: images with tags of their own
/// may share a repository.
///
/// # Errors
/// Refused (exit 4): git does not accept the name.
pub fn mark_name(marks: &str, template: &GitTagTemplate, version: &Version) -> Result<RefName> {
    let name = match template.is_plain() {
        true => version.to_string(),
        false => template.name(version),
    };
    format!("{marks}{name}")
        .parse()
        .map_err(|error: crate::git::GitNameError| {
            Error::refused(format!("{version} cannot be remembered as withdrawn")).because(&error)
        })
}

/// The version that a ref is the mark of, by its name; `None`: it is another policy's, or none.
#[must_use]
pub fn marked_version(marks: &str, template: &GitTagTemplate, name: &RefName) -> Option<Version> {
    let name = name.as_str().strip_prefix(marks)?;
    match template.is_plain() {
        true => Version::parse(name).ok(),
        false => template.version(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: &str = "refs/hoist/withdrawn/";

    #[test]
    fn what_a_mark_says_is_read_again() {
        let at = "2026-11-29T08:00:00.5Z".parse().expect("an instant");
        for why in [None, Some("it loses\nmail\u{1b}[2J"), Some("")] {
            let told = Withdrawal::new(&Version::new(1, 3, 0), at, "Dana <d@example.org>", why);
            let object = told.object("Dana <d@example.org>");
            assert_eq!(Withdrawal::of_object(&object).as_ref(), Some(&told));
            let text = String::from_utf8(object).expect("text");
            assert!(!text.contains('\u{1b}') && text.ends_with("}\n"), "{text}");
        }
        for odd in [
            "",
            "{}",
            "hoist: 1.3.0 is withdrawn\n",
            r#"{"v":2,"version":"1.3.0","at":"2026-11-29T08:00:00Z","by":"x","why":null}"#,
        ] {
            assert_eq!(Withdrawal::read(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_mark_is_called_like_the_version_unless_images_share_the_repository() {
        let version = Version::new(1, 3, 0);
        for (template, name) in [
            ("v{version}", "1.3.0"),
            ("{version}", "1.3.0"),
            ("api-v{version}", "api-v1.3.0"),
            ("api/v{version}", "api/v1.3.0"),
        ] {
            let template: GitTagTemplate = template.parse().expect("a template");
            let mark = mark_name(MARKS, &template, &version).expect("a name");
            assert_eq!(mark.as_str(), format!("{MARKS}{name}"));
            assert_eq!(
                marked_version(MARKS, &template, &mark),
                Some(version.clone())
            );
            let other: GitTagTemplate = "web-v{version}".parse().expect("a template");
            assert_eq!(marked_version(MARKS, &other, &mark), None, "{name}");
        }
    }
}
