//! Makes a commit that differs from its parent in a few files: objects only, no ref.

use std::{collections::BTreeMap, path::Path};

use git2::{FileMode, ObjectType, Oid, build::TreeUpdateBuilder};

use crate::{
    error::{Error, Result},
    git::{CommitId, ObjectId},
    io::git::read::{GitRepository, commit_id, oid, problem},
    text::sanitize_line,
};

/// The content of a commit to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewCommit<'a> {
    /// The commit's only parent.
    pub parent: CommitId,
    /// The files that differ from the parent's, by path.
    pub files: &'a BTreeMap<String, String>,
    /// The whole message.
    pub message: &'a str,
    /// Author and committer, as git writes them: `Name <address> 1767323045 +0000`.
    pub who: &'a str,
}

/// Behind any backend that a repository has of its own.
const FIRST: i32 = 1000;

impl GitRepository {
    /// A file of a commit, as text; `None` where the commit has no such file.
    ///
    /// # Errors
    /// Refused (exit 4): it is a link, a directory or a submodule, is not UTF-8, or cannot be read.
    pub fn file_at(&self, commit: CommitId, path: &str) -> Result<Option<String>> {
        let refuse = |why: &str| {
            Error::refused(format!("cannot read `{path}` of {}", commit.short()))
                .cause(why.to_owned())
                .state("nothing was built or moved")
        };
        let failed = |error: git2::Error| refuse(&sanitize_line(error.message(), 300));
        let tree = self.git.find_commit(oid(commit)).map_err(failed)?;
        let tree = tree.tree().map_err(failed)?;
        let entry = match tree.get_path(Path::new(path)) {
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            found => found.map_err(failed)?,
        };
        if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == i32::from(FileMode::Link) {
            return Err(refuse("it is not a regular file"));
        }
        let blob = self.git.find_blob(entry.id()).map_err(failed)?;
        let text = std::str::from_utf8(blob.content()).map_err(|_| refuse("it is not UTF-8"))?;
        Ok(Some(text.to_owned()))
    }

    /// Makes a commit. The same content gives the same id. Without `keep` nothing is written to the
    /// disk, and only the id can be used.
    ///
    /// # Errors
    /// Refused (exit 4) where the objects cannot be read or written.
    pub fn commit_files(&self, new: &NewCommit<'_>, keep: bool) -> Result<CommitId> {
        let failed = |error: git2::Error| problem("cannot make the release commit", &error);
        if keep {
            return make(&self.git, new).map(commit_id).map_err(failed);
        }
        // A handle of its own: objects that are written to it are dropped with it.
        let scratch = git2::Repository::open(self.git.path()).map_err(failed)?;
        let odb = scratch.odb().map_err(failed)?;
        let _memory = odb.add_new_mempack_backend(FIRST).map_err(failed)?;
        make(&scratch, new).map(commit_id).map_err(failed)
    }

    /// Whether `commit` is what [`GitRepository::commit_files`] would make: the same parent, tree and
    /// message. Author, committer and dates may be others. Nothing is written.
    ///
    /// # Errors
    /// Refused (exit 4) where the objects cannot be read.
    pub fn is_made_of(&self, commit: CommitId, new: &NewCommit<'_>) -> Result<bool> {
        let failed = |error: git2::Error| problem("cannot make the release commit again", &error);
        let scratch = git2::Repository::open(self.git.path()).map_err(failed)?;
        let odb = scratch.odb().map_err(failed)?;
        let _memory = odb.add_new_mempack_backend(FIRST).map_err(failed)?;
        let made = make(&scratch, new).map_err(failed)?;
        let made = scratch.find_commit(made).map_err(failed)?;
        let there = scratch.find_commit(oid(commit)).map_err(failed)?;
        Ok(there.parent_ids().eq(made.parent_ids())
            && there.tree_id() == made.tree_id()
            && there.message_raw_bytes() == made.message_raw_bytes())
    }

    /// Whether `parent` is the only parent of `commit`; no where this clone lacks the commit.
    #[must_use]
    pub fn is_only_parent(&self, parent: CommitId, commit: CommitId) -> bool {
        let commit = self.git.find_commit(oid(commit));
        commit.is_ok_and(|commit| commit.parent_ids().eq([oid(parent)]))
    }

    /// The id that git gives to a tag object with these bytes.
    ///
    /// # Errors
    /// Refused (exit 4) where libgit2 cannot compute it.
    pub fn tag_object_id(&self, object: &[u8]) -> Result<ObjectId> {
        Oid::hash_object(ObjectType::Tag, object)
            .map(|id| commit_id(id).into())
            .map_err(|error| problem("cannot name the git tag's object", &error))
    }

    /// The id that git gives to a commit object with these bytes.
    ///
    /// # Errors
    /// Refused (exit 4) where libgit2 cannot compute it.
    pub fn commit_object_id(&self, object: &[u8]) -> Result<ObjectId> {
        Oid::hash_object(ObjectType::Commit, object)
            .map(|id| commit_id(id).into())
            .map_err(|error| problem("cannot name the mark's object", &error))
    }

    /// Whether `commit` is a child of `parent` alone and its first line is `subject`.
    #[must_use]
    pub fn is_child(&self, commit: CommitId, parent: CommitId, subject: &str) -> bool {
        self.only_parent(commit, subject) == Some(parent)
    }

    /// The parent of `commit`, where it has one alone and its first line is `subject`.
    #[must_use]
    pub fn only_parent(&self, commit: CommitId, subject: &str) -> Option<CommitId> {
        let commit = self.git.find_commit(oid(commit)).ok()?;
        let alone = commit.parent_count() == 1;
        let named = commit.summary_bytes() == Some(subject.as_bytes());
        let parent = commit.parent_ids().next()?;
        (alone && named).then(|| commit_id(parent))
    }
}

fn make(repository: &git2::Repository, new: &NewCommit<'_>) -> Result<Oid, git2::Error> {
    let base = repository.find_commit(oid(new.parent))?.tree()?;
    let mut update = TreeUpdateBuilder::new();
    for (path, text) in new.files {
        let was = base.get_path(Path::new(path)).ok();
        let executable = i32::from(FileMode::BlobExecutable);
        let mode = match was.is_some_and(|entry| entry.filemode() == executable) {
            true => FileMode::BlobExecutable,
            false => FileMode::Blob,
        };
        update.upsert(path.as_str(), repository.blob(text.as_bytes())?, mode);
    }
    let tree = update.create_updated(repository, &base)?;
    let NewCommit {
        parent,
        message,
        who,
        ..
    } = new;
    let message = message.trim_end();
    let object =
        format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n{message}\n");
    repository
        .odb()?
        .write(ObjectType::Commit, object.as_bytes())
}
