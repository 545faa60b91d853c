//! The tag set in the forms that other builders read.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::{
    cli::table::TableCell,
    oci::{Digest, ImageName, Tag},
    release::{Explained, TagSet},
};

/// In which form the tags are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// One tag a line
    #[default]
    Lines,
    /// One full reference a line
    Refs,
    /// A file for `docker buildx bake`
    Bake,
    /// Lines for `$GITHUB_OUTPUT`: tags, labels, version, json
    Github,
}

/// Labels by image.
pub(super) type Labels = BTreeMap<ImageName, BTreeMap<String, String>>;

/// The target that docker/metadata-action writes, so that a bake file need not change.
const BAKE_TARGET: &str = "docker-metadata-action";

/// The text of `format`, without a final newline.
pub(super) fn text(set: &TagSet, labels: &Labels, format: Format) -> String {
    match format {
        Format::Lines => {
            let mut names: Vec<&str> = Vec::new();
            for planned in set.everywhere() {
                // Images of one version have the same tags.
                if !names.contains(&planned.tag.as_str()) {
                    names.push(planned.tag.as_str());
                }
            }
            names.join("\n")
        }
        Format::Refs => references(set, |_| true).join("\n"),
        Format::Bake => {
            serde_json::to_string_pretty(&bake(set, labels)).expect("plain data has a JSON form")
        }
        Format::Github => github(set, labels),
    }
}

/// One row a template: its list, the template, and what comes of it.
pub(super) fn explanation(set: &TagSet) -> Vec<Vec<TableCell>> {
    let row = |explained: &Explained| {
        let outcome = match &explained.suppressed {
            Some(why) => format!("left out: {why}"),
            None => {
                let tags = explained
                    .tags
                    .iter()
                    .flat_map(|name| what_becomes_of(name, set));
                tags.collect::<Vec<_>>().join("; ")
            }
        };
        let list = explained.list.to_string();
        [list, explained.template.to_string(), outcome]
            .map(TableCell::from)
            .into()
    };
    set.explained().iter().map(row).collect()
}

/// What a tag does, once where all images that have it do the same.
fn what_becomes_of(name: &Tag, set: &TagSet) -> Vec<String> {
    let planned = set.tags().iter().filter(|planned| planned.tag == *name);
    let each = planned.map(|planned| {
        let what = format!("`{name}` {}: {}", planned.action().as_str(), planned.why());
        (planned, what)
    });
    let each: Vec<_> = each.collect();
    match &*each {
        [(_, first), rest @ ..] if rest.iter().all(|(_, what)| what == first) => {
            vec![first.clone()]
        }
        each => {
            let named = each.iter();
            let named = named.map(|(planned, what)| format!("{what} ({})", planned.image));
            named.collect()
        }
    }
}

/// The full references that a release writes, of the images that are wanted.
fn references(set: &TagSet, wanted: impl Fn(&ImageName) -> bool) -> Vec<String> {
    let each = set.repositories().iter().flat_map(|repository| {
        let written = set.written(repository);
        written
            .filter(|planned| wanted(&planned.image))
            .map(|planned| repository.tag(&planned.tag))
            .collect::<Vec<_>>()
    });
    each.collect()
}

/// The main image first, then the others by name, each followed by its variants.
fn images(set: &TagSet) -> Vec<ImageName> {
    let mut all: Vec<ImageName> = set.tags().iter().map(|t| t.image.clone()).collect();
    all.sort();
    all.dedup();
    all
}

fn bake(set: &TagSet, labels: &Labels) -> Value {
    let target = |image: &ImageName| {
        json!({
            "tags": references(set, |other| other == image),
            "labels": labels.get(image).cloned().unwrap_or_default(),
            "args": {"DOCKER_META_VERSION": set.version().to_string()},
        })
    };
    let targets = images(set)
        .iter()
        .map(|image| (image.suffixed(BAKE_TARGET), target(image)))
        .collect::<Map<_, _>>();
    json!({ "target": targets })
}

fn github(set: &TagSet, labels: &Labels) -> String {
    let mut lines = vec![output("version", &set.version().to_string())];
    for image in images(set) {
        let tags = references(set, |other| *other == image);
        let labels = labels.get(&image).cloned().unwrap_or_default();
        let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let json = json!({
            "tags": tags,
            "labels": labels,
            "version": set.version().to_string(),
        });
        lines.push(output(&image.suffixed("tags"), &tags.join("\n")));
        lines.push(output(&image.suffixed("labels"), &pairs.join("\n")));
        lines.push(output(&image.suffixed("json"), &json.to_string()));
    }
    lines.join("\n")
}

/// One output. The delimiter of more than one line is made from the text, so the text cannot
/// hold it.
fn output(name: &str, value: &str) -> String {
    if value.contains(['\n', '\r']) || value.is_empty() {
        let end = format!("end_{}", Digest::of(value.as_bytes()).short());
        return format!("{name}<<{end}\n{value}\n{end}");
    }
    format!("{name}={value}")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use semver::Version;

    use super::*;
    use crate::{
        cli::tags::document,
        plan::{
            tags::{Published, TagContext, compute},
            version::branch::BranchKind,
        },
        policy::Policy,
    };

    fn set() -> TagSet {
        let policy = "[tags]\nfixed = [\"{version}\"]\nmoving = [\"{major}.{minor}\", \"latest\", \"{branch}\"]\n[variants.alpine]";
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let context = TagContext {
            version: &Version::new(1, 2, 3),
            commit: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3".parse().ok(),
            commit_time: DateTime::UNIX_EPOCH,
            instant: DateTime::UNIX_EPOCH,
            branch: None,
            branch_kind: &BranchKind::Stable,
            git: &[Version::new(2, 0, 0)],
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        let places = ["acme/api", "ghcr.io/acme/api"]
            .map(|name| Published::not_asked(name.parse().expect("a good name")));
        compute(&policy, &context, &places).expect("a good release")
    }

    fn labels() -> Labels {
        let one = |image: ImageName, value: &str| {
            let labels = BTreeMap::from([("a".to_owned(), value.to_owned())]);
            (image, labels)
        };
        Labels::from([
            one(ImageName::main(), "b"),
            one(ImageName::main().with_variant("alpine"), "c\nd"),
        ])
    }

    #[test]
    fn lines_and_references_leave_out_what_stays() {
        let lines = text(&set(), &labels(), Format::Lines);
        assert_eq!(lines, "1.2.3\n1.2.3-alpine\n1.2\n1.2-alpine");
        let references = text(&set(), &labels(), Format::Refs);
        assert_eq!(references.lines().count(), 8);
        assert!(
            references.starts_with("docker.io/acme/api:1.2.3\n"),
            "{references}"
        );
        assert!(
            references.ends_with("\nghcr.io/acme/api:1.2-alpine"),
            "{references}"
        );
    }

    #[test]
    fn a_bake_file_has_a_target_for_each_image() {
        let bake = text(&set(), &labels(), Format::Bake);
        let bake: Value = serde_json::from_str(&bake).expect("it is JSON");
        let plain = &bake["target"]["docker-metadata-action"];
        assert_eq!(plain["tags"][1], "docker.io/acme/api:1.2");
        assert_eq!(plain["tags"].as_array().map(Vec::len), Some(4));
        assert_eq!(plain["labels"]["a"], "b");
        let alpine = &bake["target"]["docker-metadata-action-alpine"];
        assert_eq!(alpine["tags"][0], "docker.io/acme/api:1.2.3-alpine");
    }

    #[test]
    fn github_outputs_survive_any_value() {
        let text = text(&set(), &labels(), Format::Github);
        assert!(text.starts_with("version=1.2.3\ntags<<end_"), "{text}");
        let mut outputs = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((name, end)) = line.split_once("<<") {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                outputs.insert(name, value.join("\n"));
            } else if let Some((name, value)) = line.split_once('=') {
                outputs.insert(name, value.to_owned());
            }
        }
        assert_eq!(outputs["labels-alpine"], "a=c\nd");
        assert_eq!(outputs["labels"], "a=b");
        let json: Value = serde_json::from_str(&outputs["json"]).expect("it is JSON");
        assert_eq!(json["tags"][0], "docker.io/acme/api:1.2.3");
        assert_eq!(outputs.len(), 7);
    }

    #[test]
    fn the_document_has_every_tag_with_every_repository() {
        let document = document::of_set(&set(), true);
        assert_eq!(document["v"], 1);
        assert_eq!(document["version"], "1.2.3");
        assert_eq!(document["tags"][0]["tag"], "1.2.3");
        assert_eq!(document["tags"][0]["kind"], "fixed");
        assert_eq!(document["tags"][0]["action"], "unknown");
        let latest = &document["tags"][4];
        assert_eq!(latest["tag"], "latest");
        assert_eq!(latest["action"], "keep");
        assert_eq!(latest["why"], "2.0.0 is newer");
        assert_eq!(latest["repositories"][1]["repository"], "ghcr.io/acme/api");
        assert_eq!(document["repositories"][0], "docker.io/acme/api");
        let branch = &document["templates"][3];
        assert_eq!(branch["suppressed"], "`{branch}` has no value here");
    }
}
