//! From the end of a run to its outcome: what failed, what is true outside now, what to do next.

mod ending;
mod tags;
mod words;

pub(in crate::publish) use ending::Ending;
pub(in crate::publish) use tags::{read_all, standing};

use crate::{
    error::{Error, ErrorKind},
    git::CommitId,
    oci::{Observed, Repository},
    outcome::{BranchReport, GitTagReport, ImageReport, Outcome, OutcomeKind, TagReport},
    publish::{
        protocol::{
            journal::{BranchMove, TagRecord},
            state::{End, State, TagClass, TagProgress},
            transitions::OutOfOrder,
        },
        publication::Publication,
        report::tags::report,
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
            let digest = image.manifest.digest().clone();
            add_image(&mut images, &target.repository, &digest);
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
            pushed: false,
        }),
        branch: publication
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, publication.commit, Some(false))),
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
        State::Ended(End::Published | End::Unpushed) => Some(true),
        State::Ended(End::RolledBack | End::NotBegun) => Some(false),
        State::Ended(End::Leftover) => Some(end.remarks.does_branch_stay()),
        _ => None,
    }
}

fn add_image(images: &mut Vec<ImageReport>, repository: &Repository, digest: &crate::oci::Digest) {
    let image = ImageReport {
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
    let certain = matches!(
        end.txn.state,
        State::Ended(End::Published | End::Unpushed | End::RolledBack | End::NotBegun)
    );
    let tags = if certain {
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
    let mut images = Vec::new();
    // A release names its images whole; a tag can be put to another version's beside them.
    let whole = |tag: &&TagRecord| tag.kind == TagClass::Version;
    let is_release = prepared.tags.iter().any(|tag| whole(&tag));
    for tag in prepared.tags.iter().filter(|tag| !is_release || whole(tag)) {
        add_image(&mut images, prepared.repository(tag), prepared.wanted(tag));
    }
    Outcome {
        kind,
        version: prepared.version.clone(),
        commit: prepared.commit,
        images,
        tags,
        git_tag: prepared.git_tag.as_ref().map(|tag| GitTagReport {
            name: tag.name.clone(),
            pushed: end.txn.state == State::Ended(End::Published),
        }),
        branch: prepared
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, prepared.commit, is_pushed(end))),
        moved: Some(
            end.run
                .transfers
                .of(prepared.repositories.iter().map(|place| &place.repository)),
        ),
        error,
    }
}

/// What follows from the end itself, else what was seen last.
fn known(end: Ending<'_>) -> Vec<TagReport> {
    let prepared = &end.run.prepared;
    let tags = prepared.tags.iter().enumerate();
    tags.map(|(index, tag)| {
        let ours = Observed::At(prepared.wanted(tag).clone());
        let before = tag.before.clone().map_or(Observed::Absent, Observed::At);
        let now = match (end.txn.state, end.txn.progress[index]) {
            (State::Ended(End::Published | End::Unpushed), _) | (_, TagProgress::Already) => ours,
            (State::Ended(End::RolledBack), _) => before,
            _ => end.remarks.last_shown(index).cloned().unwrap_or(before),
        };
        report(prepared, tag, now)
    })
    .collect()
}

/// Reads the tags once more, so that the list says what is where now.
async fn read_again(end: Ending<'_>) -> Vec<TagReport> {
    let run = end.run;
    read_all(&run.world, &run.prepared, &run.limits.last_look()).await
}
