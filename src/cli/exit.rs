//! Exit codes of the process; what each means is in [`exit`](crate::exit).

use std::process::ExitCode;

use crate::error::Error;

pub(crate) use crate::exit::*;

/// What each code means, for the manual.
pub(super) const MEANINGS: [(u8, &str); 11] = [
    (OK, "Done, or nothing to do."),
    (BUG, "A bug in hoist."),
    (USAGE, "The command line or release.toml is wrong."),
    (NOTHING, "Nothing to release, with --require-release."),
    (
        REFUSED,
        "The facts were read and say no: policy, tree, tags, the registry's state.",
    ),
    (BUSY, "Locked, or an unfinished release is in the way."),
    (
        FAILED,
        "A request, credential, engine, build or stage failed before any tag moved.",
    ),
    (
        ROLLED_BACK,
        "The release failed, and everything was put back.",
    ),
    (
        NEEDS_HUMAN,
        "Manual action is needed: the list of what is where is printed.",
    ),
    (
        DISAGREE,
        "Tags disagree (verify, repair), or a published version has no git tag (status).",
    ),
    (
        INTERRUPTED,
        "A signal, or the answer no, ended the run: nothing is half done, or the journal says what.",
    ),
];

/// The exit code of an error.
pub(crate) fn code(error: &Error) -> ExitCode {
    ExitCode::from(error.exit_code())
}
