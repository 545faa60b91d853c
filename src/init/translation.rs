//! From what is pushed in a few releases to images with templates.

use std::collections::BTreeSet;

use semver::Version;

use crate::init::{
    contents::{PushedContent, contents},
    generalise::{generalised, prerelease_probes, probes, render, template},
    notes::{NoteKind, Notes},
    one_image,
    push::{Build, Push, PushedReference},
};

/// An image with its tags as templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaggedImage {
    pub(super) repositories: Vec<String>,
    /// `None` where nothing tells what is built.
    pub(super) build: Option<Build>,
    /// Templates of stable versions, in the order in which they are pushed.
    pub(super) stable: Vec<String>,
    /// Templates of pre-releases.
    pub(super) prerelease: Vec<String>,
    pub(super) files: BTreeSet<String>,
    /// What is assumed of its repositories.
    pub(super) assumed: Vec<String>,
    /// What names the image among all: the step that builds it.
    pub(super) key: String,
    /// The same in words.
    pub(super) place: String,
}

/// What happens in a release of the version.
pub(super) type Releases<'a> = dyn Fn(&Version) -> (Vec<Push>, Notes) + 'a;

/// Reads the images out of a few releases.
pub(super) fn images(
    release: &Releases<'_>,
    labels: &[String],
    notes: &mut Notes,
) -> Vec<TaggedImage> {
    let [first, second] = probes();
    let (found, mut named) = observe(release, &first);
    let (proof, _) = observe(release, &second);
    let mut images: Vec<TaggedImage> = found
        .iter()
        .map(|content| {
            image(
                content,
                counterpart(content, &proof),
                [&first, &second],
                &mut named,
            )
        })
        .collect();
    for label in labels {
        let [first, second] = prerelease_probes(label);
        let (found, in_prerelease) = observe(release, &first);
        let (proof, _) = observe(release, &second);
        named = named.meet(in_prerelease);
        for content in &found {
            let templates = templates(
                content,
                counterpart(content, &proof),
                [&first, &second],
                &mut named,
            );
            let by_key = images.iter().position(|image| image.key == content.key);
            let known = by_key.or_else(|| {
                let same =
                    |image: &TaggedImage| is_same(image.build.as_ref(), content.build.as_ref());
                images.iter().position(same)
            });
            let place = known.unwrap_or_else(|| {
                // A step that runs for pre-releases alone.
                images.push(image(
                    content,
                    None,
                    [&first, &second],
                    &mut Notes::default(),
                ));
                images.len() - 1
            });
            let build = content.build.as_ref();
            let own = images[place].build.as_ref();
            if let (Some(build), Some(own)) = (build.map(|build| generalised(build, &first)), own) {
                for (name, value) in &own.args {
                    let other = build.args.get(name).filter(|other| *other != value);
                    if let Some(other) = other {
                        named.add(
                            NoteKind::NotTaken,
                            format!("build argument `{name}` of pre-releases, which is `{other}`: here it is `{value}`"),
                        );
                    }
                }
            }
            for template in templates {
                let template = match template.strip_suffix(&format!("-{label}")) {
                    _ if template == *label => "{channel}".to_owned(),
                    // The channel of a line: `1.3-rc`.
                    Some(line) if is_line(line) => format!("{line}-{{channel}}"),
                    _ => template,
                };
                if !images[place].prerelease.contains(&template) {
                    images[place].prerelease.push(template);
                }
            }
        }
    }
    notes.extend(named);
    images
}

/// The contents of one release.
pub(super) fn observe(release: &Releases<'_>, version: &Version) -> (Vec<PushedContent>, Notes) {
    let (pushes, mut notes) = release(version);
    let contents = contents(&pushes, version, &mut notes);
    (contents, notes)
}

/// The same content in another release.
pub(super) fn counterpart<'a>(
    content: &PushedContent,
    others: &'a [PushedContent],
) -> Option<&'a PushedContent> {
    others.iter().find(|other| other.key == content.key)
}

fn is_same(one: Option<&Build>, other: Option<&Build>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one.source() == other.source() && one.args.keys().eq(other.args.keys())
        }
        _ => false,
    }
}

fn image(
    content: &PushedContent,
    proof: Option<&PushedContent>,
    versions: [&Version; 2],
    notes: &mut Notes,
) -> TaggedImage {
    let stable = if versions[0].pre.is_empty() {
        templates(content, proof, versions, notes)
    } else {
        Vec::new()
    };
    let build = content.build.as_ref().map(|build| {
        let mut build = build.clone();
        build.spare_tags(&content.ordered);
        generalised(&build, versions[0])
    });
    TaggedImage {
        repositories: content.repositories(),
        build,
        assumed: one_image::assumed(content, versions[0], &stable),
        stable,
        prerelease: Vec::new(),
        files: content.files.clone(),
        key: content.key.clone(),
        place: content.place.clone(),
    }
}

/// The templates of a content's tags, each proven by a second release.
fn templates(
    content: &PushedContent,
    proof: Option<&PushedContent>,
    [first, second]: [&Version; 2],
    notes: &mut Notes,
) -> Vec<String> {
    let mut templates: Vec<String> = Vec::new();
    for reference in &content.ordered {
        let template = template(&reference.tag, first);
        if templates.contains(&template) {
            continue;
        }
        if reference.perhaps && !is_of_versions(&template) {
            notes.add(
                NoteKind::NotTaken,
                format!("tag `{template}`: nothing here tells which releases get it"),
            );
            continue;
        }
        let shown = render(&template, second);
        let proven =
            proof.is_some_and(|proof| proof.ordered.iter().any(|other| other.tag == shown));
        if proven {
            templates.push(template);
        } else {
            // What stable versions get in the same way is named with them.
            let core = Version::new(first.major, first.minor, first.patch);
            let with_stable = uneven(&reference.tag, &template, &core);
            if !notes
                .of(NoteKind::NotTaken)
                .any(|known| known == with_stable)
            {
                notes.add(NoteKind::NotTaken, uneven(&reference.tag, &template, first));
            }
        }
    }
    // What another version gets, and the first one does not.
    let others = proof.iter().flat_map(|proof| &proof.ordered);
    for other in others.filter(|_| first.pre.is_empty()) {
        let general = template(&other.tag, second);
        let is_made = |reference: &PushedReference| reference.tag == render(&general, first);
        let known = templates
            .iter()
            .any(|template| render(template, second) == other.tag);
        if !known && !other.perhaps && !content.ordered.iter().any(is_made) {
            notes.add(NoteKind::NotTaken, uneven(&other.tag, &general, second));
        }
    }
    templates
}

/// A tag that is not made of every version: by its template, and where it has none, by the version
/// that was tried.
fn uneven(tag: &str, template: &str, version: &Version) -> String {
    let which = match template.contains('{') {
        true => format!("tag `{template}`"),
        false => format!("tag `{tag}`, which {version} would get"),
    };
    format!("{which}: it is not made of every version in the same way")
}

/// A template that names a line of versions and nothing else.
fn is_line(template: &str) -> bool {
    let rest = template.strip_prefix('v').unwrap_or(template);
    matches!(rest, "{major}" | "{major}.{minor}")
}

/// A template of which hoist's own rule (forward only) decides when it moves: versions and `latest`.
fn is_of_versions(template: &str) -> bool {
    let rest = template.strip_prefix('v').unwrap_or(template);
    matches!(rest, "{version}" | "{major}" | "{major}.{minor}" | "latest")
}

impl TaggedImage {
    /// What stands around the version in the tag that names it whole. Stable versions say it: what
    /// is pushed for pre-releases can lack the suffix. Where no version is known, `latest` shows it.
    fn frame(&self) -> Option<(&str, &str)> {
        framed(&self.stable, "{version}")
            .or_else(|| framed(&self.stable, "latest"))
            .or_else(|| framed(&self.prerelease, "{version}"))
    }

    /// The suffix of all tags that hold a version.
    pub(super) fn suffix(&self) -> Option<&str> {
        self.frame().map(|(_, after)| after)
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        self.frame().map(|(before, _)| before)
    }
}

/// What stands around a word in templates: nothing, or a `v`, is the main one of several.
fn framed<'a>(templates: &'a [String], word: &str) -> Option<(&'a str, &'a str)> {
    let mut frames = templates
        .iter()
        .filter_map(|template| template.split_once(word));
    let first = frames.clone().next();
    frames
        .find(|(before, after)| after.is_empty() && matches!(*before, "" | "v"))
        .or(first)
}

/// An image that is released, and what else goes to its repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) main: TaggedImage,
    /// Images of the same repositories with a suffix of their own.
    pub(super) variants: Vec<TaggedImage>,
    /// Several builds push the same tags.
    pub(super) conflict: bool,
}

/// Orders images by the repositories that they share.
pub(super) fn families(images: Vec<TaggedImage>, notes: &mut Notes) -> Vec<Family> {
    let mut groups: Vec<Vec<TaggedImage>> = Vec::new();
    for image in images
        .into_iter()
        .filter(|image| !image.stable.is_empty() || !image.prerelease.is_empty())
    {
        let shares = |group: &Vec<TaggedImage>| {
            group.iter().any(|one| {
                one.repositories
                    .iter()
                    .any(|name| image.repositories.contains(name))
            })
        };
        let (mut together, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(shares);
        let mut group: Vec<TaggedImage> = together.drain(..).flatten().collect();
        group.push(image);
        groups = apart;
        groups.push(group);
    }
    groups
        .into_iter()
        .filter_map(|group| family(group, notes))
        .collect()
}

/// The main image is the one without a suffix, in whatever order they stand.
fn family(mut group: Vec<TaggedImage>, notes: &mut Notes) -> Option<Family> {
    let is_plain = |image: &TaggedImage| {
        image.suffix() == Some("") && image.prefix().is_some_and(|p| matches!(p, "" | "v"))
    };
    let plain: Vec<usize> = (0..group.len())
        .filter(|at| is_plain(&group[*at]))
        .collect();
    let place = match &*plain {
        [one] => *one,
        [] => group
            .iter()
            .position(|image| image.stable.iter().any(|template| template == "latest"))
            .or_else(|| group.iter().position(|image| image.suffix().is_some()))
            .unwrap_or(0),
        [first, ..] => {
            let places: Vec<&str> = plain.iter().map(|at| &*group[*at].place).collect();
            notes.add(
                NoteKind::NotTaken,
                format!(
                    "the build: {} push the same tags, and only one image can be under a tag: name it in [image.build]",
                    places.join(" and ")
                ),
            );
            let first = *first;
            group[first].build = None;
            first
        }
    };
    let main = group.remove(place);
    let mut variants = Vec::new();
    for other in group {
        let suffix = other.suffix().unwrap_or_default();
        let of_main =
            main.suffix() == Some("") && !suffix.is_empty() && other.prefix() == main.prefix();
        let elsewhere = other
            .repositories
            .iter()
            .any(|name| !main.repositories.contains(name));
        if of_main && !elsewhere {
            variants.push(other);
        } else if !(plain.len() > 1 && is_plain(&other)) {
            let why = if of_main {
                "it goes to other repositories than the main image"
            } else {
                "its tags are not those of the main image with a suffix"
            };
            notes.add(
                NoteKind::NotTaken,
                format!("the image of {} ({}): {why}", other.place, listed(&other)),
            );
        }
    }
    let conflict = plain.len() > 1;
    Some(Family {
        main,
        variants,
        conflict,
    })
}

fn listed(image: &TaggedImage) -> String {
    let further = image.prerelease.iter();
    let further = further.filter(|template| !image.stable.contains(template));
    let all = image.stable.iter().chain(further);
    let all: Vec<String> = all.map(|template| format!("`{template}`")).collect();
    all.join(", ")
}
