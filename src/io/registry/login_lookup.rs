//! Looks the logins of a session up: which one a repository has now, and whether a refusal is to be
//! believed.

use tokio::time::Instant;

use crate::io::registry::{
    RegistryError, RegistryErrorKind,
    auth::RegistrySession,
    credentials::{self, Credential, CredentialError, CredentialTarget},
    logins::Login,
};

impl RegistrySession {
    /// The login for the repository at `path`.
    pub(crate) async fn login(&self, path: &str) -> Result<Login, RegistryError> {
        let login = self.state.logins.get(path, self.find_login(path)).await;
        login.map_err(|error| RegistryError {
            kind: RegistryErrorKind::Credentials(error.remedy()),
            request: format!("credentials for {}", self.registry),
            status: None,
            codes: Vec::new(),
            detail: Some(error.to_string()),
        })
    }

    /// The login that is there now instead of the refused one, which went out with a request that began at
    /// `begun`. `None`: there is no other one, so the refusal is to be believed.
    pub(crate) async fn login_instead_of(
        &self,
        path: &str,
        refused: Option<u32>,
        begun: Instant,
    ) -> Option<Login> {
        let find = self.find_login(path);
        self.state
            .logins
            .instead_of(path, (refused?, begun), find)
            .await
    }

    /// Says that a login could not be looked up again, and who did not give it; the older one was sent.
    pub(crate) async fn lost_login(&self, path: &str) -> Option<String> {
        let lost = self.state.logins.lost(path).await?;
        let registry = &self.registry;
        Some(format!(
            "they were found before, and not again for {registry}: {lost}"
        ))
    }

    async fn find_login(&self, path: &str) -> Result<Option<Credential>, CredentialError> {
        let target = CredentialTarget {
            registry: &self.registry,
            path: Some(path),
        };
        credentials::find(&self.environment, target, self.pair).await
    }

    /// Whether there is a login for the repository at `path`.
    pub(super) async fn has_credentials(&self, path: &str) -> bool {
        let login = self.login(path).await;
        login.is_ok_and(|login| login.credential.is_some())
    }
}
