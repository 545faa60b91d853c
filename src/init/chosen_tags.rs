//! Templates, sorted into the lists of `[tags]`.

use std::collections::BTreeMap;

use crate::{
    init::{
        notes::{NoteKind, Notes},
        translation::TaggedImage,
    },
    policy::{TagTemplate, Template},
};

/// The lists of `[tags]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChosenTags {
    pub(super) fixed: Vec<String>,
    pub(super) moving: Vec<String>,
    pub(super) prerelease: Vec<String>,
    /// `{version}` was added: no tag named it whole.
    pub(super) added_exact: bool,
    /// The tags of pre-releases are ours: none was pushed there.
    pub(super) own_prerelease: bool,
}

/// Sorts templates into the lists of the policy.
pub(super) fn chosen_tags(main: &TaggedImage, notes: &mut Notes) -> ChosenTags {
    let mut chosen = ChosenTags::default();
    let parse = |text: &str, notes: &mut Notes| match text.parse::<TagTemplate>() {
        Ok(template) => Some(template),
        Err(why) => {
            notes.add(NoteKind::NotTaken, format!("tag `{text}`: {why}"));
            None
        }
    };
    let mut exact: Vec<String> = Vec::new();
    for text in &main.stable {
        let Some(template) = parse(text, notes) else {
            continue;
        };
        if template.is_exact() {
            exact.push(text.clone());
        }
        if text.contains("{version}") || text.contains("{sha") {
            chosen.fixed.push(text.clone());
        } else {
            chosen.moving.push(text.clone());
        }
    }
    if exact.is_empty() {
        chosen.fixed.insert(0, "{version}".into());
        chosen.added_exact = true;
        exact.push("{version}".into());
    }
    for text in &main.prerelease {
        if parse(text, notes).is_none() {
            continue;
        }
        // A pre-release never takes what stable versions have.
        let of_stable =
            main.stable.contains(text) && !text.contains("{version}") && !text.contains("{sha");
        let of_line = ["{major}", "{minor}", "{patch}"]
            .iter()
            .any(|part| text.contains(part))
            && !text.contains("{prerelease}")
            && !text.contains("{channel}");
        if !of_stable && !of_line {
            chosen.prerelease.push(text.clone());
        }
    }
    let names_version = |text: &String| {
        text.parse::<TagTemplate>()
            .is_ok_and(|template| template.is_exact())
    };
    if !chosen.prerelease.iter().any(names_version) {
        chosen.own_prerelease = chosen.prerelease.is_empty();
        chosen.prerelease.insert(0, exact[0].clone());
        if chosen.own_prerelease {
            chosen.prerelease.push("{channel}".into());
        }
    }
    chosen
}

/// Labels or annotations that hoist does not write itself.
pub(super) fn own_texts(values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let written = ["created", "revision", "version", "ref.name"];
    let is_own = |name: &str| {
        written
            .iter()
            .all(|part| name != format!("org.opencontainers.image.{part}"))
    };
    let own = values.iter().filter(|(name, _)| is_own(name));
    own.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Build arguments and the like whose values are not valid as templates are left out by name.
pub(super) fn templates_only(
    values: &BTreeMap<String, String>,
    what: &str,
    notes: &mut Notes,
) -> BTreeMap<String, String> {
    let mut valid = BTreeMap::new();
    for (name, value) in values {
        match value.parse::<Template>() {
            Ok(_) => {
                valid.insert(name.clone(), value.clone());
            }
            Err(why) => notes.add(NoteKind::NotTaken, format!("{what} `{name}`: {why}")),
        }
    }
    valid
}
