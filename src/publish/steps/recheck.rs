//! Forward only, asked once more: whoever published a higher version while this one was built or
//! waited for the lock keeps the moving tags of its line.

use crate::{
    io::registry::{RegistryError, RegistryErrorKind},
    publish::{
        protocol::{observation::Shows, state::State},
        recheck::{Lists, PublishedNow},
        run::{Run, words},
    },
};

/// The registry answers, and does not hand its list out.
fn is_kept_back(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::Unauthorized | RegistryErrorKind::Denied | RegistryErrorKind::Refused
    )
}

impl Run {
    /// Which refs a look has to read for the guard.
    pub(in crate::publish) fn guarded_refs(&self) -> Option<String> {
        self.asks().then(|| "refs/tags/*".to_owned())
    }

    /// A run that takes another one up goes on with what that one decided.
    fn asks(&self) -> bool {
        self.guard.is_some() && self.txn.state == State::Observing
    }

    /// Each repository's list of tags, where the guard wants it. `Err`: a repository that could
    /// not be asked.
    pub(in crate::publish) async fn lists(&self) -> Result<Lists, usize> {
        if !self.asks() {
            return Ok(Vec::new());
        }
        let limit = self.forward();
        let limit = &limit;
        let ask = self.apis.iter().enumerate().map(|(place, api)| async move {
            let name = api.repository().clone();
            match limit.run(api.tags()).await {
                Some(Ok(tags)) => Ok((name, Some(tags))),
                Some(Err(error)) if is_kept_back(&error) => Ok((name, None)),
                Some(Err(error)) => {
                    self.notes.other(words(&error));
                    Err(place)
                }
                None => Err(place),
            }
        });
        futures_util::future::try_join_all(ask).await
    }

    /// Turns what the tags show into what they may do: one that a higher version holds now counts
    /// as somebody else's.
    pub(in crate::publish) fn hold_back(
        &self,
        tags: &mut [Shows],
        lists: Result<Lists, usize>,
        git: Vec<String>,
    ) {
        let Some(guard) = self.guard.as_ref().filter(|_| self.asks()) else {
            return;
        };
        let plans = || self.prepared.tags.iter().enumerate();
        let repositories = match lists {
            Ok(repositories) => repositories,
            Err(place) => {
                if let Some((index, _)) = plans().find(|(_, tag)| tag.repository == place) {
                    tags[index] = Shows::Unreadable;
                    if let Some(words) = self.notes.last_other() {
                        self.notes.tag(index, words);
                    }
                }
                return;
            }
        };
        let held = match guard.decide(&PublishedNow { repositories, git }) {
            Ok(held) => held,
            Err(error) => {
                self.notes.tag(0, &format!("{error:#}"));
                tags[0] = Shows::Unreadable;
                return;
            }
        };
        for held in held {
            let same = |tag: &crate::publish::protocol::journal::TagPlan| {
                tag.tag == held.tag && *self.prepared.repository(tag) == held.repository
            };
            if let Some((index, _)) = plans().find(|(_, tag)| same(tag)) {
                // One that shows the release already is no longer this run's to move.
                tags[index] = Shows::Other;
                self.notes.held(index, held.why);
            }
        }
    }
}
