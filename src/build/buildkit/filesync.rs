//! Serves the build context and the Dockerfile to BuildKit, file by file, as the Docker CLI does.
//!
//! So a Dockerfile that is ignored, or that lies outside the context, is in no layer. BuildKit gets
//! a context that is filtered already and in which it finds no ignore file of its own to apply.
//!
//! The protocol is that of tonistiigi/fsutil: the sender names all entries, the receiver asks for
//! the contents that it wants by the entries' numbers and says when it has them. Its messages are
//! declared here because the generated ones take names for UTF-8, and files have names of bytes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError, mpsc as blocking},
    task::{Context, Poll},
};

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
        buildkit::{
            packets::{Packet, PacketType},
            sender::{Sender, Stopped, SyncRequest, send_context, send_dockerfile, send_entries},
        },
        context::{BuildContext, ContextEntry, EntryKind, TreePath},
        engine::{inputs::NAMED, watchdog::Activity},
    },
    error::{Error, Result},
    oci::Digest,
};

/// The one method that is served.
pub(crate) const DIFF_COPY: &str = "/moby.filesync.v1.FileSync/DiffCopy";

/// How many packets may wait for the connection.
const WAITING: usize = 32;
/// What BuildKit may read.
#[derive(Clone)]
pub(crate) struct SyncedContext(Arc<Shared>);

struct Shared {
    /// A tree of git's objects is read by one thread at a time.
    context: Mutex<BuildContext>,
    /// Further contexts, by the names that the frontend knows them by.
    named: Mutex<BTreeMap<String, BuildContext>>,
    /// Why the context could not be sent, if it could not.
    failure: Mutex<Option<Error>>,
    activity: Activity,
}

impl SyncedContext {
    pub(crate) fn new(
        context: BuildContext,
        named: BTreeMap<String, BuildContext>,
        activity: &Activity,
    ) -> Self {
        Self(Arc::new(Shared {
            context: Mutex::new(context),
            named: Mutex::new(named),
            failure: Mutex::default(),
            activity: activity.clone(),
        }))
    }

    /// The key under which BuildKit keeps what it got, for a later session with the same key: the
    /// digest of all that is served. `None` for files whose content is not known before they are
    /// read. BuildKit takes a file of the same size and time for unchanged, so one key must never
    /// stand for two contents.
    pub(crate) fn shared_key(&self) -> Option<String> {
        let mut text = Vec::new();
        add_to_key(&self.lock(), &mut text)?;
        for (name, context) in &*self.lock_named() {
            text.push(1);
            text.extend_from_slice(name.as_bytes());
            add_to_key(context, &mut text)?;
        }
        Some(format!("hoist-{}", Digest::of(&text)))
    }

    /// An error of the build, with the cause that only the context knows.
    pub(crate) fn explain(&self, error: Error) -> Error {
        // The builder got no context because a file could not be read: that is the cause to show.
        if let Some(cause) = self.failure() {
            return cause;
        }
        // Builders whose messages hold UTF-8 alone cannot take every name that a commit can have.
        if !error.causes().iter().any(|cause| cause.contains("UTF-8")) {
            return error;
        }
        match self.odd_name() {
            Some(name) => error.cause(format!("the name of `{name}` is not UTF-8")).hint(
                "rename the file or name it in `.dockerignore`; or set `image.build.builder = \"classic\"`",
            ),
            None => error,
        }
    }

    /// Why a build failed of which the engine knows only that the context did not arrive.
    fn failure(&self) -> Option<Error> {
        let mut failure = self
            .0
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// The first name in the context that is not UTF-8.
    fn odd_name(&self) -> Option<TreePath> {
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

    fn lock_named(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BuildContext>> {
        self.0.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one directory. Blocks.
    fn send(&self, directory: &Directory, out: &Sender, wanted: &blocking::Receiver<SyncRequest>) {
        let sent = match directory {
            Directory::Context => send_context(&self.lock(), out, wanted),
            Directory::Dockerfile => send_dockerfile(&self.lock(), out, wanted),
            Directory::Named(name) => match self.lock_named().get(name) {
                Some(context) => send_context(context, out, wanted),
                None => Err(Error::bug(format!("there is no context `{name}`")).into()),
            },
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

/// Adds all that a context serves to the text of a key; `None` where that is not known.
fn add_to_key(context: &BuildContext, text: &mut Vec<u8>) -> Option<()> {
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
    Some(())
}

/// What one call wants.
#[derive(Debug, PartialEq, Eq)]
enum Directory {
    Context,
    Dockerfile,
    Named(String),
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
        let looks_for_ignore_file = !only.is_empty() && only.iter().all(ignore_file);
        match name {
            // The frontend looks for an ignore file: the context is filtered already.
            "context" if looks_for_ignore_file => Ok(Self::Nothing),
            "context" => Ok(Self::Context),
            "dockerfile" => Ok(Self::Dockerfile),
            named if named.starts_with(NAMED) && looks_for_ignore_file => Ok(Self::Nothing),
            named if named.starts_with(NAMED) => Ok(Self::Named(named.to_owned())),
            other => Err(Status::not_found(format!(
                "no access allowed to dir {other:?}"
            ))),
        }
    }
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
async fn listen(mut incoming: Streaming<Packet>, asks: blocking::Sender<SyncRequest>) {
    while let Ok(Some(packet)) = incoming.message().await {
        let ask = match packet.kind() {
            PacketType::Request => SyncRequest::File(packet.id),
            PacketType::Finish => SyncRequest::Finish,
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
    use crate::build::buildkit::filesync::*;

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
        assert_eq!(
            named("named-a", &[]),
            Some(Directory::Named("named-a".into()))
        );
        assert_eq!(
            named("named-a", &[".dockerignore"]),
            Some(Directory::Nothing)
        );
        assert_eq!(named("/etc", &[]), None);
    }
}
