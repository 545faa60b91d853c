//! `[[version.rules]]`: which rule of the policy, if any, decides a change.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

use crate::{
    error::{Error, Result},
    plan::history::change::{self, CommitChange},
    policy::{Level, Rule, VersionPolicy},
};

/// Whether one of the policy's own rules decides this message.
///
/// # Errors
/// A pattern that does not compile (exit 2).
pub fn has_rule(policy: &VersionPolicy, message: &str, merge: bool) -> Result<bool> {
    let change = change::parse(message, merge);
    let rules = compile(policy)?;
    Ok(rules.iter().any(|rule| rule.matches(message, &change)))
}

pub(super) fn compile(policy: &VersionPolicy) -> Result<Vec<CompiledRule<'_>>> {
    let rules = policy.rules.iter().enumerate();
    rules
        .map(|(index, rule)| CompiledRule::new(index, rule))
        .collect()
}

/// A rule, ready to match.
pub(super) struct CompiledRule<'a> {
    pub(super) rule: &'a Rule,
    pub(super) name: String,
    type_: Option<GlobMatcher>,
    scope: Option<GlobMatcher>,
    message: Option<Regex>,
}

impl<'a> CompiledRule<'a> {
    fn new(index: usize, rule: &'a Rule) -> Result<Self> {
        let name = format!("rule {} of `version.rules`", index + 1);
        let glob = |key: &str, pattern: &Option<String>| {
            pattern
                .as_ref()
                .map(|pattern| GlobBuilder::new(pattern).case_insensitive(true).build())
                .transpose()
                .map(|glob| glob.map(|glob| glob.compile_matcher()))
                .map_err(|error| Error::usage(format!("{name}: bad `{key}`")).because(&error))
        };
        let type_ = glob("type", &rule.type_)?;
        let scope = glob("scope", &rule.scope)?;
        let message = rule
            .match_
            .as_ref()
            .map(|pattern| Regex::new(pattern))
            .transpose()
            .map_err(|error| Error::usage(format!("{name}: bad `match`")).because(&error))?;
        Ok(Self {
            rule,
            type_,
            scope,
            message,
            name,
        })
    }

    /// A rule that would lower a breaking change applies to it only where it says
    /// `breaking = true`: else a rule for a type would hide what breaks users.
    pub(super) fn matches(&self, message: &str, change: &CommitChange) -> bool {
        let breaking = change.breaking.is_some();
        let meant = match self.rule.breaking {
            Some(wanted) => wanted == breaking,
            None => !breaking || self.rule.bump.level() == Some(Level::Major),
        };
        meant
            && self
                .type_
                .as_ref()
                .is_none_or(|glob| change.type_.as_ref().is_some_and(|t| glob.is_match(t)))
            && self.scope.as_ref().is_none_or(|glob| {
                change.scope.as_ref().is_some_and(|scope| {
                    glob.is_match(scope) || scope.split(',').any(|one| glob.is_match(one.trim()))
                })
            })
            && self
                .message
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(message))
    }
}
