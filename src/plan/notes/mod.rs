//! Release notes: the changes of a range, sorted by what they mean to a user, as markdown.

pub mod forge;
pub mod lint;

use minijinja::{Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    plan::{
        files::is_subject,
        history::{
            change::{Breaking, Kind},
            levels::{Entry, LeftOut},
        },
        notes::forge::Forge,
    },
    policy::Level,
    text::sanitize_line,
};

/// The template that is used where the policy names none.
pub const TEMPLATE: &str = include_str!("notes.md.jinja");

/// The title of what has no version yet.
const UNRELEASED: &str = "Unreleased";

/// What the notes are about; each field is a variable of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Notes {
    /// The version; none for changes that are not released.
    pub version: Option<String>,
    /// Its git tag.
    pub tag: Option<String>,
    /// The version before.
    pub previous: Option<String>,
    /// Its git tag.
    pub previous_tag: Option<String>,
    /// The day, `2026-11-23`, UTC.
    pub date: Option<String>,
    /// The version, or `Unreleased`.
    pub title: String,
    /// Whether to begin with a heading.
    pub heading: bool,
    /// The page that compares both tags.
    pub compare_url: Option<String>,
    /// What breaks users, whatever its type.
    pub breaking: Vec<Item>,
    /// What is new.
    pub features: Vec<Item>,
    /// What is mended.
    pub fixes: Vec<Item>,
    /// What moves no version.
    pub others: Vec<Item>,
    /// Everybody who wrote one of these changes, by name.
    pub authors: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The commit's id.
    pub id: String,
    /// Its first seven digits.
    pub short: String,
    /// Its page.
    pub url: Option<String>,
    /// The header's type.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// The header's scope, safe in markdown.
    pub scope: Option<String>,
    /// The description, safe in markdown, with links for `#12` and `!12`.
    pub description: String,
    /// What it breaks, where it says so in words.
    pub breaking: Option<String>,
    /// The author's name.
    pub author: String,
}

/// The ends of the range that notes are made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// The version and its tag; none for changes that are not released.
    pub to: Option<(String, String)>,
    /// The version before, and its tag.
    pub from: Option<(String, String)>,
    /// The day, UTC.
    pub date: Option<String>,
}

/// Sorts the changes of a range. Left out are merges, fixups, release commits, changes that were taken back within
/// the range, and those outside `version.paths`.
#[must_use]
pub fn collect(entries: &[Entry], span: &Span, forge: Option<&Forge>) -> Notes {
    let (version, tag) = span.to.clone().unzip();
    let (previous, previous_tag) = span.from.clone().unzip();
    let mut notes = Notes {
        title: version.clone().unwrap_or_else(|| UNRELEASED.to_owned()),
        compare_url: forge
            .zip(tag.as_ref().zip(previous_tag.as_ref()))
            .map(|(forge, (tag, previous))| forge.compare(previous, tag)),
        version,
        tag,
        previous,
        previous_tag,
        date: span.date.clone(),
        ..Notes::default()
    };
    for entry in entries {
        let hidden = matches!(entry.left_out, Some(LeftOut::Paths | LeftOut::Reverted))
            || entry.level.is_none()
                && (matches!(entry.change.kind, Kind::Merge | Kind::Fixup)
                    || is_subject(&entry.summary));
        if hidden {
            continue;
        }
        let author = sanitize_line(&entry.author, 100);
        if !author.is_empty() && !notes.authors.contains(&author) {
            notes.authors.push(author);
        }
        let breaks = entry.change.breaking.is_some() || entry.level == Some(Level::Major);
        let place = match (entry.left_out, breaks, entry.level) {
            (None, true, Some(_)) => &mut notes.breaking,
            (None, false, Some(Level::Minor)) => &mut notes.features,
            (None, false, Some(_)) => &mut notes.fixes,
            _ => &mut notes.others,
        };
        place.push(item(entry, forge));
    }
    notes.authors.sort();
    notes
}

fn item(entry: &Entry, forge: Option<&Forge>) -> Item {
    let change = &entry.change;
    let description = match (change.kind, change.description.is_empty()) {
        (Kind::Revert, false) => format!("revert: {}", change.description),
        (_, false) => change.description.clone(),
        (_, true) => entry.summary.clone(),
    };
    let id = entry.id.to_string();
    Item {
        url: forge.map(|forge| forge.commit(&id)),
        short: entry.id.short(),
        id,
        type_: change.type_.clone(),
        scope: change.scope.as_ref().map(|scope| escape(scope, 60)),
        description: linked(&escape(&description, 300), forge),
        breaking: match &change.breaking {
            Some(Breaking::Line(text)) if !text.is_empty() && *text != description => {
                Some(linked(&escape(text, 1000), forge))
            }
            _ => None,
        },
        author: sanitize_line(&entry.author, 100),
    }
}

/// Text from outside as one line of markdown: nothing in it opens a tag or becomes a heading.
/// What stands between backticks is code already.
fn escape(text: &str, max: usize) -> String {
    let text = sanitize_line(text, max);
    let mut out = String::with_capacity(text.len());
    for (place, part) in text.split('`').enumerate() {
        if place > 0 {
            out.push('`');
        }
        // An odd number of backticks leaves the last part outside of code.
        let is_code = place % 2 == 1 && text.matches('`').count() > place;
        if is_code {
            out.push_str(part);
        } else {
            out.push_str(&part.replace('<', "\\<"));
        }
    }
    out
}

/// `#12` and `!12` as links, where they stand for themselves.
fn linked(text: &str, forge: Option<&Forge>) -> String {
    let Some(forge) = forge else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        let digits = tail.len() - tail.trim_start_matches(|d: char| d.is_ascii_digit()).len();
        let number = &tail[..digits];
        let alone = !before.is_alphanumeric()
            && !"&/`[".contains(before)
            && !tail[digits..].starts_with(|d: char| d.is_alphanumeric() || d == '`');
        let url = match c {
            '#' if digits > 0 && alone => Some(forge.issue(number)),
            '!' if digits > 0 && alone => forge.merge_request(number),
            _ => None,
        };
        match url {
            Some(url) => {
                out.push_str(&format!("[{c}{number}]({url})"));
                rest = &tail[digits..];
                before = '0';
            }
            None => {
                out.push(c);
                rest = tail;
                before = c;
            }
        }
    }
    out
}

/// Renders the notes with `template`, or with the built-in one. `name` is the template's name for
/// messages. The text ends with one line end.
///
/// # Errors
/// Usage (exit 2), with the template's line, where it cannot be read or rendered.
pub fn render(notes: &Notes, template: Option<(&str, &str)>) -> Result<String> {
    let (name, source) = template.unwrap_or(("notes.md.jinja", TEMPLATE));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let text = environment
        .render_named_str(name, source, Serde(notes))
        .map_err(|error| {
            Error::usage(format!("the template `{name}` of the release notes fails"))
                .because(&error)
                .hint("`hoist changelog` shows what it makes")
        })?;
    Ok(format!("{}\n", text.trim()))
}

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
    use super::*;
    use crate::git::CommitId;
    use crate::plan::history::{facts::Commit, levels};
    use crate::policy::Policy;

    fn entries(messages: &[&str]) -> Vec<Entry> {
        let commits: Vec<_> = messages
            .iter()
            .zip(1_u8..)
            .map(|(message, number)| Commit {
                id: CommitId::new([number; 20]),
                parents: vec![],
                message: (*message).to_owned(),
                author: if number.is_multiple_of(2) {
                    "Bo"
                } else {
                    "Ada"
                }
                .to_owned(),
                email: String::new(),
                time: 0,
                in_paths: true,
                after_prerelease: true,
            })
            .collect();
        let policy = Policy::default();
        levels::judge(&policy.version, &commits)
            .expect("a judgement")
            .entries
    }

    fn span() -> Span {
        Span {
            to: Some(("1.3.0".into(), "v1.3.0".into())),
            from: Some(("1.2.3".into(), "v1.2.3".into())),
            date: Some("2026-11-23".into()),
        }
    }

    #[test]
    fn breaking_first_then_features_fixes_and_the_rest_folded() {
        let forge = Forge::of("git@github.com:acme/api.git");
        let entries = entries(&[
            "feat(auth): accept device codes (#12)",
            "fix: show `a<b>` and <c>",
            "refactor(api)!: one client\n\nBREAKING CHANGE: `Client::new` takes an address",
            "docs: say why",
            "Merge branch 'topic'",
            "hello\u{1b}[31m",
        ]);
        let mut notes = collect(&entries, &span(), forge.as_ref());
        notes.heading = true;
        insta::assert_snapshot!(render(&notes, None).expect("notes"), @r#"
        ## [1.3.0](https://github.com/acme/api/compare/v1.2.3...v1.3.0) - 2026-11-23

        ### Breaking changes

        - **api:** one client ([0303030](https://github.com/acme/api/commit/0303030303030303030303030303030303030303))
          `Client::new` takes an address

        ### Features

        - **auth:** accept device codes ([#12](https://github.com/acme/api/issues/12)) ([0101010](https://github.com/acme/api/commit/0101010101010101010101010101010101010101))

        ### Fixes

        - show `a<b>` and \<c> ([0202020](https://github.com/acme/api/commit/0202020202020202020202020202020202020202))

        <details><summary>Other changes</summary>

        - say why ([0404040](https://github.com/acme/api/commit/0404040404040404040404040404040404040404))
        - hello\u{1b}[31m ([0606060](https://github.com/acme/api/commit/0606060606060606060606060606060606060606))

        </details>

        Thanks to Ada, Bo.
        "#);
    }

    #[test]
    fn without_a_forge_there_are_no_links() {
        let notes = collect(&entries(&["feat: x (#12)"]), &Span::default(), None);
        insta::assert_snapshot!(render(&notes, None).expect("notes"), @r#"
        ### Features

        - x (#12) (0101010)

        Thanks to Ada.
        "#);
        let nothing = collect(&[], &Span::default(), None);
        assert_eq!(render(&nothing, None).expect("notes"), "No changes.\n");
    }

    #[test]
    fn a_template_of_ones_own_and_its_mistakes() {
        let notes = collect(&entries(&["feat: x"]), &span(), None);
        let own = |text| render(&notes, Some(("own.jinja", text)));
        assert_eq!(
            own("{{ version }}: {% for c in features %}{{ c.description }}{% endfor %}")
                .expect("notes"),
            "1.3.0: x\n"
        );
        let error = own("{% for %}").expect_err("a broken template");
        assert!(error.causes.join(" ").contains("own.jinja"), "{error}");
    }

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

    #[test]
    fn numbers_become_links_only_where_they_stand_alone() {
        let forge = Forge::of("https://gitlab.com/a/b");
        let text = linked("a (#1), !2, b#3, #4x, `#5`, &#6;", forge.as_ref());
        assert_eq!(
            text,
            "a ([#1](https://gitlab.com/a/b/-/issues/1)), [!2](https://gitlab.com/a/b/-/merge_requests/2), b#3, #4x, `#5`, &#6;"
        );
    }
}
