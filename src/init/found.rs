//! What a repository holds that a policy can be made of.

use semver::Version;

use crate::{
    init::{tools::Hints, workflow::Imported},
    plan::release::labels::source_url,
};

/// What the repository holds that a policy can be made of.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The remote's name and URL.
    pub(crate) remote: Option<(String, String)>,
    /// Names of all git tags.
    pub(crate) git_tags: Vec<String>,
    /// Path and text.
    pub(crate) dockerfiles: Vec<(String, String)>,
    pub(crate) imported: Imported,
    pub(crate) hints: Hints,
}

/// `owner/name` where the remote is on GitHub.
pub(crate) fn github(remote: &str) -> Option<String> {
    let path = source_url(remote)?
        .strip_prefix("https://github.com/")?
        .to_owned();
    (path.split('/').count() == 2).then_some(path)
}

/// What stands before the version in most git tags, and the highest version with it.
pub(crate) fn git_prefix(tags: &[String]) -> Option<(String, Version)> {
    let mut prefixes: Vec<(String, usize, Version)> = Vec::new();
    for tag in tags {
        let Some((prefix, version)) = split(tag) else {
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
    prefixes
        .into_iter()
        .next()
        .map(|(prefix, _, highest)| (prefix, highest))
}

fn split(tag: &str) -> Option<(&str, Version)> {
    let starts = tag.char_indices().filter(|(at, c)| {
        c.is_ascii_digit() && !tag[..*at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    starts
        .filter_map(|(at, _)| Some((&tag[..at], Version::parse(&tag[at..]).ok()?)))
        .next()
}

#[cfg(test)]
mod tests {
    use crate::init::found::*;

    #[test]
    fn the_most_used_prefix_is_taken() {
        let tags = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let prefix = |names: &[&str]| git_prefix(&tags(names)).map(|(p, v)| format!("{p}|{v}"));
        assert_eq!(
            prefix(&["api@1.0.0", "api@1.1.0", "v3.0.0"]).as_deref(),
            Some("api@|1.1.0")
        );
        assert_eq!(prefix(&["api2-1.0.0"]).as_deref(), Some("api2-|1.0.0"));
        assert_eq!(prefix(&["v1.2", "x"]), None);
        assert_eq!(github("https://gitlab.com/a/b"), None);
        assert_eq!(
            github("https://x@github.com/a/b.git").as_deref(),
            Some("a/b")
        );
    }
}
