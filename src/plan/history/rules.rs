//! What decides the level of a change: the first of `[[version.rules]]` that matches it, else the
//! built-in rules.

use crate::{
    plan::history::{
        change::{self, Breaking, CommitChange, MessageKind},
        squash::{self, SquashedChange},
    },
    policy::{CommitRule, Level, Squash, Unconventional, VersionPolicy},
};

/// Whether one of the policy's own rules decides this message.
#[must_use]
pub fn has_rule(policy: &VersionPolicy, message: &str, merge: bool) -> bool {
    let change = change::parse(message, merge, &policy.strip);
    deciding(policy, message, &change).is_some()
}

/// The level that a change gives, and why.
pub(crate) fn level(
    policy: &VersionPolicy,
    message: &str,
    change: &CommitChange,
) -> (Option<Level>, String) {
    match deciding(policy, message, change) {
        Some(rule) => (rule.rule.bump.level(), rule.name()),
        None => default_level(policy, change),
    }
}

/// No header, no line that says what breaks, no rule that knows the commit, and no changes in its
/// body that count.
pub(crate) fn is_unconventional(
    policy: &VersionPolicy,
    message: &str,
    merge: bool,
    change: &CommitChange,
) -> bool {
    change.kind == MessageKind::Unconventional
        && change.breaking.is_none()
        && deciding(policy, message, change).is_none()
        && !squashed(policy, message, merge)
            .iter()
            .any(SquashedChange::is_change)
}

/// What the body lists beside the title: with `version.squash = "body"`, of a commit
/// that is not a merge.
pub(crate) fn squashed(policy: &VersionPolicy, message: &str, merge: bool) -> Vec<SquashedChange> {
    match policy.squash {
        Squash::Body if !merge => squash::squashed(message, &policy.strip),
        Squash::Body | Squash::Title => Vec::new(),
    }
}

/// The first rule of the policy that matches a change, if any.
fn deciding<'a>(
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

/// The level of a change that no rule of the policy decides.
fn default_level(policy: &VersionPolicy, change: &CommitChange) -> (Option<Level>, String) {
    match (&change.breaking, change.kind) {
        (Some(Breaking::Mark), _) => (Some(Level::Major), "breaking: `!`".into()),
        (Some(Breaking::Line(_)), _) => {
            (Some(Level::Major), "breaking: says what it breaks".into())
        }
        (None, MessageKind::Merge) => (None, "a merge is not a change of its own".into()),
        (None, MessageKind::Fixup) => (None, "part of another commit".into()),
        (None, MessageKind::Unconventional) => match policy.unconventional {
            Unconventional::Patch => (
                Some(Level::Patch),
                "no conventional header: `version.unconventional = \"patch\"`".into(),
            ),
            Unconventional::Ignore | Unconventional::Error => {
                (None, "no conventional header".into())
            }
        },
        (None, MessageKind::Conventional | MessageKind::Revert) => {
            let type_ = change.type_.as_deref().unwrap_or_default();
            match type_ {
                "feat" => (Some(Level::Minor), "`feat`".into()),
                "fix" | "perf" | "revert" => (Some(Level::Patch), format!("`{type_}`")),
                _ => (None, format!("`{type_}` releases nothing")),
            }
        }
    }
}

/// A rule with its place in `version.rules`.
#[derive(Debug, Clone, Copy)]
struct NumberedRule<'a> {
    index: usize,
    rule: &'a CommitRule,
}

impl NumberedRule<'_> {
    /// What the rule is called in explanations.
    fn name(self) -> String {
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
