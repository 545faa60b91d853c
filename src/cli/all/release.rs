//! `hoist release --all`: every image side by side, one question, one outcome for each.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{config, entry, named};
use crate::{
    cli::{Context, exit, outcome, plan, release, render},
    error::{Error, ErrorKind, Result},
    project::ImageResult,
    release::{Planned, ReleaseRequest, ReleaseResult},
};

/// What the flags of `hoist release` say beside the request.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct How {
    pub(in crate::cli) yes: bool,
    pub(in crate::cli) dry_run: bool,
    /// `--require-release`: nothing to release for any image is exit 3.
    pub(in crate::cli) required: bool,
}

pub(in crate::cli) fn run(ask: &ReleaseRequest, how: How, context: &Context) -> Result<ExitCode> {
    if !how.yes && !how.dry_run {
        release::somebody_can_answer(true, context)?;
    }
    let all = context.open_set_for_work(true)?;
    if how.dry_run {
        let each = all.dry_run(ask);
        let code = plan::show_all(&each, context);
        return Ok(ended(code, how.required && no_plan(&each), context));
    }
    if !how.yes {
        let each = all.plan(ask);
        if !release_is_wanted(&each, context) {
            let code = super::code(&each, |_| exit::OK);
            return Ok(ended(code, how.required && no_plan(&each), context));
        }
        return Ok(finish(&all.execute(each, ask), how, context));
    }
    Ok(finish(&all.release(ask), how, context))
}

fn finish(each: &[ImageResult<ReleaseResult>], how: How, context: &Context) -> ExitCode {
    let code = super::code(each, done_code);
    let nothing =
        |one: &ImageResult<ReleaseResult>| matches!(one.result, Ok(ReleaseResult::Nothing(_)));
    let missed = how.required && each.iter().all(nothing);
    let mut lines = Vec::new();
    for one in each {
        let line = line(one);
        if context.terminal.json {
            context.terminal.json(&entry_line(config(one), &line));
        } else {
            tell(one, context);
        }
        lines.push((config(one), line));
    }
    if context.terminal.json {
        let code = if missed { exit::NOTHING } else { code };
        context.terminal.json(&whole(&lines, code));
    }
    ended(code, missed, context)
}

/// Shows every plan and asks once. Nothing to release for any image: nothing is asked.
fn release_is_wanted(each: &[ImageResult<Planned>], context: &Context) -> bool {
    let plans: Vec<_> = each
        .iter()
        .filter_map(|one| match &one.result {
            Ok(Planned::Release(plan)) => Some(plan.as_ref()),
            Ok(Planned::NothingToRelease(_)) | Err(_) => None,
        })
        .collect();
    plan::tell_others(each, context);
    if plans.is_empty() {
        return false;
    }
    let shown: String = plans.iter().map(|plan| plan::text(plan)).collect();
    let count = match plans.len() {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    };
    render::ask(&format!("{shown}Release {count}?"))
}

fn no_plan(each: &[ImageResult<Planned>]) -> bool {
    each.iter()
        .all(|one| matches!(one.result, Ok(Planned::NothingToRelease(_))))
}

fn done_code(done: &ReleaseResult) -> u8 {
    match done {
        ReleaseResult::Nothing(_) => exit::OK,
        ReleaseResult::Ended(ended) => outcome::code(ended),
    }
}

/// The outcome of one image as one release's last line.
fn line(one: &ImageResult<ReleaseResult>) -> Value {
    match &one.result {
        Ok(ReleaseResult::Nothing(nothing)) => outcome::nothing_document(nothing),
        Ok(ReleaseResult::Ended(ended)) => outcome::document(ended, outcome::code(ended)),
        Err(error) => outcome::failed(error),
    }
}

/// The same with the image that it is about.
fn entry_line(config: &str, line: &Value) -> Value {
    let mut fields = Map::from_iter([
        ("v".to_owned(), json!(1)),
        ("config".to_owned(), json!(config)),
    ]);
    fields.extend(line.as_object().cloned().unwrap_or_default());
    fields.into()
}

/// The last line: how it ended for all. Its word is that of the image that ended worst.
fn whole(lines: &[(&str, Value)], code: u8) -> Value {
    let all = lines.iter().map(|(_, line)| line);
    let decided: Vec<_> = all.filter(|line| line["exit"] == code).collect();
    // One that was published beside others that had nothing to do.
    let published = decided.iter().find(|line| line["outcome"] == "published");
    let shown = published.or(decided.first());
    let releases: Vec<Value> = lines
        .iter()
        .map(|(config, line)| {
            let fields = ["outcome", "exit", "version"];
            let fields = fields.map(|name| (name.to_owned(), line[name].clone()));
            entry(config, Ok(Map::from_iter(fields).into()))
        })
        .collect();
    json!({
        "v": 1,
        "type": "outcome",
        "outcome": shown.map_or(json!(ErrorKind::NothingToRelease), |line| line["outcome"].clone()),
        "exit": code,
        "releases": releases,
    })
}

/// One image for a person: references on stdout, the rest on stderr.
fn tell(one: &ImageResult<ReleaseResult>, context: &Context) {
    match &one.result {
        Ok(ReleaseResult::Nothing(nothing)) => plan::tell_nothing_of(config(one), nothing, context),
        Ok(ReleaseResult::Ended(ended)) => outcome::tell(ended, Some(config(one)), context),
        Err(error) => context.terminal.error(&named(config(one), error)),
    }
}

/// The end of the process; with `--require-release` and nothing to release, that is said.
fn ended(code: u8, missed: bool, context: &Context) -> ExitCode {
    if !missed {
        return ExitCode::from(code);
    }
    let error = Error::new(
        ErrorKind::NothingToRelease,
        "there is nothing to release in any image",
    );
    context.terminal.error(&error);
    exit::code(error.kind)
}
