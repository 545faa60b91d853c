//! What hoist writes into a clean clone and reads there again is no change of the project.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    registry::server::{Personality, TestRegistry},
    support::{
        Run, World,
        jobs::{Jobs, Machine},
        layout::Layout,
    },
};

use serde_json::json;

/// A line of a shell; `$0` is the binary.
fn shell(machine: &Machine<'_>, line: &str) -> Run {
    let mut command: Command = machine.clone.command("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_hoist")]);
    command.stdin(Stdio::null());
    Run::of(&mut command)
}

#[test]
fn the_commands_of_all_jobs_run_in_one_clean_clone() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api"]);
    let repository = registry.repository("acme/api").to_string();
    let jobs = Jobs::new(&world, &[repository], "");
    let machine = jobs.machine("one", &[], &[]);
    for line in [
        "\"$0\" build --platform linux/amd64 --stage > amd64.json",
        "\"$0\" plan --json > plan.json",
        "\"$0\" build --plan plan.json --platform linux/arm64 --output arm64.tar",
        "\"$0\" build --plan plan.json --platform linux/arm64 --output arm64.tar",
        "\"$0\" build --plan plan.json --platform linux/amd64 --output DIR",
        "\"$0\" build --plan plan.json --platform linux/amd64 --output legs/amd64",
        "\"$0\" build --platform linux/amd64 --stage >> again.json",
        "\"$0\" build --platform linux/arm64 --stage >> again.json",
        "\"$0\" release --dry-run --from amd64.json arm64.tar",
    ] {
        let run = shell(&machine, line);
        assert_eq!(run.code, Some(0), "{line}: {run}");
    }
    let run = machine.hoist(&[
        "build",
        "--platform",
        "linux/amd64",
        "--allow-dirty",
        "--output",
        "DIR",
        "--json",
    ]);
    assert_eq!(run.json()["images"][0]["leg"]["dirty"], false);

    // Whatever else lies there counts, and it alone.
    let path = machine.clone.path();
    for (name, text) in [
        ("notes.json", "{}"),
        ("empty.json", ""),
        ("DIR/main.rs", ""),
        ("legs/main.rs", ""),
        ("VERSION", "9.9.9\n"),
    ] {
        let before = fs::read(path.join(name)).ok();
        fs::write(path.join(name), text).unwrap();
        let run = shell(&machine, "\"$0\" build --stage > more.json");
        assert_eq!(run.code, Some(4), "{name}: {run}");
        let folder = name.split('/').next().unwrap();
        run.says("uncommitted changes");
        run.says(folder);
        let untracked = !run.stderr.contains("caused by: VERSION");
        assert_eq!(run.stderr.contains("in `.gitignore`"), untracked, "{run}");
        assert!(!run.stderr.contains("amd64.json") && !run.stderr.contains("more.json"));
        match before {
            Some(before) => fs::write(path.join(name), before).unwrap(),
            None => fs::remove_file(path.join(name)).unwrap(),
        }
    }
    // What a run that was refused has left is empty, and no leg: it is no change where it is named, whatever else is.
    let line = "\"$0\" release --dry-run --from more.json 'nothing*.json'";
    let run = shell(&machine, line);
    assert_ne!(run.code, Some(0), "{run}");
    assert!(!run.stderr.contains("uncommitted"), "{run}");
    fs::remove_file(path.join("more.json")).unwrap();
    // Git knows of it: it is about to be committed.
    machine.clone.git(&["add", "plan.json"]);
    let run = machine.run(&["build", "--stage"]);
    assert_eq!(run.code, Some(4), "{run}");
    run.says("plan.json");
    machine.clone.git(&["reset", "--quiet"]);

    let line = "\"$0\" release --yes --plan plan.json --from amd64.json arm64.tar > told.txt";
    let run = shell(&machine, line);
    assert_eq!(run.code, Some(0), "{run}");
    run.says("Reading the image from `amd64.json, arm64.tar`");
}

/// Files of other programs are no change either where `--from` names them.
#[test]
fn a_leg_that_is_named_is_no_change_whoever_made_it() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api"]);
    let repository = registry.repository("acme/api").to_string();
    let jobs = Jobs::new(&world, &[repository], "");
    let machine = jobs.machine("one", &[], &[]);
    for (name, images) in [("amd64", 1), ("arm64", 1), ("two", 2)] {
        let mut layout = Layout::new(&machine.clone.path().join(name));
        let platform = name.replace("two", "amd64");
        let image = layout.image(&platform, &json!({}), b"x");
        let other = layout.image(&platform, &json!({}), b"y");
        layout.finish(&image);
        if images == 2 {
            let list = machine.clone.path().join(name).join("index.json");
            let list_text = fs::read_to_string(&list).unwrap();
            let mut index: serde_json::Value = serde_json::from_str(&list_text).unwrap();
            index["manifests"] = json!([image, other]);
            fs::write(&list, index.to_string()).unwrap();
        }
    }
    let run = machine.run(&["release", "--dry-run", "--from", "arm64", "two"]);
    assert_eq!(run.code, Some(4), "{run}");
    run.says("amd64");
    fs::rename(machine.clone.path().join("amd64"), jobs.file("amd64")).unwrap();
    let run = machine.run(&["release", "--dry-run", "--from", "arm64", "two"]);
    run.says("the leg `two` holds 2 images");
    assert!(!run.stderr.contains("image.build.layout"), "{run}");
    fs::remove_dir_all(machine.clone.path().join("two")).unwrap();
    let other = jobs.file("amd64").display().to_string();
    machine.hoist(&["release", "--dry-run", "--from", "arm64", &other]);
}
