//! `hoist inspect`: size by layer, waste, what changed, advice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    context::Context,
    exit,
    images::{Images, plain},
    inspect_text::text,
};
use crate::{
    error::{Error, Result},
    oci::Platform,
    policy,
    project::ImageResult,
    release::{InspectOptions, Report, ShownImage, inspect_path, is_on_disk, markdown, page},
    text::{sanitize_line, shell_word},
};

/// How many past releases the page shows.
const PAST: usize = 10;

/// Show where an image's bytes are, what is wasted and what changed
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// A version, a reference, an OCI layout, a `docker save` archive, or the name of an image of the policy [default: the last release]
    // Not called `image`: that is the global flag.
    #[arg(value_name = "IMAGE", add = super::candidates::images_and_versions())]
    what: Option<String>,
    /// What to compare it with [default: of a version, the release before it]
    #[arg(long, value_name = "IMAGE", add = super::candidates::versions())]
    since: Option<String>,
    /// Show the image for this platform [default: this machine's, else the first]
    #[arg(long, value_name = "PLATFORM", value_parser = policy::known_platform)]
    platform: Option<Platform>,
    /// Of a layout that holds several images, show this one: its name, such as worker/alpine or 1.3.0, or its digest
    #[arg(long, value_name = "NAME", conflicts_with = "all", add = super::candidates::image_names())]
    image_name: Option<String>,
    /// Exit 4 where it is over `[image.budget]`; a file is compared with the last release
    #[arg(long)]
    budget: bool,
    /// Write a page for a browser as well: treemap, past releases, advice
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print Markdown, for the summary of a CI job
    #[arg(long)]
    markdown: bool,
    /// The last release of every image and variant: each committed file of the policy's name
    #[arg(long, conflicts_with_all = ["what", "since", "html"])]
    all: bool,
}

pub(super) fn run(args: InspectArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let reports = Images::of(reports(&args, context)?)?;
    if terminal.json {
        terminal.json(&reports.document(plain));
    } else {
        for (label, report) in reports.values() {
            let shown = match args.markdown {
                true => markdown(report),
                false => text(report, terminal.width()),
            };
            terminal.data(&label.data(shown.trim_end()));
        }
    }
    if let (Some(file), Some((_, report))) = (&args.html, reports.values().next()) {
        write_page(&context.path(file), report)?;
        terminal.note(&format!("the page is in `{}`", file.display()));
    }
    reports.tell_errors(terminal);
    Ok(ExitCode::from(reports.code(
        |report| match report.over_budget.is_empty() {
            true => exit::OK,
            false => exit::REFUSED,
        },
    )))
}

fn reports(args: &InspectArgs, context: &Context) -> Result<Vec<ImageResult<Report>>> {
    let path = |text: &String| Some(context.path(Path::new(text))).filter(|path| path.exists());
    let given = args.what.iter().chain(&args.since);
    if let Some(gone) = given
        .clone()
        .find(|text| is_path(text) && path(text).is_none())
    {
        let message = format!("there is no file `{}`", sanitize_line(gone, 200));
        return Err(Error::refused(message).state("nothing was read"));
    }
    let is_layout = args.what.as_ref().and_then(path).is_some();
    if let (Some(name), false) = (&args.image_name, is_layout) {
        return Err(without_layout(name));
    }
    let shown = ShownImage {
        platform: args.platform.clone(),
        name: args.image_name.clone(),
    };
    let since = args.since.as_ref().and_then(path);
    let are_files = !args.budget && since.is_some() == args.since.is_some();
    let image = args.what.as_ref().and_then(path).filter(|_| are_files);
    // A directory without an image in it may have the name of an image of the policy.
    let is_sure = |image: &PathBuf| args.what.as_deref().is_some_and(is_path) || is_on_disk(image);
    let on_disk = |image: &Path| {
        vec![ImageResult::new(
            None,
            inspect_path(image, since.as_deref(), &shown),
        )]
    };
    if let Some(image) = image.as_ref().filter(|image| is_sure(image)) {
        // Files need no repository, and so no policy.
        return Ok(on_disk(image));
    }
    let named = |text: &String| match path(text) {
        Some(path) if is_path(text) || is_on_disk(&path) => path.to_string_lossy().into_owned(),
        _ => text.clone(),
    };
    Ok(match (context.releases(args.all), image) {
        (Err(_), Some(image)) => on_disk(&image),
        (releases, _) => releases?.inspect(&InspectOptions {
            image: args.what.as_ref().map(named),
            since: args.since.as_ref().map(named),
            shown: shown.clone(),
            budget: args.budget,
            past: if args.html.is_some() { PAST } else { 0 },
            every_image: args.all,
        }),
    })
}

/// Whether a text can only be the name of a file.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
        || [".tar", ".tar.gz", ".tgz"]
            .iter()
            .any(|end| text.ends_with(end))
}

/// A name chooses among the images of a layout, and none was given.
fn without_layout(name: &str) -> Error {
    let error = Error::usage("`--image-name` chooses an image of a layout, and no layout is named")
        .state("nothing was read");
    error.hint(format!(
        "`hoist inspect {}` shows the last release of an image of the policy",
        shell_word(&sanitize_line(name, 200))
    ))
}

fn write_page(file: &Path, report: &Report) -> Result<()> {
    fs::write(file, page(report)?).map_err(|error| {
        Error::failed(format!("cannot write `{}`", file.display())).because(&error)
    })
}
