//! Commands in messages run as they stand: those of hoist parse, and those of other programs are nothing but a
//! command.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use regex::{Captures, Regex};

/// The text of every source file, without its unit tests.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<&str> = code.collect();
            found.push((path.display().to_string(), code.join("\n")));
        }
    }
}

/// Every text of the sources, as a person sees it, and its file.
fn texts() -> Vec<(String, String)> {
    // A quotation mark by itself, and texts that may hold one.
    let other = Regex::new(r##"(?s)b?'\\?"'|r#".*?"#"##).unwrap();
    let literal = Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
    let broken = Regex::new(r"\\\n\s*").unwrap();
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut all = Vec::new();
    for (file, code) in files {
        let code = other.replace_all(&code, "");
        for found in literal.captures_iter(&code) {
            let text = broken.replace_all(&found[1], "").replace("\\\"", "\"");
            all.push((file.clone(), text));
        }
    }
    all
}

/// A template's placeholders, as what they can stand for.
fn filled(text: &str) -> String {
    let placeholder = Regex::new(r"\{\{|\}\}|\{([a-z_]*)\}").unwrap();
    let fill = |found: &Captures<'_>| match found.get(1).map(|name| name.as_str()) {
        None => found[0][..1].to_owned(),
        Some("flag") => "--branch main".to_owned(),
        Some("verb") => "repair".to_owned(),
        Some("image") => "docker.io/acme/api".to_owned(),
        Some("name") => "refs".to_owned(),
        Some("label") => "rc".to_owned(),
        Some("lacks") => "linux/amd64".to_owned(),
        Some("all" | "dirty" | "preview") => String::new(),
        Some(_) => "1.2.3-rc.1".to_owned(),
    };
    let text = placeholder.replace_all(text, fill);
    let platform = Regex::new("--platform (PLATFORM|1.2.3-rc.1)").unwrap();
    platform
        .replace_all(&text, "--platform linux/amd64")
        .into_owned()
}

/// What stands in code of a text and begins with a program's name and one of `verbs`; a text that is a command as a
/// whole, too. A template's end is left open by `…`.
fn commands(program: &str, verbs: &[&str]) -> BTreeSet<(String, String)> {
    let code = Regex::new("`([^`]+)`").unwrap();
    let mut all = BTreeSet::new();
    for (file, text) in texts() {
        let parts = code
            .captures_iter(&text)
            .map(|found| found.get(1).unwrap().as_str());
        let whole = (!text.contains('`')).then_some(&*text);
        for part in whole.into_iter().chain(parts) {
            let mut words = part.split(' ');
            let is_command = words.next() == Some(program)
                && words
                    .next()
                    .is_some_and(|verb| verbs.contains(&verb) || verb.starts_with("--"));
            if is_command && !part.contains('…') {
                all.insert((file.clone(), filled(part)));
            }
        }
    }
    all
}

/// Nothing is run.
#[test]
fn commands_of_hoist_in_messages_parse() {
    let verbs = super::documents::verbs();
    let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for (file, line) in commands("hoist", &verbs) {
        let line = line.split(" > ").next().unwrap();
        let words = line.split(' ').skip(1).map(|word| word.trim_matches('\''));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
        command.args(words).arg("--help").current_dir(folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}: `{line}`: {said}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}

/// A comment, an alternative or a sentence in it would be arguments.
#[test]
fn commands_of_git_in_messages_are_commands_alone() {
    const VERBS: [&str; 20] = [
        "add",
        "annex",
        "archive",
        "checkout",
        "clone",
        "commit",
        "config",
        "fetch",
        "fsck",
        "lfs",
        "ls-remote",
        "pull",
        "push",
        "rebase",
        "refs",
        "remote",
        "revert",
        "submodule",
        "switch",
        "tag",
    ];
    let aside = Regex::new(r"  |\s\(|, |; |\bor\b|\bthen\b").unwrap();
    let found = commands("git", &VERBS);
    for (file, line) in &found {
        assert!(!aside.is_match(line), "{file}: `{line}`");
    }
    assert!(found.len() > 30, "{}", found.len());
}
