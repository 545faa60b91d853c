//! `cargo xtask test`: every test, and none left out in silence.

use testkit::sandbox::{self, Engine, Packages};

use crate::{Result, book, cargo, release, succeed};

pub fn run(names: &[&str]) -> Result<()> {
    if sandbox::without_engine() {
        eprintln!("note: HOIST_TESTS=no-engine: tests with a real engine are left out");
    } else {
        // One clear reason now instead of the same one from each test later.
        let packages = Packages::fetch()?;
        Engine::start(&packages).map_err(|reason| {
            format!("{reason}\nhint: `HOIST_TESTS=no-engine cargo xtask test` leaves out what needs an engine")
        })?;
    }
    // Of an earlier run.
    drop(sandbox::take_left_out());
    let tests = succeed(
        cargo()
            .args(["test", "--workspace", "--locked"])
            .args(names),
    );
    let left_out = sandbox::take_left_out();
    if !left_out.is_empty() {
        eprintln!("note: {} tests were left out:", left_out.len());
        for test in left_out {
            eprintln!("  {test}");
        }
    }
    tests?;
    if names.is_empty() {
        book::run()?;
        release::try_all()?;
    }
    Ok(())
}
