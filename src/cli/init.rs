//! `hoist init`: a commented `release.toml` from what the repository holds.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;
use serde_json::Value;

use super::{
    context::Context,
    exit,
    images::plain,
    next_steps::{GitPlace, NextSteps},
    question::{ask_for, can_be_answered},
    table::{self, TableCell},
};
use crate::{
    error::{Error, Result},
    init::{self, ComparedRelease, ComparedTag, Found, FoundFile, Table},
    oci::Repository,
    policy::{self, Policy},
    project::{POLICY_FILE, WorkTree},
    regular_file,
    text::sanitize,
};

/// Write a commented `release.toml` from what the repository holds
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// Write nothing: compare the policy that is there with what workflows push now
    #[arg(long)]
    check: bool,
}

/// Writes the file; never over another one.
pub(super) fn run(args: InitArgs, context: &Context) -> Result<ExitCode> {
    let start = context.directory();
    let config = context
        .global
        .config
        .as_ref()
        .map(|config| start.join(config));
    // A policy is of the folder that it lies in.
    let beside = config
        .as_deref()
        .and_then(Path::parent)
        .filter(|folder| folder.is_dir());
    let place = beside.unwrap_or(start);
    let tree = WorkTree::read(place)?;
    // A folder with a Dockerfile is an image of its own in a repository of several.
    let folder = match tree.folder.is_empty() || !has_dockerfile(place) {
        true => String::new(),
        false => tree.folder,
    };
    let path = match config {
        Some(config) => config,
        None if args.check => nearest(start, &tree.top),
        None => tree.top.join(&folder).join(POLICY_FILE),
    };
    // Said before anything is read, and held again when the file is made.
    if !args.check && path.exists() {
        return Err(exists(&path));
    }
    let mut found = Found {
        remote: tree.remote,
        git_tags: tree.tags,
        images: named_images(context)?,
        messages: tree.messages,
        folder,
        files: Vec::new(),
    };
    gather(&tree.top, "", init::DEPTH, &mut found.files);
    if args.check {
        return check(&path, &found, context);
    }
    let (mut draft, mut table) = init::draft(&found)?;
    if draft.repositories.is_empty()
        && let Some(image) = asked(context)?
    {
        found.images.push(image);
        (draft, table) = init::draft(&found)?;
    }
    create(&path, &draft.text)?;
    for note in &draft.notes {
        context.terminal.note(note);
    }
    if context.terminal.json {
        let document = document(&path, Some(&draft.notes), &table);
        context.terminal.json(&document);
    } else {
        if draft.is_translation {
            tell(&table, context);
        }
        let is_first = found.git_tags.is_empty();
        let policy = Policy::parse(&draft.text, &path.display().to_string()).ok();
        let pushes = policy.as_ref().is_none_or(|policy| policy.git.push);
        let initial = policy.map(|policy| policy.version.initial);
        let initial = initial.filter(|_| is_first);
        let steps = NextSteps {
            git: GitPlace::of(&path, &tree.top),
            flags: context.terminal.standpoint().project_flags(),
            first: initial.as_ref(),
            pushes,
        };
        let steps = steps.of(&draft);
        context.terminal.note(&format!("what comes next: {steps}"));
        context.terminal.data(&path.display().to_string());
    }
    Ok(ExitCode::from(exit::OK))
}

/// The table for a policy that exists.
fn check(path: &Path, found: &Found, context: &Context) -> Result<ExitCode> {
    let shown = path.display().to_string();
    let text = regular_file::read_found_text(path).map_err(|error| {
        Error::usage(format!("cannot read `{shown}`"))
            .because(&error)
            .hint("`hoist init` writes a policy and ends with the same table")
    })?;
    let policy = Policy::parse(&text, &shown)?;
    let table = init::check(found, &policy)?;
    if context.terminal.json {
        context.terminal.json(&document(path, None, &table));
    } else {
        for line in lines(&table, context.terminal.width()) {
            context.terminal.styled(&line);
        }
    }
    Ok(ExitCode::from(exit::OK))
}

fn has_dockerfile(folder: &Path) -> bool {
    let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.any(|file| init::is_dockerfile(&file.file_name().to_string_lossy()))
}

/// The policy file here or further up.
fn nearest(start: &Path, top: &Path) -> PathBuf {
    let start = start.canonicalize().unwrap_or_else(|_| start.to_owned());
    let mut folders = start.ancestors().map(|folder| folder.join(POLICY_FILE));
    let found = folders.find(|file| file.exists());
    let inside = |file: &PathBuf| top.canonicalize().is_ok_and(|top| file.starts_with(top));
    found
        .filter(inside)
        .unwrap_or_else(|| top.join(POLICY_FILE))
}

/// The repositories that `--image` names.
fn named_images(context: &Context) -> Result<Vec<String>> {
    let location = context.global.location()?;
    Ok(location.images.iter().map(ToString::to_string).collect())
}

/// Asks where the image goes, where somebody can answer.
fn asked(context: &Context) -> Result<Option<String>> {
    if can_be_answered(&context.terminal).is_err() {
        return Ok(None);
    }
    let answer = ask_for(
        "Where does the image go, e.g. docker.io/acme/api? (Enter leaves it open)",
        &context.cancel,
    )?;
    if answer.is_empty() {
        return Ok(None);
    }
    let repository = answer.parse::<Repository>().map_err(|error| {
        Error::usage(format!("`{answer}` is not a valid repository"))
            .because(&error)
            .state("nothing was written")
    })?;
    Ok(Some(repository.to_string()))
}

/// The table on the terminal.
fn tell(table: &Table, context: &Context) {
    if context.terminal.quiet {
        return;
    }
    for line in lines(table, context.terminal.stderr_width()) {
        context.terminal.styled_aside(&line);
    }
}

fn lines(table: &Table, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for release in &table.releases {
        lines.push(sanitize(heading(release)));
        let head = ["tag", "there", "here", ""].map(TableCell::from).to_vec();
        let rows = release.rows.iter().map(|row| cells(row, release));
        let rows = rows.map(|row| row.into_iter().map(TableCell::from).collect());
        let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
        lines.extend(table::lines(&rows, 2, width));
    }
    lines
}

fn heading(release: &ComparedRelease) -> String {
    match &release.after {
        Some(after) => format!("{}, when {after} is out", release.version),
        None => release.version.clone(),
    }
}

fn cells(row: &ComparedTag, release: &ComparedRelease) -> Vec<String> {
    let several = release
        .rows
        .iter()
        .any(|other| other.repositories != row.repositories);
    let tag = match &*row.repositories {
        [one] if several => format!("{one}:{}", row.tag),
        _ => row.tag.clone(),
    };
    let tag = if row.image == "main" {
        tag
    } else {
        format!("{tag} ({})", row.image)
    };
    let there = match row.there {
        Some(true) => "pushed",
        Some(false) => "perhaps",
        None => "-",
    };
    let here = match row.here {
        Some(crate::init::TagAction::Keep) => "kept",
        Some(_) => "pushed",
        None => "-",
    };
    let why = match row.difference.why() {
        "" => String::new(),
        why => format!("{}: {why}", row.difference.as_str()),
    };
    vec![tag, there.into(), here.into(), why]
}

/// The document of `hoist init --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct InitDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The policy file that was written, or compared with `--check`.
    path: String,
    /// What a person should know of what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a [String]>,
    /// What workflows push now beside what the policy pushes, for a few releases.
    releases: Vec<ReleaseBeside<'a>>,
}

/// The tags of one release, side by side.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReleaseBeside<'a> {
    /// The version.
    version: &'a str,
    /// A higher version that is out.
    after: Option<&'a str>,
    /// Its tags.
    tags: Vec<TagBeside<'a>>,
}

/// One tag of one image.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TagBeside<'a> {
    /// The variant, or an image that the policy does not have; `main` for the only one.
    image: &'a str,
    /// The tag's name.
    tag: &'a str,
    /// The repositories that get it.
    repositories: &'a [String],
    /// What workflows do: `pushed`, `perhaps` or `no`.
    there: &'static str,
    /// What the policy does with the tag, or `no`.
    here: &'static str,
    /// How both compare: `same`, `on purpose`, `not taken over`, `added` or `another image`.
    difference: &'static str,
    /// Why they differ; empty where they do not.
    why: &'a str,
}

fn document<'a>(path: &Path, notes: Option<&'a [String]>, table: &'a Table) -> Value {
    let tag = |row: &'a ComparedTag| TagBeside {
        image: &row.image,
        tag: &row.tag,
        repositories: &row.repositories,
        there: match row.there {
            Some(true) => "pushed",
            Some(false) => "perhaps",
            None => "no",
        },
        here: row.here.map_or("no", |action| action.as_str()),
        difference: row.difference.as_str(),
        why: row.difference.why(),
    };
    let releases = table.releases.iter().map(|release| ReleaseBeside {
        version: &release.version,
        after: release.after.as_deref(),
        tags: release.rows.iter().map(tag).collect(),
    });
    plain(&InitDocument {
        v: 1,
        path: path.display().to_string(),
        notes,
        releases: releases.collect(),
    })
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
            && let Ok(text) = regular_file::read_text(&entry.path())
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
    let text = regular_file::read_text(path).unwrap_or_default();
    let error = Error::refused(format!("`{}` exists already", path.display()));
    let error = error.state("nothing was written");
    if policy::is_cargo_release(&text) {
        error
            .cause("it belongs to cargo-release, not to hoist")
            .hint("write another file and name it in every call: `hoist --config hoist.toml init`")
    } else {
        error
            .hint("`hoist check` shows whether it is valid")
            .hint("`hoist init --check` compares it with what workflows push now")
    }
}
