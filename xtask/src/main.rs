//! `cargo xtask …`: the project's own chores.

use std::process::{Command, ExitCode};

mod bench;
mod book;
mod checks;
mod demo;
mod dist;
mod engines;
mod fuzz;
mod measure;
mod release;
mod ways;

const USAGE: &str = "\
usage: cargo xtask <chore>

  demo          run the main job on real parts: git history -> version -> build -> tags -> git tag
                (--engine unix:///var/run/docker.sock uses a running engine of yours)
  test [NAME]   run every test, those with the real engine and registry included
                (HOIST_TESTS=no-engine leaves out what needs an engine)
  release [ARGS ...]
                release hoist with itself; --dry-run plans it in a sandbox, --sandbox makes it there
  dist [--own] [--binary FILE]
                make archives, wheels, install.sh, their checksums and hoist's own image in target/dist,
                for each architecture (--own: for this machine's alone; --binary packs a program that is
                built already)
  ways [--root FOLDER] [NAME ...]
                install hoist from target/dist in each way (archive, install.sh, pip, uv), in a bare Debian
                root, and make the demo's releases with it: needs root
  fuzz [SECONDS] [TARGET ...]
                run the fuzz targets, each for ten minutes or so many seconds
  book          build the book into target/book, and look where each of its links leads
  bench [history] [publish] [--quick] [--binary FILE] [--before FILE]
                hoist beside its peers and an older hoist, over a proxy with a round trip; writes
                BENCHMARKS.md and what docs/performance.md shows as measured
  engines [PART ...]
                try every builder's abilities on old and new engines, and print them as a table
                (the new ones come from Debian's newest packages, in a private root: needs root)
  engines sizes [--binary FILE] [--mib N] [--keys TOML] [ENGINE ...]
                a 2 GB image beside `docker push` and `skopeo copy`: time, memory, bytes sent
  measure       CPU time of `hoist next` with 10,000 tags; peak memory of a 1 GiB release";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["demo"] => demo::run(None),
        ["demo", "--engine", host] => demo::run(Some(host)),
        ["book"] => book::run(),
        ["bench", args @ ..] => bench::run(args),
        ["engines", names @ ..] => engines::run(names),
        ["measure"] => measure::run(),
        ["dist", args @ ..] => dist::run(args),
        ["release", args @ ..] => release::run(args),
        ["ways", args @ ..] => ways::run(args),
        ["fuzz", args @ ..] => fuzz::run(args),
        ["test", names @ ..] => checks::run(names),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The Cargo that runs this program.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command whose output is for the person who watches.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy();
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_string_lossy())
        .collect();
    Err(format!("`{program} {}` failed: {status}", args.join(" ")).into())
}
