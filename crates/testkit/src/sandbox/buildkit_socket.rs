//! A BuildKit daemon by address, made of a Docker Engine: a socket behind which the engine's own BuildKit answers.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

use super::{Result, Unavailable};

/// What makes a connection to an engine one to its BuildKit.
const UPGRADE: &[u8] =
    b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// The socket. It serves until the process ends; the folder goes when this value is dropped.
#[derive(Debug)]
pub struct BuildkitSocket {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl BuildkitSocket {
    /// Listens for the BuildKit of the engine at `engine`, the path of its socket.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub fn of(engine: &Path) -> Result<Self> {
        let doing = |error| Unavailable::while_doing("making a socket for BuildKit", error);
        let dir = tempfile::tempdir().map_err(doing)?;
        let path = dir.path().join("buildkitd.sock");
        let listener = UnixListener::bind(&path).map_err(doing)?;
        let engine = engine.to_owned();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let engine = engine.clone();
                thread::spawn(move || drop(join(near, &engine)));
            }
        });
        Ok(Self { path, _dir: dir })
    }

    /// Its address, as `image.build.builder` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }
}

/// Joins a connection with one to the engine's BuildKit.
fn join(near: UnixStream, engine: &Path) -> io::Result<()> {
    let mut far = UnixStream::connect(engine)?;
    far.write_all(UPGRADE)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        far.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let (from, to) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || pass(from, to));
    pass(far, near);
    Ok(())
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
