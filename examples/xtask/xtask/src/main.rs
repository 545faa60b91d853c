//! `cargo xtask release [--dry-run]`, and `status`, `resume` and `rollback` for one that was interrupted: releases
//! of this workspace's image through hoist's library, with the exit codes of the `hoist` program.

use std::{process::ExitCode, thread};

use hoist::{
    Cancel, Consent, Environment, Error, Event, Events, Location, Outcome, Plan, Planned, Project,
    Recovery, ReleaseRequest, ReleaseResult, Result, blocking::Release, exit,
};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["release"] => release(),
        ["release", "--dry-run"] => dry_run(),
        ["status"] => status(),
        ["resume"] => resume(),
        ["rollback"] => rollback(),
        _ => {
            eprintln!(
                "usage: cargo xtask release [--dry-run], or cargo xtask status|resume|rollback"
            );
            return ExitCode::from(exit::USAGE);
        }
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        print_error(&error);
        error.exit_code()
    }))
}

/// Nothing in hoist prints: what happens comes to this callback.
fn open() -> Result<Release> {
    let events = Events::new(|event| match event {
        Event::Tagged {
            repository, tag, ..
        } => eprintln!("tagged {}", repository.tag(&tag)),
        Event::Restored {
            repository, tag, ..
        } => eprintln!("put back {}", repository.tag(&tag)),
        Event::Note { text } | Event::Warning { text } => eprintln!("{text}"),
        _ => {}
    });
    let project = Project::open(&Location::default(), &Environment::from_process())?;
    Release::new(project, events, &cancelled_by_signal())
}

/// The first Ctrl-C ends the run in a named state: nothing is half done, or the journal says what.
fn cancelled_by_signal() -> Cancel {
    let cancel = Cancel::new();
    let cancelled = cancel.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let heard = runtime.map(|runtime| runtime.block_on(tokio::signal::ctrl_c()));
        if let Ok(Ok(())) = heard {
            cancelled.cancel();
        }
    });
    cancel
}

fn dry_run() -> Result<u8> {
    match open()?.dry_run(&ReleaseRequest::default())? {
        Planned::Release(plan) => print_plan(&plan),
        Planned::NothingToRelease(nothing) => println!("nothing to release: {}", nothing.why),
    }
    Ok(exit::OK)
}

fn print_plan(plan: &Plan) {
    println!("{}: {}", plan.version, plan.why);
    for planned in &plan.tags {
        println!(
            "{} {}",
            planned.action.as_str(),
            planned.repository.tag(&planned.tag)
        );
    }
}

fn release() -> Result<u8> {
    match open()?.release(&ReleaseRequest::default())? {
        ReleaseResult::Nothing(nothing) => {
            println!("nothing to release: {}", nothing.why);
            Ok(exit::OK)
        }
        ReleaseResult::Ended(outcome) => Ok(print_outcome(&outcome)),
    }
}

/// Shows each release that was interrupted, with what its tags show now.
fn status() -> Result<u8> {
    let unfinished = open()?.status()?;
    for release in &unfinished {
        println!(
            "{} of {}, {}",
            release.version, release.commit, release.stands
        );
        for tag in &release.tags {
            println!("{} shows {}", tag.repository.tag(&tag.tag), tag.now);
        }
    }
    Ok(match unfinished.is_empty() {
        true => exit::OK,
        false => exit::BUSY,
    })
}

/// Finishes a release that was interrupted, here or on another machine. Where only the lock tells of it,
/// somebody has to agree first: see [`Consent`].
fn resume() -> Result<u8> {
    let ended = open()?.resume(Recovery::IfAbandoned, &Consent::Missing)?;
    Ok(print_ended(ended.as_ref()))
}

/// Puts every tag of such a release back.
fn rollback() -> Result<u8> {
    let ended = open()?.roll_back_unfinished(Recovery::IfAbandoned, &Consent::Missing)?;
    Ok(print_ended(ended.as_ref()))
}

fn print_ended(ended: Option<&Outcome>) -> u8 {
    match ended {
        Some(outcome) => print_outcome(outcome),
        None => {
            println!("no release is unfinished");
            exit::OK
        }
    }
}

/// What came of a transaction; its exit code.
fn print_outcome(outcome: &Outcome) -> u8 {
    match &outcome.error {
        Some(error) => print_error(error),
        None => {
            for image in &outcome.images {
                println!("{}", image.repository.digest(&image.digest));
            }
        }
    }
    outcome.exit_code()
}

fn print_error(error: &Error) {
    eprintln!("error: {}", error.message());
    for cause in error.causes() {
        eprintln!("caused by: {cause}");
    }
    if let Some(state) = error.state_now() {
        eprintln!("state: {state}");
    }
    for hint in error.hints() {
        eprintln!("hint: {hint}");
    }
}
