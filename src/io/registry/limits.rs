//! What a registry says of itself before it is asked to do anything.

use std::time::Duration;

use regex::{Regex, RegexBuilder};

use crate::oci::Tag;

/// Most memory for one rule's pattern, in bytes: the pattern comes from outside.
const PATTERN: usize = 1024 * 1024;
/// Most rules that are read.
const RULES: usize = 100;

/// Tags that a registry will not let move or go, as far as it tells beforehand.
#[derive(Debug, Clone, Default)]
pub struct ImmutableTags(Vec<Regex>);

impl ImmutableTags {
    /// Patterns in RE2's syntax, found anywhere in a tag; no pattern at all means every tag. A
    /// pattern that cannot be read holds nothing: the registry decides when it comes to it.
    #[must_use]
    pub fn new(rules: &[String]) -> Self {
        let all = [String::new()];
        let rules = if rules.is_empty() { &all } else { rules };
        let read = |rule: &String| RegexBuilder::new(rule).size_limit(PATTERN).build().ok();
        Self(rules.iter().take(RULES).filter_map(read).collect())
    }

    /// Whether a tag, once it is there, stays.
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
    /// Pulls that are left in this one.
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
