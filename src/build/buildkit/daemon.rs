//! A BuildKit daemon with an address of its own.

use std::path::Path;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        buildkit::{control::BuildkitControl, image::SolvedImage},
        engine::{
            host::{Certificates, EngineAddress},
            inputs::BuildInputs,
        },
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::Result,
    event::Events,
    io::{
        environment::Environment,
        layout::{Store, WantedImage},
    },
    oci::Image,
    policy::{BuildkitDaemon, DaemonAddress},
    text::sanitize_line,
};

/// The daemon that `image.build.builder` names.
pub(crate) struct BuildkitDaemonSource<'a> {
    pub(crate) request: &'a BuildRequest,
    pub(crate) environment: &'a Environment,
    pub(crate) daemon: &'a BuildkitDaemon,
    pub(crate) wanted: WantedImage,
}

#[async_trait]
impl ImageSource for BuildkitDaemonSource<'_> {
    async fn check(&self) -> Result<Description> {
        let control = self.connect().await?;
        let workers = control.workers().await?;
        BuildInputs::find(self.request, self.environment, None, &Events::none()).await?;
        let platforms: Vec<String> = workers
            .iter()
            .flat_map(|worker| &worker.platforms)
            .filter(|platform| platform.variant.is_empty())
            .map(|platform| format!("{}/{}", platform.os, platform.architecture))
            .collect();
        let version = workers
            .iter()
            .find_map(|worker| worker.buildkit_version.as_ref())
            .map_or("", |version| &version.version);
        Ok(Description::new(format!(
            "{} at {}, for {}",
            sanitize_line(format!("BuildKit {version}").trim_end(), 40),
            self.daemon.address,
            sanitize_line(&platforms.join(", "), 200)
        )))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let control = self.connect().await?;
        let inputs = BuildInputs::find(self.request, self.environment, Some(store), events).await?;
        events.note(format!(
            "BuildKit at {} builds {} files",
            self.daemon.address,
            inputs.context.entries().len()
        ));
        let image = SolvedImage {
            control: &control,
            request: self.request,
            wanted: &self.wanted,
            shares_loopback: self.is_here(),
            store,
            events,
            cancel,
        };
        image.make(inputs).await
    }
}

impl BuildkitDaemonSource<'_> {
    async fn connect(&self) -> Result<BuildkitControl> {
        BuildkitControl::dial(address(self.daemon, &self.request.repository)).await
    }

    /// Whether it can be on this machine. One that is not, behind a forwarded port, sends the image.
    fn is_here(&self) -> bool {
        match &self.daemon.address {
            DaemonAddress::Unix(_) => true,
            DaemonAddress::Tcp { host, .. } => {
                matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
            }
        }
    }
}

fn address(daemon: &BuildkitDaemon, repository: &Path) -> EngineAddress {
    let file = |path: &String| repository.join(path);
    match &daemon.address {
        DaemonAddress::Unix(path) => EngineAddress::Unix(path.clone()),
        DaemonAddress::Tcp { host, port } => EngineAddress::Tcp {
            address: format!("{host}:{port}"),
            tls: daemon.tls.as_ref().map(|tls| Certificates {
                ca: file(&tls.ca),
                client: tls
                    .client
                    .as_ref()
                    .map(|(cert, key)| (file(cert), file(key))),
            }),
        },
    }
}
