//! A BuildKit daemon in a container: reached by running `buildctl dial-stdio` in it, by the API of the engine that
//! has the container. The engine wraps what the program writes into frames, which are taken off here.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::build::engine::{
    connection::{Duplex, direct, send},
    host::EngineAddress,
};

/// The largest answer of the engine that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// The frame's first byte for what a program writes to its standard output.
const STDOUT: u8 = 1;
/// How much of what a program says in place of an answer is kept, in bytes.
const COMPLAINT: usize = 2_000;
/// The length of a frame's head in bytes.
const HEAD: usize = 8;

/// What the engine says of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ContainerState {
    state: ContainerRun,
    host_config: HostConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ContainerRun {
    running: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    network_mode: String,
}

impl ContainerState {
    /// Whether it has the network of the engine's machine, so that a port on loopback there is one here.
    pub(crate) fn has_the_hosts_network(&self) -> bool {
        self.host_config.network_mode == "host"
    }

    pub(crate) fn runs(&self) -> bool {
        self.state.running
    }
}

/// Asks the engine for a container. `None`: there is none of this name.
///
/// # Errors
/// The engine does not answer.
pub(crate) async fn inspect(
    engine: &EngineAddress,
    name: &str,
) -> io::Result<Option<ContainerState>> {
    let (status, body) = ask(
        engine,
        Request::get(format!("/containers/{name}/json")),
        None,
    )
    .await?;
    match status {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => serde_json::from_slice(&body)
            .map(Some)
            .map_err(io::Error::other),
        status => Err(refused(status, &body)),
    }
}

/// Starts a container that is stopped.
///
/// # Errors
/// The engine does not start it.
pub(crate) async fn start(engine: &EngineAddress, name: &str) -> io::Result<()> {
    let request = Request::post(format!("/containers/{name}/start"));
    let (status, body) = ask(engine, request, None).await?;
    match status.is_success() || status == StatusCode::NOT_MODIFIED {
        true => Ok(()),
        false => Err(refused(status, &body)),
    }
}

/// Opens a connection to the daemon in a container that runs.
pub(super) async fn dial(engine: &EngineAddress, name: &str) -> io::Result<Box<dyn Duplex>> {
    let wanted = json!({
        "AttachStdin": true,
        "AttachStdout": true,
        "AttachStderr": true,
        "Cmd": ["buildctl", "dial-stdio"],
    });
    let request = Request::post(format!("/containers/{name}/exec"));
    let (status, body) = ask(engine, request, Some(&wanted)).await?;
    if !status.is_success() {
        return Err(refused(status, &body));
    }
    let made: Value = serde_json::from_slice(&body).map_err(io::Error::other)?;
    let id = made["Id"].as_str().unwrap_or_default();
    let begin = json!({ "Detach": false, "Tty": false }).to_string();
    let request = Request::post(format!("/exec/{id}/start"))
        .header("Content-Type", "application/json")
        .header("Connection", "Upgrade")
        .header("Upgrade", "tcp")
        .body(Full::new(Bytes::from(begin)))
        .map_err(io::Error::other)?;
    let response = send(direct(engine).await?, request).await;
    let response = response.map_err(io::Error::other)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status();
        return Err(refused(status, b""));
    }
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(io::Error::other)?;
    Ok(Box::new(Framed::new(TokioIo::new(upgraded))))
}

async fn ask(
    engine: &EngineAddress,
    request: hyper::http::request::Builder,
    body: Option<&Value>,
) -> io::Result<(StatusCode, Bytes)> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = request
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    // The engine that has the container is never in a container itself.
    let response = send(direct(engine).await?, request).await;
    let response = response.map_err(io::Error::other)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    Ok((status, body.map_err(io::Error::other)?.to_bytes()))
}

fn refused(status: StatusCode, body: &[u8]) -> io::Error {
    let message = serde_json::from_slice::<Value>(body).ok();
    let message = message.and_then(|value| Some(value["message"].as_str()?.to_owned()));
    io::Error::other(message.unwrap_or_else(|| format!("the engine answered {status}")))
}

/// A connection to a program in a container. What it writes to its standard error is kept aside: where no answer
/// comes, it says why.
struct Framed<S> {
    io: S,
    head: [u8; HEAD],
    /// How much of a head has been read.
    read: usize,
    /// How much of the frame is still to come.
    left: usize,
    speech: Speech,
    /// Text in place of an answer.
    complaint: Vec<u8>,
}

/// What the program has written to its standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    Nothing,
    Answer,
    /// The engine writes there why it could not run the program.
    Text,
}

impl<S> Framed<S> {
    fn new(io: S) -> Self {
        Self {
            io,
            head: [0; HEAD],
            read: 0,
            left: 0,
            speech: Speech::Nothing,
            complaint: Vec::new(),
        }
    }

    /// Whether the piece belongs to the answer.
    fn is_answer(&mut self, piece: &[u8]) -> bool {
        if self.head[0] == STDOUT && self.speech == Speech::Nothing {
            // HTTP/2 begins with the length of a short frame, and so with a zero.
            self.speech = match piece.first() {
                Some(0) => Speech::Answer,
                _ => Speech::Text,
            };
        }
        let is_answer = self.head[0] == STDOUT && self.speech == Speech::Answer;
        if !is_answer && self.complaint.len() < COMPLAINT {
            self.complaint.extend_from_slice(piece);
        }
        is_answer
    }

    /// The end of the connection: without an answer it is an error that has all that was said.
    fn end(&self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.complaint);
        match self.speech {
            Speech::Nothing | Speech::Text if !text.trim().is_empty() => {
                Err(io::Error::other(text.trim().to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.left == 0 {
                let mut head = ReadBuf::new(&mut this.head[this.read..]);
                ready!(Pin::new(&mut this.io).poll_read(context, &mut head))?;
                let read = head.filled().len();
                if read == 0 {
                    return Poll::Ready(match this.read {
                        0 => this.end(),
                        _ => Err(io::ErrorKind::UnexpectedEof.into()),
                    });
                }
                this.read += read;
                if this.read == HEAD {
                    let [_, _, _, _, length @ ..] = this.head;
                    this.left = u32::from_be_bytes(length) as usize;
                    this.read = 0;
                }
                continue;
            }
            let mut piece = [0; 16 << 10];
            let most = match this.head[0] {
                STDOUT => this.left.min(buffer.remaining()),
                _ => this.left,
            };
            let most = most.min(piece.len());
            if most == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut piece = ReadBuf::new(&mut piece[..most]);
            ready!(Pin::new(&mut this.io).poll_read(context, &mut piece))?;
            let read = piece.filled();
            if read.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            this.left -= read.len();
            if this.is_answer(read) {
                buffer.put_slice(read);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn the_frames_of_standard_output_are_what_is_read() {
        let frame = |kind: u8, text: &[u8]| {
            let length = u32::try_from(text.len()).expect("short").to_be_bytes();
            [&[kind, 0, 0, 0][..], &length, text].concat()
        };
        let large = vec![7; 100_000];
        let all = [
            frame(1, b"\0one "),
            frame(2, b"not this"),
            frame(1, b""),
            frame(1, b"two"),
            frame(1, &large),
        ]
        .concat();
        // Pieces that end in the middle of heads and of frames.
        let (mut near, far) = tokio::io::duplex(5);
        let writing = tokio::spawn(async move {
            near.write_all(&all).await.expect("it takes it");
        });
        let mut read = Vec::new();
        Framed::new(far)
            .read_to_end(&mut read)
            .await
            .expect("it is whole");
        writing.await.expect("it ends");
        assert_eq!(read, [b"\0one two".as_slice(), &large].concat());
        let cut = &frame(1, b"\0broken off")[..12];
        let error = Framed::new(cut).read_to_end(&mut Vec::new()).await;
        assert!(error.is_err());
        // Why there is no answer: the engine says it in one way, the program in the other.
        for kind in [1, 2] {
            let said = frame(kind, b"exec: \"buildctl\": not found\r\n");
            let error = Framed::new(&*said).read_to_end(&mut Vec::new()).await;
            let error = error.expect_err("there is no answer");
            assert_eq!(error.to_string(), "exec: \"buildctl\": not found");
        }
        let warned = [frame(2, b"a warning"), frame(1, b"\0answer")].concat();
        let mut read = Vec::new();
        let whole = Framed::new(&*warned).read_to_end(&mut read).await;
        assert_eq!((whole.expect("it is whole"), &*read), (7, &b"\0answer"[..]));
    }
}
