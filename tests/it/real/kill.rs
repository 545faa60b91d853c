//! Releases that die, and clones that finish or undo them.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{self, SET, World};

/// When a release is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// After so many tags were reported as moved.
    Tags(u32),
    /// After this time.
    After(Duration),
}

/// What came of all deaths.
#[derive(Debug, Default)]
struct Tally {
    deaths: u32,
    /// There was a transaction to end.
    interrupted: u32,
    /// At the moment of death some tags were new and some were old.
    mixed_at_death: u32,
    /// What was there in the end.
    all_new: u32,
    all_old: u32,
}

#[test]
fn whenever_it_is_killed_another_clone_ends_it_all_new_or_all_old() {
    if let Some(tally) = deaths(20) {
        assert!(tally.interrupted >= 5, "{tally:?}");
    }
}

/// By hand: `cargo test --test it two_hundred_deaths -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; twenty of them die each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn two_hundred_deaths() {
    let tally = deaths(200).unwrap();
    eprintln!("{tally:?}");
    assert!(
        tally.interrupted >= 50 && tally.mixed_at_death >= 20,
        "{tally:?}"
    );
}

/// Kills so many releases, each at another moment, and ends each from another clone. A set that is
/// mixed in the end fails. `None`: real parts are left out.
fn deaths(count: u32) -> Option<Tally> {
    let mut tally = Tally::default();
    let registry = support::registry()?;
    let names = [format!("kill-{count}/api"), format!("kill-{count}/mirror")];
    let world = World::new(registry, &names.each_ref().map(|name| &**name));
    let clone = world.project_that_settles("first");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: the measure");
    let start = Instant::now();
    world.hoist(&clone, &["release", "--yes"]);
    let whole = start.elapsed();
    for round in 0..count {
        let moment = if round % 2 == 0 {
            Moment::Tags(fastrand::u32(1..=11))
        } else {
            Moment::After(whole.mul_f64(fastrand::f64()))
        };
        one_death(&world, round, moment, &mut tally);
    }
    Some(tally)
}

/// One release that is killed, and its end from another clone.
fn one_death(world: &World<'_>, round: u32, moment: Moment, tally: &mut Tally) {
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
    let moved = world.changed(&before).len();
    let status = world.run(&other, &["status"]);
    let context = || format!("round {round}, {moment:?}: {status}");
    let back = round % 4 >= 2;
    if open {
        assert_eq!(status.code, Some(5), "{}", context());
        let verb = if back { "rollback" } else { "resume" };
        let run = world.run(&other, &[verb, "--take-over", "--yes"]);
        assert_eq!(run.code, Some(0), "{} {verb}: {run}", context());
    }
    world.assert_unlocked();
    let released = world.remote.git(&["tag"]) != git_tags;
    if released {
        assert!(!open || !back, "{}", context());
        world.assert_all_new(&before, &context());
    } else {
        assert!(!open || back, "{}", context());
        assert_eq!(world.tags(), before, "{}", context());
    }
    tally.deaths += 1;
    tally.interrupted += u32::from(open);
    tally.mixed_at_death += u32::from(moved > 0 && moved < SET);
    tally.all_new += u32::from(released);
    tally.all_old += u32::from(!released);
    for clone in [dying, other] {
        std::fs::remove_dir_all(clone.path()).unwrap();
    }
}

/// Starts a program and kills it with all it started, as the loss of the machine would; its id.
pub fn kill_at(mut command: Command, moment: Moment) -> u32 {
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
    child.id()
}

fn kill_group(child: &Child) {
    let kill = format!("kill -KILL -{}", child.id());
    // It may have ended by itself.
    let _ = Command::new("sh")
        .args(["-c", &kill])
        .stderr(Stdio::null())
        .status();
}
