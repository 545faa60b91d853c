//! A private Docker Engine, registry and git remote, made for one run and gone after it.
//!
//! The programs come from Debian's packages, unpacked below `target/sandbox` and never installed
//! ([`Packages`]). Every daemon has its own folder, its own addresses and a supervisor that stops
//! it and removes what it left when the process that started it ends, however it ends
//! (`supervise.rs`). An engine or registry of the machine's user is never touched.

mod archives;
mod buildkit_socket;
mod engine;
mod file_server;
mod git;
mod http;
mod modern;
mod newest;
mod packages;
mod registry;
mod supervise;

use std::{
    fmt,
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
};

pub use archives::{fetch_archives, fetch_unpacked, fetch_unpacked_from, read_archive};
pub use buildkit_socket::BuildkitSocket;
pub use engine::Engine;
pub use file_server::FileServer;
pub use git::{Clone, GitRemote};
pub use modern::{Modern, ModernEngine, ModernRoot};
pub use packages::Packages;
pub use registry::{PASSWORD, Registry, RegistryOptions, USER};

/// Which tests were left out, in the sandbox folder.
const LEFT_OUT: &str = "left-out";

/// Why a part of the sandbox cannot run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(String);

/// The sandbox's result.
pub type Result<T> = std::result::Result<T, Unavailable>;

impl Unavailable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// From anything that failed while `doing`.
    pub(crate) fn while_doing(doing: &str, error: impl fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Whether this run was told to do without an engine (`HOIST_TESTS=no-engine`): only then may a
/// test that needs one be left out.
#[must_use]
pub fn without_engine() -> bool {
    std::env::var("HOIST_TESTS").is_ok_and(|what| what == "no-engine")
}

/// Writes down that the test of this thread is left out, and why, so that the run can name it at its
/// end: to the test harness it is a test that passed.
///
/// # Panics
/// When the list cannot be written.
pub fn leave_out(reason: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    fs::create_dir_all(folder()).expect("the sandbox folder can be made");
    let mut list = File::options()
        .create(true)
        .append(true)
        .open(folder().join(LEFT_OUT))
        .expect("the list of left out tests can be written");
    writeln!(list, "{name}: {reason}").expect("the list of left out tests can be written");
}

/// The tests that were left out since the list was last taken, a line each.
#[must_use]
pub fn take_left_out() -> Vec<String> {
    let file = folder().join(LEFT_OUT);
    let mut lines: Vec<_> = fs::read_to_string(&file)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    let _ = fs::remove_file(file);
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The checkout that this program runs for, as Cargo tells it. A clone that has built into the same target folder
/// may have left its own program there, so what was known when it was built counts only without Cargo.
#[must_use]
pub fn checkout() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let mut folders = package.ancestors();
    let root = folders.find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap_or(&package).to_owned()
}

/// Where fetched packages lie between runs: `sandbox` in Cargo's target folder.
#[must_use]
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| checkout().join("target"), PathBuf::from);
    target.join("sandbox")
}
