//! `hoist tags`: the tag set of a version, for use with any other builder.

mod format;

use std::process::ExitCode;

use serde_json::json;

use self::format::Format;
use super::{Context, exit, next::Overrides};
use crate::{
    error::{Error, Result},
    plan::{tags::TagSet, version::request::parse_version},
    release::Tags,
};

/// Print the tags of a version, one a line, in the order in which a release writes them
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Arguments {
    /// The version [default: the next one]
    #[arg(value_name = "VERSION")]
    of: Option<String>,
    /// Ask no registry: what git tags alone keep back is left out, the rest is printed
    #[arg(long)]
    offline: bool,
    /// Say for each template what it gives, or what suppresses it, on stderr
    #[arg(long)]
    explain: bool,
    /// The form
    #[arg(
        long,
        value_name = "FORM",
        default_value = "lines",
        conflicts_with = "json"
    )]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs the verb.
pub(super) fn run(arguments: Arguments, context: &Context) -> Result<ExitCode> {
    let of = arguments.of.as_deref().map(parse_version).transpose()?;
    let release = context.open()?;
    let request = arguments.overrides.into();
    let tags = release.tags(&request, of.as_ref(), arguments.offline)?;
    for note in &tags.notes {
        context.terminal.note(note);
    }
    let named = !release.project().policy().image.all().is_empty();
    if matches!(arguments.format, Format::Refs | Format::Bake) && !named {
        return Err(Error::usage(
            "a reference needs a repository, and `image.repository` is not set",
        )
        .hint("name it: `--image docker.io/acme/api`"));
    }
    match &tags.set {
        Some(set) => print(set, &tags, arguments.format, arguments.explain, context),
        None => nothing(&tags, &release.project().policy().image.all(), context),
    }
    Ok(ExitCode::from(exit::OK))
}

fn print(set: &TagSet, tags: &Tags, format: Format, explain: bool, context: &Context) {
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&format::document(set, explain));
    } else {
        let text = format::text(set, &tags.labels, format);
        if !text.is_empty() {
            terminal.data(&text);
        }
        let kept = set.tags().iter().filter(|planned| planned.is_kept());
        for planned in kept.filter(|_| !explain) {
            terminal.note(&format!("`{}` stays: {}", planned.tag, planned.why()));
        }
    }
    if explain {
        for line in format::explanation(set) {
            terminal.remark(&line);
        }
    }
}

fn nothing(tags: &Tags, repositories: &[crate::oci::Repository], context: &Context) {
    let terminal = &context.terminal;
    if terminal.json {
        return terminal.json(&json!({
            "v": 1,
            "version": null,
            "tags": [],
            "repositories": repositories,
            "why": tags.why,
        }));
    }
    terminal.note(&format!("nothing to release: {}", tags.why));
    if let Some(version) = &tags.on_head {
        terminal.note(&format!("its tags: `hoist tags {version}`"));
    }
}
