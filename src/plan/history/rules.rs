//! `[[version.rules]]`: which rule of the policy, if any, decides a change.

use crate::{
    plan::history::change::{self, CommitChange},
    policy::{CommitRule, Level, VersionPolicy},
};

/// Whether one of the policy's own rules decides this message.
#[must_use]
pub fn has_rule(policy: &VersionPolicy, message: &str, merge: bool) -> bool {
    let change = change::parse(message, merge);
    deciding(policy, message, &change).is_some()
}

/// The first rule of the policy that matches a change, if any.
pub(super) fn deciding<'a>(
    policy: &'a VersionPolicy,
    message: &str,
    change: &CommitChange,
) -> Option<NumberedRule<'a>> {
    policy
        .rules
        .iter()
        .enumerate()
        .map(|(index, rule)| NumberedRule { index, rule })
        .find(|rule| rule.matches(message, change))
}

/// A rule with its place in `version.rules`.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberedRule<'a> {
    index: usize,
    pub(super) rule: &'a CommitRule,
}

impl NumberedRule<'_> {
    /// What the rule is called in explanations.
    pub(super) fn name(self) -> String {
        format!("rule {} of `version.rules`", self.index + 1)
    }

    /// A rule that would lower a breaking change applies to it only where it says
    /// `breaking = true`: else a rule for a type would hide what breaks users.
    fn matches(self, message: &str, change: &CommitChange) -> bool {
        let breaking = change.breaking.is_some();
        let meant = match self.rule.breaking {
            Some(wanted) => wanted == breaking,
            None => !breaking || self.rule.bump.level() == Some(Level::Major),
        };
        meant
            && self
                .rule
                .type_
                .as_ref()
                .is_none_or(|glob| change.type_.as_ref().is_some_and(|t| glob.is_match(t)))
            && self.rule.scope.as_ref().is_none_or(|glob| {
                change.scope.as_ref().is_some_and(|scope| {
                    glob.is_match(scope) || scope.split(',').any(|one| glob.is_match(one.trim()))
                })
            })
            && self
                .rule
                .match_
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(message))
    }
}
