//! A new transaction: stage, read what was, write the journal, go.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    git::{CommitId, ObjectId},
    io::{lease::Lease, registry::RepositoryApi},
    oci::Observed,
    outcome::Outcome,
    publish::{
        attached,
        destination::{Destination, StageError},
        draft::draft,
        draft_end::take_back,
        drive::drive,
        errors::{git_error, registry_error},
        holding::Holding,
        prepare,
        protocol::{
            journal::{GitTagRecord, MarkRecord, Prepared, Record, ReferrerRecord, encode, name},
            lock_way::LockWay,
        },
        publication::{GitTagObject, MarkObject, Proven, Publication, Target},
        refuse::{Closing, refuse_journaled},
        report,
        run::Run,
        steps::stage::{self, Staging},
        transfers::Transfers,
        unfinished::{self, Scope},
        world::World,
    },
};

/// Publishes: all tags, or none.
pub async fn publish(world: &World, publication: &Publication) -> Outcome {
    publish_past(world, publication, async { Ok(Proven::default()) }).await
}

/// The same, past a gate, which is asked when all content is in place and nothing has a name yet. Where
/// it says no, that is the end, and no tag has moved.
pub async fn publish_past(
    world: &World,
    publication: &Publication,
    gate: impl Future<Output = Result<Proven>>,
) -> Outcome {
    let staged = match stage(world, publication).await {
        Ok(staged) => staged,
        Err(error) => return report::not_begun(publication, error),
    };
    match gate.await {
        Ok(proven) => staged.publish(&proven).await,
        Err(error) => staged.leave_unpublished(error),
    }
}

/// All content is in place under its digests, and nothing that anybody can name has changed. What
/// must be proven or made before a name moves (checks of the image, signatures) belongs here,
/// between staging and the lock; then there are two ways on.
#[must_use = "staged content is either published or left unpublished"]
pub struct Staged<'a> {
    world: &'a World,
    publication: &'a Publication,
    apis: Vec<Arc<dyn RepositoryApi>>,
    transfers: Transfers,
    prepared: Prepared,
}

impl Staged<'_> {
    /// Writes the journal, takes the lock and moves the tags.
    pub async fn publish(mut self, proven: &Proven) -> Outcome {
        if let Err(error) = self.record(proven).await {
            return self.leave_unpublished(error);
        }
        match draft(self.world, self.publication, proven.forge.as_ref()).await {
            Ok(made) => self.prepared.forge = made,
            Err(error) => return self.leave_unpublished(error),
        }
        let (journal, lock) = match write(self.world, &self.prepared).await {
            Ok(written) => written,
            Err(error) => {
                if let Some(made) = &self.prepared.forge {
                    take_back(self.world, made, &self.prepared.version).await;
                }
                return self.leave_unpublished(error);
            }
        };
        let txn = self.prepared.transaction();
        let world = self.world.clone();
        let lease = Lease::new(world.lease_clock, world.lease_times);
        let holding = Holding::new(lease, lock, LockWay::Forward, None);
        let mut run = Run::new(world, self.prepared, self.apis, journal, holding);
        run.recheck.clone_from(&self.publication.recheck);
        run.transfers = self.transfers;
        run.draft_files = proven
            .forge
            .iter()
            .flat_map(|wanted| wanted.files.clone())
            .collect();
        drive(run, txn).await
    }

    /// What was proven since the content is in place belongs to the journal.
    async fn record(&mut self, proven: &Proven) -> Result<()> {
        self.prove_attached().await?;
        if let Some(tag) = &proven.git_tag {
            let tag = store_tag(self.world, tag, self.publication.commit).await?;
            self.prepared.git_tag = Some(tag);
        }
        for (repository, signature) in &proven.signatures {
            let mut places = self.prepared.repositories.iter();
            if let Some(place) = places.position(|place| place.repository == *repository) {
                self.prepared.signatures.push(ReferrerRecord {
                    repository: place,
                    ..signature.clone()
                });
            }
        }
        Ok(())
    }

    /// A gate or a signer runs beside the attachments, and may have taken one away or written the list anew.
    async fn prove_attached(&self) -> Result<()> {
        let look = async {
            match attached::lost(&self.apis, &self.prepared).await? {
                None => attached::unlisted(&self.apis, &self.prepared).await,
                lost => Ok(lost),
            }
        };
        let missing = look.await.map_err(|error| {
            registry_error("cannot read what is attached", &error).state("no tag has moved")
        })?;
        missing.map_or(Ok(()), |missing| {
            Err(Error::failed("an attachment is not in place any more")
                .with_code(ErrorCode::StageFailed)
                .cause(missing)
                .state("no tag has moved")
                .hint("the gate, the signer or a rule of the registry has taken it away; the same command starts again"))
        })
    }

    /// Ends the publication for this reason. There is nothing to take back: what was sent has no
    /// name, and the registries sweep it.
    pub fn leave_unpublished(self, error: Error) -> Outcome {
        for list in self.transfers.lists() {
            let text = format!("{list} lists what is about an image, and stays");
            self.world.events.detail(text);
        }
        report::not_begun(self.publication, error)
    }
}

/// Makes all content present everywhere and reads what a roll back would put back.
///
/// # Errors
/// An unfinished release is in the way (exit 5), a signal came, or content could not be read or
/// sent (exit 6). No tag has moved.
pub async fn stage<'a>(world: &'a World, publication: &'a Publication) -> Result<Staged<'a>> {
    check(publication)?;
    let repositories: Vec<_> = publication
        .targets
        .iter()
        .map(|target| target.repository.clone())
        .collect();
    let scope = Scope {
        repositories: repositories.clone(),
        lock_refs: publication.lock_refs.clone(),
        check: None,
    };
    refuse_journaled(world, &scope, Closing::Close).await?;
    let apis: Vec<_> = repositories
        .iter()
        .map(|repository| (world.connect)(repository))
        .collect::<Result<_>>()?;
    let transfers = Transfers::new(world.events.clone());
    let prepared = tokio::select! {
        prepared = send_and_prepare(world, publication, &apis, &transfers) => prepared?,
        () = world.cancel.cancelled() => return Err(interrupted()),
    };
    Ok(Staged {
        world,
        publication,
        apis,
        transfers,
        prepared,
    })
}

/// What the caller promises of a publication.
fn check(publication: &Publication) -> Result<()> {
    let known = |index: usize| index < publication.images.len();
    let mut referrers = publication.referrers.iter();
    if publication.targets.is_empty()
        || referrers.any(|referrer| !known(referrer.image))
        || publication
            .targets
            .iter()
            .any(|target| target.tags.is_empty() || target.tags.iter().any(|tag| !known(tag.image)))
    {
        return Err(Error::bug(
            "a publication needs repositories, each with tags of known images",
        ));
    }
    Ok(())
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted while staging")
        .state("no tag has moved")
        .hint("`hoist release` starts again; what was sent already is not sent again")
}

/// Sends all content and meanwhile reads what was before.
async fn send_and_prepare(
    world: &World,
    publication: &Publication,
    apis: &[Arc<dyn RepositoryApi>],
    transfers: &Transfers,
) -> Result<Prepared> {
    let destinations = destinations(publication, apis);
    let mut tags = publication.targets.iter().flat_map(|target| &target.tags);
    let is_unknown = tags.any(|tag| tag.before == Observed::Unknown);
    let staging = async {
        let staging = Staging {
            transfers,
            destinations: &destinations,
        };
        let staged = stage::stage(staging).await;
        staged.map_err(|error| stage_error(&error))
    };
    let reading = prepare::read_old(world, publication, apis);
    // A repository that the push creates can be read only afterwards.
    let (tag_first, old) = if is_unknown {
        (staging.await?, reading.await?)
    } else {
        tokio::try_join!(staging, reading)?
    };
    let git_tag = match &publication.git_tag {
        Some(tag) => Some(store_tag(world, tag, publication.commit).await?),
        None => None,
    };
    let mark = match &publication.mark {
        Some(mark) => Some(store_mark(world, mark).await?),
        None => None,
    };
    Ok(prepare::prepare(
        world,
        publication,
        old,
        (git_tag, mark),
        &tag_first,
    ))
}

/// Which images go to which repository: those that a tag there is to show.
fn destinations<'a>(
    publication: &'a Publication,
    apis: &'a [Arc<dyn RepositoryApi>],
) -> Vec<Destination<'a>> {
    let destination = |(target, api): (&Target, &'a Arc<dyn RepositoryApi>)| Destination {
        api: &**api,
        images: (0..publication.images.len())
            .filter(|image| target.tags.iter().any(|tag| tag.image == *image))
            .map(|image| &publication.images[image].image)
            .collect(),
        referrers: publication
            .referrers_of(target)
            .map(|referrer| &referrer.content)
            .collect(),
    };
    publication
        .targets
        .iter()
        .zip(apis)
        .map(destination)
        .collect()
}

async fn store_tag(world: &World, tag: &GitTagObject, commit: CommitId) -> Result<GitTagRecord> {
    let stored = world.remote.write_tag(&tag.object, commit).await;
    Ok(GitTagRecord {
        id: stored.map_err(|error| git_error("cannot store the git tag's object", &error))?,
        name: tag.name.clone(),
        object: tag.object.clone(),
    })
}

async fn store_mark(world: &World, mark: &MarkObject) -> Result<MarkRecord> {
    let stored = world.remote.write_mark(&mark.object).await;
    Ok(MarkRecord {
        id: stored.map_err(|error| git_error("cannot store the mark's object", &error))?,
        name: mark.name.clone(),
        object: mark.object.clone(),
    })
}

fn stage_error(error: &StageError) -> Error {
    let made = Error::failed("cannot stage the image")
        .with_code(ErrorCode::StageFailed)
        .because(error)
        .state("no tag has moved; nothing that was sent has a name");
    let refused = match error {
        StageError::Registry(error) | StageError::NoDigests(error) => Some(error),
        StageError::Gone(_) | StageError::Directory(..) => None,
    };
    match refused {
        // Sending the same once more would end the same.
        Some(error) if error.remedy().is_some() => made.hint(error.remedy().unwrap_or_default()),
        Some(error) if error.is_about_content() => made.hint(
            "the registry refuses this image, whatever its name: build it anew, or look at it with `hoist inspect`",
        ),
        _ => made.hint("`hoist release` starts again; what was sent already is not sent again"),
    }
}

/// Journal and lock object: both are there before the lock is.
async fn write(world: &World, prepared: &Prepared) -> Result<(String, ObjectId)> {
    let line = encode(&Record::Prepared(Box::new(prepared.clone())));
    let title = format!("hoist: publishing {}, {}", prepared.version, prepared.owner);
    let lock = world
        .remote
        .write_lock(&title, &line)
        .await
        .map_err(|error| git_error("cannot make the lock's object", &error))?;
    let journal = name(prepared);
    world.journals.create(&journal, &line).map_err(|error| {
        Error::failed("cannot write the journal")
            .because(&error)
            .state("no tag has moved: without a journal nothing is published")
            .hint("make git's directory writable, with room on its disk")
    })?;
    if !world.journals.hold(&journal).unwrap_or_default() {
        return Err(Error::failed("cannot hold the journal")
            .state("no tag has moved")
            .hint("`hoist status` shows which release works in this clone"));
    }
    unfinished::forget_old(world);
    Ok((journal, lock))
}
