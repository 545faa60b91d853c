//! What BuildKit may ask for while it builds: the context and the Dockerfile, credentials for base
//! images, secrets, the ssh agent. Nothing else is offered.
//!
//! hoist opens a connection (`POST /session` with `Upgrade: h2c` at an engine, `Control.Session` of BuildKit's own
//! service), and BuildKit then calls back over gRPC on that same connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bollard_buildkit_proto::{
    health::health_server::HealthServer,
    moby::{
        buildkit::{secrets::v1::secrets_server::SecretsServer, v1::BytesMessage as ControlBytes},
        filesync::v1::{auth_server::AuthServer, file_send_server::FileSendServer},
        sshforward::v1::ssh_server::SshServer,
    },
};
use futures_util::{StreamExt, stream};
use http_body_util::Empty;
use hyper::{Request as HttpRequest, StatusCode, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::oneshot,
};
use tokio_util::io::ReaderStream;
use tonic::{
    Request, Streaming,
    transport::{Server, server::Connected},
};

use crate::{
    build::{
        buildkit::{
            control::BuildkitControl,
            filesend::ArchiveSink,
            filesync::{DIFF_COPY, SyncedContext},
            services::AlwaysServing,
        },
        engine::{
            connect::{Dialer, Duplex},
            error::{failed, unreachable},
            host::EngineAddress,
        },
        secrets::BuildSecrets,
    },
    error::{Error, Result},
};

/// An open session. It ends when this value is dropped.
pub(crate) struct BuildkitSession {
    pub(crate) id: String,
    _end: oneshot::Sender<()>,
}

/// What a session offers.
pub(crate) struct SessionOffer {
    pub(crate) secrets: BuildSecrets,
    pub(crate) context: SyncedContext,
    /// Takes the image as an archive, where the builder cannot push it to us.
    pub(crate) archive: Option<ArchiveSink>,
}

/// The methods that hoist announces to BuildKit.
const METHODS: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    DIFF_COPY,
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];
/// Announced where an archive is wanted.
const FILE_SEND: &str = "/moby.filesync.v1.FileSend/DiffCopy";

/// How many bytes of a session wait for the connection.
const BUFFER: usize = 1 << 20;

const ID: &str = "x-docker-expose-session-uuid";
const NAME: &str = "x-docker-expose-session-name";
const SHARED_KEY: &str = "x-docker-expose-session-sharedkey";
const METHOD: &str = "x-docker-expose-session-grpc-method";

impl SessionOffer {
    /// What is said of the session while it is opened.
    fn headers(&self, id: &str) -> Vec<(&'static str, String)> {
        let shared_key = self.context.shared_key().unwrap_or_else(|| id.to_owned());
        let mut headers = vec![
            (ID, id.to_owned()),
            (NAME, "hoist".to_owned()),
            (SHARED_KEY, shared_key),
        ];
        let archive = self.archive.as_ref().map(|_| FILE_SEND);
        let methods = METHODS.iter().copied().chain(archive);
        headers.extend(methods.map(|method| (METHOD, method.to_owned())));
        headers
    }

    /// Answers on `io` until the session ends.
    fn serve(self, id: String, io: impl Duplex + 'static) -> BuildkitSession {
        let (end, ended) = oneshot::channel();
        let server = Server::builder()
            .add_service(HealthServer::new(AlwaysServing))
            .add_service(self.context)
            .add_service(AuthServer::new(self.secrets.clone()))
            .add_service(SecretsServer::new(self.secrets.clone()))
            .add_service(SshServer::new(self.secrets))
            .add_optional_service(self.archive.map(FileSendServer::new));
        let incoming = stream::iter([Ok::<_, std::io::Error>(ReversedConnection(Box::new(io)))]);
        // The one connection, and then none until the end.
        let incoming = incoming.chain(stream::pending());
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, async {
            let _ = ended.await;
        }));
        BuildkitSession { id, _end: end }
    }
}

impl BuildkitSession {
    /// Opens a session under `id` at an engine. Its paths begin with `prefix`.
    pub(crate) async fn open(
        (dialer, address, prefix): (&Dialer, &EngineAddress, &str),
        id: String,
        offer: SessionOffer,
    ) -> Result<Self> {
        let mut request = HttpRequest::post(format!("{prefix}/session"))
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c");
        for (name, value) in offer.headers(&id) {
            request = request.header(name, value);
        }
        let request = request
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|error| Error::bug("the session's request is not valid").because(&error))?;
        let upgraded = upgrade(dialer, address, request).await?;
        Ok(offer.serve(id, upgraded))
    }

    /// Opens a session under `id` over BuildKit's own service.
    pub(crate) fn open_over(
        control: &BuildkitControl,
        id: String,
        offer: SessionOffer,
    ) -> Result<Self> {
        let (near, far) = tokio::io::duplex(BUFFER);
        let (from_us, to_us) = tokio::io::split(far);
        let pieces = ReaderStream::new(from_us).filter_map(async |piece| {
            let data = piece.ok()?.to_vec();
            Some(ControlBytes { data })
        });
        let mut request = Request::new(pieces);
        for (name, value) in offer.headers(&id) {
            let value = value
                .parse()
                .map_err(|error| Error::bug("the session's name is not valid").because(&error))?;
            request.metadata_mut().append(name, value);
        }
        let mut client = control.client();
        // BuildKit answers with its first call, which can be long after this: nobody waits for it.
        tokio::spawn(async move {
            if let Ok(answer) = client.session(request).await {
                deliver(answer.into_inner(), to_us).await;
            }
        });
        Ok(offer.serve(id, near))
    }
}

/// Passes on what BuildKit says in a session.
async fn deliver(mut messages: Streaming<ControlBytes>, mut to_us: impl AsyncWrite + Unpin) {
    while let Ok(Some(message)) = messages.message().await {
        if to_us.write_all(&message.data).await.is_err() {
            return;
        }
    }
    let _ = to_us.shutdown().await;
}

/// Makes a request to an engine after which the connection belongs to gRPC.
pub(crate) async fn upgrade(
    dialer: &Dialer,
    address: &EngineAddress,
    request: HttpRequest<Empty<bytes::Bytes>>,
) -> Result<TokioIo<Upgraded>> {
    let response = dialer.send(request).await;
    let response = response.map_err(|error| unreachable(address, &error))?;
    let refused = "the engine does not open a session for BuildKit";
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::failed(refused)
            .cause(format!("it answered {}", response.status()))
            .hint("set `image.build.builder = \"classic\"`"));
    }
    let upgraded = hyper::upgrade::on(response).await;
    upgraded
        .map(TokioIo::new)
        .map_err(|error| failed(refused, &error))
}

/// A connection on which the builder is the client and this process the server.
struct ReversedConnection(Box<dyn Duplex>);

impl Connected for ReversedConnection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for ReversedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for ReversedConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
