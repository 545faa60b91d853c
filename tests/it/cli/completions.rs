//! What a shell offers: bash itself runs the script, with the words that readline gives it.

use std::{path::Path, process::Command};

use crate::support::history::History;

const POLICY: &str = r#"
[image]
repositories = ["docker.io/acme/api", "localhost:5000/acme/api"]
[images.worker]
repository = "docker.io/acme/worker"
target = "worker"
[variants.alpine]
target = "alpine"
"#;

fn released() -> History {
    let mut history = History::new();
    let first = history.say("feat: a");
    history.tag("v1.0.0", first, true);
    let next = history.say("feat: b");
    history.tag("v1.1.0-rc.1", next, true);
    let last = history.say("fix: c");
    history.branch("main", last);
    history.tag("v1.1.0", last, true);
    history.write("release.toml", POLICY);
    history
}

/// Asks bash for what can follow the line, whose words are parted as readline parts them.
fn offered(history: &History, line: &str) -> Vec<String> {
    let script = r#"
        source <(hoist completions bash)
        COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
        COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        before="${COMP_WORDS[COMP_CWORD]}"
        if [[ $before == [=:] ]]; then before=""; fi
        _hoist hoist "$before" "" && printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let program = Path::new(env!("CARGO_BIN_EXE_hoist"));
    let folder = program.parent().expect("the binary is in a folder");
    let path = std::env::var("PATH").expect("there is a PATH");
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script, "bash", line])
        .args(words(line))
        .env("PATH", format!("{}:{path}", folder.display()))
        .current_dir(history.path())
        .output()
        .expect("bash is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "", "{line}");
    let text = String::from_utf8(output.stdout).expect("it is text");
    text.lines().map(str::to_owned).collect()
}

/// A run of `=` or `:` is a word of its own, and at the end of the line there is an empty one after a space.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in line.chars() {
        let last = words.last_mut().expect("there is always one");
        let is_sign = |c: char| matches!(c, '=' | ':');
        if c == ' ' {
            words.push(String::new());
        } else if last
            .chars()
            .next_back()
            .is_none_or(|before| is_sign(before) == is_sign(c))
        {
            last.push(c);
        } else {
            words.push(c.to_string());
        }
    }
    words
}

#[test]
fn bash_offers_verbs_flags_versions_levels_and_images() {
    let history = released();
    for (line, expected) in [
        ("hoist re", &["release", "resume", "repair"][..]),
        ("hoist rollback 1", &["1.1.0", "1.1.0-rc.1", "1.0.0"]),
        ("hoist verify 1.0", &["1.0.0"]),
        ("hoist promote 1", &["1.1.0-rc.1"]),
        ("hoist release --bu", &["--bump"]),
        ("hoist release --bump ", &["major", "minor", "patch"]),
        ("hoist release --bump=", &["major", "minor", "patch"]),
        ("hoist release --bump=m", &["major", "minor"]),
        ("hoist release --pre ", &["beta", "rc"]),
        ("hoist --color ", &["auto", "always", "never"]),
        (
            "hoist --image ",
            &["docker.io/acme/api", "localhost:5000/acme/api"],
        ),
        ("hoist --image localhost:", &["5000/acme/api"]),
        ("hoist --image localhost:50", &["5000/acme/api"]),
        ("hoist --image=docker", &["docker.io/acme/api"]),
        ("hoist --image=localhost:5", &["5000/acme/api"]),
        (
            "hoist build --image-name ",
            &["main", "main/alpine", "worker"],
        ),
        ("hoist inspect w", &["worker"]),
        ("hoist inspect 1.0", &["1.0.0"]),
        ("hoist completions z", &["zsh"]),
        ("hoist release --nothing-such", &[]),
        ("hoist rollback 9", &[]),
    ] {
        let mut found = offered(&history, line);
        found.retain(|one| !one.is_empty());
        assert_eq!(found, expected, "{line}");
    }
}

/// The scripts of the other shells are those of the library; each names the program and asks it.
#[test]
fn every_shell_has_a_script_that_asks_the_program() {
    let history = released();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = history.hoist().args(["completions", shell]).output();
        let output = output.expect("it runs");
        let script = String::from_utf8(output.stdout).expect("it is text");
        assert!(
            script.contains("COMPLETE") && script.contains("hoist"),
            "{shell}: {script}"
        );
    }
}
