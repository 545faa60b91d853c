//! The files of a release on a forge: sent, and looked at until the forge has all of them whole.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    io::forge::{FileHolder, ForgeApi, ForgeError, ForgeErrorKind, KeptFile, ReleaseFile},
    publish::{deadline::Backoff, draft_waits::DraftWaits},
};

/// How often a file is sent.
const TRIES: u32 = 5;
/// How long the forge may take to have a file whole.
const ARRIVES: Duration = Duration::from_secs(60);

/// Files by name and SHA-256; `Err`: there is another one of this name.
pub(super) type MissingFiles = Result<Vec<(String, String)>, String>;

/// The files that the draft of somebody else lacks.
pub(super) fn missing_files(kept: &[KeptFile], wanted: &[ReleaseFile]) -> MissingFiles {
    let mut missing = Vec::new();
    for file in wanted {
        match kept.iter().find(|old| old.name == file.name) {
            None => missing.push((file.name.clone(), file.sha256.clone())),
            Some(old) if old.is(file) => {}
            Some(_) => return Err(file.name.clone()),
        }
    }
    Ok(missing)
}

/// Sends what is missing, and writes down into `sent` what that is. In a draft that hoist has made, a file that should be another one goes.
pub(super) async fn keep_files(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    files: &[ReleaseFile],
    adopted: bool,
    waits: &mut DraftWaits,
    sent: &Mutex<Vec<(String, String)>>,
) -> Result<(), ForgeError> {
    if files.is_empty() && holder.draft.is_none() {
        return Ok(());
    }
    let kept = forge.files(holder).await?;
    for old in kept.iter().flatten() {
        let mut same = files.iter().filter(|file| file.name == old.name);
        if !adopted && same.any(|file| !old.is(file)) {
            forge.drop_file(holder, old).await?;
        }
    }
    for file in files {
        if !kept.iter().flatten().any(|old| old.is(file)) {
            let named = (file.name.clone(), file.sha256.clone());
            sent.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(named);
            keep_file(forge, holder, file, adopted, waits).await?;
        }
    }
    await_files(forge, holder, files, waits).await
}

/// One file. What of it has come in an earlier try is deleted; a whole file in the draft of a person is not.
async fn keep_file(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    file: &ReleaseFile,
    adopted: bool,
    waits: &mut DraftWaits,
) -> Result<(), ForgeError> {
    let mut backoff = Backoff::retry();
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let Err(error) = forge.keep_file(holder, file).await else {
            return Ok(());
        };
        let kept = forge.files(holder).await?;
        let mut same: Vec<KeptFile> = kept.into_iter().flatten().collect();
        same.retain(|old| old.name == file.name);
        if same.iter().any(|old| old.is(file)) {
            return Ok(());
        }
        let is_theirs = adopted && same.iter().any(|old| old.is_whole);
        if tries == 0 || is_theirs || error.is_final() && same.is_empty() {
            return Err(error);
        }
        for old in &same {
            forge.drop_file(holder, old).await?;
        }
        if !waits.pause(&error, &mut backoff).await {
            return Err(error);
        }
    }
}

/// Until the forge shows every file whole.
async fn await_files(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    files: &[ReleaseFile],
    waits: &DraftWaits,
) -> Result<(), ForgeError> {
    if files.is_empty() {
        return Ok(());
    }
    let begun = Instant::now();
    let end = begun + ARRIVES;
    let mut backoff = Backoff::poll();
    loop {
        // What the token may not see cannot be waited for.
        let Some(kept) = forge.files(holder).await? else {
            return Ok(());
        };
        let is_there = |file: &&ReleaseFile| kept.iter().any(|old| old.is(file));
        let Some(missing) = files.iter().find(|file| !is_there(file)) else {
            return Ok(());
        };
        if Instant::now() >= end {
            let name = forge.place().service.name();
            let detail = format!("{name} does not show `{}` whole", missing.name);
            let page = forge.place().page();
            return Err(ForgeError::new(ForgeErrorKind::Refused, page, detail));
        }
        waits.look_again(backoff.delay(), begun, end).await;
    }
}
