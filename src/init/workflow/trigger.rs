//! `on:`: which events start a workflow, and which git tags.

use regex::Regex;
use serde_json::Value;

use crate::init::{
    scenario::{ReleaseEvent, Scenario},
    yaml,
};

/// What starts a workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Triggers {
    /// Filters of pushed tags; `None` where tags do not start it.
    tags: Option<Filter>,
    /// Filters of pushed branches.
    branches: Option<Filter>,
    /// The kinds of a published release; `None` where none starts it.
    release: Option<Vec<String>>,
    dispatch: bool,
    /// The names of all events.
    pub(super) names: Vec<String>,
}

/// Patterns of names, of which the last one that matches decides; `!` takes out.
#[derive(Debug, Clone, Default)]
struct Filter {
    patterns: Vec<String>,
    ignored: Vec<String>,
}

impl Triggers {
    pub(super) fn of(on: &Value) -> Self {
        let mut triggers = Self::default();
        match on {
            Value::String(name) => triggers.add(name, &Value::Null),
            Value::Array(names) => {
                for name in names.iter().filter_map(Value::as_str) {
                    triggers.add(name, &Value::Null);
                }
            }
            Value::Object(events) => {
                for (name, settings) in events {
                    triggers.add(name, settings);
                }
            }
            // A workflow without `on:` is not valid; whoever wrote it means a push.
            _ => triggers.add("push", &Value::Null),
        }
        triggers
    }

    fn add(&mut self, name: &str, settings: &Value) {
        self.names.push(name.to_owned());
        let list = |key: &str| yaml::lines(settings.get(key));
        match name {
            "push" => {
                let has = |key: &str| settings.get(key).is_some();
                let (tags, branches) = (
                    has("tags") || has("tags-ignore"),
                    has("branches") || has("branches-ignore"),
                );
                self.tags = (tags || !branches).then(|| Filter {
                    patterns: list("tags"),
                    ignored: list("tags-ignore"),
                });
                self.branches = (branches || !tags).then(|| Filter {
                    patterns: list("branches"),
                    ignored: list("branches-ignore"),
                });
            }
            "release" => {
                let kinds = list("types");
                let usual = || vec!["published".to_owned()];
                self.release = Some(if kinds.is_empty() { usual() } else { kinds });
            }
            "workflow_dispatch" => self.dispatch = true,
            _ => {}
        }
    }

    /// The names of all events, for messages.
    pub(super) fn shown(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }

    /// Whether pull requests and their like alone start it.
    pub(super) fn are_of_review(&self) -> bool {
        let is_of_review = |name: &String| {
            name.starts_with("pull_request") || name.starts_with("issue") || name == "merge_group"
        };
        self.names.iter().all(is_of_review)
    }

    pub(super) fn has_release(&self) -> bool {
        self.release.is_some()
    }

    /// Whether the event of the scenario starts the workflow.
    pub(super) fn start(&self, scenario: &Scenario<'_>) -> bool {
        let stable = scenario.version.pre.is_empty();
        match scenario.event {
            ReleaseEvent::TagPush => self
                .tags
                .as_ref()
                .is_some_and(|filter| filter.of_any_number(scenario.prefix).lets(&scenario.tag())),
            ReleaseEvent::Release => self.release.iter().flatten().any(|kind| match &**kind {
                "published" | "created" => true,
                "released" => stable,
                "prereleased" => !stable,
                _ => false,
            }),
            ReleaseEvent::BranchPush => {
                let filter = self.branches.as_ref();
                filter.is_some_and(|filter| filter.lets(scenario.default_branch))
            }
            ReleaseEvent::Dispatch => self.dispatch,
        }
    }

    /// The filters of tags that let some numbers alone pass, as `v1.*` does.
    pub(super) fn pinned(&self, prefix: &str) -> Vec<&str> {
        let all = self
            .tags
            .iter()
            .flat_map(|tags| tags.patterns.iter().chain(&tags.ignored));
        let is_pinned = |pattern: &&String| {
            let positive = pattern.strip_prefix('!').unwrap_or(pattern);
            any_number(positive, prefix) != positive
        };
        all.filter(is_pinned).map(String::as_str).collect()
    }

    /// What stands before the version in the tags that start the workflow, where patterns say it.
    pub(super) fn tag_prefix(&self) -> Option<String> {
        let patterns = self.tags.iter().flat_map(|filter| &filter.patterns);
        patterns
            .filter(|pattern| !pattern.starts_with('!'))
            .find_map(|pattern| {
                let end = pattern
                    .find(['*', '[', '?', '+', '{'])
                    .unwrap_or(pattern.len());
                let rest = &pattern[end..];
                let literal = &pattern[..end];
                // `*` alone lets everything pass.
                let says = !literal.is_empty() || rest.starts_with("[0-9]");
                // Of `v1.*` the number belongs to the version.
                let before = literal.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                says.then(|| before.to_owned())
            })
    }

    /// The default branch, as far as the patterns tell it.
    pub(super) fn default_branch(&self) -> Option<&str> {
        let patterns = self.branches.iter().flat_map(|filter| &filter.patterns);
        patterns.map(String::as_str).find(|name| {
            matches!(
                *name,
                "main" | "master" | "trunk" | "develop" | "dev" | "stable" | "production"
            )
        })
    }
}

impl Filter {
    /// The same filter for versions of any number: which ones are let pass today says nothing of the policy's. A
    /// pattern that takes some numbers out takes out none.
    fn of_any_number(&self, prefix: &str) -> Self {
        let takes_out_some = |pattern: &str| any_number(pattern, prefix) != pattern;
        let patterns = self.patterns.iter();
        let patterns = patterns.filter_map(|pattern| match pattern.strip_prefix('!') {
            Some(not) => (!takes_out_some(not)).then(|| pattern.clone()),
            None => Some(any_number(pattern, prefix)),
        });
        let ignored = self.ignored.iter();
        Self {
            patterns: patterns.collect(),
            ignored: ignored
                .filter(|pattern| !takes_out_some(pattern))
                .cloned()
                .collect(),
        }
    }

    fn lets(&self, name: &str) -> bool {
        if self.ignored.iter().any(|pattern| matches(pattern, name)) {
            return false;
        }
        let mut lets = self.patterns.is_empty();
        for pattern in &self.patterns {
            match pattern.strip_prefix('!') {
                Some(not) if matches(not, name) => lets = false,
                None if matches(pattern, name) => lets = true,
                _ => {}
            }
        }
        lets
    }
}

/// The pattern with any number where it names one behind the prefix: `v[0-9]+.*` for `v1.*` and for `v[1-9].*`.
fn any_number(pattern: &str, prefix: &str) -> String {
    let Some(rest) = pattern.strip_prefix(prefix) else {
        return pattern.to_owned();
    };
    let number = Regex::new(r"\[[0-9-]+\][+*?]?|[0-9]+").expect("the pattern is fixed");
    // In these patterns `*` does not repeat: `[0-9]*` is a digit and whatever follows it.
    let whole = |found: &regex::Captures<'_>| match found[0].ends_with('*') {
        true => "[0-9]*".to_owned(),
        false => "[0-9]+".to_owned(),
    };
    format!("{prefix}{}", number.replace_all(rest, whole))
}

/// GitHub's filter patterns: `*` within a part, `**` anything, `?` and `+` as in regular
/// expressions, `[]` a class.
fn matches(pattern: &str, name: &str) -> bool {
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' | '+' | '[' | ']' => out.push(c),
            '-' if out.contains('[') && !out.ends_with(']') => out.push(c),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    Regex::new(&out).is_ok_and(|regex| regex.is_match(name))
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use crate::init::workflow::trigger::*;

    fn starts(on: &str, event: ReleaseEvent, prefix: &str, version: &str) -> bool {
        let on = yaml::parse(on).expect("it is YAML");
        let version = Version::parse(version).expect("it is a version");
        Triggers::of(&on["on"]).start(&Scenario {
            version: &version,
            prefix,
            event,
            repository: None,
            default_branch: "main",
        })
    }

    #[test]
    fn events_and_patterns() {
        use ReleaseEvent::{BranchPush, Release, TagPush};
        for (on, event, prefix, version, expected) in [
            ("on: push", TagPush, "v", "1.2.3", true),
            ("on: [push, pull_request]", BranchPush, "v", "1.2.3", true),
            (
                "on: {push: {branches: [main]}}",
                TagPush,
                "v",
                "1.2.3",
                false,
            ),
            ("on: {push: {tags: ['v*']}}", TagPush, "v", "1.2.3", true),
            ("on: {push: {tags: ['v*']}}", TagPush, "", "1.2.3", false),
            (
                "on: {push: {tags: ['v*']}}",
                BranchPush,
                "v",
                "1.2.3",
                false,
            ),
            (
                "on: {push: {tags: ['v[0-9]+.[0-9]+.[0-9]+']}}",
                TagPush,
                "v",
                "1.2.3",
                true,
            ),
            (
                "on: {push: {tags: ['v[0-9]+.[0-9]+.[0-9]+']}}",
                TagPush,
                "v",
                "1.2.3-rc.1",
                false,
            ),
            (
                "on: {push: {tags: ['v*', '!v*-rc*']}}",
                TagPush,
                "v",
                "1.2.3-rc.1",
                false,
            ),
            (
                "on: {push: {tags: ['api/v*']}}",
                TagPush,
                "api/v",
                "1.2.3",
                true,
            ),
            (
                "on: {push: {tags: ['*']}}",
                TagPush,
                "api/v",
                "1.2.3",
                false,
            ),
            (
                "on: {push: {tags: ['**']}}",
                TagPush,
                "api/v",
                "1.2.3",
                true,
            ),
            (
                "on: {push: {tags-ignore: ['v*-rc*']}}",
                TagPush,
                "v",
                "1.2.3-rc.1",
                false,
            ),
            (
                "on: {release: {types: [published]}}",
                Release,
                "v",
                "1.2.3",
                true,
            ),
            (
                "on: {release: {types: [released]}}",
                Release,
                "v",
                "1.2.3-rc.1",
                false,
            ),
            ("on: release", Release, "v", "1.2.3", true),
            ("on: {push: {tags: ['v1.*']}}", TagPush, "v", "7.8.9", true),
            ("on: {push: {tags: [v1*]}}", TagPush, "v", "72.8.9", true),
            (
                "on: {push: {tags: ['v1.2.*']}}",
                TagPush,
                "v",
                "7.8.9-rc.1",
                true,
            ),
            (
                "on: {push: {tags: ['v[0-9].[0-9].[0-9]']}}",
                TagPush,
                "v",
                "72.8.9",
                true,
            ),
            (
                "on: {push: {tags: ['v[1-9].*', '!v2.*']}}",
                TagPush,
                "v",
                "2.8.9",
                true,
            ),
            ("on: {push: {tags: ['2026.*']}}", TagPush, "", "1.2.3", true),
            // A moving tag that somebody pushes.
            ("on: {push: {tags: [v1]}}", TagPush, "v", "1.2.3", false),
            (
                "on: {push: {tags: ['v[0-9]*.[0-9]*.[0-9]*']}}",
                TagPush,
                "v",
                "1.2.3-rc.1",
                true,
            ),
        ] {
            assert_eq!(
                starts(on, event, prefix, version),
                expected,
                "{on} {version}"
            );
        }
    }

    #[test]
    fn what_stands_before_the_version() {
        for (patterns, expected) in [
            ("'v*'", Some("v")),
            ("'[0-9]+.[0-9]+.[0-9]+'", Some("")),
            ("'api-v[0-9]*'", Some("api-v")),
            ("'*'", None),
            ("'*.*.*'", None),
            ("'v?[0-9]*'", Some("v")),
            ("v1.*", Some("v")),
            ("v1*", Some("v")),
            ("'2026.*'", Some("")),
        ] {
            let on = yaml::parse(&format!("push: {{tags: [{patterns}]}}")).expect("it is YAML");
            assert_eq!(
                Triggers::of(&on).tag_prefix().as_deref(),
                expected,
                "{patterns}"
            );
        }
    }
}
