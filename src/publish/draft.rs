//! The release on the forge before it is public: a draft with its files, made when everything is proven and
//! before the lock is taken. What it is known by is in its text: whoever finds one that no lock tells of takes
//! it over, so that none is ever made twice.

use std::time::Duration;

use semver::Version;
use tokio::time::sleep;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::{Finished, Started},
    git::RefName,
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, ReleaseText, has_drafts,
        },
        git::remote::RefPattern,
    },
    publish::{
        deadline::Backoff,
        draft_files::{keep_files, pause},
        draft_marker::{MARK, marked, marker, without_marker},
        errors::git_error,
        lock_ref::lock_ref,
        protocol::journal::ForgeRecord,
        publication::{ForgePublication, Publication},
        unfinished,
        world::World,
    },
};

/// How often something is tried of which it is not known whether it was done.
const TRIES: u32 = 5;
/// How long taking a draft back may hold up the end of a run.
const TAKEN_BACK: Duration = Duration::from_secs(60);

/// Why a release on the forge stays.
pub(super) const PUBLIC: &str = "it is public by now, and hoist deletes nothing that people see";

/// Makes what the forge is to have before a tag moves; `None`: the policy wants nothing, or the forge shows
/// a release of the tag already.
///
/// # Errors
/// Refused (exit 4): somebody else has a draft of the tag. Busy (exit 5): another run has. Failed (exit 6).
/// Nothing of it is left then.
pub(super) async fn draft(
    world: &World,
    publication: &Publication,
    wanted: Option<&ForgePublication>,
) -> Result<Option<ForgeRecord>> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let forge = match &world.forge {
        Ok(forge) => &**forge,
        Err(why) => {
            return Err(Error::failed("cannot make the release on the forge")
                .with_code(ErrorCode::ForgeFailed)
                .cause(why.clone())
                .state("no tag has moved"));
        }
    };
    let page = forge.place().release_page(wanted.tag.short());
    let step = world.events.start(Started::Draft { page: page.clone() });
    let drafting = Drafting {
        world,
        forge,
        publication,
        wanted,
    };
    let made = tokio::select! {
        biased;
        made = drafting.run(&page) => made,
        () = world.cancel.cancelled() => {
            Err(Error::new(ErrorKind::Interrupted, "interrupted while the draft was made"))
        }
    };
    match made {
        Ok(Some(made)) => {
            let files = wanted.files.len();
            step.finish(Finished::Draft { page, files });
            Ok(Some(made))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            drafting.clean_up().await;
            Err(error.state("no tag has moved; what was sent has no name"))
        }
    }
}

/// Deletes what was made on the forge for a release that does not begin. That it stays is a warning.
pub(super) async fn take_back(world: &World, made: &ForgeRecord, version: &Version) {
    let Ok(forge) = &world.forge else { return };
    let taken = withdraw(&**forge, made, version);
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

/// Deletes what the forge has of a release that is given up, where it is known to be its own.
///
/// # Errors
/// It is there, or that is not known.
pub(super) async fn withdraw(
    forge: &dyn ForgeApi,
    made: &ForgeRecord,
    version: &Version,
) -> std::result::Result<DraftEnd, ForgeError> {
    // It was somebody's before, and stays a draft.
    if made.adopted {
        return Ok(DraftEnd::Done);
    }
    let holder = FileHolder {
        draft: made.id,
        version: version.to_string(),
    };
    let found = forge.releases(made.tag.short()).await?;
    let is_own = |one: &&ForgeRelease| one.text.contains(&made.marker);
    let mut own = found.iter().filter(is_own);
    if own.clone().any(|one| one.is_public) {
        return Ok(DraftEnd::Public);
    }
    let goes = match made.id {
        Some(id) => own.any(|one| one.id == Some(id) && !one.is_public),
        None => !made.links.is_empty() && found.iter().all(|one| !one.is_public),
    };
    match goes {
        true => forge.discard(&holder).await.map(|()| DraftEnd::Done),
        false => Ok(DraftEnd::Done),
    }
}

/// The making of one draft.
struct Drafting<'a> {
    world: &'a World,
    forge: &'a dyn ForgeApi,
    publication: &'a Publication,
    wanted: &'a ForgePublication,
}

/// What is there before.
enum FoundBefore {
    /// Nothing.
    Nothing,
    /// A release that everybody sees.
    Public,
    /// This run's own draft.
    Own(u64),
    /// A draft of a run that is over; whether it was somebody's own before.
    Stale(u64, bool, String),
    /// Somebody's own draft.
    Theirs(u64, String),
}

impl Drafting<'_> {
    fn failed(&self, error: &ForgeError) -> Error {
        let name = self.forge.place().service.name();
        let made = Error::failed(format!("cannot make the release on {name}"))
            .with_code(ErrorCode::ForgeFailed)
            .because(error);
        match (error.remedy, error.kind) {
            (Some(remedy), _) => made.hint(remedy),
            (None, ForgeErrorKind::Denied) => made.hint(
                "the token needs the right to make releases of this project: `contents: write` on GitHub, the scope `api` on GitLab",
            ),
            (None, _) => made.hint("`hoist release` starts again; what was sent already is not sent again"),
        }
    }

    async fn run(&self, page: &str) -> Result<Option<ForgeRecord>> {
        let has_draft = has_drafts(self.forge.place().service) && self.wanted.draft_first;
        let Some((id, adopted)) = self.draft(has_draft).await? else {
            self.world
                .events
                .note(format!("{page} is there already, and is left as it is"));
            return Ok(None);
        };
        let holder = FileHolder {
            draft: id,
            version: self.publication.version.to_string(),
        };
        let kept = keep_files(self.forge, &holder, &self.wanted.files, adopted);
        kept.await.map_err(|error| self.failed(&error))?;
        let links = self.wanted.files.iter().filter_map(|file| {
            let url = self.forge.file_url(&holder, &file.name)?;
            Some((file.name.clone(), url))
        });
        let text = match id {
            Some(_) => String::new(),
            None => self.text(None).text,
        };
        Ok(Some(ForgeRecord {
            service: self.forge.place().service,
            url: page.to_owned(),
            id,
            marker: marker(self.world, self.wanted.tag.short(), adopted),
            tag: self.wanted.tag.clone(),
            title: self.wanted.text.title.clone(),
            text,
            links: links.collect(),
            prerelease: self.wanted.text.prerelease,
            latest: self.wanted.latest,
            adopted,
        }))
    }

    /// The draft, and whether it was somebody's own; `None`: there is a public release.
    async fn draft(&self, has_draft: bool) -> Result<Option<(Option<u64>, bool)>> {
        let mut adopted = false;
        let mut backoff = Backoff::retry();
        let mut failed = None;
        for _ in 0..TRIES {
            let before = self.before().await?;
            let done = match before {
                FoundBefore::Public => return Ok(None),
                FoundBefore::Own(id) => return Ok(Some((Some(id), adopted))),
                FoundBefore::Theirs(..) if !self.wanted.use_draft => return Err(self.taken()),
                _ if !has_draft => return Ok(Some((None, false))),
                FoundBefore::Stale(id, was_theirs, old) => {
                    self.refuse_locked().await?;
                    adopted = was_theirs;
                    let theirs = adopted.then(|| without_marker(&old));
                    self.forge
                        .change_draft(id, &self.text(theirs.as_deref()))
                        .await
                }
                FoundBefore::Theirs(id, old) => {
                    adopted = true;
                    self.forge.change_draft(id, &self.text(Some(&old))).await
                }
                FoundBefore::Nothing => {
                    let made = self.forge.create_draft(&self.text(None)).await;
                    if let Ok(id) = made {
                        return Ok(Some((Some(id), false)));
                    }
                    made.map(drop)
                }
            };
            // What came of it, the next look tells.
            if let Err(error) = done {
                if error.is_final() {
                    return Err(self.failed(&error));
                }
                let wait = pause(&error, &mut backoff);
                if wait > self.publication.policy.deadline {
                    return Err(self.failed(&error));
                }
                sleep(wait).await;
                failed = Some(error);
            }
        }
        let error = failed.unwrap_or_else(|| {
            let page = self.forge.place().page();
            let detail = "it does not show the draft that it has taken";
            ForgeError::new(ForgeErrorKind::Unknown, page, detail)
        });
        Err(self.failed(&error))
    }

    async fn before(&self) -> Result<FoundBefore> {
        let tag = self.wanted.tag.short();
        let found = self.forge.releases(tag).await;
        let found = found.map_err(|error| self.failed(&error))?;
        let own = format!("{MARK}{} {tag}", self.world.owner.nonce);
        let mut before = FoundBefore::Nothing;
        for one in found {
            match (one.is_public, one.id) {
                (true, _) => return Ok(FoundBefore::Public),
                (false, None) => {}
                (false, Some(id)) if one.text.contains(&own) => before = FoundBefore::Own(id),
                (false, Some(_)) if matches!(before, FoundBefore::Own(_)) => {}
                (false, Some(id)) => match (marked(&one.text, tag), &before) {
                    (Some(adopted), _) => before = FoundBefore::Stale(id, adopted, one.text),
                    (None, FoundBefore::Nothing) => before = FoundBefore::Theirs(id, one.text),
                    (None, _) => {}
                },
            }
        }
        Ok(before)
    }

    /// A draft of another run is taken over only where no lock tells of a run.
    async fn refuse_locked(&self) -> Result<()> {
        let targets = self.publication.targets.iter();
        let names: Vec<RefName> = targets
            .map(|target| lock_ref(&self.publication.lock_refs, &target.repository))
            .collect();
        let refs = self.world.remote.refs(&RefPattern::names(&names)).await;
        let refs = refs.map_err(|error| git_error("cannot read the locks", &error))?;
        match refs.first() {
            Some(lock) => Err(unfinished::busy(self.world, lock).await),
            None => Ok(()),
        }
    }

    /// `theirs`: what a person has written.
    fn text(&self, theirs: Option<&str>) -> ReleaseText {
        let marker = marker(self.world, self.wanted.tag.short(), theirs.is_some());
        let text = theirs.unwrap_or(&self.wanted.text.text).trim_end();
        ReleaseText {
            text: format!("{text}\n\n{marker}\n"),
            ..self.wanted.text.clone()
        }
    }

    fn taken(&self) -> Error {
        let tag = self.wanted.tag.short();
        let name = self.forge.place().service.name();
        Error::refused(format!(
            "{name} has a draft of `{tag}` that hoist has not made"
        ))
        .with_code(ErrorCode::ForgeTaken)
        .hint("delete the draft, or let hoist take it with its text: `forge.use-draft = true`")
    }

    /// After a failure: nothing of this run stays.
    async fn clean_up(&self) {
        let made = async {
            let found = self.forge.releases(self.wanted.tag.short()).await?;
            let own = marker(self.world, self.wanted.tag.short(), false);
            let drafts = found
                .iter()
                .filter(|one| !one.is_public && one.text.contains(&own));
            let mut holders: Vec<Option<u64>> = drafts.map(|one| one.id).collect();
            let is_public = found.iter().any(|one| one.is_public);
            if !has_drafts(self.forge.place().service) && !is_public {
                holders.push(None);
            }
            for draft in holders {
                let version = self.publication.version.to_string();
                self.forge.discard(&FileHolder { draft, version }).await?;
            }
            Ok::<(), ForgeError>(())
        };
        let done = tokio::time::timeout(TAKEN_BACK, made).await;
        let failed = match done {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        self.world.events.warning(format!(
            "what was made on {} for {} could not be deleted: {failed}",
            self.forge.place(),
            self.publication.version
        ));
    }
}
