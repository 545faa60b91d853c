//! Files that are attached to an image are in every repository before it has a name, whatever the
//! registry makes of them, and never look like a tag of a release.

use hoist::oci::{Digest, Manifest, referrer};
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, Referrers, TestRegistry},
    support::{Run, World},
};

const NAME: &str = "acme/api";
const SBOM: &str = "application/spdx+json";

/// A project that attaches two files, and has these tables besides.
fn project<'w>(world: &'w World<'_>, tables: &str) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let attach = "\n[[attach]]\nfile = \"parts/sbom.json\"\ntype = \"application/spdx+json\"\n\
                  annotations = { \"org.example.by\" = \"a test\" }\n\
                  [[attach]]\nfile = \"parts/notice.txt\"\ntype = \"text/plain\"\n";
    clone.write("release.toml", policy + attach + tables);
    clone.write("parts/sbom.json", "{\"spdxVersion\":\"SPDX-2.3\"}");
    clone.write("parts/notice.txt", "for everybody\n");
    clone.commit("chore: attachments");
    clone.push();
    clone
}

fn release(world: &World<'_>, clone: &Clone<'_>, version: &str) -> Run {
    world.run(clone, &["release", "-v", "--version", version, "--yes"])
}

/// Every manifest of the repository that is about another one.
fn about(registry: &TestRegistry, name: &str) -> Vec<(Digest, Manifest)> {
    let mut state = registry.state();
    let contents = state.store.contents(name).into_iter();
    let all = contents.flat_map(|contents| contents.manifests.values());
    all.filter_map(|manifest| Some((referrer::referrer(manifest)?.0, manifest.clone())))
        .collect()
}

fn types(of: &[(Digest, Manifest)]) -> Vec<String> {
    let kind = |manifest: &Manifest| {
        let (_, entry) = referrer::referrer(manifest).unwrap();
        entry.artifact_type().unwrap().to_owned()
    };
    let mut all: Vec<_> = of.iter().map(|(_, manifest)| kind(manifest)).collect();
    all.sort();
    all
}

fn is_released(registry: &TestRegistry, name: &str) -> bool {
    let tags = registry.tags(name).into_keys();
    tags.filter_map(|tag| tag.parse().ok())
        .any(|tag| !referrer::is_about_digest(&tag))
}

#[test]
fn attachments_are_listed_whatever_the_registry_knows() {
    for (personality, has_api) in [
        (Personality::default(), true),
        (
            Personality {
                knows_subjects_only: true,
                ..Personality::default()
            },
            true,
        ),
        (Personality::careless(), true),
        (
            Personality {
                referrers: Referrers::ListedInSilence,
                ..Personality::default()
            },
            true,
        ),
        (Personality::distribution(), false),
    ] {
        let told = format!("{personality:?}");
        let registry = TestRegistry::start(personality);
        let world = World::new(&registry, &[NAME, "acme/mirror"]);
        let clone = project(&world, "");
        for version in ["1.0.0", "1.1.0"] {
            world.change(&clone, "feat: a program");
            release(&world, &clone, version).expect(0);
            let digest: Digest = world.shows(version).unwrap().parse().unwrap();
            for name in [NAME, "acme/mirror"] {
                let mut here = about(&registry, name);
                here.retain(|(subject, _)| *subject == digest);
                assert_eq!(types(&here), [SBOM, "text/plain"], "{told}");
                let list = registry.tags(name);
                let list = list.get(referrer::referrers_tag(&digest).as_str());
                assert_eq!(list.is_some(), !has_api, "{told}");
                if let Some(list) = list {
                    let list =
                        registry.state().store.contents(name).unwrap().manifests[list].clone();
                    let mut listed = referrer::listed(&list).unwrap();
                    listed.sort_by(|a, b| a.artifact_type().cmp(&b.artifact_type()));
                    assert_eq!(listed.len(), 2);
                    assert_eq!(listed[0].artifact_type(), Some(SBOM));
                    assert_eq!(listed[0].annotations["org.example.by"], "a test");
                }
            }
        }
        // A list of referrers is not taken for a tag of anything.
        for verb in [&["verify"][..], &["repair"], &["plan"], &["tags"]] {
            let run = world.hoist(&clone, verb);
            assert!(!run.stdout.contains("sha256-"), "{told}: {run}");
        }
        let message = clone.git(&["cat-file", "tag", "v1.1.0"]);
        let lines = message
            .lines()
            .filter(|line| line.starts_with("Hoist-Attachment: "));
        assert_eq!(lines.count(), 4, "{message}");

        let image = format!("{}:1.1.0", registry.repository(NAME));
        let report = world.hoist(&clone, &["inspect", &image, "--json"]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let mut kinds: Vec<&Value> = report["referrers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["artifact_type"])
            .collect();
        kinds.sort_by_key(|kind| kind.to_string());
        assert_eq!(kinds, [&json!(SBOM), &json!("text/plain")], "{told}");
    }
}

#[test]
fn an_attachment_that_is_gone_is_found() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "");
    release(&world, &clone, "1.0.0").expect(0);
    world.hoist(&clone, &["verify"]);
    let all = about(&registry, NAME);
    let (_, lost) = all.first().unwrap();
    let contents = |change: &dyn Fn(&mut crate::registry::server::Contents)| {
        change(registry.state().store.contents(NAME).unwrap());
    };
    contents(&|contents| drop(contents.manifests.remove(lost.digest())));
    let run = world.run(&clone, &["verify"]);
    run.expect(9);
    run.says(&format!("its attachment {}", lost.digest()));
    run.says("is gone");
}

#[test]
fn without_its_file_nothing_is_released() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "");
    clone.git(&["rm", "-q", "parts/sbom.json"]);
    clone.commit("chore: no list of parts");
    clone.push();
    let run = release(&world, &clone, "1.0.0");
    run.expect(6);
    run.says("cannot attach `parts/sbom.json` to the image");
    assert!(registry.tags(NAME).is_empty(), "{run}");
}

#[test]
fn what_the_gate_refuses_leaves_no_name_but_the_list() {
    for (personality, lists) in [
        (Personality::default(), 0),
        (Personality::distribution(), 1),
    ] {
        let registry = TestRegistry::start(personality);
        let world = World::new(&registry, &[NAME]);
        let gate = "\n[hooks]\nafter-stage = [{ run = [\"false\"] }]\n";
        let clone = project(&world, gate);
        let run = release(&world, &clone, "1.0.0");
        run.expect(4);
        assert!(!is_released(&registry, NAME), "{run}");
        assert_eq!(registry.tags(NAME).len(), lists, "{run}");
        let all = about(&registry, NAME);
        assert_eq!(types(&all), [SBOM, "text/plain"]);
        for (subject, manifest) in &all {
            run.says(&format!("@{} stays", manifest.digest()));
            if lists > 0 {
                run.says(referrer::referrers_tag(subject).as_str());
            }
        }
    }
}
