//! Where pushes go.

use crate::{
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        run::Git,
    },
    text::sanitize_line,
};

/// Where pushes to the remote `name` go: its name, or its push URL where that is another place. It must
/// be one: a lock on one of two places would lock nothing.
pub(super) async fn push_target(git: &Git, name: &str) -> Result<String, RemoteError> {
    let push = ["remote", "get-url", "--push", "--all", name];
    let (output, fetch) = tokio::join!(
        git.run(push, b"", &[]),
        git.run(["remote", "get-url", name], b"", &[])
    );
    let output = output?;
    if !output.success {
        let message = format!("there is no remote `{name}`");
        let hint = other_remotes(git).await;
        return Err(RemoteError::new(RemoteErrorKind::Setup, message).hint(hint));
    }
    let text = output.text();
    let mut urls = text.lines();
    let (Some(url), None) = (urls.next(), urls.next()) else {
        let message = format!("the remote `{name}` has several push URLs");
        return Err(RemoteError::new(RemoteErrorKind::Setup, message)
            .hint("name a remote with one push URL in `git.remote`"));
    };
    Ok(if fetch?.text() == url {
        name.to_owned()
    } else {
        url.to_owned()
    })
}

/// What to write into the policy where the remote that it names is not there.
async fn other_remotes(git: &Git) -> String {
    let listed = git.run(["remote"], b"", &[]).await;
    let listed = listed.map(|output| output.text()).unwrap_or_default();
    let others: Vec<String> = listed.lines().map(str::to_owned).collect();
    missing_remote(&others)
}

/// The same, where the remotes that there are are known.
pub(crate) fn missing_remote(others: &[String]) -> String {
    let others: Vec<String> = others
        .iter()
        .map(|name| format!("`git.remote = \"{}\"`", sanitize_line(name, 100)))
        .collect();
    match others.is_empty() {
        true => {
            "add it with `git remote add`, or set `git.push = false` in release.toml".to_owned()
        }
        false => format!(
            "set {}, or `git.push = false`, in release.toml",
            others.join(" or ")
        ),
    }
}
