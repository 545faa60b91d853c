//! Brings the clone at hand to the commit that a release has moved its branch to.

use std::path::Path;

use crate::{
    git::{CommitId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        run::Git,
    },
};

/// Brings work tree and index from `before` to `commit`, and the branch too where it is still at
/// `before`; changes that are not committed stay. False, and nothing is done, where HEAD is not on
/// `branch` or has moved on, or where there is no work tree.
///
/// # Errors
/// Changes that are not committed are in the way.
pub async fn follow(
    dir: &Path,
    branch: &RefName,
    before: CommitId,
    commit: CommitId,
) -> Result<bool, RemoteError> {
    let git = Git::new(dir);
    let asks = ["rev-parse", "--is-inside-work-tree"];
    let on = git
        .run(["symbolic-ref", "--quiet", "HEAD"], b"", &[])
        .await?;
    let tree = git.run(asks, b"", &[]).await?;
    let tip = git
        .run(["rev-parse", "--verify", "--quiet", "HEAD"], b"", &[])
        .await?
        .text();
    let (branch, before, commit) = (branch.as_str(), &*before.to_string(), &*commit.to_string());
    if on.text() != branch || tree.text() != "true" || (tip != before && tip != commit) {
        return Ok(false);
    }
    // A file whose time alone has changed must not count as changed.
    git.run(["update-index", "-q", "--refresh"], b"", &[])
        .await?;
    let output = git
        .run(["read-tree", "-m", "-u", before, commit], b"", &[])
        .await?;
    if !output.success {
        return Err(RemoteError::new(
            RemoteErrorKind::Local,
            output.error_text(),
        ));
    }
    if tip == before {
        let args = ["update-ref", "-m", "hoist", branch, commit, before];
        git.run_local("move the branch", args, b"").await?;
    }
    Ok(true)
}
