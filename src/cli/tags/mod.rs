//! `hoist tags`: the tag set of a version, for use with any other builder.

pub(super) mod document;
mod format;

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;

use self::format::Format;
use super::{
    args::Overrides, context::Context, exit, images::Images, policy_file::PolicyFile,
    render::Terminal,
};
use crate::{
    error::{Error, ErrorCode, Result},
    oci::Repository,
    project::parse_version,
    release::{TagSet, TagsResult},
};

/// Print the tags of a version, one a line, in the order in which a release writes them
#[derive(Debug, clap::Args)]
pub(super) struct TagsArgs {
    /// The version [default: the next one]
    #[arg(value_name = "VERSION", add = super::candidates::versions())]
    of: Option<String>,
    /// Ask no registry: what git tags alone keep back is left out, the rest is printed
    #[arg(long)]
    offline: bool,
    /// Say for each template what it gives, or what suppresses it, on stderr
    #[arg(long)]
    explain: bool,
    /// Exit 3 where there is nothing to release
    #[arg(long, conflicts_with = "of")]
    require_release: bool,
    /// The form in which the tags are printed
    #[arg(
        long,
        value_name = "FORM",
        default_value = "lines",
        conflicts_with = "json"
    )]
    format: Format,
    #[command(flatten)]
    overrides: Overrides,
    /// For every image: each committed file of the policy's name; prints `FILE TAG` lines
    #[arg(long, conflicts_with = "of")]
    all: bool,
}

/// The answer for one image.
struct TagsAnswer {
    tags: TagsResult,
    /// Those of the policy, in their order.
    repositories: Vec<Repository>,
}

pub(super) fn run(args: TagsArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    refuse_files(args.format, args.all)?;
    let of = args.of.as_deref().map(parse_version).transpose()?;
    let request = args.overrides.request(args.all)?;
    let releases = context.releases(args.all)?;
    let answers = releases.tags(&request, of.as_ref(), args.offline);
    let answers = releases
        .members()
        .iter()
        .zip(answers)
        .map(|(release, answer)| {
            let repositories = release.project().policy().repositories();
            answer.and_then(|tags| TagsAnswer { tags, repositories }.with_names(args.format))
        });
    let answers = Images::of(answers.collect())?;
    if terminal.json {
        terminal.json(&answers.document(|answer| answer.document(args.explain)));
    }
    for (file, answer) in answers.values() {
        answer.print(file, args.format, args.explain, terminal);
    }
    answers.tell_errors(terminal);
    let is_nothing =
        |answer: &Result<TagsAnswer>| matches!(answer, Ok(one) if one.tags.set.is_none());
    if args.require_release && answers.iter().all(|(_, answer)| is_nothing(answer)) {
        return Ok(ExitCode::from(exit::NOTHING));
    }
    Ok(ExitCode::from(answers.code(|_| exit::OK)))
}

/// A file for another program is about one image.
fn refuse_files(format: Format, all: bool) -> Result<()> {
    match format {
        Format::Bake | Format::Github if all => {
            let name = format.to_possible_value().expect("no form is hidden");
            let name = name.get_name();
            Err(Error::usage(format!(
                "`--format {name}` is for one image, and `--all` means several"
            ))
            .hint(format!(
                "name the image: `hoist --config FILE tags --format {name}`"
            )))
        }
        _ => Ok(()),
    }
}

impl TagsAnswer {
    /// A full reference needs a repository.
    fn with_names(self, format: Format) -> Result<Self> {
        if matches!(format, Format::Refs | Format::Bake) && self.repositories.is_empty() {
            return Err(Error::usage(
                "a reference needs a repository, and `image.repository` is not set",
            )
            .with_code(ErrorCode::NoRepository)
            .hint("name it: `--image docker.io/acme/api`"));
        }
        Ok(self)
    }

    fn document(&self, explain: bool) -> Value {
        match &self.tags.set {
            Some(set) => document::of_set(set, explain),
            None => document::of_nothing(&self.repositories, &self.tags.why),
        }
    }

    fn print(&self, file: PolicyFile<'_>, format: Format, explain: bool, terminal: &Terminal) {
        for note in &self.tags.notes {
            terminal.note(&file.note(note));
        }
        match &self.tags.set {
            Some(set) => {
                if !terminal.json {
                    self.print_set(file, set, format, explain, terminal);
                }
                if explain {
                    remark(file, set, terminal);
                }
            }
            None if terminal.json => {}
            None => {
                let why = format!("nothing to release: {}", self.tags.why);
                terminal.note(&file.note(&why));
                if let Some(version) = &self.tags.on_head {
                    terminal.note(&file.note(&format!("its tags: `hoist tags {version}`")));
                }
            }
        }
    }

    fn print_set(
        &self,
        file: PolicyFile<'_>,
        set: &TagSet,
        format: Format,
        explain: bool,
        terminal: &Terminal,
    ) {
        let text = format::text(set, &self.tags.labels, format);
        match file.config() {
            _ if text.is_empty() => {}
            None => terminal.data(&text),
            Some(config) => {
                for line in text.lines() {
                    terminal.data(&format!("{config} {line}"));
                }
            }
        }
        let kept = set.tags().iter().filter(|planned| planned.is_kept());
        for planned in kept.filter(|_| !explain) {
            let image = match planned.image.is_of_main() {
                true => String::new(),
                false => planned.image.of_words(),
            };
            let stays = format!("`{}`{image} stays: {}", planned.tag, planned.why());
            terminal.note(&file.note(&stays));
        }
    }
}

fn remark(file: PolicyFile<'_>, set: &TagSet, terminal: &Terminal) {
    if let Some(config) = file.config() {
        terminal.remark(&format!("{config}:"));
    }
    terminal.table_aside(&format::explanation(set));
}
