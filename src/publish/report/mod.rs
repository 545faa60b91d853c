//! From the end of a run to its outcome: what failed, what is true outside now, what to do next.

mod command;
mod doubt;
mod ending;
mod forge;
mod lost;
mod tags;
mod words;

pub(in crate::publish) use ending::Ending;
pub(in crate::publish) use tags::{read_all, standing};

use crate::{
    error::{Error, ErrorKind},
    git::CommitId,
    oci::{Digest, ImageName, Observed, Repository},
    outcome::{
        BranchReport, ForgeReport, GitTagReport, ImageReport, Outcome, OutcomeKind, TagReport,
    },
    publish::{
        protocol::{
            journal::{BranchMove, Prepared, TagRecord},
            observation::GitTagSeen,
            state::{End, State, TagClass},
            transitions::OutOfOrder,
        },
        publication::Publication,
        report::tags::report,
        steps::refs_seen::read_refs,
    },
};

/// The outcome of a publication that never had a journal.
pub(in crate::publish) fn not_begun(publication: &Publication, error: Error) -> Outcome {
    let mut images: Vec<ImageReport> = Vec::new();
    let mut tags = Vec::new();
    for target in &publication.targets {
        for tag in &target.tags {
            let Some(image) = publication.images.get(tag.image) else {
                continue;
            };
            let digest = image.digest().clone();
            add_image(&mut images, &image.name, &target.repository, &digest);
            tags.push(TagReport {
                repository: target.repository.clone(),
                tag: tag.tag.clone(),
                before: tag.before.digest().cloned(),
                wanted: digest,
                now: tag.before.clone(),
            });
        }
    }
    Outcome {
        kind: match error.kind() {
            ErrorKind::Busy => OutcomeKind::Busy,
            ErrorKind::Interrupted => OutcomeKind::Interrupted,
            _ => OutcomeKind::Failed,
        },
        version: publication.version.clone(),
        commit: publication.commit,
        images,
        tags,
        git_tag: publication.git_tag.as_ref().map(|tag| GitTagReport {
            name: tag.name.clone(),
            object: None,
            pushed: false,
            local: false,
        }),
        branch: publication
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, publication.commit, Some(false))),
        forge: None,
        moved: None,
        error: Some(error),
    }
}

fn branch_report(branch: &BranchMove, commit: CommitId, pushed: Option<bool>) -> BranchReport {
    BranchReport {
        name: branch.name.clone(),
        before: branch.before,
        commit,
        pushed,
    }
}

/// Whether the release commit is on its branch at the end of a run.
fn is_pushed(end: Ending<'_>) -> Option<bool> {
    match end.txn.state {
        State::Ended(End::Published | End::Unpushed | End::Hidden) => Some(true),
        State::Ended(End::RolledBack | End::NotBegun) => Some(false),
        State::Ended(End::Leftover) => Some(end.remarks.does_branch_stay()),
        _ => None,
    }
}

/// The images of a transaction, in each repository that gets them.
pub(in crate::publish) fn images(prepared: &Prepared) -> Vec<ImageReport> {
    let mut images = Vec::new();
    // A release names its images whole; a tag can be put to another version's beside them.
    let whole = |tag: &&TagRecord| tag.kind == TagClass::Version;
    let is_release = prepared.tags.iter().any(|tag| whole(&tag));
    for tag in prepared.tags.iter().filter(|tag| !is_release || whole(tag)) {
        let (name, repository) = (prepared.image_name(tag), prepared.repository(tag));
        add_image(&mut images, &name, repository, prepared.wanted(tag));
    }
    images
}

fn add_image(
    images: &mut Vec<ImageReport>,
    name: &ImageName,
    repository: &Repository,
    digest: &Digest,
) {
    let image = ImageReport {
        image: name.clone(),
        repository: repository.clone(),
        digest: digest.clone(),
    };
    if !images.contains(&image) {
        images.push(image);
    }
}

/// A state that the protocol does not have.
pub(in crate::publish) fn bug(end: Ending<'_>, error: &OutOfOrder) -> Outcome {
    let error = Error::bug("the publish protocol was broken")
        .because(error)
        .state("the journal and the lock are as they were before this step")
        .hint("`hoist status` shows what is where");
    assemble(end, OutcomeKind::NeedsHuman, known(end), Some(error))
}

/// The outcome of a run that came to rest.
pub(in crate::publish) async fn outcome(end: Ending<'_>) -> Outcome {
    // An end was decided by a last look under the lock; afterwards the next release may write. A run
    // that moved nothing may have lost the lock before it looked.
    let is_decided = matches!(
        end.txn.state,
        State::Ended(
            End::Published
                | End::Unpushed
                | End::Hidden
                | End::RolledBack
                | End::Leftover
                | End::Elsewhere
        )
    );
    let looked = (0..end.run.prepared.tags.len()).all(|tag| end.remarks.last_shown(tag).is_some());
    let tags = if is_decided && looked {
        known(end)
    } else {
        read_again(end).await
    };
    let (kind, error) = words::judge(end, &tags).await;
    assemble(end, kind, tags, error)
}

fn assemble(
    end: Ending<'_>,
    kind: OutcomeKind,
    tags: Vec<TagReport>,
    error: Option<Error>,
) -> Outcome {
    let prepared = &end.run.prepared;
    Outcome {
        kind,
        version: prepared.version.clone(),
        commit: prepared.commit,
        images: images(prepared),
        tags,
        git_tag: prepared.git_tag.as_ref().map(|tag| GitTagReport {
            name: tag.name.clone(),
            object: Some(tag.id.clone()),
            pushed: is_tag_made(end) && !end.run.world.remote.is_local(),
            local: is_tag_made(end) && end.run.world.remote.is_local(),
        }),
        branch: prepared
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, prepared.commit, is_pushed(end))),
        forge: prepared.forge.as_ref().map(|forge| ForgeReport {
            service: forge.service,
            url: forge.url.clone(),
            public: is_public(end),
        }),
        moved: Some(
            end.run
                .transfers
                .of(prepared.repositories.iter().map(|place| &place.repository)),
        ),
        error,
    }
}

/// Whether the forge shows the release at the end of a run.
fn is_public(end: Ending<'_>) -> Option<bool> {
    match end.txn.state {
        State::Ended(End::Published) => Some(true),
        State::Ended(End::Hidden) => end.remarks.is_page_hidden().then_some(false),
        State::Ended(End::RolledBack | End::Leftover | End::NotBegun) => Some(false),
        _ => None,
    }
}

/// Whether the version's git tag was seen to be this release's, or was just made.
fn is_tag_made(end: Ending<'_>) -> bool {
    matches!(end.txn.state, State::Ended(End::Published | End::Hidden))
        || end.run.holding.git_tag() == Some(GitTagSeen::Ours)
}

/// What was seen last.
fn known(end: Ending<'_>) -> Vec<TagReport> {
    let prepared = &end.run.prepared;
    let tags = prepared.tags.iter().enumerate();
    tags.map(|(index, tag)| {
        let shown = end.remarks.last_shown(index).cloned();
        report(prepared, tag, shown.unwrap_or(Observed::Unknown))
    })
    .collect()
}

/// Reads the tags and the refs once more, so that the list says what is where now.
async fn read_again(end: Ending<'_>) -> Vec<TagReport> {
    let run = end.run;
    let limit = run.limits.last_look();
    let (tags, _refs) = tokio::join!(
        read_all(&run.world, &run.prepared, &limit),
        limit.run(read_refs(run, false))
    );
    tags
}
