//! Exit codes: each one a documented constant.

use std::process::ExitCode;

use crate::error::ErrorKind;

/// Done, or nothing to do.
pub const OK: u8 = 0;
/// A bug in hoist.
pub const BUG: u8 = 1;
/// Wrong command line or `release.toml`.
pub const USAGE: u8 = 2;
/// Nothing to release, with `--require-release`.
pub const NOTHING: u8 = 3;
/// The facts were read and say no.
pub const REFUSED: u8 = 4;
/// Locked, or an unfinished release is in the way.
pub const BUSY: u8 = 5;
/// Something failed before any tag moved.
pub const FAILED: u8 = 6;
/// The release failed, and everything was put back.
pub const ROLLED_BACK: u8 = 7;
/// A person must look.
pub const NEEDS_HUMAN: u8 = 8;
/// Tags disagree.
pub const DISAGREE: u8 = 9;
/// A signal ended the run.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a kind of error.
#[must_use]
pub fn number(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Bug => BUG,
        ErrorKind::Usage => USAGE,
        ErrorKind::NothingToRelease => NOTHING,
        ErrorKind::Refused => REFUSED,
        ErrorKind::Busy => BUSY,
        ErrorKind::Failed => FAILED,
        ErrorKind::RolledBack => ROLLED_BACK,
        ErrorKind::NeedsHuman => NEEDS_HUMAN,
        ErrorKind::Disagree => DISAGREE,
        ErrorKind::Interrupted => INTERRUPTED,
    }
}

/// The same for the process.
#[must_use]
pub fn code(kind: ErrorKind) -> ExitCode {
    ExitCode::from(number(kind))
}

/// Help and version are no errors; everything else is a usage error.
pub fn from_clap(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a closed stream here.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { USAGE } else { OK })
}
