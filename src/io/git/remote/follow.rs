//! The clone at hand goes along with a branch that a release has moved.

use std::path::Path;

use crate::io::git::remote::{RemoteError, RemoteErrorKind, command::Git};

/// Brings work tree and index from `before` to `commit`, and the branch too where it is still at
/// `before`; what was changed and not committed stays. False: HEAD is not on `branch` (its full
/// name), or has moved on, or there is no work tree; then nothing is done.
///
/// # Errors
/// What is not committed is in the way.
pub async fn follow(
    dir: &Path,
    branch: &str,
    before: &str,
    commit: &str,
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
    if on.text() != branch || tree.text() != "true" || (tip != before && tip != commit) {
        return Ok(false);
    }
    // Times alone make no file a changed one.
    git.run(["update-index", "-q", "--refresh"], b"", &[])
        .await?;
    let said = git
        .run(["read-tree", "-m", "-u", before, commit], b"", &[])
        .await?;
    if !said.good {
        return Err(RemoteError::new(RemoteErrorKind::Local, said.complaint()));
    }
    if tip == before {
        let args = ["update-ref", "-m", "hoist", branch, commit, before];
        git.local("move the branch", args, b"").await?;
    }
    Ok(true)
}
