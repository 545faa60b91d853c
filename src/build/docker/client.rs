//! One engine: who it is, whether it has BuildKit, and the few calls that a release needs.

use std::{io, path::Path, time::Duration};

use bollard::{
    Docker,
    query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder},
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use crate::{
    build::{
        buildkit::{BuildkitControl, upgrade},
        docker::capabilities::EngineTraits,
        engine::{
            connect::Dialer,
            error::{failed, unreachable},
            files::RealFiles,
            host::{EngineAddress, resolve},
            watchdog::Watched,
        },
    },
    error::{Error, Result},
    io::environment::Environment,
};

/// bollard's time-out covers the headers of a response, and those of an export come only when the
/// engine has written the whole image to a temporary place. The watchdog notices a dead engine.
const DAY: u64 = 24 * 60 * 60;
/// The time-out of calls that only ask.
const QUICK: Duration = Duration::from_secs(30);
/// The first API version whose BuildKit behind `/build` can be relied on (Docker 19.03).
const BUILDKIT_API: (usize, usize) = (1, 40);

/// The first API version whose engine can keep its images in containerd's store for good (Docker 25).
const CONTAINERD_STORE_API: (usize, usize) = (1, 44);
/// The API of Docker Engine 23, whose BuildKit takes limits for the steps.
const LIMITS_API: (usize, usize) = (1, 42);
/// How an engine with that store calls its driver.
const CONTAINERD: &str = "io.containerd.snapshotter";
/// Where Docker's client looks for plugins, after its own configuration's folder.
const PLUGINS: &[&str] = &[
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// One engine that answered.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) address: EngineAddress,
    pub(crate) dialer: Dialer,
    pub(crate) docker: Docker,
    /// What every path begins with: `/v1.41`, or nothing where the engine does not say its version.
    pub(crate) prefix: String,
    /// Whether it pushes to a registry on its loopback without TLS.
    pub(crate) pushes_plainly: bool,
    /// What it is.
    pub(crate) traits: EngineTraits,
}

impl Engine {
    /// Finds the engine and asks who it is.
    pub(crate) async fn connect(environment: &Environment) -> Result<Self> {
        let address = resolve(environment, &RealFiles)?;
        let dialer = Dialer::new(address.clone());
        let first = connection(&dialer, String::new());
        let first = first.map_err(|error| failed("cannot use the engine", &error))?;
        let version = tokio::time::timeout(QUICK, first.version())
            .await
            .map_err(|_| unreachable(&address, &"it did not answer within 30 s"))?
            .map_err(|error| unreachable(&address, &error))?;
        let components = version.components.unwrap_or_default();
        let podman = components
            .iter()
            .any(|part| part.name.starts_with("Podman"));
        let api = version.api_version.unwrap_or_default();
        let linux = version.os.as_deref().unwrap_or("linux") == "linux";
        let prefix = match parse_api(&api) {
            Some(_) => format!("/v{api}"),
            None => String::new(),
        };
        let docker = connection(&dialer, prefix.clone())
            .map_err(|error| failed("cannot use the engine", &error))?;
        let version_of = parse_api(&api).unwrap_or_default();
        let traits = EngineTraits {
            name: format!(
                "{} {}",
                if podman { "Podman" } else { "Docker Engine" },
                crate::text::sanitize_line(&version.version.unwrap_or_default(), 40)
            ),
            podman,
            buildkit: !podman && linux && version_of >= BUILDKIT_API,
            containerd_store: !podman && linux && has_containerd_store(&docker).await,
            knows_containerd_store: !podman && linux && version_of >= CONTAINERD_STORE_API,
            limits_steps: !podman && version_of >= LIMITS_API,
            has_buildx: !podman && has_buildx(environment),
        };
        Ok(Self {
            docker,
            address,
            dialer,
            prefix,
            // Podman wants to be told so in each request.
            pushes_plainly: !podman && linux,
            traits,
        })
    }

    /// The engine's BuildKit, by its own API.
    ///
    /// # Errors
    /// The engine does not give access to it.
    pub(crate) async fn buildkit(&self) -> Result<BuildkitControl> {
        let request = hyper::Request::post(format!("{}/grpc", self.prefix))
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .body(http_body_util::Empty::new())
            .map_err(|error| Error::bug("the engine's address is not valid").because(&error))?;
        let io = upgrade(&self.dialer, &self.address, request).await?;
        BuildkitControl::over(&self.address, Box::new(io)).await
    }

    /// The ids of all images without a name, including those between two steps. A base image that
    /// a build has pulled has a name, and stays for the next build.
    pub(crate) async fn unnamed_images(&self) -> Result<Vec<String>> {
        let options = ListImagesOptionsBuilder::default().all(true).build();
        let images = self.docker.list_images(Some(options)).await;
        let images = images.map_err(|error| failed("cannot list the engine's images", &error))?;
        // Engines before API 1.43 write `<none>` for no name.
        let none = |name: &String| name.starts_with("<none>");
        let unnamed = images
            .into_iter()
            .filter(|image| image.repo_tags.iter().chain(&image.repo_digests).all(none));
        Ok(unnamed.map(|image| image.id).collect())
    }

    /// The tags of one repository.
    pub(crate) async fn tags(&self, repository: &str) -> Vec<String> {
        let filters = [("reference", vec![repository])].into();
        let options = ListImagesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let images = self
            .docker
            .list_images(Some(options))
            .await
            .unwrap_or_default();
        images
            .into_iter()
            .flat_map(|image| image.repo_tags)
            .collect()
    }

    /// Removes a tag, and the image with it if the tag was its only name; or an image by its id.
    /// An image that is not there or that has other names, and the images that it was built on,
    /// stay as they are.
    pub(crate) async fn remove_image(&self, reference: &str) {
        let options = |force| {
            let options = RemoveImageOptionsBuilder::default();
            options.force(force).noprune(true).build()
        };
        let removed = self
            .docker
            .remove_image(reference, Some(options(false)), None)
            .await;
        let conflict = matches!(
            removed,
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 409,
                ..
            })
        );
        // The engine removes a name from an image that a container uses, but not the image itself.
        if conflict && !reference.starts_with("sha256:") {
            let _ = self
                .docker
                .remove_image(reference, Some(options(true)), None)
                .await;
        }
    }

    /// The archive that `docker save` would write.
    pub(crate) fn export(
        &self,
        reference: &str,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        self.docker
            .export_image(reference)
            .map_err(io::Error::other)
    }
}

impl Watched for Engine {
    fn address(&self) -> &EngineAddress {
        &self.address
    }

    async fn is_alive(&self) -> bool {
        matches!(
            tokio::time::timeout(QUICK, self.docker.ping()).await,
            Ok(Ok(_))
        )
    }
}

/// Whether images are in containerd's store. An engine that does not say has the classic one.
async fn has_containerd_store(docker: &Docker) -> bool {
    let asked = tokio::time::timeout(QUICK, docker.info()).await;
    let Ok(Ok(info)) = asked else {
        return false;
    };
    let status = info.driver_status.unwrap_or_default();
    let says = |pair: &Vec<String>| matches!(&**pair, [name, value] if name == "driver-type" && value.starts_with(CONTAINERD));
    status.iter().any(says)
}

/// Whether Docker's client finds its plugin for builds.
fn has_buildx(environment: &Environment) -> bool {
    let own = match environment.get("DOCKER_CONFIG") {
        Some(config) => Some(Path::new(config).to_owned()),
        None => environment
            .get("HOME")
            .map(|home| Path::new(home).join(".docker")),
    };
    let own = own.map(|config| config.join("cli-plugins"));
    let shared = PLUGINS.iter().map(|path| Path::new(path).to_owned());
    own.into_iter()
        .chain(shared)
        .any(|folder| folder.join("docker-buildx").exists())
}

fn connection(dialer: &Dialer, prefix: String) -> Result<Docker, bollard::errors::Error> {
    let dialer = dialer.clone();
    let transport = move |mut request: bollard::BollardRequest| {
        let dialer = dialer.clone();
        let prefix = prefix.clone();
        async move {
            let path = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str());
            if let Ok(uri) = format!("{prefix}{path}").parse() {
                *request.uri_mut() = uri;
            }
            dialer
                .send(request)
                .await
                .map_err(|error| bollard::errors::Error::IOError {
                    err: io::Error::other(error),
                })
        }
    };
    Docker::connect_with_custom_transport(
        transport,
        Some("http://docker"),
        DAY,
        bollard::API_DEFAULT_VERSION,
    )
}

fn parse_api(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
