//! `cargo xtask test`: every test, and none left out in silence.

use testkit::sandbox::{self, Engine, Packages};

use crate::{Result, cargo, release, succeed};

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
    succeed(
        cargo()
            .args(["test", "--workspace", "--locked"])
            .args(names),
    )?;
    // The project's own release, up to the point where something would be done.
    if names.is_empty() {
        release::run(&["--dry-run"])?;
    }
    Ok(())
}
