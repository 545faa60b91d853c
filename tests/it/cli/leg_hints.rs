//! What is said about a leg that does not fit is pasted as it stands, and then the leg fits.

use std::{env, fs, path::Path};

use regex::Regex;
use serde_json::Value;

use crate::{
    cli::images::{NAMES, TWO, project},
    registry::server::{Personality, TestRegistry},
    support::{
        Run, World,
        jobs::{Jobs, Machine},
    },
};

const NAME: &str = "acme/api";

/// The hints of a run with `--json`.
fn hints(run: &Run) -> Vec<String> {
    let last = run.stdout.lines().last().unwrap_or_default();
    let last: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {run}"));
    let error = last.get("error").unwrap_or(&last);
    let hints = error["hints"].as_array();
    let hints = hints.unwrap_or_else(|| panic!("no hints: {run}")).iter();
    hints
        .map(|hint| hint.as_str().unwrap().to_owned())
        .collect()
}

/// The commands of a hint, as a shell runs them one behind the other.
fn commands(hint: &str) -> String {
    let code = Regex::new("`((?:git|hoist) [^`]+)`").unwrap();
    let all = code.captures_iter(hint).map(|found| found[1].to_owned());
    all.collect::<Vec<_>>().join(" && ")
}

/// Runs what `hint` says on a machine, in one of its folders.
#[track_caller]
fn paste(machine: &Machine<'_>, folder: &Path, hint: &str) {
    let hoist = Path::new(env!("CARGO_BIN_EXE_hoist")).parent().unwrap();
    let path = format!("{}:{}", hoist.display(), env::var("PATH").unwrap());
    let line = commands(hint);
    assert!(line.contains("hoist"), "{hint}");
    let mut shell = machine.clone.command("sh");
    shell.args(["-c", &line]).env("PATH", path);
    Run::of(shell.current_dir(folder)).expect(0);
}

fn jobs<'w>(world: &'w World<'w>, registry: &TestRegistry) -> Jobs<'w> {
    Jobs::new(world, &[registry.repository(NAME).to_string()], "")
}

/// A leg for linux/arm64 on this machine, in the folder `leg` of its clone.
fn leg(machine: &Machine<'_>, more: &[&str]) -> String {
    let to = machine.clone.path().join("dist/leg").display().to_string();
    let build = ["build", "--platform", "linux/arm64", "--output", &to];
    machine.hoist(&[&build, more].concat());
    to
}

/// What the command of the hint has made.
fn made(folder: &Path) -> String {
    folder.join("DIR").display().to_string()
}

#[test]
fn a_leg_of_an_edited_policy_is_made_again_by_its_hint() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let jobs = jobs(&world, &registry);
    let (last, odd) = (
        jobs.machine("last", &[], &[]),
        jobs.machine("odd", &[], &[]),
    );
    let edit = |machine: &Machine<'_>| {
        let file = machine.clone.path().join("release.toml");
        let policy = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{policy}\n[tags]\nzero-major = true\n")).unwrap();
    };
    edit(&odd);
    let from = leg(&odd, &["--allow-dirty"]);
    let good = jobs.file("amd64").display().to_string();
    last.hoist(&["build", "--platform", "linux/amd64", "--output", &good]);
    let release = |from: &str, more: &[&str]| {
        let args = ["release", "--dry-run", "--json", "--from", &good, from];
        last.run(&[&args, more].concat())
    };
    let run = release(&from, &[]);
    run.expect(4);
    run.says("has another policy");
    let told = hints(&run);
    assert!(
        told.iter()
            .any(|hint| hint.contains("same version of hoist"))
    );
    let folder = odd.clone.path();
    paste(&odd, folder, &told[0]);
    release(&made(folder), &[]).expect(0);

    // Here the last job has the policy that no commit holds.
    edit(&last);
    let legs = ["linux/amd64", "linux/arm64"].map(|platform| {
        let machine = jobs.machine(&platform.replace('/', "-"), &[], &[]);
        let to = machine.clone.path().join("leg").display().to_string();
        machine.hoist(&["build", "--platform", platform, "--output", &to]);
        (machine, to)
    });
    let release = |from: [&str; 2]| {
        let args = ["release", "--dry-run", "--allow-dirty", "--json", "--from"];
        last.run(&[&args[..], &from].concat())
    };
    let mut from = legs.each_ref().map(|(_, to)| to.clone());
    for (place, (machine, _)) in legs.iter().enumerate() {
        let run = release(from.each_ref().map(String::as_str));
        run.expect(4);
        let told = hints(&run);
        assert!(told[0].contains("with the policy of this job"), "{run}");
        assert!(told[1].contains("git stash push -- release.toml"), "{run}");
        let folder = machine.clone.path();
        edit(machine);
        paste(machine, folder, &told[0]);
        from[place] = made(folder);
    }
    release(from.each_ref().map(String::as_str)).expect(0);
}

/// `--version`, `--branch`, `-C` and `--config` of the last job are in the command for the leg.
#[test]
fn the_hint_has_the_flags_of_the_last_job() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let jobs = jobs(&world, &registry);
    let last = jobs.machine("last", &[], &[]);
    last.clone.git(&["mv", "release.toml", "image.toml"]);
    let policy = fs::read_to_string(last.clone.path().join("image.toml")).unwrap();
    let branches = "\n[branches]\nstable = [\"it's\"]\n";
    last.clone.write("image.toml", policy + branches);
    last.clone.commit("chore: name");
    last.clone
        .git(&["push", "--quiet", "origin", "HEAD:refs/heads/it's"]);
    last.clone.push();
    let above = last.clone.path().parent().unwrap();
    let flags = ["--config", "image.toml", "--branch", "it's"];
    let from = leg(&last, &[&flags[..], &["--version", "3.0.0"]].concat());
    let good = jobs.file("amd64").display().to_string();
    let agreeing = [&flags[..], &["--version", "2.0.0"]].concat();
    let build = ["build", "--platform", "linux/amd64", "--output", &good];
    last.hoist(&[&build, &*agreeing].concat());
    let release = |from: &str| {
        let mut command = last.clone.command(env!("CARGO_BIN_EXE_hoist"));
        command.args(["-C", "last", "release", "--dry-run", "--json"]);
        command.args(&agreeing).args(["--from", &good, from]);
        Run::of(command.current_dir(above))
    };
    let run = release(&from);
    run.expect(4);
    run.says("has another version");
    let told = hints(&run);
    assert!(told[0].contains("`git -C last checkout "), "{run}");
    for words in [
        "hoist -C last --config image.toml plan --version 2.0.0",
        "it",
    ] {
        assert!(told[1].contains(words), "{run}");
    }
    paste(&last, above, &told[0]);
    let to = jobs.file("arm64");
    fs::rename(made(last.clone.path()), &to).unwrap();
    release(&to.display().to_string()).expect(0);
}

#[test]
fn a_leg_of_another_image_is_given_to_its_own_or_made_anew() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &NAMES);
    let clone = project(&world, &registry, TWO, "");
    for name in ["main", "worker"] {
        let to = format!("legs/{name}");
        world.hoist(&clone, &["build", "--image-name", name, "--output", &to]);
    }
    let machine = Machine {
        clone,
        variables: Vec::new(),
    };
    let release = |from: &[&str]| {
        machine.run(&[&["release", "--dry-run", "--json", "--from"], from].concat())
    };
    let run = release(&["main=legs/worker"]);
    run.expect(4);
    let told = hints(&run);
    assert!(told[0].contains("`--from legs/worker`"), "{run}");
    assert!(told[1].contains("--image-name main"), "{run}");
    let run = release(&["legs/worker"]);
    run.expect(4);
    run.says("no leg is of the image `main`");
    let folder = machine.clone.path();
    paste(&machine, folder, &hints(&run)[0]);
    // What a command has left in the clone is no part of it.
    fs::rename(folder.join("DIR"), folder.join("legs/DIR")).unwrap();
    release(&["legs/worker", "legs/DIR"]).expect(0);
}
