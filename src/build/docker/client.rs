//! The engine: what it is, what it can do, and the few calls that a release needs.

use std::{io, os::unix::fs::FileTypeExt, path::Path, time::Duration};

use bollard::{
    Docker,
    query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder},
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use crate::{
    build::docker::{
        connect::Dialer,
        error::{failed, unreachable},
        host::{EngineAddress, Files, resolve},
    },
    error::Result,
    io::environment::Environment,
};

/// bollard's own limit covers an answer's headers, and those of an export come when the engine
/// has written the whole image aside. The watchdog looks after engines that died.
const DAY: u64 = 24 * 60 * 60;
/// For calls that do no work.
const QUICK: Duration = Duration::from_secs(30);
/// BuildKit behind `/build`, good enough to rely on (Docker 19.03).
const BUILDKIT_API: (usize, usize) = (1, 40);

/// One engine that answered.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) host: EngineAddress,
    pub(crate) dialer: Dialer,
    pub(crate) docker: Docker,
    /// `/v1.41`, or nothing where the engine does not say.
    pub(crate) prefix: String,
    /// Has BuildKit behind its own API.
    pub(crate) buildkit: bool,
    /// "Docker Engine 28.5.2", for messages.
    pub(crate) name: String,
}

struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn is_socket(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    }
}

impl Engine {
    /// Finds the engine, asks who it is.
    pub(crate) async fn connect(environment: &Environment) -> Result<Self> {
        let host = resolve(environment, &Disk)?;
        let dialer = Dialer::new(host.clone());
        let first = connection(&dialer, String::new());
        let first = first.map_err(|error| failed("cannot use the engine", &error))?;
        let version = tokio::time::timeout(QUICK, first.version())
            .await
            .map_err(|_| unreachable(&host, &"it did not answer within 30 s"))?
            .map_err(|error| unreachable(&host, &error))?;
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
        let docker = connection(&dialer, prefix.clone());
        Ok(Self {
            docker: docker.map_err(|error| failed("cannot use the engine", &error))?,
            host,
            dialer,
            prefix,
            buildkit: !podman && linux && parse_api(&api).is_some_and(|api| api >= BUILDKIT_API),
            name: format!(
                "{} {}",
                if podman { "Podman" } else { "Docker Engine" },
                crate::text::sanitize_line(&version.version.unwrap_or_default(), 40)
            ),
        })
    }

    /// Whether the engine still answers.
    pub(crate) async fn is_alive(&self) -> bool {
        matches!(
            tokio::time::timeout(QUICK, self.docker.ping()).await,
            Ok(Ok(_))
        )
    }

    /// The ids of all images without a name, those between two steps included. A base image that
    /// a build pulled has its name, and stays for the next build.
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

    /// Removes a tag, and the image with it if that was its only name; or an image by its id.
    /// What is not there, or is somebody else's too, stays as it is, and so does what it was built
    /// on.
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
        // A name can be taken off an image that a container uses; an id cannot.
        if conflict && !reference.starts_with("sha256:") {
            let _ = self
                .docker
                .remove_image(reference, Some(options(true)), None)
                .await;
        }
    }

    /// The image as the engine saves it.
    pub(crate) fn export(
        &self,
        reference: &str,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        self.docker
            .export_image(reference)
            .map_err(io::Error::other)
    }
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
