//! A changelog file: where the section of a release goes.

/// The title of what has no version yet.
pub(super) const UNRELEASED: &str = "Unreleased";

/// Whether a changelog has a section of `title`.
#[must_use]
pub fn has_section(changelog: &str, title: &str) -> bool {
    let mut lines = changelog.lines();
    lines.any(|line| line.starts_with("## ") && names(line, title))
}

/// A changelog with `section` before its first `## ` heading, but after a section `Unreleased`
/// that people keep by hand (<https://keepachangelog.com>); with a title of its own where there was
/// no changelog yet. A section for the same `title` that is there already is replaced.
#[must_use]
pub fn prepend(changelog: &str, section: &str, title: &str) -> String {
    let section = section.trim();
    if changelog.trim().is_empty() {
        return format!("# Changelog\n\n{section}\n");
    }
    let is_heading = |line: &str| line.starts_with("## ");
    let mut start = changelog.len();
    let mut end = changelog.len();
    let mut place = 0;
    for line in changelog.split_inclusive('\n') {
        if is_heading(line) {
            if start == changelog.len() {
                if names(&line.to_lowercase(), "unreleased") && title != UNRELEASED {
                    place += line.len();
                    continue;
                }
                start = place;
                end = place;
                if !names(line, title) {
                    break;
                }
                end = changelog.len();
            } else {
                end = place;
                break;
            }
        }
        place += line.len();
    }
    let (head, tail) = (changelog[..start].trim_end(), changelog[end..].trim());
    let tail = if tail.is_empty() {
        String::new()
    } else {
        format!("\n{tail}\n")
    };
    let head = if head.is_empty() {
        String::new()
    } else {
        format!("{head}\n\n")
    };
    format!("{head}{section}\n{tail}")
}

/// Whether a heading is the one of `title`: `## 1.2.3`, `## [1.2.3](…) - 2026-11-23`.
fn names(heading: &str, title: &str) -> bool {
    let text = heading
        .trim_start_matches('#')
        .trim()
        .trim_start_matches('[');
    text.strip_prefix(title)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ']']))
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::changelog::*;

    #[test]
    fn a_section_goes_before_the_first_one_and_replaces_its_own() {
        let old = "# Changelog\n\nWords.\n\n## 1.0.0\n\n- a\n";
        let new = prepend(old, "## 1.1.0\n\n- b", "1.1.0");
        assert_eq!(
            new,
            "# Changelog\n\nWords.\n\n## 1.1.0\n\n- b\n\n## 1.0.0\n\n- a\n"
        );
        let again = prepend(&new, "## 1.1.0\n\n- c", "1.1.0");
        assert_eq!(
            again,
            "# Changelog\n\nWords.\n\n## 1.1.0\n\n- c\n\n## 1.0.0\n\n- a\n"
        );
        assert_eq!(
            prepend("", "## 1.0.0", "1.0.0"),
            "# Changelog\n\n## 1.0.0\n"
        );
        let by_hand = "# Changelog\n\n## [Unreleased]\n\n- c\n\n## 1.0.0\n\n- a\n";
        assert_eq!(
            prepend(by_hand, "## 1.1.0\n\n- b", "1.1.0"),
            "# Changelog\n\n## [Unreleased]\n\n- c\n\n## 1.1.0\n\n- b\n\n## 1.0.0\n\n- a\n"
        );
        let alone = "## Unreleased\n\n- c\n";
        assert_eq!(
            prepend(alone, "## 1.1.0", "1.1.0"),
            "## Unreleased\n\n- c\n\n## 1.1.0\n"
        );
        assert_eq!(
            prepend(alone, "## Unreleased\n\n- d", "Unreleased"),
            "## Unreleased\n\n- d\n"
        );
        let near = prepend("## [1.1.0](x) - y\n- a\n", "## 1.1.0-rc.1", "1.1.0-rc.1");
        assert_eq!(near, "## 1.1.0-rc.1\n\n## [1.1.0](x) - y\n- a\n");
    }
}
