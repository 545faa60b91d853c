//! docker/metadata-action: what one step of it makes of a release.
//!
//! The rules are those of its version 6: a line is a CSV record of `key=value`, a bare field is
//! the value, no `type` means `raw`; patterns are Handlebars over the parsed version. Rules are
//! taken by priority, and the first one that gives a tag decides whether `latest` comes with it.

mod flavor;
mod globals;
mod line;
mod pattern;
mod rule;
#[cfg(test)]
mod tests;

use crate::init::{
    fields,
    scenario::Scenario,
    term::{Object, Term, is_partial},
};
use flavor::Flavor;
use globals::sanitize;
use line::MetadataRule;
use rule::RuleAnswer;

/// Stands behind a tag of which only GitHub knows whether it is made.
pub(super) const PERHAPS: char = '\u{1}';

/// The inputs of a step, filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct MetadataStep {
    pub(super) images: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) flavor: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) annotations: Vec<String>,
}

/// What the step gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MetadataAnswer {
    /// The repositories, in lower case.
    pub(super) images: Vec<String>,
    /// The names of the tags, the main one first.
    pub(super) names: Vec<String>,
    /// What gives nothing in this release, or cannot be read, with the reason.
    pub(super) left_out: Vec<String>,
    /// The rules that give a tag.
    pub(super) made: Vec<String>,
}

impl MetadataStep {
    /// What the step makes of a release.
    pub(super) fn answer(&self, scenario: &Scenario<'_>) -> MetadataAnswer {
        let mut answer = MetadataAnswer {
            images: self.images(),
            ..MetadataAnswer::default()
        };
        let flavor = Flavor::parse(&self.flavor);
        let mut latest = None;
        let mut switched_off = Vec::new();
        for rule in self.rules() {
            match rule.answer(&flavor, scenario) {
                RuleAnswer::Tag {
                    name,
                    latest: brings,
                    condition,
                } => {
                    latest.get_or_insert(match &*flavor.latest {
                        "auto" => brings,
                        own => own == "true",
                    });
                    if let Some(condition) = &condition {
                        answer.left_out.push(format!(
                            "the condition `{condition}` of `{}`: GitHub alone knows it",
                            rule.describe()
                        ));
                    }
                    answer.made.push(rule.describe());
                    answer.add(name, condition.is_some());
                }
                RuleAnswer::Nothing(why) | RuleAnswer::Unread(why) => {
                    let line = format!("`{}`: {why}", rule.describe());
                    answer.left_out.push(line.clone());
                    switched_off.push((rule, line));
                }
            }
        }
        if is_partial(&flavor.latest) && !answer.names.is_empty() {
            answer.left_out.push(format!(
                "the condition `{}` of `latest`: GitHub alone knows it",
                flavor.latest
            ));
            answer.add(sanitize(&flavor.latest_tag()), true);
        } else if latest == Some(true) {
            answer.add(sanitize(&flavor.latest_tag()), false);
        }
        // A tag that something else gives is not lost.
        for (rule, line) in switched_off {
            if let RuleAnswer::Tag { name, .. } = rule.unconditional().answer(&flavor, scenario)
                && answer.names.contains(&name)
            {
                answer.left_out.retain(|known| *known != line);
            }
        }
        answer
    }

    fn rules(&self) -> Vec<MetadataRule> {
        let defaults = [
            "type=schedule",
            "type=ref,event=branch",
            "type=ref,event=tag",
            "type=ref,event=pr",
        ]
        .map(str::to_owned);
        let lines = if self.tags.is_empty() {
            &defaults[..]
        } else {
            &self.tags
        };
        let mut rules: Vec<_> = lines.iter().map(|line| MetadataRule::parse(line)).collect();
        rules.sort_by(|one, other| other.priority().total_cmp(&one.priority()));
        rules
    }

    fn images(&self) -> Vec<String> {
        let mut images = Vec::new();
        // One line of bare names is a list.
        let lines: Vec<String> = match &*self.images {
            [one] if fields::pairs(one).iter().all(|(key, _)| key.is_none()) => fields::csv(one),
            several => several.to_vec(),
        };
        for line in &lines {
            let mut name = String::new();
            let mut enabled = true;
            for (key, value) in fields::pairs(line) {
                match key.as_deref() {
                    None | Some("name") => name = value,
                    Some("enable") => enabled = value != "false",
                    Some(_) => {}
                }
            }
            // An expression that is not known is shown as it was written.
            let name = if is_partial(&name) {
                name
            } else {
                name.to_lowercase()
            };
            if enabled && !name.is_empty() && !images.contains(&name) {
                images.push(name);
            }
        }
        images
    }
}

impl MetadataAnswer {
    fn add(&mut self, name: String, perhaps: bool) {
        let known = |n: &String| n.trim_end_matches(PERHAPS) == name;
        if !self.names.iter().any(known) {
            self.names.push(if perhaps {
                format!("{name}{PERHAPS}")
            } else {
                name
            });
        }
    }

    /// The tags with their repositories.
    pub(super) fn references(&self) -> Vec<String> {
        if self.images.is_empty() {
            return self.names.clone();
        }
        let of = |image: &String| {
            let names = self.names.iter();
            names
                .map(|name| format!("{image}:{name}"))
                .collect::<Vec<_>>()
        };
        self.images.iter().flat_map(of).collect()
    }

    /// The outputs of the step, `labels` being those that its input adds.
    pub(super) fn outputs(&self, labels: &[String], annotations: &[String]) -> Object {
        let list = |items: &[String]| {
            Term::List(items.iter().map(|item| Term::Text(item.clone())).collect())
        };
        let references = self.references();
        let version = self
            .names
            .first()
            .map(|name| name.trim_end_matches(PERHAPS));
        let version = version.unwrap_or_default();
        let mut known = Object::open().with("org.opencontainers.image.version", version);
        known.set("org.opencontainers.image.revision", "{sha:full}");
        let json = Object::default()
            .with("tags", list(&references))
            .with("tag-names", list(&self.names))
            .with("labels", known)
            .with("annotations", list(annotations));
        Object::open()
            .with("version", version)
            .with("tags", references.join("\n"))
            .with("tag-names", self.names.join("\n"))
            .with("labels", labels.join("\n"))
            .with("annotations", annotations.join("\n"))
            .with("json", json)
    }
}
