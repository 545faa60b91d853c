//! A BuildKit daemon by address, made of a Docker Engine: a socket or a port behind which the engine's own BuildKit
//! answers. Its connections can be cut, as if the daemon went away.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use super::{Result, Unavailable};

/// What makes a connection to an engine one to its BuildKit.
const UPGRADE: &[u8] =
    b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// The socket or the port. It serves until the process ends; the folder goes when this value is dropped.
#[derive(Debug)]
pub struct BuildkitSocket {
    address: String,
    open: Connections,
    _dir: tempfile::TempDir,
}

/// The engines' ends of the connections that were made so far.
type Connections = Arc<Mutex<Vec<UnixStream>>>;

/// A connection to whoever asks for BuildKit.
trait Near: Read + Write + Send + Sized + 'static {
    fn another(&self) -> io::Result<Self>;
    fn end(&self, how: Shutdown) -> io::Result<()>;
}

impl Near for UnixStream {
    fn another(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Near for TcpStream {
    fn another(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
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
        let open = Connections::default();
        let (engine, known) = (engine.to_owned(), open.clone());
        thread::spawn(move || {
            let incoming = listener.incoming().flatten();
            incoming.for_each(|near| begin(near, &engine, &known));
        });
        Ok(Self {
            address: format!("unix://{}", path.display()),
            open,
            _dir: dir,
        })
    }

    /// The same on a port of `127.0.0.1`.
    ///
    /// # Errors
    /// There is no port.
    pub fn on_port(engine: &Path) -> Result<Self> {
        let doing = |error| Unavailable::while_doing("opening a port for BuildKit", error);
        let dir = tempfile::tempdir().map_err(doing)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(doing)?;
        let address = listener.local_addr().map_err(doing)?;
        let open = Connections::default();
        let (engine, known) = (engine.to_owned(), open.clone());
        thread::spawn(move || {
            let incoming = listener.incoming().flatten();
            incoming.for_each(|near| begin(near, &engine, &known));
        });
        Ok(Self {
            address: format!("tcp://{address}"),
            open,
            _dir: dir,
        })
    }

    /// Its address, as `image.build.builder` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Its port, as a program's argument.
    #[must_use]
    pub fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap_or_default()
    }

    /// Ends all connections at once. New ones are taken.
    pub fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for far in open.drain(..) {
            // Of those that have ended, nothing is left to end.
            let _ = far.shutdown(Shutdown::Both);
        }
    }
}

fn begin(near: impl Near, engine: &Path, known: &Connections) {
    let (engine, known): (PathBuf, _) = (engine.to_owned(), known.clone());
    thread::spawn(move || drop(join(near, &engine, &known)));
}

/// Joins a connection with one to the engine's BuildKit.
fn join(near: impl Near, engine: &Path, known: &Connections) -> io::Result<()> {
    let mut far = UnixStream::connect(engine)?;
    far.write_all(UPGRADE)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        far.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let mut open = known.lock().unwrap_or_else(PoisonError::into_inner);
    open.push(far.try_clone()?);
    drop(open);
    let (mut from, mut to) = (near.another()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut near = near;
    let _ = io::copy(&mut far, &mut near);
    near.end(Shutdown::Write)
}
