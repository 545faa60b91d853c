//! Whether a tag that a request does not show is absent.
//!
//! A 404 is held against the list of tags, and against what this run did itself. Where they contradict
//! each other the result is an error and not a guess.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    io::registry::{
        RegistryError, RegistryErrorKind,
        memory::{Deed, Listed},
        profile::Difference,
        request::Client,
    },
    oci::{Tag, TagOrDigest},
};

/// Whether a tag that a read does not show is there.
pub(super) enum Absence {
    /// It is not.
    Certain,
    /// The list of tags names it.
    Contradicted,
    /// There is no list: GET must say the same.
    NoList,
}

impl Client {
    /// Whether what a request at `asked` did not show is absent. False: answers contradict each
    /// other, and after a pause it is to be looked at again, because replicas of a registry lag for
    /// a moment. `forbidden`: the answer was 403 and not 404.
    pub(super) async fn is_absent(
        &self,
        what: &TagOrDigest,
        forbidden: Option<RegistryError>,
        asked: Instant,
        pauses: &mut (impl Iterator<Item = Duration> + Send),
    ) -> Result<bool, RegistryError> {
        let TagOrDigest::Tag(tag) = what else {
            return forbidden.map_or(Ok(true), Err);
        };
        if let Some(error) = forbidden {
            // Only where the list may be read now is this about the tag and not about the account.
            let list = self.list(Some(asked)).await?;
            let is_absent =
                list.is_allowed && !list.tags.as_ref().is_none_or(|all| all.contains(tag));
            if !is_absent {
                return Err(error);
            }
            let differences = &self.session.differences;
            differences.learn(Difference::ForbidsWhatIsAbsent);
            return Ok(true);
        }
        match self.absence(tag, asked).await? {
            // Without a list, GET was asked, too.
            Absence::Certain | Absence::NoList => Ok(true),
            Absence::Contradicted => match pauses.next() {
                Some(pause) => {
                    sleep(pause).await;
                    Ok(false)
                }
                None => Err(self.contradiction(tag)),
            },
        }
    }

    /// Whether the list, or what this run did, says that a tag is there which was not shown to a
    /// request at `asked`.
    pub(super) async fn absence(
        &self,
        tag: &Tag,
        asked: Instant,
    ) -> Result<Absence, RegistryError> {
        if self.memory.deed(tag) == Some(Deed::Deleted) {
            return Ok(Absence::Certain);
        }
        let list = self.list(None).await?;
        let names = |list: &Listed| list.tags.as_ref().map(|tags| tags.contains(tag));
        match names(&list) {
            None => Ok(Absence::NoList),
            Some(false) => Ok(Absence::Certain),
            // Somebody may have deleted it since the list was read.
            Some(true) if list.is_since(asked) => Ok(Absence::Contradicted),
            Some(true) => Ok(match names(&*self.list(Some(asked)).await?) {
                Some(true) => Absence::Contradicted,
                Some(false) => Absence::Certain,
                None => Absence::NoList,
            }),
        }
    }

    /// The list of tags: one of this run that is still fresh, or where `since` is given, one that was
    /// read after that.
    async fn list(&self, since: Option<Instant>) -> Result<Arc<Listed>, RegistryError> {
        let called = Instant::now();
        let mut held = self.memory.list.lock().await;
        if let Some(error) = self.memory.list_failure(called) {
            return Err(error);
        }
        if let Some(list) = held.as_ref()
            && list.is_fresh()
            && since.is_none_or(|since| list.is_since(since))
        {
            return Ok(list.clone());
        }
        let asked = Instant::now();
        let list = match self.list_tags().await {
            Ok((tags, is_allowed)) => {
                Listed::new(Some(tags.into_iter().collect()), is_allowed, asked)
            }
            Err(error) if error.is_refused() => Listed::new(None, false, asked),
            Err(error) => {
                self.memory.list_failed(&error);
                return Err(error);
            }
        };
        Ok(held.insert(Arc::new(list)).clone())
    }

    /// The list of tags, read anew, in the registry's order.
    pub(super) async fn list_again(&self) -> Result<Vec<Tag>, RegistryError> {
        let mut held = self.memory.list.lock().await;
        let asked = Instant::now();
        let listed = self.list_tags().await;
        let (tags, is_allowed) = listed.inspect_err(|error| self.memory.list_failed(error))?;
        let names = tags.iter().cloned().collect();
        *held = Some(Arc::new(Listed::new(Some(names), is_allowed, asked)));
        Ok(tags)
    }

    fn contradiction(&self, tag: &Tag) -> RegistryError {
        RegistryError {
            kind: RegistryErrorKind::Unclear,
            request: self.repository.tag(tag),
            status: None,
            codes: Vec::new(),
            detail: Some(
                "the list of tags names it, and a read of it is answered with 404: the registry lags behind itself"
                    .to_owned(),
            ),
        }
    }
}
