//! A build that fails explains itself, on the terminal, in the document and in its log.

use std::fs;

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";

/// A project whose build is this script.
fn project<'w>(world: &'w World<'_>, registry: &TestRegistry, script: &str) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    let repository = registry.repository(NAME);
    clone.write(".gitignore", "/dist\n");
    clone.write("build.sh", script);
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"dist/oci\"\n\
             command = [\"sh\", \"build.sh\"]\n"
        ),
    );
    clone.commit("feat: begin");
    clone.push();
    clone
}

#[test]
fn the_last_lines_are_shown_as_they_were_and_the_log_has_all_of_them() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let script = "for i in $(seq 60); do echo \"compiling $i\"; done\n\
                  printf '\\033[31merror\\033[0m: no\\n  --> src/main.rs\\n' >&2\n\
                  echo; echo 'giving up'; exit 101\n";
    let clone = project(&world, &registry, script);
    let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
    run.expect(6);
    run.says("failed: exit status: 101");
    run.says("the last 50 of 64 lines of its output:");
    let end = "  compiling 60\n  error: no\n    --> src/main.rs\n  \n  giving up\nstate: nothing was published";
    run.says(end);
    let log = clone.path().join(".git/hoist/logs/build-1.0.0.log");
    run.says(&format!(
        "the whole output of the build is in `{}`",
        log.display()
    ));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.starts_with("compiling 1\n"), "{log}");
    assert!(
        log.ends_with("error: no\n  --> src/main.rs\ngiving up\n"),
        "{log}"
    );
    // Nobody looks on here, so that the build's output is the only record of what happened.
    run.says("             compiling 1\n");

    let quiet = world.run(&clone, &["release", "--version", "1.0.0", "--yes", "-q"]);
    quiet.expect(6);
    assert!(
        !quiet.stderr.contains("             compiling 1\n"),
        "{quiet}"
    );
    quiet.says(end);

    let json = world.run(
        &clone,
        &["release", "--version", "1.0.0", "--yes", "--json"],
    );
    json.expect(6);
    let outcome: Value = serde_json::from_str(json.stdout.lines().last().unwrap()).unwrap();
    let excerpt = &outcome["error"]["excerpts"][0];
    assert_eq!(excerpt["title"], "the last 50 of 64 lines of its output");
    assert_eq!(excerpt["lines"][47], "  --> src/main.rs");
}

#[test]
fn a_build_without_output_has_no_excerpt() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "exit 1\n");
    let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
    run.expect(6);
    assert!(!run.stderr.contains("output:"), "{run}");
}
