//! All registries of a run: one pool of connections, one memory of what each asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Semaphore;
use url::Url;

use crate::{
    event::Events,
    io::{
        environment::Environment,
        http::TlsConfig,
        proxy::Proxies,
        registry::{
            PullLimit, RegistryError, RegistryErrorKind, RepositoryApi,
            auth::{RegistrySession, SessionState},
            credentials::UnnamedPair,
            docker_hub::Hub,
            origin::Origin,
            profile::{Difference, Differences, RegistryProfile},
            request::Client,
            retry::{RetryClient, RetryPolicy},
        },
    },
    oci::{Registry, Repository, TagOrDigest},
    policy::RegistryPolicy,
};

/// The user's settings for one registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostOptions {
    /// Speak HTTP without TLS. This machine is spoken to in plain HTTP anyway.
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

/// What a run knows before its first request.
#[derive(Clone, Default)]
pub struct Settings {
    /// By host, as in `docker.io` or `127.0.0.1:5000`.
    pub hosts: BTreeMap<String, HostOptions>,
    /// Where credentials are looked for.
    pub environment: Environment,
    /// Told about long waits.
    pub events: Events,
    /// How often and how long a request is tried.
    pub retry: RetryPolicy,
    /// Pushing will follow: tokens are asked for the right to push from the start.
    pub push: bool,
    /// Pushing may follow: until it is certain ([`Registries::push_follows`]), tokens are asked for the right to
    /// pull alone.
    pub looks_first: bool,
    /// The run publishes: it may use the pair of variables that names no host
    /// ([`Registries::publish`]).
    pub publishes: bool,
}

/// Blobs that are sent at once to each registry.
const UPLOADS: usize = 4;

/// All registries of a run.
pub struct Registries {
    hosts: BTreeMap<String, HostOptions>,
    environment: Arc<Environment>,
    push: bool,
    /// Whether tokens are asked for the right to push from now on. All sessions share it.
    widens: Arc<AtomicBool>,
    publishes: AtomicBool,
    /// The registries of the release.
    named: BTreeSet<Registry>,
    retry: Arc<RetryClient>,
    sessions: Mutex<BTreeMap<Registry, Session>>,
}

/// A registry and, if it is Docker Hub, its own API.
type Session = (Arc<RegistrySession>, Option<Arc<Hub>>);

impl Registries {
    /// Makes no request. `repositories` are all that the release publishes to: credentials that
    /// name no host are for their registry, where they have only one.
    #[must_use]
    pub fn new(settings: Settings, repositories: &[Repository]) -> Self {
        Self {
            hosts: settings
                .hosts
                .into_iter()
                .map(|(host, options)| (canonical_host(&host), options))
                .collect(),
            push: settings.push,
            widens: Arc::new(AtomicBool::new(settings.push && !settings.looks_first)),
            publishes: AtomicBool::new(settings.publishes),
            named: repositories.iter().map(|r| r.registry().clone()).collect(),
            retry: Arc::new(RetryClient::new(
                settings.events,
                settings.retry,
                Proxies::new(&settings.environment),
            )),
            environment: Arc::new(settings.environment),
            sessions: Mutex::default(),
        }
    }

    /// From now on the run publishes: the pair of variables that names no host is used for the only
    /// registry of the release. Before, nobody gets it, because a policy file that is only looked at
    /// can be anybody's.
    pub fn publish(&self) {
        self.push_follows();
        let has_pair = self.environment.get("HOIST_REGISTRY_USERNAME").is_some();
        if !self.publishes.swap(true, Ordering::Relaxed) && has_pair {
            // What was asked without the credentials is asked again with them.
            let sessions = self.sessions.lock();
            sessions.expect("no thread panics with the lock").clear();
        }
    }

    /// From now on tokens are asked for the right to push, so that none is asked for twice.
    pub fn push_follows(&self) {
        self.widens.store(true, Ordering::Relaxed);
    }

    /// Which registry the pair of variables that names no host is for.
    fn pair(&self, registry: &Registry) -> UnnamedPair {
        match (self.named.contains(registry), self.named.len()) {
            (false, _) => UnnamedPair::ForeignRegistry,
            (true, 1) if self.publishes.load(Ordering::Relaxed) => UnnamedPair::Here,
            (true, 1) => UnnamedPair::OnlyLooking,
            (true, _) => UnnamedPair::SeveralRegistries,
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

    /// How many pulls are left. Docker Hub tells it with an image that exists for nothing else.
    /// `None` where there is no limit, or the registry does not tell.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be asked.
    pub async fn pull_limit(
        &self,
        registry: &Registry,
    ) -> Result<Option<PullLimit>, RegistryError> {
        let Some(image) = RegistryProfile::of(registry).pull_limit_image() else {
            return Ok(None);
        };
        let repository = image.parse().expect("profiles name valid repositories");
        let what = TagOrDigest::Tag("latest".parse().expect("a tag"));
        self.client(&repository)?.pull_limit(&what).await
    }

    /// How many requests were sent so far, to all registries and their token services.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.retry.transport.requests()
    }

    /// Says that a registry was seen, in an earlier run, to take one tag in a request: it is not asked again.
    pub fn takes_single_tags_only(&self, registry: &Registry) {
        if let Ok((session, _)) = self.session(registry) {
            session.differences.knows(Difference::SingleTagsOnly);
        }
    }

    /// The registries that are known to take one tag in a request.
    #[must_use]
    pub fn single_tags_only(&self) -> Vec<Registry> {
        let sessions = self.sessions.lock();
        let sessions = sessions.expect("no thread panics with the lock");
        let is_so = |session: &&Session| session.0.differences.has(Difference::SingleTagsOnly);
        let found = sessions.values().filter(is_so);
        found.map(|session| session.0.registry.clone()).collect()
    }

    fn client(&self, repository: &Repository) -> Result<Client, RegistryError> {
        let (session, hub) = self.session(repository.registry())?;
        let retry = self.retry.clone();
        Ok(Client::new(retry, session, hub, repository.clone()))
    }

    fn session(&self, registry: &Registry) -> Result<Session, RegistryError> {
        let mut sessions = self
            .sessions
            .lock()
            .expect("no thread panics with the lock");
        if let Some(session) = sessions.get(registry) {
            return Ok(session.clone());
        }
        let options = self
            .hosts
            .get(registry.as_str())
            .cloned()
            .unwrap_or_default();
        let base = base(registry, &options)?;
        let loopback = registry.is_loopback() || options.endpoint.is_some();
        let session = Arc::new(RegistrySession {
            registry: registry.clone(),
            tls: TlsConfig {
                ca_file: options.ca_file,
                loopback: loopback && base.scheme() == "http" || registry.is_loopback(),
            },
            origin: Origin {
                base,
                token_host: options.token_host,
            },
            environment: self.environment.clone(),
            pair: self.pair(registry),
            push: self.push,
            widens: self.widens.clone(),
            uploads: Semaphore::new(UPLOADS),
            differences: Differences::new(registry.clone(), self.retry.events.clone()),
            state: SessionState::default(),
        });
        let hub_api = RegistryProfile::of(registry).docker_hub_api();
        let hub = hub_api.map(|api| {
            let own = || Url::parse(api).expect("profiles name valid URLs");
            let base = options.endpoint.unwrap_or_else(own);
            Arc::new(Hub::new(self.retry.clone(), session.clone(), base))
        });
        sessions.insert(registry.clone(), (session.clone(), hub.clone()));
        Ok((session, hub))
    }
}

/// A host as repositories name it, whichever of its names a person used.
fn canonical_host(host: &str) -> String {
    let repository = format!("{host}/a/b").parse::<Repository>();
    repository.map_or_else(
        |_| host.to_owned(),
        |repository| repository.registry().to_string(),
    )
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
    Url::parse(&format!(
        "{scheme}://{}/",
        RegistryProfile::of(registry).api_host(registry)
    ))
    .map_err(|_| error("its name is not a valid host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_goes_by_any_of_its_names() {
        assert_eq!(canonical_host("index.docker.io"), "docker.io");
        assert_eq!(canonical_host("GHCR.io"), "ghcr.io");
        assert_eq!(canonical_host("127.0.0.1:5000"), "127.0.0.1:5000");
        assert_eq!(canonical_host("no host"), "no host");
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
