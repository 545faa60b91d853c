//! `cargo xtask …`: the project's own chores.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!("usage: cargo xtask test | demo");
    ExitCode::from(2)
}
