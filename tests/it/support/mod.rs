//! Real parts shared by the tests of this binary, each started when a test first asks for it.
//! They end with the process.

pub mod forge;
pub mod history;
pub mod jobs;
pub mod layout;
mod project;
pub mod signer;
pub mod web;

use std::{path::PathBuf, sync::OnceLock};

pub use project::{Run, SET, Shelf, World};
use testkit::sandbox::{self, Engine, Packages, Registry, RegistryOptions};

/// The unpacked packages; `None` only where they cannot be had and the run was told to do
/// without an engine.
pub fn packages() -> Option<&'static Packages> {
    static SHARED: OnceLock<sandbox::Result<Packages>> = OnceLock::new();
    needed(SHARED.get_or_init(Packages::fetch))
}

/// A private Docker Engine; `None` only with `HOIST_TESTS=no-engine`.
pub fn engine() -> Option<&'static Engine> {
    static SHARED: OnceLock<sandbox::Result<Engine>> = OnceLock::new();
    engine_in(&SHARED)
}

/// The same for an engine that a group of tests keeps in a place of its own.
pub fn engine_in(place: &'static OnceLock<sandbox::Result<Engine>>) -> Option<&'static Engine> {
    if sandbox::without_engine() {
        sandbox::leave_out("it needs an engine");
        return None;
    }
    let packages = packages()?;
    needed(place.get_or_init(|| Engine::start(packages)))
}

/// A private registry with deletion enabled and no password; `None` as [`packages`].
pub fn registry() -> Option<&'static Registry> {
    static SHARED: OnceLock<sandbox::Result<Registry>> = OnceLock::new();
    let options = RegistryOptions {
        delete: true,
        ..RegistryOptions::default()
    };
    let packages = packages()?;
    needed(SHARED.get_or_init(|| Registry::start(packages, &options)))
}

/// `PATH` with a `curl` in it: the machine's, or else Debian's; `None` as [`packages`].
pub fn path_with_curl() -> Option<String> {
    static SHARED: OnceLock<sandbox::Result<PathBuf>> = OnceLock::new();
    let path = std::env::var("PATH").unwrap();
    if std::env::split_paths(&path).any(|folder| folder.join("curl").exists()) {
        return Some(path);
    }
    let fetched = || Packages::fetch_curl()?.wrapper("curl");
    let folder = needed(SHARED.get_or_init(fetched))?;
    Some(format!("{}:{path}", folder.display()))
}

/// A folder for `PATH` with cosign, oras, notation and crane; `None`, and the test is named among those that
/// were left out, where Debian's newest suite cannot be had.
pub fn judges() -> Option<PathBuf> {
    static SHARED: OnceLock<sandbox::Result<PathBuf>> = OnceLock::new();
    let fetched = || Packages::fetch_judges()?.judges();
    match SHARED.get_or_init(fetched) {
        Ok(folder) => Some(folder.clone()),
        Err(reason) => {
            sandbox::leave_out(&reason.to_string());
            None
        }
    }
}

/// A part that cannot be had fails the test, unless the run was told to do without.
fn needed<T>(part: &sandbox::Result<T>) -> Option<&T> {
    match part {
        Ok(part) => Some(part),
        Err(reason) if sandbox::without_engine() => {
            sandbox::leave_out(&reason.to_string());
            None
        }
        Err(reason) => panic!("{reason}; HOIST_TESTS=no-engine leaves the real parts out"),
    }
}
