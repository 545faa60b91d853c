//! Somebody reads every tag every two milliseconds while versions are released, refused, killed and put back:
//! no tag ever shows a digest whose signature is not there already.

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use hoist::oci::{Digest, Tag, referrer};
use testkit::sandbox::Clone;

use super::kill::{Moment, kill_at};
use crate::{
    registry::server::{Fault, On, Personality, TestRegistry, What},
    support::{
        World,
        signer::{SIGNER, proves},
    },
};

const NAME: &str = "read/api";
/// How long the reader rests between two looks at all tags.
const PAUSE: Duration = Duration::from_millis(2);

/// What the reader saw.
#[derive(Debug, Default)]
struct Seen {
    /// Reads of one tag.
    reads: usize,
    digests: BTreeSet<Digest>,
    /// A tag and its digest, which nothing proved when it was seen.
    unproven: BTreeSet<(String, Digest)>,
}

/// What became of the releases.
#[derive(Debug, Default)]
struct Tally {
    releases: usize,
    killed: usize,
    resumed: usize,
    put_back: usize,
    gated: usize,
    refused: usize,
    published: usize,
}

/// Reads all tags until `done`; `looks` counts.
fn read(registry: &TestRegistry, done: &AtomicBool, looks: &AtomicUsize) -> Seen {
    let mut seen = Seen::default();
    while !done.load(Ordering::SeqCst) {
        let tags = registry.tags(NAME);
        let mut state = registry.state();
        for (name, digest) in tags {
            let is_list = name
                .parse::<Tag>()
                .is_ok_and(|tag| referrer::is_about_digest(&tag));
            if is_list {
                continue;
            }
            seen.reads += 1;
            let contents = state.store.contents(NAME).unwrap();
            let mut all = contents.manifests.values();
            if !all.any(|signature| proves(signature, &digest)) {
                seen.unproven.insert((name, digest.clone()));
            }
            seen.digests.insert(digest);
        }
        drop(state);
        looks.fetch_add(1, Ordering::SeqCst);
        thread::sleep(PAUSE);
    }
    seen
}

/// Reads while `work` runs, which can ask how often all tags were read.
fn while_read<T>(registry: &TestRegistry, work: impl FnOnce(&AtomicUsize) -> T) -> (Seen, T) {
    let (done, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(registry, &done, &looks));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&looks)));
        done.store(true, Ordering::SeqCst);
        let seen = reader.join().unwrap();
        match result {
            Ok(result) => (seen, result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        // The signer sends no configuration.
        checks_blobs: false,
        ..Personality::default()
    })
}

/// A project that is signed, with a gate that a file outside it closes.
fn project<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let gate = closed(world).display().to_string();
    let more = format!(
        "[hooks]\nafter-stage = [{{ run = [\"test\", \"!\", \"-e\", \"{gate}\"] }}]\n\
         [sign]\nrun = [\"bash\", \"sign.sh\", \"{{image}}\"]\n"
    );
    clone.write("release.toml", format!("{policy}\n{more}"));
    clone.write("sign.sh", format!("set -e\n{SIGNER}"));
    clone.commit("chore: signatures");
    clone.push();
    clone
}

fn closed(world: &World<'_>) -> std::path::PathBuf {
    world.remote.home().join("closed")
}

/// So many releases while somebody reads: of ten, one is stopped by the gate, one is refused by the registry
/// and put back, and one is killed and ended from another clone.
fn releases(count: usize) -> (Seen, Tally) {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let start = Instant::now();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let whole = start.elapsed();
    while_read(&registry, |_| {
        let mut tally = Tally::default();
        for round in 0..count {
            world.change(&clone, &format!("feat: number {round}"));
            tally.releases += 1;
            match round % 10 {
                2 => {
                    fs::write(closed(&world), "").unwrap();
                    world.run(&clone, &["release", "--yes"]).expect(4);
                    fs::remove_file(closed(&world)).unwrap();
                    tally.gated += 1;
                }
                5 => {
                    let latest = On::put_tag().with("/latest");
                    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
                    world.run(&clone, &["release", "--yes"]).expect(7);
                    registry.heal();
                    tally.refused += 1;
                }
                8 => one_death(&world, round, whole, &mut tally),
                _ => {
                    world.hoist(&clone, &["release", "--yes"]);
                    tally.published += 1;
                }
            }
        }
        tally
    })
}

/// A release that is killed at any moment, and what another clone makes of it.
fn one_death(world: &World<'_>, round: usize, whole: Duration, tally: &mut Tally) {
    let dying = world.remote.clone(&format!("dying-{round}"), &[]);
    let moment = match round % 20 {
        8 => Moment::Tags(fastrand::u32(1..=5)),
        _ => Moment::After(whole.mul_f64(fastrand::f64())),
    };
    let release = world.command(&dying, &["release", "--yes", "--json"]);
    kill_at(release, moment);
    tally.killed += 1;
    if world.remote.refs().contains("refs/hoist") {
        let other = world.remote.clone(&format!("elsewhere-{round}"), &[]);
        let (verb, count) = match fastrand::bool() {
            true => ("resume", &mut tally.resumed),
            false => ("rollback", &mut tally.put_back),
        };
        world.hoist(&other, &[verb, "--take-over", "--yes"]);
        *count += 1;
        fs::remove_dir_all(other.path()).unwrap();
    }
    world.assert_unlocked();
    fs::remove_dir_all(dying.path()).unwrap();
}

#[test]
fn nobody_ever_sees_a_tag_before_its_signature() {
    let (seen, tally) = releases(10);
    assert!(seen.unproven.is_empty(), "{:?}", seen.unproven);
    assert!(seen.digests.len() >= tally.published, "{seen:?}");
    assert!(seen.reads > 100, "{} reads", seen.reads);
}

/// By hand: `cargo test --test it a_hundred_releases_are_read -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; ten releases are read each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn a_hundred_releases_are_read() {
    let (seen, tally) = releases(100);
    eprintln!(
        "{tally:?}\n{} reads of tags, {} digests seen under a tag, {} without a signature",
        seen.reads,
        seen.digests.len(),
        seen.unproven.len()
    );
    assert!(seen.unproven.is_empty(), "{:?}", seen.unproven);
    assert_eq!(tally.killed + tally.gated + tally.refused, 30, "{tally:?}");
}

/// The same reader sees it where an image is pushed under its tag first and signed afterwards.
#[test]
fn the_reader_sees_what_is_signed_after_its_tag_has_moved() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    let first = contents.manifests[&contents.tags["1.0.0"]].clone();
    drop(state);
    let text = String::from_utf8(first.bytes.to_vec()).unwrap();
    let next = hoist::oci::Manifest::new(first.media_type.clone(), format!("{text}\n"));
    let (seen, ()) = while_read(&registry, |looks| {
        registry.foreign_push(NAME, "1.0.1", &next);
        let before = looks.load(Ordering::SeqCst);
        while looks.load(Ordering::SeqCst) < before + 2 {
            thread::yield_now();
        }
        let image = registry.repository(NAME).digest(next.digest());
        let mut sign: Command = clone.command("bash");
        assert!(sign.args(["sign.sh", &image]).status().unwrap().success());
    });
    let expected = ("1.0.1".to_owned(), next.digest().clone());
    assert_eq!(seen.unproven, BTreeSet::from([expected]));
}
