//! Global flags mean the same with every verb: a flag is honoured or refused, never passed over.

use std::fs;

use crate::{
    registry::server::{Auth, Personality, TestRegistry, Tokens},
    support::{World, history::History},
};

#[test]
fn a_verb_that_prints_a_text_refuses_what_says_nothing_to_it() {
    let history = History::new();
    for verb in [&["completions", "bash"][..], &["man"], &["schema", "next"]] {
        for flag in [
            &["--json"][..],
            &["--config", "x.toml"],
            &["--image", "acme/api"],
        ] {
            let run = history.hoist().args(verb).args(flag).output().unwrap();
            let told = String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(2), "{verb:?} {flag:?}: {told}");
            assert!(
                told.contains(&format!("`{}` does not go", flag[0])),
                "{told}"
            );
        }
        let run = history.hoist().args(verb).args(["-q", "--no-ci"]).output();
        assert!(run.unwrap().status.success(), "{verb:?}");
    }
}

#[test]
fn every_path_starts_from_the_directory_that_is_named() {
    let mut history = History::new();
    let id = history.say("feat: start");
    history.branch("main", id);
    history.head("main");
    fs::create_dir(history.path().join("sub")).unwrap();
    history.write("sub/image.tar", "no archive");
    let run = |args: &[&str]| {
        let output = history.hoist().args(args).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let there = |name: &str| history.path().join("sub").join(name).exists();
    run(&["-C", "sub", "man", "--output", "pages"]);
    assert!(there("pages/hoist.1") && !history.path().join("pages").exists());
    run(&["-C", "sub", "next", "--trace", "trace.json"]);
    assert!(there("trace.json") && !history.path().join("trace.json").exists());
    let missing = "there is no file";
    assert!(run(&["inspect", "image.tar"]).contains(missing));
    assert!(!run(&["-C", "sub", "inspect", "image.tar"]).contains(missing));
    assert!(
        run(&["-C", "sub", "inspect", "sub/image.tar"])
            .contains("there is no file `sub/image.tar`")
    );
    history.write("sub/plan.json", "{}");
    let plan = run(&["-C", "sub", "release", "--yes", "--plan", "plan.json"]);
    assert!(plan.contains("is not a plan"), "{plan}");
}

#[test]
fn a_login_that_is_missing_is_told_once() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Bearer(Tokens::default()),
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api", "mirror/api"]);
    let clone = world.project("a");
    let run = world.run(&clone, &["check"]);
    assert_eq!(run.stderr.matches("wants a login").count(), 1, "{run}");
    let line = run
        .stderr
        .lines()
        .find(|line| line.contains("wants a login"));
    let line = line.unwrap_or_default();
    assert!(
        line.contains("acme/api` and `") && line.contains("mirror/api`"),
        "{run}"
    );
    assert_eq!(run.stdout.matches("mirror/api").count(), 1, "{run}");
}

#[test]
fn a_login_that_reading_and_pushing_lack_is_told_once() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Bearer(Tokens {
            anonymous_pull: false,
            ..Tokens::default()
        }),
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    world.change(&clone, "feat: start");
    let run = world.run(&clone, &["check"]);
    assert_eq!(run.stderr.matches("docker login").count(), 1, "{run}");
    let address = registry.address();
    let told = format!("problem  {address}/acme/api: for the reason told at `plan`");
    assert!(run.stdout.contains(&told), "{run}");
}

#[test]
fn a_log_of_one_release_has_no_limit() {
    let history = History::new();
    let run = history.hoist().args(["log", "1.0.0", "-n", "0"]).output();
    assert_eq!(run.unwrap().status.code(), Some(2));
}
