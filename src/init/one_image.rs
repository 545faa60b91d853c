//! What is assumed where one image goes to several repositories.

use std::collections::BTreeSet;

use semver::Version;

use crate::init::{contents::PushedContent, generalise::template, writer::named};

/// What is assumed of an image with the templates `stable`: that repositories which steps of their own
/// build for are those of one image, and that each gets all tags.
pub(super) fn assumed(
    content: &PushedContent,
    version: &Version,
    stable: &[String],
) -> Vec<String> {
    let mut assumed: Vec<String> = several_names(content).into_iter().collect();
    let repositories = content.repositories();
    for tag in stable {
        let goes_to = |repository: &String| {
            let mut all = content.ordered.iter();
            all.any(|one| one.repository == *repository && template(&one.tag, version) == *tag)
        };
        let without: Vec<&String> = repositories
            .iter()
            .filter(|name| !name.contains("${{") && !goes_to(name))
            .collect();
        if !without.is_empty() {
            assumed.push(format!(
                "tag `{tag}` goes to {}, too: it does not go there now",
                named(&without)
            ));
        }
    }
    assumed
}

/// That repositories of other names are those of one image, where each step builds for its own.
fn several_names(content: &PushedContent) -> Option<String> {
    let name = |repository: &String| {
        let last = repository.rsplit('/').next().unwrap_or_default();
        (!last.contains("${{")).then(|| last.to_owned())
    };
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut is_apart = false;
    for (_, repositories) in &content.steps {
        let names: Option<BTreeSet<String>> = repositories.iter().map(name).collect();
        let names = names.unwrap_or_default();
        is_apart |= !seen.is_empty() && !names.is_empty() && seen.is_disjoint(&names);
        seen.extend(names);
    }
    let places: Vec<&str> = content.steps.iter().map(|(place, _)| &**place).collect();
    is_apart.then(|| {
        format!(
            "{} are repositories of one image: {} build the same",
            named(&content.repositories()),
            places.join(" and ")
        )
    })
}
