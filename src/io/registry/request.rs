//! One request with its credentials, its redirects and its errors.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::{sync::mpsc::Receiver, time::Instant};
use url::Url;

use crate::{
    io::{
        http::{Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header},
        registry::{
            RegistryError, RegistryErrorKind,
            auth::{Authorization, RegistrySession, SentProof, is_short},
            challenge::{Challenged, unsupported},
            credentials::login_advice,
            docker_hub::Hub,
            header as parse,
            memory::RepositoryMemory,
            origin::OriginRelation,
            profile::Difference,
            response,
            retry::{Repeat, RetryClient, not_done},
            scope::{Access, TokenScope},
            token,
        },
    },
    oci::{Digest, Manifest, Repository},
};

/// Redirects that are followed for one read.
const REDIRECTS: usize = 5;

/// One repository on one registry.
pub(crate) struct Client {
    pub(super) retry: Arc<RetryClient>,
    pub(super) session: Arc<RegistrySession>,
    /// Docker Hub's own API, where this is Docker Hub.
    pub(super) hub: Option<Arc<Hub>>,
    pub(super) repository: Repository,
    /// What this run has seen and done in the repository.
    pub(super) memory: Arc<RepositoryMemory>,
    /// Blobs that the registry missed in a manifest: its claim to have them is not trusted.
    pub(super) doubted: Mutex<BTreeSet<Digest>>,
}

/// One request to the registry, without credentials.
pub(super) struct RegistryRequest<'a> {
    pub method: Method,
    pub url: Url,
    pub scope: TokenScope,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: RequestBody<'a>,
    pub repeat: Repeat,
}

/// A body. All but pieces can be sent more than once.
pub(super) enum RequestBody<'a> {
    None,
    Manifest(&'a Manifest),
    File {
        path: &'a Path,
        size: u64,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    },
    /// Pieces as they come in, which can be sent once.
    Pieces(&'a Mutex<Option<Receiver<Bytes>>>),
}

impl<'a> RequestBody<'a> {
    fn body(&self) -> Body<'a> {
        match *self {
            RequestBody::None => Body::Empty,
            RequestBody::Manifest(manifest) => Body::Bytes(manifest.bytes.clone()),
            RequestBody::File {
                path,
                size,
                progress,
            } => Body::File {
                path,
                size,
                progress,
            },
            RequestBody::Pieces(pieces) => {
                let mut pieces = pieces.lock().expect("no thread panics with the lock");
                Body::Pieces(pieces.take())
            }
        }
    }
}

impl Client {
    pub(crate) fn new(
        retry: Arc<RetryClient>,
        session: Arc<RegistrySession>,
        hub: Option<Arc<Hub>>,
        repository: Repository,
    ) -> Self {
        Self {
            memory: session.memory(repository.path()),
            retry,
            session,
            hub,
            repository,
            doubted: Mutex::default(),
        }
    }

    /// `/v2/<name>/<rest>` on the registry.
    pub(super) fn url(&self, rest: &str) -> Url {
        let mut url = self.session.origin.base.clone();
        url.set_path(&format!("/v2/{}/{rest}", self.repository.path()));
        url
    }

    pub(super) fn scope(&self, access: Access) -> TokenScope {
        TokenScope::new(self.repository.path(), access)
    }

    pub(super) fn read(&self, method: Method, url: Url) -> RegistryRequest<'static> {
        RegistryRequest {
            method,
            url,
            scope: self.scope(Access::Pull),
            headers: Vec::new(),
            body: RequestBody::None,
            repeat: Repeat::Always,
        }
    }

    /// Sends a request with credentials, and renews them where they are refused. Every status is an
    /// answer, except a 401 that new credentials did not change.
    pub(super) async fn send(
        &self,
        request: &RegistryRequest<'_>,
    ) -> Result<Response, RegistryError> {
        // A request that is under way is large: those who wait for it do not carry it on the stack of their thread.
        Box::pin(self.send_logged_in(request)).await
    }

    async fn send_logged_in(
        &self,
        request: &RegistryRequest<'_>,
    ) -> Result<Response, RegistryError> {
        let name = response::describe(&request.method, &request.url);
        // Once because no credentials were sent, once because those that were had just expired.
        let mut renewals = 2;
        let mut login_is_renewed = false;
        loop {
            let _first = self.session.first_answer(&request.scope.path).await;
            let begun = Instant::now();
            // Another request may learn how to log in while this one is under way.
            let knew_how = self.session.knows_how_to_log_in();
            let (answer, used) = self.send_once(request).await?;
            match answer.status() {
                401 => {}
                403 | 404 if used.is_none() && !knew_how && self.must_log_in(request).await? => {
                    let differences = &self.session.differences;
                    differences.learn(Difference::HidesFromTheAnonymous);
                    continue;
                }
                _ => return Ok(answer),
            }
            let challenges = parse::challenges(answer.all("www-authenticate"));
            let header = used.as_ref().map(|used| &used.header);
            let challenged = self
                .session
                .challenged(&challenges, &request.scope, header)
                .await
                .map_err(|rule| {
                    let rule = answer.mask().hide(&rule);
                    not_done(response::bad(name.clone(), 401, rule))
                })?;
            let again = match challenged {
                Challenged::TryAgain => true,
                Challenged::Nothing if used.is_none() && challenges.is_empty() => {
                    let learned = self.session.ask_for_challenge(&self.retry).await?;
                    if learned {
                        let differences = &self.session.differences;
                        differences.learn(Difference::ChallengeAtBaseOnly);
                    }
                    learned
                }
                Challenged::Nothing | Challenged::Refused => false,
            };
            renewals -= 1;
            if !again || renewals == 0 {
                let refused = used.as_ref().and_then(|used| used.login);
                if !login_is_renewed
                    && !is_short(&challenges)
                    && self.login_is_another(request, refused, begun).await
                {
                    (login_is_renewed, renewals) = (true, 1);
                    continue;
                }
                let is_short = is_short(&challenges);
                let mask = answer.mask();
                let mut error = self
                    .unauthorized(name, answer, request, (used.as_ref(), is_short))
                    .await;
                if challenged == Challenged::Nothing && !again && used.is_none() {
                    error.kind = RegistryErrorKind::NoChallenge;
                    error.detail = Some(mask.hide(&unsupported(&challenges)));
                }
                return Err(error);
            }
        }
    }

    /// Whether there is another login now than the refused one. A helper is asked once more before a refusal
    /// is believed: what it had given may have expired.
    async fn login_is_another(
        &self,
        request: &RegistryRequest<'_>,
        refused: Option<u32>,
        begun: Instant,
    ) -> bool {
        let path = &request.scope.path;
        let instead = self.session.login_instead_of(path, refused, begun).await;
        instead.is_some()
    }

    pub(super) async fn send_once(
        &self,
        request: &RegistryRequest<'_>,
    ) -> Result<(Response, Option<Authorization>), RegistryError> {
        let name = || response::describe(&request.method, &request.url);
        let relation = self
            .session
            .origin
            .relation(&request.url)
            .map_err(|rule| not_done(response::bad(name(), None, rule)))?;
        let authorization = match relation {
            OriginRelation::SameOrigin => {
                self.session
                    .authorization(&self.retry, &request.scope)
                    .await?
            }
            OriginRelation::CrossOrigin => None,
        };
        let make = || {
            let mut headers = HeaderMap::from_iter(request.headers.iter().cloned());
            if let Some(value) = &authorization {
                headers.insert(header::AUTHORIZATION, value.header.clone());
            }
            Request {
                method: request.method.clone(),
                url: request.url.clone(),
                headers,
                body: request.body.body(),
            }
        };
        let answer = self
            .retry
            .send(&self.session.tls, request.repeat.clone(), make)
            .await?;
        Ok((answer, authorization))
    }

    async fn unauthorized(
        &self,
        name: String,
        answer: Response,
        request: &RegistryRequest<'_>,
        (used, is_short): (Option<&Authorization>, bool),
    ) -> RegistryError {
        let mut error = response::refused(name, answer).await;
        error.detail = Some(match self.session.origin.relation(&request.url) {
            Ok(OriginRelation::SameOrigin) => {
                let sent = match self.session.proof(&request.scope.path, used).await {
                    SentProof::Text(text) => text,
                    SentProof::NoCredentials(text) => {
                        let advice = login_advice(&self.session.registry);
                        error.kind = RegistryErrorKind::NoCredentials(advice);
                        text
                    }
                };
                let scope = &request.scope;
                match used.filter(|used| is_short && used.login.is_some()) {
                    Some(used) => match token::missing(&used.header, scope) {
                        Some(missing) => format!(
                            "the token service gave less than was asked for: `{missing}` is missing; needed: `{scope}`"
                        ),
                        None => format!(
                            "the token service gave less than was asked for; needed: `{scope}`"
                        ),
                    },
                    None => format!("{sent}; needed: `{scope}`"),
                }
            }
            Ok(OriginRelation::CrossOrigin) | Err(_) => {
                "credentials are not sent to another host than the registry's".to_owned()
            }
        });
        error
    }

    /// As [`Client::send`], following redirects to where the content lies, without credentials on
    /// another host.
    pub(super) async fn follow(
        &self,
        mut request: RegistryRequest<'_>,
    ) -> Result<Response, RegistryError> {
        for _ in 0..=REDIRECTS {
            let answer = self.send(&request).await?;
            if !matches!(answer.status(), 301..=303 | 307 | 308) {
                return Ok(answer);
            }
            request.url = self.location(&request, &answer)?;
        }
        let name = response::describe(&request.method, &request.url);
        Err(response::bad(
            name,
            None,
            format!("more than {REDIRECTS} redirects"),
        ))
    }

    /// As [`Client::send`], following redirects that ask for the same request elsewhere. Also returns
    /// the request that was answered.
    pub(super) async fn follow_unchanged<'a>(
        &self,
        mut request: RegistryRequest<'a>,
    ) -> Result<(RegistryRequest<'a>, Response), RegistryError> {
        for _ in 0..REDIRECTS {
            let answer = self.send(&request).await?;
            if !matches!(answer.status(), 307 | 308) {
                return Ok((request, answer));
            }
            request.url = self.location(&request, &answer)?;
        }
        let answer = self.send(&request).await?;
        Ok((request, answer))
    }

    /// The URL that `Location` names, checked.
    pub(super) fn location(
        &self,
        request: &RegistryRequest<'_>,
        answer: &Response,
    ) -> Result<Url, RegistryError> {
        let bad = |rule: String| {
            response::bad(
                response::describe(&request.method, &request.url),
                answer.status(),
                answer.mask().hide(&rule),
            )
        };
        let target = answer
            .header("location")
            .ok_or_else(|| bad("the answer has no `Location`".into()))?;
        let url = self
            .session
            .origin
            .resolve(&request.url, target)
            .map_err(bad)?;
        self.session.origin.relation(&url).map_err(bad)?;
        Ok(url)
    }

    pub(super) async fn refused(
        &self,
        request: &RegistryRequest<'_>,
        answer: Response,
    ) -> RegistryError {
        let error =
            response::refused(response::describe(&request.method, &request.url), answer).await;
        if let RegistryErrorKind::BlobsMissing(digests) = &error.kind {
            let mut doubted = self.doubted.lock().expect("no thread panics with the lock");
            doubted.extend(digests.iter().cloned());
        }
        error
    }
}
