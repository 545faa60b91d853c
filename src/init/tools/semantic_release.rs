//! semantic-release: branches, the git tag, and its rules of commits.

use serde_json::Value;

use crate::init::{tools::Hints, yaml};

/// Plugins whose work is hoist's own, or that only look.
const WITH_COUNTERPART: [&str; 2] = [
    "@semantic-release/commit-analyzer",
    "@semantic-release/release-notes-generator",
];

impl Hints {
    pub(super) fn semantic_release(&mut self, file: &str, text: &str) {
        if let Some(settings) = yaml::parse(text) {
            self.settings(file, &settings);
        }
    }

    pub(super) fn package_json(&mut self, file: &str, text: &str) {
        let settings: Option<Value> = serde_json::from_str(text).ok();
        if let Some(release) = settings.as_ref().and_then(|all| all.get("release")) {
            self.settings(file, release);
        }
    }

    fn settings(&mut self, file: &str, settings: &Value) {
        self.from.push(format!("semantic-release (`{file}`)"));
        if let Some(format) = settings["tagFormat"].as_str() {
            self.git_tag(format.replace("${version}", "{version}"));
        }
        for name in yaml::lines(settings.get("extends")) {
            self.left(format!("found, not read: `{name}`, which `{file}` extends"));
        }
        match &settings["branches"] {
            Value::Null => self.default_branches(),
            Value::Array(branches) => branches.iter().for_each(|branch| self.branch(branch)),
            one => self.branch(one),
        }
        self.rules_of(&settings["analyzeCommits"]);
        self.rules_of(settings);
        for plugin in settings["plugins"].as_array().into_iter().flatten() {
            let (name, options) = plugin_of(plugin);
            self.plugin(file, name, options);
        }
    }

    /// What it does without `branches`.
    fn default_branches(&mut self) {
        self.stable = vec!["main".into(), "master".into()];
        self.maintenance = vec!["{major}.x".into(), "{major}.{minor}.x".into()];
        self.prerelease = ["beta", "alpha"]
            .map(|name| (name.to_owned(), name.to_owned()))
            .to_vec();
        self.left("the branches `next` and `next-major`, which are defaults of semantic-release: they publish stable versions to a channel of their own".into());
    }

    fn branch(&mut self, branch: &Value) {
        let Some(name) = branch.as_str().or_else(|| branch["name"].as_str()) else {
            return;
        };
        let name = name.to_owned();
        // The first branch alone has the default channel.
        let is_further = !self.stable.is_empty()
            && !matches!(&*name, "main" | "master")
            && ["prerelease", "range", "channel"]
                .iter()
                .all(|key| branch.get(*key).is_none())
            && maintenance(&name).is_none()
            && is_plain(&name);
        if is_further {
            self.left(format!(
                "channel `{name}` of branch `{name}`, which is not the first one: channels of packages have no counterpart, and what the branch releases can move `latest`"
            ));
        }
        if let Some(channel) = branch["channel"].as_str() {
            self.left(format!(
                "channel `{channel}` of branch `{name}`: channels of packages have no counterpart"
            ));
        }
        match &branch["prerelease"] {
            Value::String(label) if label.contains("${") => {
                self.left(format!("branch `{name}`: the label `{label}` is computed"));
            }
            Value::String(label) if !label.is_empty() => {
                self.prerelease_branch(name, label.clone())
            }
            Value::Bool(true) => self.prerelease_branch(name.clone(), name),
            _ => {
                match maintenance(&name) {
                    Some(patterns) => {
                        for pattern in patterns {
                            if !self.maintenance.contains(&pattern) {
                                self.maintenance.push(pattern);
                            }
                        }
                    }
                    None if branch.get("range").is_some() => {
                        self.left(format!("branch `{name}` with the range `{}`: the line has to stand in its name", yaml::text(&branch["range"])));
                    }
                    None if is_plain(&name) => self.stable.push(name),
                    None => self.left(format!("branch `{name}`: its pattern has no counterpart")),
                }
            }
        }
    }

    fn prerelease_branch(&mut self, name: String, label: String) {
        let legal = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if legal && is_plain(&name) {
            self.prerelease.push((name, label));
        } else {
            self.left(format!(
                "branch `{name}` with the label `{label}`: it has no counterpart"
            ));
        }
    }

    fn plugin(&mut self, file: &str, name: &str, options: &Value) {
        if WITH_COUNTERPART.contains(&name) {
            self.rules_of(options);
            if let Some(preset) = options["preset"]
                .as_str()
                .filter(|preset| !matches!(*preset, "angular" | "conventionalcommits"))
            {
                self.left(format!(
                    "preset `{preset}` of `{name}`: commits are read as Conventional Commits"
                ));
            }
            for key in ["parserOpts", "writerOpts", "presetConfig", "config"] {
                if options.get(key).is_some() {
                    self.left(format!("`{key}` of `{name}`: it has no counterpart"));
                }
            }
        } else if name.contains("docker") {
            // Read with the images.
        } else {
            let why = match name {
                "@semantic-release/exec" => "found, not read: its commands are programs",
                "@semantic-release/git" | "@semantic-release/changelog" => {
                    "`version.files` and `[notes] changelog` make a release commit"
                }
                "@semantic-release/github" | "@semantic-release/gitlab" => {
                    "hoist publishes images and the git tag"
                }
                _ => "it publishes something else than an image",
            };
            self.left(format!("plugin `{name}` of `{file}`: {why}"));
        }
    }

    /// `releaseRules`, as far as they are data.
    fn rules_of(&mut self, options: &Value) {
        match &options["releaseRules"] {
            Value::String(path) => {
                self.left(format!("found, not read: the release rules in `{path}`"))
            }
            Value::Array(rules) => {
                let read: Vec<ReleaseRule> = rules
                    .iter()
                    .filter_map(|rule| self.release_rule(rule))
                    .collect();
                let rules = by_first_match(read);
                for (at, (conditions, bump)) in rules.iter().enumerate() {
                    // The defaults say the same, and no later rule takes their commits.
                    if says_default(conditions, bump)
                        && rules[at + 1..]
                            .iter()
                            .all(|(later, _)| never_both(conditions, later))
                    {
                        continue;
                    }
                    let pairs: Vec<(&str, &str)> = conditions
                        .iter()
                        .map(|(key, value)| (&**key, &**value))
                        .collect();
                    self.rule(&pairs, bump);
                }
            }
            _ => {}
        }
    }

    /// Reads one rule; names it where it has no counterpart.
    fn release_rule(&mut self, rule: &Value) -> Option<ReleaseRule> {
        let shown = rule.to_string();
        let bump = match &rule["release"] {
            Value::String(level) if matches!(&**level, "major" | "minor" | "patch") => {
                level.clone()
            }
            Value::Bool(false) | Value::Null => "none".to_owned(),
            _ => {
                self.left(format!(
                    "release rule `{shown}`: its level has no counterpart"
                ));
                return None;
            }
        };
        let mut conditions: Vec<(String, String)> = Vec::new();
        for (key, value) in rule.as_object().into_iter().flatten() {
            match (&**key, value) {
                ("release", _) => {}
                ("type" | "scope", Value::String(text)) if !text.contains(['(', '{', '!']) => {
                    conditions.push((key.clone(), text.clone()));
                }
                ("breaking", Value::Bool(true)) => conditions.push((key.clone(), "true".into())),
                ("revert", Value::Bool(true)) => conditions.push(("type".into(), "revert".into())),
                _ => {
                    self.left(format!(
                        "release rule `{shown}`: `{key}` has no counterpart"
                    ));
                    return None;
                }
            }
        }
        if conditions.is_empty() {
            self.left(format!("release rule `{shown}`: it has no condition"));
            return None;
        }
        Some((conditions, bump))
    }
}

/// Conditions by key, and the bump.
type ReleaseRule = (Vec<(String, String)>, String);

/// Orders rules so that the first one that fits decides. There the highest level of all that fit
/// counts, wherever it stands, but a rule without a release undoes those before it.
fn by_first_match(rules: Vec<ReleaseRule>) -> Vec<ReleaseRule> {
    let level = |(_, bump): &ReleaseRule| match &**bump {
        "major" => 0,
        "minor" => 1,
        _ => 2,
    };
    let mut ordered: Vec<ReleaseRule> = Vec::new();
    let mut since: Vec<ReleaseRule> = Vec::new();
    for rule in rules {
        if rule.1 == "none" {
            since.sort_by_key(level);
            let before = std::mem::take(&mut since);
            ordered.splice(0..0, std::iter::once(rule).chain(before));
        } else {
            since.push(rule);
        }
    }
    since.sort_by_key(level);
    ordered.splice(0..0, since);
    ordered
}

/// Whether the rule is one of the defaults.
fn says_default(conditions: &[(String, String)], bump: &str) -> bool {
    let conditions: Vec<(&str, &str)> = conditions
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    let default = match &*conditions {
        [("type", "feat")] => "minor",
        [("type", "fix" | "perf" | "revert")] => "patch",
        // A rule lowers a breaking change only where it says so itself.
        [("breaking", "true")] => "major",
        _ => "",
    };
    default == bump
}

/// Whether no commit fits both rules: each names a type, and not the same one.
fn never_both(one: &[(String, String)], other: &[(String, String)]) -> bool {
    let kind = |conditions: &[(String, String)]| {
        let found = conditions.iter().find(|(key, _)| key == "type");
        let plain = found.filter(|(_, value)| !value.contains(['*', '?', '[']));
        plain.map(|(_, value)| value.clone())
    };
    let lowers =
        |conditions: &[(String, String)]| conditions.iter().any(|(key, _)| key == "breaking");
    match (kind(one), kind(other)) {
        (Some(one), Some(other)) => one != other,
        (None, _) => lowers(one) && !lowers(other),
        _ => false,
    }
}

/// A plugin's name and options.
pub(super) fn plugin_of(plugin: &Value) -> (&str, &Value) {
    match plugin {
        Value::Array(parts) => (
            parts.first().and_then(Value::as_str).unwrap_or_default(),
            parts.get(1).unwrap_or(&Value::Null),
        ),
        other => (other.as_str().unwrap_or_default(), &Value::Null),
    }
}

/// A name that is not a pattern, or one with `*` alone.
fn is_plain(name: &str) -> bool {
    !name.contains(['+', '(', '{', '!', '?', '$'])
}

/// The patterns of maintenance branches that a name stands for: `1.x`, `v1.2.x`, and the usual glob
/// after a prefix.
fn maintenance(name: &str) -> Option<Vec<String>> {
    let both = |prefix: &str| {
        vec![
            format!("{prefix}{{major}}.x"),
            format!("{prefix}{{major}}.{{minor}}.x"),
        ]
    };
    if let Some(start) = name.find("+([0-9])") {
        let (prefix, glob) = name.split_at(start);
        return match glob {
            "+([0-9])?(.{+([0-9]),x}).x" => Some(both(prefix)),
            "+([0-9]).x" => Some(vec![format!("{prefix}{{major}}.x")]),
            "+([0-9]).+([0-9]).x" => Some(vec![format!("{prefix}{{major}}.{{minor}}.x")]),
            _ => None,
        };
    }
    let numbers = name.strip_suffix(".x")?;
    let start = numbers
        .rfind(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(0, |at| at + 1);
    let (prefix, numbers) = numbers.split_at(start);
    let parts: Vec<&str> = numbers.split('.').collect();
    let are_numbers = parts
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    (are_numbers && parts.len() <= 2).then(|| both(prefix))
}
