//! `hoist init` on settings as projects have them: what is written, and the table beside it.
//!
//! A case is a text file below `tests/data/init`: its parts are named by lines `-- NAME --`. The
//! parts are files of the repository, but for `tags` (git tags), `label` (of pre-releases), `action`
//! (what docker/metadata-action itself gives for each version, asked beforehand) and `expect`.
//! `HOIST_UPDATE=1 cargo test --test it init_corpus` writes what is expected.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use serde_json::Value;

use crate::support::history::History;

/// A case, split into its parts.
struct Case {
    path: PathBuf,
    parts: Vec<(String, String)>,
}

impl Case {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let mut parts: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            let name = line
                .strip_prefix("-- ")
                .and_then(|rest| rest.strip_suffix(" --"));
            match (name, parts.last_mut()) {
                (Some(name), _) => parts.push((name.to_owned(), String::new())),
                (None, Some((_, body))) => writeln!(body, "{line}").unwrap(),
                (None, None) => panic!("{}: text before the first part", path.display()),
            }
        }
        Self { path, parts }
    }

    fn part(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|(known, _)| known == name);
        part.map(|(_, body)| body.as_str())
    }

    fn name(&self) -> String {
        let parts: Vec<_> = self.path.iter().rev().take(2).collect();
        format!("{}/{}", parts[1].display(), parts[0].display())
    }

    /// The written policy, and the document.
    fn run(&self) -> (String, Value) {
        let mut history = History::new();
        let id = history.say("feat: start");
        history.branch("main", id);
        for tag in self.part("tags").unwrap_or_default().lines() {
            history.tag(tag, id, false);
        }
        history
            .git
            .remote("origin", "https://github.com/acme/api.git")
            .unwrap();
        for (name, body) in &self.parts {
            if !matches!(&**name, "tags" | "label" | "action" | "expect") {
                let folder = history.path().join(name);
                fs::create_dir_all(folder.parent().unwrap()).unwrap();
                history.write(name, body);
            }
        }
        let output = history
            .hoist()
            .args(["init", "--json", "-q"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.name());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let written = fs::read_to_string(history.path().join("release.toml")).unwrap();
        (written, document)
    }

    fn update(&self, expected: &str) {
        let mut text = String::new();
        for (name, body) in self.parts.iter().filter(|(name, _)| name != "expect") {
            write!(text, "-- {name} --\n{body}").unwrap();
        }
        write!(text, "-- expect --\n{expected}").unwrap();
        fs::write(&self.path, text).unwrap();
    }
}

fn cases() -> Vec<Case> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/init");
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            paths.push(file.unwrap().path());
        }
    }
    paths.sort();
    paths.into_iter().map(Case::read).collect()
}

/// The policy without empty lines and the remarks that every policy has, and the table.
fn shown(written: &str, document: &Value) -> String {
    let usual = [
        "# How this repository",
        "# The highest version",
        "# After `",
        "# A pre-release gets",
    ];
    let mut out = String::new();
    for line in written.lines() {
        if !line.is_empty() && !usual.iter().any(|usual| line.starts_with(usual)) {
            writeln!(out, "{line}").unwrap();
        }
    }
    for release in document["releases"].as_array().unwrap() {
        let after = release["after"]
            .as_str()
            .map_or(String::new(), |after| format!(" when {after} is out"));
        writeln!(out, "= {}{after}", release["version"].as_str().unwrap()).unwrap();
        for tag in release["tags"].as_array().unwrap() {
            let text = |key: &str| tag[key].as_str().unwrap().to_owned();
            let repositories: Vec<&str> = tag["repositories"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect();
            let why = if text("why").is_empty() {
                String::new()
            } else {
                format!(": {}", text("why"))
            };
            writeln!(
                out,
                "{} [{}] {} | {} | {} | {}{why}",
                text("tag"),
                text("image"),
                repositories.join(" "),
                text("there"),
                text("here"),
                text("difference"),
            )
            .unwrap();
        }
    }
    out
}

/// The references of one release that are pushed there.
fn pushed(release: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for tag in release["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tag| tag["there"] != "no")
    {
        for repository in tag["repositories"].as_array().unwrap() {
            all.insert(full(&format!(
                "{}:{}",
                repository.as_str().unwrap(),
                tag["tag"].as_str().unwrap()
            )));
        }
    }
    all
}

/// A reference with the host that is meant.
fn full(reference: &str) -> String {
    let host = reference.split('/').next().unwrap();
    let has_host = host.contains('.') || host.contains(':') || host.contains("${{");
    let full = if has_host {
        reference.to_owned()
    } else {
        format!("docker.io/{reference}")
    };
    full.replace("${{ secrets.MIRROR", "${{ secrets.mirror")
        .replace("DOCKERHUB_USERNAME", "dockerhub_username")
}

/// The action's own answer as sets, in the order of the table.
fn answers(action: &str) -> Vec<BTreeSet<String>> {
    action
        .lines()
        .map(|line| {
            let (_, references) = line.split_once(": ").unwrap_or((line, ""));
            references
                .split("  ")
                .flat_map(split_references)
                .map(|one| full(&one))
                .collect()
        })
        .collect()
}

/// References between spaces, but for the spaces of an expression.
fn split_references(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut inside = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match out.last_mut() {
            Some(last) if inside => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
        inside = (inside || word.contains("${{")) && !word.contains("}}");
    }
    out
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are the point")]
fn settings_as_projects_have_them() {
    let update = std::env::var_os("HOIST_UPDATE").is_some();
    let mut wrong: Vec<String> = Vec::new();
    let (mut rows, mut differences) = (0, std::collections::BTreeMap::<String, usize>::new());
    let (mut judged, mut equal) = (0, 0);
    // Of the tags that are pushed there: those that the policy pushes, too, and those that it names.
    let (mut there, mut same, mut named) = (0, 0, 0);
    for case in cases() {
        let (written, document) = case.run();
        let shown = shown(&written, &document);
        let releases = document["releases"].as_array().unwrap();
        for tag in releases
            .iter()
            .flat_map(|release| release["tags"].as_array().unwrap())
        {
            rows += 1;
            *differences
                .entry(tag["difference"].as_str().unwrap().to_owned())
                .or_default() += 1;
            if tag["there"] != "no" {
                there += 1;
                match (&tag["here"] == "no", &tag["why"] == "") {
                    (false, _) => same += 1,
                    (true, false) => named += 1,
                    (true, true) => {}
                }
            }
            // The image under a tag is the one that is there now.
            if tag["difference"] == "another image" {
                wrong.push(format!(
                    "{}: another image under `{}`",
                    case.name(),
                    tag["tag"]
                ));
            }
            // Nothing is dropped without a word.
            if tag["there"] != "no" && tag["here"] == "no" && tag["why"] == "" {
                wrong.push(format!(
                    "{}: `{}` is lost without a word",
                    case.name(),
                    tag["tag"]
                ));
            }
        }
        for (release, answer) in releases
            .iter()
            .zip(case.part("action").map(answers).unwrap_or_default())
        {
            judged += 1;
            let pushed = pushed(release);
            if pushed == answer {
                equal += 1;
            } else {
                wrong.push(format!(
                    "{}: {} pushes {pushed:?}, and the action {answer:?}",
                    case.name(),
                    release["version"]
                ));
            }
        }
        if update {
            case.update(&shown);
        } else if let Some(expected) = case.part("expect").filter(|expected| *expected != shown) {
            wrong.push(format!(
                "{}:\n--- expected\n{expected}--- found\n{shown}",
                case.name()
            ));
        }
    }
    let share = |part: usize| {
        let tenths = 1000 * part / there;
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    println!(
        "{there} tags that are pushed now: {} are pushed by the policy, too, {} are left out with a reason",
        share(same),
        share(named)
    );
    println!(
        "{rows} rows: {differences:?}; the action's own answer in {equal} of {judged} releases"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
