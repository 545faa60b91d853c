//! Files of a folder over HTTP on loopback, as a release page has them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
};

/// A server that runs as long as the process.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
}

impl FileServer {
    /// Serves the files in `folder`, and nothing below its folders.
    ///
    /// # Panics
    /// Where no port of the loopback interface is free.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let folder = folder.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is no concern of the server.
                let _ = answer(stream, &folder);
            }
        });
        Self { address }
    }

    /// The address of the folder.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = request.split(' ');
    let is_head = words.next() == Some("HEAD");
    let name = words.next().unwrap_or_default();
    let name = PathBuf::from(name.trim_start_matches('/'));
    let content = match name.components().count() {
        1 => fs::read(folder.join(name)).ok(),
        _ => None,
    };
    let (status, content) = match content {
        Some(content) => ("200 OK", content),
        None => ("404 Not Found", Vec::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    if is_head {
        return Ok(());
    }
    stream.write_all(&content)
}
