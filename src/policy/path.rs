//! Paths inside the repository, and patterns of `version.paths`.

use std::{fmt, str::FromStr};

use crate::policy::{pattern::Glob, text_value::text_value};

/// A path inside the repository: relative, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryPath(String);

impl RepositoryPath {
    /// The path as it was written, with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last `/`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for RepositoryPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let outside = text.starts_with('/') || text.split('/').any(|part| part == "..");
        if text.is_empty() || outside {
            return Err(format!(
                "`{text}` is not a valid path: it must lie inside the repository"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where a Dockerfile is, seen from the build context. Unlike other paths of the policy it may begin
/// with `..`, as long as it does not leave the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DockerfilePath(String);

impl DockerfilePath {
    /// The path as it was written, with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path, seen from `context`, is inside the repository.
    #[must_use]
    pub fn is_inside(&self, context: &RepositoryPath) -> bool {
        let mut parts = context.0.split('/').chain(self.0.split('/'));
        let depth = parts.try_fold(0_usize, |depth, part| match part {
            "" | "." => Some(depth),
            ".." => depth.checked_sub(1),
            _ => Some(depth + 1),
        });
        depth.is_some_and(|depth| depth > 0)
    }
}

impl FromStr for DockerfilePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_directory = matches!(text.rsplit('/').next(), Some("" | "." | ".."));
        if text.starts_with('/') || is_directory {
            return Err(format!(
                "`{text}` is not a valid path of a Dockerfile: it is a file's, seen from the build context"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DockerfilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A pattern of `version.paths`. As in git's own pathspecs `*` matches a `/`, too, and a directory
/// stands for everything in it. `!` takes out what earlier patterns took in.
#[derive(Clone)]
pub struct PathPattern {
    text: String,
    negated: bool,
    directory: String,
    itself: Glob,
    below: Glob,
}

impl PathPattern {
    /// Whether the pattern takes paths out.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// The directories before the pattern's first special character: nothing outside them matches.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Whether `path` matches, whatever a `!` makes of that.
    #[must_use]
    pub fn is_match(&self, path: &str) -> bool {
        self.itself.is_match(path) || self.below.is_match(path)
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negated, pattern) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let path = pattern
            .trim_start_matches("./")
            .trim_start_matches('/')
            .trim_end_matches('/');
        Ok(Self {
            text: text.to_owned(),
            negated,
            directory: directory(path),
            itself: Glob::compile(path, |_| {})?,
            below: Glob::compile(&format!("{path}/**"), |_| {})?,
        })
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The directories of `path` before its first special character.
fn directory(path: &str) -> String {
    match path.find(['*', '?', '[', '{', '\\']) {
        None => path.to_owned(),
        Some(special) => {
            let end = path[..special].rfind('/').unwrap_or(0);
            path[..end].to_owned()
        }
    }
}

text_value!(
    DockerfilePath: "^[^/]" except r"(^|/)\.{0,2}$",
    RepositoryPath: "^[^/]" except r"(^|/)\.\.(/|$)",
    PathPattern: "" except r"(^|[^\\])\[[^\]]*$",
);

#[cfg(test)]
mod tests {
    use crate::policy::path::directory;

    #[test]
    fn the_fixed_part_of_a_pattern_ends_before_its_first_special_character() {
        for (path, expected) in [
            ("services/api", "services/api"),
            ("services/api/**", "services/api"),
            ("services/a*/x", "services"),
            ("*.rs", ""),
            ("a/b[12]/c", "a"),
        ] {
            assert_eq!(directory(path), expected, "{path}");
        }
    }
}
