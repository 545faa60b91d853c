//! `hoist status`: what the journal, the lock and the registries say now.

use std::{fmt::Write as _, process::ExitCode};

use super::{Context, all, exit};
use crate::{error::Result, project::ImageResult, release::Unfinished};

/// Show unfinished releases: whose, since when, and what each tag shows now
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Of every image: each committed file of the policy's name
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    if args.all {
        let each = context.open_set(true)?.status();
        return Ok(ExitCode::from(show_all(&each, context)));
    }
    let open = context.open()?.status()?;
    let code = if open.is_empty() {
        exit::OK
    } else {
        exit::BUSY
    };
    if context.terminal.json {
        context.terminal.json(&document(&open));
    } else if open.is_empty() {
        context.terminal.note("no release is unfinished");
    } else {
        for release in &open {
            context.terminal.data(text(release).trim_end());
        }
        context
            .terminal
            .note("`hoist resume` finishes it, `hoist rollback` undoes it");
    }
    Ok(ExitCode::from(code))
}

fn document(open: &[Unfinished]) -> serde_json::Value {
    serde_json::json!({ "v": 1, "unfinished": open })
}

/// What is unfinished of every image; the exit code.
fn show_all(each: &[ImageResult<Vec<Unfinished>>], context: &Context) -> u8 {
    let terminal = &context.terminal;
    let code = all::code(each, |open| match open.is_empty() {
        true => exit::OK,
        false => exit::BUSY,
    });
    if terminal.json {
        let entry = |one: &ImageResult<Vec<Unfinished>>| {
            let document = one.result.as_ref().map(|open| document(open));
            all::entry(all::config(one), document)
        };
        let entries: Vec<_> = each.iter().map(entry).collect();
        terminal.json(&all::document(&entries));
    } else {
        for one in each {
            let config = all::config(one);
            for open in one.result.iter().flatten() {
                let open = text(open);
                terminal.data(&format!("{config}: {}", open.trim_end()));
                terminal.note(&all::about(
                    config,
                    "`hoist resume` finishes it, `hoist rollback` undoes it",
                ));
            }
        }
        if code == exit::OK {
            terminal.note("no release is unfinished");
        }
    }
    all::tell_errors(each, terminal);
    code
}

fn text(open: &Unfinished) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} of commit {} is unfinished: {}",
        open.version, open.commit, open.stands
    );
    let _ = writeln!(
        out,
        "  by {}, since {}",
        open.owner,
        open.since.format("%Y-%m-%d %H:%M:%S UTC")
    );
    let place = match (open.here, open.locked) {
        (true, true) => "its journal is in this clone, its lock on the remote",
        (true, false) => "its journal is in this clone; the remote has no lock of it",
        (false, _) => "its lock is on the remote; its journal is in another clone",
    };
    let _ = writeln!(out, "  {place}");
    let names: Vec<String> = open
        .tags
        .iter()
        .map(|tag| tag.repository.tag(&tag.tag))
        .collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for (tag, name) in open.tags.iter().zip(&names) {
        let state = if tag.is_ours() {
            "new".to_owned()
        } else if tag.is_as_before() {
            "as before".to_owned()
        } else {
            format!("another: {}", tag.now)
        };
        let _ = writeln!(
            out,
            "    {name:width$}  {:12}  {state}",
            tag.now.to_string()
        );
    }
    out
}
