//! The making of one draft, or of what a forge without drafts has instead of it.

use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::time::timeout;

use crate::{
    error::{Error, ErrorCode, Result},
    git::RefName,
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, ReleaseText, has_drafts,
        },
        git::remote::RefPattern,
        lease::Permit,
    },
    policy::ForgeService,
    publish::{
        deadline::Backoff,
        draft_end::{TAKEN_BACK, clear, withdraw},
        draft_files::{MissingFiles, keep_files, missing_files},
        draft_marker::{DraftMark, marked, with_marker},
        draft_waits::DraftWaits,
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

/// The making of one draft.
pub(super) struct Drafting<'a> {
    world: &'a World,
    forge: &'a dyn ForgeApi,
    publication: &'a Publication,
    wanted: &'a ForgePublication,
    /// What the draft is marked with: settled when it is asked for first, so that the forge has told the time.
    mark: OnceLock<DraftMark>,
    /// The files that were sent, or begun.
    sent: Mutex<Vec<(String, String)>>,
}

/// What is there before.
enum FoundBefore {
    /// Nothing that this release could be; whether other runs have drafts of the tag.
    Nothing { others: bool },
    /// A release that everybody sees, and all drafts of the tag.
    Public(Vec<ForgeRelease>),
    /// This run's own draft.
    Own(u64),
    /// Somebody's own draft; whether another run has taken it.
    Theirs { id: u64, is_taken: bool },
}

/// What a release is to be made of.
#[derive(Clone)]
enum DraftOrFiles {
    /// Nothing yet: there are no drafts.
    Files,
    /// A draft of this run.
    Own(u64),
    /// The draft of somebody else, which is taken when the lock is, and the files that it is to get.
    Theirs(u64, Vec<(String, String)>),
}

impl DraftOrFiles {
    fn id(&self) -> Option<u64> {
        match self {
            Self::Files => None,
            Self::Own(id) | Self::Theirs(id, _) => Some(*id),
        }
    }
}

impl<'a> Drafting<'a> {
    pub(super) fn new(
        world: &'a World,
        forge: &'a dyn ForgeApi,
        publication: &'a Publication,
        wanted: &'a ForgePublication,
    ) -> Self {
        Self {
            world,
            forge,
            publication,
            wanted,
            mark: OnceLock::new(),
            sent: Mutex::default(),
        }
    }

    fn tag(&self) -> &str {
        self.wanted.tag.short()
    }

    fn marker(&self, adopted: bool) -> String {
        let mark = self.mark.get_or_init(|| DraftMark {
            nonce: self.nonce().to_owned(),
            // How old it is, the forge's clock tells others as well.
            since: self.forge.time().or_else(|| Some(self.world.clock.now())),
            adopted: false,
        });
        let mark = DraftMark {
            adopted,
            ..mark.clone()
        };
        mark.line(self.tag())
    }

    fn nonce(&self) -> &str {
        &self.world.owner.nonce
    }

    /// What keeps the files: the draft, or a package that no other run has.
    fn holder(&self, draft: Option<u64>) -> FileHolder {
        FileHolder {
            draft,
            package: format!("{}-{}", self.publication.version, self.world.owner.nonce),
        }
    }

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
            (None, _) => made.hint("`hoist release` starts again"),
        }
    }

    pub(super) async fn run(&self, page: &str) -> Result<Option<ForgeRecord>> {
        let has_draft = has_drafts(self.forge.place().service) && self.wanted.draft_first;
        let limit = self.publication.policy.deadline;
        let mut waits = DraftWaits::new(&self.world.events, page, limit);
        let Some(made) = self.draft(has_draft, &mut waits).await? else {
            self.world
                .events
                .note(format!("{page} is there already, and is left as it is"));
            return Ok(None);
        };
        if !matches!(made, DraftOrFiles::Theirs(..)) {
            let (holder, files) = (self.holder(made.id()), &self.wanted.files);
            let kept = keep_files(self.forge, &holder, files, false, &mut waits, &self.sent);
            if let Err(error) = kept.await {
                return self.failed_or_public(error, page).await;
            }
        }
        Ok(Some(self.record(page, &made)))
    }

    /// What a journal says of the draft, or of what there is instead of one.
    fn record(&self, page: &str, made: &DraftOrFiles) -> ForgeRecord {
        let id = made.id();
        let holder = self.holder(id);
        let links = self.wanted.files.iter().filter_map(|file| {
            let url = self.forge.file_url(&holder, &file.name)?;
            Some((file.name.clone(), url))
        });
        let text = match id {
            Some(_) => String::new(),
            None => self.text().text,
        };
        let (adopted, added) = match made {
            DraftOrFiles::Theirs(_, missing) => (true, missing.clone()),
            DraftOrFiles::Files | DraftOrFiles::Own(_) => (false, Vec::new()),
        };
        let service = self.forge.place().service;
        ForgeRecord {
            service,
            url: page.to_owned(),
            id,
            marker: self.marker(adopted),
            tag: self.wanted.tag.clone(),
            title: self.tag().to_owned(),
            text,
            links: links.collect(),
            added,
            package: (service == ForgeService::GitLab).then_some(holder.package),
            prerelease: self.wanted.text.prerelease,
            latest: self.wanted.latest,
            adopted,
        }
    }

    /// Another run that makes the same release public takes this run's draft away, which no one needs then.
    async fn failed_or_public(&self, error: ForgeError, page: &str) -> Result<Option<ForgeRecord>> {
        match self.before().await {
            Ok(FoundBefore::Public(found)) => {
                clear(self.world, self.forge, self.tag(), &found).await;
                self.world
                    .events
                    .note(format!("{page} is there by now, and is left as it is"));
                Ok(None)
            }
            _ => Err(self.failed(&error)),
        }
    }

    /// What the release is made of; `None`: there is a public one.
    async fn draft(&self, has_draft: bool, waits: &mut DraftWaits) -> Result<Option<DraftOrFiles>> {
        let mut backoff = Backoff::retry();
        let mut failed = None;
        for _ in 0..TRIES {
            let done = match self.before().await? {
                FoundBefore::Public(found) => {
                    clear(self.world, self.forge, self.tag(), &found).await;
                    return Ok(None);
                }
                FoundBefore::Own(id) => return Ok(Some(DraftOrFiles::Own(id))),
                FoundBefore::Theirs { .. } if !self.wanted.use_draft => return Err(self.taken()),
                _ if !has_draft => return Ok(Some(DraftOrFiles::Files)),
                FoundBefore::Theirs { id, is_taken } => {
                    if is_taken {
                        self.refuse_locked().await?;
                    }
                    match self.missing_files(id).await? {
                        Ok(missing) => return Ok(Some(DraftOrFiles::Theirs(id, missing))),
                        Err(other) => {
                            // It may be one that another run has sent a moment ago.
                            self.refuse_locked().await?;
                            if self.is_unchanged(id, is_taken, &other).await? {
                                return Err(self.file_taken(&other));
                            }
                            Ok(())
                        }
                    }
                }
                FoundBefore::Nothing { others } => {
                    if others {
                        self.refuse_locked().await?;
                    }
                    let made = self.forge.create_draft(&self.text()).await;
                    if let Ok(id) = made {
                        return Ok(Some(DraftOrFiles::Own(id)));
                    }
                    made.map(drop)
                }
            };
            // What came of it, the next look tells.
            if let Err(error) = done {
                if error.is_final() || !waits.pause(&error, &mut backoff).await {
                    return Err(self.failed(&error));
                }
                failed = Some(error);
            }
        }
        let error = failed.unwrap_or_else(|| {
            let page = self.forge.place().page();
            let detail = "the files of the draft change again and again";
            ForgeError::new(ForgeErrorKind::Unknown, page, detail)
        });
        Err(self.failed(&error))
    }

    async fn before(&self) -> Result<FoundBefore> {
        let tag = self.tag();
        let found = self.forge.releases(tag).await;
        let found = found.map_err(|error| self.failed(&error))?;
        if found.iter().any(|one| one.is_public) {
            return Ok(FoundBefore::Public(found));
        }
        let mut others = false;
        let mut theirs = None;
        for one in found {
            let Some(id) = one.id else { continue };
            match marked(&one.text, tag) {
                Some(mark) if !mark.adopted && mark.nonce == self.nonce() => {
                    return Ok(FoundBefore::Own(id));
                }
                // Whether that run is alive, nobody can know: its draft stays as it is.
                Some(mark) if !mark.adopted => others = true,
                mark => {
                    theirs = theirs.or(Some(FoundBefore::Theirs {
                        id,
                        is_taken: mark.is_some(),
                    }));
                }
            }
        }
        Ok(theirs.unwrap_or(FoundBefore::Nothing { others }))
    }

    /// Where a lock tells of the run that has another draft of the tag, nothing is made.
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

    /// The files that somebody's draft does not have yet: name and SHA-256. `Err`: it has another one of this name,
    /// which stays.
    async fn missing_files(&self, id: u64) -> Result<MissingFiles> {
        let kept = self.forge.files(&self.holder(Some(id))).await;
        let kept = kept.map_err(|error| self.failed(&error))?;
        Ok(missing_files(&kept.unwrap_or_default(), &self.wanted.files))
    }

    /// Whether somebody's draft is as it was a moment ago, with a file of this name that stands in the way.
    async fn is_unchanged(&self, id: u64, is_taken: bool, other: &str) -> Result<bool> {
        let is_same = match self.before().await? {
            FoundBefore::Theirs {
                id: now,
                is_taken: is_now,
            } => (now, is_now) == (id, is_taken),
            FoundBefore::Nothing { .. } | FoundBefore::Public(_) | FoundBefore::Own(_) => false,
        };
        let missing = self.missing_files(id).await;
        Ok(is_same && missing?.is_err_and(|name| name == other))
    }

    fn file_taken(&self, file: &str) -> Error {
        let tag = self.tag();
        let name = self.forge.place().service.name();
        Error::refused(format!(
            "the draft of `{tag}` on {name} has another file `{file}` than this release"
        ))
        .with_code(ErrorCode::ForgeTaken)
        .cause("hoist has not made the draft (`forge.use-draft`), and deletes nothing of somebody else")
        .hint("delete the file from the draft, or leave it out of `forge.assets`")
    }

    fn text(&self) -> ReleaseText {
        ReleaseText {
            title: Some(self.tag().to_owned()),
            text: with_marker(self.wanted.text.text.trim_end(), &self.marker(false)),
            ..self.wanted.text.clone()
        }
    }

    fn taken(&self) -> Error {
        let tag = self.tag();
        let name = self.forge.place().service.name();
        Error::refused(format!(
            "{name} has a draft of `{tag}` that hoist has not made"
        ))
        .with_code(ErrorCode::ForgeTaken)
        .hint("delete the draft, or let hoist take it with its text: `forge.use-draft = true`")
    }

    /// After a failure: nothing of this run stays.
    pub(super) async fn clean_up(&self) {
        let page = self.forge.place().release_page(self.tag());
        let made = async {
            let found = self.forge.releases(self.tag()).await?;
            // Somebody's own draft was only looked at.
            let own = |one: &ForgeRelease| {
                let mark = marked(&one.text, self.tag()).filter(|_| !one.is_public);
                let mark = mark.filter(|mark| !mark.adopted && mark.nonce == self.nonce());
                mark.and(one.id).map(DraftOrFiles::Own)
            };
            let mut all: Vec<_> = found.iter().filter_map(own).collect();
            let is_sent = !self
                .sent
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty();
            if is_sent && !has_drafts(self.forge.place().service) {
                all.push(DraftOrFiles::Files);
            }
            for made in all {
                let record = self.record(&page, &made);
                let (version, permit) = (&self.publication.version, Permit::always());
                withdraw(self.forge, &record, version, &permit).await?;
            }
            Ok::<(), ForgeError>(())
        };
        let failed = match timeout(TAKEN_BACK, made).await {
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
