//! `--json`: stdout has a document or an outcome after every error, wrong command lines included.

use crate::{
    registry::server::{Personality, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";

#[test]
fn every_error_is_in_the_document_or_in_the_outcome() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "feat: more");
    for (line, exit, code) in [
        // Wrong lines, whose verb is known only as far as can be seen.
        ("release --json --bogus", 2, "usage"),
        ("release --json --bump huge", 2, "usage"),
        ("--json release 1.2.3", 2, "usage"),
        ("promote --json", 2, "usage"),
        ("--json", 2, "usage"),
        ("realease --json", 2, "usage"),
        ("plan --json --quiet --verbose", 2, "usage"),
        ("completions --json tcsh", 2, "usage"),
        // What each verb refuses.
        ("verify 9.9.9 --json", 4, "not-released"),
        ("verify one --json", 2, "usage"),
        ("inspect --json no/such:", 2, "usage"),
        ("next --json --version 1.2", 2, "usage"),
        ("tags --json --version 1.2", 2, "usage"),
        ("plan --json --version v1.0.0", 2, "usage"),
        ("changelog 9.9.9 --json", 4, "not-released"),
        ("check --json --commits nowhere..HEAD", 2, "usage"),
        ("-C nowhere --json status", 4, "not-a-git-repository"),
        ("--config nowhere.toml --json repair", 2, "usage"),
        ("promote --json 1.0.0 --yes", 2, "usage"),
        ("promote --json 1.0.0-rc.1", 4, "not-released"),
        ("release --json", 2, "not-a-terminal"),
        ("rollback --json 1.0.0", 4, "not-released"),
        ("rollback --json 1.0.0 --yes", 4, "not-released"),
        ("init --json", 4, "refused"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let run = world.run(&clone, &args);
        assert_eq!(run.code, Some(exit), "{line}: {run}");
        let lines = ["release", "promote", "resume", "rollback", "repair"];
        let document = match lines.iter().any(|verb| args.contains(verb)) {
            true => run.outcome(),
            false => run.json(),
        };
        assert_eq!(document["v"], 1, "{line}: {run}");
        let error = &document["error"];
        assert_eq!(error["exit"], exit, "{line}: {run}");
        assert_eq!(error["code"], code, "{line}: {run}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{line}: {run}"
        );
        assert!(error["hints"].is_array(), "{line}: {run}");
        assert!(
            !run.stderr.is_empty(),
            "{line}: a person reads it on stderr"
        );
    }
    // What is not an error has no document of one.
    let help = world.hoist(&clone, &["release", "--help", "--json"]);
    assert!(!help.stdout.contains("\"error\""), "{help}");
}

/// One document, also where a verb has answered and is unhappy with the answer.
#[test]
fn there_is_never_a_second_document() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    registry
        .state()
        .store
        .contents(NAME)
        .unwrap()
        .tags
        .remove("latest");
    for line in [
        "verify",
        "check",
        "next",
        "tags",
        "plan",
        "status",
        "log",
        "changelog 1.0.0",
    ] {
        let mut args: Vec<&str> = line.split(' ').collect();
        args.push("--json");
        world.run(&clone, &args).json();
    }
}

#[test]
fn a_version_or_a_level_is_answered_with_its_flag() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    for (args, hint) in [
        (&["release", "1.2.3"][..], "`hoist release --version 1.2.3`"),
        (&["release", "minor"], "`hoist release --bump minor`"),
        (&["plan", "v2.0.0"], "`hoist plan --version 2.0.0`"),
    ] {
        let run = world.run(&clone, args);
        run.expect(2);
        assert!(run.stderr.contains(hint), "{run}");
    }
}
