//! What a run waits for before it tries again, told while it lasts. Tags of one repository that fail
//! side by side are one wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    event::{Awaited, Events},
    io::wait_report::WaitReport,
    oci::{Repository, Tag},
};

/// After so long without a failure the next one begins a new wait. The longest pause between two tries
/// is shorter.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What can fail and be tried again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum WaitSubject {
    TagsMove(Repository),
    TagsBack(Repository),
    GitRefs,
    Forge,
}

#[derive(Debug)]
struct OpenWait {
    report: WaitReport,
    failed: Instant,
    tags: BTreeSet<Tag>,
}

/// The waits of one run.
#[derive(Debug)]
pub(super) struct Waits {
    events: Events,
    open: Mutex<BTreeMap<WaitSubject, OpenWait>>,
}

impl Waits {
    pub(super) fn new(events: Events) -> Self {
        Self {
            events,
            open: Mutex::default(),
        }
    }

    /// A tag could not be moved, and this is tried again until `until`.
    pub(super) fn tag_move(
        &self,
        repository: &Repository,
        tag: &Tag,
        why: impl ToString,
        until: Instant,
    ) {
        let awaited = |tags: &BTreeSet<Tag>| Awaited::TagsMove {
            repository: repository.clone(),
            tags: tags.iter().cloned().collect(),
        };
        let subject = WaitSubject::TagsMove(repository.clone());
        self.failed(subject, Some(tag), awaited, why, until);
    }

    /// A tag could not be put back, and this is tried again until `until`.
    pub(super) fn tag_back(
        &self,
        repository: &Repository,
        tag: &Tag,
        why: impl ToString,
        until: Instant,
    ) {
        let awaited = |tags: &BTreeSet<Tag>| Awaited::TagsBack {
            repository: repository.clone(),
            tags: tags.iter().cloned().collect(),
        };
        let subject = WaitSubject::TagsBack(repository.clone());
        self.failed(subject, Some(tag), awaited, why, until);
    }

    /// A tag is where it should be: it is waited for no longer.
    pub(super) fn is_done(&self, repository: &Repository, tag: &Tag) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in [
            WaitSubject::TagsMove(repository.clone()),
            WaitSubject::TagsBack(repository.clone()),
        ] {
            if let Some(wait) = open.get_mut(&subject) {
                wait.tags.remove(tag);
                if wait.tags.is_empty() {
                    open.remove(&subject);
                }
            }
        }
    }

    /// The git remote could not be read or changed, and this is tried again until `until`.
    pub(super) fn git(&self, remote: &str, why: impl ToString, until: Instant) {
        let awaited = |_: &BTreeSet<Tag>| Awaited::GitRefs {
            remote: remote.to_owned(),
        };
        self.failed(WaitSubject::GitRefs, None, awaited, why, until);
    }

    /// The release on the forge could not be made public, and this is tried again until `until`.
    pub(super) fn forge(&self, page: &str, why: impl ToString, until: Instant) {
        let awaited = |_: &BTreeSet<Tag>| Awaited::Forge {
            page: page.to_owned(),
        };
        self.failed(WaitSubject::Forge, None, awaited, why, until);
    }

    fn failed(
        &self,
        subject: WaitSubject,
        tag: Option<&Tag>,
        awaited: impl Fn(&BTreeSet<Tag>) -> Awaited,
        why: impl ToString,
        until: Instant,
    ) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if open
            .get(&subject)
            .is_some_and(|wait| now >= wait.failed + FORGOTTEN)
        {
            open.remove(&subject);
        }
        let wait = open.entry(subject).or_insert_with(|| OpenWait {
            report: WaitReport::new(&self.events, awaited(&BTreeSet::new())),
            failed: now,
            tags: BTreeSet::new(),
        });
        wait.failed = now;
        wait.tags.extend(tag.cloned());
        wait.report
            .retry_for(awaited(&wait.tags), Some(why.to_string()), until);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::sleep;

    use super::*;
    use crate::event::Event;

    #[tokio::test(start_paused = true)]
    async fn tags_that_fail_side_by_side_are_one_wait() {
        let (words, begun) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
        let events = Events::new({
            let words = words.clone();
            move |event| {
                if let Event::Waiting(wait) = event {
                    let Awaited::TagsMove { tags, .. } = wait.awaited else {
                        panic!("{:?}", wait.awaited);
                    };
                    let tags: Vec<_> = tags.iter().map(ToString::to_string).collect();
                    let limit = wait.until.map(|until| (until - wait.since).num_seconds());
                    let word = (begun.elapsed().as_secs(), tags.join(" "), limit);
                    words.lock().expect("no panic").push(word);
                }
            }
        });
        let waits = Waits::new(events);
        let repository: Repository = "docker.io/acme/api".parse().expect("a valid name");
        let tag = |name: &str| -> Tag { name.parse().expect("a valid tag") };
        let until = Instant::now() + Duration::from_secs(600);
        for second in 0..32 {
            for name in ["1", "latest"] {
                if (second, name) == (20, "1") {
                    waits.is_done(&repository, &tag("1"));
                }
                if second < 20 || name == "latest" {
                    waits.tag_move(&repository, &tag(name), "500", until);
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
        // Long after, it is another wait.
        sleep(Duration::from_secs(100)).await;
        waits.tag_move(&repository, &tag("latest"), "500", until);
        let word = |seconds, tags: &str, left| (seconds, tags.to_owned(), Some(left));
        assert_eq!(
            *words.lock().expect("no panic"),
            [
                word(0, "1", 600),
                word(15, "1 latest", 600),
                word(30, "latest", 600),
                word(132, "latest", 468),
            ]
        );
    }
}
