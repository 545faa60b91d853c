//! The release on the forge: made public when the git tag is out, and only under the lock; deleted where the
//! release is given up.

use crate::{
    io::{
        forge::{ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, PublicRelease, ReleaseText},
        git::remote::RefPattern,
        lease::Permit,
    },
    publish::{
        deadline::{Backoff, REFUSALS},
        draft_end::{clear, holder, leave_refused, tell_left, withdraw as withdrawn},
        draft_marker::marked,
        draft_taken::take,
        draft_waits::pause,
        protocol::{
            journal::ForgeRecord,
            observation::{ForgeSeen, GitTagSeen},
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::right::{Right, read_right},
    },
};

/// Makes the release public. It is looked at after every answer that leaves a doubt, and nothing is sent
/// before the remote was seen to show this release's own git tag: a forge makes the tag by itself otherwise,
/// wherever it likes.
pub(in crate::publish) async fn reveal(at: Position<'_>) -> (ForgeSeen, Remarks) {
    let mut remarks = Remarks::default();
    let run = at.run;
    let Some(record) = &run.prepared.forge else {
        return (ForgeSeen::Done, remarks);
    };
    let forge = match access(run, record) {
        Ok(forge) => forge,
        Err(why) => {
            remarks.failed(why);
            return (ForgeSeen::Unreachable, remarks);
        }
    };
    let limit = run.limits.forge();
    let mut backoff = Backoff::retry();
    let mut refusals = 0;
    let mut is_hidden = false;
    loop {
        match read_right(at, &limit, &mut remarks).await {
            Right::Held => {}
            Right::Lost => return (ForgeSeen::LockLost, remarks),
            Right::Unknown => return (ForgeSeen::LockUnknown, remarks),
        }
        let tried = try_to_reveal(run, forge, record, &mut is_hidden);
        let tried = limit.run(tried).await;
        remarks.page_is_hidden(is_hidden);
        let delay = match tried {
            None => return (ForgeSeen::Unreachable, remarks),
            Some(Ok(found)) => {
                let cleared = clear(&run.world, forge, record.tag.short(), &found);
                // What stays harms nobody.
                let _ = limit.run(cleared).await;
                return (ForgeSeen::Done, remarks);
            }
            Some(Err(Unrevealed::Never(why))) => {
                remarks.failed(why);
                leave(run, forge, record).await;
                return (ForgeSeen::Refused, remarks);
            }
            Some(Err(Unrevealed::NoTag(why))) => {
                remarks.failed(why);
                backoff.delay()
            }
            Some(Err(Unrevealed::Failed(error))) => {
                remarks.forge_failed(&error);
                refusals += u32::from(error.is_final());
                pause(&error, &mut backoff)
            }
        };
        if refusals >= REFUSALS {
            leave(run, forge, record).await;
            return (ForgeSeen::Refused, remarks);
        }
        if let Some(why) = remarks.last_failure() {
            run.waits.forge(&record.url, why, limit.until);
        }
        if !limit.pause(delay).await {
            return (ForgeSeen::Unreachable, remarks);
        }
    }
}

/// Leaves what a later run can use, and no second of it. What stays is told.
async fn leave(run: &Run, forge: &dyn ForgeApi, record: &ForgeRecord) {
    let left = leave_refused(&run.world, forge, record, &run.prepared.version);
    let _ = run.limits.forge().run(left).await;
}

/// Takes the draft of somebody else, before any tag moves. Where this is refused, nothing of the release has begun.
pub(in crate::publish) async fn take_draft(at: Position<'_>) -> (ForgeSeen, Remarks) {
    let mut remarks = Remarks::default();
    let run = at.run;
    let Some(record) = run.prepared.forge.as_ref().filter(|it| it.adopted) else {
        return (ForgeSeen::Done, remarks);
    };
    let forge = match access(run, record) {
        Ok(forge) => forge,
        Err(why) => {
            remarks.failed(why);
            return (ForgeSeen::Unreachable, remarks);
        }
    };
    // Large files take their time.
    let limit = run.limits.patience(0.5);
    let tries = run.limits.forge();
    let mut backoff = Backoff::retry();
    loop {
        match read_right(at, &limit, &mut remarks).await {
            Right::Held => {}
            Right::Lost => return (ForgeSeen::LockLost, remarks),
            Right::Unknown => return (ForgeSeen::LockUnknown, remarks),
        }
        let error = match limit.run(take(run, forge, record)).await {
            None => return (ForgeSeen::Unreachable, remarks),
            Some(Ok(())) => return (ForgeSeen::Done, remarks),
            Some(Err(error)) => error,
        };
        remarks.forge_failed(&error);
        if error.is_final() {
            return (ForgeSeen::Refused, remarks);
        }
        run.waits.forge(&record.url, error.to_string(), tries.until);
        if !tries.pause(pause(&error, &mut backoff)).await {
            return (ForgeSeen::Unreachable, remarks);
        }
    }
}

/// The client for the release that the journal names.
fn access<'a>(run: &'a Run, record: &ForgeRecord) -> Result<&'a dyn ForgeApi, String> {
    let forge = match &run.world.forge {
        Ok(forge) => &**forge,
        Err(why) => return Err(why.clone()),
    };
    let own = forge.place().release_page(record.tag.short());
    match own == record.url {
        true => Ok(forge),
        false => Err(format!(
            "the release is on {}, and the policy says {own}",
            record.url
        )),
    }
}

/// Why a release is not public yet.
enum Unrevealed {
    /// The git tag is not seen to be out.
    NoTag(String),
    /// It cannot be made public at all.
    Never(String),
    Failed(ForgeError),
}

/// The release is public; all that the forge had of its tag before, this one apart. `is_hidden`: whether it was seen
/// not to be public.
async fn try_to_reveal(
    run: &Run,
    forge: &dyn ForgeApi,
    record: &ForgeRecord,
    is_hidden: &mut bool,
) -> Result<Vec<ForgeRelease>, Unrevealed> {
    let found = forge.releases(record.tag.short()).await;
    let found = found.map_err(Unrevealed::Failed)?;
    let is_own = |one: &&ForgeRelease| {
        one.text.contains(&record.marker) || record.id.is_some() && one.id == record.id
    };
    if found.iter().filter(is_own).any(|one| one.is_public) {
        return Ok(found);
    }
    *is_hidden = true;
    let tag = record.tag.short();
    if let Some(public) = found.iter().find(|one| one.is_public) {
        // Of two runs for one version, the other one has finished first.
        if marked(&public.text, tag).is_some() {
            if record.package.is_some() {
                // Nothing links it.
                let _ = forge.discard(&holder(record, &run.prepared.version)).await;
            }
            return Ok(found);
        }
        return Err(Unrevealed::Never(
            "somebody else has made a release of this tag".to_owned(),
        ));
    }
    if record.id.is_some() {
        let draft = found.iter().find(|one| one.id == record.id);
        match draft {
            None => return Err(Unrevealed::Never("the draft is gone".to_owned())),
            Some(draft) if !is_held(draft, record) => {
                return Err(Unrevealed::Never(
                    "the draft is not this release's any more".to_owned(),
                ));
            }
            Some(_) => {}
        }
    }
    check_files(run, forge, record).await?;
    check_tag(run, record).await?;
    let public = PublicRelease {
        draft: record.id,
        text: ReleaseText {
            tag: record.tag.short().to_owned(),
            commit: run.prepared.commit,
            title: (!record.adopted).then(|| record.title.clone()),
            text: record.text.clone(),
            prerelease: record.prerelease,
        },
        latest: record.latest,
        links: record.links.clone(),
    };
    let permit = run.holding.permit();
    // Until its answer is there.
    *is_hidden = false;
    let sent = forge.make_public(&public, &permit).await;
    let is_open = |error: &ForgeError| error.kind == ForgeErrorKind::Unknown;
    *is_hidden = sent.as_ref().is_err_and(|error| !is_open(error));
    sent.map_err(Unrevealed::Failed)?;
    let others = found.into_iter().filter(|one| one.id != record.id);
    Ok(others.collect())
}

/// Whether a draft is this release's still. The author of one may have taken the marker out of the text.
fn is_held(draft: &ForgeRelease, record: &ForgeRecord) -> bool {
    let is_marked = draft.text.contains(&record.marker);
    is_marked || record.adopted && marked(&draft.text, record.tag.short()).is_none()
}

/// The files that the release links are there. A draft has its files itself; what a token may not see is
/// believed.
async fn check_files(
    run: &Run,
    forge: &dyn ForgeApi,
    record: &ForgeRecord,
) -> Result<(), Unrevealed> {
    if record.links.is_empty() {
        return Ok(());
    }
    let holder = holder(record, &run.prepared.version);
    let kept = forge.files(&holder).await.map_err(Unrevealed::Failed)?;
    let Some(kept) = kept else {
        return Ok(());
    };
    let is_there = |name: &String| kept.iter().any(|file| file.name == *name);
    match record.links.iter().find(|(name, _)| !is_there(name)) {
        Some((name, _)) => Err(Unrevealed::Never(format!("its file `{name}` is gone"))),
        None => Ok(()),
    }
}

/// The remote shows the tag that this release has made; or, where it was there before, that it still is.
async fn check_tag(run: &Run, record: &ForgeRecord) -> Result<(), Unrevealed> {
    let missing = || {
        let remote = run.world.remote.name();
        let tag = record.tag.short();
        Unrevealed::NoTag(format!(
            "`{remote}` does not show `{tag}` as this release made it"
        ))
    };
    if run.prepared.git_tag.is_some() {
        return match run.holding.git_tag() {
            Some(GitTagSeen::Ours) => Ok(()),
            Some(GitTagSeen::Absent | GitTagSeen::Other) | None => Err(missing()),
        };
    }
    let refs = run
        .world
        .remote
        .refs(&RefPattern::names([&record.tag]))
        .await;
    match refs {
        Ok(refs) if refs.is_empty() => Err(missing()),
        Ok(_) => Ok(()),
        Err(error) => Err(Unrevealed::NoTag(error.to_string())),
    }
}

/// Deletes the draft, or the files that were uploaded. That they stay is a warning: nobody sees them.
pub(in crate::publish) async fn withdraw(at: Position<'_>) -> (ForgeSeen, Remarks) {
    let run = at.run;
    let Some(record) = &run.prepared.forge else {
        return (ForgeSeen::Done, Remarks::default());
    };
    let mut remarks = Remarks::default();
    let why = match access(run, record) {
        Ok(forge) => match gone(at, forge, record, &mut remarks).await {
            Ok(()) => return (ForgeSeen::Done, remarks),
            Err(why) => why,
        },
        Err(why) => why,
    };
    tell_left(&run.world, record, &why);
    (ForgeSeen::Refused, remarks)
}

async fn gone(
    at: Position<'_>,
    forge: &dyn ForgeApi,
    record: &ForgeRecord,
    remarks: &mut Remarks,
) -> Result<(), String> {
    let run = at.run;
    let limit = run.limits.forge();
    let mut backoff = Backoff::retry();
    let mut tries = REFUSALS;
    loop {
        let permit = withdrawal(at, remarks).await?;
        let tried = withdrawn(forge, record, &run.prepared.version, &permit);
        let error = match limit.run(tried).await {
            None => return Err("it was not known in time".to_owned()),
            Some(Ok(end)) => return end.why_left().map_or(Ok(()), Err),
            Some(Err(error)) => error,
        };
        tries -= 1;
        if tries == 0 || !limit.pause(pause(&error, &mut backoff)).await {
            return Err(error.to_string());
        }
    }
}

/// What a withdrawal may be done with: a run that never had the lock takes back what only it knows of. Whoever has taken
/// the lock needs what the forge has, and decides.
async fn withdrawal(at: Position<'_>, remarks: &mut Remarks) -> Result<Permit, String> {
    let holding = &at.run.holding;
    if !holding.was_held() {
        return Ok(Permit::always());
    }
    match read_right(at, &at.git_limit(), remarks).await {
        Right::Held => Ok(holding.permit()),
        Right::Lost => Err("another run has the lock, or it is gone".to_owned()),
        Right::Unknown => Err("who has the lock is not known".to_owned()),
    }
}
