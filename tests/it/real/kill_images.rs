//! Releases of several images that die at random moments, and clones that finish or undo them: all images or none.

use std::time::{Duration, Instant};

use super::kill::{Moment, kill_at};
use crate::{
    cli::images::{self, ImagePlaces},
    support::{self, World},
};

/// Tags of one image, or of its variant, in one repository: version, commit, line, major, latest, day.
const EACH: usize = 6;

/// What came of all deaths.
#[derive(Debug, Default)]
struct Tally {
    deaths: u32,
    /// There was a transaction to end.
    interrupted: u32,
    /// At the moment of death some images had moved and some had not.
    mixed_at_death: u32,
    all_new: u32,
    all_old: u32,
}

#[test]
fn several_images_are_all_new_or_all_old_whenever_they_are_killed() {
    if let Some(tally) = deaths(4) {
        assert_eq!(tally.deaths, tally.all_new + tally.all_old, "{tally:?}");
    }
}

/// By hand: `cargo test --test it fifty_deaths_of_three_images -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; four of them die each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn fifty_deaths_of_three_images() {
    let tally = deaths(50).unwrap();
    eprintln!("{tally:?}");
    assert!(
        tally.interrupted >= 15 && tally.mixed_at_death >= 5,
        "{tally:?}"
    );
}

/// Kills so many releases of three images with a variant each, in two repositories each. A set that is mixed in the end
/// fails. `None`: real parts are left out.
fn deaths(count: u32) -> Option<Tally> {
    let registry = support::registry()?;
    let names: Vec<String> = ["api", "worker", "web"]
        .iter()
        .flat_map(|name| {
            [
                format!("deaths-{count}/{name}"),
                format!("deaths-{count}/{name}-copy"),
            ]
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let places: ImagePlaces<'_> = &[
        ("main", &names[..2]),
        ("worker", &names[2..4]),
        ("web", &names[4..]),
    ];
    let world = World::new(registry, &names);
    let clone = images::project(
        &world,
        registry,
        places,
        "\n[publish]\nverify-timeout = \"2s\"\n",
    );
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: the measure");
    let start = Instant::now();
    world.hoist(&clone, &["release", "--yes"]);
    let whole = start.elapsed();
    let mut tally = Tally::default();
    for round in 0..count {
        one_death(&world, &names, round, whole, &mut tally);
    }
    Some(tally)
}

/// One release that is killed, and its end from another clone.
fn one_death(world: &World<'_>, names: &[&str], round: u32, whole: Duration, tally: &mut Tally) {
    let all = names.len() * 2 * EACH;
    let moment = match round % 2 {
        0 => Moment::Tags(fastrand::u32(1..u32::try_from(all).unwrap())),
        _ => Moment::After(whole.mul_f64(fastrand::f64())),
    };
    let dying = world.remote.clone(&format!("dying-{round}"), &[]);
    world.change(&dying, &format!("feat: number {round}"));
    let (before, git_tags) = (world.tags(), world.remote.git(&["tag"]));
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
        status.expect(5);
        let verb = if back { "rollback" } else { "resume" };
        let run = world.run(&other, &[verb, "--take-over", "--yes"]);
        assert_eq!(run.code, Some(0), "{} {verb}: {run}", context());
    }
    world.assert_unlocked();
    let released = world.remote.git(&["tag"]) != git_tags;
    if released {
        assert!(!open || !back, "{}", context());
        let changed = world.changed(&before);
        assert_eq!(changed.len(), all, "{}: {changed:#?}", context());
        each_image_shows_its_own(&world.tags(), names, &changed);
    } else {
        assert!(!open || back, "{}", context());
        assert_eq!(world.tags(), before, "{}", context());
    }
    tally.deaths += 1;
    tally.interrupted += u32::from(open);
    tally.mixed_at_death += u32::from(moved > 0 && moved < all);
    tally.all_new += u32::from(released);
    tally.all_old += u32::from(!released);
    for clone in [dying, other] {
        std::fs::remove_dir_all(clone.path()).unwrap();
    }
}

/// Both repositories of an image show the same, and no two images do.
fn each_image_shows_its_own(tags: &[String], names: &[&str], changed: &[String]) {
    let latest = |name: &str, suffix: &str| {
        let start = format!("{name}:latest{suffix} ");
        let line = tags.iter().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {start}")).to_owned()
    };
    let mut seen = Vec::new();
    for suffix in ["", "-alpine"] {
        for pair in names.chunks(2) {
            let digest = latest(pair[0], suffix);
            assert_eq!(digest, latest(pair[1], suffix));
            let count = changed
                .iter()
                .filter(|line| line.ends_with(&digest))
                .count();
            assert_eq!(count, 2 * EACH, "{digest}: {changed:#?}");
            assert!(!seen.contains(&digest), "{digest}");
            seen.push(digest);
        }
    }
}
