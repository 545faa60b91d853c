//! Writes git objects into the repository at hand, byte for byte, without running a program.

use std::path::Path;

use git2::{ObjectType, Oid, Repository, RepositoryOpenFlags};

use crate::{
    git::{ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        run::object_id,
    },
};

/// The mode of a regular file in a tree.
const FILE_MODE: i32 = 0o100_644;

/// The objects of one repository.
pub(crate) struct Objects(Repository);

impl Objects {
    /// Opens the repository that `dir` belongs to. It is the one of that folder, whatever git's environment
    /// variables say.
    pub(crate) fn open(dir: &Path) -> Result<Self, RemoteError> {
        let none: [&Path; 0] = [];
        Repository::open_ext(dir, RepositoryOpenFlags::empty(), none)
            .map(Self)
            .map_err(|error| failed("open the repository", &error))
    }

    /// Whether the commit is here.
    pub(crate) fn has_commit(&self, commit: &ObjectId) -> bool {
        let id = Oid::from_str(commit.as_str());
        id.is_ok_and(|id| self.0.find_commit(id).is_ok())
    }

    /// Stores a tag object. Bytes that are not one are refused.
    pub(crate) fn write_tag(&self, what: &str, object: &[u8]) -> Result<ObjectId, RemoteError> {
        let id = self.write(what, ObjectType::Tag, object)?;
        self.0.find_tag(id).map_err(|error| failed(what, &error))?;
        object_id(&id.to_string())
    }

    /// Stores a commit object whose tree is empty. Bytes that are not a commit are refused.
    pub(crate) fn write_empty_commit(
        &self,
        what: &str,
        object: &[u8],
    ) -> Result<ObjectId, RemoteError> {
        self.write(what, ObjectType::Tree, b"")?;
        self.write_commit(what, object)
    }

    /// Stores a commit object whose tree holds one file, called `name`.
    pub(crate) fn write_commit_of(
        &self,
        what: &str,
        (name, content): (&str, &[u8]),
        after_tree: &str,
    ) -> Result<ObjectId, RemoteError> {
        let explain = |error: git2::Error| failed(what, &error);
        let blob = self.write(what, ObjectType::Blob, content)?;
        let mut tree = self.0.treebuilder(None).map_err(explain)?;
        tree.insert(name, blob, FILE_MODE).map_err(explain)?;
        let tree = tree.write().map_err(explain)?;
        self.write_commit(what, format!("tree {tree}\n{after_tree}").as_bytes())
    }

    /// Makes the ref `name`, which must not exist, show `object`, which must be here.
    fn create_ref(&self, name: &RefName, object: &ObjectId) -> Result<(), RemoteError> {
        let explain = |error: git2::Error| failed("make the ref", &error);
        let id = Oid::from_str(object.as_str()).map_err(explain)?;
        self.0
            .reference(name.as_str(), id, false, "hoist")
            .map(drop)
            .map_err(explain)
    }

    fn write_commit(&self, what: &str, object: &[u8]) -> Result<ObjectId, RemoteError> {
        let id = self.write(what, ObjectType::Commit, object)?;
        self.0
            .find_commit(id)
            .map_err(|error| failed(what, &error))?;
        object_id(&id.to_string())
    }

    fn write(&self, what: &str, kind: ObjectType, content: &[u8]) -> Result<Oid, RemoteError> {
        let database = self.0.odb().map_err(|error| failed(what, &error))?;
        let written = database.write(kind, content);
        written.map_err(|error| failed(what, &error))
    }
}

/// Makes the ref `name`, which must not exist, show `object`, which the repository at `dir` must have.
pub(crate) fn create_ref(dir: &Path, name: &RefName, object: &ObjectId) -> Result<(), RemoteError> {
    Objects::open(dir)?.create_ref(name, object)
}

fn failed(what: &str, error: &git2::Error) -> RemoteError {
    let message = format!("cannot {what}: {}", error.message().trim());
    RemoteError::new(RemoteErrorKind::Local, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::git::run::Git;

    /// What git itself says of an object.
    async fn shown(git: &Git, args: &[&str]) -> String {
        git.run_local("read", args, b"")
            .await
            .expect("git reads it")
    }

    #[tokio::test]
    async fn objects_are_what_git_makes_of_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = Git::new(folder.path());
        git.run_local("begin", ["init", "--quiet"], b"")
            .await
            .expect("git works");
        let objects = Objects::open(folder.path()).expect("it opens");
        let who = "A <a@example.org> 1767323045 +0000";
        let rest = format!("author {who}\ncommitter {who}\n\na lock\n");
        let lock = objects
            .write_commit_of("write", ("journal", b"line\n"), &rest)
            .expect("written");
        let path = format!("{lock}:journal");
        assert_eq!(shown(&git, &["cat-file", "blob", &path]).await, "line");
        assert_eq!(
            shown(&git, &["log", "-1", "--format=%s", lock.as_str()]).await,
            "a lock"
        );

        let tag = format!("object {lock}\ntype commit\ntag v1\ntagger {who}\n\nnotes\n");
        let id = objects.write_tag("write", tag.as_bytes()).expect("written");
        let same = ["hash-object", "-t", "tag", "--stdin"];
        let by_git = git.run_local("hash", same, tag.as_bytes()).await;
        assert_eq!(by_git.as_deref(), Ok(id.as_str()));

        let name = RefName::tag("v1").expect("a name");
        objects.create_ref(&name, &id).expect("it is new");
        objects.create_ref(&name, &id).expect_err("it is there");
        assert_eq!(
            shown(&git, &["rev-parse", "refs/tags/v1"]).await,
            id.as_str()
        );

        let empty = format!("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n{rest}");
        let mark = objects.write_empty_commit("write", empty.as_bytes());
        let mark = mark.expect("written");
        assert!(objects.has_commit(&mark) && !objects.has_commit(&id));
        shown(&git, &["fsck", "--strict"]).await;
    }

    #[tokio::test]
    async fn what_is_no_object_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = Git::new(folder.path());
        let began = git.run_local("begin", ["init", "--quiet"], b"").await;
        began.expect("git works");
        let objects = Objects::open(folder.path()).expect("it opens");
        objects.write_tag("write", b"tag").expect_err("not a tag");
        let written = objects.write_empty_commit("write", b"commit");
        written.expect_err("not a commit");
    }
}
