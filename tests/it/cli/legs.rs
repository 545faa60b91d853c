//! One image from several machines: plan, legs and join, each in a clone and an environment of its own.

use std::{collections::BTreeMap, fs};

use hoist::oci::{Digest, MediaType};
use serde_json::{Value, json};

use crate::{
    registry::server::{On, Personality, Stale, TestRegistry},
    support::{
        World,
        jobs::{Jobs, Machine},
        layout::Layout,
    },
};

const NAMES: [&str; 2] = ["acme/api", "acme/copy"];
/// A release commit: the version in a file, and a changelog.
const COMMITS: &str = "\n[version]\nfiles = [{ path = \"VERSION\", pattern = \"(.*)\" }]\n\n[notes]\nchangelog = true\n";

fn jobs<'w>(world: &'w World<'w>, registry: &TestRegistry, more: &str) -> Jobs<'w> {
    let repositories = NAMES.map(|name| registry.repository(name).to_string());
    Jobs::new(world, &repositories, more)
}

/// What every tag of a repository shows.
fn shown(registry: &TestRegistry, name: &str) -> Vec<Digest> {
    let mut all: Vec<_> = registry.tags(name).into_values().collect();
    all.dedup();
    all
}

/// The image of a digest, as the registry has it.
fn index(registry: &TestRegistry, name: &str, digest: &Digest) -> Value {
    let what = digest.clone().into();
    let mut state = registry.state();
    let contents = state.store.contents(name).expect("a repository");
    let found = contents.find(&what, Stale::Never).expect("an index");
    serde_json::from_slice(&found.bytes).unwrap()
}

/// Everything that a release has left, as if it had never been.
fn forget(world: &World<'_>, registry: &TestRegistry, version: &str, parent: &str) {
    for name in NAMES {
        let tags = registry.tags(name);
        let mut state = registry.state();
        let contents = state.store.contents(name).expect("a repository");
        for tag in tags.keys() {
            assert!(contents.remove_tag(tag));
        }
    }
    world.remote.git(&["tag", "-d", &format!("v{version}")]);
    world.remote.git(&["update-ref", "refs/heads/main", parent]);
}

#[test]
fn three_jobs_make_one_image_whichever_machine_and_day() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, COMMITS);
    let (plan, one, two) = (
        jobs.file("plan.json"),
        jobs.file("one.tar"),
        jobs.file("two.json"),
    );
    let paths = [&plan, &one, &two].map(|path| path.display().to_string());
    let [plan_file, one_file, two_file] = paths.each_ref().map(String::as_str);

    // The first job knows the history. The others have one commit each, and other names and clocks.
    let first = jobs.machine("plan", &[], &[("GIT_COMMITTER_NAME", "Runner One")]);
    let made = first.print(&["plan", "--json"], &plan).json();
    let parent = made["release_commit"]["parent"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut digests = Vec::new();
    for round in ["a", "b"] {
        let amd64 = jobs.machine(
            &format!("amd64-{round}"),
            &["--depth=1"],
            &[
                ("GIT_COMMITTER_NAME", "Runner Two"),
                ("GIT_COMMITTER_EMAIL", "two@example.org"),
            ],
        );
        let arm64 = jobs.machine(
            &format!("arm64-{round}"),
            &[],
            &[
                ("SOURCE_DATE_EPOCH", "86400"),
                ("TZ", "Asia/Tokyo"),
                ("GIT_COMMITTER_NAME", "Three"),
            ],
        );
        registry.forget();
        let leg = [
            "build",
            "--plan",
            plan_file,
            "--platform",
            "linux/amd64",
            "--output",
            one_file,
        ];
        let run = amd64.hoist(&leg);
        run.says("nothing was pushed");
        assert_eq!(registry.log(), [], "a leg in a file asks no registry");
        let leg = [
            "build",
            "--plan",
            plan_file,
            "--platform",
            "linux/arm64",
            "--stage",
        ];
        let staged = arm64.print(&leg, &two).json();
        assert_eq!(staged["type"], "leg");
        assert_eq!(staged["platforms"], json!(["linux/arm64"]));
        assert_eq!(staged["commit"], made["commit"]);
        assert_eq!(staged["staged"].as_array().unwrap().len(), 2);
        for name in NAMES {
            assert_eq!(
                registry.tags(name),
                BTreeMap::new(),
                "staged content has no name"
            );
        }
        let last = jobs.machine(
            &format!("join-{round}"),
            &[],
            &[("SOURCE_DATE_EPOCH", "99")],
        );
        let both = [one_file, two_file];
        let (left, right) = if round == "a" { (0, 1) } else { (1, 0) };
        let release = [
            "release",
            "--yes",
            "--plan",
            plan_file,
            "--from",
            both[left],
            "--from",
            both[right],
        ];
        let run = last.hoist(&release);
        run.says("joined 2 legs");
        for name in NAMES {
            assert_eq!(shown(&registry, name).len(), 1, "{run}");
        }
        let digest = registry.tags(NAMES[0])["0.1.0"].clone();
        assert_eq!(registry.tags(NAMES[1])["0.1.0"], digest);
        let index = index(&registry, NAMES[1], &digest);
        let entries = index["manifests"].as_array().unwrap();
        let architecture = |entry: &Value| entry["platform"]["architecture"].clone();
        let all: Vec<_> = entries.iter().map(architecture).collect();
        assert_eq!(all, ["amd64", "arm64"]);
        last.hoist(&["verify", "--deep"]);
        digests.push(digest);
        forget(&world, &registry, "0.1.0", &parent);
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn legs_without_a_plan_agree_where_nothing_is_committed() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, "");
    let leg = |name: &str, platform: &str| {
        let machine = jobs.machine(name, &[], &[]);
        let to = jobs.file(&format!("legs/{name}"));
        let to = to.display().to_string();
        machine.hoist(&["build", "--platform", platform, "--output", &to]);
    };
    leg("one", "linux/amd64");
    let last = jobs.machine("join", &[], &[]);
    let from = jobs.file("legs").display().to_string() + "/*";
    let dry = last.run(&["release", "--dry-run", "--from", &from]);
    dry.expect(4);
    dry.says("linux/arm64");
    leg("two", "linux/arm64");
    // Made again, it replaces what was there.
    leg("two-again", "linux/arm64");
    fs::remove_dir_all(jobs.file("legs/two")).unwrap();
    let dry = last.hoist(&["release", "--dry-run", "--from", &from]);
    assert_eq!(registry.count(&On::put_manifest()), 0, "{dry}");
    last.hoist(&["release", "--yes", "--from", &from]);
    assert_eq!(shown(&registry, NAMES[0]).len(), 1);
    assert_eq!(shown(&registry, NAMES[0]), shown(&registry, NAMES[1]));
    last.hoist(&["verify", "--deep"]);
}

#[test]
fn a_blob_that_one_registry_has_lost_comes_from_the_other() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, "");
    let stage = |name: &str, platform: &str| {
        let machine = jobs.machine(name, &[], &[]);
        let file = jobs.file(&format!("{name}.json"));
        machine.print(&["build", "--platform", platform, "--stage"], &file);
    };
    stage("one", "linux/amd64");
    stage("two", "linux/arm64");
    registry.state().store.sweep(NAMES[0]);
    let last = jobs.machine("join", &[], &[]);
    let from = jobs.file("*.json").display().to_string();
    last.hoist(&["release", "--yes", "--from", &from]);
    assert_eq!(shown(&registry, NAMES[0]), shown(&registry, NAMES[1]));
    last.hoist(&["verify", "--deep"]);
    world.assert_unlocked();
}

/// The registries are two servers: what one has lost is read from the other one, and sent.
#[test]
fn a_blob_that_one_server_has_lost_comes_from_the_other() {
    let registries = [(); 2].map(|()| TestRegistry::start(Personality::default()));
    let world = World::new(&registries[0], &[NAMES[0]]);
    let repositories = registries
        .each_ref()
        .map(|registry| registry.repository(NAMES[0]).to_string());
    let jobs = Jobs::new(&world, &repositories, "");
    for (name, platform) in [("one", "linux/amd64"), ("two", "linux/arm64")] {
        let machine = jobs.machine(name, &[], &[]);
        let file = jobs.file(&format!("{name}.json"));
        machine.print(&["build", "--platform", platform, "--stage"], &file);
    }
    registries[0].state().store.sweep(NAMES[0]);
    let last = jobs.machine("join", &[], &[]);
    let from = jobs.file("*.json").display().to_string();
    last.hoist(&["release", "--yes", "--from", &from]);
    let [one, two] = registries
        .each_ref()
        .map(|registry| shown(registry, NAMES[0]));
    assert_eq!((one.len(), &one), (1, &two));
    last.hoist(&["verify", "--deep"]);
}

#[test]
fn the_help_says_what_each_job_needs() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, "");
    let help = jobs
        .machine("a", &[], &[])
        .hoist(&["build", "--help"])
        .stdout;
    let lines: Vec<&str> = help.lines().map(str::trim).collect();
    for (job, needs) in [
        (
            "first job   hoist plan --json > plan.json",
            "needs the whole history and its tags; reads the registries",
        ),
        (
            "each leg    hoist build --plan plan.json --platform linux/arm64 --output dist/arm64.tar",
            "needs the commit and a builder; no registry, no password, no history",
        ),
        (
            "or      hoist build --plan plan.json --platform linux/arm64 --stage > arm64.json",
            "needs the right to push as well; the content stays without a tag",
        ),
        (
            "last job    hoist release --yes --plan plan.json --from 'dist/*.tar'",
            "needs what every release needs, and no builder",
        ),
    ] {
        let place = lines.iter().position(|line| *line == job);
        let place = place.unwrap_or_else(|| panic!("{job}: {help}"));
        assert_eq!(lines[place + 1], needs);
    }
}

/// Each computes the release commit for itself, and names and clocks differ: only one plan makes one commit.
#[test]
fn legs_with_a_release_commit_need_the_plan() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, COMMITS);
    let head = world.remote.git(&["rev-parse", "main"]);
    for (name, platform, who, epoch) in [
        ("one", "linux/amd64", "One", "86400"),
        ("two", "linux/arm64", "Two", "172800"),
    ] {
        let variables = [("GIT_COMMITTER_NAME", who), ("SOURCE_DATE_EPOCH", epoch)];
        let machine = jobs.machine(name, &[], &variables);
        let to = jobs.file(&format!("legs/{name}")).display().to_string();
        machine.hoist(&["build", "--platform", platform, "--output", &to]);
    }
    let last = jobs.machine("join", &[], &[]);
    let from = jobs.file("legs/*").display().to_string();
    registry.forget();
    let refs = world.remote.refs();
    let run = last.run(&["release", "--yes", "--from", &from]);
    run.expect(4);
    run.says("has another commit");
    run.says(&format!("`git checkout {}`", head.trim()));
    run.says("hoist build --plan plan.json --platform linux/amd64 --output DIR");
    run.says("`hoist plan --version 0.1.0 --branch main --json > plan.json` in a first job");
    assert_eq!(registry.count(&On::put_manifest()), 0);
    assert_eq!(world.remote.refs(), refs);
}

#[test]
fn a_trial_is_built_anywhere_and_goes_nowhere() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let jobs = jobs(&world, &registry, "");
    let machine = jobs.machine(
        "a",
        &[],
        &[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "pull_request"),
            ("GITHUB_REF", "refs/pull/7/merge"),
        ],
    );
    machine.clone.git(&["checkout", "--quiet", "-b", "wip"]);
    machine.clone.write("VERSION", "not committed\n");
    let run = machine.hoist(&["build"]);
    run.says("labelled 0.1.0-dev");
    assert!(
        run.stdout.starts_with("sha256:") && run.stdout.lines().count() == 1,
        "{run}"
    );
    let run = machine
        .hoist(&["build", "--json", "--platform", "linux/arm64"])
        .json();
    assert_eq!(run["version"], "0.1.0-dev");
    assert_eq!(run["images"][0]["platforms"], json!(["linux/arm64"]));
    assert_eq!(run["images"][0]["leg"], Value::Null);
    let shallow = jobs.machine("shallow", &["--depth=1"], &[]);
    shallow.hoist(&["build"]).says("-dev");
    assert_eq!(registry.log(), []);
    world.assert_unlocked();
}

/// Layouts of other programs: what `image.build.layout` matches is joined.
#[test]
fn a_pattern_joins_what_other_builders_made() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAMES[0]]);
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    let repository = registry.repository(NAMES[0]);
    clone.write(
        "release.toml",
        format!("[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"dist/*\"\nplatforms = [\"linux/arm64\", \"linux/amd64\"]\n"),
    );
    clone.commit("feat: begin");
    clone.push();
    let machine = Machine {
        clone,
        variables: Vec::new(),
    };
    machine
        .run(&["release", "--yes"])
        .says("the pattern matches nothing");
    let dist = machine.clone.path().join("dist");
    let mut layout = Layout::new(&dist.join("one"));
    let image = layout.image("amd64", &json!({}), b"x");
    let attestation = layout.attestation(&image);
    let of_one = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [image, attestation],
        "annotations": {"org.example.note": "of one"},
    });
    let top = layout.document(MediaType::OCI_INDEX, &of_one);
    layout.finish(&top);
    let lacks_arm64 = |says: &[&str]| {
        for args in [&["release", "--dry-run"][..], &["release", "--yes"]] {
            let run = machine.run(args);
            run.expect(4);
            says.iter().for_each(|says| run.says(says));
        }
    };
    // One alone is released as it is, and here it lacks a platform.
    lacks_arm64(&[
        "not for `linux/arm64`",
        "it is for linux/amd64",
        "the pattern `dist/*` of `image.build.layout` of the image `main` matches `dist/one` alone",
    ]);
    let mut layout = Layout::new(&dist.join("two"));
    let image = layout.image("s390x", &json!({}), b"z");
    layout.finish(&image);
    lacks_arm64(&[
        "no layout of the image `main` is for linux/arm64",
        "among what `dist/*` matches",
        "`dist/one` is for linux/amd64",
        "`dist/two` is for linux/s390x",
        "let its builder make a layout for linux/arm64",
    ]);
    let mut layout = Layout::new(&dist.join("two"));
    let image = layout.image(
        "arm64",
        &json!({"org.opencontainers.image.version": "24.04"}),
        b"y",
    );
    layout.finish(&image);
    machine.hoist(&["check"]).says("legs");
    let run = machine.hoist(&["release", "--yes"]);
    run.says("joined 2 legs");
    run.says("warning annotations of the index of the leg `dist/one` are not taken over into the joined one: `org.example.note`");
    let digest = registry.tags(NAMES[0])["0.1.0"].clone();
    let index = index(&registry, NAMES[0], &digest);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 3);
    machine.hoist(&["verify", "--deep"]);
}
