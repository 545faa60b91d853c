//! Templates of image tags: `{major}.{minor}`, `sha-{sha:12}`, `{date:%Y%m%d}`.

use std::{fmt, str::FromStr};

use crate::policy::{
    placeholder::{Placeholder, Values},
    template::{Part, Rendered, Template},
    text_value::text_value,
};

/// A template whose own text can stand in a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagTemplate(Template);

impl TagTemplate {
    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        self.0.parts()
    }

    /// The template's text, where it has no placeholder.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.parts() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Placeholder) -> bool) -> bool {
        self.0
            .parts()
            .iter()
            .any(|part| matches!(part, Part::Value(value) if wanted(value)))
    }

    /// Whether the template names the whole version, so that the version can be read back from a tag.
    pub(crate) fn is_exact(&self) -> bool {
        self.has(|value| *value == Placeholder::Version)
    }

    /// Whether several releases have the same tag by it: those of a line, those of a branch, or all.
    pub(crate) fn is_shared(&self) -> bool {
        !self.has(|value| {
            !matches!(
                value,
                Placeholder::Major
                    | Placeholder::Minor
                    | Placeholder::Channel
                    | Placeholder::Branch
            )
        })
    }

    /// Whether the template names the day or the branch. Which image such a tag should show does not
    /// follow from the versions, so nobody can tell it later.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        self.has(|value| {
            matches!(
                value,
                Placeholder::Date(_) | Placeholder::CommitDate(_) | Placeholder::Branch
            )
        })
    }

    /// Whether the template names the branch: which one a release came from, nobody can tell later.
    pub(crate) fn is_of_a_branch(&self) -> bool {
        self.has(|value| *value == Placeholder::Branch)
    }

    /// Fills in the values as they can stand in a tag: `+` of a version becomes `-`, and each run of
    /// other characters in a branch's name becomes one `-`. The result can still be too long for a tag.
    pub(crate) fn render(&self, values: &Values<'_>) -> Rendered {
        self.0.fill(values, |placeholder, values| {
            let text = placeholder.render(values)?;
            Some(match placeholder {
                Placeholder::Version => text.replace('+', "-"),
                Placeholder::Branch => sanitise(&text),
                _ => text,
            })
        })
    }
}

impl FromStr for TagTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let template: Template = text.parse()?;
        if template.parts().is_empty() {
            return Err("template ``: it is empty".to_owned());
        }
        for part in template.parts() {
            let Part::Text(literal) = part else { continue };
            if let Some(bad) = literal.chars().find(|c| !is_tag_character(*c)) {
                return Err(format!(
                    "template `{text}`: `{}` cannot stand in a tag: only letters, digits, `.`, `_` and `-`",
                    bad.escape_debug()
                ));
            }
        }
        let least: usize = template.parts().iter().map(least).sum();
        if least > LONGEST {
            return Err(format!(
                "template `{text}`: a tag has at most {LONGEST} characters, and this one always has more"
            ));
        }
        if let Some(Part::Text(literal)) = template.parts().first()
            && literal.starts_with(['.', '-'])
        {
            return Err(format!(
                "template `{text}`: a tag starts with a letter, a digit or `_`"
            ));
        }
        Ok(Self(template))
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_value!(
    TagTemplate: r"^([A-Za-z0-9_]|\{(version|major|minor|patch|prerelease|channel|branch|sha(:(full|0*([4-9]|[1-3][0-9]|40)))?|(commit_)?date(:[^}]+)?)\})([A-Za-z0-9_.-]|\{(version|major|minor|patch|prerelease|channel|branch|sha(:(full|0*([4-9]|[1-3][0-9]|40)))?|(commit_)?date(:[^}]+)?)\})*$",
);

/// How many characters a tag has at most (OCI distribution specification, "Pulling manifests").
const LONGEST: usize = 128;

/// How many characters a part of a template gives at least.
fn least(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::Value(Placeholder::Version) => "0.0.0".len(),
        Part::Value(Placeholder::Sha(length)) => *length,
        Part::Value(_) => 1,
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
