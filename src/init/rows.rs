//! The rows of the comparison: each tag of an image on both sides, and what a difference means.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    init::{
        compared::{ComparedTag, TagDifference},
        contents::PushedContent,
        push::{Build, PushedReference, joined},
        scenario::Sample,
    },
    oci::{ImageName, Repository},
    plan::tags::{PlannedTag, TagAction, TagSet},
    policy::Policy,
};

/// A tag of an image of the policy.
type RowKey = (ImageName, String);

/// What is pushed now in the release of a version.
#[derive(Clone, Copy)]
pub(super) struct There<'a> {
    pub(super) contents: &'a [PushedContent],
    /// Something pushes tags that could not be read.
    pub(super) unread: bool,
}

/// Every tag of either side.
pub(super) fn rows(
    there: There<'_>,
    here: &TagSet,
    policy: &Policy,
    version: &Version,
) -> Vec<ComparedTag> {
    let sample = Sample::default();
    let mut rows: Vec<ComparedTag> = Vec::new();
    let mut seen: BTreeMap<RowKey, BTreeSet<String>> = BTreeMap::new();
    for content in there.contents {
        let image = image_of(content, there.contents, here, policy);
        for reference in &content.ordered {
            let tag = sample.expand(&reference.tag);
            let planned = image.as_ref().and_then(|image| {
                here.tags()
                    .iter()
                    .find(|one| one.image == *image && one.tag.to_string() == tag)
            });
            let ours = planned.filter(|planned| {
                planned
                    .verdicts
                    .iter()
                    .any(|verdict| verdict.repository.to_string() == reference.repository)
                    || policy.repositories().is_empty()
            });
            let named = match &image {
                Some(image) => name(image),
                None => made_of(content),
            };
            if let Some(image) = &image {
                let known = seen.entry((image.clone(), tag.clone())).or_default();
                known.insert(reference.repository.clone());
            }
            let action = ours.map(|planned| planned.action());
            let difference = difference(
                content, &image, reference, &tag, action, here, policy, version,
            );
            add(
                &mut rows,
                ComparedTag {
                    image: named,
                    tag,
                    repositories: vec![reference.repository.clone()],
                    there: Some(!reference.perhaps),
                    here: action,
                    difference,
                },
            );
        }
    }
    for planned in here.tags() {
        let known = seen.get(&(planned.image.clone(), planned.tag.to_string()));
        let nowhere = policy.repositories().is_empty();
        if known.is_some_and(|known| nowhere || known.iter().any(|name| name.contains("${{"))) {
            continue;
        }
        let all = planned.verdicts.iter();
        let repositories: Vec<String> = all
            .map(|verdict| verdict.repository.to_string())
            .filter(|name| known.is_none_or(|known| !known.contains(name)))
            .collect();
        if repositories.is_empty() {
            continue;
        }
        let kept = planned.is_kept();
        rows.push(ComparedTag {
            image: name(&planned.image),
            tag: planned.tag.to_string(),
            repositories,
            there: (there.unread && known.is_none()).then_some(false),
            here: Some(planned.action()),
            difference: if kept {
                TagDifference::Same
            } else if known.is_some() {
                TagDifference::Added("there this tag does not go to the repository".into())
            } else if there.unread {
                TagDifference::Added("what is pushed there was not read whole".into())
            } else if there.contents.is_empty() {
                TagDifference::Added("nothing is pushed there for this version".into())
            } else {
                TagDifference::Added(format!("`{}` of the policy gives it", planned.template))
            },
        });
    }
    rows
}

fn add(rows: &mut Vec<ComparedTag>, row: ComparedTag) {
    let same = rows.iter_mut().find(|known| {
        known.image == row.image
            && known.tag == row.tag
            && known.here == row.here
            && known.there == row.there
            && known.difference == row.difference
    });
    match same {
        Some(known) => known.repositories.extend(row.repositories),
        None => rows.push(row),
    }
}

fn name(image: &ImageName) -> String {
    match (image.is_of_main(), image.variant()) {
        (true, Some(variant)) => variant.to_owned(),
        (true, None) | (false, _) => image.to_string(),
    }
}

/// The image of the policy that a content is: by what is built, and where nothing tells that, by
/// the tag that names the version.
fn image_of(
    content: &PushedContent,
    there: &[PushedContent],
    here: &TagSet,
    policy: &Policy,
) -> Option<ImageName> {
    let sample = Sample::default();
    let has = |tag: &str| {
        content
            .ordered
            .iter()
            .any(|one| sample.expand(&one.tag) == tag)
    };
    let mut all = policy.all_images();
    let Some(build) = &content.build else {
        let is_named = |image: &ImageName| {
            here.version_tag(image)
                .is_some_and(|tag| has(&tag.to_string()))
        };
        return all.find(|image| is_named(image) && shares(content, image, policy));
    };
    // Contents that differ in their arguments alone are told apart by their tags.
    let same_source = |other: &&PushedContent| {
        other
            .build
            .as_ref()
            .is_some_and(|other| other.source() == build.source())
    };
    let alone = there.iter().filter(same_source).count() == 1;
    let shares_tag = |image: &ImageName| {
        here.tags()
            .iter()
            .any(|one| one.image == *image && has(&one.tag.to_string()))
    };
    all.find(|image| {
        is_of(build, image, policy)
            && shares(content, image, policy)
            && (alone || shares_tag(image))
    })
}

/// Whether the content goes to a repository of the image.
fn shares(content: &PushedContent, image: &ImageName, policy: &Policy) -> bool {
    let ours = policy.repositories_of(&image.plain());
    let ours: Vec<String> = ours.iter().map(ToString::to_string).collect();
    ours.is_empty()
        || content
            .ordered
            .iter()
            .any(|one| ours.contains(&one.repository))
}

fn goes_to(policy: &Policy, repository: &str) -> bool {
    policy.repositories().is_empty()
        || repositories(policy)
            .iter()
            .any(|one| one.to_string() == repository)
}

/// Whether the build is that of the image.
fn is_of(build: &Build, image: &ImageName, policy: &Policy) -> bool {
    let own = policy.image_policy(image).build;
    let context = joined(".", own.context.as_str()).unwrap_or_default();
    let dockerfile = joined(&context, own.dockerfile.as_str()).unwrap_or_default();
    let (there_context, there_dockerfile, there_target) = build.source();
    // An argument that both have has to be the same; one with a version in it tells no image apart.
    let agree = own.args.iter().all(|(name, template)| {
        let ours = template.as_str();
        ours.contains('{') || build.args.get(name).is_none_or(|value| value == ours)
    });
    let same_contexts = own
        .contexts
        .iter()
        .all(|(name, ours)| build.contexts.get(name).is_none_or(|value| value == ours));
    // What is not known there is not another one.
    agree
        && same_contexts
        && (there_context == context || build.unknown_context().is_some())
        && (there_dockerfile == dockerfile || there_dockerfile.is_empty())
        && there_target == own.target.as_deref()
}

#[expect(clippy::too_many_arguments, reason = "a row has that many sides")]
fn difference(
    content: &PushedContent,
    image: &Option<ImageName>,
    reference: &PushedReference,
    tag: &str,
    action: Option<TagAction>,
    here: &TagSet,
    policy: &Policy,
    version: &Version,
) -> TagDifference {
    let Some(image) = image else {
        let ours = here.tags().iter().any(|one| one.tag.to_string() == tag);
        if ours && goes_to(policy, &reference.repository) {
            let names_version = here
                .version_tag(&ImageName::main())
                .is_some_and(|own| own.to_string() == tag);
            return match names_version {
                true => TagDifference::AnotherImage(format!(
                    "there it shows the build of {}",
                    made_of(content)
                )),
                false => taken_by_another(content, tag),
            };
        }
        return TagDifference::NotTakenOver("the policy does not have this image".into());
    };
    if let Some(action) = action {
        if let Some(build) = &content.build
            && !is_of(build, image, policy)
        {
            return TagDifference::AnotherImage(format!(
                "there it shows the build of {}",
                build.dockerfile_in_words()
            ));
        }
        return match action {
            TagAction::Keep => TagDifference::OnPurpose(
                "moving tags compare versions: a backport does not take them back".into(),
            ),
            _ => TagDifference::Same,
        };
    }
    if !goes_to(policy, &reference.repository) {
        let why = if reference.repository.contains("${{") {
            "GitHub alone knows this repository"
        } else {
            "the policy does not have this repository"
        };
        return TagDifference::NotTakenOver(why.into());
    }
    let of_plain = |one: &PlannedTag| one.image.variant().is_none() && one.tag.to_string() == tag;
    if image.variant().is_some() && (tag == "latest" || here.tags().iter().any(of_plain)) {
        return TagDifference::OnPurpose(
            "a variant never takes the tags of the main image: its suffix reaches all of its own"
                .into(),
        );
    }
    if tag.parse::<crate::oci::Tag>().is_err() {
        return TagDifference::OnPurpose(
            "it is not a valid tag, and hoist refuses it before the build".into(),
        );
    }
    let major = version.major.to_string();
    if version.major == 0 && (tag == major || tag == format!("v{major}")) {
        return TagDifference::OnPurpose(
            "`0` is left out while major is 0 (`tags.zero-major`)".into(),
        );
    }
    // No stable version has a tag that names the label of the pre-release.
    let label = version.pre.split('.').next().unwrap_or_default();
    if !version.pre.is_empty() && !tag.contains(label) {
        return TagDifference::OnPurpose(
            "a pre-release takes no tag that stable versions have".into(),
        );
    }
    TagDifference::NotTakenOver("no template of the policy gives it".into())
}

/// An image in words: by its Dockerfile and stage, else by the step that pushes it.
fn made_of(content: &PushedContent) -> String {
    let Some(build) = &content.build else {
        return content.place.clone();
    };
    let (context, dockerfile, target) = build.source();
    let dockerfile = match dockerfile {
        "" => build.dockerfile_in_words(),
        path => path.to_owned(),
    };
    let target = target.map_or(String::new(), |target| format!(", stage {target}"));
    let args: Vec<String> = build
        .args
        .iter()
        .map(|(name, value)| format!(", {name}={value}"))
        .collect();
    let context = if context == "." {
        String::new()
    } else {
        format!(", context {context}")
    };
    format!("{dockerfile}{target}{context}{}", args.concat())
}

fn taken_by_another(content: &PushedContent, tag: &str) -> TagDifference {
    let made = made_of(content);
    if tag == "latest" {
        TagDifference::OnPurpose(format!(
            "`latest` is the main image's alone; there {made} takes it too"
        ))
    } else {
        TagDifference::NotTakenOver(format!(
            "there {made} has it, which the policy does not release"
        ))
    }
}

/// The repositories of a policy; a policy that does not name one yet has tags all the same.
pub(super) fn repositories(policy: &Policy) -> Vec<Repository> {
    let all = policy.repositories();
    if all.is_empty() {
        // A policy that does not say yet where its image goes has tags all the same.
        return "docker.io/acme/api".parse().into_iter().collect();
    }
    all
}
