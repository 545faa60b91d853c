//! The user's logins at one registry: looked up when they are needed, and again when they may be out of
//! date. Helpers hand out passwords that expire, and a build can last longer than one of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::io::registry::credentials::{Credential, CredentialError};

/// After this time a login is looked up again before it is used.
const FRESH: Duration = Duration::from_secs(300);

/// For so long a login that was refused, and was the same when it was looked up again, is believed to be
/// refused.
const SAME: Duration = Duration::from_secs(30);

/// What was found for one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// `None`: there is none, and requests are anonymous.
    pub credential: Option<Credential>,
    /// Counts the different logins of this run.
    pub edition: u32,
}

/// The logins, by the path of the repository: files can hold one for each.
#[derive(Default)]
pub(crate) struct Logins(Mutex<HashMap<String, Arc<LoginSlot>>>);

/// The lock is held while a login is looked up, so that a helper is run once for all who wait.
type LoginSlot = AsyncMutex<Option<LoginFound>>;

/// What cannot be read is remembered, too: a helper that hangs is not waited for again.
struct LoginFound {
    login: Result<Login, CredentialError>,
    /// When it was looked up.
    at: Instant,
    /// When it was looked up because of a refusal, and was the same.
    same_at: Option<Instant>,
    /// Why it is an older one: the last look found none.
    lost: Option<LoginLoss>,
}

/// Why a login that was there could not be had again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LoginLoss {
    /// There is none any more.
    #[error("there are none any more")]
    Gone,
    /// The place, such as a credential helper, does not give it.
    #[error("{0}")]
    Unreadable(CredentialError),
}

impl Logins {
    /// The login for the repository at `path`, which `find` looks up.
    pub(super) async fn get(
        &self,
        path: &str,
        find: impl Future<Output = Result<Option<Credential>, CredentialError>>,
    ) -> Result<Login, CredentialError> {
        let slot = self.slot(path);
        let mut slot = slot.lock().await;
        match &*slot {
            Some(found) if found.at.elapsed() < FRESH => found.login.clone(),
            known => {
                let found = look_up(known.as_ref(), find).await;
                slot.insert(found).login.clone()
            }
        }
    }

    /// The login that is there instead of `edition`, which was refused to a request that began at `begun`.
    /// It is looked up once more, unless that was done since. `None`: there is no other one.
    pub(super) async fn instead_of(
        &self,
        path: &str,
        (edition, begun): (u32, Instant),
        find: impl Future<Output = Result<Option<Credential>, CredentialError>>,
    ) -> Option<Login> {
        let slot = self.slot(path);
        let mut slot = slot.lock().await;
        let known = slot.as_ref()?;
        let is_known_same = known.same_at.is_some_and(|at| at.elapsed() < SAME);
        if known.at < begun && !is_known_same {
            let mut found = look_up(Some(known), find).await;
            found.same_at = (found.login == known.login).then_some(found.at);
            *slot = Some(found);
        }
        let login = slot.as_ref()?.login.clone().ok()?;
        (login.edition != edition).then_some(login)
    }

    /// Why the login for the repository at `path` is an older one than was looked for; `None`: it is not.
    pub(super) async fn lost(&self, path: &str) -> Option<LoginLoss> {
        let slot = self.slot(path);
        let slot = slot.lock().await;
        slot.as_ref()?.lost.clone()
    }

    fn slot(&self, path: &str) -> Arc<LoginSlot> {
        let mut slots = self.0.lock().expect("no thread panics with the lock");
        slots.entry(path.to_owned()).or_default().clone()
    }
}

/// Looks a login up. One that was there before is not given up because there is none now, or because the
/// place cannot be read any more: it may be good still, and a roll back may need it.
async fn look_up(
    known: Option<&LoginFound>,
    find: impl Future<Output = Result<Option<Credential>, CredentialError>>,
) -> LoginFound {
    let before = known.and_then(|known| known.login.as_ref().ok());
    let had_one = before.filter(|login| login.credential.is_some());
    let found = find.await;
    let lost = match (&found, had_one) {
        (Ok(None), Some(_)) => Some(LoginLoss::Gone),
        (Err(error), Some(_)) => Some(LoginLoss::Unreadable(error.clone())),
        (Ok(_) | Err(_), _) => None,
    };
    let login = match (found, had_one) {
        (Ok(credential), _) if before.is_some_and(|login| login.credential == credential) => {
            Ok(before.cloned().expect("it was compared"))
        }
        (Ok(None) | Err(_), Some(login)) => Ok(login.clone()),
        (Ok(credential), _) => Ok(Login {
            credential,
            edition: before.map_or(0, |login| login.edition + 1),
        }),
        (Err(error), None) => Err(error),
    };
    LoginFound {
        login,
        at: Instant::now(),
        same_at: None,
        lost,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn password(text: &str) -> Credential {
        Credential::Password {
            username: "robot".to_owned(),
            password: text.to_owned(),
        }
    }

    fn broken() -> CredentialError {
        CredentialError::Unreadable {
            place: "here".to_owned(),
            why: "it is broken".to_owned(),
        }
    }

    /// How often a login was looked up, and what the place holds.
    struct Place {
        asked: Cell<u32>,
        holds: Result<Option<Credential>, CredentialError>,
    }

    impl Place {
        async fn find(&self) -> Result<Option<Credential>, CredentialError> {
            self.asked.set(self.asked.get() + 1);
            self.holds.clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_is_looked_up_again_after_a_while() {
        let logins = Logins::default();
        let mut place = Place {
            asked: Cell::new(0),
            holds: Ok(Some(password("one"))),
        };
        let unreadable = || Some(LoginLoss::Unreadable(broken()));
        for (after, holds, credential, edition, asked, lost) in [
            (0, Ok(Some(password("one"))), "one", 0, 1, None),
            (299, Ok(Some(password("two"))), "one", 0, 1, None),
            (1, Ok(Some(password("two"))), "two", 1, 2, None),
            // What was there is not given up.
            (300, Ok(None), "two", 1, 3, Some(LoginLoss::Gone)),
            (300, Err(broken()), "two", 1, 4, unreadable()),
            (300, Ok(Some(password("two"))), "two", 1, 5, None),
            (300, Ok(Some(password("three"))), "three", 2, 6, None),
        ] {
            tokio::time::sleep(Duration::from_secs(after)).await;
            place.holds = holds;
            let login = logins.get("acme/api", place.find()).await;
            let expected = Login {
                credential: Some(password(credential)),
                edition,
            };
            assert_eq!((login, place.asked.get()), (Ok(expected), asked));
            assert_eq!(logins.lost("acme/api").await, lost);
        }
        // What cannot be read is remembered as well.
        place.holds = Err(broken());
        for _ in 0..2 {
            assert_eq!(logins.get("acme/web", place.find()).await, Err(broken()));
        }
        assert_eq!(place.asked.get(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_login_is_looked_up_once_more_before_it_is_believed() {
        let logins = Logins::default();
        let mut place = Place {
            asked: Cell::new(0),
            holds: Ok(Some(password("one"))),
        };
        let second = || tokio::time::sleep(Duration::from_secs(1));
        let begun = Instant::now();
        second().await;
        logins.get("acme/api", place.find()).await.expect("one");
        // It was looked up for this very request.
        let refused = (0, begun);
        assert_eq!(
            logins.instead_of("acme/api", refused, place.find()).await,
            None
        );
        assert_eq!(place.asked.get(), 1);
        second().await;
        let refused = (0, Instant::now());
        second().await;
        // The same login: it is not asked for at every refusal.
        for _ in 0..3 {
            let instead = logins.instead_of("acme/api", refused, place.find()).await;
            assert_eq!((instead, place.asked.get()), (None, 2));
            second().await;
        }
        tokio::time::sleep(SAME).await;
        place.holds = Ok(Some(password("two")));
        let refused = (0, Instant::now());
        second().await;
        // One look serves all whose requests were refused.
        for _ in 0..3 {
            let instead = logins.instead_of("acme/api", refused, place.find()).await;
            let credential = instead.expect("there is another one").credential;
            assert_eq!((credential, place.asked.get()), (Some(password("two")), 3));
        }
    }
}
