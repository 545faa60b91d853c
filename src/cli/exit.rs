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
/// Manual action is needed.
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

/// Which of several releases decides: what needs a person first, what did nothing last.
const BY_SEVERITY: [u8; 11] = [
    NEEDS_HUMAN,
    BUG,
    INTERRUPTED,
    DISAGREE,
    ROLLED_BACK,
    FAILED,
    BUSY,
    REFUSED,
    USAGE,
    NOTHING,
    OK,
];

/// The exit code of several releases together: the most severe.
#[must_use]
pub fn most_severe(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| BY_SEVERITY.iter().position(|one| one == code);
    codes.into_iter().min_by_key(rank).unwrap_or(OK)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_severe_code_decides() {
        for (codes, most) in [
            (&[][..], OK),
            (&[OK, OK], OK),
            (&[OK, FAILED, REFUSED], FAILED),
            (&[USAGE, REFUSED], REFUSED),
            (&[ROLLED_BACK, FAILED, NEEDS_HUMAN], NEEDS_HUMAN),
            (&[ROLLED_BACK, INTERRUPTED], INTERRUPTED),
            (&[BUSY, ROLLED_BACK], ROLLED_BACK),
        ] {
            assert_eq!(most_severe(codes.iter().copied()), most, "{codes:?}");
        }
    }
}
