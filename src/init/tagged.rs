//! What the names of git tags and of the remote tell.

use regex::Regex;
use semver::Version;

use crate::{
    init::workflow::{FileTexts, is_workflow},
    plan::release::labels::source_url,
};

/// More labels of pre-releases than this are not tried.
const MOST_LABELS: usize = 4;

/// The labels of pre-releases that git tags have, and those that workflows look for; `rc` where
/// there is none.
pub(super) fn labels(tags: &[String], texts: &FileTexts) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    let mut count = |label: &str| match counted.iter_mut().find(|(known, _)| known == label) {
        Some((_, count)) => *count += 1,
        None => counted.push((label.to_owned(), 1)),
    };
    for tag in tags {
        let Some((_, version)) = split_tag(tag) else {
            continue;
        };
        let label = version.pre.split('.').next().unwrap_or_default();
        // `rc2` has no counter that could be raised; what stands before it is the label.
        let label = label
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches('-');
        if !label.is_empty() {
            count(label);
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut labels: Vec<String> = counted.into_iter().map(|(label, _)| label).collect();
    let asked = [
        "rc", "beta", "alpha", "pre", "preview", "next", "dev", "canary",
    ];
    let is_asked = |label: &&str| {
        let quoted = [
            format!("'-{label}"),
            format!("\"-{label}"),
            format!("-{label}."),
        ];
        texts.iter().any(|(path, text)| {
            is_workflow(path) && quoted.iter().any(|quoted| text.contains(&**quoted))
        })
    };
    for label in asked.into_iter().filter(is_asked) {
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    if labels.is_empty() {
        labels.push("rc".into());
    }
    labels.truncate(MOST_LABELS);
    labels
}

/// `owner/name` where the remote is on GitHub.
pub(super) fn github(remote: &str) -> Option<String> {
    let path = source_url(remote)?
        .strip_prefix("https://github.com/")?
        .to_owned();
    (path.split('/').count() == 2).then_some(path)
}

/// What stands before the version in most git tags, and the highest version with it. Where tags have a `v` before the
/// version and others have none, those with the highest version count.
pub(super) fn git_prefix(tags: &[String]) -> Option<(String, Version)> {
    let mut prefixes: Vec<(String, usize, Version)> = Vec::new();
    for tag in tags {
        let Some((prefix, version)) = split_tag(tag) else {
            continue;
        };
        match prefixes.iter_mut().find(|(known, ..)| known == prefix) {
            Some((_, count, highest)) => {
                *count += 1;
                if version.cmp_precedence(highest).is_gt() {
                    *highest = version;
                }
            }
            None => prefixes.push((prefix.to_owned(), 1, version)),
        }
    }
    // The most used one; of equals the shorter, which is rather the whole repository's.
    prefixes.sort_by_key(|(prefix, count, _)| (std::cmp::Reverse(*count), prefix.len()));
    let used = prefixes
        .first()
        .map(|(prefix, ..)| stem(prefix).to_owned())?;
    prefixes
        .into_iter()
        .filter(|(prefix, ..)| stem(prefix) == used)
        .reduce(|one, other| match other.2.cmp_precedence(&one.2).is_gt() {
            true => other,
            false => one,
        })
        .map(|(prefix, _, highest)| (prefix, highest))
}

/// What stands before the version in git tags whose numbers begin with zeros, such as `2026.07.2`.
pub(super) fn prefix_before_zeros(tags: &[String]) -> Option<String> {
    let zeros = Regex::new(r"(^|\.)0+([0-9])").expect("the pattern is fixed");
    let mut found = tags.iter().filter_map(|tag| {
        let at = tag.find(|c: char| c.is_ascii_digit())?;
        let version = zeros.replace_all(&tag[at..], "$1$2");
        let version = Version::parse(&version).ok()?;
        Some((version, tag[..at].to_owned()))
    });
    let first = found.next()?;
    let highest = found.fold(first, |one, other| match other.0 > one.0 {
        true => other,
        false => one,
    });
    Some(highest.1)
}

/// The part of a prefix that says whose the version is.
fn stem(prefix: &str) -> &str {
    prefix.strip_suffix('v').unwrap_or(prefix)
}

fn split_tag(tag: &str) -> Option<(&str, Version)> {
    let starts = tag.char_indices().filter(|(at, c)| {
        c.is_ascii_digit() && !tag[..*at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    starts
        .filter_map(|(at, _)| Some((&tag[..at], Version::parse(&tag[at..]).ok()?)))
        .next()
}

#[cfg(test)]
mod tests {
    use crate::init::tagged::*;

    #[test]
    fn the_most_used_prefix_is_taken() {
        let tags = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let prefix = |names: &[&str]| git_prefix(&tags(names)).map(|(p, v)| format!("{p}|{v}"));
        assert_eq!(
            prefix(&["api@1.0.0", "api@1.1.0", "v3.0.0"]).as_deref(),
            Some("api@|1.1.0")
        );
        for (names, expected) in [
            (&["1.2.0", "1.2.1", "1.2.2", "v1.3.0"][..], "v|1.3.0"),
            (&["1.2.3", "v1.2.4"], "v|1.2.4"),
            (&["v0.1.0", "0.2.0", "0.3.0"], "|0.3.0"),
            (
                &["api-1.0.0", "api-1.0.1", "api-v1.1.0", "v9.0.0"],
                "api-v|1.1.0",
            ),
        ] {
            assert_eq!(prefix(names).as_deref(), Some(expected));
        }
        let zeros = |names: &[&str]| prefix_before_zeros(&tags(names));
        assert_eq!(zeros(&["2026.05.1", "2026.07.2"]).as_deref(), Some(""));
        assert_eq!(zeros(&["r2026.05.01"]).as_deref(), Some("r"));
        assert_eq!(zeros(&["1.2", "x"]), None);
        assert_eq!(prefix(&["api2-1.0.0"]).as_deref(), Some("api2-|1.0.0"));
        assert_eq!(prefix(&["v1.2", "x"]), None);
        assert_eq!(github("https://gitlab.com/a/b"), None);
        assert_eq!(
            github("https://x@github.com/a/b.git").as_deref(),
            Some("a/b")
        );
    }

    #[test]
    fn labels_in_use() {
        let tags = ["v1.0.0-beta.1", "v1.0.0-rc.1", "v1.0.0-rc2", "v1.0.0"].map(str::to_owned);
        assert_eq!(labels(&tags, &FileTexts::new()), ["rc", "beta"]);
        let texts = [(
            ".github/workflows/a.yml".to_owned(),
            "if: contains(github.ref, '-pre')".to_owned(),
        )];
        assert_eq!(labels(&[], &texts.into()), ["pre"]);
        assert_eq!(labels(&[], &FileTexts::new()), ["rc"]);
    }
}
