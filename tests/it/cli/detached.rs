//! A HEAD without a branch: released where a branch that is released from vouches for it, and nowhere else.

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
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
    let plan = Run::of(&mut plan);
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
        Run::of(&mut command)
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

/// A pipeline of `main` as a service names it, whose own commit is the one that is checked out.
fn pipeline_of_main(world: &World<'_>, clone: &Clone<'_>, args: &[&str]) -> Vec<Run> {
    let head = clone.git(&["rev-parse", "HEAD"]);
    let services: [&[(&str, &str)]; 5] = [
        &[("GITHUB_REF", "refs/heads/main"), ("GITHUB_SHA", &*head)],
        &[("GITHUB_REF_NAME", "main"), ("GITHUB_REF_TYPE", "branch")],
        &[("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_SHA", &*head)],
        // Of a build that is started by hand, it names a branch that need not have the commit.
        &[("BUILDKITE_BRANCH", "main"), ("BUILDKITE_COMMIT", "HEAD")],
        &[("JENKINS_URL", "https://ci"), ("BRANCH_NAME", "main")],
    ];
    let runs = services.iter().map(|variables| {
        let mut command = world.command(clone, args);
        command.envs(variables.iter().copied());
        Run::of(&mut command)
    });
    runs.collect()
}

#[test]
fn a_pipeline_is_not_believed_that_calls_a_commit_of_a_topic_branch_main() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    let before = world.tags();
    for run in pipeline_of_main(&world, &clone, &["release", "--yes"]) {
        run.expect(4);
        run.says(REFUSED);
        run.says("the pipeline is for `main`, and `origin/main` as it was last fetched does not have the commit, but `origin/topic` has");
        run.says("hint: `hoist release --branch main`");
        assert!(!run.stderr.contains("names a branch"), "{run}");
    }
    for run in pipeline_of_main(&world, &clone, &["plan"]) {
        run.expect(0);
        run.says("the pipeline is for `main`");
        run.says("`release` would refuse");
    }
    assert_eq!(world.tags(), before);
    // What really has the commit decides.
    clone.git(&["push", "--quiet", "origin", "topic:1.x"]);
    for run in pipeline_of_main(&world, &clone, &["release", "--yes"]) {
        run.expect(4);
        run.says("hint: `hoist release --branch 1.x` releases what `1.x` releases");
    }
    // Where nothing was fetched that could have it, the pipeline is all that is known.
    let refs = clone.git(&["for-each-ref", "--format=%(refname)", "refs/remotes"]);
    for name in refs.lines().filter(|name| !name.ends_with("/main")) {
        clone.git(&["update-ref", "-d", name]);
    }
    for run in pipeline_of_main(&world, &clone, &["next", "--json"]) {
        assert_eq!(run.json()["branch"], "main", "{run}");
    }
    clone.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    for run in pipeline_of_main(&world, &clone, &["next", "--json"]) {
        assert_eq!(run.json()["branch"], "main", "{run}");
    }
}

/// The same without a pipeline: HEAD is on the own `main`, which has got commits that only `topic` has on the remote.
#[test]
fn a_commit_that_was_pushed_to_a_topic_branch_alone_is_not_released_from_main() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = on_topic(&world);
    clone.git(&["switch", "--quiet", "-C", "main", "topic"]);
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("the branch that is released does not have HEAD");
    run.says("`origin/topic` has it");
    run.says("hint: git push origin HEAD");
    world.run(&clone, &["check"]).expect(4);
    world
        .hoist(&clone, &["plan"])
        .says("would refuse: the branch that is released does not have HEAD");
    assert_eq!(world.tags(), before);
    clone.git(&["push", "--quiet", "origin", "HEAD"]);
    world.hoist(&clone, &["release", "--yes"]);
    assert!(world.shows("1.1.0").is_some());
}

/// Runs a hint as it stands.
#[track_caller]
fn run_hint(clone: &Clone<'_>, run: &Run, start: &str) {
    let mut lines = run.stderr.lines();
    let hint = lines.find_map(|line| {
        line.strip_prefix("hint: ")
            .filter(|it| it.starts_with(start))
    });
    let hint = hint.unwrap_or_else(|| panic!("no hint begins with `{start}`: {run}"));
    let mut shell = clone.command("sh");
    Run::of(shell.args(["-e", "-c", hint])).expect(0);
}

#[test]
fn the_hint_of_an_unpushed_head_runs_on_a_branch_and_on_none() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let release = |args: &[&str]| {
        let mut all = vec!["release", "--yes", "--bump", "patch"];
        all.extend(args);
        world.run(&clone, &all)
    };
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    // On a branch, on none that a fetched one leads to, and after somebody else has pushed.
    clone.commit("fix: one");
    let run = release(&[]);
    run.expect(4);
    run_hint(&clone, &run, "git push origin HEAD");
    release(&[]).expect(0);
    detach(&clone, "HEAD");
    clone.commit("fix: two");
    let run = release(&["--branch", "main"]);
    run.expect(4);
    run_hint(&clone, &run, "git push origin HEAD:refs/heads/main");
    release(&["--branch", "main"]).expect(0);
    clone.git(&["switch", "--quiet", "-C", "main"]);
    let other = world.remote.clone("b", &[]);
    other.write("other", "of somebody else");
    other.commit("docs: meanwhile");
    other.push();
    clone.commit("fix: three");
    clone.git(&["fetch", "--quiet"]);
    let run = release(&[]);
    run.expect(4);
    run_hint(
        &clone,
        &run,
        "git pull --rebase origin main && git push origin HEAD",
    );
    release(&[]).expect(0);
}

/// What was fetched tells nothing of a remote that has no branches.
#[test]
fn a_head_is_not_released_that_a_remote_without_branches_lacks() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let release = ["release", "--version", "1.0.0", "--yes"];
    let remote = |args: &[&str]| world.remote.git(args);
    remote(&["update-ref", "-d", "refs/heads/main"]);
    clone.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    for at in ["main", "HEAD"] {
        if at == "HEAD" {
            detach(&clone, at);
        }
        let run = world.run(&clone, &release);
        run.expect(4);
        run.says("`origin` does not have HEAD");
        let plan = world.hoist(&clone, &["plan", "--version", "1.0.0"]);
        plan.says("would refuse: `origin` does not have HEAD");
        let check = world.run(&clone, &["check"]);
        check.expect(4);
        check.says("`origin` does not have HEAD");
        assert_eq!(world.tags(), [""; 0]);
    }
    // With branches that were never fetched, as in a pipeline that fetches its commit alone.
    let run = world.run(&clone, &release);
    run_hint(&clone, &run, "git push origin HEAD:refs/heads/main");
    clone.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    let other = world.remote.clone("b", &[]);
    other.commit("docs: meanwhile");
    other.push();
    world.hoist(&clone, &release);
}
