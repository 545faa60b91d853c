//! What BuildKit may ask for while it builds: the context and the Dockerfile, credentials for base
//! images, secrets, the ssh agent. Nothing else is offered.
//!
//! hoist opens a connection to the engine (`POST /session`, `Upgrade: h2c`), and BuildKit then
//! calls back over gRPC on that same connection.

use std::{
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use bollard_buildkit_proto::{
    health::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_check_response::ServingStatus,
        health_server::{Health, HealthServer},
    },
    moby::{
        buildkit::secrets::v1::{
            GetSecretRequest, GetSecretResponse,
            secrets_server::{Secrets, SecretsServer},
        },
        filesync::v1::{
            CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
            GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
            VerifyTokenAuthorityResponse,
            auth_server::{Auth, AuthServer},
        },
        sshforward::v1::{
            BytesMessage, CheckAgentRequest, CheckAgentResponse,
            ssh_server::{Ssh, SshServer},
        },
    },
};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::Empty;
use hyper::{Request as HttpRequest, StatusCode, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::UnixStream,
    sync::oneshot,
};
use tokio_util::io::ReaderStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::Connected},
};

use crate::{
    build::{
        docker::{
            client::Engine,
            credentials::credential_for,
            error::{failed, unreachable},
            filesync::{DIFF_COPY, SyncedContext},
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

/// The methods that hoist announces to BuildKit.
const METHODS: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    DIFF_COPY,
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];

impl BuildkitSession {
    /// Opens a session under `id`.
    pub(crate) async fn open(
        engine: &Engine,
        id: String,
        secrets: BuildSecrets,
        context: SyncedContext,
    ) -> Result<Self> {
        let shared_key = context.shared_key().unwrap_or_else(|| id.clone());
        let mut request = HttpRequest::post(format!("{}/session", engine.prefix))
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "hoist")
            .header("X-Docker-Expose-Session-Sharedkey", shared_key);
        for method in METHODS {
            request = request.header("X-Docker-Expose-Session-Grpc-Method", *method);
        }
        let request = request
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|error| Error::bug("the session's request is not valid").because(&error))?;
        let response = engine.dialer.send(request).await;
        let response = response.map_err(|error| unreachable(&engine.address, &error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(
                Error::failed("the engine does not open a session for BuildKit")
                    .cause(format!("it answered {}", response.status()))
                    .hint("set `image.build.builder = \"classic\"`"),
            );
        }
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(|error| failed("the engine does not open a session for BuildKit", &error))?;
        let (end, ended) = oneshot::channel();
        let server = Server::builder()
            .add_service(HealthServer::new(AlwaysServing))
            .add_service(context)
            .add_service(AuthServer::new(secrets.clone()))
            .add_service(SecretsServer::new(secrets.clone()))
            .add_service(SshServer::new(secrets));
        let incoming = stream::iter([Ok::<_, std::io::Error>(ReversedConnection(TokioIo::new(
            upgraded,
        )))]);
        // The one connection, and then none until the end.
        let incoming = incoming.chain(stream::pending());
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, async {
            let _ = ended.await;
        }));
        Ok(Self { id, _end: end })
    }
}

/// The upgraded connection, on which the engine is the client and this process the server.
struct ReversedConnection(TokioIo<Upgraded>);

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

/// The agent that is meant; BuildKit sends nothing, or `default`, for the usual one.
fn agent_of<'a>(secrets: &'a BuildSecrets, id: &str) -> Result<&'a Path, Status> {
    secrets
        .agent(id)
        .ok_or_else(|| Status::not_found(format!("ssh {id}: `image.build.ssh` does not have it")))
}

type GrpcResult<T> = Result<Response<T>, Status>;

/// The health service: this process is alive for as long as it answers.
struct AlwaysServing;

#[tonic::async_trait]
impl Health for AlwaysServing {
    type WatchStream = stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> GrpcResult<HealthCheckResponse> {
        Ok(Response::new(HealthCheckResponse {
            status: ServingStatus::Serving as i32,
        }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> GrpcResult<HealthListResponse> {
        Err(Status::unimplemented("list"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> GrpcResult<Self::WatchStream> {
        Err(Status::unimplemented("watch"))
    }
}

#[tonic::async_trait]
impl Auth for BuildSecrets {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> GrpcResult<CredentialsResponse> {
        let host = request.into_inner().host;
        let found = credential_for(&self.environment, &host).await;
        // The reason stays out of the answer: the engine may be another machine, and would log it.
        let login = found.map_err(|_| Status::internal("the credentials cannot be read"))?;
        let (username, secret) = login.unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    // The engine then fetches the token by itself, with the credentials above.
    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> GrpcResult<FetchTokenResponse> {
        Err(Status::unimplemented("fetch_token"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> GrpcResult<GetTokenAuthorityResponse> {
        Err(Status::unimplemented("get_token_authority"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> GrpcResult<VerifyTokenAuthorityResponse> {
        Err(Status::unimplemented("verify_token_authority"))
    }
}

#[tonic::async_trait]
impl Secrets for BuildSecrets {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> GrpcResult<GetSecretResponse> {
        let id = request.into_inner().id;
        match self.values.get(&id) {
            Some(data) => Ok(Response::new(GetSecretResponse { data: data.clone() })),
            None => Err(Status::not_found(format!(
                "secret {id}: `image.build.secrets` does not have it"
            ))),
        }
    }
}

#[tonic::async_trait]
impl Ssh for BuildSecrets {
    type ForwardAgentStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> GrpcResult<CheckAgentResponse> {
        agent_of(self, &request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> GrpcResult<Self::ForwardAgentStream> {
        let id = request
            .metadata()
            .get("buildkit.ssh.id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let agent = UnixStream::connect(agent_of(self, &id)?).await;
        let agent = agent.map_err(|error| Status::unavailable(format!("ssh agent: {error}")))?;
        let (from_agent, mut to_agent) = agent.into_split();
        let mut asked = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = asked.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let answers = ReaderStream::new(from_agent).map(|bytes| match bytes {
            Ok(bytes) => Ok(BytesMessage {
                data: bytes.to_vec(),
            }),
            Err(error) => Err(Status::unavailable(format!("ssh agent: {error}"))),
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
