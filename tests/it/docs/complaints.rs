//! `docs/complaints.md` names a test for each of its rows: it has to be there. And the row that no
//! other test shows.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::Value;

use crate::support::history::History;

fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    let test = r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn ([a-z0-9_]+)\(";
    let test = Regex::new(test).unwrap();
    // The rows of tables, which fail by their names.
    let row = Regex::new(r#"name: "(row_[a-z0-9_]+)""#).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(test.captures_iter(&text).map(|name| name[1].to_owned()));
            found.extend(row.captures_iter(&text).map(|name| name[1].to_owned()));
        }
    }
}

#[test]
fn every_row_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    tests(&root.join("src"), &mut known);
    tests(&root.join("tests"), &mut known);
    let text = fs::read_to_string(root.join("docs/complaints.md")).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("elsewhere"))
        .collect();
    assert_eq!(rows.len(), 20);
    for row in rows {
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(known.contains(name), "there is no test `{name}`: {row}");
        }
    }
}

/// Row 19: the clock of the machine is in none of them.
#[test]
fn the_labels_of_a_commit_are_the_same_whenever_they_are_made() {
    let mut history = History::new();
    history.write("release.toml", "[image]\nrepository = \"acme/api\"\n");
    let commit = history.say("feat: begin");
    history.branch("main", commit);
    let labels = |epoch: Option<&str>| {
        let mut command = history.hoist();
        command.args(["tags", "1.2.3", "--offline", "--format", "github"]);
        command.envs(epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let json = text.lines().find_map(|line| line.strip_prefix("json="));
        let all: Value = serde_json::from_str(json.unwrap()).unwrap();
        all["labels"].clone()
    };
    let first = labels(None);
    assert_eq!(
        first["org.opencontainers.image.created"],
        "2024-01-01T00:00:00Z"
    );
    assert_eq!(
        first["org.opencontainers.image.revision"],
        commit.to_string()
    );
    assert_eq!(labels(None), first);
    let other = labels(Some("86400"));
    assert_eq!(
        other["org.opencontainers.image.created"],
        "1970-01-02T00:00:00Z"
    );
}
