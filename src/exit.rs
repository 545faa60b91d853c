//! Exit codes of the program, for whoever runs it and whoever embeds the library. Each is a
//! documented constant, and none changes its meaning.

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

/// Which of several images decides: what needs a person first, what did nothing last.
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

/// The exit code of several images together: the most severe.
#[must_use]
pub fn most_severe(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| BY_SEVERITY.iter().position(|one| one == code);
    codes.into_iter().min_by_key(rank).unwrap_or(OK)
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
