//! Releases while everything goes wrong at random: connections to the registry are delayed, refused and
//! cut, the git remote refuses pushes or carries them out and dies before it says so, and the release is
//! interrupted or killed. When the world is calm again, another clone finishes or undoes what is left.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use testkit::sandbox::Registry;

use crate::{
    real::stopped::{check, is_locked},
    support::{self, Run, SET, Shelf, World},
};

/// What happened, and how often.
type Tally = BTreeMap<String, usize>;

/// A real registry behind a connection that is bad while `is_bad`.
struct BadConnection {
    port: u16,
    registry: &'static Registry,
    is_bad: Arc<AtomicBool>,
    progress: Arc<Progress>,
}

/// What went over the connection, so that a signal comes at a place and not at a time.
#[derive(Default)]
struct Progress {
    state: Mutex<Passed>,
    changed: Condvar,
}

#[derive(Default)]
struct Passed {
    /// Pieces that were copied since the start.
    pieces: usize,
    has_ended: bool,
}

impl Progress {
    fn change(&self, change: impl FnOnce(&mut Passed)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn pieces(&self) -> usize {
        self.state.lock().unwrap().pieces
    }

    /// Waits until so many pieces were copied or the program has ended.
    fn wait(&self, pieces: usize) {
        let is_on_the_way = |passed: &mut Passed| passed.pieces < pieces && !passed.has_ended;
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, is_on_the_way).unwrap());
    }
}

impl Shelf for BadConnection {
    fn repository(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }

    fn tags(&self, name: &str) -> Vec<(String, String)> {
        Shelf::tags(self.registry, name)
    }
}

impl BadConnection {
    fn start(registry: &'static Registry) -> Self {
        let repository = registry.repository("any");
        let target: SocketAddr = repository.trim_end_matches("/any").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_bad = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Progress::default());
        let (state, passed) = (Arc::clone(&is_bad), Arc::clone(&progress));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if one_in(20, &state) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(target) else {
                    return;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                for (from, to) in [(from, to), (server, client)] {
                    let (state, passed) = (Arc::clone(&state), Arc::clone(&passed));
                    thread::spawn(move || copy(from, to, &state, &passed));
                }
            }
        });
        Self {
            port,
            registry,
            is_bad,
            progress,
        }
    }
}

fn one_in(count: u8, is_bad: &AtomicBool) -> bool {
    is_bad.load(Ordering::Relaxed) && fastrand::u8(0..count) == 0
}

/// Copies until one side ends or the connection is cut.
fn copy(mut from: TcpStream, mut to: TcpStream, is_bad: &AtomicBool, progress: &Progress) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        progress.change(|passed| passed.pieces += 1);
        if one_in(6, is_bad) {
            thread::sleep(Duration::from_millis(fastrand::u64(0..300)));
        }
        if one_in(30, is_bad) {
            let part = fastrand::usize(0..count);
            let _ = to.write_all(&buffer[..part]);
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// The git remote refuses one push in five, and of another fifth it tells nothing, though it was done.
const REFUSES: &str = "#!/bin/sh\n[ $(($(od -An -N1 -tu1 /dev/urandom) % 5)) -ne 0 ]\n";
const DIES: &str =
    "#!/bin/sh\n[ $(($(od -An -N1 -tu1 /dev/urandom) % 5)) -ne 0 ] || kill -9 $PPID\n";

#[test]
fn whatever_goes_wrong_the_set_is_all_new_or_all_old() {
    if let Some(tally) = rounds(8) {
        assert_eq!(bad(&tally), Vec::<&String>::new(), "{tally:?}");
    }
}

/// By hand: `cargo test --test it two_hundred_bad_releases -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; eight rounds run each time"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn two_hundred_bad_releases() {
    let tally = rounds(200).unwrap();
    for (what, count) in &tally {
        eprintln!("{count:5} × {what}");
    }
    assert_eq!(bad(&tally), Vec::<&String>::new());
    let had = |what: &str| tally.get(what).copied().unwrap_or_default();
    assert!(had(LEFT) > 10 && had(NEW) > 20 && had(OLD) > 20);
}

const LEFT: &str = "left to another clone";
const UNTAGGED: &str = "complete but for the git tag, and told so";
const NEW: &str = "all new in the end";
const OLD: &str = "all old in the end";

fn bad(tally: &Tally) -> Vec<&String> {
    let all = tally.keys();
    all.filter(|what| what.starts_with("BAD")).collect()
}

/// `None`: real parts are left out.
fn rounds(count: usize) -> Option<Tally> {
    let mut tally = Tally::new();
    let shelf = BadConnection::start(support::registry()?);
    let names = [format!("chaos-{count}/api"), format!("chaos-{count}/copy")];
    let world = World::new(&shelf, &names.each_ref().map(|name| &**name));
    let first = world.project("first");
    let policy = fs::read_to_string(first.path().join("release.toml")).unwrap();
    let publish = "\n[publish]\nverify-timeout = \"1s\"\ndeadline = \"15s\"\n";
    first.write("release.toml", policy + publish);
    first.commit("chore: a registry that does not lag");
    first.push();
    world.hoist(&first, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&first, "feat: the measure");
    let start = shelf.progress.pieces();
    world.hoist(&first, &["release", "--yes"]);
    let whole = shelf.progress.pieces() - start;
    for round in 0..count {
        one_round(&shelf, &world, round, whole, &mut tally);
    }
    Some(tally)
}

fn one_round(
    shelf: &BadConnection,
    world: &World<'_>,
    round: usize,
    whole: usize,
    tally: &mut Tally,
) {
    let clone = world.remote.clone(&format!("a-{round}"), &[]);
    world.change(&clone, &format!("feat: number {round}"));
    let before = world.tags();
    let git_tags = world.remote.git(&["tag"]);
    let hooks = world.remote.path().join("hooks");
    let is_bad_remote = fastrand::bool();
    if is_bad_remote {
        hook(&hooks, "pre-receive", REFUSES);
        hook(&hooks, "post-receive", DIES);
    }
    shelf.is_bad.store(true, Ordering::Relaxed);
    let mut command = world.command(&clone, &["release", "--yes", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.process_group(0).spawn().unwrap();
    let signal = [None, None, Some("INT"), Some("TERM"), Some("KILL")][fastrand::usize(0..5)];
    let run = end(
        child,
        signal,
        &shelf.progress,
        fastrand::usize(0..whole * 3 / 2),
    );
    shelf.is_bad.store(false, Ordering::Relaxed);
    for name in ["pre-receive", "post-receive"] {
        let _ = fs::remove_file(hooks.join(name));
    }
    let name = round.to_string();
    let signal = signal.unwrap_or("no signal");
    check(&world.tags(), &run, signal, &name, tally);

    let context = || format!("round {round}, {signal}, bad remote {is_bad_remote}: {run}");
    let other = world.remote.clone(&format!("b-{round}"), &[]);
    if is_locked(world) {
        *tally.entry(LEFT.to_owned()).or_default() += 1;
        let verb = ["resume", "rollback"][usize::from(fastrand::bool())];
        let end = world.run(&other, &[verb, "--take-over", "--yes", "--json"]);
        check(&world.tags(), &end, verb, &name, tally);
        assert_eq!(end.code, Some(0), "{verb}: {end} {}", context());
    }
    world.assert_unlocked();
    let moved = world.changed(&before).len();
    assert!(moved == 0 || moved == SET, "{moved} moved, {}", context());
    let is_tagged = || world.remote.git(&["tag"]) != git_tags;
    if moved == SET && !is_tagged() {
        // The git remote refused the tag for good: that is told, and the next run pushes it.
        assert_eq!(run.code, Some(8), "{}", context());
        *tally.entry(UNTAGGED.to_owned()).or_default() += 1;
        world.hoist(&other, &["release", "--yes"]);
    }
    let released = is_tagged();
    let end = if released { NEW } else { OLD };
    *tally.entry(end.to_owned()).or_default() += 1;
    if released {
        world.assert_all_new(&before, &context());
    } else {
        assert_eq!(world.tags(), before, "{}", context());
    }
    for clone in [clone, other] {
        fs::remove_dir_all(clone.path()).unwrap();
    }
}

/// Waits for the end, after a signal to the process and all that it started. It comes when so many `pieces` went
/// over the connection.
fn end(child: Child, signal: Option<&str>, progress: &Progress, pieces: usize) -> Run {
    let group = child.id();
    let start = progress.pieces();
    progress.change(|passed| passed.has_ended = false);
    thread::scope(|scope| {
        let output = scope.spawn(|| {
            let output = child.wait_with_output();
            progress.change(|passed| passed.has_ended = true);
            output
        });
        if let Some(signal) = signal {
            progress.wait(start + pieces);
            let kill = format!("kill -{signal} -{group}");
            let _ = Command::new("sh")
                .args(["-c", &kill])
                .stderr(Stdio::null())
                .status();
        }
        Run::from(output.join().unwrap().unwrap())
    })
}

fn hook(folder: &std::path::Path, name: &str, script: &str) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}
