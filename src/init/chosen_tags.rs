//! Templates, sorted into the lists of `[tags]`.

use std::collections::{BTreeMap, BTreeSet};

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

/// Takes away the aliases of the main image: tags that are another one of its own with words behind it. Each
/// template is one of every variant, too, and `1.2.3-bookworm-alpine` would be wrong.
pub(super) fn without_aliases(main: &mut TaggedImage, variants: &[TaggedImage], notes: &mut Notes) {
    let all: BTreeSet<String> = main
        .stable
        .iter()
        .chain(&main.prerelease)
        .cloned()
        .collect();
    let mut suffixes: BTreeSet<&str> = BTreeSet::new();
    let words = |template: &str, base: &str| -> Option<usize> {
        let rest = template.strip_prefix(base).filter(|_| base.contains('{'))?;
        let is_suffix = rest.starts_with(['-', '.', '_']) && !rest.contains('{');
        is_suffix.then_some(rest.len())
    };
    for template in &all {
        let found = all.iter().find_map(|base| words(template, base));
        suffixes.extend(found.map(|length| &template[template.len() - length..]));
    }
    let is_alias = |template: &String| {
        suffixes.iter().any(|suffix| {
            template.ends_with(suffix)
                || suffix.trim_start_matches(['-', '.', '_']) == template.as_str()
        })
    };
    let aliases: Vec<&String> = all.iter().filter(|one| is_alias(one)).collect();
    let variant = variants.iter().find_map(TaggedImage::suffix);
    let (Some(first), Some(suffix), Some(variant)) =
        (aliases.first(), suffixes.iter().next(), variant)
    else {
        return;
    };
    let named: Vec<String> = aliases.iter().map(|one| format!("`{one}`")).collect();
    let name = suffix.trim_start_matches(['-', '.', '_']);
    let latest = match aliases.iter().any(|alias| alias.as_str() == name) {
        true => " and `latest-suffix = false`",
        false => "",
    };
    notes.add(
        NoteKind::NotTaken,
        format!(
            "the tags {} of the main image: each template is one of every variant, too (`{first}{variant}`); \
             `[variants.{name}]` with `suffix = \"{suffix}\"`{latest}, built as the main image is, gives them",
            named.join(", ")
        ),
    );
    let aliases: BTreeSet<String> = aliases.into_iter().cloned().collect();
    main.stable.retain(|template| !aliases.contains(template));
    main.prerelease
        .retain(|template| !aliases.contains(template));
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
