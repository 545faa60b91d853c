//! Real parts shared by the tests of this binary, each started when a test first asks for it.
//! They end with the process.

pub mod file_server;
pub mod history;
pub mod jobs;
pub mod layout;
mod project;

use std::sync::OnceLock;

pub use project::{Run, SET, Shelf, World};
use testkit::sandbox::{self, Engine, Packages, Registry, RegistryOptions};

/// The unpacked packages; `None` only where they cannot be had and the run was told to do
/// without an engine.
pub fn packages() -> Option<&'static Packages> {
    static SHARED: OnceLock<Option<Packages>> = OnceLock::new();
    SHARED.get_or_init(|| needed(Packages::fetch())).as_ref()
}

/// A private Docker Engine; `None` only with `HOIST_TESTS=no-engine`.
pub fn engine() -> Option<&'static Engine> {
    static SHARED: OnceLock<Option<Engine>> = OnceLock::new();
    if sandbox::without_engine() {
        return None;
    }
    SHARED
        .get_or_init(|| needed(Engine::start(packages()?)))
        .as_ref()
}

/// A private registry with deletion enabled and no password; `None` as [`packages`].
pub fn registry() -> Option<&'static Registry> {
    static SHARED: OnceLock<Option<Registry>> = OnceLock::new();
    let options = RegistryOptions {
        delete: true,
        ..RegistryOptions::default()
    };
    SHARED
        .get_or_init(|| needed(Registry::start(packages()?, &options)))
        .as_ref()
}

/// A part that cannot be had fails the test, unless the run was told to do without.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn needed<T>(part: sandbox::Result<T>) -> Option<T> {
    match part {
        Ok(part) => Some(part),
        Err(reason) if sandbox::without_engine() => {
            eprintln!("left out: {reason}");
            None
        }
        Err(reason) => panic!("{reason}; HOIST_TESTS=no-engine leaves the real parts out"),
    }
}
