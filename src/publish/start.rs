//! From a publication to a running transaction: stage, read what was, write the journal.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::Step,
    io::registry::RepositoryApi,
    outcome::Outcome,
    publish::{
        errors::git_error,
        prepare,
        protocol::journal::{GitTagRecord, Prepared, Record, encode, name},
        publication::Publication,
        report,
        run::Run,
        steps::{
            destination::{Destination, StageError},
            stage::stage,
            transfer::Transfers,
        },
        unfinished,
        world::World,
    },
};

/// Publishes: all tags, or none.
pub async fn run(world: &World, publication: &Publication) -> Outcome {
    match begin(world, publication).await {
        Ok(run) => run.drive().await,
        Err(error) => report::not_begun(publication, error),
    }
}

async fn begin(world: &World, publication: &Publication) -> Result<Run> {
    check(publication)?;
    let repositories: Vec<_> = publication
        .targets
        .iter()
        .map(|target| target.repository.clone())
        .collect();
    unfinished::refuse_unfinished(world, &repositories)?;
    let apis: Vec<_> = repositories
        .iter()
        .map(|repository| (world.connect)(repository))
        .collect::<Result<_>>()?;
    let haul = Transfers::new(world.events.clone());
    let prepared = tokio::select! {
        prepared = prepared(world, publication, &apis, &haul) => prepared?,
        () = world.cancel.cancelled() => return Err(interrupted()),
    };
    let (journal, lock) = write(world, &prepared).await?;
    let txn = prepared.begin();
    world.events.started(Step::Lock, world.remote.name());
    let mut run = Run::new(world.clone(), prepared, apis, journal, lock, txn);
    run.guard.clone_from(&publication.guard);
    run.haul = haul;
    Ok(run)
}

/// What the caller promises of a publication.
fn check(publication: &Publication) -> Result<()> {
    let known = |index: usize| index < publication.images.len();
    if publication.targets.is_empty()
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
async fn prepared(
    world: &World,
    publication: &Publication,
    apis: &[Arc<dyn RepositoryApi>],
    haul: &Transfers,
) -> Result<Prepared> {
    for target in &publication.targets {
        world
            .events
            .started(Step::Stage, target.repository.to_string());
    }
    let destinations: Vec<_> = publication
        .targets
        .iter()
        .zip(apis)
        .map(|(target, api)| Destination {
            api: &**api,
            images: (0..publication.images.len())
                .filter(|image| target.tags.iter().any(|tag| tag.image == *image))
                .map(|image| &publication.images[image])
                .collect(),
        })
        .collect();
    let unknown = publication.targets.iter().any(|target| {
        let tags = &mut target.tags.iter();
        tags.any(|tag| tag.before == crate::oci::Observed::Unknown)
    });
    let staging = async {
        let staged = stage(haul, &destinations).await;
        staged.map_err(|error| stage_error(&error))
    };
    let reading = prepare::read_old(world, publication, apis);
    let (staged, old) = if unknown {
        (staging.await?, reading.await?)
    } else {
        tokio::try_join!(staging, reading)?
    };
    let git_tag = match &publication.git_tag {
        Some(tag) => Some(GitTagRecord {
            id: world
                .remote
                .write_tag(&tag.object, &publication.commit)
                .await
                .map_err(|error| git_error("cannot store the git tag's object", &error))?,
            name: tag.name.clone(),
            object: tag.object.clone(),
        }),
        None => None,
    };
    Ok(prepare::prepare(
        world,
        publication,
        old,
        git_tag,
        &staged.tag_first,
    ))
}

fn stage_error(error: &StageError) -> Error {
    let made = Error::failed("cannot stage the image")
        .with_code(ErrorCode::StageFailed)
        .because(error);
    made.state("no tag has moved; nothing that was sent has a name")
        .hint("`hoist release` starts again; what was sent already is not sent again")
}

/// Journal and lock object: both are there before the lock is.
async fn write(world: &World, prepared: &Prepared) -> Result<(String, String)> {
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
    unfinished::forget_old(world);
    Ok((journal, lock))
}
