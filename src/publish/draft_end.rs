//! The end of what a run has made on the forge: taken back where the release is given up, cleared away where
//! another has become public. Only what is known to be hoist's own is deleted.

use std::time::Duration;

use semver::Version;

use crate::{
    git::CommitId,
    io::forge::{FileHolder, ForgeApi, ForgeError, ForgeRelease, ReleaseText},
    publish::{
        draft_marker::{marked, without_marker},
        protocol::journal::ForgeRecord,
        world::World,
    },
};

/// How long taking a draft back may hold up the end of a run.
pub(super) const TAKEN_BACK: Duration = Duration::from_secs(60);

/// Why a release on the forge stays.
pub(super) const PUBLIC: &str = "it is public by now, and hoist deletes nothing that people see";

/// Deletes what was made on the forge for a release that does not begin. That it stays is a warning.
pub(super) async fn take_back(world: &World, made: &ForgeRecord, of: (&Version, CommitId)) {
    let Ok(forge) = &world.forge else { return };
    let taken = withdraw(&**forge, made, of);
    let taken = tokio::time::timeout(TAKEN_BACK, taken).await;
    let failed = match taken {
        Ok(Ok(DraftEnd::Done)) => return,
        Ok(Ok(DraftEnd::Public)) => PUBLIC.to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tell_left(world, made, &failed);
}

/// Says that something stays on the forge.
pub(super) fn tell_left(world: &World, made: &ForgeRecord, why: &str) {
    let what = match made.id {
        Some(id) if made.adopted => {
            let text = format!(
                "the draft {id} of {} has what hoist has added still: {why}",
                made.url
            );
            return world.events.warning(text);
        }
        Some(id) => format!("the draft {id} of {}", made.url),
        None => format!("what was uploaded for {}", made.url),
    };
    world
        .events
        .warning(format!("{what} could not be deleted: {why}"));
}

/// What became of what the forge has of a release that is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DraftEnd {
    /// Nothing of it is left, or what is left is somebody else's.
    Done,
    /// Somebody has made the release public in the meantime, and so it stays.
    Public,
}

/// What holds the files of a release.
pub(super) fn holder(made: &ForgeRecord, version: &Version) -> FileHolder {
    FileHolder {
        draft: made.id,
        // Runs shared one package once.
        package: made.package.clone().unwrap_or_else(|| version.to_string()),
    }
}

/// Deletes what the forge has of a release that is given up, where it is known to be its own.
///
/// # Errors
/// It is there, or that is not known.
pub(super) async fn withdraw(
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    (version, commit): (&Version, CommitId),
) -> Result<DraftEnd, ForgeError> {
    if made.adopted {
        return give_back(forge, made, (version, commit)).await;
    }
    let found = forge.releases(made.tag.short()).await?;
    let is_own = |one: &&ForgeRelease| one.text.contains(&made.marker);
    let mut own = found.iter().filter(is_own);
    if own.clone().any(|one| one.is_public) {
        return Ok(DraftEnd::Public);
    }
    let goes = match made.id {
        Some(id) => own.any(|one| one.id == Some(id) && !one.is_public),
        None => {
            let is_alone = made.package.is_some() || found.iter().all(|one| !one.is_public);
            !made.links.is_empty() && is_alone
        }
    };
    match goes {
        true => {
            let holder = holder(made, version);
            forge.discard(&holder).await.map(|()| DraftEnd::Done)
        }
        false => Ok(DraftEnd::Done),
    }
}

/// A draft that was somebody's before stays, without the files that the release has put there and without its
/// marker. Where another run has marked it since, that one needs both.
async fn give_back(
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    (version, commit): (&Version, CommitId),
) -> Result<DraftEnd, ForgeError> {
    let found = forge.releases(made.tag.short()).await?;
    let is_it = |one: &&ForgeRelease| one.id == made.id && one.text.contains(&made.marker);
    let Some(draft) = found.iter().find(is_it) else {
        return Ok(DraftEnd::Done);
    };
    let id = match draft.id {
        _ if draft.is_public => return Ok(DraftEnd::Public),
        None => return Ok(DraftEnd::Done),
        Some(id) => id,
    };
    let holder = holder(made, version);
    for file in forge.files(&holder).await?.unwrap_or_default() {
        let is_sent = |(name, sha256): &(String, String)| {
            *name == file.name && (!file.is_whole || file.sha256.as_ref() == Some(sha256))
        };
        if made.added.iter().any(is_sent) {
            forge.drop_file(&holder, &file).await?;
        }
    }
    let text = ReleaseText {
        tag: made.tag.short().to_owned(),
        commit,
        title: None,
        text: without_marker(&draft.text).trim_end().to_owned(),
        prerelease: made.prerelease,
    };
    let given = forge.change_draft(id, &text).await;
    given.map(|()| DraftEnd::Done)
}

/// Deletes the drafts of a tag that runs of hoist have made, once the tag's release is public: no run needs one
/// any more. That one stays is told.
pub(super) async fn clear(world: &World, forge: &dyn ForgeApi, tag: &str, found: &[ForgeRelease]) {
    let is_left = |one: &&ForgeRelease| {
        !one.is_public && marked(&one.text, tag).is_some_and(|mark| !mark.adopted)
    };
    for id in found.iter().filter(is_left).filter_map(|one| one.id) {
        let holder = FileHolder {
            draft: Some(id),
            package: String::new(),
        };
        let gone = tokio::time::timeout(TAKEN_BACK, forge.discard(&holder)).await;
        let why = match gone {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        let page = forge.place().release_page(tag);
        world.events.note(format!(
            "the draft {id} of {page}, which another run has made, is left: {why}"
        ));
    }
}
