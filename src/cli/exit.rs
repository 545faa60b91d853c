//! Exit codes of the process; what each means is in [`exit`](crate::exit).

use std::process::ExitCode;

use crate::error::Error;

pub(crate) use crate::exit::*;

/// The exit code of an error.
pub(crate) fn code(error: &Error) -> ExitCode {
    ExitCode::from(error.exit_code())
}

/// Help and version are not errors; everything else that clap answers is a usage error.
pub(crate) fn from_clap(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a closed stream here.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { USAGE } else { OK })
}
