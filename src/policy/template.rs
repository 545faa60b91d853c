//! Templates of tags and other text: `{major}.{minor}`, `sha-{sha:12}`, `{date:%Y%m%d}`.
//!
//! A template is parsed once, when the policy is read; what is wrong with it is known before
//! anything is built.

use std::fmt;

use crate::policy::placeholder::{Placeholder, Values};

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

/// What a template became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// The text.
    Text(String),
    /// This placeholder has no value in this release.
    Missing(&'static str),
}

impl Template {
    /// Reads a template for free text: a label, a build argument.
    ///
    /// # Errors
    /// What is wrong with it, naming the template.
    pub fn parse(text: &str) -> Result<Self, String> {
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
                ("{", None) => return Err(format!("template `{text}`: `{{` without its `}}`")),
                _ => return Err(format!("template `{text}`: `}}` without its `{{`")),
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

    /// Reads a template of tags: its own text must be legal in a tag.
    ///
    /// # Errors
    /// What is wrong with it, naming the template.
    pub fn parse_tag(text: &str) -> Result<Self, String> {
        let template = Self::parse(text)?;
        if template.parts.is_empty() {
            return Err("template ``: it is empty".to_owned());
        }
        for part in &template.parts {
            let Part::Text(literal) = part else { continue };
            if let Some(bad) = literal.chars().find(|c| !is_tag_character(*c)) {
                return Err(format!(
                    "template `{text}`: `{}` cannot stand in a tag: only letters, digits, `.`, `_` and `-`",
                    bad.escape_debug()
                ));
            }
        }
        if let Some(Part::Text(literal)) = template.parts.first()
            && literal.starts_with(['.', '-'])
        {
            return Err(format!(
                "template `{text}`: a tag starts with a letter, a digit or `_`"
            ));
        }
        Ok(template)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The template without any placeholder, where it has none.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &*self.parts {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Placeholder) -> bool) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Value(value) if wanted(value)))
    }

    /// Names the whole version, so that the version can be read back from the name.
    pub(crate) fn is_exact(&self) -> bool {
        self.has(|value| *value == Placeholder::Version)
    }

    /// Names the day or the branch: what it says is no matter of versions, so no later look can
    /// tell where it should point.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        self.has(|value| {
            matches!(
                value,
                Placeholder::Date(_) | Placeholder::CommitDate(_) | Placeholder::Branch
            )
        })
    }

    /// Fills in the values as they are: for labels and build arguments.
    #[must_use]
    pub fn render(&self, values: &Values<'_>) -> Rendered {
        self.fill(values, Placeholder::render)
    }

    /// Fills in the values as they can stand in a tag: `+` becomes `-`, and what else a branch's
    /// name holds becomes one `-` a run. The result still has to be checked: it can be too long.
    pub(crate) fn render_tag(&self, values: &Values<'_>) -> Rendered {
        self.fill(values, |placeholder, values| {
            let text = placeholder.render(values)?;
            Some(match placeholder {
                Placeholder::Version => text.replace('+', "-"),
                Placeholder::Branch => sanitise(&text),
                _ => text,
            })
        })
    }

    fn fill(
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

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(crate) fn is_tag_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Each run of characters that a tag cannot hold becomes one `-`.
fn sanitise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        let legal = is_tag_character(c);
        if legal {
            out.push(c);
        } else if !in_run {
            out.push('-');
        }
        in_run = !legal;
    }
    out
}
