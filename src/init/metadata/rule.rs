//! One rule of the `tags:` input, and the tag that it gives in a release.

use crate::init::{
    handlebars::render,
    metadata::{
        flavor::Flavor,
        globals::{global, sanitize},
        line::MetadataRule,
        pattern,
    },
    scenario::{ReleaseEvent, Scenario},
    term::is_partial,
};

/// What a rule gives in a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RuleAnswer {
    /// A tag; whether `latest` comes with it; whether nobody here knows if it is made.
    Tag {
        name: String,
        latest: bool,
        condition: Option<String>,
    },
    /// Nothing in a release, and why.
    Nothing(String),
    /// Nothing can be said, and why.
    Unread(String),
}

impl MetadataRule {
    /// What the rule gives in a release.
    pub(super) fn answer(&self, flavor: &Flavor, scenario: &Scenario<'_>) -> RuleAnswer {
        let enable = self.get("enable").unwrap_or("true");
        let condition = match render(enable, &|name, arg| global(name, arg, scenario)).as_deref() {
            Ok("true") => None,
            Ok("false") => return RuleAnswer::Nothing(self.switched_off(enable)),
            Ok(other) => {
                return RuleAnswer::Unread(format!("`enable={other}` is not valid"));
            }
            Err(_) => Some(enable.to_owned()),
        };
        let (body, latest) = match self.body(scenario) {
            Ok(Some(body)) => body,
            Ok(None) => return RuleAnswer::Nothing(self.why_nothing(scenario)),
            Err(why) => return RuleAnswer::Unread(why),
        };
        let around = |own: Option<&str>, flavor: &str| {
            render(own.unwrap_or(flavor), &|name, arg| {
                global(name, arg, scenario)
            })
        };
        // Only the prefixes of `sha` and of pull requests have defaults of their own.
        let prefix = match (self.get("prefix"), &*self.kind) {
            (None, "sha") => Some("sha-"),
            (own, _) => own,
        };
        let prefix = around(prefix, &flavor.prefix);
        let suffix = around(self.get("suffix"), &flavor.suffix);
        match (prefix, suffix) {
            (Ok(prefix), Ok(suffix)) => {
                let name = format!("{prefix}{body}{suffix}");
                if name.is_empty() {
                    return RuleAnswer::Nothing("it gives no text in a release".into());
                }
                if is_partial(&name) {
                    return RuleAnswer::Unread(format!("`{name}` is known to GitHub alone"));
                }
                RuleAnswer::Tag {
                    name: sanitize(&name),
                    latest,
                    condition,
                }
            }
            (Err(why), _) | (_, Err(why)) => RuleAnswer::Unread(why),
        }
    }

    fn switched_off(&self, enable: &str) -> String {
        match enable {
            "false" => "its condition is false in a release".into(),
            other => format!("its condition `{other}` is false in a release"),
        }
    }

    fn why_nothing(&self, scenario: &Scenario<'_>) -> String {
        match (&*self.kind, self.get("event")) {
            ("ref", Some("branch")) => "it tags every push to a branch, not releases".into(),
            ("ref", Some("pr")) => "pull requests are not released".into(),
            ("edge", _) => "it follows pushes to a branch, not releases".into(),
            ("schedule", _) => "it follows a schedule, not releases".into(),
            ("semver" | "pep440" | "match" | "ref", _)
                if !matches!(
                    scenario.event,
                    ReleaseEvent::TagPush | ReleaseEvent::Release
                ) =>
            {
                "it reads a git tag, and this workflow is not started by one".into()
            }
            ("semver" | "pep440", _) => {
                format!("`{}{{version}}` is not a version for it", scenario.prefix)
            }
            ("match", _) => {
                format!(
                    "its pattern does not match `{}{{version}}`",
                    scenario.prefix
                )
            }
            _ => "it gives no text in a release".into(),
        }
    }

    /// The text of the tag without what stands around it, and whether `latest` comes with it.
    fn body(&self, scenario: &Scenario<'_>) -> Result<Option<(String, bool)>, String> {
        let plain = |text: String| Ok((!text.is_empty()).then_some((text, false)));
        match &*self.kind {
            "semver" => pattern::semver(self, scenario),
            "pep440" => pattern::pep440(self, scenario),
            "match" => pattern::matched(self, scenario),
            "raw" => {
                let value = self.get("value").unwrap_or_default();
                plain(render(value, &|name, arg| global(name, arg, scenario))?)
            }
            "sha" => plain(match self.get("format") {
                Some("long") => "{sha:full}".into(),
                _ => "{sha}".into(),
            }),
            "ref" => Ok(
                match (
                    self.get("event"),
                    scenario.git_ref().strip_prefix("refs/tags/"),
                ) {
                    (Some("tag"), Some(tag)) => Some((tag.to_owned(), true)),
                    _ => None,
                },
            ),
            "edge" | "schedule" => Ok(None),
            other => Err(format!("`type={other}` is not known")),
        }
    }
}
