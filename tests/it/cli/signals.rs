//! SIGINT and SIGTERM while the binary hangs in each of its steps: it ends within the grace period in
//! a state that has a name, and what it leaves is finished or undone by the next command.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use testkit::sandbox::Clone as GitClone;

use crate::{
    publish::git::script,
    registry::server::{Delete, Fault, Held, On, Personality, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";
/// Far more than the grace period of these releases (two seconds) and the start of a process, and less
/// than any time-out of a request.
const SOON: Duration = Duration::from_secs(9);

/// 1.0.0 is out and a feature is pushed, on a registry that deletes tags.
struct Place {
    registry: TestRegistry,
}

/// What is to hang, and what a person does afterwards.
struct Case {
    /// Makes a step hang and returns how to wait until it does.
    hang: fn(&Place, &World<'_>, &GitClone<'_>) -> Hanging,
    /// The command that ends what is left.
    then: &'static str,
    /// Whether the release is complete after that.
    complete: bool,
}

enum Hanging {
    Request(Held),
    File(PathBuf),
    /// A named pipe that is read from.
    Pipe(PathBuf),
}

impl Hanging {
    /// Waits until it hangs. It goes on hanging for as long as the result is kept.
    fn wait(&self) -> Option<fs::File> {
        match self {
            Self::Request(held) => assert!(held.wait(Duration::from_secs(60)), "it never came"),
            Self::File(path) => {
                let end = Instant::now() + Duration::from_secs(60);
                while !path.exists() {
                    assert!(Instant::now() < end, "it never came");
                    std::thread::yield_now();
                }
            }
            // Opening one end waits for the other one.
            Self::Pipe(path) => return Some(fs::File::create(path).unwrap()),
        }
        None
    }
}

impl Place {
    fn new() -> Self {
        Self {
            registry: TestRegistry::start(Personality {
                delete: Delete::Tag,
                ..Personality::default()
            }),
        }
    }

    fn hold(&self, on: On) -> Hanging {
        let held = Held::default();
        self.registry
            .fault(Fault::always(on, What::Hold(held.clone())));
        Hanging::Request(held)
    }

    /// Holds `on` from the moment when a request `after` was done.
    fn hold_after(&self, after: On, on: On) -> Hanging {
        let held = Held::default();
        let fault = held.clone();
        let then = move |state: &mut crate::registry::server::State| {
            state.fault(Fault::always(on.clone(), What::Hold(fault.clone())));
        };
        self.registry
            .fault(Fault::once(after, What::After(Arc::new(then))));
        Hanging::Request(held)
    }
}

fn put(tag: &str) -> On {
    On::put_manifest().with(format!("/manifests/{tag}"))
}

fn looks() -> On {
    On::method("HEAD").with("/manifests/")
}

/// Looks at tags that the run has put.
fn reads() -> On {
    On::method("GET").with("/manifests/")
}

/// The server hangs while it is asked to create a ref below `prefix`, for as long as `held` is there.
fn hang_push(world: &World<'_>, prefix: &str) -> Hanging {
    let held = world.remote.path().join("held");
    let hook = format!(
        "#!/bin/sh\nwhile read old new ref; do case $ref in {prefix}*) case $new in *[!0]*) \
         : >\"{held}\"; while [ -e \"{held}\" ]; do sleep 0.1; done; exit 1;; esac;; esac; done\n",
        held = held.display()
    );
    script(&world.remote.path().join("hooks/pre-receive"), &hook);
    Hanging::File(held)
}

fn project<'w>(world: &'w World<'_>) -> GitClone<'w> {
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let publish = "\n[publish]\ngrace = \"2s\"\nverify-timeout = \"5s\"\n";
    clone.write("release.toml", policy + publish);
    world.change(&clone, "chore: not long");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    clone
}

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let kill = format!("kill -s {signal} {id}");
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.unwrap().success());
}

/// Runs the binary until it hangs, sends these signals, and returns what it said.
fn interrupt(mut command: Command, hanging: &Hanging, signals: &[&str]) -> Run {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _hangs = hanging.wait();
    let sent = Instant::now();
    for signal in signals {
        send(&child, signal);
    }
    let run = Run::from(child.wait_with_output().unwrap());
    assert!(sent.elapsed() < SOON, "after {:?}: {run}", sent.elapsed());
    run
}

impl Case {
    fn run(&self) {
        for signal in ["INT", "TERM"] {
            let place = Place::new();
            let world = World::new(&place.registry, &[NAME]);
            let clone = project(&world);
            let hanging = (self.hang)(&place, &world, &clone);
            let before = world.tags();
            let main = world.remote.git(&["rev-parse", "main"]);
            let command = world.command(&clone, &["release", "--yes", "--json"]);
            let run = interrupt(command, &hanging, &[signal]);
            run.expect(130);
            let outcome = run.outcome();
            assert_eq!(outcome["exit"], 130, "{run}");
            let state = outcome["error"]["state"].as_str();
            assert!(state.is_some_and(|state| !state.is_empty()), "{run}");

            place.registry.heal();
            let _ = fs::remove_file(world.remote.path().join("held"));
            let _ = fs::remove_file(world.remote.path().join("hooks/pre-receive"));
            if self.then.is_empty() {
                world.hoist(&clone, &["status"]);
            } else {
                world.hoist(&clone, &[self.then]);
            }
            if self.complete {
                assert_eq!(world.shows("latest"), world.shows("1.1.0"), "{run}");
                assert!(world.remote.refs().contains("v1.1.0"), "{run}");
            } else {
                assert_eq!(world.tags(), before, "{run}");
                assert_eq!(world.remote.git(&["rev-parse", "main"]), main, "{run}");
                assert!(!world.remote.refs().contains("v1.1.0"), "{run}");
            }
            world.assert_unlocked();
        }
    }
}

/// Nothing is left, and nothing is to be done.
fn stops_clean(hang: fn(&Place, &World<'_>, &GitClone<'_>) -> Hanging) {
    let (then, complete) = ("", false);
    Case {
        hang,
        then,
        complete,
    }
    .run();
}

/// It is rolled back, at once or by the next command: the tag that hangs may have to be put back, too.
fn goes_back(hang: fn(&Place, &World<'_>, &GitClone<'_>) -> Hanging) {
    let (then, complete) = ("rollback", false);
    Case {
        hang,
        then,
        complete,
    }
    .run();
}

#[test]
fn a_signal_while_the_plan_reads_a_registry() {
    stops_clean(|place, _, _| place.hold(On::method("GET").with("/tags/list")));
}

#[test]
fn a_signal_while_preflight_asks_for_the_right_to_push() {
    stops_clean(|place, _, _| place.hold(On::method("POST").with("/blobs/uploads/")));
}

#[test]
fn a_signal_while_the_image_is_made() {
    stops_clean(|_, world, clone| {
        let begun = clone.path().with_file_name("begun");
        let wait = format!("#!/bin/sh\n: >'{}'\nexec sleep 600\n", begun.display());
        clone.write("image.sh", wait);
        clone.commit("fix: slowly");
        clone.push();
        let _ = world;
        Hanging::File(begun)
    });
}

#[test]
fn a_signal_while_the_content_is_sent() {
    stops_clean(|place, _, _| place.hold(On::method("PUT").with("/blobs/uploads/")));
}

#[test]
fn a_signal_while_the_lock_is_pushed() {
    stops_clean(|_, world, _| hang_push(world, "refs/hoist/"));
}

#[test]
fn a_signal_while_the_release_commit_is_pushed_with_the_lock() {
    stops_clean(|_, world, clone| {
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let files = "\n[version]\nfiles = [{ path = \"VERSION\" }]\n";
        clone.write("release.toml", policy + files);
        clone.write("VERSION", "1.0.0\n");
        clone.commit("fix: say it");
        clone.push();
        hang_push(world, "refs/heads/")
    });
}

#[test]
fn a_signal_while_the_tags_are_looked_at_once_more() {
    stops_clean(|place, _, _| place.hold_after(put("sha256:"), looks()));
}

#[test]
fn a_signal_while_the_version_tag_moves() {
    goes_back(|place, _, _| place.hold(put("1.1.0")));
}

#[test]
fn a_signal_while_a_fixed_tag_moves() {
    goes_back(|place, _, _| place.hold(put("sha-")));
}

#[test]
fn a_signal_while_a_moving_tag_moves() {
    goes_back(|place, _, _| place.hold(put("latest")));
}

#[test]
fn a_signal_while_the_tags_are_verified() {
    Case {
        hang: |place, _, _| place.hold_after(put("latest"), reads()),
        then: "resume",
        complete: true,
    }
    .run();
}

#[test]
fn a_signal_while_the_git_tag_is_pushed() {
    Case {
        hang: |_, world, _| hang_push(world, "refs/tags/"),
        then: "resume",
        complete: true,
    }
    .run();
}

#[test]
fn a_signal_while_tags_are_put_back() {
    goes_back(|place, _, _| {
        let refused = What::Status(403, "DENIED");
        place.registry.fault(Fault::always(put("latest"), refused));
        place.hold(On::method("DELETE").with("/manifests/"))
    });
}

/// The second signal leaves everything to the journal, at once.
#[test]
fn a_second_signal_does_not_wait() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy.replace("\"2s\"", "\"300s\""));
    world.change(&clone, "fix: patience");
    let hanging = place.hold(put("latest"));
    let command = world.command(&clone, &["release", "--yes"]);
    let run = interrupt(command, &hanging, &["INT", "TERM"]);
    run.expect(130);
    run.says("state: what had begun is not brought to an end");
    run.says("`hoist status`");
    assert!(world.shows("1.1.0").is_some(), "it moved: {run}");
    place.registry.heal();
    world.run(&clone, &["status"]).expect(5);
    world.hoist(&clone, &["resume"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    world.assert_unlocked();
}

/// A recovery is interrupted like a release, and taken up again.
#[test]
fn a_signal_while_a_release_is_taken_up_again() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    crate::cli::refusal::die_between_two_tags(&world, &place.registry, &clone);
    let hanging = place.hold(looks());
    let run = interrupt(world.command(&clone, &["resume"]), &hanging, &["TERM"]);
    run.expect(130);
    place.registry.heal();
    world.hoist(&clone, &["resume"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    world.assert_unlocked();
}

/// A verb that only looks ends in the same way, whichever signal comes.
#[test]
fn a_signal_while_a_verb_looks_at_a_registry() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    world.change(&clone, "fix: less");
    for (arguments, method) in [
        (&["plan"][..], "GET"),
        (&["plan", "--all"], "GET"),
        (&["tags"], "GET"),
        (&["check"], "GET"),
        (&["verify"], "GET"),
        (&["verify", "--all"], "GET"),
        (&["inspect"], "GET"),
        (&["release", "--dry-run", "--json"], "GET"),
        (&["promote", "1.1.0-rc.1", "--dry-run", "--json"], "GET"),
        (&["repair", "--json"], "GET"),
        (&["rollback", "1.0.0", "--yes", "--json"], "GET"),
    ] {
        for signal in ["INT", "TERM"] {
            let before = world.tags();
            let hanging = place.hold(On::method(method));
            let run = interrupt(world.command(&clone, arguments), &hanging, &[signal]);
            place.registry.heal();
            run.expect(130);
            assert!(
                run.stderr.contains("interrupted\nstate: no tag has moved"),
                "{run}"
            );
            if arguments.contains(&"--json") {
                assert_eq!(run.outcome()["exit"], 130, "{run}");
            }
            assert_eq!(world.tags(), before, "{run}");
        }
    }
}

/// The `git` that asks the remote ends with the verb that runs it.
#[test]
fn a_signal_while_a_verb_looks_at_the_remote() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    let begun = clone.path().with_file_name("begun");
    let server = clone.path().with_file_name("upload-pack");
    let text = format!(
        "#!/bin/sh\ntrap '' TERM\necho $$ >'{}'\nsleep 600\n",
        begun.display()
    );
    script(&server, &text);
    clone.git(&[
        "config",
        "remote.origin.uploadpack",
        server.to_str().unwrap(),
    ]);
    for verb in ["status", "plan", "check"] {
        for signal in ["INT", "TERM"] {
            let hanging = Hanging::File(begun.clone());
            let run = interrupt(world.command(&clone, &[verb]), &hanging, &[signal]);
            run.expect(130);
            let pid = fs::read_to_string(&begun).unwrap();
            let process = PathBuf::from("/proc").join(pid.trim());
            let end = Instant::now() + SOON;
            while process.join("exe").read_link().is_ok() {
                assert!(Instant::now() < end, "`git` still runs after {verb}: {run}");
                std::thread::yield_now();
            }
            fs::remove_file(&begun).unwrap();
        }
    }
}

/// Whoever waits is told what for, on stderr, and not where only errors are wanted.
#[test]
fn row_42_a_hung_remote_is_named_while_it_is_waited_for() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    let server = clone.path().with_file_name("upload-pack");
    script(&server, "#!/bin/sh\nsleep 600\n");
    clone.git(&[
        "config",
        "remote.origin.uploadpack",
        server.to_str().unwrap(),
    ]);
    for (args, told) in [
        (&["plan"][..], true),
        (&["check", "--json"], true),
        (&["release", "--yes"], true),
        (&["status", "--quiet"], false),
    ] {
        let mut command = world.command(&clone, args);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_secs(8));
        send(&child, "TERM");
        let run = Run::from(child.wait_with_output().unwrap());
        run.expect(130);
        let words = ", for the git remote `origin` (ls-remote)";
        assert_eq!(run.stderr.contains(words), told, "{run}");
        assert!(!run.stdout.contains(words), "{run}");
    }
}

/// A verb that waits for no network cannot be asked to end, and is ended.
#[test]
fn a_signal_while_a_verb_reads_a_file() {
    let place = Place::new();
    let world = World::new(&place.registry, &[NAME]);
    let clone = project(&world);
    let pipe = clone.path().with_file_name("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let message = pipe.to_str().unwrap();
    for signal in ["INT", "TERM"] {
        let command = world.command(&clone, &["check", "--commit-msg", message]);
        interrupt(command, &Hanging::Pipe(pipe.clone()), &[signal]).expect(130);
    }
}
