//! Commands that are shown run from where the person stands: with the flags that were given, and with names of
//! files from there.

use std::fs;

use crate::{
    cli::multi_image::services::{API, NAMES, WEB, changed, registry},
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

#[test]
fn a_hint_names_the_policy_that_was_named() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = changed(&world, &registry);
    let hint = |args: &[&str]| {
        let run = world.run(&clone, &[args, &["release"]].concat());
        run.expect(2);
        let hints = run.stderr.lines().filter(|line| line.starts_with("hint:"));
        hints.collect::<Vec<_>>().join("\n")
    };
    let named = hint(&["--config", WEB]);
    assert!(
        named.contains(&format!("`hoist --config {WEB} ")),
        "{named}"
    );
    let there = hint(&["-C", "services/web"]);
    assert!(there.contains("`hoist -C services/web "), "{there}");
    let notes = world.run(&clone, &["--config", WEB, "next"]).stderr;
    assert!(!notes.contains("`hoist next"), "{notes}");
    // A missing image is completed by a command for that image.
    world.hoist(&clone, &["--config", API, "release", "--yes"]);
    registry
        .state()
        .store
        .contents(NAMES[0])
        .unwrap()
        .tags
        .clear();
    let verify = world.run(&clone, &["--config", API, "verify"]);
    verify.says(&format!("`hoist --config {API} release --version 0.1.0`"));
    // For all of them, from a folder.
    let mut all = world.command(&clone, &["verify", "--all-images"]);
    let all = Run::of(all.current_dir(clone.path().join("services/web")));
    all.says(&format!(
        "`hoist -C ../.. --config {API} release --version 0.1.0`"
    ));
}

#[test]
fn the_steps_behind_init_run_from_where_one_stands() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &["acme/web"]);
    let clone = world.project("a");
    let folder = clone.path().join("services/web");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Dockerfile"), "FROM scratch\n").unwrap();
    let policy = folder.join("release.toml");
    for (args, steps) in [
        (
            &["-C", "services/web", "init"][..],
            "git add services/web/release.toml && git commit",
        ),
        (
            &["--config", "services/web/release.toml", "init"],
            "git add services/web/release.toml && git commit",
        ),
    ] {
        let run = world.hoist(&clone, args);
        run.says(steps);
        run.says(&format!("; hoist {} plan; hoist", args[..2].join(" ")));
        fs::remove_file(&policy).unwrap();
    }
    let mut inside = world.command(&clone, &["init"]);
    let run = Run::of(inside.current_dir(&folder));
    run.says("git add release.toml && git commit");
    run.says("; hoist plan; hoist");
}
