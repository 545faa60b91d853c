//! Limits that a registry announces: tags that cannot be moved, pulls that are left.

use std::time::Duration;

use regex::{Regex, RegexBuilder};

use crate::oci::Tag;

/// Most memory for one rule's pattern, in bytes: the pattern comes from outside.
const MAX_PATTERN: usize = 1024 * 1024;
/// Most rules that are read.
const MAX_RULES: usize = 100;

/// Tags that a registry does not let anyone move or delete, as far as it tells beforehand.
#[derive(Debug, Clone, Default)]
pub struct ImmutableTags(Vec<Regex>);

impl ImmutableTags {
    /// Patterns in RE2's syntax that match anywhere in a tag; without any pattern, every tag is
    /// immutable. A pattern that cannot be read is left out: the registry decides in the end.
    #[must_use]
    pub fn new(rules: &[String]) -> Self {
        let all = [String::new()];
        let rules = if rules.is_empty() { &all } else { rules };
        let read = |rule: &String| RegexBuilder::new(rule).size_limit(MAX_PATTERN).build().ok();
        Self(rules.iter().take(MAX_RULES).filter_map(read).collect())
    }

    /// Whether a tag cannot be moved or deleted once it exists.
    #[must_use]
    pub fn holds(&self, tag: &Tag) -> bool {
        self.0.iter().any(|rule| rule.is_match(tag.as_str()))
    }
}

/// How many pulls an account, or an address, has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullLimit {
    /// Pulls in one window.
    pub limit: u64,
    /// Pulls that are left in the current window.
    pub remaining: u64,
    /// The window's length.
    pub window: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use crate::io::registry::limits::*;

    #[test]
    fn a_rule_holds_the_tags_it_matches() {
        let held = |rules: &[&str], tag: &str| {
            let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            ImmutableTags::new(&rules).holds(&tag.parse().expect("a tag"))
        };
        assert!(held(&[r"^\d+\.\d+\.\d+$"], "1.2.3"));
        assert!(!held(&[r"^\d+\.\d+\.\d+$"], "1.2"));
        assert!(held(&["x", "lat"], "latest"));
        assert!(held(&[], "anything"));
        assert!(!held(&["("], "1.2.3"));
        assert!(!held(&["(((a{1000}){1000}){1000})"], "a"));
        assert!(!ImmutableTags::default().holds(&"1.2.3".parse().expect("a tag")));
    }
}
