//! The golden tables of `tests/cases`: facts in, decision out.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::Engine;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::support::history::{Commit, History};

/// Cases that say something else than the rules, with the rule.
const WRONG: &[(&str, &str)] = &[];

#[derive(Deserialize)]
struct Table {
    v: u32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    why: String,
    #[serde(default)]
    advisory: bool,
    given: Given,
    expect: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    policy: String,
    history: Vec<GivenCommit>,
    #[serde(default)]
    branches: BTreeMap<String, String>,
    head: Option<Head>,
    run: Vec<String>,
}

#[derive(Deserialize)]
struct GivenCommit {
    id: Option<String>,
    message: Option<String>,
    base64: Option<String>,
    encoding: Option<String>,
    parents: Option<Vec<String>>,
    date: Option<DateTime<Utc>>,
    #[serde(default)]
    touches: Vec<String>,
    #[serde(default)]
    tags: Vec<GivenTag>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GivenTag {
    Annotated(String),
    Named { name: String, kind: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Head {
    Branch(String),
    Detached { detached: String },
}

/// Runs every case of a table whose verb is `verb`; all that fail are shown.
fn check(table: &str, verb: &str) {
    let table: Table = serde_json::from_str(table).unwrap();
    assert_eq!(table.v, 1);
    let cases: Vec<&Case> = table
        .cases
        .iter()
        .filter(|case| case.given.run[0] == verb && !case.advisory)
        .filter(|case| WRONG.iter().all(|(id, _)| *id != case.id))
        .collect();
    assert!(!cases.is_empty(), "the table has no case for `{verb}`");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = String::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(problem) = run(case) {
                writeln!(failures, "{} ({}): {problem}", case.id, case.why).unwrap();
            }
        }
        failures
    };
    let failures: String = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "\n{failures}");
}

fn build(given: &Given) -> History {
    let mut history = History::new();
    history.write(
        "release.toml",
        &format!(
            "[image]\nrepository = \"127.0.0.1:5000/acme/api\"\n\n{}",
            given.policy
        ),
    );
    let mut last = None;
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for (place, commit) in given.history.iter().enumerate() {
        let name = commit.id.clone().unwrap_or_else(|| format!("c{place}"));
        let message = match (&commit.message, &commit.base64) {
            (Some(text), None) => fill(text, &history).into_bytes(),
            (None, Some(text)) => base64::prelude::BASE64_STANDARD.decode(text).unwrap(),
            _ => panic!("`message` or `base64`"),
        };
        let parents = commit
            .parents
            .as_ref()
            .map(|names| names.iter().map(|name| history.id(name)).collect());
        files.extend(
            commit
                .touches
                .iter()
                .map(|path| (path.as_str(), name.clone())),
        );
        let texts: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        let tree = (!texts.is_empty()).then(|| history.tree(&texts));
        let id = history.commit(
            &name,
            &Commit {
                message: &message,
                encoding: commit.encoding.as_deref(),
                parents,
                date: commit.date.map(|date| date.timestamp()),
                tree,
            },
        );
        for tag in &commit.tags {
            match tag {
                GivenTag::Annotated(name) => history.tag(name, id, true),
                GivenTag::Named { name, kind } => {
                    assert_eq!(kind, "lightweight");
                    history.tag(name, id, false);
                }
            }
        }
        last = Some(id);
    }
    for (branch, commit) in &given.branches {
        history.branch(branch, history.id(commit));
    }
    if let (true, Some(last)) = (given.branches.is_empty(), last) {
        history.branch("main", last);
    }
    match &given.head {
        None => history.head("main"),
        Some(Head::Branch(branch)) => history.head(branch),
        Some(Head::Detached { detached }) => history.detach(history.id(detached)),
    }
    history
}

/// Puts commit ids into `${c1}` and `${c1:7}`.
fn fill(text: &str, history: &History) -> String {
    let mut text = text.to_owned();
    for (name, id) in history.ids() {
        let id = id.to_string();
        text = text
            .replace(&format!("${{{name}}}"), &id)
            .replace(&format!("${{{name}:7}}"), &id[..7]);
    }
    text
}

fn run(case: &Case) -> Result<(), String> {
    let history = build(&case.given);
    let mut arguments = case.given.run.clone();
    let end = arguments
        .iter()
        .position(|argument| argument == "--")
        .unwrap_or(arguments.len());
    arguments.insert(end, "--json".into());
    let output = history.hoist().args(&arguments).output().unwrap();
    let exit = output.status.code().unwrap_or(-1);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let allowed = match &case.expect["exit"] {
        Value::Array(codes) => codes.clone(),
        code => vec![code.clone()],
    };
    if !allowed.contains(&exit.into()) {
        return Err(format!("exit {exit}, expected {allowed:?}\n{stderr}"));
    }
    if exit != 0 {
        return Ok(());
    }
    if case.given.run.first().is_some_and(|verb| verb == "next") {
        says_alone(case, &history, &output.stdout)?;
    }
    let found: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("stdout is no JSON: {error}\n{stderr}"))?;
    for (key, expected) in &case.expect {
        match key.as_str() {
            "exit" => {}
            "commits" => compare_commits(&history, expected, &found)?,
            "tags" => compare_tags(&history, expected, &found)?,
            key => compare(key, expected, &found[key])?,
        }
    }
    Ok(())
}

/// One line is answered without a list of all commits; it must be the same answer.
fn says_alone(case: &Case, history: &History, document: &[u8]) -> Result<(), String> {
    let alone = history.hoist().args(&case.given.run).output().unwrap();
    let document: Value = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let found = String::from_utf8_lossy(&alone.stdout);
    compare(
        "stdout",
        &document["next"],
        &match found.trim() {
            "" => Value::Null,
            version => version.into(),
        },
    )
}

fn compare(key: &str, expected: &Value, found: &Value) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{key}: expected {expected}, found {found}"))
    }
}

/// The highest level of each commit; null: none, or not listed.
fn compare_commits(history: &History, expected: &Value, found: &Value) -> Result<(), String> {
    let order = ["patch", "minor", "major"];
    for (name, level) in expected.as_object().unwrap() {
        let id = history.id(name).to_string();
        let highest = found["commits"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|commit| commit["sha"] == id.as_str())
            .filter_map(|commit| commit["bump"].as_str())
            .max_by_key(|level| order.iter().position(|known| known == level));
        compare(&format!("level of {name}"), level, &highest.into())?;
    }
    Ok(())
}

/// The whole set apart from what is kept.
fn compare_tags(history: &History, expected: &Value, found: &Value) -> Result<(), String> {
    let head = history.git.head().unwrap().target().unwrap().to_string();
    let expected: BTreeMap<String, Value> = expected
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, kind)| (name_of(name, &head), kind.clone()))
        .collect();
    let found: BTreeMap<String, Value> = found["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tag| tag["action"] != "keep")
        .map(|tag| (tag["tag"].as_str().unwrap().to_owned(), tag["kind"].clone()))
        .collect();
    if expected == found {
        Ok(())
    } else {
        Err(format!("tags: expected {expected:?}, found {found:?}"))
    }
}

/// Puts HEAD's id and the day into `${head}`, `${head:12}` and `${today:%Y%m%d}`.
fn name_of(name: &str, head: &str) -> String {
    let Some((before, rest)) = name.split_once("${") else {
        return name.to_owned();
    };
    let (inside, after) = rest.split_once('}').unwrap();
    let value = match inside.split_once(':') {
        None => head.to_owned(),
        Some(("head", length)) => head[..length.parse().unwrap()].to_owned(),
        Some((_, format)) => Utc::now().format(format).to_string(),
    };
    format!("{before}{value}{}", name_of(after, head))
}

#[test]
fn the_level_of_a_commit() {
    check(include_str!("../../cases/commits.json"), "next");
}

#[test]
fn the_next_version() {
    check(include_str!("../../cases/bumps.json"), "next");
}

#[test]
fn what_a_branch_releases() {
    check(include_str!("../../cases/branches.json"), "next");
}

#[test]
fn which_strings_are_versions() {
    check(include_str!("../../cases/semver.json"), "next");
}

#[test]
fn the_tag_set_of_a_version() {
    check(include_str!("../../cases/tags.json"), "tags");
}

#[test]
fn which_strings_have_tags() {
    check(include_str!("../../cases/semver.json"), "tags");
}

#[test]
fn what_the_tables_from_elsewhere_do_not_ask() {
    check(include_str!("../../cases/own.json"), "next");
}

#[test]
fn tag_sets_that_the_tables_from_elsewhere_do_not_ask() {
    check(include_str!("../../cases/own.json"), "tags");
}
