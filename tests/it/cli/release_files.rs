//! Releases that write the version into files: the commit, its branch, and what a failure leaves.

use std::fs;

use testkit::sandbox::Clone;

use crate::{
    cli::refusal::die_between_two_tags_of,
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::{self, World},
};

const NAME: &str = "acme/api";
const MANIFEST: &str = "[package]\nname = \"api\" # ours\nversion = \"1.0.0\"\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"api\"\nversion = \"1.0.0\"\n";

/// 1.0.0 is out; then the files and their policy, and a feature.
fn project<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let files = "\n[version]\nfiles = [{ path = \"Cargo.toml\" }, { path = \"chart.txt\", pattern = \"tag=(.*)\" }]\n\n[notes]\nchangelog = true\n";
    clone.write("release.toml", policy + files);
    clone.write("Cargo.toml", MANIFEST);
    clone.write("Cargo.lock", LOCK);
    clone.write("chart.txt", "image\ntag=1.0.0\n");
    clone.write("CHANGELOG.md", "# Changelog\n\n## 1.0.0\n\nThe first.\n");
    world.change(&clone, "feat: accept device codes");
    clone
}

fn head(clone: &Clone<'_>) -> String {
    clone.git(&["rev-parse", "HEAD"])
}

fn main_of(world: &World<'_>) -> String {
    world.remote.git(&["rev-parse", "refs/heads/main"])
}

fn refuse(registry: &TestRegistry, tag: &str) {
    let on = On::put_manifest().with(format!("/manifests/{tag}"));
    registry.fault(Fault::always(on, What::Status(403, "DENIED")));
}

#[test]
fn the_release_commit_carries_the_version_and_the_tag() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let feature = head(&clone);
    let plan = world.hoist(&clone, &["plan", "--json"]).json();
    assert_eq!(plan["release_commit"]["parent"], *feature);
    assert_eq!(
        plan["release_commit"]["files"],
        serde_json::json!(["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "chart.txt"])
    );
    let planned = plan["commit"].as_str().unwrap();
    // The tags are those of the commit that the release makes.
    let sha = format!("sha-{}", &planned[..7]);
    world.hoist(&clone, &["tags"]).says(&sha);
    let named = world.hoist(&clone, &["tags", "1.1.0"]);
    assert!(!named.stdout.contains("sha-"), "{}", named.stdout);
    named.says("tags of the commit are left out");
    // A plan touches nothing, not even the object database.
    let there = clone
        .command("git")
        .args(["cat-file", "-e", planned])
        .output();
    assert!(!there.unwrap().status.success());

    let run = world.hoist(&clone, &["release", "--yes", "--json"]);
    let outcome = run.outcome();
    assert_eq!(outcome["commit"], planned, "the plan named the commit");
    assert_eq!(outcome["branch"]["pushed"], true);
    let said = |args: &[&str]| world.remote.git(args);
    assert_eq!(main_of(&world), planned);
    assert_eq!(said(&["rev-parse", "v1.1.0^{commit}"]), planned);
    assert_eq!(said(&["rev-parse", "main^"]), feature);
    assert_eq!(
        said(&["log", "-1", "--format=%s", "main"]),
        "chore(release): 1.1.0"
    );
    assert_eq!(
        said(&["show", "main:Cargo.toml"]),
        MANIFEST.replace("1.0.0", "1.1.0").trim()
    );
    assert_eq!(
        said(&["show", "main:Cargo.lock"]),
        LOCK.replace("1.0.0", "1.1.0").trim()
    );
    assert_eq!(said(&["show", "main:chart.txt"]), "image\ntag=1.1.0");
    let changelog = said(&["show", "main:CHANGELOG.md"]);
    let (new, old) = changelog.split_once("## 1.0.0").unwrap();
    assert!(
        new.contains("1.1.0") && new.contains("accept device codes"),
        "{changelog}"
    );
    assert!(old.contains("The first."), "{changelog}");
    assert!(world.shows(&format!("sha-{}", &planned[..7])).is_some());
    world.assert_unlocked();

    // The clone went along, work tree and all, and is clean.
    assert_eq!(head(&clone), planned);
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    let again = world.hoist(&clone, &["release", "--yes"]);
    again.says("nothing to release");
    // The next release knows its own commits and keeps them out of the notes.
    world.change(&clone, "fix: a hole");
    world.hoist(&clone, &["release", "--yes"]);
    let changelog = said(&["show", "main:CHANGELOG.md"]);
    assert!(
        changelog.contains("1.1.1") && !changelog.contains("chore"),
        "{changelog}"
    );
}

#[test]
fn an_older_checkout_learns_that_it_is_released() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let stale = world.remote.clone("stale", &[]);
    world.hoist(&clone, &["release", "--yes"]);
    let run = world.hoist(&stale, &["release", "--yes"]);
    run.says("nothing to release");
    run.says("git pull");
}

#[test]
fn a_branch_that_has_advanced_stops_it_before_the_build() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let other = world.remote.clone("other", &[]);
    world.change(&other, "docs: meanwhile");
    let (before, tip) = (world.tags(), main_of(&world));
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    run.says("`main` of `origin` is not at HEAD");
    run.says("git pull");
    assert_eq!((world.tags(), main_of(&world)), (before, tip));
    world.assert_unlocked();
}

#[test]
fn a_roll_back_takes_the_commit_off_the_branch() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let (before, tip) = (world.tags(), main_of(&world));
    refuse(&registry, "latest");
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(7);
    assert_eq!((world.tags(), main_of(&world)), (before, tip.clone()));
    assert_eq!(head(&clone), tip);
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    world.assert_unlocked();
    registry.heal();
    world.hoist(&clone, &["release", "--yes"]);
    assert_ne!(main_of(&world), tip);
}

#[test]
fn a_server_that_takes_no_commit_back_keeps_it_and_that_is_said() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let before = world.tags();
    world
        .remote
        .git(&["config", "receive.denyNonFastForwards", "true"]);
    refuse(&registry, "latest");
    let run = world.run(&clone, &["release", "--yes", "--json"]);
    run.expect(8);
    let outcome = run.outcome();
    let commit = outcome["commit"].as_str().unwrap();
    assert_eq!(outcome["branch"]["pushed"], true);
    let state = outcome["error"]["state"].as_str().unwrap();
    assert!(
        state.contains(&format!("`main` keeps the release commit {commit}")),
        "{state}"
    );
    assert_eq!(main_of(&world), commit);
    assert_eq!(world.tags(), before);
    world.assert_unlocked();

    // From there the same version is released, and no second commit is made.
    registry.heal();
    clone.git(&["pull", "--quiet", "--ff-only"]);
    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(main_of(&world), commit);
    assert!(world.shows("1.1.0").is_some());
}

/// Dead while the tags move; then another clone finishes or undoes it, branch and all.
#[test]
fn another_clone_ends_it_with_its_branch() {
    for (verb, finishes, listed) in [
        ("resume", true, true),
        ("rollback", false, true),
        ("resume", true, false),
        ("rollback", false, false),
    ] {
        let registry = TestRegistry::that_deletes(Delete::Digest(400));
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world);
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let branches = match listed {
            true => "",
            false => "\n[branches]\nstable = [\"trunk\"]\n",
        };
        let settles = "\n[publish]\nverify-timeout = \"2s\"\n";
        clone.write("release.toml", policy + settles + branches);
        clone.commit("chore: released by hand");
        clone.push();
        let (before, tip) = (world.tags(), main_of(&world));
        let by_hand = &["release", "--version", "1.1.0", "--yes"];
        die_between_two_tags_of(&world, &registry, &clone, by_hand);
        let commit = main_of(&world);
        assert_ne!(commit, tip, "the branch moves before the tags");
        let other = world.remote.clone("other", &[]);
        world.hoist(&other, &[verb, "--take-over", "--yes"]);
        world.assert_unlocked();
        if finishes {
            assert_eq!(main_of(&world), commit);
            assert_eq!(world.remote.git(&["rev-parse", "v1.1.0^{commit}"]), commit);
            assert_eq!(world.shows("latest"), world.shows("1.1.0"));
        } else {
            assert_eq!((world.tags(), main_of(&world)), (before, tip));
        }
    }
}

#[test]
fn without_a_remote_the_branch_at_hand_gets_it() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[git]\npush = false\n");
    clone.write("notes.txt", "not committed");
    clone.commit("chore: no remote");
    let tip = head(&clone);
    refuse(&registry, "latest");
    world.run(&clone, &["release", "--yes"]).expect(7);
    assert_eq!(head(&clone), tip);
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    registry.heal();
    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(
        clone.git(&["log", "-1", "--format=%s"]),
        "chore(release): 1.1.0"
    );
    assert_eq!(clone.git(&["rev-parse", "HEAD^"]), tip);
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    assert!(
        fs::read_to_string(clone.path().join("Cargo.toml"))
            .unwrap()
            .contains("1.1.0")
    );
}

#[test]
fn what_cannot_be_written_stops_it_with_the_file_named() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    clone.write("Cargo.toml", "[lib]\n");
    world.change(&clone, "fix: no version any more");
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("`Cargo.toml`");
    clone.git(&["switch", "--quiet", "--detach"]);
    clone.write("Cargo.toml", MANIFEST);
    clone.commit("fix: again");
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("--branch main");
    world.hoist(&clone, &["release", "--yes", "--branch", "main"]);
}

#[test]
fn a_version_that_is_lower_than_the_files_own_is_told() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    clone.write("chart.txt", "image\ntag=3.0.0\n");
    world.change(&clone, "fix: the chart is ahead");
    let plan = world.hoist(&clone, &["plan"]);
    plan.says("`chart.txt` says 3.0.0, and the release writes 1.1.0 into it");
    plan.says("`--version 3.0.0` releases that one");
}

/// The engine builds the release commit's tree, not HEAD's.
#[test]
fn the_image_holds_the_new_version() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let world = World::new(registry, &["files/api"]).with_engine(engine);
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        policy + "\n[version]\nfiles = [{ path = \"VERSION\" }]\n",
    );
    let dockerfile = fs::read_to_string(clone.path().join("Dockerfile")).unwrap();
    clone.write("Dockerfile", dockerfile + "COPY VERSION /VERSION\n");
    clone.write("VERSION", "0.0.0\n");
    world.change(&clone, "feat: begin");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let image = format!("{}:1.0.0", registry.repository("files/api"));
    engine.run(&["pull", "--quiet", &image]).unwrap();
    let read = [
        "run",
        "--rm",
        "--entrypoint",
        "/bin/busybox",
        &*image,
        "cat",
        "/VERSION",
    ];
    assert_eq!(engine.run(&read).unwrap(), "1.0.0\n");
    let label = "{{index .Config.Labels \"org.opencontainers.image.revision\"}}";
    let revision = engine.run(&["inspect", "--format", label, &image]).unwrap();
    assert_eq!(revision.trim(), main_of(&world));
    engine.run(&["rmi", &image]).unwrap();
}
