//! Serves the build context and the Dockerfile to BuildKit, file by file, as the Docker CLI does.
//!
//! So a Dockerfile that is ignored, or that lies outside the context, is in no layer. BuildKit gets
//! a context that is filtered already and in which it finds no ignore file of its own to apply.
//!
//! The protocol is that of tonistiigi/fsutil: the sender names all entries, the receiver asks for
//! the contents that it wants by the entries' numbers and says when it has them. Its messages are
//! declared here because the generated ones take names for UTF-8, and files have names of bytes.

use std::{
    convert::Infallible,
    io::Read,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc as blocking},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, StreamingService},
};
use tonic_prost::ProstCodec;

use crate::{
    build::{
        context::{BuildContext, ContextEntry, EntryKind, ExactLength, TreePath},
        docker::watchdog::Activity,
    },
    error::{Error, Result},
    oci::Digest,
};

/// The one method that is served.
pub(crate) const DIFF_COPY: &str = "/moby.filesync.v1.FileSync/DiffCopy";

/// How many packets may wait for the connection.
const WAITING: usize = 32;
/// The size of a piece of a file in bytes.
const PIECE: usize = 32 * 1024;

/// Bits of a mode as Go's `os.FileMode` has them.
const DIRECTORY: u32 = 1 << 31;
const LINK: u32 = 1 << 27;

/// One message of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Packet {
    #[prost(enumeration = "PacketType", tag = "1")]
    kind: i32,
    #[prost(message, optional, tag = "2")]
    stat: Option<Stat>,
    #[prost(uint32, tag = "3")]
    id: u32,
    #[prost(bytes = "bytes", tag = "4")]
    data: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum PacketType {
    Stat = 0,
    Request = 1,
    Data = 2,
    Finish = 3,
    Error = 4,
}

/// An entry: owner and group are 0.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Stat {
    #[prost(bytes = "vec", tag = "1")]
    path: Vec<u8>,
    #[prost(uint32, tag = "2")]
    mode: u32,
    #[prost(int64, tag = "5")]
    size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    mod_time: i64,
    #[prost(bytes = "vec", tag = "7")]
    link_name: Vec<u8>,
}

/// What BuildKit may read.
#[derive(Clone)]
pub(crate) struct SyncedContext(Arc<Shared>);

struct Shared {
    /// A tree of git's objects is read by one thread at a time.
    context: Mutex<BuildContext>,
    /// Why the context could not be sent, if it could not.
    failure: Mutex<Option<Error>>,
    activity: Activity,
}

impl SyncedContext {
    pub(crate) fn new(context: BuildContext, activity: &Activity) -> Self {
        Self(Arc::new(Shared {
            context: Mutex::new(context),
            failure: Mutex::default(),
            activity: activity.clone(),
        }))
    }

    /// The key under which BuildKit keeps what it got, for a later session with the same key: the
    /// digest of all that is served. `None` for files whose content is not known before they are
    /// read. BuildKit takes a file of the same size and time for unchanged, so one key must never
    /// stand for two contents.
    pub(crate) fn shared_key(&self) -> Option<String> {
        let context = self.lock();
        let mut text = Vec::new();
        text.extend_from_slice(context.dockerfile_name().as_bytes());
        text.extend_from_slice(
            Digest::of(context.dockerfile_content())
                .to_string()
                .as_bytes(),
        );
        text.extend_from_slice(&context.time().to_be_bytes());
        for ContextEntry { path, kind } in context.entries() {
            text.push(0);
            text.extend_from_slice(path.as_bytes());
            text.push(0);
            match kind {
                EntryKind::File { id, .. } if id.is_empty() => return None,
                EntryKind::File { executable, id } => {
                    text.push(if *executable { b'x' } else { b'f' });
                    text.extend_from_slice(id.as_bytes());
                }
                EntryKind::Link { target } => {
                    text.push(b'l');
                    text.extend_from_slice(target);
                }
                EntryKind::Directory | EntryKind::Submodule => text.push(b'd'),
            }
        }
        Some(format!("hoist-{}", Digest::of(&text)))
    }

    /// Why a build failed of which the engine knows only that the context did not arrive.
    pub(crate) fn failure(&self) -> Option<Error> {
        let mut failure = self
            .0
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// The first name in the context that is not UTF-8.
    pub(crate) fn odd_name(&self) -> Option<TreePath> {
        let context = self.lock();
        let odd = |entry: &&ContextEntry| std::str::from_utf8(entry.path.as_bytes()).is_err();
        let found = context.entries().iter().find(odd);
        found.map(|entry| entry.path.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BuildContext> {
        self.0
            .context
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one directory. Blocks.
    fn send(&self, directory: &Directory, out: &Sender, wanted: &blocking::Receiver<Wanted>) {
        let context = self.lock();
        let sent = match directory {
            Directory::Context => send_context(&context, out, wanted),
            Directory::Dockerfile => send_dockerfile(&context, out, wanted),
            Directory::Nothing => send_entries(&[], out, wanted, |_| Ok(())),
        };
        if let Err(Stopped::Failed(error)) = sent {
            let text = format!("{error:#}");
            let mut failure = self
                .0
                .failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
            let _ = out.packets.blocking_send(Err(Status::internal(text)));
        }
    }
}

/// What one call wants.
#[derive(Debug, PartialEq, Eq)]
enum Directory {
    Context,
    Dockerfile,
    Nothing,
}

impl Directory {
    fn wanted(request: &Request<Streaming<Packet>>) -> Result<Self, Status> {
        let values = |name: &str| -> Vec<String> {
            let all = request.metadata().get_all(name).into_iter();
            all.filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect()
        };
        Self::named(
            values("dir-name").first().map_or("", String::as_str),
            &[values("followpaths"), values("include-patterns")].concat(),
        )
    }

    /// `only`: the paths that the receiver limits itself to, if it does.
    fn named(name: &str, only: &[String]) -> Result<Self, Status> {
        let ignore_file = |path: &String| path.ends_with(".dockerignore");
        match name {
            // The frontend looks for an ignore file: the context is filtered already.
            "context" if !only.is_empty() && only.iter().all(ignore_file) => Ok(Self::Nothing),
            "context" => Ok(Self::Context),
            "dockerfile" => Ok(Self::Dockerfile),
            other => Err(Status::not_found(format!(
                "no access allowed to dir {other:?}"
            ))),
        }
    }
}

/// What the receiver says.
enum Wanted {
    File(u32),
    Finish,
}

/// Why sending stopped.
enum Stopped {
    /// The receiver went away; what it says tells why.
    Gone,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Sender {
    packets: mpsc::Sender<Result<Packet, Status>>,
    activity: Activity,
}

impl Sender {
    fn send(&self, kind: PacketType, id: u32, data: Bytes) -> Result<(), Stopped> {
        self.packet(Packet {
            kind: kind.into(),
            stat: None,
            id,
            data,
        })
    }

    fn packet(&self, packet: Packet) -> Result<(), Stopped> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let sent = self.packets.blocking_send(Ok(packet));
        sent.map_err(|_| Stopped::Gone)
    }

    /// A whole file, and its end.
    fn file(&self, id: u32, mut content: impl Read) -> Result<(), Stopped> {
        loop {
            let mut piece = vec![0; PIECE];
            let n = content
                .read(&mut piece)
                .map_err(|error| Error::failed("cannot send the build context").because(&error))?;
            piece.truncate(n);
            self.send(PacketType::Data, id, piece.into())?;
            if n == 0 {
                return Ok(());
            }
        }
    }
}

/// Names all entries, then sends the contents that are asked for.
fn send_entries(
    stats: &[Stat],
    out: &Sender,
    wanted: &blocking::Receiver<Wanted>,
    mut file: impl FnMut(u32) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    for stat in stats {
        out.packet(Packet {
            kind: PacketType::Stat.into(),
            stat: Some(stat.clone()),
            id: 0,
            data: Bytes::new(),
        })?;
    }
    out.send(PacketType::Stat, 0, Bytes::new())?;
    loop {
        match wanted.recv().map_err(|_| Stopped::Gone)? {
            Wanted::File(id) => file(id)?,
            Wanted::Finish => return out.send(PacketType::Finish, 0, Bytes::new()),
        }
    }
}

fn send_dockerfile(
    context: &BuildContext,
    out: &Sender,
    wanted: &blocking::Receiver<Wanted>,
) -> Result<(), Stopped> {
    let content = context.dockerfile_content();
    let stat = Stat {
        path: context.dockerfile_name().as_bytes().to_vec(),
        mode: 0o644,
        size: content.len() as i64,
        mod_time: nanoseconds(context.time()),
        link_name: Vec::new(),
    };
    send_entries(&[stat], out, wanted, |id| out.file(id, content))
}

fn send_context(
    context: &BuildContext,
    out: &Sender,
    wanted: &blocking::Receiver<Wanted>,
) -> Result<(), Stopped> {
    let mut stats = Vec::with_capacity(context.entries().len());
    for entry in context.entries() {
        let (mode, size, link_name) = match &entry.kind {
            EntryKind::Directory | EntryKind::Submodule => (0o755 | DIRECTORY, 0, &[][..]),
            EntryKind::Link { target } => (0o777 | LINK, 0, &**target),
            EntryKind::File { executable, .. } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                (mode, context.size(entry)?, &[][..])
            }
        };
        stats.push(Stat {
            path: entry.path.as_bytes().to_vec(),
            mode,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            mod_time: nanoseconds(context.time()),
            link_name: link_name.to_vec(),
        });
    }
    send_entries(&stats, out, wanted, |id| {
        let entry = context.entries().get(id as usize);
        let entry =
            entry.ok_or_else(|| Error::failed("BuildKit asked for a file that is not there"))?;
        let (size, content) = context.open_entry(entry)?;
        out.file(id, ExactLength::new((size, content)))
            .map_err(|stopped| match stopped {
                Stopped::Failed(error) => error.cause(format!("at `{}`", entry.path)).into(),
                gone @ Stopped::Gone => gone,
            })
    })
}

fn nanoseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000)
}

impl StreamingService<Packet> for SyncedContext {
    type Response = Packet;
    type ResponseStream = BoxStream<'static, Result<Packet, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Packet>>) -> Self::Future {
        let served = self.clone();
        Box::pin(async move {
            let directory = Directory::wanted(&request)?;
            let (packets, sent) = mpsc::channel(WAITING);
            let (asks, wanted) = blocking::channel();
            tokio::spawn(listen(request.into_inner(), asks));
            tokio::task::spawn_blocking(move || {
                let activity = served.0.activity.clone();
                served.send(&directory, &Sender { packets, activity }, &wanted);
            });
            let stream = stream::unfold(sent, |mut sent| async move {
                let packet = sent.recv().await?;
                Some((packet, sent))
            });
            Ok(Response::new(stream.boxed()))
        })
    }
}

/// Passes on what the receiver asks for, until it has all or goes.
async fn listen(mut incoming: Streaming<Packet>, asks: blocking::Sender<Wanted>) {
    while let Ok(Some(packet)) = incoming.message().await {
        let ask = match packet.kind() {
            PacketType::Request => Wanted::File(packet.id),
            PacketType::Finish => Wanted::Finish,
            PacketType::Error => return,
            PacketType::Stat | PacketType::Data => continue,
        };
        if asks.send(ask).is_err() {
            return;
        }
    }
}

impl Service<http::Request<Body>> for SyncedContext {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() != DIFF_COPY {
                return Ok(Status::unimplemented("only DiffCopy is served").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Packet, Packet>::default());
            Ok(grpc.streaming(service, request).await)
        })
    }
}

impl NamedService for SyncedContext {
    const NAME: &'static str = "moby.filesync.v1.FileSync";
}

#[cfg(test)]
mod tests {
    use crate::build::docker::filesync::*;

    #[test]
    fn a_look_for_an_ignore_file_finds_none() {
        let named = |name: &str, only: &[&str]| {
            let only: Vec<String> = only.iter().map(|path| (*path).to_owned()).collect();
            Directory::named(name, &only).ok()
        };
        assert_eq!(
            named("context", &[".dockerignore"]),
            Some(Directory::Nothing)
        );
        assert_eq!(named("context", &[]), Some(Directory::Context));
        assert_eq!(
            named("context", &["src", ".dockerignore"]),
            Some(Directory::Context)
        );
        assert_eq!(
            named("dockerfile", &["Dockerfile"]),
            Some(Directory::Dockerfile)
        );
        assert_eq!(named("/etc", &[]), None);
    }

    #[test]
    fn names_travel_as_bytes() {
        use prost::Message as _;
        let stat = Stat {
            path: b"caf\xe9".to_vec(),
            mode: 0o644,
            ..Stat::default()
        };
        let bytes = stat.encode_to_vec();
        assert_eq!(bytes, b"\x0a\x04caf\xe9\x10\xa4\x03");
        assert_eq!(Stat::decode(&*bytes).expect("a message"), stat);
    }
}
