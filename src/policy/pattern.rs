//! Globs and regular expressions: compiled when the policy is read, compared and shown by their text.

use std::{fmt, ops::Deref, str::FromStr};

use globset::{GlobBuilder, GlobMatcher};

use crate::policy::text_value::text_value;

/// A compiled glob. Two globs are equal when their texts are.
#[derive(Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    pub(super) fn compile(
        text: &str,
        options: impl FnOnce(&mut GlobBuilder<'_>),
    ) -> Result<Self, String> {
        let mut builder = GlobBuilder::new(text);
        options(&mut builder);
        let glob = builder
            .build()
            .map_err(|error| format!("`{text}` is not a valid glob: {}", error.kind()))?;
        Ok(Self {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }

    /// The glob as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the glob matches the whole of `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A glob on the name of a branch. As in git's own patterns for refs, `*` and `?` do not match a `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchGlob(Glob);

impl BranchGlob {
    /// Whether the glob matches every name.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self.as_str(), "**" | "**/*")
    }

    /// Whether the glob is a branch's name.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self
            .as_str()
            .contains(['*', '?', '[', ']', '{', '}', '!', '\\'])
    }
}

/// A glob on the type or scope of a commit, which ignores case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitGlob(Glob);

/// A glob on the path of a file inside the repository. `*` and `?` do not match a `/`, `**` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileGlob(Glob);

impl FromStr for FileGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err(format!(
                "`{text}` is not a valid path: it must lie inside the repository"
            ));
        }
        Glob::compile(text, |options| {
            options.literal_separator(true);
        })
        .map(Self)
    }
}

impl Deref for FileGlob {
    type Target = Glob;

    fn deref(&self) -> &Glob {
        &self.0
    }
}

impl fmt::Display for FileGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BranchGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Glob::compile(text, |options| {
            options.literal_separator(true);
        })
        .map(Self)
    }
}

impl FromStr for CommitGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Glob::compile(text, |options| {
            options.case_insensitive(true);
        })
        .map(Self)
    }
}

impl Deref for BranchGlob {
    type Target = Glob;

    fn deref(&self) -> &Glob {
        &self.0
    }
}

impl Deref for CommitGlob {
    type Target = Glob;

    fn deref(&self) -> &Glob {
        &self.0
    }
}

impl fmt::Display for BranchGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CommitGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A compiled regular expression. Two of them are equal when their texts are.
#[derive(Clone)]
pub struct Regex(regex::Regex);

impl Regex {
    /// The compiled expression.
    pub(crate) fn compiled(&self) -> &regex::Regex {
        &self.0
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the expression matches somewhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl FromStr for Regex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        regex::Regex::new(text).map(Self).map_err(|error| {
            let fault = fault(text, &error.to_string());
            format!("`{text}` is not a valid regular expression: {fault}")
        })
    }
}

/// What is wrong with an expression, and where: the library draws it over several lines, with a mark
/// below the place.
fn fault(expression: &str, drawn: &str) -> String {
    let what = drawn.rsplit("error: ").next().unwrap_or(drawn);
    let what = what.lines().next().unwrap_or_default().trim();
    let mark = |line: &str| {
        let marks = line.strip_prefix("    ")?;
        let is_mark = marks.chars().all(|c| c == ' ' || c == '^');
        marks.find('^').filter(|_| is_mark)
    };
    let mut marks = drawn.lines().filter_map(mark);
    match marks.next().filter(|_| !expression.contains('\n')) {
        Some(place) => format!("{what}, at character {}", place + 1),
        None => what.to_owned(),
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

text_value!(
    BranchGlob: "" except r"(^|[^\\])\[[^\]]*$",
    CommitGlob: "" except r"(^|[^\\])\[[^\]]*$",
    FileGlob: "^[^/]" except r"(^|/)\.\.(/|$)|(^|[^\\])\[[^\]]*$",
    Regex,
);

#[cfg(test)]
mod tests {
    use crate::policy::pattern::*;

    #[test]
    fn what_is_wrong_with_an_expression_is_one_sentence() {
        for (text, words) in [
            (
                "(",
                "`(` is not a valid regular expression: unclosed group, at character 1",
            ),
            ("a[b", "unclosed character class, at character 2"),
            (
                "é(?P<x>a)(?P<x>b)",
                "duplicate capture group name, at character",
            ),
            ("a{2", "at character 2"),
            (
                "*",
                "repetition operator missing expression, at character 1",
            ),
            ("(?!x)", "look-around"),
            ("a\n(", "unclosed group"),
        ] {
            let error = text.parse::<Regex>().expect_err(text);
            assert!(error.contains(words), "{error}");
            assert!(text.contains('\n') || !error.contains('\n'), "{error}");
        }
    }
}
