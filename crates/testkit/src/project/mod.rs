//! A small project to release: a program in a multi-stage Dockerfile, and the same image made by a
//! script for where no engine runs.

use std::{fs, path::Path};

use crate::sandbox::Clone;

/// How the project's image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// A Docker Engine builds the Dockerfile.
    Engine,
    /// A script writes an OCI layout.
    Script,
}

/// Writes the project and its `release.toml`, which names `repositories`, into a work tree.
/// `busybox` is the image's whole user land. Nothing is committed.
///
/// # Panics
/// When the work tree cannot be written.
pub fn write(clone: &Clone<'_>, busybox: &Path, builder: Builder, repositories: &[String]) {
    // A copy, because the image needs its mode too.
    fs::copy(busybox, clone.path().join("busybox")).expect("the work tree is writable");
    clone.write("greet.sh", include_str!("greet.sh"));
    clone.write("Dockerfile", include_str!("Dockerfile"));
    clone.write("image.sh", include_str!("image.sh"));
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", policy(builder, repositories));
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
