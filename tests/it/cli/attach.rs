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

/// What is no file, and what lies elsewhere, is refused before anything is built or sent, and nothing waits for a
/// pipe that nobody writes to.
#[test]
fn what_is_no_file_of_the_project_is_refused_before_the_build() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let hook = "\n[hooks]\nbefore-build = [{ run = [\"touch\", \"ran\"] }]\n";
    let clone = project(&world, hook);
    let outside = world.remote.home().join("secret");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("sbom.json"), "geheim").unwrap();
    std::fs::write(clone.path().join(".gitignore"), "ran\nparts\n").unwrap();
    clone.git(&["rm", "-rq", "--cached", "parts"]);
    clone.commit("chore: the parts are made");
    clone.push();
    let place = clone.path().join("parts/sbom.json");
    let links = |target: &std::path::Path| std::os::unix::fs::symlink(target, &place).unwrap();
    let cases: [(&dyn Fn(), &str); 5] = [
        (
            &|| links(&outside.join("sbom.json")),
            "out of the repository",
        ),
        (&|| links("/dev/zero".as_ref()), "it is a device"),
        (
            &|| links(&clone.path().join(".git/config")),
            "git's own directory",
        ),
        (
            &|| std::fs::create_dir(&place).unwrap(),
            "it is a directory",
        ),
        (
            &|| {
                let made = std::process::Command::new("mkfifo").arg(&place).status();
                assert!(made.unwrap().success());
            },
            "it is a pipe",
        ),
    ];
    for (lay, says) in cases {
        let _ = std::fs::remove_dir(&place).or_else(|_| std::fs::remove_file(&place));
        lay();
        let run = release(&world, &clone, "1.0.0");
        run.expect(6);
        run.says("cannot attach `parts/sbom.json` to the image");
        run.says(says);
        run.says("state: nothing was built or moved");
        assert!(!clone.path().join("ran").exists(), "{run}");
        assert!(about(&registry, NAME).is_empty(), "{run}");
        let run = world.run(&clone, &["check"]);
        run.says(says);
        let run = world.run(&clone, &["plan", "--version", "1.0.0"]);
        run.says("would refuse: cannot attach `parts/sbom.json`");
    }
    std::fs::remove_file(&place).unwrap();
    std::fs::remove_dir_all(clone.path().join("parts")).unwrap();
    std::os::unix::fs::symlink(&outside, clone.path().join("parts")).unwrap();
    let run = release(&world, &clone, "1.0.0");
    run.expect(6);
    run.says("out of the repository");
}

/// A platform is asked for where the image is no index, too.
#[test]
fn the_platform_of_a_single_image_counts() {
    for (platform, code) in [("linux/amd64", 0), ("linux/s390x", 6)] {
        let registry = TestRegistry::start(Personality::default());
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, "");
        let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let platform = format!("type = \"text/plain\"\nplatform = \"{platform}\"");
        let policy = policy.replace("type = \"text/plain\"", &platform);
        clone.write("release.toml", policy);
        clone.commit("chore: a platform");
        clone.push();
        let run = release(&world, &clone, "1.0.0");
        run.expect(code);
        match code {
            0 => assert_eq!(about(&registry, NAME).len(), 2, "{run}"),
            _ => {
                run.says("the image has no platform `linux/s390x`");
                assert!(registry.tags(NAME).is_empty(), "{run}");
            }
        }
    }
}
