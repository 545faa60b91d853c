//! The services of a session that need no files: logins, secrets, the ssh agent, and being alive.

use std::{path::Path, pin::Pin};

use bollard_buildkit_proto::{
    health::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_check_response::ServingStatus, health_server::Health,
    },
    moby::{
        buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse, secrets_server::Secrets},
        filesync::v1::{
            CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
            GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
            VerifyTokenAuthorityResponse, auth_server::Auth,
        },
        sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse, ssh_server::Ssh},
    },
};
use futures_util::{Stream, StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::UnixStream};
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status, Streaming};

use crate::build::{engine::credentials::credential_for, secrets::BuildSecrets};

/// The agent that is meant; BuildKit sends nothing, or `default`, for the usual one.
fn agent_of<'a>(secrets: &'a BuildSecrets, id: &str) -> Result<&'a Path, Status> {
    secrets
        .agent(id)
        .ok_or_else(|| Status::not_found(format!("ssh {id}: `image.build.ssh` does not have it")))
}

type GrpcResult<T> = Result<Response<T>, Status>;

/// The health service: this process is alive for as long as it answers.
pub(super) struct AlwaysServing;

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
