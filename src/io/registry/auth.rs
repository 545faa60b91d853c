//! The session with one registry: its address, the credentials for it, and the tokens that it issued.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};
use url::Url;

use crate::{
    io::{
        environment::Environment,
        http::{HeaderValue, TlsConfig},
        registry::{
            RegistryError, RegistryErrorKind,
            credentials::{self, Credential},
            header::Challenge,
            origin::Origin,
            response,
            retry::{Repeat, RetryClient, not_done},
            scope::{Access, TokenScope},
            token::{Token, password_request, read_token, refresh_request, secret},
        },
    },
    oci::Registry,
};

/// Largest answer of a token service, in bytes.
const LARGEST_TOKEN_ANSWER: u64 = 256 * 1024;

/// One registry during one run; all repositories on it share the session.
pub(crate) struct RegistrySession {
    pub registry: Registry,
    /// Where its API is, and which URLs of its making are followed.
    pub origin: Origin,
    pub tls: TlsConfig,
    pub environment: Arc<Environment>,
    /// Whether the release has no other registry: credentials that name no host are for it then.
    pub only: bool,
    /// Whether pushing comes later, so that the first token is asked for that right too.
    pub push: bool,
    /// What was learned during this run.
    pub state: SessionState,
}

/// What was learned about a registry during this run.
#[derive(Default)]
pub(crate) struct SessionState {
    credential: OnceCell<Option<Credential>>,
    scheme: Mutex<AuthScheme>,
    tokens: Mutex<HashMap<TokenScope, TokenSlot>>,
    /// Paths of the repositories that were pushed to.
    pushed: Mutex<BTreeSet<String>>,
    /// Whether the registry is known not to take several tags in one request.
    single_tags_only: AtomicBool,
}

/// The lock is held while a token is fetched, so that one request serves all who wait for it.
type TokenSlot = Arc<AsyncMutex<Option<Token>>>;

/// How the registry wants requests to be authenticated.
#[derive(Clone, Default)]
enum AuthScheme {
    /// It has not asked for anything yet.
    #[default]
    Unknown,
    Basic,
    Bearer {
        realm: Url,
        service: Option<String>,
    },
}

impl RegistrySession {
    /// The `Authorization` header for a request; a token is fetched where there is none yet, or
    /// where it is about to expire.
    pub(crate) async fn authorization(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let scheme = self
            .state
            .scheme
            .lock()
            .expect("no thread panics with the lock")
            .clone();
        match scheme {
            AuthScheme::Unknown => Ok(None),
            AuthScheme::Basic => Ok(self.basic(self.credential().await?)),
            AuthScheme::Bearer { realm, service } => {
                let wide = self.widened(scope);
                match self.token(retry, &wide, &realm, service.as_deref()).await {
                    // The service refuses instead of granting less: ask for what is needed now.
                    Err(error) if wide != *scope && error.is_refused() => self
                        .token(retry, scope, &realm, service.as_deref())
                        .await
                        .map(Some),
                    other => other.map(Some),
                }
            }
        }
    }

    /// Learns from a 401 answer to a request that carried `used`. True where another try can succeed.
    pub(crate) async fn challenged(
        &self,
        challenges: &[Challenge],
        scope: &TokenScope,
        used: Option<&HeaderValue>,
    ) -> Result<bool, String> {
        let find = |scheme: &str| challenges.iter().find(|c| c.scheme == scheme);
        if let Some(bearer) = find("bearer") {
            let realm = bearer
                .parameters
                .get("realm")
                .ok_or("it asks for a token and names no token service")?;
            let realm = self.origin.realm(realm)?;
            let service = bearer.parameters.get("service").cloned();
            let is_short = bearer
                .parameters
                .get("error")
                .is_some_and(|e| e == "insufficient_scope");
            if is_short && used.is_some() {
                // It was granted less than was asked for; asking again does not make it more.
                return Ok(false);
            }
            self.learn(AuthScheme::Bearer { realm, service });
            for scope in [scope.clone(), self.widened(scope)] {
                let slot = self.slot(&scope);
                let mut token = slot.lock().await;
                if token
                    .as_ref()
                    .is_some_and(|token| Some(&token.header) == used)
                {
                    *token = None;
                }
            }
            return Ok(true);
        }
        if find("basic").is_some() && used.is_none() {
            self.learn(AuthScheme::Basic);
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether credentials were sent, for an error message.
    pub(crate) async fn credentials_sent(&self) -> String {
        match self.credential().await {
            Ok(None) => {}
            _ => return "the credentials were sent".to_owned(),
        }
        let nobody = "no credentials were found";
        if !self.only && self.environment.get("HOIST_REGISTRY_USERNAME").is_some() {
            let own = credentials::variable("USERNAME", &self.registry);
            return format!(
                "{nobody} (with several registries, `{own}` is the variable for this one)"
            );
        }
        nobody.to_owned()
    }

    /// The credentials, read once.
    pub(crate) async fn credential(&self) -> Result<Option<&Credential>, RegistryError> {
        let find = || credentials::find(&self.environment, &self.registry, self.only);
        self.state
            .credential
            .get_or_try_init(find)
            .await
            .map(Option::as_ref)
            .map_err(|error| RegistryError {
                kind: RegistryErrorKind::Credentials,
                request: format!("credentials for {}", self.registry),
                status: None,
                codes: Vec::new(),
                detail: Some(error.to_string()),
            })
    }

    /// Whether the registry is known not to take several tags in one request.
    pub(crate) fn takes_single_tags_only(&self) -> bool {
        self.state.single_tags_only.load(Ordering::Relaxed)
    }

    /// Remembers for the rest of the run that the registry does not take several tags in one request.
    pub(crate) fn remember_single_tags_only(&self) {
        self.state.single_tags_only.store(true, Ordering::Relaxed);
    }

    fn learn(&self, scheme: AuthScheme) {
        *self
            .state
            .scheme
            .lock()
            .expect("no thread panics with the lock") = scheme;
    }

    fn slot(&self, scope: &TokenScope) -> TokenSlot {
        let mut tokens = self
            .state
            .tokens
            .lock()
            .expect("no thread panics with the lock");
        tokens.entry(scope.clone()).or_default().clone()
    }

    /// Asks for the right to push where pushing follows anyway: that token also pulls, so one token
    /// fewer is needed.
    fn widened(&self, scope: &TokenScope) -> TokenScope {
        let mut pushed = self
            .state
            .pushed
            .lock()
            .expect("no thread panics with the lock");
        match scope.access {
            Access::Pull if self.push || pushed.contains(&scope.path) => TokenScope {
                access: Access::Push,
                ..scope.clone()
            },
            Access::Push => {
                pushed.insert(scope.path.clone());
                scope.clone()
            }
            Access::PullOnly | Access::Pull | Access::Delete => scope.clone(),
        }
    }

    fn basic(&self, credential: Option<&Credential>) -> Option<HeaderValue> {
        let Some(Credential::Password { username, password }) = credential else {
            return None;
        };
        let text = format!(
            "Basic {}",
            STANDARD.encode(format!("{username}:{password}"))
        );
        secret(&text)
    }

    async fn token(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
        realm: &Url,
        service: Option<&str>,
    ) -> Result<HeaderValue, RegistryError> {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.refresh) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(retry, scope, realm, service).await?;
        Ok(held.insert(token).header.clone())
    }

    /// Asks the token service (Docker Registry v2 authentication: GET with the password, POST with
    /// an identity token).
    async fn fetch(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
        realm: &Url,
        service: Option<&str>,
    ) -> Result<Token, RegistryError> {
        let credential = self.credential().await?;
        let request = || match credential {
            Some(Credential::IdentityToken(token)) => refresh_request(realm, service, scope, token),
            password => password_request(realm, service, scope, self.basic(password)),
        };
        let name = response::describe(&request().method, realm);
        let answer = retry
            .send(&self.tls, Repeat::Always, request)
            .await
            .map_err(not_done)?;
        if answer.status() != 200 {
            let mut error = not_done(response::refused(name, answer).await);
            let needed = format!("no token for `{scope}`");
            error.detail = Some(match error.detail.take() {
                Some(words) => format!("{needed}: {words}"),
                None => needed,
            });
            return Err(error);
        }
        let body = answer
            .bytes(LARGEST_TOKEN_ANSWER)
            .await
            .map_err(|failure| not_done(response::failed(name.clone(), failure)))?;
        read_token(&body)
            .ok_or_else(|| not_done(response::bad(name, 200, "the answer holds no token")))
    }
}
