//! From the end of a run to its outcome: what failed, what is true outside now, what to do next.

pub(in crate::publish) mod tags;
pub(in crate::publish) mod words;

use crate::{
    error::{Error, ErrorKind},
    oci::{Observed, Repository},
    outcome::{BranchReport, GitTagReport, ImageReport, Outcome, OutcomeKind, TagReport},
    publish::{
        protocol::{
            journal::{BranchMove, TagPlan},
            state::{End, State, TagKind, TagProgress},
            transitions::OutOfOrder,
        },
        publication::Publication,
        report::tags::{look, report},
        run::Run,
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
        commit: publication.commit.clone(),
        images,
        tags,
        git_tag: publication.git_tag.as_ref().map(|tag| GitTagReport {
            name: tag.name.clone(),
            pushed: false,
        }),
        branch: publication
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, &publication.commit, Some(false))),
        moved: None,
        error: Some(error),
    }
}

fn branch_report(branch: &BranchMove, commit: &str, pushed: Option<bool>) -> BranchReport {
    BranchReport {
        name: branch.short().to_owned(),
        before: branch.before.clone(),
        commit: commit.to_owned(),
        pushed,
    }
}

/// Whether the release commit is on its branch at the end of a run.
fn is_pushed(run: &Run) -> Option<bool> {
    match run.txn.state {
        State::Ended(End::Published | End::Unpushed) => Some(true),
        State::Ended(End::RolledBack | End::NotBegun) => Some(false),
        State::Ended(End::Leftover) => Some(run.notes.branch_left()),
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
pub(in crate::publish) fn bug(run: &Run, error: &OutOfOrder) -> Outcome {
    let error = Error::bug("the publish protocol was broken")
        .because(error)
        .state("the journal and the lock are as they were before this step")
        .hint("`hoist status` shows what is where");
    assemble(run, OutcomeKind::NeedsHuman, known(run), Some(error))
}

/// The outcome of a run that came to rest.
pub(in crate::publish) async fn outcome(run: &Run) -> Outcome {
    let certain = matches!(
        run.txn.state,
        State::Ended(End::Published | End::Unpushed | End::RolledBack | End::NotBegun)
    );
    let tags = if certain {
        known(run)
    } else {
        look_again(run).await
    };
    let (kind, error) = words::judge(run, &tags).await;
    assemble(run, kind, tags, error)
}

fn assemble(run: &Run, kind: OutcomeKind, tags: Vec<TagReport>, error: Option<Error>) -> Outcome {
    let prepared = &run.prepared;
    let mut images = Vec::new();
    // A release names its images whole; a tag can be put to another version's beside them.
    let whole = |tag: &&TagPlan| tag.kind == TagKind::Version;
    let is_release = prepared.tags.iter().any(|tag| whole(&tag));
    for tag in prepared.tags.iter().filter(|tag| !is_release || whole(tag)) {
        add_image(&mut images, prepared.repository(tag), prepared.wanted(tag));
    }
    Outcome {
        kind,
        version: prepared.version.clone(),
        commit: prepared.commit.clone(),
        images,
        tags,
        git_tag: prepared.git_tag.as_ref().map(|tag| GitTagReport {
            name: tag.name.clone(),
            pushed: run.txn.state == State::Ended(End::Published),
        }),
        branch: prepared
            .branch
            .as_ref()
            .map(|branch| branch_report(branch, &prepared.commit, is_pushed(run))),
        moved: Some(
            run.haul
                .moved(prepared.repositories.iter().map(|place| &place.repository)),
        ),
        error,
    }
}

/// What follows from the end itself, else what was seen last.
fn known(run: &Run) -> Vec<TagReport> {
    let prepared = &run.prepared;
    let tags = prepared.tags.iter().enumerate();
    tags.map(|(index, tag)| {
        let ours = Observed::At(prepared.wanted(tag).clone());
        let before = tag.before.clone().map_or(Observed::Absent, Observed::At);
        let now = match (run.txn.state, run.txn.marks[index]) {
            (State::Ended(End::Published | End::Unpushed), _) | (_, TagProgress::Already) => ours,
            (State::Ended(End::RolledBack), _) => before,
            _ => run.notes.last_shown(index).unwrap_or(before),
        };
        report(prepared, tag, now)
    })
    .collect()
}

/// Looks once more, so that the list says what is where now.
async fn look_again(run: &Run) -> Vec<TagReport> {
    look(&run.world, &run.prepared, &run.last_look()).await
}
