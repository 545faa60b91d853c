//! The first screen of the README is what the program prints.

use std::process::Stdio;

use regex::Regex;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::World,
};

fn readme() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(path).unwrap()
}

/// A session with everything that differs from run to run replaced, by words as wide as what is
/// shown in a table.
fn plain(session: &str) -> String {
    let mut text = session.to_owned();
    for (pattern, word) in [
        (r"127\.0\.0\.1:\d+", "docker.io"),
        (r"sha256:([0-9a-f]{64}|…)", "[digest]"),
        (r"\b20\d\d-\d\d-\d\d\b", "[date----]"),
        (r"\b[0-9a-f]{12}\b", "[short-----]"),
        (r"\b[0-9a-f]{7}\b", "[sha--]"),
        (r"\b\d+(\.\d+)? [kM]?B\b", "[size]"),
        (r"\b\d+(\.\d+)? s\b", "[time]"),
    ] {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, word).into_owned();
    }
    text
}

#[test]
fn the_first_screen_is_what_the_program_prints() {
    let readme = readme();
    let block = Regex::new(r"(?ms)^```console\n(.*?)^```$").unwrap();
    let shown = &block.captures(&readme).expect("a console block")[1];

    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.2.3", "--yes"]);
    world.change(&clone, "fix: an answer that was too long");
    world.change(&clone, "feat(auth): accept device codes");

    let mut session = String::new();
    for line in shown.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "hoist", "{line}");
        // Both streams into one, as on a screen.
        let mut both = clone.command("sh");
        both.args(["-c", r#"exec "$0" "$@" 2>&1"#, env!("CARGO_BIN_EXE_hoist")])
            .args(&words[1..])
            .stdin(Stdio::null());
        let output = both.output().unwrap();
        session += &format!("$ {line}\n{}", String::from_utf8(output.stdout).unwrap());
    }
    assert_eq!(plain(shown), plain(&session));
}
