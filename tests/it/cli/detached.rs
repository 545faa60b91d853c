//! A HEAD without a branch: released where a branch that is released from vouches for it, and nowhere else.

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";
const REFUSED: &str = "cannot release from a detached HEAD";

fn detach(clone: &Clone<'_>, at: &str) {
    clone.git(&["checkout", "--quiet", "--detach", at]);
}

/// 1.0.0 is out; a feature is pushed to `topic`, and is checked out by itself.
fn on_topic<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    clone.git(&["switch", "--quiet", "-c", "topic"]);
    clone.write("greet.sh", "echo topic\n");
    clone.commit("feat: nobody has merged it");
    clone.git(&["push", "--quiet", "origin", "topic"]);
    detach(&clone, "topic");
    clone
}

#[test]
fn a_commit_of_a_topic_branch_is_not_released_by_way_of_a_detached_head() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    let before = world.tags();
    for args in [
        &["release", "--yes"][..],
        &["release", "--yes", "--bump", "major"],
        &["release", "--dry-run", "--yes"],
    ] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says(REFUSED);
        run.says("hint: `hoist release --branch main`");
    }
    assert_eq!(world.tags(), before);
    let check = world.run(&clone, &["check"]);
    check.expect(4);
    check.says(REFUSED);
    for args in [&["plan"][..], &["next"], &["next", "--explain"]] {
        world.hoist(&clone, args).says("`release` would refuse");
    }
    // In a pull request that is no question.
    let mut plan = world.command(&clone, &["plan"]);
    plan.env("TRAVIS_PULL_REQUEST", "7")
        .env("TRAVIS_BRANCH", "main");
    let plan = crate::support::Run::of(&mut plan);
    plan.says("a pull request is not released: #7");
    assert!(!plan.stderr.contains("detached"), "{plan}");
    // A person can say what the commit belongs to, or what it is to be called.
    let plan = world.hoist(&clone, &["plan", "--branch", "main"]);
    assert!(!plan.stderr.contains("would refuse"), "{plan}");
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    assert!(world.shows("1.1.0-rc.1").is_some());
}

#[test]
fn a_commit_that_a_released_branch_holds_needs_no_name() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    clone.git(&["push", "--quiet", "origin", "topic:main"]);
    let plan = world.hoist(&clone, &["plan"]);
    assert!(!plan.stderr.contains("would refuse"), "{plan}");
    world.hoist(&clone, &["release", "--yes"]);
    assert!(world.shows("1.1.0").is_some());
    // A tag's pipeline, in a clone that has the tag alone: there is nothing to release, and nothing wrong.
    clone.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    clone.git(&["branch", "--quiet", "-D", "main", "topic"]);
    detach(&clone, "v1.1.0");
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says("HEAD is released as `v1.1.0`");
}

#[test]
fn a_policy_that_releases_every_branch_needs_no_name() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[branches]\nstable = [\"**\"]\n");
    clone.commit("chore: every branch");
    clone.git(&["push", "--quiet", "origin", "HEAD:topic"]);
    world.hoist(&clone, &["release", "--yes"]);
    assert!(world.shows("1.1.0").is_some());
}

#[test]
fn a_commit_of_another_kind_of_branch_is_released_as_that_branch_says() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    clone.git(&["push", "--quiet", "origin", "topic:next"]);
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("hint: `hoist release --branch next`");
    world.hoist(&clone, &["release", "--yes", "--branch", "next"]);
    assert!(world.shows("1.1.0-rc.1").is_some());
}

#[test]
fn a_pipeline_of_main_that_checked_out_something_else_is_not_main() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    let main = clone.git(&["rev-parse", "origin/main"]);
    let pipeline = |args: &[&str]| {
        let mut command = world.command(&clone, args);
        command
            .env("GITHUB_REF", "refs/heads/main")
            .env("GITHUB_EVENT_NAME", "workflow_run")
            .env("GITHUB_SHA", &main);
        crate::support::Run::of(&mut command)
    };
    let run = pipeline(&["release", "--yes"]);
    run.expect(4);
    run.says(REFUSED);
    run.says("the pipeline is for");
    // An older commit of main, or a newer one, is main's.
    clone.git(&["push", "--quiet", "origin", "topic:main"]);
    pipeline(&["release", "--yes"]).expect(0);
    assert!(world.shows("1.1.0").is_some());
}
