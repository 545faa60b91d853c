//! One request with its credentials, its redirects and its errors.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use url::Url;

use crate::{
    io::{
        http::{Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header},
        registry::{
            RegistryError, RegistryErrorKind,
            auth::{Action, RegistrySession, Scope},
            docker_hub::Hub,
            header as parse,
            origin::OriginRelation,
            response,
            retry::{Repeat, RetryClient, not_done},
        },
    },
    oci::{Digest, Manifest, Repository},
};

/// Redirects that are followed for one read.
const REDIRECTS: usize = 5;

/// One repository on one registry.
pub(crate) struct Client {
    pub(super) courier: Arc<RetryClient>,
    pub(super) host: Arc<RegistrySession>,
    /// Docker Hub's own API, where this is Docker Hub.
    pub(super) hub: Option<Arc<Hub>>,
    pub(super) repository: Repository,
    /// Blobs that the registry missed in a manifest: what it says about having them is not trusted.
    pub(super) doubted: Mutex<BTreeSet<Digest>>,
    /// The registry answered 4xx to `?tag=`.
    pub(super) plain_puts_only: AtomicBool,
}

/// One request to the registry, credentials left out.
pub(super) struct RegistryRequest<'a> {
    pub method: Method,
    pub url: Url,
    pub scope: Scope,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: RequestBody<'a>,
    pub repeat: Repeat,
}

/// A body that can be sent more than once.
pub(super) enum RequestBody<'a> {
    None,
    Manifest(&'a Manifest),
    File {
        path: &'a Path,
        size: u64,
        progress: &'a (dyn Fn(u64) + Send + Sync),
    },
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
        }
    }
}

impl Client {
    pub(crate) fn new(
        courier: Arc<RetryClient>,
        host: Arc<RegistrySession>,
        hub: Option<Arc<Hub>>,
        repository: Repository,
    ) -> Self {
        Self {
            courier,
            host,
            hub,
            repository,
            doubted: Mutex::default(),
            plain_puts_only: AtomicBool::new(false),
        }
    }

    /// `/v2/<name>/<rest>` on the registry.
    pub(super) fn url(&self, rest: &str) -> Url {
        let mut url = self.host.origin.base.clone();
        url.set_path(&format!("/v2/{}/{rest}", self.repository.path()));
        url
    }

    pub(super) fn scope(&self, action: Action) -> Scope {
        Scope::new(self.repository.path(), action)
    }

    pub(super) fn read(&self, method: Method, url: Url) -> RegistryRequest<'static> {
        RegistryRequest {
            method,
            url,
            scope: self.scope(Action::Pull),
            headers: Vec::new(),
            body: RequestBody::None,
            repeat: Repeat::Always,
        }
    }

    /// Sends a request with credentials, renewing them where they are refused. Any status but an
    /// unmended 401 is an answer.
    pub(super) async fn call(&self, call: &RegistryRequest<'_>) -> Result<Response, RegistryError> {
        let name = response::describe(&call.method, &call.url);
        // Once because nothing was sent, once because what was sent had just expired.
        let mut renewals = 2;
        loop {
            let (answer, used) = self.send_once(call).await?;
            if answer.status() != 401 {
                return Ok(answer);
            }
            let challenges = parse::challenges(answer.all("www-authenticate"));
            renewals -= 1;
            let again = self
                .host
                .challenged(&challenges, &call.scope, used.as_ref())
                .await
                .map_err(|rule| not_done(response::bad(name.clone(), 401, rule)))?;
            if !again || renewals == 0 {
                return Err(self.unauthorized(name, answer, &call.scope).await);
            }
        }
    }

    async fn send_once(
        &self,
        call: &RegistryRequest<'_>,
    ) -> Result<(Response, Option<HeaderValue>), RegistryError> {
        let name = || response::describe(&call.method, &call.url);
        let visit = self
            .host
            .origin
            .visit(&call.url)
            .map_err(|rule| not_done(response::bad(name(), None, rule)))?;
        let authorization = match visit {
            OriginRelation::Same => self.host.authorization(&self.courier, &call.scope).await?,
            OriginRelation::Foreign => None,
        };
        let make = || {
            let mut headers = HeaderMap::from_iter(call.headers.iter().cloned());
            if let Some(value) = &authorization {
                headers.insert(header::AUTHORIZATION, value.clone());
            }
            Request {
                method: call.method.clone(),
                url: call.url.clone(),
                headers,
                body: call.body.body(),
            }
        };
        let answer = self
            .courier
            .deliver(&self.host.trust, call.repeat, make)
            .await?;
        Ok((answer, authorization))
    }

    async fn unauthorized(&self, name: String, answer: Response, scope: &Scope) -> RegistryError {
        let mut error = response::refused(name, answer).await;
        let who = self.host.who().await;
        error.detail = Some(format!("{who}; needed: `{scope}`"));
        error
    }

    /// As [`Client::call`], following redirects to where the content lies, without credentials on
    /// another host.
    pub(super) async fn follow(
        &self,
        mut call: RegistryRequest<'_>,
    ) -> Result<Response, RegistryError> {
        for _ in 0..=REDIRECTS {
            let answer = self.call(&call).await?;
            if !matches!(answer.status(), 301..=303 | 307 | 308) {
                return Ok(answer);
            }
            call.url = self.location(&call, &answer)?;
        }
        let name = response::describe(&call.method, &call.url);
        Err(response::bad(
            name,
            None,
            format!("more than {REDIRECTS} redirects"),
        ))
    }

    /// The URL that `Location` names, checked.
    pub(super) fn location(
        &self,
        call: &RegistryRequest<'_>,
        answer: &Response,
    ) -> Result<Url, RegistryError> {
        let bad = |rule: String| {
            response::bad(
                response::describe(&call.method, &call.url),
                answer.status(),
                rule,
            )
        };
        let target = answer
            .header("location")
            .ok_or_else(|| bad("the answer has no `Location`".into()))?;
        let url = self.host.origin.resolve(&call.url, target).map_err(bad)?;
        self.host.origin.visit(&url).map_err(bad)?;
        Ok(url)
    }

    pub(super) async fn refused(
        &self,
        call: &RegistryRequest<'_>,
        answer: Response,
    ) -> RegistryError {
        let error = response::refused(response::describe(&call.method, &call.url), answer).await;
        if let RegistryErrorKind::BlobsMissing(digests) = &error.kind {
            let mut doubted = self.doubted.lock().expect("no thread panics with the lock");
            doubted.extend(digests.iter().cloned());
        }
        error
    }
}
