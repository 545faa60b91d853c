//! A small project to release: a program in a multi-stage Dockerfile, and the same image made by a
//! script for where no engine runs.

use std::fs;

use crate::sandbox::{Clone, Packages, Result};

/// How the project's image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// A Docker Engine builds the Dockerfile.
    Engine,
    /// A script writes an OCI layout.
    Script,
}

/// Writes the project and its `release.toml`, which names `repositories`, into a work tree.
/// Nothing is committed.
///
/// # Errors
/// When the package with busybox, the image's only content, holds none.
///
/// # Panics
/// When the work tree cannot be written.
pub fn write(
    clone: &Clone<'_>,
    packages: &Packages,
    builder: Builder,
    repositories: &[String],
) -> Result<()> {
    // A copy, because the image needs its mode too.
    fs::copy(packages.busybox()?, clone.path().join("busybox")).expect("the work tree is writable");
    clone.write("greet.sh", include_str!("greet.sh"));
    clone.write("Dockerfile", include_str!("Dockerfile"));
    clone.write("image.sh", include_str!("image.sh"));
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", policy(builder, repositories));
    Ok(())
}

/// The project's policy.
#[must_use]
pub fn policy(builder: Builder, repositories: &[String]) -> String {
    let build = match builder {
        Builder::Engine => "target = \"runtime\"\nargs = { APP_VERSION = \"{version}\" }\n",
        Builder::Script => "command = [\"sh\", \"image.sh\"]\nlayout = \"dist/oci\"\n",
    };
    format!("[image]\nrepositories = {repositories:?}\n\n[image.build]\n{build}")
}
