//! Releases that are stopped at random instants (Ctrl-Z, a laptop that sleeps) and go on after others have
//! taken their lock over and released the next version, over a connection that delays and with a registry
//! whose answers get lost. The lease is shortened; see `HOIST_TEST_LEASE` in `src/io/lease.rs`.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::{Run, Shelf, World},
};

/// Permit and request time-out in milliseconds.
const LEASE: &str = "1000,1500";
/// The longest that the connection keeps bytes back: less than a request may take.
const DELAY: u64 = 1_200;
/// A write so soon after the process goes on was permitted before the stop: the window between the look at
/// the permit and the write, which docs/transaction.md names.
const WINDOW: Duration = Duration::from_millis(250);
/// Shortens the lease, in a binary for tests.
pub const VARIABLE: &str = "HOIST_TEST_LEASE";
const NAME: &str = "acme/api";

const COMPARED: &str = "tags of a list compared with the registry";

type Tally = BTreeMap<String, usize>;

/// The registry behind a connection that delays.
struct Proxied {
    port: u16,
    registry: Arc<TestRegistry>,
    /// When bytes that put a tag came in from a client, and which tag.
    puts: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Shelf for Proxied {
    fn repository(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }

    fn tags(&self, name: &str) -> Vec<(String, String)> {
        Shelf::tags(&*self.registry, name)
    }
}

impl Proxied {
    fn start() -> Self {
        let registry = Arc::new(TestRegistry::start(Personality {
            delete: Delete::Tag,
            ..Personality::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, puts) = (registry.address(), Arc::<Mutex<Vec<_>>>::default());
        let seen = Arc::clone(&puts);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(target) else {
                    return;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let seen = Arc::clone(&seen);
                thread::spawn(move || copy(from, to, Some(&seen)));
                thread::spawn(move || copy(server, client, None));
            }
        });
        Self {
            port,
            registry,
            puts,
        }
    }
}

/// Copies until one side ends. What a client sends is kept back for a while, now and then.
fn copy(mut from: TcpStream, mut to: TcpStream, puts: Option<&Mutex<Vec<(Instant, String)>>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(puts) = puts {
            let text = String::from_utf8_lossy(&buffer[..count]);
            for line in text.lines().filter(|line| line.starts_with("PUT /v2/")) {
                let tag = line.split("/manifests/").nth(1);
                let tag = tag.and_then(|rest| rest.split(' ').next());
                if let Some(tag) = tag.filter(|tag| !tag.starts_with("sha256:")) {
                    puts.lock().unwrap().push((Instant::now(), tag.to_owned()));
                }
            }
            if fastrand::u8(0..6) == 0 {
                thread::sleep(Duration::from_millis(fastrand::u64(0..DELAY)));
            }
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// By hand: `cargo test --test it campaign_of_stopped_holders -- --ignored --nocapture`, with
/// `HOIST_ROUNDS=500` for more than a hundred rounds and `HOIST_LANES=8` for more of them at once, and
/// `HOIST_WHOLE_LEASE=1` for the lease as users have it.
#[test]
#[ignore = "minutes"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn campaign_of_stopped_holders() {
    let number = |name: &str, or: usize| {
        let set = std::env::var(name).ok();
        set.and_then(|text| text.parse().ok()).unwrap_or(or)
    };
    let (rounds, lanes) = (number("HOIST_ROUNDS", 100), number("HOIST_LANES", 4));
    let done: Vec<Tally> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| scope.spawn(move || run_lane(lane, rounds.div_ceil(lanes))))
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let mut tally = Tally::new();
    for (what, count) in done.into_iter().flatten() {
        *tally.entry(what).or_default() += count;
    }
    for (what, count) in &tally {
        eprintln!("{count:5} × {what}");
    }
    assert!(!tally.keys().any(|what| what.starts_with("BAD")));
    assert!(tally.contains_key(COMPARED));
    let stopped = tally.get("stopped while it ran");
    assert!(stopped.is_some_and(|count| count * 2 > rounds));
}

fn run_lane(lane: usize, rounds: usize) -> Tally {
    let mut tally = Tally::new();
    let shelf = Proxied::start();
    let world = World::new(&shelf, &[NAME]);
    let first = world.project("first");
    let policy = std::fs::read_to_string(first.path().join("release.toml")).unwrap();
    let publish = "\n[publish]\nverify-timeout = \"1s\"\ndeadline = \"20s\"\n";
    first.write("release.toml", policy + publish);
    first.commit("chore: a registry that does not lag");
    first.push();
    let begun = Instant::now();
    world.hoist(&first, &["release", "--version", "1.0.0", "--yes"]);
    let mut whole = begun.elapsed();
    for round in 0..rounds {
        one_round(
            &shelf,
            &world,
            &format!("{lane}-{round}"),
            &mut whole,
            &mut tally,
        );
    }
    tally
}

fn count(tally: &mut Tally, what: impl Into<String>) {
    *tally.entry(what.into()).or_default() += 1;
}

pub(super) fn is_locked(world: &World<'_>) -> bool {
    world.remote.refs().contains("refs/hoist")
}

/// What must not happen.
fn bad(tally: &mut Tally, round: &str, what: &str) {
    count(tally, format!("BAD: round {round}: {what}"));
}

fn signal(name: &str, pid: u32) {
    let kill = format!("kill -{name} -{pid}");
    let _ = Command::new("sh")
        .args(["-c", &kill])
        .stderr(Stdio::null())
        .status();
}

/// The registry loses answers, or asks to come again.
fn unsettle(registry: &TestRegistry) {
    for _ in 0..fastrand::usize(0..4) {
        let what = match fastrand::u8(0..4) {
            0 => What::Status(503, "UNAVAILABLE"),
            1 => What::DoneBut(502),
            2 => What::AnswerLost,
            _ => What::Dropped,
        };
        registry.fault(Fault::nth(fastrand::usize(1..8), On::put_tag(), what));
    }
}

fn one_round(
    shelf: &Proxied,
    world: &World<'_>,
    round: &str,
    whole: &mut Duration,
    tally: &mut Tally,
) {
    let clones: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| world.remote.clone(&format!("{name}-{round}"), &[]))
        .collect();
    let command = |clone: usize, args: &[&str]| {
        let mut command = world.command(&clones[clone], args);
        if std::env::var_os("HOIST_WHOLE_LEASE").is_none() {
            command.env(VARIABLE, LEASE);
        }
        command
    };
    clones[0].git(&["pull", "--quiet"]);
    world.change(&clones[0], &format!("feat: {round}"));
    unsettle(&shelf.registry);
    let mut stopping = command(0, &["release", "--yes", "--json"]);
    stopping.stdout(Stdio::piped()).stderr(Stdio::piped());
    std::os::unix::process::CommandExt::process_group(&mut stopping, 0);
    let begun = Instant::now();
    let mut child = stopping.spawn().unwrap();
    // Most of the time while it has the lock.
    if fastrand::u8(0..5) == 0 {
        thread::sleep(whole.mul_f64(0.15 + 0.95 * fastrand::f64()));
    } else {
        while child.try_wait().unwrap().is_none() && !is_locked(world) {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(fastrand::u64(0..2_500)));
    }
    let ended = child.try_wait().unwrap().is_some();
    signal("STOP", child.id());
    shelf.registry.heal();
    count(
        tally,
        if ended {
            "ended before"
        } else {
            "stopped while it ran"
        },
    );
    let locked = is_locked(world);

    // Others work meanwhile. Now and then the process goes on while they do.
    let verb = ["resume", "rollback"][usize::from(fastrand::bool())];
    let early = !ended && fastrand::u8(0..4) == 0;
    let wake = early.then(|| Duration::from_millis(fastrand::u64(0..6_000)));
    let pid = child.id();
    let waker = wake.map(|after| {
        thread::spawn(move || {
            thread::sleep(after);
            signal("CONT", pid);
        })
    });
    let at_take = world.tags();
    let taken = Run::of(&mut command(1, &[verb, "--take-over", "--yes", "--json"]));
    // Read behind the take-over: `git` may bring the push to its end until then.
    let tagged = world.remote.git(&["tag"]);
    if !early {
        check(&world.tags(), &taken, verb, round, tally);
    } else {
        let end = format!("{verb} beside one that went on: exit {:?}", taken.code);
        count(tally, end);
    }
    clones[2].git(&["pull", "--quiet"]);
    world.change(&clones[2], &format!("fix: after {round}"));
    let next = Run::of(&mut command(2, &["release", "--yes", "--json"]));
    if !early {
        check(&world.tags(), &next, "the next release", round, tally);
    }
    let between = world.tags();
    let resumed = Instant::now();
    if let Some(waker) = waker {
        waker.join().unwrap();
    } else {
        signal("CONT", child.id());
    }
    let last = Run::from(child.wait_with_output().unwrap());
    if ended && last.code == Some(0) {
        *whole = (*whole + begun.elapsed().min(Duration::from_secs(20))) / 2;
    }
    let now = world.tags();
    let owners = ["stopped without a lock", "the stopped holder"];
    let owner = owners[usize::from(locked)];
    if !ended && !early {
        // Its last push was accepted, for `git` goes on while the process is stopped: the others found
        // nothing to take over, and it tells the last look under its lock.
        let version = format!(
            "v{}",
            outcome(&last)["version"].as_str().unwrap_or_default()
        );
        let is_tagged = last.code == Some(7) || tagged.lines().any(|tag| tag == version);
        let has_ended = matches!(last.code, Some(0 | 7));
        let was_over = kind(&taken) == "nothing" && has_ended && is_tagged;
        if was_over {
            count(
                tally,
                "window: its last push was accepted while it was stopped",
            );
        }
        check(
            if was_over { &at_take } else { &now },
            &last,
            owner,
            round,
            tally,
        );
        if !was_over && has_ended && locked {
            bad(tally, round, "it was taken over, and ends with exit 0 or 7");
        }
        // It had a lock, which was taken from it: it writes nothing any more.
        if locked && next.code == Some(0) && now != between {
            let puts = shelf.puts.lock().unwrap().clone();
            let late = puts.iter().filter(|(at, _)| *at >= resumed);
            let beyond: Vec<_> = late.filter(|(at, _)| *at > resumed + WINDOW).collect();
            if beyond.is_empty() {
                count(
                    tally,
                    "window: between the look at the permit and the write",
                );
            } else {
                bad(
                    tally,
                    round,
                    &format!("written after its successor's end: {beyond:?}"),
                );
            }
        }
    } else {
        count(tally, format!("other runs end with exit {:?}", last.code));
    }
    settle(world, &command, round, tally);
    for clone in &clones {
        let _ = std::fs::remove_dir_all(clone.path());
    }
}

fn outcome(run: &Run) -> Value {
    let last = run.stdout.lines().last();
    let document = last.and_then(|line| serde_json::from_str(line).ok());
    document.unwrap_or_default()
}

fn kind(run: &Run) -> String {
    let outcome = outcome(run);
    outcome["outcome"].as_str().unwrap_or("nothing").to_owned()
}

/// What a run tells is what is there.
pub(super) fn check(there: &[String], run: &Run, who: &str, round: &str, tally: &mut Tally) {
    let outcome = outcome(run);
    let why = outcome["error"]["message"].as_str().unwrap_or_default();
    let why = if run.code == Some(8) { why } else { "" };
    let kind = kind(run);
    count(tally, format!("{who}: exit {:?}, {kind} {why}", run.code));
    let there: Vec<(&str, &str)> = there
        .iter()
        .filter_map(|line| line.split_once(' '))
        .collect();
    for tag in outcome["tags"].as_array().into_iter().flatten() {
        let name = format!(
            "{}:{}",
            tag["repository"].as_str().unwrap_or_default(),
            tag["tag"].as_str().unwrap_or_default()
        );
        let told = match tag["now"]["shows"].as_str().unwrap() {
            "unknown" => continue,
            "absent" => None,
            _ => Some(tag["now"]["digest"].as_str().unwrap().to_owned()),
        };
        count(tally, COMPARED);
        let real = there.iter().find(|(known, _)| name.ends_with(known));
        let real = real.map(|(_, digest)| (*digest).to_owned());
        if real != told {
            bad(
                tally,
                round,
                &format!("{who} tells {name} = {told:?}, it is {real:?}"),
            );
        }
    }
}

/// Whatever is left is ended, so that the next round begins with nothing.
fn settle(
    world: &World<'_>,
    command: &impl Fn(usize, &[&str]) -> Command,
    round: &str,
    tally: &mut Tally,
) {
    for verb in ["resume", "rollback"] {
        if !is_locked(world) {
            return;
        }
        let run = Run::of(&mut command(1, &[verb, "--take-over", "--yes", "--json"]));
        count(tally, format!("left over, {verb}: exit {:?}", run.code));
    }
    if is_locked(world) {
        bad(tally, round, "a lock is left");
    }
}
