//! A draft that a person has made, and that a release takes (`forge.use-draft`): its files and its marker, put there
//! under the lock, so that no two runs change the same draft. Its title and all else that it says stay as they are.

use std::{sync::Mutex, time::Duration};

use crate::{
    io::forge::{ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile, ReleaseFile},
    publish::{
        draft_end::holder,
        draft_files::keep_files,
        draft_marker::{marked, with_marker, without_marker},
        draft_waits::DraftWaits,
        protocol::journal::ForgeRecord,
        run::Run,
    },
};

/// Takes the draft that the journal names. Where that was done, nothing is changed.
///
/// # Errors
/// It is not taken whole, or that is not known.
pub(super) async fn take(
    run: &Run,
    forge: &dyn ForgeApi,
    record: &ForgeRecord,
) -> Result<(), ForgeError> {
    let tag = record.tag.short();
    let found = forge.releases(tag).await?;
    let Some(draft) = theirs(&found, record)? else {
        return Ok(());
    };
    let holder = holder(record, &run.prepared.version);
    let files = &run.draft_files;
    let kept = forge.files(&holder).await?.unwrap_or_default();
    check_files(record, files, &kept)?;
    if !draft.text.contains(&record.marker) {
        let text = with_marker(&without_marker(&draft.text), &record.marker);
        let permit = run.holding.permit();
        forge.change_text(tag, draft, &text, &permit).await?;
    }
    if files.is_empty() {
        return Ok(());
    }
    let limit = Duration::from_millis(run.prepared.deadline);
    let mut waits = DraftWaits::new(&run.world.events, &record.url, limit);
    keep_files(forge, &holder, files, true, &mut waits, &Mutex::default()).await
}

/// The draft, where it is a person's still; `None`: another run of hoist has made the release public, and nothing is to
/// be taken.
fn theirs<'a>(
    found: &'a [ForgeRelease],
    record: &ForgeRecord,
) -> Result<Option<&'a ForgeRelease>, ForgeError> {
    let tag = record.tag.short();
    let never = |why: &str| ForgeError::new(ForgeErrorKind::Refused, record.url.clone(), why);
    if let Some(public) = found.iter().find(|one| one.is_public) {
        return match marked(&public.text, tag) {
            Some(_) => Ok(None),
            None => Err(never("somebody has made a release of this tag public")),
        };
    }
    let draft = found.iter().find(|one| one.id == record.id);
    let draft = draft.ok_or_else(|| never("the draft is gone"))?;
    match marked(&draft.text, tag) {
        Some(mark) if !mark.adopted => Err(never("the draft is another run's")),
        Some(_) | None => Ok(Some(draft)),
    }
}

/// What a draft has to have already. A run that takes another one over has no files: all of them are there, or the release
/// is given up. The run that began sends those that the journal names, for a roll back takes out no others.
fn check_files(
    record: &ForgeRecord,
    files: &[ReleaseFile],
    kept: &[KeptFile],
) -> Result<(), ForgeError> {
    let never = |why: String| ForgeError::new(ForgeErrorKind::Refused, record.url.clone(), why);
    if files.is_empty() {
        let is_there = |(name, sha256): &&(String, String)| {
            let is_it = |file: &KeptFile| {
                let same = file.sha256.as_ref().is_none_or(|own| own == sha256);
                file.is_whole && file.name == *name && same
            };
            kept.iter().any(is_it)
        };
        let missing = record.added.iter().find(|file| !is_there(file));
        return missing.map_or(Ok(()), |(name, _)| {
            Err(never(format!(
                "the draft lacks `{name}`, which the machine that began the release has"
            )))
        });
    }
    let is_to_send = |file: &ReleaseFile| record.added.iter().any(|(name, _)| *name == file.name);
    let is_there = |file: &ReleaseFile| kept.iter().any(|old| old.is(file));
    let gone = files
        .iter()
        .find(|file| !is_to_send(file) && !is_there(file));
    gone.map_or(Ok(()), |file| {
        Err(never(format!(
            "`{}` is not in the draft any more",
            file.name
        )))
    })
}
