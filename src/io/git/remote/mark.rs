//! The marks of withdrawn versions: their objects, and what this clone keeps of the remote's.

use crate::{
    event::Events,
    git::{ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        objects::Objects,
        run::Git,
        wait::RemoteCall,
    },
};

/// Stores the object of a mark: a commit, which every namespace of refs takes, with an empty tree.
pub(super) fn write_mark(git: &Git, object: &[u8]) -> Result<ObjectId, RemoteError> {
    Objects::open(git.dir())?.write_empty_commit("write the mark's object", object)
}

/// A ref of the remote, and the ref of this clone that is to show the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMark {
    /// The ref of the remote.
    pub there: RefName,
    /// The ref of this clone.
    pub here: RefName,
}

/// Brings marks of the remote into the repository at `dir`, and deletes the refs `gone` there.
///
/// # Errors
/// The remote does not answer, or the refs of this clone cannot be changed.
pub async fn keep_marks(
    dir: &std::path::Path,
    remote: &str,
    (new, gone): (&[KeptMark], &[RefName]),
    events: &Events,
) -> Result<(), RemoteError> {
    let git = Git::new(dir).telling(events.clone());
    if !new.is_empty() {
        let mut args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
            .map(String::from)
            .to_vec();
        args.extend(["--no-recurse-submodules", "--", remote].map(String::from));
        args.extend(
            new.iter()
                .map(|mark| format!("+{}:{}", mark.there, mark.here)),
        );
        let output = git.ask(remote, RemoteCall::Fetch, args).await?;
        if !output.success {
            return Err(output.unreachable());
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let input: String = gone.iter().map(|name| format!("delete {name}\n")).collect();
    let args = ["update-ref", "-m", "hoist", "--stdin"];
    let output = git.run(args, input.as_bytes(), &[]).await?;
    match output.success {
        true => Ok(()),
        false => Err(RemoteError::new(
            RemoteErrorKind::Local,
            output.error_text(),
        )),
    }
}
