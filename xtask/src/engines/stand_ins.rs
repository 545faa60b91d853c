//! What stands in for `buildctl dial-stdio`: busybox's `nc` to a port behind which BuildKit answers, in a container and
//! behind a program that is called `ssh`.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use testkit::sandbox::{BuildkitSocket, Engine, Packages};

use crate::Result;

/// The container's name.
pub const CONTAINER: &str = "engines-buildkit";
/// The socket that the far machine has.
pub const SOCKET: &str = "/run/buildkit/far.sock";

/// Runs a container of the engine, with the network of its machine, whose `buildctl` reaches `buildkit`.
pub fn container(packages: &Packages, engine: &Engine, buildkit: &BuildkitSocket) -> Result<()> {
    let dir = tempfile::tempdir()?;
    fs::copy(packages.busybox()?, dir.path().join("busybox"))?;
    write_program(
        &dir.path().join("buildctl"),
        &format!(
            "#!/bin/busybox sh\n[ \"$*\" = dial-stdio ] && exec /bin/busybox nc 127.0.0.1 {}\nexit 64\n",
            buildkit.port()
        ),
    )?;
    fs::write(
        dir.path().join("Dockerfile"),
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY buildctl /usr/bin/buildctl\nENV PATH=/usr/bin:/bin\nENTRYPOINT [\"/bin/busybox\", \"sleep\", \"86400\"]\n",
    )?;
    let place = dir.path().display().to_string();
    engine.run(&["build", "--tag", CONTAINER, &place])?;
    engine.run(&[
        "run",
        "--detach",
        "--network",
        "host",
        "--name",
        CONTAINER,
        CONTAINER,
    ])?;
    Ok(())
}

/// A folder with an `ssh` that reaches `buildkit`, when it is called as it should be.
pub fn ssh(packages: &Packages, buildkit: &BuildkitSocket) -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    write_program(
        &dir.path().join("ssh"),
        &format!(
            "#!/bin/sh\ncase \"$*\" in\n*\" -p 2222 -- me@far buildctl --addr unix://{SOCKET} dial-stdio\") exec {} nc 127.0.0.1 {};;\nesac\necho \"not as it should be: $*\" >&2\nexit 255\n",
            packages.busybox()?.display(),
            buildkit.port()
        ),
    )?;
    Ok(dir)
}

fn write_program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
