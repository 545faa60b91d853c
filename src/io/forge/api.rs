//! The seam: what a forge does, one call each, and what it is told.

use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    git::CommitId,
    io::{forge::error::ForgeError, lease::Permit},
    policy::{ForgePlace, ForgeService},
};

/// A project on a forge.
#[async_trait]
pub trait ForgeApi: Send + Sync {
    /// Which project it is.
    fn place(&self) -> &ForgePlace;

    /// Whether releases may be made there, as far as that can be told; and what a person should know.
    ///
    /// # Errors
    /// They may not, or the forge could not be asked.
    async fn check(&self) -> Result<Option<String>, ForgeError>;

    /// The releases of a git tag: one that is public, and drafts.
    ///
    /// # Errors
    /// The forge could not be asked.
    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError>;

    /// Every draft of the project, with its git tag; none where the forge has no drafts.
    ///
    /// # Errors
    /// The forge could not be asked.
    async fn drafts(&self) -> Result<Vec<(String, ForgeRelease)>, ForgeError>;

    /// The packages in which runs of hoist keep files that no release links; none where files lie in drafts, and
    /// none where the token may not see packages.
    ///
    /// # Errors
    /// The forge could not be asked.
    async fn unlinked_packages(&self) -> Result<Vec<KeptPackage>, ForgeError>;

    /// What time it is by the forge's own clock; `None`: no answer has told.
    fn time(&self) -> Option<DateTime<Utc>>;

    /// Makes a draft. Repeating it makes another one.
    ///
    /// # Errors
    /// It was not made, or that is not known.
    async fn create_draft(&self, release: &ReleaseText) -> Result<u64, ForgeError>;

    /// Gives a draft of `tag` another text, while `permit` lasts. All else stays as `draft` says.
    ///
    /// # Errors
    /// It was not changed, or that is not known.
    async fn change_text(
        &self,
        tag: &str,
        draft: &ForgeRelease,
        text: &str,
        permit: &Permit,
    ) -> Result<(), ForgeError>;

    /// The files that are kept for a release; `None`: the token may not see them.
    ///
    /// # Errors
    /// The forge could not be asked.
    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError>;

    /// Where a file can be had that is kept where there is no draft.
    fn file_url(&self, holder: &FileHolder, name: &str) -> Option<String>;

    /// Keeps a file for a release.
    ///
    /// # Errors
    /// It is not kept whole, or that is not known.
    async fn keep_file(&self, holder: &FileHolder, file: &ReleaseFile) -> Result<(), ForgeError>;

    /// Takes a file away that was kept for a release.
    ///
    /// # Errors
    /// It is there, or that is not known.
    async fn drop_file(&self, holder: &FileHolder, file: &KeptFile) -> Result<(), ForgeError>;

    /// Makes a release public, while `permit` lasts: the draft, or one that has none.
    ///
    /// # Errors
    /// It is not public, or that is not known.
    async fn make_public(&self, release: &PublicRelease, permit: &Permit)
    -> Result<(), ForgeError>;

    /// Deletes what was made for a release that is given up: the draft, or the files.
    ///
    /// # Errors
    /// It is there, or that is not known.
    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError>;
}

/// A release as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeRelease {
    /// The draft's or the release's own number; GitLab's have none.
    pub id: Option<u64>,
    /// Whether everybody sees it.
    pub is_public: bool,
    /// Its text.
    pub text: String,
    /// Its title, where the forge tells of one.
    pub title: Option<String>,
    /// What its git tag is to show, where the forge tells.
    pub target: Option<String>,
    /// Whether it is marked as a pre-release.
    pub prerelease: bool,
}

/// What a release is called and says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseText {
    /// The name of the git tag.
    pub tag: String,
    /// A commit that the forge has when the draft is made: the one that the tag is to show, or its parent, where the
    /// release makes that commit.
    pub commit: CommitId,
    /// Its title; `None`: a person has given it one.
    pub title: Option<String>,
    /// Its text, markdown.
    pub text: String,
    /// Whether it is a pre-release.
    pub prerelease: bool,
}

/// A release that is to be public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRelease {
    /// The draft; `None`: it is made as it is to be.
    pub draft: Option<u64>,
    /// What it is called; its text where no draft has it.
    pub text: ReleaseText,
    /// Whether it is the project's latest release.
    pub latest: bool,
    /// Its files, where no draft has them: name and address.
    pub links: Vec<(String, String)>,
}

/// What keeps the files of a release until it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHolder {
    /// The draft; `None`: the project's package registry.
    pub draft: Option<u64>,
    /// The version of the package that keeps the files where there is no draft.
    pub package: String,
}

/// A package with the files of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPackage {
    /// Its version: that of the release, and the nonce of the run behind it.
    pub version: String,
    /// When it was made, by the forge's clock.
    pub since: Option<DateTime<Utc>>,
}

/// A file of a release on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// What it holds.
    pub content: FileContent,
    /// Its name on the forge.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// What a file of a release holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// What a file on this machine holds.
    Path(PathBuf),
    /// This text.
    Text(String),
}

/// A file that the forge keeps for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits, where the forge tells.
    pub sha256: Option<String>,
    /// Whether all of it has arrived.
    pub is_whole: bool,
}

impl KeptFile {
    /// Whether it is this file, whole.
    #[must_use]
    pub fn is(&self, file: &ReleaseFile) -> bool {
        let same = self.sha256.as_ref().is_none_or(|own| *own == file.sha256);
        self.is_whole && self.name == file.name && self.size == file.size && same
    }
}

/// Whether a forge has drafts.
#[must_use]
pub fn has_drafts(service: ForgeService) -> bool {
    match service {
        ForgeService::GitHub => true,
        ForgeService::GitLab => false,
    }
}
