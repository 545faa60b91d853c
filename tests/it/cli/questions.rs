//! Verbs that ask: without a terminal they are refused with the line to run, and on one only a yes
//! goes on.

use std::{io::Write as _, process::Stdio, time::Duration};

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// 1.0.0, a candidate for 1.1.0, and a feature behind it.
fn project<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.released();
    world.hoist(&clone, &["release", "--version", "1.1.0-rc.1", "--yes"]);
    clone
}

#[test]
fn without_a_terminal_the_line_to_run_is_named() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let before = world.tags();
    for (args, line) in [
        (&["release"][..], "`hoist release --yes`"),
        (
            &["release", "--bump", "minor"],
            "`hoist release --bump minor --yes`",
        ),
        (
            &["--config", "release.toml", "release", "--all"],
            "`hoist --config release.toml release --all --yes`",
        ),
        (
            &["promote", "1.1.0-rc.1"],
            "`hoist promote 1.1.0-rc.1 --yes`",
        ),
    ] {
        let run = world.run(&clone, args);
        run.expect(2);
        run.says("standard input is not a terminal");
        assert!(run.stderr.contains(line), "{line}: {run}");
    }
    assert_eq!(world.tags(), before);
}

/// Runs the binary on a terminal of its own (`script`, of Debian's bsdutils), which types `keys`.
#[cfg(target_os = "linux")]
pub(super) fn on_terminal(clone: &Clone<'_>, args: &str, keys: &[&str]) -> Run {
    let log = clone.path().with_file_name("typescript");
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_hoist"));
    let mut script = clone.command("script");
    script
        .args(["--quiet", "--return", "--flush", "--command", &line])
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = script.spawn().expect("`script` is on every Debian system");
    let mut stdin = child.stdin.take().unwrap();
    for key in keys {
        std::thread::sleep(Duration::from_millis(1500));
        // Whoever has refused already reads nothing.
        let _ = stdin.write_all(key.as_bytes()).and_then(|()| stdin.flush());
    }
    let run = Run::from(child.wait_with_output().unwrap());
    drop(stdin);
    run
}

#[cfg(target_os = "linux")]
#[test]
fn only_a_yes_goes_on() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world);
    let before = world.tags();
    for (args, keys, words) in [
        (
            "promote 1.1.0-rc.1",
            &["n\n"][..],
            "not promoted: the answer was no",
        ),
        (
            "promote 1.1.0-rc.1",
            &["maybe\n", "n\n"],
            "Please answer y (yes) or n (no)",
        ),
        // No tag goes back, and yet it would be withdrawn.
        ("rollback 1.0.0", &["\n"], "1.0.0 was not taken back"),
        (
            "release --version 1.1.0",
            &["no\n"],
            "not released: the answer was no",
        ),
        ("release --version 1.1.0", &["\u{3}"], "interrupted"),
        ("promote 1.1.0-rc.1", &["\u{4}"], "not promoted"),
    ] {
        let run = on_terminal(&clone, args, keys);
        run.expect(130);
        run.says(words);
        assert_eq!(world.tags(), before, "{args}: {run}");
    }
    let run = on_terminal(&clone, "promote 1.1.0-rc.1", &["what\n", "y\n"]);
    run.expect(0);
    // What was shown is not told a second time.
    assert_eq!(run.to_string().matches(" Planned ").count(), 1, "{run}");
    assert_eq!(world.shows("1.1.0"), world.shows("1.1.0-rc.1"));
    let run = on_terminal(&clone, "rollback 1.1.0", &["n\n"]);
    run.expect(130);
    run.says("1.1.0 was not taken back: the answer was no");
    world.assert_unlocked();
}
