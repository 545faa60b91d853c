//! `hoist init`: a commented `release.toml` from what the repository holds.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    process::ExitCode,
};

use serde_json::json;

use super::{context::Context, exit};
use crate::{
    error::{Error, Result},
    init::{self, Found, FoundFile},
    policy,
    project::{POLICY_FILE, WorkTree},
};

/// Write a commented `release.toml` from what the repository holds
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {}

/// Writes the file; never over another one.
pub(super) fn run(_: InitArgs, context: &Context) -> Result<ExitCode> {
    let start = context.directory();
    let tree = WorkTree::read(start)?;
    let path = match &context.global.config {
        Some(config) => start.join(config),
        None => tree.top.join(POLICY_FILE),
    };
    // Said before anything is read, and held again when the file is made.
    if path.exists() {
        return Err(exists(&path));
    }
    let mut found = Found {
        remote: tree.remote,
        git_tags: tree.tags,
        files: Vec::new(),
    };
    gather(&tree.top, "", init::DEPTH, &mut found.files);
    let draft = init::draft(&found)?;
    create(&path, &draft.text)?;
    for note in &draft.notes {
        context.terminal.note(note);
    }
    if context.terminal.json {
        let document = json!({"v": 1, "path": path, "notes": draft.notes});
        context.terminal.json(&document);
    } else {
        context.terminal.data(&path.display().to_string());
    }
    Ok(ExitCode::from(exit::OK))
}

/// The files that can say anything; one that cannot be read, or is not text, says nothing.
fn gather(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<FoundFile>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 0 && !init::is_passed_by(&path) {
            gather(&entry.path(), &format!("{path}/"), depth - 1, files);
        } else if kind.is_file()
            && init::has_interest(&path)
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(FoundFile { path, text });
        }
    }
}

fn create(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => Error::refused(format!("cannot write `{}`", path.display())).because(&error),
    };
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn exists(path: &Path) -> Error {
    let text = fs::read_to_string(path).unwrap_or_default();
    let error =
        Error::refused(format!("`{}` exists already", path.display())).state("nothing was written");
    if policy::is_cargo_release(&text) {
        error
            .cause("it belongs to cargo-release, not to hoist")
            .hint("write another file and name it in every call: `hoist --config hoist.toml init`")
    } else {
        error.hint("`hoist check` shows whether it is valid")
    }
}
