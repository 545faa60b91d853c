//! Gets a token from the token service of a registry.

use url::Url;

use crate::io::registry::{
    RegistryError, RegistryErrorKind,
    auth::{RegistrySession, basic},
    credentials::{Credential, login_advice},
    profile::Difference,
    response,
    retry::{Repeat, RetryClient, not_done},
    scope::TokenScope,
    token::{Token, password_request, read_token, refresh_request},
};

/// Largest answer of a token service, in bytes.
const LARGEST_TOKEN_ANSWER: u64 = 256 * 1024;
/// Redirects that are followed to a token.
const TOKEN_REDIRECTS: usize = 5;

impl RegistrySession {
    /// Asks the token service (Docker Registry v2 authentication: GET with the password, POST with
    /// an identity token).
    pub(super) async fn fetch(
        &self,
        retry: &RetryClient,
        scope: &TokenScope,
        (realm, service): (&Url, Option<&str>),
        credential: Option<&Credential>,
    ) -> Result<Token, RegistryError> {
        let mut realm = realm.clone();
        let mut redirects = 0;
        let (name, answer) = loop {
            let request = || match credential {
                Some(Credential::IdentityToken(token)) => {
                    refresh_request(&realm, service, scope, token)
                }
                password => password_request(&realm, service, scope, basic(password)),
            };
            let name = response::describe(&request().method, &realm);
            let answer = retry
                .send(&self.tls, Repeat::Always, request)
                .await
                .map_err(not_done)?;
            let moved = answer.header("location").filter(|_| {
                // A form that is sent again by GET would lose what is in it.
                matches!(answer.status(), 307 | 308)
                    || matches!(answer.status(), 301..=303)
                        && !matches!(credential, Some(Credential::IdentityToken(_)))
            });
            let Some(moved) = moved.filter(|_| redirects < TOKEN_REDIRECTS) else {
                break (name, answer);
            };
            redirects += 1;
            let next = self.origin.resolve(&realm, moved);
            let next = next.and_then(|url| self.origin.realm(url.as_str()));
            realm = next.map_err(|rule| {
                let rule = answer.mask().hide(&rule);
                not_done(response::bad(name, answer.status(), rule))
            })?;
            realm.set_query(None);
        };
        if !matches!(answer.status(), 200..=203) {
            let mut error = not_done(response::refused(name, answer).await);
            let mut needed = format!("no token for `{scope}`");
            if credential.is_none() && matches!(error.status, Some(401 | 403)) {
                error.kind = RegistryErrorKind::NoCredentials(login_advice(&self.registry));
                needed = format!("{needed}; {}", self.no_credentials());
            }
            error.detail = Some(match error.detail.take() {
                Some(words) => format!("{needed}: {words}"),
                None => needed,
            });
            return Err(error);
        }
        let body = retry
            .document(answer, LARGEST_TOKEN_ANSWER, &name)
            .await
            .map_err(not_done)?;
        let token = read_token(&body)
            .ok_or_else(|| not_done(response::bad(name, 200, "the answer holds no token")))?;
        if token.life_is_unreadable {
            self.differences.learn(Difference::UnreadableLife);
        }
        Ok(token)
    }
}
