//! The end of what a run has made on the forge: taken back where the release is given up, cleared away where
//! another has become public. Only what is known to be hoist's own is deleted.

use std::time::Duration;

use semver::Version;

use crate::{
    io::{
        forge::{FileHolder, ForgeApi, ForgeError, ForgeRelease},
        lease::Permit,
    },
    publish::{
        draft_marker::{marked, without_marker},
        protocol::journal::ForgeRecord,
        world::World,
    },
};

/// How long taking a draft back may hold up the end of a run.
pub(super) const TAKEN_BACK: Duration = Duration::from_secs(60);

/// Why a release on the forge stays.
const PUBLIC: &str = "it is public by now, and hoist deletes nothing that people see";

/// Deletes what was made on the forge for a release that does not begin. That it stays is a warning.
pub(super) async fn take_back(world: &World, made: &ForgeRecord, version: &Version) {
    let Ok(forge) = &world.forge else { return };
    let permit = Permit::always();
    let taken = withdraw(&**forge, made, version, &permit);
    let taken = tokio::time::timeout(TAKEN_BACK, taken).await;
    let failed = match taken {
        Ok(Ok(end)) => match end.why_left() {
            None => return,
            Some(why) => why,
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tell_left(world, made, &failed);
}

/// Says that something stays on the forge.
pub(super) fn tell_left(world: &World, made: &ForgeRecord, why: &str) {
    let what = match made.id {
        Some(id) if made.adopted => {
            let files = made.added.iter().map(|(name, _)| format!("`{name}`"));
            let added: Vec<_> = std::iter::once(format!("the line `{}`", made.marker))
                .chain(files)
                .collect();
            let text = format!(
                "the draft {id} of {} may still have what hoist has added ({}): {why}",
                made.url,
                added.join(", ")
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DraftEnd {
    /// Nothing of it is left, or what is left is somebody else's.
    Done,
    /// Somebody has made the release public in the meantime, and so it stays.
    Public,
    /// These files of somebody's draft have the names of files that the release was to send, and are others.
    Kept(String),
}

impl DraftEnd {
    /// Why something stays; `None`: nothing does.
    pub(super) fn why_left(self) -> Option<String> {
        match self {
            Self::Done => None,
            Self::Public => Some(PUBLIC.to_owned()),
            Self::Kept(files) => Some(format!(
                "what it has under the names {files} is not what hoist was to send"
            )),
        }
    }
}

/// What holds the files of a release.
pub(super) fn holder(made: &ForgeRecord, version: &Version) -> FileHolder {
    FileHolder {
        draft: made.id,
        // Runs shared one package once.
        package: made.package.clone().unwrap_or_else(|| version.to_string()),
    }
}

/// Deletes what the forge has of a release that is given up, where it is known to be its own. The text of somebody's
/// draft is changed only while `permit` lasts.
///
/// # Errors
/// It is there, or that is not known.
pub(super) async fn withdraw(
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    version: &Version,
    permit: &Permit,
) -> Result<DraftEnd, ForgeError> {
    if made.adopted {
        return give_back(forge, made, version, permit).await;
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
/// marker: nothing else of it was changed. Without the marker the release has not taken it.
async fn give_back(
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    version: &Version,
    permit: &Permit,
) -> Result<DraftEnd, ForgeError> {
    let found = forge.releases(made.tag.short()).await?;
    let is_it = |one: &&ForgeRelease| one.id == made.id && one.text.contains(&made.marker);
    let Some(draft) = found.iter().find(is_it) else {
        return Ok(DraftEnd::Done);
    };
    if draft.is_public {
        return Ok(DraftEnd::Public);
    }
    let holder = holder(made, version);
    let mut others = Vec::new();
    for file in forge.files(&holder).await?.unwrap_or_default() {
        let Some((_, sha256)) = made.added.iter().find(|(name, _)| *name == file.name) else {
            continue;
        };
        // The draft had no file of that name.
        match !file.is_whole || file.sha256.as_ref().is_none_or(|own| own == sha256) {
            true => forge.drop_file(&holder, &file).await?,
            false => others.push(format!("`{}`", file.name)),
        }
    }
    let text = without_marker(&draft.text);
    let given = forge
        .change_text(made.tag.short(), draft, &text, permit)
        .await;
    given.map(|()| match others.is_empty() {
        true => DraftEnd::Done,
        false => DraftEnd::Kept(others.join(", ")),
    })
}

/// What stays of a release that the forge has refused to make public: one draft of the tag, whichever run has made it,
/// for a person or for the next run; and no package, for nothing shows one. Only this release's own is deleted. A public release
/// is left to the next look.
pub(super) async fn leave_refused(
    world: &World,
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    version: &Version,
) {
    let tag = made.tag.short();
    let Ok(found) = forge.releases(tag).await else {
        return;
    };
    if made.adopted
        || found
            .iter()
            .any(|one| one.text.contains(&made.marker) && one.is_public)
    {
        return;
    }
    let is_own = |one: &ForgeRelease| one.id == made.id && one.text.contains(&made.marker);
    let is_other = |one: &ForgeRelease| {
        !is_own(one) && !one.is_public && marked(&one.text, tag).is_some_and(|mark| !mark.adopted)
    };
    let goes = match made.id {
        Some(_) => found.iter().any(is_own) && found.iter().any(is_other),
        None => made.package.is_some() && !made.links.is_empty(),
    };
    if goes && let Err(error) = forge.discard(&holder(made, version)).await {
        tell_left(world, made, &error.to_string());
    }
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
