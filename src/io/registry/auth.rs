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
    sync::{Mutex as AsyncMutex, OnceCell, Semaphore},
    time::Instant,
};
use url::Url;

use crate::{
    io::{
        environment::Environment,
        http::{Body, HeaderMap, HeaderValue, Method, Request, Response, TlsConfig},
        registry::{
            RegistryError,
            challenge::{AuthScheme, Challenged},
            credentials::{self, Credential, UnnamedPair},
            first_answer::{FirstAnswer, FirstRequest},
            header::{self as parse, Challenge},
            logins::{Login, Logins},
            memory::RepositoryMemory,
            origin::Origin,
            profile::Differences,
            response,
            retry::{Repeat, RetryClient, not_done},
            scope::TokenScope,
            token::{Token, secret},
        },
    },
    oci::Registry,
};

/// One registry during one run; all repositories on it share the session.
pub(crate) struct RegistrySession {
    pub registry: Registry,
    /// Where its API is, and which URLs of its making are followed.
    pub origin: Origin,
    pub tls: TlsConfig,
    pub environment: Arc<Environment>,
    /// Whether the pair of variables that names no host is for this registry.
    pub pair: UnnamedPair,
    /// Whether pushing comes later, or may come.
    pub push: bool,
    /// Whether it comes for certain, so that the first token is asked for that right too.
    pub widens: Arc<AtomicBool>,
    /// What it was seen to do differently from others.
    pub differences: Differences,
    /// Whose turn it is to send a blob: a few at once fill the way, and more would only take turns there.
    pub uploads: Semaphore,
    /// What was learned during this run.
    pub state: SessionState,
}

/// What was learned about a registry during this run.
#[derive(Default)]
pub(crate) struct SessionState {
    pub(super) logins: Logins,
    first: FirstAnswer,
    scheme: Mutex<AuthScheme>,
    tokens: Mutex<HashMap<TokenScope, TokenSlot>>,
    /// Paths of the repositories that were pushed to.
    pushed: Mutex<BTreeSet<String>>,
    /// What was seen and done, by the path of the repository.
    repositories: Mutex<HashMap<String, Arc<RepositoryMemory>>>,
    /// Whether the registry was asked how to log in, although no answer has demanded it.
    asked: AsyncMutex<bool>,
    /// Whether it wants a login from somebody who has none.
    wants_login: OnceCell<bool>,
}

/// The `Authorization` header of one request.
#[derive(Clone)]
pub(crate) struct Authorization {
    pub header: HeaderValue,
    /// The edition of the user's login that is in it, or has led to the token in it; `None`: none.
    pub login: Option<u32>,
}

/// What was sent to prove who asks, in words.
pub(crate) enum SentProof {
    /// There are no credentials for it.
    NoCredentials(String),
    /// Anything else.
    Text(String),
}

/// The lock is held while a token is fetched, so that one request serves all who wait for it.
type TokenSlot = Arc<AsyncMutex<Option<HeldToken>>>;

/// A token, and the login that has led to it.
struct HeldToken {
    token: Token,
    login: Option<u32>,
}

impl RegistrySession {
    /// The `Authorization` header for a request; a token is fetched where there is none yet, or
    /// where it is about to expire.
    pub(crate) async fn authorization(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
    ) -> Result<Option<Authorization>, RegistryError> {
        let begun = Instant::now();
        match self.scheme() {
            AuthScheme::Unknown => Ok(None),
            AuthScheme::Basic => {
                let login = self.login(&scope.path).await?;
                let header = basic(login.credential.as_ref());
                Ok(header.map(|header| authorized(header, &login)))
            }
            AuthScheme::Bearer { realm, service } => {
                let login = self.login(&scope.path).await?;
                if let Some(Credential::RegistryToken(token)) = &login.credential {
                    let header = secret(&format!("Bearer {token}"));
                    return Ok(header.map(|header| authorized(header, &login)));
                }
                let (wide, place) = (self.widened(scope), (&realm, service.as_deref()));
                match self.token(retry, &wide, place, begun).await {
                    // The service refuses instead of granting less: ask for what is needed now.
                    Err(error) if wide != *scope && error.is_refused() => {
                        self.token(retry, scope, place, begun).await.map(Some)
                    }
                    other => other.map(Some),
                }
            }
        }
    }

    /// Learns from a 401 answer to a request that carried `used`.
    pub(crate) async fn challenged(
        &self,
        challenges: &[Challenge],
        scope: &TokenScope,
        used: Option<&HeaderValue>,
    ) -> Result<Challenged, String> {
        let known = self.scheme();
        let scheme = match AuthScheme::asked_for(challenges, &self.origin)? {
            // A proxy can drop the header; the registry still wants what it wanted before.
            AuthScheme::Unknown if challenges.is_empty() && used.is_some() => known,
            scheme => scheme,
        };
        match scheme {
            AuthScheme::Unknown => Ok(Challenged::Nothing),
            AuthScheme::Basic if used.is_some() => Ok(Challenged::Refused),
            AuthScheme::Basic => {
                self.learn(AuthScheme::Basic);
                Ok(Challenged::TryAgain)
            }
            AuthScheme::Bearer { .. } if used.is_some() && is_short(challenges) => {
                // It was granted less than was asked for; asking again does not make it more.
                Ok(Challenged::Refused)
            }
            AuthScheme::Bearer { .. } => {
                self.learn(scheme);
                self.forget_token(scope, used).await;
                Ok(Challenged::TryAgain)
            }
        }
    }

    /// To be called before a request to the repository at `path`, and held until what its answer says is known.
    pub(crate) async fn first_answer(&self, path: &str) -> Option<FirstRequest<'_>> {
        self.state.first.wait(self.has_credentials(path)).await
    }

    /// Whether a request goes out with credentials, where there are some. Before that, what is answered may
    /// be less than what is there.
    pub(crate) fn knows_how_to_log_in(&self) -> bool {
        self.scheme() != AuthScheme::Unknown
    }

    /// Asks once in a run how to log in, by `GET /v2/`. True where that is known then.
    pub(crate) async fn ask_for_challenge(
        &self,
        retry: &RetryClient,
    ) -> Result<bool, RegistryError> {
        let mut asked = self.state.asked.lock().await;
        if *asked || self.knows_how_to_log_in() {
            return Ok(self.knows_how_to_log_in());
        }
        let answer = self.ask_base(retry).await?;
        *asked = true;
        self.learn_from(&answer, "/v2/")
    }

    /// Whether `/v2/` wants a login. The scheme is not kept: without a login, later reads would ask the token
    /// service, and it may refuse strangers what the registry shows them.
    pub(crate) async fn wants_login(&self, retry: &RetryClient) -> bool {
        let wants = |answer: Response| answer.status() == 401;
        let ask = async || self.ask_base(retry).await.is_ok_and(wants);
        self.knows_how_to_log_in() || *self.state.wants_login.get_or_init(ask).await
    }

    async fn ask_base(&self, retry: &RetryClient) -> Result<Response, RegistryError> {
        let mut url = self.origin.base.clone();
        url.set_path("/v2/");
        let request = || Request {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: Body::Empty,
        };
        let answer = retry.send(&self.tls, Repeat::Always, request).await;
        answer.map_err(not_done)
    }

    /// Learns from the challenge of a 401 to a request without credentials. True where it has one.
    pub(crate) fn learn_from(&self, answer: &Response, asked: &str) -> Result<bool, RegistryError> {
        if answer.status() != 401 {
            return Ok(false);
        }
        let challenges = parse::challenges(answer.all("www-authenticate"));
        let scheme = AuthScheme::asked_for(&challenges, &self.origin).map_err(|rule| {
            let rule = answer.mask().hide(&rule);
            not_done(response::bad(format!("GET {asked}"), 401, rule))
        })?;
        let is_known = scheme != AuthScheme::Unknown;
        if is_known {
            self.learn(scheme);
        }
        Ok(is_known)
    }

    /// What was sent to prove who asks, for an error message.
    pub(crate) async fn proof(&self, path: &str, used: Option<&Authorization>) -> SentProof {
        let text = |text: &str| SentProof::Text(text.to_owned());
        if used.is_some_and(|used| used.login.is_some()) {
            let sent = "the credentials were sent";
            return SentProof::Text(match self.lost_login(path).await {
                Some(lost) => format!("{sent}; {lost}"),
                None => sent.to_owned(),
            });
        }
        match self.login(path).await.map(|login| login.credential) {
            Ok(None) => SentProof::NoCredentials(self.no_credentials()),
            Ok(Some(Credential::IdentityToken(_))) => text(
                "the credentials are an identity token, and the registry asks for a user name and a \
                 password: nothing was sent",
            ),
            Ok(Some(Credential::RegistryToken(_))) => text(
                "the credentials are a registry token, and the registry asks for a user name and a \
                 password: nothing was sent",
            ),
            Ok(Some(Credential::Password { .. })) | Err(_) => text("no credentials were sent"),
        }
    }

    /// Says that there are no credentials, and which were passed over.
    pub(super) fn no_credentials(&self) -> String {
        credentials::none_found(&self.environment, &self.registry, self.pair)
    }

    /// What this run has seen and done in one repository.
    pub(crate) fn memory(&self, path: &str) -> Arc<RepositoryMemory> {
        let mut repositories = self
            .state
            .repositories
            .lock()
            .expect("no thread panics with the lock");
        repositories.entry(path.to_owned()).or_default().clone()
    }

    fn scheme(&self) -> AuthScheme {
        let scheme = self.state.scheme.lock();
        scheme.expect("no thread panics with the lock").clone()
    }

    fn learn(&self, scheme: AuthScheme) {
        *self
            .state
            .scheme
            .lock()
            .expect("no thread panics with the lock") = scheme;
    }

    /// Forgets the token that was refused.
    async fn forget_token(&self, scope: &TokenScope, used: Option<&HeaderValue>) {
        for scope in [scope.clone(), self.widened(scope)] {
            let slot = self.slot(&scope);
            let mut token = slot.lock().await;
            if token
                .as_ref()
                .is_some_and(|held| Some(&held.token.header) == used)
            {
                *token = None;
            }
        }
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
        scope.widened(self.widens.load(Ordering::Relaxed), &mut pushed)
    }

    async fn token(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
        place: (&Url, Option<&str>),
        begun: Instant,
    ) -> Result<Authorization, RegistryError> {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        let mut login = self.login(&scope.path).await?;
        let known = held
            .as_ref()
            .filter(|held| Instant::now() < held.token.refresh && held.login == edition(&login));
        if let Some(held) = known {
            return Ok(authorized(held.token.header.clone(), &login));
        }
        let fetched = self.fetch(retry, scope, place, login.credential.as_ref());
        let token = match fetched.await {
            Err(error) if error.is_unauthorized() => {
                let refused = edition(&login);
                let instead = self.login_instead_of(&scope.path, refused, begun).await;
                login = match instead {
                    Some(instead) => instead,
                    None => {
                        let mut error = error;
                        if let Some(lost) = self.lost_login(&scope.path).await {
                            error.explain(format!("the credentials were sent; {lost}"));
                        }
                        return Err(error);
                    }
                };
                let credential = login.credential.as_ref();
                self.fetch(retry, scope, place, credential).await?
            }
            fetched => fetched?,
        };
        let login_of = edition(&login);
        let held = held.insert(HeldToken {
            token,
            login: login_of,
        });
        Ok(authorized(held.token.header.clone(), &login))
    }
}

fn edition(login: &Login) -> Option<u32> {
    login.credential.as_ref().map(|_| login.edition)
}

fn authorized(header: HeaderValue, login: &Login) -> Authorization {
    Authorization {
        header,
        login: edition(login),
    }
}

/// Whether a token was accepted, and allows too little.
pub(crate) fn is_short(challenges: &[Challenge]) -> bool {
    let errors = challenges.iter().filter_map(|c| c.parameters.get("error"));
    errors
        .into_iter()
        .any(|error| error == "insufficient_scope")
}

/// The header of basic authentication; `None` where there is no user name and password.
pub(super) fn basic(credential: Option<&Credential>) -> Option<HeaderValue> {
    let Some(Credential::Password { username, password }) = credential else {
        return None;
    };
    let text = format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    );
    secret(&text)
}
