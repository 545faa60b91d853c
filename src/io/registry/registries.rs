//! All registries of a run: one pool of connections, one memory of what each asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use url::Url;

use crate::{
    event::Events,
    io::{
        environment::Environment,
        http::TlsConfig,
        registry::{
            PullLimit, RegistryError, RegistryErrorKind, RepositoryApi,
            auth::{RegistrySession, State},
            docker_hub::Hub,
            origin::Origin,
            request::Client,
            retry::{RetryClient, RetryPolicy},
        },
    },
    oci::{Registry, Repository, TagOrDigest},
    policy::RegistryPolicy,
};

/// What is special about one registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostOptions {
    /// Speak HTTP without TLS. This machine needs no word.
    pub plain_http: bool,
    /// A further certificate authority, PEM, for this registry and its token service. With it,
    /// this machine is spoken to in TLS, too.
    pub ca_file: Option<PathBuf>,
    /// The host of the token service, where it is neither the registry's own nor of the same
    /// domain.
    pub token_host: Option<String>,
    /// Where the distribution API is, and for Docker Hub its own API, if the name does not say:
    /// scheme, host and port.
    pub endpoint: Option<Url>,
}

impl HostOptions {
    /// As `release.toml` in `folder` says.
    #[must_use]
    pub fn new(policy: &RegistryPolicy, folder: &Path) -> Self {
        Self {
            plain_http: policy.plain_http,
            ca_file: policy.ca_file.as_ref().map(|file| folder.join(file)),
            token_host: policy.token_host.clone(),
            endpoint: None,
        }
    }
}

/// What a run knows before it asks.
#[derive(Clone, Default)]
pub struct Settings {
    /// By host, as in `docker.io` or `127.0.0.1:5000`.
    pub hosts: BTreeMap<String, HostOptions>,
    /// Where credentials are looked for.
    pub environment: Environment,
    /// Told about waits.
    pub events: Events,
    /// How often and how long a request is tried.
    pub patience: RetryPolicy,
    /// Pushing will follow: tokens are asked for the right to push from the start.
    pub push: bool,
}

/// All registries of a run.
pub struct Registries {
    hosts: BTreeMap<String, HostOptions>,
    environment: Arc<Environment>,
    push: bool,
    /// The registries of the release.
    named: BTreeSet<Registry>,
    courier: Arc<RetryClient>,
    open: Mutex<BTreeMap<Registry, Open>>,
}

/// A registry and, if it is Docker Hub, its own API.
type Open = (Arc<RegistrySession>, Option<Arc<Hub>>);

impl Registries {
    /// Makes no request. `repositories` are all that the release publishes to: credentials that
    /// name no host are for their registry, where they have only one.
    #[must_use]
    pub fn new(settings: Settings, repositories: &[Repository]) -> Self {
        Self {
            hosts: settings
                .hosts
                .into_iter()
                .map(|(host, options)| (written_out(&host), options))
                .collect(),
            environment: Arc::new(settings.environment),
            push: settings.push,
            named: repositories.iter().map(|r| r.registry().clone()).collect(),
            courier: Arc::new(RetryClient::new(settings.events, settings.patience)),
            open: Mutex::default(),
        }
    }

    /// A repository of any registry. Makes no request.
    ///
    /// # Errors
    ///
    /// Where the options of the registry contradict each other.
    pub fn open(&self, repository: &Repository) -> Result<Arc<dyn RepositoryApi>, RegistryError> {
        self.client(repository)
            .map(|client| Arc::new(client) as Arc<dyn RepositoryApi>)
    }

    /// How many pulls are left: Docker Hub says so of an image that is there for nothing else.
    /// `None` where there is no limit, or no word of one.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be asked.
    pub async fn pull_limit(
        &self,
        registry: &Registry,
    ) -> Result<Option<PullLimit>, RegistryError> {
        if !registry.is_docker_hub() {
            return Ok(None);
        }
        let preview = "docker.io/ratelimitpreview/test";
        let repository = preview.parse().expect("a repository's name");
        let what = TagOrDigest::Tag("latest".parse().expect("a tag"));
        self.client(&repository)?.pull_limit(&what).await
    }

    /// How many requests were sent so far, to all registries and their token services.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.courier.transport.requests()
    }

    fn client(&self, repository: &Repository) -> Result<Client, RegistryError> {
        let (host, hub) = self.host(repository.registry())?;
        let courier = self.courier.clone();
        Ok(Client::new(courier, host, hub, repository.clone()))
    }

    fn host(&self, registry: &Registry) -> Result<Open, RegistryError> {
        let mut open = self.open.lock().expect("no thread panics with the lock");
        if let Some(host) = open.get(registry) {
            return Ok(host.clone());
        }
        let options = self
            .hosts
            .get(registry.as_str())
            .cloned()
            .unwrap_or_default();
        let base = base(registry, &options)?;
        let loopback = registry.is_loopback() || options.endpoint.is_some();
        let host = Arc::new(RegistrySession {
            registry: registry.clone(),
            trust: TlsConfig {
                ca_file: options.ca_file,
                loopback: loopback && base.scheme() == "http" || registry.is_loopback(),
            },
            origin: Origin {
                base,
                token_host: options.token_host,
            },
            environment: self.environment.clone(),
            only: self.named.len() == 1 && self.named.contains(registry),
            push: self.push,
            state: State::default(),
        });
        let hub = registry.is_docker_hub().then(|| {
            let base = options.endpoint.unwrap_or_else(hub_base);
            Arc::new(Hub::new(self.courier.clone(), host.clone(), base))
        });
        open.insert(registry.clone(), (host.clone(), hub.clone()));
        Ok((host, hub))
    }
}

/// A host as repositories name it, whichever of its names a person used.
fn written_out(host: &str) -> String {
    let repository = format!("{host}/a/b").parse::<Repository>();
    repository.map_or_else(
        |_| host.to_owned(),
        |repository| repository.registry().to_string(),
    )
}

fn hub_base() -> Url {
    Url::parse("https://hub.docker.com/").expect("a URL")
}

fn base(registry: &Registry, options: &HostOptions) -> Result<Url, RegistryError> {
    if let Some(endpoint) = &options.endpoint {
        return Ok(endpoint.clone());
    }
    let error = |detail: &str| RegistryError {
        kind: RegistryErrorKind::Refused,
        request: format!("registry {registry}"),
        status: None,
        codes: Vec::new(),
        detail: Some(detail.to_owned()),
    };
    if options.plain_http && options.ca_file.is_some() {
        return Err(error("`plain-http` and `ca-file` contradict each other"));
    }
    let plain = options.plain_http || (registry.is_loopback() && options.ca_file.is_none());
    let scheme = if plain { "http" } else { "https" };
    Url::parse(&format!("{scheme}://{}/", registry.api_host()))
        .map_err(|_| error("its name is no host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_goes_by_any_of_its_names() {
        assert_eq!(written_out("index.docker.io"), "docker.io");
        assert_eq!(written_out("GHCR.io"), "ghcr.io");
        assert_eq!(written_out("127.0.0.1:5000"), "127.0.0.1:5000");
        assert_eq!(written_out("no host"), "no host");
    }

    #[test]
    fn plain_http_is_for_this_machine_or_by_word() {
        let base = |repository: &str, plain_http: bool, ca_file: Option<&str>| {
            let repository: Repository = repository.parse().expect("a good name");
            let options = HostOptions {
                plain_http,
                ca_file: ca_file.map(PathBuf::from),
                ..HostOptions::default()
            };
            base(repository.registry(), &options).map(String::from).ok()
        };
        let at = |url: &str| Some(url.to_owned());
        assert_eq!(
            base("r.example.org/a", false, None),
            at("https://r.example.org/")
        );
        assert_eq!(
            base("r.example.org:80/a", false, None),
            at("https://r.example.org:80/")
        );
        assert_eq!(
            base("r.example.org/a", true, None),
            at("http://r.example.org/")
        );
        assert_eq!(
            base("acme/api", false, None),
            at("https://registry-1.docker.io/")
        );
        assert_eq!(
            base("127.0.0.1:5000/a", false, None),
            at("http://127.0.0.1:5000/")
        );
        assert_eq!(
            base("localhost:5000/a", false, Some("ca.pem")),
            at("https://localhost:5000/")
        );
        assert_eq!(base("[::1]:5000/a", false, None), at("http://[::1]:5000/"));
        assert_eq!(base("r.example.org/a", true, Some("ca.pem")), None);
    }
}
