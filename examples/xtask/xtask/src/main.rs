//! `cargo xtask release [--dry-run]`: a release of this workspace's image through hoist's library.

use std::process::ExitCode;

use hoist::{
    Environment, Error, Event, Events, Location, OutcomeKind, Plan, Planned, ReleaseRequest,
    ReleaseResult, Result, blocking::Release,
};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["release"] => release(),
        ["release", "--dry-run"] => dry_run(),
        _ => {
            eprintln!("usage: cargo xtask release [--dry-run]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Nothing in hoist prints: what happens comes to this callback.
fn open() -> Result<Release> {
    let events = Events::new(|event| match event {
        Event::Tagged {
            repository, tag, ..
        } => eprintln!("tagged {}", repository.tag(&tag)),
        Event::Note { text } | Event::Warning { text } => eprintln!("{text}"),
        _ => {}
    });
    Release::open(&Location::default(), &Environment::from_process(), events)
}

fn dry_run() -> Result<()> {
    match open()?.dry_run(&ReleaseRequest::default())? {
        Planned::Release(plan) => print_plan(&plan),
        Planned::NothingToRelease(nothing) => println!("nothing to release: {}", nothing.why),
    }
    Ok(())
}

fn print_plan(plan: &Plan) {
    println!("{}: {}", plan.version, plan.why);
    for planned in &plan.tags {
        println!(
            "{:?} {}",
            planned.action,
            planned.repository.tag(&planned.tag)
        );
    }
}

fn release() -> Result<()> {
    match open()?.release(&ReleaseRequest::default())? {
        ReleaseResult::Nothing(nothing) => println!("nothing to release: {}", nothing.why),
        ReleaseResult::Ended(outcome) => {
            if let Some(error) = outcome.error {
                return Err(error);
            }
            assert_eq!(outcome.kind, OutcomeKind::Published);
            for image in &outcome.images {
                println!("{}", image.repository.digest(&image.digest));
            }
        }
    }
    Ok(())
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
