//! Several releases that start at once in one clone: one publishes, and the others end before anything is
//! done, without taking anything away that it uses.

use std::process::{Child, Stdio};

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

const NAME: &str = "acme/api";
const AT_ONCE: usize = 6;

/// What a release is told that comes when the winner has just finished.
const FINISHED_FIRST: &str = "another release finished first";

fn start(world: &World<'_>, clone: &Clone<'_>) -> Child {
    let mut command = world.command(clone, &["release", "--yes", "--json"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Starts all at once; the outcomes of those that did not publish.
fn race(world: &World<'_>, clones: &[&Clone<'_>]) {
    let before = world.tags();
    let racers: Vec<Child> = (0..AT_ONCE)
        .map(|n| start(world, clones[n % clones.len()]))
        .collect();
    let runs: Vec<Run> = racers
        .into_iter()
        .map(|child| Run::from(child.wait_with_output().unwrap()))
        .collect();
    let published = runs.iter().filter(|run| run.code == Some(0)).count();
    assert!(published > 0, "{runs:#?}");
    for run in runs.iter().filter(|run| run.code != Some(0)) {
        let error = &run.outcome()["error"];
        let code = error["code"].as_str().unwrap_or_default();
        // One that comes when the winner has just finished sees another writer.
        let in_the_way = match run.code {
            Some(5) => matches!(code, "locked" | "unfinished-release"),
            Some(6) => code == "other-writer" || error.to_string().contains(FINISHED_FIRST),
            Some(4) => matches!(code, "plan-out-of-date" | "version-taken"),
            _ => false,
        };
        assert!(in_the_way, "{run}");
        let named = error.to_string().contains("by process ") || run.code != Some(6);
        assert!(named, "{run}");
    }
    assert!(!world.changed(&before).is_empty());
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    // The images of all are gone with the last one, and nothing is in the way of the next release.
    let images = clones[0].path().join(".git/hoist/images");
    let left = std::fs::read_dir(images).unwrap().flatten();
    for folder in left.flat_map(|policy| std::fs::read_dir(policy.path()).unwrap()) {
        let name = folder.unwrap().file_name();
        assert!(!name.to_string_lossy().starts_with('.'), "{name:?}");
    }
    world.hoist(clones[0], &["status"]);
}

#[test]
fn row_43_losers_of_a_race_in_one_clone_take_nothing_away() {
    for _ in 0..2 {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        race(&world, &[&clone]);
        world.assert_unlocked();
    }
}

#[test]
fn row_43_in_two_clones() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let other = world.remote.clone("b", &[]);
    race(&world, &[&clone, &other]);
    world.assert_unlocked();
}

#[test]
fn row_43_without_a_remote() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[git]\npush = false\n");
    world.change(&clone, "chore: alone");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    race(&world, &[&clone]);
}
