//! Releases that die, and clones that finish or undo them; releases that meet.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{self, Run, World};

/// When a release is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so many tags were reported as moved.
    Tags(u32),
    /// After this time.
    After(Duration),
}

#[test]
fn whenever_it_is_killed_another_clone_ends_it_all_new_or_all_old() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["kill/api", "kill/mirror"]);
    let clone = world.project("first");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: the measure");
    let start = Instant::now();
    world.hoist(&clone, &["release", "--yes"]);
    let whole = start.elapsed();

    let mut interrupted = 0;
    for round in 0..20 {
        let random = RandomState::new().hash_one(round);
        let moment = if round % 2 == 0 {
            Moment::Tags(1 + (random % 11) as u32)
        } else {
            Moment::After(whole.mul_f64((random % 1000) as f64 / 1000.0))
        };
        interrupted += u32::from(one_death(&world, round, moment));
    }
    assert!(
        interrupted >= 5,
        "only {interrupted} of 20 died in the transaction"
    );
}

/// One release that is killed, and its end from another clone; whether there was something to end.
fn one_death(world: &World<'_>, round: u32, moment: Moment) -> bool {
    let dying = world.remote.clone(&format!("dying-{round}"), &[]);
    world.change(&dying, &format!("feat: number {round}"));
    let before = world.tags();
    let git_tags = world.remote.git(&["tag"]);
    kill_at(
        world.command(&dying, &["release", "--yes", "--json"]),
        moment,
    );

    let other = world.remote.clone(&format!("elsewhere-{round}"), &[]);
    let open = world.remote.refs().contains("refs/hoist");
    let status = world.run(&other, &["status"]);
    let context = || format!("round {round}, {moment:?}: {status}");
    let back = round % 4 >= 2;
    if open {
        assert_eq!(status.code, Some(5), "{}", context());
        let verb = if back { "rollback" } else { "resume" };
        let run = world.run(&other, &[verb, "--take-over"]);
        assert_eq!(run.code, Some(0), "{} {verb}: {run}", context());
    }
    world.assert_unlocked();
    let released = world.remote.git(&["tag"]) != git_tags;
    if released {
        assert!(!open || !back, "{}", context());
        assert_all_new(world, &before, &context());
    } else {
        assert!(!open || back, "{}", context());
        assert_eq!(world.tags(), before, "{}", context());
    }
    open
}

/// The tags that moved or came show one digest a repository, and the same in both.
#[track_caller]
fn assert_all_new(world: &World<'_>, before: &[String], context: &str) {
    let after = world.tags();
    let latest = world.shows("latest").expect("a release");
    let changed: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    // Version, its line, commit, major, latest and date, in two repositories.
    assert_eq!(changed.len(), 12, "{context}: {changed:?}");
    assert!(
        changed.iter().all(|line| line.ends_with(&latest)),
        "{context}: {changed:?}"
    );
}

/// Starts a release and kills it with all it started, as the loss of the machine would.
fn kill_at(mut command: Command, moment: Moment) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    match moment {
        Moment::Tags(count) => {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut moved = lines
                .map_while(Result::ok)
                .filter(|line| line.contains("\"type\":\"tagged\""));
            moved.nth(count as usize - 1);
        }
        Moment::After(time) => std::thread::sleep(time),
    }
    kill_group(&child);
    child.wait().unwrap();
}

fn kill_group(child: &Child) {
    let kill = format!("kill -KILL -{}", child.id());
    // It may have ended by itself.
    let _ = Command::new("sh")
        .args(["-c", &kill])
        .stderr(Stdio::null())
        .status();
}

#[test]
fn of_two_releases_at_once_one_wins_and_is_named() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["race/api"]);
    let first = world.project("first");
    world.change(&first, "feat: begin");
    let second = world.remote.clone("second", &[]);
    let start = |clone| {
        let mut command = world.command(clone, &["release", "--yes"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs = [start(&first), start(&second)]
        .map(|child| (child.id(), Run::from(child.wait_with_output().unwrap())));
    let (won, lost): (Vec<_>, Vec<_>) = runs.iter().partition(|(_, run)| run.code == Some(0));
    let ([(winner, _)], [(_, loser)]) = (&won[..], &lost[..]) else {
        panic!("{runs:?}");
    };
    assert!(matches!(loser.code, Some(5 | 6)), "{loser}");
    loser.says(&winner.to_string());
    world.assert_unlocked();
    let digest = world.shows("0.1.0");
    for tag in ["0.1", "latest"] {
        assert_eq!(world.shows(tag), digest);
    }
}
