//! What pushes now what the policy pushes from now on: it has to stop, or both push.

use semver::Version;

use crate::{
    init::{facts::DraftFacts, push::Push},
    oci::Tag,
    plan::tags::TagSet,
};

/// The steps and settings that push a tag of `set` in a release of `version`, each once, as a person finds
/// them.
pub(super) fn pushers(facts: &DraftFacts, version: &Version, set: &TagSet) -> Vec<String> {
    let same = |push: &Push| {
        push.references.iter().any(|one| {
            let is_one = |tag: &Tag| tag.as_str() == one.tag;
            let mut tags = set.tags().iter();
            tags.any(|planned| {
                let mut places = planned.verdicts.iter();
                is_one(&planned.tag)
                    && places.any(|verdict| verdict.repository.to_string() == one.repository)
            })
        })
    };
    let (pushes, _) = facts.pushes(version);
    let mut found: Vec<String> = Vec::new();
    for push in pushes.iter().filter(|push| same(push)) {
        let place = place(push);
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// Where it is, with its file.
fn place(push: &Push) -> String {
    match push.place.contains(&push.file) {
        true => push.place.clone(),
        false => format!("{} of `{}`", push.place, push.file),
    }
}
