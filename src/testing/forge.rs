//! A forge in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    git::RefName,
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile, KeptPackage,
            PublicRelease, ReleaseFile, ReleaseText,
        },
        lease::Permit,
    },
    policy::{ForgePlace, ForgeService},
    testing::{FakeRemote, Faults, Order, open},
};

/// A project on a forge in memory; all clones of one value are the same project.
#[derive(Clone)]
pub struct FakeForge {
    state: Arc<Mutex<ForgeState>>,
    place: ForgePlace,
    remote: FakeRemote,
    faults: Faults,
}

#[derive(Default)]
struct ForgeState {
    last: u64,
    releases: Vec<StoredRelease>,
    /// Files that no draft has, by their package.
    packages: BTreeMap<String, Vec<KeptFile>>,
    /// Tags that the forge had to make by itself, because a release became public before its tag.
    made_tags: Vec<String>,
    time: Option<DateTime<Utc>>,
}

/// A release as it lies on the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRelease {
    /// Its number.
    pub id: u64,
    /// Its git tag.
    pub tag: String,
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub text: String,
    /// What its git tag is to show.
    pub target: Option<String>,
    /// Whether it is a pre-release.
    pub prerelease: bool,
    /// Whether everybody sees it.
    pub is_public: bool,
    /// Whether it is the project's latest release.
    pub latest: bool,
    /// The names of its files.
    pub files: Vec<String>,
    kept: Vec<KeptFile>,
}

impl FakeForge {
    /// A project without releases, whose git tags are those of `remote`.
    #[must_use]
    pub fn new(faults: &Faults, service: ForgeService, remote: &FakeRemote) -> Self {
        let host = match service {
            ForgeService::GitHub => "github.com",
            ForgeService::GitLab => "gitlab.com",
        };
        Self {
            state: Arc::default(),
            place: ForgePlace {
                service,
                origin: format!("https://{host}"),
                host: host.to_owned(),
                project: "acme/api".to_owned(),
            },
            remote: remote.clone(),
            faults: faults.clone(),
        }
    }

    /// All releases, drafts included.
    #[must_use]
    pub fn stored(&self) -> Vec<StoredRelease> {
        let state = open(&self.state);
        let with_names = |release: &StoredRelease| StoredRelease {
            files: match release.files.is_empty() {
                true => release.kept.iter().map(|file| file.name.clone()).collect(),
                false => release.files.clone(),
            },
            ..release.clone()
        };
        state.releases.iter().map(with_names).collect()
    }

    /// The names of the files that no draft has.
    #[must_use]
    pub fn packages(&self) -> Vec<String> {
        let state = open(&self.state);
        let files = state.packages.values().flatten();
        files.map(|file| file.name.clone()).collect()
    }

    /// Tags that the forge has made by itself: a release was made public too early.
    #[must_use]
    pub fn made_tags(&self) -> Vec<String> {
        open(&self.state).made_tags.clone()
    }

    /// What the forge's clock says from now on.
    pub fn set_time(&self, time: DateTime<Utc>) {
        open(&self.state).time = Some(time);
    }

    /// Somebody makes a draft by hand, with a file, a title and a target of its own; its number.
    pub fn draft_by_hand(&self, tag: &str, text: &str) -> u64 {
        let state = &mut *open(&self.state);
        let id = state.add(tag, text, false);
        if let Ok(draft) = state.release(id) {
            draft.title = Some("Spring".to_owned());
            draft.target = Some("main".to_owned());
            draft.prerelease = true;
            draft.kept.push(KeptFile {
                id: 1,
                name: "manual.pdf".to_owned(),
                size: 3,
                sha256: Some("0".repeat(64)),
                is_whole: true,
            });
        }
        id
    }

    /// Somebody makes a release by hand.
    pub fn release_by_hand(&self, tag: &str, text: &str) {
        open(&self.state).add(tag, text, true);
    }

    async fn ask(&self, what: &str) -> Order {
        self.faults.ask(format!("forge {what}")).await
    }
}

impl ForgeState {
    fn add(&mut self, tag: &str, text: &str, is_public: bool) -> u64 {
        self.last += 1;
        self.releases.push(StoredRelease {
            id: self.last,
            tag: tag.to_owned(),
            title: None,
            text: text.to_owned(),
            target: None,
            prerelease: false,
            is_public,
            latest: false,
            files: Vec::new(),
            kept: Vec::new(),
        });
        self.last
    }

    fn release(&mut self, id: u64) -> Result<&mut StoredRelease, ForgeError> {
        let mut releases = self.releases.iter_mut();
        let found = releases.find(|release| release.id == id);
        found.ok_or_else(|| error(ForgeErrorKind::Denied, "404: Not Found"))
    }

    /// Whether there is a file of that name already; then it is not kept.
    fn keep(&mut self, holder: &FileHolder, file: KeptFile) -> Result<bool, ForgeError> {
        let files = self.kept(holder)?;
        let is_taken = files.iter().any(|one| one.name == file.name);
        if !is_taken {
            files.push(file);
        }
        Ok(is_taken)
    }

    fn kept(&mut self, holder: &FileHolder) -> Result<&mut Vec<KeptFile>, ForgeError> {
        match holder.draft {
            Some(id) => self.release(id).map(|release| &mut release.kept),
            None => Ok(self.packages.entry(holder.package.clone()).or_default()),
        }
    }
}

impl StoredRelease {
    /// Takes what a request says of it; a title that it does not name stays.
    fn become_as(&mut self, text: &ReleaseText) {
        self.text.clone_from(&text.text);
        self.title = text.title.clone().or_else(|| self.title.take());
        self.target = Some(text.commit.to_string());
        self.prerelease = text.prerelease;
    }
}

fn shown(release: &StoredRelease) -> ForgeRelease {
    ForgeRelease {
        id: Some(release.id),
        is_public: release.is_public,
        text: release.text.clone(),
        title: release.title.clone(),
        target: release.target.clone(),
        prerelease: release.prerelease,
    }
}

fn error(kind: ForgeErrorKind, detail: &str) -> ForgeError {
    ForgeError::new(kind, "forge", detail)
}

/// Whether the operation is done.
fn is_done(order: Order) -> bool {
    matches!(order, Order::Do | Order::DoAndLose | Order::DoAndCrash)
}

fn failure(order: Order) -> Result<(), ForgeError> {
    match order {
        Order::Do | Order::DoAndCrash => Ok(()),
        Order::Refuse => Err(error(ForgeErrorKind::Refused, "422: the forge refuses")),
        Order::NotFound => Err(error(ForgeErrorKind::Denied, "404: Not Found")),
        Order::NoConnection => Err(error(ForgeErrorKind::Unreachable, "no connection")),
        Order::Fail | Order::DoAndLose | Order::DoLate(_) => {
            Err(error(ForgeErrorKind::Unknown, "502"))
        }
    }
}

#[async_trait]
impl ForgeApi for FakeForge {
    fn place(&self) -> &ForgePlace {
        &self.place
    }

    async fn check(&self) -> Result<Option<String>, ForgeError> {
        let order = self.ask("check").await;
        self.faults.finish(order).await;
        failure(order).map(|()| None)
    }

    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError> {
        let order = self.ask("find").await;
        let all = open(&self.state).releases.clone();
        self.faults.finish(order).await;
        failure(order)?;
        let of_tag = all.iter().filter(|release| release.tag == tag);
        Ok(of_tag.map(shown).collect())
    }

    async fn drafts(&self) -> Result<Vec<(String, ForgeRelease)>, ForgeError> {
        let order = self.ask("drafts").await;
        let all = open(&self.state).releases.clone();
        self.faults.finish(order).await;
        failure(order)?;
        let drafts = all.into_iter().filter(|one| !one.is_public);
        let found = |one: StoredRelease| (one.tag.clone(), shown(&one));
        Ok(drafts.map(found).collect())
    }

    async fn unlinked_packages(&self) -> Result<Vec<KeptPackage>, ForgeError> {
        let order = self.ask("packages").await;
        self.faults.finish(order).await;
        failure(order).map(|()| Vec::new())
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        open(&self.state).time
    }

    async fn create_draft(&self, text: &ReleaseText) -> Result<u64, ForgeError> {
        let order = self.ask("create").await;
        let mut id = 0;
        if is_done(order) {
            let state = &mut *open(&self.state);
            id = state.add(&text.tag, &text.text, false);
            state.release(id)?.become_as(text);
        }
        self.faults.finish(order).await;
        failure(order).map(|()| id)
    }

    async fn change_text(
        &self,
        tag: &str,
        draft: &ForgeRelease,
        text: &str,
        permit: &Permit,
    ) -> Result<(), ForgeError> {
        let order = self.ask("change").await;
        permit
            .check()
            .map_err(|ended| error(ForgeErrorKind::NotPermitted, &ended.to_string()))?;
        if is_done(order) {
            let state = &mut *open(&self.state);
            let stored = state.release(draft.id.unwrap_or_default())?;
            stored.tag = tag.to_owned();
            stored.text = text.to_owned();
            stored.title.clone_from(&draft.title);
            stored.target.clone_from(&draft.target);
            stored.prerelease = draft.prerelease;
        }
        self.faults.finish(order).await;
        failure(order)
    }

    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError> {
        let order = self.ask("files").await;
        let files = open(&self.state).kept(holder).cloned();
        self.faults.finish(order).await;
        failure(order)?;
        files.map(Some)
    }

    fn file_url(&self, holder: &FileHolder, name: &str) -> Option<String> {
        let api = self.place.api();
        let is_kept = holder.draft.is_none() && self.place.service == ForgeService::GitLab;
        is_kept.then(|| format!("{api}/files/{}/{name}", holder.package))
    }

    async fn keep_file(&self, holder: &FileHolder, file: &ReleaseFile) -> Result<(), ForgeError> {
        let order = self.ask("keep").await;
        let kept = KeptFile {
            id: 1,
            name: file.name.clone(),
            size: file.size,
            sha256: Some(file.sha256.clone()),
            is_whole: is_done(order),
        };
        // Half of it is there after a connection that broke.
        let comes = is_done(order) || order == Order::Fail;
        let is_taken = comes && open(&self.state).keep(holder, kept)?;
        self.faults.finish(order).await;
        if is_taken {
            return Err(error(ForgeErrorKind::Refused, "422: already_exists"));
        }
        failure(order)
    }

    async fn drop_file(&self, holder: &FileHolder, file: &KeptFile) -> Result<(), ForgeError> {
        let order = self.ask("drop").await;
        if is_done(order) {
            let mut state = open(&self.state);
            state.kept(holder)?.retain(|one| one.name != file.name);
        }
        self.faults.finish(order).await;
        failure(order)
    }

    async fn make_public(&self, public: &PublicRelease, permit: &Permit) -> Result<(), ForgeError> {
        let order = self.ask("publish").await;
        permit
            .check()
            .map_err(|ended| error(ForgeErrorKind::NotPermitted, &ended.to_string()))?;
        if is_done(order) {
            let tag: RefName = format!("refs/tags/{}", public.text.tag)
                .parse()
                .map_err(|_| error(ForgeErrorKind::Refused, "422: it is not a tag"))?;
            let state = &mut *open(&self.state);
            if !self.remote.all_refs().contains_key(&tag) {
                state.made_tags.push(public.text.tag.clone());
            }
            let id = match public.draft {
                Some(id) => id,
                None => state.add(&public.text.tag, &public.text.text, false),
            };
            let release = state.release(id)?;
            release.become_as(&ReleaseText {
                text: release.text.clone(),
                ..public.text.clone()
            });
            release.is_public = true;
            release.latest = public.latest;
            release.files = public.links.iter().map(|(name, _)| name.clone()).collect();
        }
        self.faults.finish(order).await;
        failure(order)
    }

    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError> {
        let order = self.ask("discard").await;
        if is_done(order) {
            let mut state = open(&self.state);
            match holder.draft {
                Some(id) => state.releases.retain(|release| release.id != id),
                None => drop(state.packages.remove(&holder.package)),
            }
        }
        self.faults.finish(order).await;
        failure(order)
    }
}
