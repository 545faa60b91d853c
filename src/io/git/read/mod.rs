//! The git repository, read in process with libgit2. Nothing is written but the objects of a
//! release commit.
//!
//! Answers are exact on any graph: dates only decide which commit is looked at first.

mod ancestors;
mod branches;
mod files;
mod graph;
mod history;
mod marks;
mod messages;
mod names;
mod object;
mod object_source;
mod open;
mod outline;
mod outlines;
mod paths;
mod places;
mod range;
mod released;
mod tags;
mod told;
mod write;

use std::{collections::HashMap, path::Path};

pub use crate::io::git::read::files::TrackedFile;
use git2::Oid;

use crate::{
    error::{Error, Result},
    git::{CommitId, ObjectId},
};

pub(crate) use crate::io::git::read::history::NO_TAGS;
pub use crate::io::git::read::marks::MarkHere;
pub use crate::io::git::read::outline::{CommitReader, OutlinedHistory};
pub use crate::io::git::read::outlines::Outliner;
pub use crate::io::git::read::write::NewCommit;

/// A git repository on disk: normal, bare, or a linked worktree.
pub struct GitRepository {
    git: git2::Repository,
}

/// The commit that a tag points at, and when the tag was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagged {
    /// The commit.
    pub commit: CommitId,
    /// Seconds since 1970 UTC.
    pub time: i64,
}

/// A path that differs from HEAD.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirtyPath {
    /// Below the top of the working tree; that of a folder without a tracked file ends with `/`.
    pub path: String,
    /// Whether git knows nothing of it: no commit has it, and it is not staged.
    pub is_untracked: bool,
}

impl GitRepository {
    /// The working tree's top directory; `None` in a bare repository.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.git.workdir()
    }

    /// The directory that all worktrees share: `.git` of the main one.
    #[must_use]
    pub fn common_directory(&self) -> &Path {
        self.git.commondir()
    }

    /// The commit at HEAD.
    ///
    /// # Errors
    /// Refused (exit 4) where there is no commit yet.
    pub fn head(&self) -> Result<CommitId> {
        self.head_oid().map(commit_id)
    }

    /// Whether commits of the history are missing here, and with them perhaps tags.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.git.is_shallow()
    }

    /// The tree of a commit, where this clone has it.
    #[must_use]
    pub fn tree_of(&self, commit: CommitId) -> Option<ObjectId> {
        let commit = self.git.find_commit(oid(commit)).ok()?;
        Some(commit_id(commit.tree_id()).into())
    }

    /// The address of a remote, as the configuration has it (it can contain credentials).
    #[must_use]
    pub fn remote_url(&self, remote: &str) -> Option<String> {
        let remote = self.git.find_remote(remote).ok()?;
        remote.url().ok().map(str::to_owned)
    }

    /// The commit of a tag and when it was made (the tagger's date, else the commit's), or none
    /// where there is no such tag.
    ///
    /// # Errors
    /// Refused (exit 4) where the tag does not point at a commit, or cannot be read.
    pub fn tagged(&self, tag: &str) -> Result<Option<Tagged>> {
        let unreadable =
            |error: &git2::Error| problem(&format!("cannot read the tag `{tag}`"), error);
        let reference = match self.git.find_reference(&format!("refs/tags/{tag}")) {
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            found => found.map_err(|error| unreadable(&error))?,
        };
        let commit = reference
            .peel_to_commit()
            .map_err(|error| unreadable(&error))?;
        let tagger = reference.peel_to_tag().ok();
        let tagger = tagger.as_ref().and_then(git2::Tag::tagger);
        Ok(Some(Tagged {
            commit: commit_id(commit.id()),
            time: tagger
                .map_or(commit.time(), |tagger| tagger.when())
                .seconds(),
        }))
    }

    /// Whether a merge is under way, so that the next commit will have several parents.
    #[must_use]
    pub fn is_merging(&self) -> bool {
        self.git.path().join("MERGE_HEAD").exists()
    }

    /// Whether git signs every annotated tag that it makes: `tag.gpgSign`.
    #[must_use]
    pub fn signs_tags(&self) -> bool {
        let config = self.git.config();
        config.is_ok_and(|config| config.get_bool("tag.gpgSign").is_ok_and(|signs| signs))
    }

    /// What begins a comment in git's commit template: `core.commentChar`.
    #[must_use]
    pub fn comment_character(&self) -> char {
        let configured = self
            .git
            .config()
            .and_then(|config| config.get_string("core.commentChar"));
        let mut text = configured.iter().flat_map(|text| text.chars());
        match (text.next(), text.next()) {
            (Some(one), None) => one,
            _ => '#',
        }
    }

    /// What each tag's ref names, by the tag's name: a tag object's id, or a commit's.
    ///
    /// # Errors
    /// Refused (exit 4) where the refs cannot be read.
    pub fn tag_ids(&self) -> Result<HashMap<String, ObjectId>> {
        let references = self
            .git
            .references_glob("refs/tags/*")
            .map_err(|error| problem("cannot list the tags", &error))?;
        let id = |reference: git2::Reference<'_>| {
            let name = reference
                .name()
                .ok()?
                .strip_prefix("refs/tags/")?
                .to_owned();
            Some((name, commit_id(reference.target()?).into()))
        };
        Ok(references.flatten().filter_map(id).collect())
    }

    /// The message of an annotated tag; `None` for a lightweight one, and where this clone does not have
    /// the tag.
    ///
    /// # Errors
    /// Refused (exit 4) where the tag cannot be read.
    pub fn tag_message(&self, name: &str) -> Result<Option<String>> {
        let reference = match self.git.find_reference(&format!("refs/tags/{name}")) {
            Ok(reference) => reference,
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(problem(&format!("cannot read tag `{name}`"), &error)),
        };
        let tag = reference.target().and_then(|id| self.git.find_tag(id).ok());
        Ok(tag.and_then(|tag| {
            tag.message_bytes()
                .map(|m| String::from_utf8_lossy(m).into_owned())
        }))
    }

    /// When an annotated tag was made, seconds since 1970 UTC; `None` for a lightweight one, and for
    /// one that does not say.
    #[must_use]
    pub fn tag_time(&self, name: &str) -> Option<i64> {
        let reference = self.git.find_reference(&format!("refs/tags/{name}")).ok()?;
        let tag = self.git.find_tag(reference.target()?).ok()?;
        tag.tagger().map(|tagger| tagger.when().seconds())
    }

    /// The paths, sorted, that differ from HEAD: changed, staged, deleted or untracked, ignored ones left out.
    /// Empty in a bare repository.
    ///
    /// # Errors
    /// Refused (exit 4) where the tree cannot be read.
    pub fn dirty(&self) -> Result<Vec<DirtyPath>> {
        if self.git.is_bare() {
            return Ok(Vec::new());
        }
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).exclude_submodules(true);
        let statuses = self
            .git
            .statuses(Some(&mut options))
            .map_err(|error| problem("cannot compare the working tree with HEAD", &error))?;
        let mut paths: Vec<DirtyPath> = statuses
            .iter()
            .map(|entry| DirtyPath {
                path: String::from_utf8_lossy(entry.path_bytes()).into_owned(),
                is_untracked: entry.status() == git2::Status::WT_NEW,
            })
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// Whether a branch of `remote`, as it was when last fetched, holds HEAD. `None`: the remote
    /// has no branch here.
    ///
    /// # Errors
    /// Refused (exit 4) where the history cannot be read.
    pub fn is_pushed(&self, remote: &str) -> Result<Option<bool>> {
        let head = self.head_oid()?;
        let references = self
            .git
            .references_glob(&format!("refs/remotes/{remote}/*"))
            .map_err(|error| problem("cannot list the remote's branches", &error))?;
        let mut tips: Vec<Oid> = references.flatten().filter_map(|r| r.target()).collect();
        if tips.is_empty() {
            return Ok(None);
        }
        tips.sort_unstable();
        tips.dedup();
        self.is_in(head, &tips).map(Some)
    }
}

/// Converts an id of libgit2.
fn commit_id(id: Oid) -> CommitId {
    let bytes: [u8; 20] = id.as_bytes().try_into().expect("a SHA-1 id is 20 bytes");
    CommitId::new(bytes)
}

fn oid(id: CommitId) -> Oid {
    Oid::from_bytes(id.as_bytes()).expect("20 bytes are a SHA-1 id")
}

/// The error for a failure of libgit2.
fn problem(what: &str, error: &git2::Error) -> Error {
    Error::refused(what).cause(error.message().trim().to_owned())
}
