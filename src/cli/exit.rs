//! Exit codes of the process; what each means is in [`exit`](crate::exit).

use std::process::ExitCode;

use crate::error::Error;

pub(crate) use crate::exit::*;

/// The exit code of an error.
pub(crate) fn code(error: &Error) -> ExitCode {
    ExitCode::from(error.exit_code())
}
