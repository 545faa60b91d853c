//! Who we are to one registry: what it asks for, and the tokens that it gave.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};
use url::Url;

use crate::{
    io::{
        credentials::{self, Credential},
        environment::Environment,
        http::{HeaderValue, TlsConfig},
        registry::{
            RegistryError, RegistryErrorKind,
            header::Challenge,
            origin::Origin,
            response,
            retry::{Repeat, RetryClient, not_done},
            token::{Token, oauth, plain, read_token, secret},
        },
    },
    oci::Registry,
};

/// Largest answer of a token service, in bytes.
const TOKEN: u64 = 256 * 1024;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    /// Pull, and never more.
    Look,
    Pull,
    Push,
    Delete,
}

/// What a token is to allow, on one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub path: String,
    pub action: Action,
    /// A repository to mount from: mounting needs the right to read it, even if it is public.
    pub from: Option<String>,
}

impl Scope {
    pub(crate) fn new(path: &str, action: Action) -> Self {
        Self {
            path: path.to_owned(),
            action,
            from: None,
        }
    }

    pub(super) fn parts(&self) -> Vec<String> {
        let actions = match self.action {
            Action::Look | Action::Pull => "pull",
            Action::Push => "pull,push",
            Action::Delete => "pull,push,delete",
        };
        let mut parts = vec![format!("repository:{}:{actions}", self.path)];
        if let Some(from) = self.from.as_ref().filter(|from| **from != self.path) {
            parts.push(format!("repository:{from}:pull"));
        }
        parts
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts().join(" "))
    }
}

/// One registry: where it is, what it trusts, who we are there.
pub(crate) struct RegistrySession {
    pub registry: Registry,
    pub origin: Origin,
    pub trust: TlsConfig,
    pub environment: Arc<Environment>,
    /// The release has no other registry.
    pub only: bool,
    /// Pushing comes later, so the first token is asked for it too.
    pub push: bool,
    pub state: State,
}

/// What was learned in this run.
#[derive(Default)]
pub(crate) struct State {
    credential: OnceCell<Option<Credential>>,
    mode: Mutex<Mode>,
    tokens: Mutex<HashMap<Scope, Slot>>,
    pushed: Mutex<BTreeSet<String>>,
}

/// The lock is held while a token is fetched, so that one request serves all who wait for it.
type Slot = Arc<AsyncMutex<Option<Token>>>;

#[derive(Clone, Default)]
enum Mode {
    /// Nothing was asked for yet.
    #[default]
    Open,
    Basic,
    Bearer {
        realm: Url,
        service: Option<String>,
    },
}

impl RegistrySession {
    /// The `Authorization` for a request, fetched where there is none yet or it is about to end.
    pub(crate) async fn authorization(
        &self,
        courier: &RetryClient,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mode = self
            .state
            .mode
            .lock()
            .expect("no thread panics with the lock")
            .clone();
        match mode {
            Mode::Open => Ok(None),
            Mode::Basic => Ok(self.basic(self.credential().await?)),
            Mode::Bearer { realm, service } => {
                let wide = self.widened(scope);
                match self.token(courier, &wide, &realm, service.as_deref()).await {
                    // A service that refuses instead of granting less: ask for what is needed now.
                    Err(error) if wide != *scope && is_refusal(&error) => self
                        .token(courier, scope, &realm, service.as_deref())
                        .await
                        .map(Some),
                    other => other.map(Some),
                }
            }
        }
    }

    /// Learns from a 401 to a request that carried `used`. Whether another try can go better.
    pub(crate) async fn challenged(
        &self,
        challenges: &[Challenge],
        scope: &Scope,
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
            self.learn(Mode::Bearer { realm, service });
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
            self.learn(Mode::Basic);
            return Ok(true);
        }
        Ok(false)
    }

    /// Who the registry was told that we are, in words.
    pub(crate) async fn who(&self) -> String {
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

    fn learn(&self, mode: Mode) {
        *self
            .state
            .mode
            .lock()
            .expect("no thread panics with the lock") = mode;
    }

    fn slot(&self, scope: &Scope) -> Slot {
        let mut tokens = self
            .state
            .tokens
            .lock()
            .expect("no thread panics with the lock");
        tokens.entry(scope.clone()).or_default().clone()
    }

    /// A token to push also pulls; one token less where pushing comes anyway.
    fn widened(&self, scope: &Scope) -> Scope {
        let mut pushed = self
            .state
            .pushed
            .lock()
            .expect("no thread panics with the lock");
        match scope.action {
            Action::Pull if self.push || pushed.contains(&scope.path) => Scope {
                action: Action::Push,
                ..scope.clone()
            },
            Action::Push => {
                pushed.insert(scope.path.clone());
                scope.clone()
            }
            Action::Look | Action::Pull | Action::Delete => scope.clone(),
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
        courier: &RetryClient,
        scope: &Scope,
        realm: &Url,
        service: Option<&str>,
    ) -> Result<HeaderValue, RegistryError> {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.refresh) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(courier, scope, realm, service).await?;
        Ok(held.insert(token).header.clone())
    }

    /// Asks the token service (Docker Registry v2 authentication: GET with the password, POST with
    /// an identity token).
    async fn fetch(
        &self,
        courier: &RetryClient,
        scope: &Scope,
        realm: &Url,
        service: Option<&str>,
    ) -> Result<Token, RegistryError> {
        let credential = self.credential().await?;
        let request = || match credential {
            Some(Credential::IdentityToken(token)) => oauth(realm, service, scope, token),
            password => plain(realm, service, scope, self.basic(password)),
        };
        let name = response::describe(&request().method, realm);
        let answer = courier
            .deliver(&self.trust, Repeat::Always, request)
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
            .bytes(TOKEN)
            .await
            .map_err(|failure| not_done(response::failed(name.clone(), failure)))?;
        read_token(&body)
            .ok_or_else(|| not_done(response::bad(name, 200, "the answer holds no token")))
    }
}

fn is_refusal(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::Unauthorized | RegistryErrorKind::Denied | RegistryErrorKind::Refused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_what_is_to_be_done_and_where_it_mounts_from() {
        let mut scope = Scope::new("acme/api", Action::Push);
        assert_eq!(scope.to_string(), "repository:acme/api:pull,push");
        scope.from = Some("acme/base".into());
        assert_eq!(
            scope.to_string(),
            "repository:acme/api:pull,push repository:acme/base:pull"
        );
        scope.from = Some("acme/api".into());
        assert_eq!(scope.to_string(), "repository:acme/api:pull,push");
    }
}
