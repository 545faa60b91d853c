//! BuildKit at addresses of its own: one daemon, or the nodes of a builder, each of which builds the platforms that it
//! has, side by side. What they make is joined into one index, as one daemon would make it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;
use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        buildkit::{
            address::reach,
            assign::{NodePlatforms, assign, needed},
            control::BuildkitControl,
            image::SolvedImage,
            instance::{BuilderNode, builder_nodes},
            join_nodes::join_images,
        },
        engine::{
            container,
            error::daemon_unreachable,
            files::RealFiles,
            host::{Certificates, EngineAddress},
            inputs::BuildInputs,
        },
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::{Error, ErrorKind, Result},
    event::{Event, Events},
    io::{
        environment::Environment,
        layout::{Store, WantedImage},
    },
    oci::{Image, Platform},
    policy::Builder,
    text::sanitize_line,
};

/// How long a daemon whose container was just started may take until it answers.
const STARTING: Duration = Duration::from_secs(30);
/// How long it is left alone between two questions.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// The daemon or the builder that `image.build.builder` names.
pub(crate) struct BuildkitNodesSource<'a> {
    pub(crate) request: &'a BuildRequest,
    pub(crate) environment: &'a Environment,
    pub(crate) builder: &'a Builder,
    pub(crate) wanted: WantedImage,
}

/// A node that has answered.
struct ReadyNode {
    node: BuilderNode,
    control: BuildkitControl,
    workers: Vec<WorkerRecord>,
    shares_loopback: bool,
}

#[async_trait]
impl ImageSource for BuildkitNodesSource<'_> {
    async fn check(&self) -> Result<Description> {
        let nodes = self.connect(&Events::none()).await?;
        BuildInputs::find(self.request, self.environment, None, &Events::none()).await?;
        let told: Vec<_> = nodes.iter().map(ReadyNode::told).collect();
        Ok(Description::new(match self.builder {
            Builder::Buildx(name) => format!("the buildx builder `{name}`: {}", told.join("; ")),
            Builder::Daemon(_) | Builder::Buildkit | Builder::Classic => told.join("; "),
        }))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let nodes = self.connect(events).await?;
        let can: Vec<_> = nodes.iter().map(ReadyNode::platforms).collect();
        let assigned = assign(&self.request.policy.platforms, &can);
        if let [(only, _)] = &*assigned {
            let node = &nodes[*only];
            return self
                .build_on(node, self.request, &self.wanted, (store, events, cancel))
                .await;
        }
        if !self.request.policy.cache_to.is_empty() {
            events.note("each node exports its cache to the same place, where the last one stays");
        }
        // Cancelled by the first node that fails. The others then end, and clean up, as after a signal.
        let stop = cancel.child_token();
        let first: Mutex<Option<Error>> = Mutex::default();
        let builds = assigned.into_iter().map(|(at, platforms)| {
            let (node, stop, first) = (&nodes[at], &stop, &first);
            async move {
                let built = self
                    .build_part(node, platforms, (store, events, stop))
                    .await;
                let failed = |error| {
                    stop.cancel();
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(error);
                };
                let image = built.map_err(failed).ok()?;
                Some((node.node.name.clone(), image))
            }
        });
        let parts: Vec<_> = join_all(builds).await.into_iter().flatten().collect();
        let made: Vec<_> = parts
            .iter()
            .map(|(_, image)| image.manifest.digest().clone())
            .collect();
        let joined = match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => join_images(parts, (store, events), &self.wanted, cancel).await,
            Some(error) => Err(error),
        };
        for part in &made {
            // What a node has made is of no use alone.
            let _ = store.remove(part);
        }
        joined
    }
}

/// Where the image goes, who hears of it, and what ends it.
type Surroundings<'a> = (&'a Store, &'a Events, &'a CancellationToken);

impl BuildkitNodesSource<'_> {
    fn nodes(&self) -> Result<Vec<BuilderNode>> {
        let daemon = match self.builder {
            Builder::Buildx(name) => return builder_nodes(name, self.environment, &RealFiles),
            Builder::Daemon(daemon) => daemon,
            Builder::Buildkit | Builder::Classic => {
                return Err(Error::bug("an engine's builder has no address of its own"));
            }
        };
        let file = |path: &String| self.request.repository.join(path);
        let tls = daemon.tls.as_ref().map(|tls| Certificates {
            ca: file(&tls.ca),
            client: tls
                .client
                .as_ref()
                .map(|(cert, key)| (file(cert), file(key))),
            server_name: None,
        });
        Ok(vec![BuilderNode {
            name: String::new(),
            address: reach(&daemon.address, tls, self.environment, &RealFiles)?,
            platforms: Vec::new(),
        }])
    }

    async fn connect(&self, events: &Events) -> Result<Vec<ReadyNode>> {
        let nodes = self.nodes()?;
        let named: Vec<_> = nodes.iter().map(|node| &*node.platforms).collect();
        let needed = needed(&self.request.policy.platforms, &named);
        let nodes = nodes.into_iter().enumerate();
        let nodes = nodes.filter(|(at, _)| needed.contains(at));
        try_join_all(nodes.map(|(_, node)| self.ready(node, events))).await
    }

    async fn ready(&self, node: BuilderNode, events: &Events) -> Result<ReadyNode> {
        let name = sanitize_line(&node.name, 100);
        let ready = ready(node, events).await;
        ready.map_err(|error| match self.builder {
            Builder::Buildx(builder) => error
                .cause(format!(
                    "it is the node `{name}` of the buildx builder `{builder}`"
                ))
                .hint(format!("docker buildx inspect --bootstrap {builder}")),
            Builder::Daemon(_) | Builder::Buildkit | Builder::Classic => error,
        })
    }

    async fn build_part(
        &self,
        node: &ReadyNode,
        platforms: Vec<Platform>,
        (store, events, cancel): Surroundings<'_>,
    ) -> Result<Image> {
        let names: Vec<_> = platforms.iter().map(ToString::to_string).collect();
        let events = labelled(events, names.join(","));
        let mut request = self.request.clone();
        request.policy.platforms.clone_from(&platforms);
        let wanted = WantedImage {
            platforms,
            ..self.wanted.clone()
        };
        let built = self.build_on(node, &request, &wanted, (store, &events, cancel));
        built.await.map_err(|error| match error.kind() {
            // It was no node that did that.
            ErrorKind::Interrupted => error,
            _ => error.cause(format!(
                "it was on the node `{}` of the builder, for {}",
                sanitize_line(&node.node.name, 100),
                names.join(" and ")
            )),
        })
    }

    async fn build_on(
        &self,
        node: &ReadyNode,
        request: &BuildRequest,
        wanted: &WantedImage,
        (store, events, cancel): Surroundings<'_>,
    ) -> Result<Image> {
        let inputs = BuildInputs::find(request, self.environment, Some(store), events).await?;
        events.note(format!(
            "BuildKit at {} builds {} files",
            node.node.address,
            inputs.context.entries().len()
        ));
        let image = SolvedImage {
            control: &node.control,
            request,
            wanted,
            shares_loopback: node.shares_loopback,
            store,
            events,
            cancel,
        };
        image.make(inputs).await
    }
}

impl ReadyNode {
    fn platforms(&self) -> NodePlatforms {
        let found = self.workers.iter().flat_map(|worker| &worker.platforms);
        let found = found.map(|platform| {
            let variant = Some(platform.variant.clone()).filter(|variant| !variant.is_empty());
            Platform::new(&platform.os, &platform.architecture, variant)
        });
        NodePlatforms {
            named: self.node.platforms.clone(),
            found: found.collect(),
        }
    }

    /// For a person: who it is, where, and for which platforms.
    fn told(&self) -> String {
        let NodePlatforms { named, found } = self.platforms();
        let shown: Vec<_> = match named.is_empty() {
            true => found.iter().filter(|one| one.variant.is_none()).collect(),
            false => named.iter().collect(),
        };
        let shown: Vec<_> = shown.into_iter().map(ToString::to_string).collect();
        let version = self
            .workers
            .iter()
            .find_map(|worker| worker.buildkit_version.as_ref())
            .map_or("", |version| &version.version);
        format!(
            "{} at {}, for {}",
            sanitize_line(format!("BuildKit {version}").trim_end(), 40),
            self.node.address,
            sanitize_line(&shown.join(", "), 200)
        )
    }
}

/// Connects to a node; one in a container that is stopped is started, as buildx does.
async fn ready(node: BuilderNode, events: &Events) -> Result<ReadyNode> {
    let address = &node.address;
    let unreachable = |error: std::io::Error| daemon_unreachable(address, &error);
    let mut patience = Duration::ZERO;
    let shares_loopback = match address {
        EngineAddress::Unix(_) => true,
        EngineAddress::Tcp { address, .. } => {
            let host = address.rsplit_once(':').map_or("", |(host, _)| host);
            // One that is not here, behind a forwarded port, sends the image.
            matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        }
        EngineAddress::Ssh { .. } | EngineAddress::BuildkitOverSsh { .. } => false,
        EngineAddress::InContainer { engine, name } => {
            let state = container::inspect(engine, name)
                .await
                .map_err(unreachable)?;
            let state = state.ok_or_else(|| no_container(name, engine))?;
            if !state.runs() {
                events.note(format!("the container `{name}` is started"));
                container::start(engine, name).await.map_err(unreachable)?;
                patience = STARTING;
            }
            state.has_the_hosts_network() && matches!(**engine, EngineAddress::Unix(_))
        }
    };
    let end = Instant::now() + patience;
    let (control, workers) = loop {
        match answering(address).await {
            Err(_) if Instant::now() < end => sleep(ASK_AGAIN).await,
            answer => break answer?,
        }
    };
    Ok(ReadyNode {
        control,
        workers,
        shares_loopback,
        node,
    })
}

async fn answering(address: &EngineAddress) -> Result<(BuildkitControl, Vec<WorkerRecord>)> {
    let control = BuildkitControl::dial(address.clone()).await?;
    let workers = control.workers().await?;
    Ok((control, workers))
}

fn no_container(name: &str, engine: &EngineAddress) -> Error {
    let error = Error::refused(format!("there is no container `{name}`"))
        .cause(format!(
            "`image.build.builder` needs it, in the engine at {engine}"
        ))
        .state("nothing was built or published");
    match name.starts_with("buildx_buildkit_") {
        // Whose node it is, and what makes it, is said with the builder's name.
        true => error,
        false => error.hint("docker ps --all"),
    }
}

/// Events of one of several builds at once: lines of output say whose they are.
fn labelled(events: &Events, label: String) -> Events {
    let events = events.clone();
    let label: Arc<str> = label.into();
    Events::new(move |event| {
        events.emit(match event {
            Event::Output { line } => Event::Output {
                line: format!("[{label}] {line}"),
            },
            Event::Progress {
                id,
                label: what,
                done,
                total,
            } => Event::Progress {
                id: format!("{label}/{id}"),
                label: format!("[{label}] {what}"),
                done,
                total,
            },
            other => other,
        });
    })
}
