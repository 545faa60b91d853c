//! What commands leave their work to, and where a repository has it: targets of make files, recipes,
//! tasks, scripts of `package.json`, and files.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::yaml;

/// The files that `make` reads where none is named.
const MAKE_FILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

/// What does the work of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScriptTask {
    pub(super) name: String,
    pub(super) place: TaskPlace,
}

impl ScriptTask {
    /// Whether a command that names no file calls a task of the file that `other` stands in.
    pub(super) fn is_of_the_same_file(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (TaskPlace::Make(files), TaskPlace::Make(_) | TaskPlace::Just(_)) => {
                *files == MAKE_FILES
            }
            (TaskPlace::Package(file), TaskPlace::Package(_)) => file == "package.json",
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskPlace {
    /// A target of the first of these files that is there.
    Make(Vec<String>),
    Just(Vec<String>),
    Taskfile(Vec<String>),
    /// A script of this `package.json`.
    Package(String),
    /// The task is a file.
    File,
    /// A program that nothing here reads.
    Program,
}

/// What a command leaves its work to.
pub(super) fn tasks(words: &[String]) -> Vec<ScriptTask> {
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    let task = |name: &str, place: TaskPlace| ScriptTask {
        name: name.to_owned(),
        place,
    };
    match &*plain {
        ["make" | "gmake", rest @ ..] => made(rest),
        ["just", rest @ ..] => {
            let files = ["justfile", "Justfile", ".justfile"].map(str::to_owned);
            let first = rest.iter().find(|word| is_name(word));
            first
                .map(|name| task(name, TaskPlace::Just(files.to_vec())))
                .into_iter()
                .collect()
        }
        ["task" | "go-task", rest @ ..] => {
            let files = ["Taskfile.yml", "Taskfile.yaml", "taskfile.yml"].map(str::to_owned);
            let own = rest.iter().take_while(|word| **word != "--");
            let names = own.filter(|word| is_name(word));
            names
                .map(|name| task(name, TaskPlace::Taskfile(files.to_vec())))
                .collect()
        }
        ["npm" | "pnpm" | "yarn" | "bun", rest @ ..] => of_package(rest, plain[0]),
        [
            "bash" | "sh" | "zsh" | "source" | "." | "python" | "python3" | "node" | "ruby"
            | "perl" | "pwsh" | "tsx" | "ts-node",
            rest @ ..,
        ] => {
            let file = rest.iter().find(|word| !word.starts_with('-'));
            let file = file.filter(|file| !file.contains(' '));
            file.map(|file| task(file, TaskPlace::File))
                .into_iter()
                .collect()
        }
        [
            "mage" | "invoke" | "inv" | "rake" | "nox" | "tox" | "poe" | "doit" | "dagger" | "nx"
            | "turbo" | "lerna" | "bazel" | "bazelisk" | "pants" | "mvn" | "./mvnw" | "mvnw"
            | "gradle" | "./gradlew" | "gradlew" | "sbt" | "lein" | "mise" | "nix" | "composer"
            | "deno" | "hatch" | "earthly",
            rest @ ..,
        ] => {
            let names = rest.iter().filter(|word| is_name(word));
            names.map(|name| task(name, TaskPlace::Program)).collect()
        }
        ["cargo", "make" | "xtask", rest @ ..]
        | ["bundle", "exec", "rake", rest @ ..]
        | ["poetry" | "uv" | "pipenv", "run", rest @ ..] => {
            let first = rest.iter().find(|word| is_name(word));
            first
                .map(|name| task(name, TaskPlace::Program))
                .into_iter()
                .collect()
        }
        [first, ..] if first.contains('/') && !first.starts_with('/') && !first.contains("://") => {
            vec![task(first, TaskPlace::File)]
        }
        _ => Vec::new(),
    }
}

/// Whether a word is neither a flag, an assignment nor a redirection.
fn is_name(word: &str) -> bool {
    !word.starts_with('-') && !word.contains(['=', '>', '$', '"'])
}

/// The targets that `make` is given.
fn made(words: &[&str]) -> Vec<ScriptTask> {
    let mut folder = String::new();
    let mut files = MAKE_FILES.map(str::to_owned).to_vec();
    let mut names = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-C" | "--directory" => folder = words.next().unwrap_or_default().to_owned(),
            "-f" | "--file" | "--makefile" => {
                files = words.next().map(str::to_owned).into_iter().collect();
            }
            word if is_name(word) && !word.bytes().all(|b| b.is_ascii_digit()) => names.push(word),
            word => {
                if let Some(own) = word.strip_prefix("--directory=") {
                    folder = own.to_owned();
                }
            }
        }
    }
    let files: Vec<String> = files.iter().map(|file| inside(&folder, file)).collect();
    let task = |name: &str| ScriptTask {
        name: name.to_owned(),
        place: TaskPlace::Make(files.clone()),
    };
    names.into_iter().map(task).collect()
}

/// The script that a manager of packages runs.
fn of_package(words: &[&str], manager: &str) -> Vec<ScriptTask> {
    let mut folder = String::new();
    let mut plain = Vec::new();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--" => break,
            "--prefix" | "--dir" | "-C" | "--cwd" => {
                folder = words.next().unwrap_or_default().to_owned();
            }
            "--filter" | "-F" | "-w" | "--workspace" => {
                words.next();
            }
            word if word.starts_with('-') => {}
            word => plain.push(word),
        }
    }
    let name = match (&*plain, manager) {
        (["run" | "run-script", name, ..], _) => name,
        // Their own verbs publish packages, not images.
        (["publish" | "install" | "add" | "exec" | "ci" | "pack", ..], _) | (_, "npm") => {
            return Vec::new();
        }
        ([name, ..], _) => name,
        _ => return Vec::new(),
    };
    vec![ScriptTask {
        name: (*name).to_owned(),
        place: TaskPlace::Package(inside(&folder, "package.json")),
    }]
}

fn inside(folder: &str, file: &str) -> String {
    match folder.trim_start_matches("./").trim_end_matches('/') {
        "" | "." => file.trim_start_matches("./").to_owned(),
        folder => format!("{folder}/{file}"),
    }
}

/// Where the work of a task is written down, in words, and its text.
pub(super) fn definition(
    task: &ScriptTask,
    texts: &BTreeMap<String, String>,
) -> Option<(String, String)> {
    let name = &task.name;
    let first = |files: &[String], read: &dyn Fn(&str) -> Option<String>| {
        files
            .iter()
            .find_map(|file| Some((file.clone(), read(texts.get(file)?)?)))
    };
    match &task.place {
        TaskPlace::Make(files) => {
            let (file, text) = first(files, &|text| recipe(text, name))?;
            Some((format!("target `{name}` of `{file}`"), text))
        }
        TaskPlace::Just(files) => {
            let (file, text) = first(files, &|text| recipe(text, name))?;
            Some((format!("recipe `{name}` of `{file}`"), text))
        }
        TaskPlace::Taskfile(files) => {
            let (file, text) = first(files, &|text| task_of(text, name))?;
            Some((format!("task `{name}` of `{file}`"), text))
        }
        TaskPlace::Package(file) => {
            let package: Value = serde_json::from_str(texts.get(file)?).ok()?;
            let text = package["scripts"][name].as_str()?;
            Some((format!("script `{name}` of `{file}`"), text.to_owned()))
        }
        TaskPlace::File => {
            let path = name.trim_start_matches("./");
            Some((format!("`{path}`"), texts.get(path)?.clone()))
        }
        TaskPlace::Program => None,
    }
}

/// The lines of a target of a make file, or of a recipe of `just`, with the variables of the file; the
/// targets that come first stand before them as commands.
fn recipe(text: &str, name: &str) -> Option<String> {
    let joined = text.replace("\\\n", " ");
    let mut variables: Vec<(&str, &str)> = Vec::new();
    let mut lines: Option<Vec<String>> = None;
    let mut is_own = false;
    for line in joined.lines() {
        if line.starts_with(['\t', ' ']) {
            if let Some(lines) = lines.as_mut().filter(|_| is_own) {
                lines.push(line.trim().trim_start_matches(['@', '-', '+']).to_owned());
            }
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            let key = key.trim_end_matches([':', '?', '+']).trim();
            if !key.contains([' ', ':']) {
                variables.push((key, value.trim()));
                continue;
            }
        }
        let Some((targets, rest)) = line.split_once(':') else {
            continue;
        };
        let mut all = targets.split_whitespace();
        is_own = !line.starts_with('.') && all.any(|target| target == name);
        if is_own {
            let before = rest.split(['#', ';']).next().unwrap_or_default();
            let before = before.split_whitespace().filter(|word| is_name(word));
            let calls = before.map(|target| format!("make {target}"));
            lines.get_or_insert_default().extend(calls);
        }
    }
    let mut text = lines?
        .join("\n")
        .replace("$(MAKE)", "make")
        .replace("${MAKE}", "make");
    // A variable of the file can hold another one.
    for _ in 0..2 {
        for (key, value) in &variables {
            text = text.replace(&format!("$({key})"), value);
            text = text.replace(&format!("${{{key}}}"), value);
        }
    }
    Some(text)
}

/// The commands of a task of a Taskfile, and the tasks that it calls.
fn task_of(text: &str, name: &str) -> Option<String> {
    let file = yaml::parse(text)?;
    let task = file["tasks"].get(name)?;
    let mut lines = Vec::new();
    let own = match task {
        Value::Object(_) => [&task["deps"], &task["cmds"], &task["cmd"]].to_vec(),
        other => vec![other],
    };
    for (at, list) in own.iter().enumerate() {
        let items = match list {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            one => vec![(*one).clone()],
        };
        for item in &items {
            let called = item["task"].as_str();
            let called = called.or_else(|| item.as_str().filter(|_| own.len() > 1 && at == 0));
            match called {
                Some(called) => lines.push(format!("task {called}")),
                None => lines.push(yaml::text(item.get("cmd").unwrap_or(item))),
            }
        }
    }
    Some(lines.join("\n"))
}
