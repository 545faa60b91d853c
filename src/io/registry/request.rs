//! One request with its credentials, its redirects and its errors.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use url::Url;

use crate::{
    io::{
        http::{Body, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header},
        registry::{
            RegistryError, RegistryErrorKind,
            auth::RegistrySession,
            docker_hub::Hub,
            header as parse,
            origin::OriginRelation,
            response,
            retry::{Repeat, RetryClient, not_done},
            scope::{Access, TokenScope},
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
        retry: Arc<RetryClient>,
        session: Arc<RegistrySession>,
        hub: Option<Arc<Hub>>,
        repository: Repository,
    ) -> Self {
        Self {
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
        let name = response::describe(&request.method, &request.url);
        // Once because no credentials were sent, once because those that were had just expired.
        let mut renewals = 2;
        loop {
            let (answer, used) = self.send_once(request).await?;
            if answer.status() != 401 {
                return Ok(answer);
            }
            let challenges = parse::challenges(answer.all("www-authenticate"));
            renewals -= 1;
            let again = self
                .session
                .challenged(&challenges, &request.scope, used.as_ref())
                .await
                .map_err(|rule| not_done(response::bad(name.clone(), 401, rule)))?;
            if !again || renewals == 0 {
                return Err(self.unauthorized(name, answer, &request.scope).await);
            }
        }
    }

    async fn send_once(
        &self,
        request: &RegistryRequest<'_>,
    ) -> Result<(Response, Option<HeaderValue>), RegistryError> {
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
                headers.insert(header::AUTHORIZATION, value.clone());
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
        scope: &TokenScope,
    ) -> RegistryError {
        let mut error = response::refused(name, answer).await;
        let sent = self.session.credentials_sent().await;
        error.detail = Some(format!("{sent}; needed: `{scope}`"));
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
                rule,
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
