//! Releases that meet: on the real registry, over a real git remote, through the binary.

use std::{collections::BTreeMap, process::Stdio};

use testkit::sandbox::Clone;

use crate::{
    real::kill::{Moment, kill_at},
    support::{self, Run, World},
};

type Args = &'static [&'static str];

const RELEASE: Args = &["release", "--yes", "--json"];
const RESUME: Args = &["resume", "--take-over", "--yes", "--json"];
const ROLLBACK: Args = &["rollback", "--take-over", "--yes", "--json"];

/// What a loser says that came when the winner was gone.
const GONE: &str = "`hoist plan` shows what is left to do";

/// What the contenders of a race have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Race {
    /// Releases of one commit.
    SameCommit,
    /// Releases of neighbouring commits.
    OtherCommits,
    /// A dead release, which some finish, some undo, and a new one meets.
    Dead,
}

/// One of several programs that started at once.
#[derive(Debug)]
struct Racer {
    args: Args,
    pid: u32,
    run: Run,
}

#[test]
fn of_releases_at_once_one_wins_and_is_named() {
    races(6);
}

/// By hand: `cargo test --test it a_hundred_races -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; six of them run each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn a_hundred_races() {
    for (what, count) in races(100) {
        eprintln!("{count:4} × {what}");
    }
}

/// So many races of two to four programs; how they ended, counted. A mixed set fails, and so does a
/// loser that does not say who was in its way.
fn races(count: usize) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    let Some(registry) = support::registry() else {
        return ends;
    };
    let names = [format!("race-{count}/api"), format!("race-{count}/mirror")];
    let world = World::new(registry, &names.each_ref().map(|name| &**name));
    let first = world.project_that_settles("first");
    world.hoist(&first, &["release", "--version", "1.0.0", "--yes"]);
    for round in 0..count {
        let race = [Race::SameCommit, Race::OtherCommits, Race::Dead][round % 3];
        for racer in one_race(&world, &first, round, race) {
            let ended = racer.run.outcome()["outcome"].as_str().unwrap().to_owned();
            let end = format!("{race:?}: {} {ended}", racer.args[0]);
            *ends.entry(end).or_default() += 1;
        }
    }
    ends
}

fn one_race(world: &World<'_>, first: &Clone<'_>, round: usize, race: Race) -> Vec<Racer> {
    let contenders = 2 + round / 3 % 3;
    for step in 0..contenders {
        world.change(first, &format!("feat: {round}, {step}"));
    }
    let before = world.tags();
    let clones: Vec<_> = (0..=contenders)
        .map(|n| world.remote.clone(&format!("race-{round}-{n}"), &[]))
        .collect();
    let (dying, clones) = clones.split_first().unwrap();
    let mut pids = Vec::new();
    let args: &[Args] = match race {
        Race::SameCommit => &[RELEASE; 4],
        Race::OtherCommits => {
            for (back, clone) in clones.iter().enumerate() {
                clone.git(&["reset", "--quiet", "--hard", &format!("HEAD~{back}")]);
            }
            &[RELEASE; 4]
        }
        Race::Dead => {
            let moment = Moment::Tags(1 + (round % 10) as u32);
            pids.push(kill_at(world.command(dying, RELEASE), moment));
            &[RESUME, ROLLBACK, RELEASE, RESUME]
        }
    };
    let racers = run(world, clones, args);
    pids.extend(racers.iter().map(|racer| racer.pid));
    let context = format!("round {round}, {race:?}, dead or racing {pids:?}: {racers:#?}");
    for clone in clones.iter().chain([dying]) {
        std::fs::remove_dir_all(clone.path()).unwrap();
    }
    world.assert_unlocked();
    let done = |racer: &&Racer| racer.run.code == Some(0);
    assert!(racers.iter().filter(done).count() > 0, "{context}");
    for loser in racers.iter().filter(|racer| !done(racer)) {
        assert!(matches!(loser.run.code, Some(5 | 6)), "{context}");
        let others = pids.iter().filter(|pid| **pid != loser.pid);
        let mut names = others.map(|pid| format!("held by process {pid} on"));
        let error = loser.run.outcome()["error"].to_string();
        let said = names.any(|name| error.contains(&name));
        assert!(said || error.contains(GONE), "{error} {context}");
    }
    if !world.changed(&before).is_empty() {
        world.assert_all_new(&before, &context);
    }
    racers
}

/// Starts all of them, then waits for all of them.
fn run(world: &World<'_>, clones: &[Clone<'_>], args: &[Args]) -> Vec<Racer> {
    let started: Vec<_> = clones
        .iter()
        .zip(args)
        .map(|(clone, args)| {
            let mut command = world.command(clone, args);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            (*args, command.spawn().unwrap())
        })
        .collect();
    started
        .into_iter()
        .map(|(args, child)| Racer {
            args,
            pid: child.id(),
            run: Run::from(child.wait_with_output().unwrap()),
        })
        .collect()
}
