//! The changes of a range, sorted by what they mean to a user.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    git::CommitId,
    plan::{
        files::is_subject,
        history::{
            change::{Breaking, CommitChange, MessageKind},
            levels::{JudgedChange, LeftOut},
        },
        notes::{
            changelog::UNRELEASED,
            forge::Forge,
            markdown::{escape, linked},
            people::thank,
        },
    },
    policy::Level,
    text::sanitize_line,
};

/// What the notes are about; each field is a variable of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReleaseNotes {
    /// The version; none for changes that are not released.
    pub version: Option<String>,
    /// The git tag of the version.
    pub tag: Option<String>,
    /// The version before, where there is one.
    pub previous: Option<String>,
    /// The git tag of the version before.
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
    pub breaking: Vec<NoteItem>,
    /// Changes that add something.
    pub features: Vec<NoteItem>,
    /// Changes that repair something.
    pub fixes: Vec<NoteItem>,
    /// Changes that do not raise the version.
    pub others: Vec<NoteItem>,
    /// Everybody who wrote one of these changes, by name; programs are left out.
    pub authors: Vec<String>,
}

/// One change, as a template sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NoteItem {
    /// The id of the commit, all 40 digits.
    pub id: String,
    /// Its first seven digits.
    pub short: String,
    /// The page of the commit, where the forge is known.
    pub url: Option<String>,
    /// The type in the header of the message.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// The header's scope, safe in markdown.
    pub scope: Option<String>,
    /// The description, safe in markdown, with links for `#12` and `!12`.
    pub description: String,
    /// What it breaks, where it says so in words.
    pub breaking: Option<String>,
    /// The name of the commit's author.
    pub author: String,
    /// The version that told of the same change, where it is a copy of one.
    pub told_in: Option<String>,
}

/// The ends of the range that notes are made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotesRange {
    /// The version and its tag; none for changes that are not released.
    pub to: Option<(String, String)>,
    /// The version before, and its tag.
    pub from: Option<(String, String)>,
    /// The day of the release, UTC.
    pub date: Option<String>,
    /// Commits of the range that are copies of what a lower version has told of, and that version.
    pub told: BTreeMap<CommitId, String>,
}

/// Sorts the changes of a range. Left out are merges, fixups, release commits, changes that were
/// taken back within the range, those outside `version.paths`, and the title of a squashed branch
/// whose changes are told one by one. A change that a lower version told of is among the others.
#[must_use]
pub fn collect(entries: &[JudgedChange], span: &NotesRange, forge: Option<&Forge>) -> ReleaseNotes {
    let (version, tag) = span.to.clone().unzip();
    let (previous, previous_tag) = span.from.clone().unzip();
    let mut notes = ReleaseNotes {
        title: version.clone().unwrap_or_else(|| UNRELEASED.to_owned()),
        compare_url: forge
            .zip(tag.as_ref().zip(previous_tag.as_ref()))
            .map(|(forge, (tag, previous))| forge.compare(previous, tag)),
        version,
        tag,
        previous,
        previous_tag,
        date: span.date.clone(),
        ..ReleaseNotes::default()
    };
    let mut addresses = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if is_hidden(entry) || is_told_twice(entries, at) {
            continue;
        }
        thank(&mut notes.authors, &mut addresses, &entry.people);
        let told_in = span.told.get(&entry.id);
        let breaks = entry.change.breaking.is_some() || entry.level == Some(Level::Major);
        let place = match (entry.left_out, breaks, entry.level) {
            (None, true, Some(_)) => &mut notes.breaking,
            (None, false, Some(_)) if told_in.is_some() => &mut notes.others,
            (None, false, Some(Level::Minor)) => &mut notes.features,
            (None, false, Some(_)) => &mut notes.fixes,
            _ => &mut notes.others,
        };
        place.push(NoteItem {
            told_in: told_in.cloned(),
            ..item(entry, speaks_for_a_squash(entries, at), forge)
        });
    }
    notes.authors.sort();
    notes
}

/// Whether a change is nothing that a reader of the notes has to know.
fn is_hidden(entry: &JudgedChange) -> bool {
    let kind = entry.change.kind;
    matches!(entry.left_out, Some(LeftOut::Paths | LeftOut::Reverted))
        || entry.level.is_none()
            && (matches!(kind, MessageKind::Merge | MessageKind::Fixup)
                || is_subject(&entry.summary))
}

/// Whether the other changes of the same commit say what this one says: the title of a squashed
/// branch that is not a change of its own, or a change that only repeats the title.
fn is_told_twice(entries: &[JudgedChange], place: usize) -> bool {
    let entry = &entries[place];
    if entry.squashed {
        let title = entries[..place].iter().rfind(|other| !other.squashed);
        let what = |change: &CommitChange| {
            let text = change.description.split(" (#").next();
            let text = text.unwrap_or_default().trim().to_lowercase();
            (change.type_.clone(), change.scope.clone(), text)
        };
        return entry.change.breaking.is_none()
            && title.is_some_and(|title| what(&title.change) == what(&entry.change));
    }
    entry.change.breaking.is_none() && speaks_for_a_squash(entries, place)
}

/// Whether it is the title of a squashed branch that says nothing itself.
fn speaks_for_a_squash(entries: &[JudgedChange], place: usize) -> bool {
    let lists_changes = entries.get(place + 1).is_some_and(|next| next.squashed);
    let entry = &entries[place];
    !entry.squashed && entry.change.kind == MessageKind::Unconventional && lists_changes
}

fn item(entry: &JudgedChange, for_squash: bool, forge: Option<&Forge>) -> NoteItem {
    let change = entry.merged.as_ref().unwrap_or(&entry.change);
    let again = format!("Revert \"{}\"", change.description);
    let description = match (change.kind, change.description.is_empty()) {
        _ if for_squash => match &entry.change.breaking {
            Some(Breaking::Line(text)) if !text.is_empty() => text.clone(),
            _ => entry.summary.clone(),
        },
        (MessageKind::Revert, false) if change.reverts.title.as_ref() == Some(&again) => {
            format!("reapply: {}", change.description)
        }
        (MessageKind::Revert, false) => format!("revert: {}", change.description),
        (_, false) => change.description.clone(),
        (_, true) => entry.summary.clone(),
    };
    let id = entry.id.to_string();
    NoteItem {
        url: forge.map(|forge| forge.commit(&id)),
        short: entry.id.short(),
        id,
        type_: change.type_.clone(),
        scope: change.scope.as_ref().map(|scope| escape(scope, 60)),
        description: linked(&escape(&description, 300), forge),
        breaking: match &entry.change.breaking {
            Some(Breaking::Line(text)) if !text.is_empty() && *text != description => {
                Some(linked(&escape(text, 1000), forge))
            }
            _ => None,
        },
        author: sanitize_line(&entry.author, 100),
        told_in: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::history::{facts::Commit, levels};
    use crate::plan::notes::{release_notes::*, template::render};
    use crate::policy::Policy;

    fn entries(messages: &[&str]) -> Vec<JudgedChange> {
        let commits: Vec<_> = messages
            .iter()
            .zip(1_u8..)
            .map(|(message, number)| Commit {
                id: CommitId::new([number; 20]),
                parents: vec![
                    CommitId::new([0; 20]);
                    1 + usize::from(message.starts_with("Merge "))
                ],
                message: (*message).to_owned(),
                author: if number.is_multiple_of(2) {
                    "Bo"
                } else {
                    "Ada"
                }
                .to_owned(),
                email: String::new(),
                time: 0,
                written: 0,
                in_paths: true,
                after_prerelease: true,
                released_beside: Vec::new(),
            })
            .collect();
        let policy = Policy::default();
        levels::judge(&policy.version, &commits)
            .expect("a judgement")
            .entries
    }

    fn span() -> NotesRange {
        NotesRange {
            to: Some(("1.3.0".into(), "v1.3.0".into())),
            from: Some(("1.2.3".into(), "v1.2.3".into())),
            date: Some("2026-11-23".into()),
            told: BTreeMap::new(),
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
        let notes = collect(&entries(&["feat: x (#12)"]), &NotesRange::default(), None);
        insta::assert_snapshot!(render(&notes, None).expect("notes"), @r#"
        ### Features

        - x (#12) (0101010)

        Thanks to Ada.
        "#);
        let nothing = collect(&[], &NotesRange::default(), None);
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
        assert!(error.causes().join(" ").contains("own.jinja"), "{error}");
    }
}
