//! `hoist build`: what a release would build, to be tried or to be joined by the last job.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::{args::Overrides, context::Context, exit, images::plain, plan_file::read_release};
use crate::{
    error::{Error, Result},
    oci::{Digest, Platform},
    policy,
    release::{BuildOptions, BuildTarget, BuiltImages, Leg, Report, markdown},
};

/// How the jobs of a release work together.
const JOBS: &str = "\
One image from several machines:
  first job   hoist plan --json > plan.json
              needs the whole history and its tags; reads the registries
  each leg    hoist build --plan plan.json --platform linux/arm64 --output dist/arm64.tar
              needs the commit and a builder; no registry, no password, no history
      or      hoist build --plan plan.json --platform linux/arm64 --stage > arm64.json
              needs the right to push as well; the content stays without a tag
  last job    hoist release --yes --plan plan.json --from 'dist/*.tar'
              needs what every release needs, and no builder

Without --plan each job computes version and commit for itself, and the last one refuses what differs; \
with `version.files` or `notes.changelog` legs need it. \
Without --output and --stage nothing is passed on: the image is built on any branch, labelled NEXT-dev.";

/// Build what a release would: a trial, or one machine's part of an image
#[derive(Debug, clap::Args)]
#[command(after_long_help = JOBS)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// Build for this platform alone, e.g. linux/arm64; may be given again
    #[arg(long, value_name = "PLATFORM", value_parser = policy::known_platform)]
    platform: Vec<Platform>,
    /// Build this image alone, e.g. worker/alpine; may be given again
    #[arg(long, value_name = "NAME", add = super::candidates::image_names())]
    image_name: Vec<String>,
    /// Write an OCI layout for `hoist release --from`: a directory, or an archive
    #[arg(short, long, value_name = "DIR|FILE.tar", conflicts_with = "stage")]
    output: Option<PathBuf>,
    /// Push by digest to every repository, without a tag, and print the leg for `hoist release --from`
    #[arg(long)]
    stage: bool,
    /// Build by this plan (`hoist plan --json`), which all jobs of a release share
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bump", "version", "pre"])]
    plan: Option<PathBuf>,
    /// Measure the images, and write what was found to this file; in a job of GitHub Actions its summary gets it, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Go on where an image is over `[image.budget]`; else the exit code is 4
    #[arg(long)]
    over_budget: bool,
    /// Load the image for this machine into the engine, as REPOSITORY:NEXT-dev
    #[arg(long)]
    load: bool,
    /// Build files that no commit holds
    #[arg(long)]
    allow_dirty: bool,
}

pub(super) fn run(args: BuildArgs, context: &Context) -> Result<ExitCode> {
    let options = options(&args, context)?;
    let built = context.release_for_document()?.build(&options)?;
    if options.report {
        report(&built, args.markdown.as_deref(), context)?;
    }
    match &built.refused {
        None => {
            print(&built, &options.target, context);
            Ok(ExitCode::from(exit::OK))
        }
        Some(error) => {
            if context.terminal.json {
                context.terminal.json(&document(&built));
            }
            context.terminal.error(error);
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

fn options(args: &BuildArgs, context: &Context) -> Result<BuildOptions> {
    let mut options = BuildOptions {
        request: args.overrides.clone().request(false)?,
        ..BuildOptions::default()
    };
    options.platforms.clone_from(&args.platform);
    options.images.clone_from(&args.image_name);
    options.allow_dirty = args.allow_dirty;
    options.load = args.load;
    options.over_budget = args.over_budget;
    options.report = args.markdown.is_some() || context.terminal.ci.wants_notes();
    options.target = match (&args.output, args.stage) {
        (Some(to), _) => BuildTarget::Layout(output(&context.path(to))?),
        (None, true) => BuildTarget::Staged,
        (None, false) => BuildTarget::Trial,
    };
    if let Some(file) = &args.plan {
        if options.target == BuildTarget::Trial {
            return Err(
                Error::usage("`--plan` is for a leg, and nothing says where the leg goes")
                    .state("nothing was built")
                    .hint("add `--output DIR` or `--stage`; a trial has no plan"),
            );
        }
        options.plan = Some(read_release(&context.path(file))?);
    }
    Ok(options)
}

/// A packed archive would be a directory of a strange name.
fn output(to: &Path) -> Result<PathBuf> {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let packed = [".tgz", ".tar.gz", ".tar.zst", ".tar.xz", ".gz", ".zst"];
    if packed.iter().any(|end| name.ends_with(end)) {
        return Err(Error::usage(format!(
            "`--output {}` is not an archive that hoist writes",
            to.display()
        ))
        .cause("layers are packed already, so the archive is not")
        .state("nothing was built")
        .hint("let the name end with `.tar`, or name a directory"));
    }
    Ok(to.to_owned())
}

/// What was measured, as Markdown: to a file, and to the summary of the job.
fn report(built: &BuiltImages, file: Option<&Path>, context: &Context) -> Result<()> {
    let parts: Vec<String> = built.reports.iter().map(markdown).collect();
    let text = parts.join("\n");
    if let Some(file) = file {
        let path = context.path(file);
        fs::write(&path, &text).map_err(|error| {
            Error::failed(format!("cannot write `{}`", file.display())).because(&error)
        })?;
    }
    context.terminal.summary(&text);
    Ok(())
}

fn print(built: &BuiltImages, target: &BuildTarget, context: &Context) {
    let terminal = &context.terminal;
    for message in &built.messages {
        terminal.note(message);
    }
    for image in &built.images {
        if let Some(reference) = &image.loaded {
            terminal.note(&format!("the engine has it as `{reference}`"));
        }
    }
    if *target == BuildTarget::Staged {
        // A line for each image: the file that `--from` reads.
        for leg in built.images.iter().filter_map(|image| image.leg.as_ref()) {
            terminal.json(&plain(leg));
        }
        return;
    }
    if terminal.json {
        return terminal.json(&document(built));
    }
    for image in &built.images {
        terminal.data(image.digest.as_str());
    }
    match target {
        BuildTarget::Layout(to) => terminal.note(&format!(
            "the leg is in `{}`; nothing was pushed",
            to.display()
        )),
        _ => terminal.note(&format!(
            "a trial, labelled {}; nothing was pushed",
            built.version
        )),
    }
}

/// The document of `hoist build --json`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct BuildDocument<'a> {
    /// The version of the format.
    v: u8,
    /// The version that the images are labelled with.
    version: &'a Version,
    /// The main image first, then the others by name, each followed by its variants.
    images: Vec<BuiltDocument<'a>>,
    /// What was measured, for each image and platform: all where that was asked for, else what is over
    /// its budget.
    reports: &'a [Report],
    /// Why nothing was handed over: an image is over its budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Error>"))]
    error: Option<&'a Error>,
}

/// One image that was built.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BuiltDocument<'a> {
    /// The image's name.
    image: &'a str,
    /// The variant; `null` for an image without a suffix.
    variant: Option<&'a str>,
    /// The manifest or index.
    digest: &'a Digest,
    /// What it runs on.
    platforms: Vec<String>,
    /// The bytes of all its blobs, as they are sent.
    size: u64,
    /// The name that the engine knows it by.
    loaded: Option<&'a str>,
    /// What `hoist release --from` reads, where the content was pushed without a tag.
    leg: Option<&'a Leg>,
}

fn document(built: &BuiltImages) -> Value {
    let images = built.images.iter().map(|image| BuiltDocument {
        image: image.name.name(),
        variant: image.name.variant(),
        digest: &image.digest,
        platforms: image.platforms.iter().map(ToString::to_string).collect(),
        size: image.size,
        loaded: image.loaded.as_deref(),
        leg: image.leg.as_ref(),
    });
    plain(&BuildDocument {
        v: 1,
        version: &built.version,
        images: images.collect(),
        reports: &built.reports,
        error: built.refused.as_ref(),
    })
}
