//! The files of a release on a forge: sent, and looked at until the forge has all of them whole.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    io::forge::{FileHolder, ForgeApi, ForgeError, ForgeErrorKind, KeptFile, ReleaseFile},
    publish::deadline::Backoff,
};

/// How often a file is sent.
const TRIES: u32 = 5;
/// How long the forge may take to have a file whole.
const ARRIVES: Duration = Duration::from_secs(60);

/// Sends what is missing. Files of earlier tries go, but for those of a draft that was somebody's own.
pub(super) async fn keep_files(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    files: &[ReleaseFile],
    adopted: bool,
) -> Result<(), ForgeError> {
    if files.is_empty() && holder.draft.is_none() {
        return Ok(());
    }
    let kept = forge.files(holder).await?;
    for old in kept.iter().flatten() {
        let is_wanted = files.iter().any(|file| old.is(file));
        let same_name = files.iter().any(|file| file.name == old.name);
        if !is_wanted && (same_name || !adopted) {
            forge.drop_file(holder, old).await?;
        }
    }
    for file in files {
        if !kept.iter().flatten().any(|old| old.is(file)) {
            keep_file(forge, holder, file).await?;
        }
    }
    await_files(forge, holder, files).await
}

/// One file. What of it has come in an earlier try is deleted.
async fn keep_file(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    file: &ReleaseFile,
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
        if tries == 0 || error.is_final() && same.is_empty() {
            return Err(error);
        }
        for old in &same {
            forge.drop_file(holder, old).await?;
        }
        sleep(pause(&error, &mut backoff)).await;
    }
}

/// Until the forge shows every file whole.
async fn await_files(
    forge: &dyn ForgeApi,
    holder: &FileHolder,
    files: &[ReleaseFile],
) -> Result<(), ForgeError> {
    if files.is_empty() {
        return Ok(());
    }
    let end = Instant::now() + ARRIVES;
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
        sleep(backoff.delay()).await;
    }
}

/// How long to wait before another try.
pub(super) fn pause(error: &ForgeError, backoff: &mut Backoff) -> Duration {
    let delay = backoff.delay();
    match error.kind {
        ForgeErrorKind::Later(Some(asked)) => delay.max(asked),
        ForgeErrorKind::NotPermitted => Duration::ZERO,
        _ => delay,
    }
}
