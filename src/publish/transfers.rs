//! What goes over the wire while content is staged: told to whoever listens, counted, and fetched
//! once however many registries lack it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    event::{Event, Events},
    io::registry::{BlobPushed, BlobSource, RegistryError, RepositoryApi},
    oci::{Descriptor, Digest, Image, Repository},
    outcome::{Amount, Transfer},
    publish::destination::{Destination, StageError},
};

/// The counts of one run, and its listener.
pub(super) struct Transfers {
    pub(super) events: Events,
    counts: Mutex<BTreeMap<Repository, Transfer>>,
    /// The tags that list what is about an image, and that were written.
    lists: Mutex<BTreeSet<String>>,
    fetching: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// Why the locks below are never poisoned.
const NO_PANIC: &str = "no thread panics while it holds this lock";

fn add(amount: &mut Amount, bytes: u64) {
    amount.blobs += 1;
    amount.bytes += bytes;
}

impl Transfers {
    pub(super) fn new(events: Events) -> Self {
        Self {
            events,
            counts: Mutex::default(),
            lists: Mutex::default(),
            fetching: Mutex::default(),
        }
    }

    /// What went from and to each of `repositories`, in their order.
    pub(super) fn of<'a>(
        &self,
        repositories: impl IntoIterator<Item = &'a Repository>,
    ) -> Vec<Transfer> {
        let counts = self.counts();
        let one = |repository: &Repository| {
            let known = counts.get(repository).cloned();
            known.unwrap_or_else(|| Transfer::none(repository.clone()))
        };
        repositories.into_iter().map(one).collect()
    }

    /// A tag that lists what is about a digest was written.
    pub(super) fn has_listed(&self, tag: String) {
        self.lists.lock().expect(NO_PANIC).insert(tag);
    }

    /// The tags that were written and list what is about a digest.
    pub(super) fn lists(&self) -> BTreeSet<String> {
        self.lists.lock().expect(NO_PANIC).clone()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Repository, Transfer>> {
        self.counts.lock().expect(NO_PANIC)
    }

    fn count(&self, repository: &Repository, change: impl FnOnce(&mut Transfer)) {
        let mut counts = self.counts();
        let transfer = counts.entry(repository.clone());
        change(transfer.or_insert_with(|| Transfer::none(repository.clone())));
    }

    /// Makes one blob present in a repository.
    pub(super) async fn send(
        &self,
        api: &dyn RepositoryApi,
        blob: &Descriptor,
        source: BlobSource,
    ) -> Result<(), RegistryError> {
        let progress = |done: u64| {
            self.events.emit(Event::Progress {
                id: api.repository().digest(&blob.digest),
                label: blob.digest.short().to_owned(),
                done,
                total: Some(blob.size),
            });
        };
        let pushed = api.push_blob(blob, source, &progress).await?;
        self.count(api.repository(), |transfer| match pushed {
            BlobPushed::Existed => {}
            BlobPushed::Mounted => add(&mut transfer.mounted, blob.size),
            BlobPushed::Sent(bytes) => add(&mut transfer.sent, bytes),
        });
        Ok(())
    }

    /// Brings a blob here from whichever repository has it.
    pub(super) async fn fetch(
        &self,
        all: &[Destination<'_>],
        image: &Image,
        blob: &Descriptor,
    ) -> Result<(), StageError> {
        let path = image.blob_path(&blob.digest);
        // Several registries can lack the same blob at the same time.
        let alone = {
            let mut fetching = self.fetching.lock().expect(NO_PANIC);
            fetching.entry(blob.digest.clone()).or_default().clone()
        };
        let _alone = alone.lock().await;
        if path.is_file() {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&image.dir).to_owned();
        let directory = |path: &PathBuf, error| StageError::Directory(path.clone(), error);
        tokio::fs::create_dir_all(&parent)
            .await
            .map_err(|error| directory(&parent, error))?;
        // Under its own name only when it is whole: whoever finds it there sends it.
        let part = path.with_extension("part");
        for destination in all {
            let api = destination.api;
            if matches!(api.has_blob(&blob.digest).await, Ok(true)) {
                api.fetch_blob(blob, part.clone()).await?;
                tokio::fs::rename(&part, &path)
                    .await
                    .map_err(|error| directory(&path, error))?;
                self.count(api.repository(), |transfer| {
                    add(&mut transfer.fetched, blob.size);
                });
                return Ok(());
            }
        }
        Err(StageError::Gone(blob.digest.clone()))
    }
}
