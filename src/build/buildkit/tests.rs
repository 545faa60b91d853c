//! Builds with a BuildKit in this process, which fails on demand.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bollard_buildkit_proto::moby::{
    buildkit::{
        secrets::v1::{GetSecretRequest, secrets_client::SecretsClient},
        v1::{
            BuildHistoryEvent, BuildHistoryRequest, BytesMessage, DiskUsageRequest,
            DiskUsageResponse, InfoRequest, InfoResponse, ListWorkersRequest, ListWorkersResponse,
            PruneRequest, SolveRequest, SolveResponse, StatusRequest, StatusResponse,
            UpdateBuildHistoryRequest, UpdateBuildHistoryResponse, UsageRecord, Vertex, VertexLog,
            control_server::{Control, ControlServer},
        },
    },
    filesync::v1::{BytesMessage as FilePiece, file_send_client::FileSendClient},
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy_bidirectional, duplex, split},
    sync::Notify,
};
use tokio_util::{io::ReaderStream, sync::CancellationToken};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};

use super::{
    control::OpenConnection, filesend::ArchiveSink, session::SessionOffer, solve::solve, *,
};
use crate::{
    build::{
        context::{BuildContext, ContextFiles, ContextRequest},
        engine::{
            host::EngineAddress, inputs::BuildInputs, progress::Progress, watchdog::Activity,
        },
        request::{BuildRequest, TargetRepositories},
        secrets::BuildSecrets,
    },
    error::ErrorCode,
    event::{Event, Events},
    io::{environment::Environment, layout::Store},
    policy::{BuildPolicy, SourceFiles},
};

/// What becomes of a build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Works,
    Fails,
    /// It goes on for ever.
    Hangs,
    /// The daemon goes away.
    Dies,
    /// It asks for a secret, and hands an archive over.
    AsksAndSends,
}

struct FakeBuildkit {
    fate: Fate,
    /// The session's connection, once it is open.
    session: Mutex<Option<Channel>>,
    opened: Notify,
    die: Arc<Notify>,
}

type Answer<T> = Result<Response<T>, Status>;

fn absent<T>() -> Answer<T> {
    Err(Status::unimplemented("the fake has no such call"))
}

impl FakeBuildkit {
    /// Someone who plays the daemon's part of a session.
    async fn session(&self) -> Channel {
        loop {
            let opened = self.opened.notified();
            if let Some(channel) = self.session.lock().expect("a lock").clone() {
                return channel;
            }
            opened.await;
        }
    }

    async fn ask_and_send(&self) -> Result<(), Status> {
        let channel = self.session().await;
        let request = |id: &str| GetSecretRequest {
            id: id.to_owned(),
            ..GetSecretRequest::default()
        };
        let mut secrets = SecretsClient::new(channel.clone());
        let secret = secrets.get_secret(request("token")).await?.into_inner();
        let unknown = secrets.get_secret(request("other")).await.err();
        if unknown.is_none_or(|status| status.code() != tonic::Code::NotFound) {
            return Err(Status::internal("it gave a secret that it does not have"));
        }
        let pieces = [b"an archive with ".to_vec(), secret.data];
        let pieces = stream::iter(pieces.map(|data| FilePiece { data }));
        let answer = FileSendClient::new(channel).diff_copy(pieces).await?;
        match answer.into_inner().message().await? {
            None => Ok(()),
            Some(_) => Err(Status::internal("nothing comes back")),
        }
    }
}

#[tonic::async_trait]
impl Control for FakeBuildkit {
    type PruneStream = BoxStream<'static, Result<UsageRecord, Status>>;
    type StatusStream = BoxStream<'static, Result<StatusResponse, Status>>;
    type SessionStream = BoxStream<'static, Result<BytesMessage, Status>>;
    type ListenBuildHistoryStream = BoxStream<'static, Result<BuildHistoryEvent, Status>>;

    async fn solve(&self, _: Request<SolveRequest>) -> Answer<SolveResponse> {
        match self.fate {
            Fate::Works => {}
            Fate::Fails => return Err(Status::unknown("process \"x\" failed: exit code: 1")),
            Fate::Hangs => std::future::pending().await,
            Fate::Dies => {
                self.die.notify_one();
                std::future::pending::<()>().await;
            }
            Fate::AsksAndSends => self.ask_and_send().await?,
        }
        Ok(Response::new(SolveResponse::default()))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Answer<Self::StatusStream> {
        let report = StatusResponse {
            vertexes: vec![Vertex {
                digest: "sha256:a".into(),
                name: "[1/1] RUN x".into(),
                error: match self.fate {
                    Fate::Fails => "exit code: 1".into(),
                    _ => String::new(),
                },
                ..Vertex::default()
            }],
            logs: vec![VertexLog {
                vertex: "sha256:a".into(),
                msg: b"its last words\n".to_vec(),
                ..VertexLog::default()
            }],
            ..StatusResponse::default()
        };
        Ok(Response::new(stream::iter([Ok(report)]).boxed()))
    }

    async fn session(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Answer<Self::SessionStream> {
        let named = |key: &str| request.metadata().get_all(key).iter().count();
        if named("x-docker-expose-session-uuid") != 1
            || named("x-docker-expose-session-grpc-method") < 2
        {
            return Err(Status::invalid_argument("the session says too little"));
        }
        let (near, far) = duplex(1 << 16);
        let (from, mut to) = split(far);
        let mut messages = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                if to.write_all(&message.data).await.is_err() {
                    return;
                }
            }
        });
        let channel = Endpoint::from_static("http://hoist")
            .connect_with_connector_lazy(OpenConnection::new(Box::new(near)));
        *self.session.lock().expect("a lock") = Some(channel);
        self.opened.notify_waiters();
        let pieces = ReaderStream::new(from).map(|piece| {
            let data = piece.map_err(|error| Status::aborted(error.to_string()))?;
            Ok(BytesMessage {
                data: data.to_vec(),
            })
        });
        Ok(Response::new(pieces.boxed()))
    }

    async fn disk_usage(&self, _: Request<DiskUsageRequest>) -> Answer<DiskUsageResponse> {
        absent()
    }

    async fn prune(&self, _: Request<PruneRequest>) -> Answer<Self::PruneStream> {
        absent()
    }

    async fn list_workers(&self, _: Request<ListWorkersRequest>) -> Answer<ListWorkersResponse> {
        Ok(Response::new(ListWorkersResponse::default()))
    }

    async fn info(&self, _: Request<InfoRequest>) -> Answer<InfoResponse> {
        absent()
    }

    async fn listen_build_history(
        &self,
        _: Request<BuildHistoryRequest>,
    ) -> Answer<Self::ListenBuildHistoryStream> {
        absent()
    }

    async fn update_build_history(
        &self,
        _: Request<UpdateBuildHistoryRequest>,
    ) -> Answer<UpdateBuildHistoryResponse> {
        absent()
    }
}

/// A connection to a BuildKit with this fate.
async fn buildkit(fate: Fate) -> BuildkitControl {
    let (near, mut ours) = duplex(1 << 16);
    let (mut theirs, far) = duplex(1 << 16);
    let die = Arc::new(Notify::new());
    let fake = FakeBuildkit {
        fate,
        session: Mutex::default(),
        opened: Notify::new(),
        die: die.clone(),
    };
    let incoming = stream::iter([Ok::<DuplexStream, std::io::Error>(far)]).chain(stream::pending());
    let serving = Server::builder()
        .add_service(ControlServer::new(fake))
        .serve_with_incoming(incoming);
    tokio::spawn(serving);
    // What lies between the two breaks with the daemon.
    tokio::spawn(async move {
        tokio::select! {
            () = die.notified() => {}
            _ = copy_bidirectional(&mut ours, &mut theirs) => {}
        }
    });
    let address = EngineAddress::Unix("/x.sock".into());
    let control = BuildkitControl::over(&address, Box::new(near)).await;
    control.unwrap_or_else(|error| panic!("{error:#}"))
}

fn heard() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let events = Events::new({
        let lines = lines.clone();
        move |event| {
            if let Event::Output { line } = event {
                lines.lock().expect("a list").push(line);
            }
        }
    });
    (Progress::new(events, std::iter::empty()), lines)
}

/// Asks for the image of the Dockerfile in a folder that is no repository.
fn build_request(folder: &Path) -> BuildRequest {
    BuildRequest {
        policy: BuildPolicy {
            files: SourceFiles::Worktree,
            ..BuildPolicy::default()
        },
        args: Default::default(),
        repository: folder.to_owned(),
        commit: "1".repeat(40).parse().expect("an id"),
        time: 0,
        labels: Default::default(),
        annotations: Default::default(),
        references: Vec::new(),
        variables: Vec::new(),
        targets: TargetRepositories::default(),
        expected: None,
    }
}

fn request() -> SolveRequest {
    SolveRequest {
        r#ref: "one".into(),
        ..SolveRequest::default()
    }
}

#[tokio::test]
async fn a_build_is_followed_to_its_end() {
    let control = buildkit(Fate::Works).await;
    let (mut progress, lines) = heard();
    let solved = solve(&control, request(), &mut progress, &Activity::default()).await;
    solved.expect("it works");
    assert_eq!(*lines.lock().expect("a list"), ["#1 its last words"]);
}

#[tokio::test]
async fn a_failed_build_says_why_and_what_its_step_printed() {
    let control = buildkit(Fate::Fails).await;
    let (mut progress, _) = heard();
    let solved = solve(&control, request(), &mut progress, &Activity::default()).await;
    let error = solved.expect_err("it fails");
    assert_eq!(error.code(), ErrorCode::BuildFailed);
    assert!(format!("{error:#}").contains("exit code: 1"), "{error:#}");
    let step = progress.failed_step().expect("a step");
    assert_eq!(step.name, "[1/1] RUN x");
    assert_eq!(step.last.into_lines(), ["its last words"]);
}

#[tokio::test]
async fn a_builder_that_goes_away_is_told_from_a_build_that_fails() {
    let control = buildkit(Fate::Dies).await;
    let (mut progress, _) = heard();
    let solved = solve(&control, request(), &mut progress, &Activity::default()).await;
    let error = solved.expect_err("it goes away");
    assert_eq!(error.message(), "the connection to BuildKit broke");
}

#[tokio::test]
async fn a_session_gives_what_it_has_and_takes_the_image() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("writable");
    let wanted = ContextRequest {
        repository: folder.path().to_owned(),
        files: ContextFiles::Worktree,
        context: ".".into(),
        dockerfile: Some("Dockerfile".into()),
        time: 0,
        leave_out: None,
    };
    let context = BuildContext::open(&wanted, &Events::none()).expect("a context");
    let activity = Activity::default();
    let (archive, mut received) = ArchiveSink::new(&activity, CancellationToken::new());
    let mut secrets = BuildSecrets::default();
    let value = b"a secret".to_vec();
    secrets.values.insert("token".to_owned(), value);
    let offer = SessionOffer {
        secrets,
        context: SyncedContext::new(context, Default::default(), &activity),
        archive: Some(archive),
    };
    let control = buildkit(Fate::AsksAndSends).await;
    let session = BuildkitSession::open_over(&control, "one".into(), offer).expect("a session");
    let (mut progress, _) = heard();
    let reading = tokio::spawn(async move {
        let mut text = String::new();
        received.read_to_string(&mut text).await.map(|_| text)
    });
    let solved = solve(&control, request(), &mut progress, &activity).await;
    solved.unwrap_or_else(|error| panic!("{error:#}"));
    let text = reading.await.expect("it ends").expect("it is read");
    assert_eq!(text, "an archive with a secret");
    assert_eq!(session.id, "one");
}

#[tokio::test]
async fn an_archive_that_never_comes_is_waited_for_by_nobody() {
    let read = async |end: fn(&ArchiveSink, &CancellationToken)| {
        let stop = CancellationToken::new();
        let (archive, mut received) = ArchiveSink::new(&Activity::default(), stop.clone());
        end(&archive, &stop);
        let mut text = String::new();
        // The place itself stays, as it does in a session that BuildKit keeps open.
        let read = received.read_to_string(&mut text).await;
        drop(archive);
        read.map_err(|error| error.to_string())
    };
    assert_eq!(read(|archive, _| archive.close()).await, Ok(0));
    let stopped = read(|_, stop| stop.cancel()).await;
    assert_eq!(stopped, Err("the build has ended".to_owned()));
}

#[tokio::test]
async fn a_build_that_fails_before_it_sends_the_image_ends() {
    for (fate, interrupt, message) in [
        (Fate::Fails, false, "the build failed"),
        (Fate::Dies, false, "the connection to BuildKit broke"),
        (Fate::Hangs, true, "interrupted while building"),
        // It has built, it says, and has sent nothing.
        (Fate::Works, false, "the image cannot be used"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("writable");
        let control = buildkit(fate).await;
        let request = build_request(folder.path());
        let (environment, events) = (Environment::default(), Events::none());
        let inputs = BuildInputs::find(&request, &environment, None, &events).await;
        let inputs = inputs.unwrap_or_else(|error| panic!("{error:#}"));
        let store = Store::new(folder.path().join("store"));
        let cancel = CancellationToken::new();
        let wanted = request.wanted_image();
        let image = SolvedImage {
            control: &control,
            request: &request,
            wanted: &wanted,
            shares_loopback: false,
            store: &store,
            events: &events,
            cancel: &cancel,
        };
        if interrupt {
            cancel.cancel();
        }
        let made = tokio::time::timeout(Duration::from_secs(20), image.make(inputs)).await;
        let error = made.expect("it ends").expect_err("there is no image");
        assert_eq!(error.message(), message, "{error:#}");
    }
}
