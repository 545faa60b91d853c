//! Templates of labels, annotations and build arguments: `{version} of {date:%Y%m%d}`.
//!
//! A template is parsed once, when the policy is read: a placeholder that does not exist is an error
//! before anything is built.

use std::{fmt, str::FromStr};

use crate::policy::{
    placeholder::{Placeholder, Values},
    text_value::text_value,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Text(String),
    Value(Placeholder),
}

/// Text with placeholders. `{{` and `}}` stand for the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// What a template gives for the values of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// All placeholders had a value: the finished text.
    Text(String),
    /// This placeholder does not have a value in this release.
    Missing(&'static str),
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let end = match (brace, rest.find('}')) {
                ("{", Some(end)) => end,
                ("{", None) => return Err(format!("template `{text}`: a `{{` without its `}}`")),
                _ => return Err(format!("template `{text}`: a `}}` without its `{{`")),
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            let placeholder = Placeholder::parse(&rest[..end])
                .map_err(|error| format!("template `{text}`: {error}"))?;
            parts.push(Part::Value(placeholder));
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Fills in the values as they are: for labels and build arguments.
    #[must_use]
    pub fn render(&self, values: &Values<'_>) -> Rendered {
        self.fill(values, Placeholder::render)
    }

    pub(super) fn fill(
        &self,
        values: &Values<'_>,
        value: impl Fn(&Placeholder, &Values<'_>) -> Option<String>,
    ) -> Rendered {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(placeholder) => match value(placeholder, values) {
                    Some(text) => out.push_str(&text),
                    None => return Rendered::Missing(placeholder.name()),
                },
            }
        }
        Rendered::Text(out)
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

text_value!(
    Template: r"^([^{}]|\{\{|\}\}|\{(version|major|minor|patch|prerelease|channel|branch|sha(:(full|0*([4-9]|[1-3][0-9]|40)))?|(commit_)?date(:[^}]+)?)\})*$",
);
