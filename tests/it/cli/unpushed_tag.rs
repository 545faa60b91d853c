//! Git tags that stay in one clone, because the policy says so or the server refuses them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";

/// The server of git refuses every tag, as one with protected tags does.
fn protect(world: &World<'_>) -> std::path::PathBuf {
    let hook = world.remote.path().join("hooks/update");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\ncase $1 in refs/tags/*) echo protected by a rule >&2; exit 1;; esac\n";
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    hook
}

fn short(clone: &Clone<'_>) -> String {
    clone.git(&["rev-parse", "HEAD"])[..7].to_owned()
}

#[test]
fn a_git_tag_that_the_server_refused_is_told_until_it_is_there() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let hook = protect(&world);
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(8);
    run.says("protected by a rule");
    assert!(world.shows("1.1.0").is_some());
    let commit = short(&clone);
    world.change(&clone, "fix: later");
    let status = world.run(&clone, &["status"]);
    status.expect(9);
    status.says("is published, and its git tag `v1.1.0` is missing");
    let way = format!("git checkout {commit} && hoist release --version 1.1.0");
    status.says(&way);
    let document = world.run(&clone, &["status", "--json"]).json();
    assert_eq!(document["missing_git_tags"][0]["tag"], "v1.1.0");
    // That very command completes it.
    fs::remove_file(hook).unwrap();
    clone.git(&["checkout", "--quiet", &commit]);
    let before = world.tags();
    world.hoist(&clone, &["release", "--version", "1.1.0", "--yes"]);
    assert_eq!(world.tags(), before);
    world.remote.git(&["rev-parse", "refs/tags/v1.1.0"]);
    world
        .hoist(&clone, &["status"])
        .says("no release is unfinished");
}

#[test]
fn a_git_tag_that_stays_in_this_clone_is_said_to() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[git]\npush = false\n");
    world.change(&clone, "feat: in one clone");
    let plan = world.hoist(&clone, &["plan"]);
    plan.says("`git.push = false`: the git tag `v0.1.0` stays in this clone");
    world
        .run(&clone, &["check"])
        .says("`git.push = false`: git tags and the lock stay in this clone");
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says("git tag v0.1.0 in this clone alone (`git.push = false`)");
    let log = world.change(&clone, "fix: more");
    assert!(!log.is_empty());
    let lines = world.hoist(&clone, &["release", "--yes", "--json"]).stdout;
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["git_tag"]["pushed"], false, "{last}");
    assert_eq!(last["git_tag"]["local"], true, "{last}");
}
