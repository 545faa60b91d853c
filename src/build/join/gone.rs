//! Staged content that no registry has any more, or that cannot be read.

use crate::{
    error::{Error, ErrorCode},
    io::registry::RegistryError,
    oci::{Digest, Repository},
    text::sanitize_line,
};

/// The leg's content is in none of the repositories. How it is staged again, the caller knows.
pub(super) fn swept(file: &str, digest: &Digest, asked: &[Repository]) -> Error {
    let file = sanitize_line(file, 200);
    let mut error = Error::failed(format!(
        "the leg `{file}` was swept or never staged; run it again"
    ))
    .with_code(ErrorCode::LegGone);
    for repository in asked {
        error = error.cause(format!(
            "expected {digest} in `{repository}`, which lacks it"
        ));
    }
    error.state("nothing was published")
}

/// A registry could not be asked for the leg.
pub(super) fn unreadable(file: &str, error: &RegistryError) -> Error {
    let file = sanitize_line(file, 200);
    let made = Error::failed(format!("cannot read the staged leg `{file}`"))
        .with_code(error.failure())
        .because(error)
        .state("nothing was published");
    match error.remedy() {
        Some(remedy) => made.hint(remedy),
        None => made.hint("run the same command again when the registry answers"),
    }
}
