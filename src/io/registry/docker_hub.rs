//! Docker Hub's own HTTP API, for what its registry does not tell or do: which tags are immutable,
//! and the deletion of a tag. Everything here can fail without harm; the registry has the last
//! word.
//!
//! Source: Docker Hub API reference (`/v2/auth/token`, repositories, `immutable_tags_settings`).
//! The deletion of a tag is not in it, but it is what Docker Hub's own pages use.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::{
    io::{
        http::{Body, HeaderMap, HeaderValue, Method, Request, Response, header},
        lease::Permit,
        registry::{
            Deletion, ImmutableTags, PullLimit, RegistryError,
            auth::RegistrySession,
            credentials::Credential,
            header as parse,
            profile::Difference,
            response,
            retry::{Repeat, RetryClient},
        },
    },
    oci::{Repository, Tag},
};

/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// Docker Hub's API for the account of the credentials.
pub(crate) struct Hub {
    retry: Arc<RetryClient>,
    registry: Arc<RegistrySession>,
    base: Url,
    /// The lock is held while the login is made, so that one serves all who wait for it.
    /// Files can hold several accounts, each for its own repositories.
    sessions: AsyncMutex<Vec<(Credential, HeaderValue)>>,
}

#[derive(Deserialize)]
struct LoginAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct RepositoryDetails {
    immutable_tags_settings: Option<ImmutableTagSettings>,
}

#[derive(Deserialize)]
struct ImmutableTagSettings {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    rules: Vec<String>,
}

impl Hub {
    /// Makes no request.
    pub(crate) fn new(retry: Arc<RetryClient>, registry: Arc<RegistrySession>, base: Url) -> Self {
        Self {
            retry,
            registry,
            base,
            sessions: AsyncMutex::default(),
        }
    }

    /// The repository's rules; no rules where the account may not read them.
    pub(crate) async fn immutable_tags(
        &self,
        repository: &Repository,
    ) -> Result<ImmutableTags, RegistryError> {
        let (namespace, name) = split(repository);
        let url = self.url(&format!("v2/namespaces/{namespace}/repositories/{name}"));
        let request = response::describe(&Method::GET, &url);
        let Some(answer) = self
            .call(Method::GET, url, repository, Repeat::Always)
            .await?
        else {
            return Ok(ImmutableTags::default());
        };
        match answer.status() {
            200 => {}
            401 | 403 => {
                self.registry.differences.learn(Difference::OwnApiRefuses);
                return Ok(ImmutableTags::default());
            }
            404 => return Ok(ImmutableTags::default()),
            _ => return Err(response::refused(request, answer).await),
        }
        let body = answer
            .bytes(LARGEST_ANSWER)
            .await
            .map_err(|failure| response::failed(request.clone(), failure))?;
        let details: RepositoryDetails = serde_json::from_slice(&body).map_err(|_| {
            response::bad(request, 200, "the answer does not describe a repository")
        })?;
        Ok(match details.immutable_tags_settings {
            Some(settings) if settings.enabled => ImmutableTags::new(&settings.rules),
            _ => ImmutableTags::default(),
        })
    }

    /// Deletes a tag, if the account may do that.
    pub(crate) async fn delete_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        permit: &Permit,
    ) -> Result<Deletion, RegistryError> {
        let (namespace, name) = split(repository);
        let url = self.url(&format!("v2/repositories/{namespace}/{name}/tags/{tag}/"));
        let request = response::describe(&Method::DELETE, &url);
        let repeat = Repeat::Once(permit.clone());
        let Some(answer) = self.call(Method::DELETE, url, repository, repeat).await? else {
            return Ok(Deletion::Refused);
        };
        match answer.status() {
            200..=204 => Ok(Deletion::Accepted),
            404 => Ok(Deletion::Absent),
            400..=499 => Ok(Deletion::Refused),
            _ => Err(response::refused(request, answer).await),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Sends a request as the logged-in account. `None`: there are no credentials to log in with.
    async fn call(
        &self,
        method: Method,
        url: Url,
        repository: &Repository,
        repeat: Repeat,
    ) -> Result<Option<Response>, RegistryError> {
        let Some(session) = self.session(repository).await? else {
            return Ok(None);
        };
        let request = || Request {
            method: method.clone(),
            url: url.clone(),
            headers: HeaderMap::from_iter([(header::AUTHORIZATION, session.clone())]),
            body: Body::Empty,
        };
        let tls = &self.registry.tls;
        self.retry.send(tls, repeat, request).await.map(Some)
    }

    /// Logs in once a run: a login lasts longer than that.
    async fn session(&self, repository: &Repository) -> Result<Option<HeaderValue>, RegistryError> {
        let credential = self.registry.login(repository.path()).await?.credential;
        let Some(credential @ Credential::Password { username, password }) = &credential else {
            return Ok(None);
        };
        let mut sessions = self.sessions.lock().await;
        if let Some((_, session)) = sessions.iter().find(|(of, _)| of == credential) {
            return Ok(Some(session.clone()));
        }
        let url = self.url("v2/auth/token");
        let body = serde_json::json!({ "identifier": username, "secret": password }).to_string();
        let request = || Request {
            method: Method::POST,
            url: url.clone(),
            headers: HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]),
            body: Body::Bytes(Bytes::from(body.clone())),
        };
        let name = response::describe(&Method::POST, &url);
        let tls = &self.registry.tls;
        let answer = self.retry.send(tls, Repeat::Always, request).await?;
        if answer.status() != 200 {
            if matches!(answer.status(), 401 | 403) {
                self.registry.differences.learn(Difference::OwnApiRefuses);
            }
            return Ok(None);
        }
        let body = answer
            .bytes(LARGEST_ANSWER)
            .await
            .map_err(|failure| response::failed(name, failure))?;
        let value = serde_json::from_slice(&body)
            .ok()
            .and_then(|LoginAnswer { access_token }| {
                let mut value = HeaderValue::from_str(&format!("Bearer {access_token}")).ok()?;
                value.set_sensitive(true);
                Some(value)
            });
        sessions.extend(value.clone().map(|value| (credential.clone(), value)));
        Ok(value)
    }
}

/// The pull limit that the headers of an answer name.
pub(crate) fn pull_limit(answer: &Response) -> Option<PullLimit> {
    let (limit, window) = parse::rate(answer.header("ratelimit-limit")?)?;
    let (remaining, _) = parse::rate(answer.header("ratelimit-remaining")?)?;
    Some(PullLimit {
        limit,
        remaining,
        window,
    })
}

/// Namespace and name: Docker Hub's repositories have two parts.
fn split(repository: &Repository) -> (&str, &str) {
    repository
        .path()
        .split_once('/')
        .unwrap_or(("library", repository.path()))
}
