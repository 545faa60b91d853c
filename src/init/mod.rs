//! `hoist init`: a commented `release.toml` from what the repository holds.

mod dockerfile;
mod draft;
mod found;
mod rule;
mod text;
mod tools;
mod workflow;
mod yaml;

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use crate::{
    cli::{Global, Terminal, exit},
    error::{Error, Result},
    init::{
        found::{Found, git_prefix, github},
        workflow::Known,
    },
    io::git::read::Repository,
    policy::Policy,
};

/// How deep Dockerfiles are looked for below the top directory.
const DEPTH: usize = 3;
/// More Dockerfiles than this are examples or tests.
const MOST_DOCKERFILES: usize = 20;
const TOOL_FILES: [&str; 8] = [
    ".releaserc",
    ".releaserc.json",
    ".releaserc.yml",
    ".releaserc.yaml",
    "package.json",
    "cog.toml",
    "release.toml",
    "Cargo.toml",
];

/// Writes the file; never over another one.
pub(crate) fn run(global: &Global, terminal: &Terminal) -> Result<ExitCode> {
    let start = global.directory.clone().unwrap_or_else(|| ".".into());
    let repository = Repository::open(&start)?;
    let top = repository
        .directory()
        .ok_or_else(|| {
            Error::refused("a bare repository has no files to look at")
                .hint("run `hoist init` in a clone with a work tree")
        })?
        .to_owned();
    let path = match &global.config {
        Some(config) => start.join(config),
        None => top.join("release.toml"),
    };
    // Said before anything is read, and held again when the file is made.
    if path.exists() {
        return Err(exists(&path));
    }
    let draft = find(&repository, &top)?.draft();
    Policy::parse(&draft.text, "release.toml")
        .map_err(|error| Error::bug("the drafted policy does not parse").because(&error))?;
    create(&path, &draft.text)?;
    for note in &draft.notes {
        terminal.note(note);
    }
    if terminal.json {
        let document = json!({"v": 1, "path": path, "notes": draft.notes});
        terminal.json(&document);
    } else {
        terminal.data(&path.display().to_string());
    }
    Ok(ExitCode::from(exit::OK))
}

fn find(repository: &Repository, top: &Path) -> Result<Found> {
    let remotes = repository.remotes()?;
    let name = remotes
        .iter()
        .find(|name| *name == "origin")
        .or(remotes.first());
    let remote = name.and_then(|name| Some((name.clone(), repository.remote_url(name)?)));
    let mut found = Found {
        remote,
        git_tags: repository.tag_names()?,
        ..Found::default()
    };
    dockerfiles(top, "", DEPTH, &mut found.dockerfiles);
    let depth = |path: &str| path.matches('/').count();
    found.dockerfiles.sort_by_key(|(path, _)| {
        (
            depth(path),
            dockerfile::flavour(path).is_some(),
            path.clone(),
        )
    });
    found.dockerfiles.truncate(MOST_DOCKERFILES);
    for name in TOOL_FILES {
        if let Some(text) = read(&top.join(name)) {
            found.hints.read(name, &text);
        }
    }
    let prefix = git_prefix(&found.git_tags).map(|(prefix, _)| prefix);
    let hinted = found
        .hints
        .tag
        .as_deref()
        .and_then(|tag| tag.split('{').next());
    let own = found.remote.as_ref().and_then(|(_, url)| github(url));
    let known = Known {
        repository: own.as_deref(),
        git_prefix: &prefix.unwrap_or_else(|| hinted.unwrap_or("v").to_owned()),
    };
    for (file, text) in workflows(top) {
        found.imported.read(&file, &text, &known);
    }
    Ok(found)
}

fn dockerfiles(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let skipped = name.starts_with('.')
            || matches!(&*name, "node_modules" | "target" | "vendor" | "testdata");
        if kind.is_dir() && depth > 0 && !skipped {
            dockerfiles(&entry.path(), &format!("{path}/"), depth - 1, found);
        } else if kind.is_file()
            && dockerfile::is_dockerfile(&name)
            && let Some(text) = read(&entry.path())
        {
            found.push((path, text));
        }
    }
}

/// The files of `.github/workflows`, by name.
fn workflows(top: &Path) -> Vec<(String, String)> {
    let folder = top.join(".github/workflows");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(String, String)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            let text = yaml.then(|| read(&entry.path())).flatten()?;
            Some((format!(".github/workflows/{name}"), text))
        })
        .collect();
    files.sort();
    files
}

/// A file that cannot be read, or is no text, says nothing.
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn create(path: &PathBuf, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => Error::refused(format!("cannot write `{}`", path.display())).because(&error),
    };
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn exists(path: &Path) -> Error {
    let foreign = read(path)
        .and_then(|text| Policy::parse(&text, "release.toml").err())
        .filter(|error| error.message.contains("cargo-release"));
    let error =
        Error::refused(format!("`{}` exists already", path.display())).state("nothing was written");
    match foreign {
        Some(_) => error
            .cause("it belongs to cargo-release, not to hoist")
            .hint("write another file and name it in every call: `hoist --config hoist.toml init`"),
        None => error.hint("`hoist check` tells whether it is a good one"),
    }
}
