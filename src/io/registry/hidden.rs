//! What a registry hides from those who have not logged in. Some answer 404, or an empty list, where others
//! ask for a login.

use crate::io::registry::{
    RegistryError,
    credentials::{self, login_advice},
    origin::OriginRelation,
    request::{Client, RegistryRequest},
};

impl Client {
    /// Whether an answer to a request without credentials says nothing, because the registry has now
    /// been asked how to log in, and there are credentials for it.
    pub(super) async fn must_log_in(
        &self,
        request: &RegistryRequest<'_>,
    ) -> Result<bool, RegistryError> {
        let session = &self.session;
        if session.origin.relation(&request.url) != Ok(OriginRelation::SameOrigin)
            || !session.has_credentials(&request.scope.path).await
        {
            return Ok(false);
        }
        if session.ask_for_challenge(&self.retry).await? {
            return Ok(true);
        }
        // An open `/v2/` before a repository that only some may see: an upload tells.
        if session.push {
            self.ask_by_upload().await?;
        }
        Ok(session.knows_how_to_log_in())
    }

    /// Begins an upload, once, to learn how to log in.
    async fn ask_by_upload(&self) -> Result<(), RegistryError> {
        let mut is_asked = self.memory.is_upload_asked.lock().await;
        if *is_asked {
            return Ok(());
        }
        let question = self.post(self.url("blobs/uploads/"), None);
        let (answer, _) = self.send_once(&question).await?;
        *is_asked = true;
        if matches!(answer.status(), 200..=202)
            && let Ok(upload) = self.location(&question, &answer)
        {
            // Not with credentials either, if the registry wants none.
            let _ = self.send_once(&self.end_of(upload)).await;
        }
        self.session
            .learn_from(&answer, "/v2/…/blobs/uploads/")
            .map(drop)
    }

    /// Says, once, that a login may be needed to see what is there: nothing was shown to this run, and it has
    /// no login, or passes over variables that hold one.
    pub(super) async fn nothing_shown(&self) {
        let session = &self.session;
        let login = session.login(self.repository.path()).await;
        if login.map_or(true, |login| login.credential.is_some())
            || session.differences.told_hidden()
        {
            return;
        }
        let (registry, pair) = (&session.registry, session.pair);
        let why = match credentials::passed_over(&session.environment, registry, pair) {
            Some(why) => {
                format!(
                    "{why}; set `HOIST_REGISTRY_HOST` to `{registry}` where it may be used here, too"
                )
            }
            None if session.wants_login(&self.retry).await => {
                format!("{}; {}", session.no_credentials(), login_advice(registry))
            }
            None => return,
        };
        session.differences.shows_nothing(&why);
    }
}
