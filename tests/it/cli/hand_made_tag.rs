//! Git tags that a person makes: where only one clone has them, and which day they are of.

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";
/// The day of the commit that is tagged, long before the release.
const THEN: &str = "2026-11-20";

/// A commit of [`THEN`], pushed.
fn commit_of_then(clone: &Clone<'_>, message: &str) {
    clone.write("greet.sh", format!("echo \"{message} @VERSION@\"\n"));
    clone.git(&["add", "-A"]);
    let mut commit = clone.command("git");
    commit
        .args(["commit", "--quiet", "-m", message])
        .env("GIT_AUTHOR_DATE", format!("{THEN}T12:00:00Z"))
        .env("GIT_COMMITTER_DATE", format!("{THEN}T12:00:00Z"));
    assert!(commit.status().unwrap().success());
    clone.push();
}

#[test]
fn a_git_tag_that_this_clone_alone_has_is_pushed_before_its_version_is_released() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    clone.git(&["tag", "v1.0.0"]);
    // A branch of the same name is no reason for a hint that does not run.
    clone.git(&["branch", "v1.0.0"]);
    for args in [
        &["release", "--version", "1.0.0", "--yes"][..],
        &["release", "--version", "1.0.0", "--dry-run"],
        &["plan", "--version", "1.0.0"],
    ] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("`origin` does not have the git tag `v1.0.0`");
        run.says("hint: git push origin refs/tags/v1.0.0");
        run.says("hint: `git tag -d v1.0.0`");
    }
    assert_eq!(world.tags(), [""; 0]);
    // Each of the ways that are named leads on.
    clone.git(&["push", "--quiet", "origin", "refs/tags/v1.0.0"]);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    clone.git(&["tag", "v1.1.0"]);
    world
        .run(&clone, &["release", "--version", "1.1.0", "--yes"])
        .expect(4);
    clone.git(&["tag", "-d", "v1.1.0"]);
    world.hoist(&clone, &["release", "--yes"]);
    let refs = world.remote.refs();
    assert!(refs.contains("refs/tags/v1.0.0"), "{refs}");
    assert!(refs.contains("refs/tags/v1.1.0"), "{refs}");
    // One that is counted from is told, also where there is nothing to release.
    world.change(&clone, "chore: nothing");
    clone.git(&["tag", "v1.2.0"]);
    let plan = world.run(&clone, &["plan"]);
    plan.says("which `origin` does not have: `git push origin refs/tags/v1.2.0`");
}

#[test]
fn a_candidate_is_not_promoted_to_a_version_that_this_clone_alone_has_tagged() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    clone.git(&["tag", "v1.1.0"]);
    let run = world.run(&clone, &["promote", "1.1.0-rc.1", "--yes"]);
    run.expect(4);
    run.says("hint: git push origin refs/tags/v1.1.0");
    clone.git(&["push", "--quiet", "origin", "refs/tags/v1.1.0"]);
    world.hoist(&clone, &["promote", "1.1.0-rc.1", "--yes"]);
    assert_eq!(world.shows("1.1.0"), world.shows("1.1.0-rc.1"));
}

/// `release`, `verify`, `repair`, `tags` and `plan` read a version's own day from its git tag, whoever made it.
#[test]
fn the_day_of_a_version_is_that_of_its_git_tag_for_every_verb() {
    for annotated in [false, true] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.project("a");
        world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
        let first = world.tags();
        let today = first.iter().find(|line| line.contains("api:20")).unwrap();
        commit_of_then(&clone, "feat: more");
        let mut tag = clone.command("git");
        tag.arg("tag")
            .env("GIT_COMMITTER_DATE", format!("{THEN}T15:00:00Z"));
        tag.args(match annotated {
            true => &["-a", "-m", "by hand", "v1.1.0"][..],
            false => &["v1.1.0"],
        });
        assert!(tag.status().unwrap().success());
        clone.git(&["push", "--quiet", "origin", "refs/tags/v1.1.0"]);

        let release = ["release", "--version", "1.1.0", "--yes"];
        let run = world.hoist(&clone, &release);
        run.says(
            "the git tag `v1.1.0` is of 2026-11-20: the tags of the day are those of that day",
        );
        assert_eq!(world.shows(THEN), world.shows("1.1.0"), "{annotated}");
        assert!(world.tags().contains(today), "{:?}", world.tags());
        let after = world.tags();
        // Nobody has anything against it, from any clone, on any day.
        let other = world.remote.clone("b", &[]);
        for clone in [&clone, &other] {
            let repair = world.hoist(clone, &["repair"]);
            repair.says("every moving tag shows what it should");
            let verify = world.hoist(clone, &["verify", "1.1.0"]);
            verify.says(&format!("{THEN}  "));
            world.hoist(clone, &["verify", "--all"]);
            let tags = world.hoist(clone, &["tags", "1.1.0"]).stdout;
            assert!(tags.lines().any(|line| line == THEN), "{tags}");
            let plan = world.hoist(clone, &["plan"]);
            assert!(!plan.stderr.contains("does not show"), "{plan}");
            world.hoist(clone, &release);
            assert_eq!(world.tags(), after);
        }
    }
}

/// What another tool has released need not have a tag of its day, and nobody misses one.
#[test]
fn a_version_of_another_tool_misses_no_tag_of_its_day() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    commit_of_then(&clone, "feat: begin");
    clone.git(&["tag", "v1.0.0"]);
    clone.git(&["push", "--quiet", "origin", "refs/tags/v1.0.0"]);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let mut state = registry.state();
    assert!(state.store.contents(NAME).unwrap().remove_tag(THEN));
    drop(state);
    let verify = world.hoist(&clone, &["verify"]);
    verify.says("no git tag of hoist's tells when it was released");
    let repair = world.hoist(&clone, &["repair"]);
    repair.says("every moving tag shows what it should");
    let run = world.hoist(&clone, &["release", "--yes"]);
    assert!(!run.stderr.contains("does not show"), "{run}");
}

/// 1.0.0 is out by a tag of a person, in one repository, with an image that does not say what it was made from. A
/// second repository has come into the policy since.
fn with_second_repository<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    let policy = |names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .map(|name| registry.repository(name).to_string())
            .collect();
        let text =
            format!("[image]\nrepositories = {names:?}\n[image.build]\nlayout = \"dist/oci\"\n");
        clone.write("release.toml", text);
    };
    clone.write(".gitignore", "/dist\n");
    policy(&[NAME]);
    clone.commit("feat: begin");
    clone.push();
    clone.git(&["tag", "v1.0.0"]);
    clone.push();
    unlabelled(&clone);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    policy(&[NAME, SECOND]);
    clone.commit("chore: a second repository");
    clone.push();
    clone
}

const SECOND: &str = "acme/second";

fn unlabelled(clone: &Clone<'_>) {
    let mut layout = Layout::new(&clone.path().join("dist/oci"));
    let image = layout.image("amd64", &json!({}), b"the same");
    layout.finish(&image);
}

/// Runs a command as a person copies it from a message.
fn as_it_stands(clone: &Clone<'_>, line: &str) -> Run {
    let hoist = env!("CARGO_BIN_EXE_hoist");
    let line = line.replace("hoist ", &format!("{hoist} "));
    let mut shell = clone.command("sh");
    shell.args(["-e", "-c", &format!("{line} --yes")]);
    Run::of(&mut shell)
}

#[test]
fn a_repository_that_came_later_is_no_fault_of_a_version_with_a_hand_made_tag() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = with_second_repository(&world, &registry);
    let verify = world.hoist(&clone, &["verify"]);
    verify.says("1.0.0 was not published there, and the policy of its commit does not name it");
    let said = &verify.stderr;
    let start = said.find("`git checkout v1.0.0").expect("a way is named");
    let line = said[start + 1..].split('`').next().unwrap();
    // That very command completes it.
    as_it_stands(&clone, line).expect(0);
    let (first, second) = (registry.tags(NAME), registry.tags(SECOND));
    assert_eq!(first["1.0.0"], second["1.0.0"]);
    clone.git(&["checkout", "--quiet", "--force", "main"]);
    let verify = world.hoist(&clone, &["verify", "1.0.0"]);
    assert!(!verify.stderr.contains("not judged"), "{verify}");
}

/// What only the journal of another clone tells is the release's own: here nothing does.
#[test]
fn what_release_refuses_to_complete_is_not_promised() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    with_second_repository(&world, &registry);
    let other = world.remote.clone("b", &[]);
    unlabelled(&other);
    let before = registry.tags(NAME);
    let args = ["release", "--version", "1.0.0", "--allow-dirty", "--yes"];
    let refused = "`hoist release --version 1.0.0` would refuse to complete it";
    let verify = world.hoist(&other, &["verify"]);
    assert!(
        !verify.stderr.contains("publishes 1.0.0 there now"),
        "{verify}"
    );
    other.git(&["checkout", "--quiet", "v1.0.0"]);
    other.git(&["checkout", "--quiet", "main", "--", "release.toml"]);
    for args in [&["plan"][..], &["release", "--allow-dirty", "--yes"]] {
        let run = world.run(&other, args);
        run.expect(0);
        run.says(refused);
        run.says("it has no revision label");
        assert!(!run.stderr.contains("completes it"), "{run}");
    }
    let run = world.run(&other, &args);
    run.expect(4);
    run.says("it has no revision label");
    // A tag that is gone is missed, and is not promised either.
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    let fixed = before.keys().find(|tag| tag.starts_with("sha-")).unwrap();
    assert!(contents.remove_tag(fixed));
    drop(state);
    let verify = world.run(&other, &["verify", "1.0.0"]);
    verify.expect(9);
    verify.says(refused);
    assert!(!verify.stderr.contains("completes 1.0.0"), "{verify}");
}
