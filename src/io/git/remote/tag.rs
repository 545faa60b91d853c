//! Makes annotated tags as objects without a ref. They are made and signed before anything is locked or
//! moved, so that a signing prompt or a missing key stops nothing later.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    git::{CommitId, ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        objects::Objects,
        run::{ANONYMOUS, Git, object_id},
    },
};

/// A tag to be made.
#[derive(Debug, Clone)]
pub struct NewTag {
    /// The ref that is to show it later. Its short name is part of the object.
    pub name: RefName,
    /// The commit that it names.
    pub commit: CommitId,
    /// Its whole message.
    pub message: String,
    /// Its date, in seconds since 1970.
    pub seconds: i64,
    /// Whether to sign it, with git's own settings.
    pub sign: bool,
}

/// A tag object that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeTag {
    /// Its id.
    pub id: ObjectId,
    /// Its bytes, signature included.
    pub object: Vec<u8>,
    /// Whether git's settings name nobody, so that the tagger is `hoist <hoist@noreply.invalid>`.
    pub anonymous: bool,
}

/// Makes a tag object in the repository at `dir`. No ref is created.
///
/// # Errors
/// Git cannot make or sign it.
pub async fn make_tag(dir: &Path, tag: &NewTag) -> Result<MadeTag, RemoteError> {
    let git = Git::new(dir);
    if !tag.sign {
        return plain(&git, tag).await;
    }
    let anonymous = is_anonymous(&git).await?;
    let id = signed(&git, tag, anonymous).await?;
    let output = git.run(["cat-file", "tag", id.as_str()], b"", &[]).await?;
    if !output.success {
        return Err(RemoteError::new(
            RemoteErrorKind::Local,
            output.error_text(),
        ));
    }
    Ok(MadeTag {
        id,
        object: output.stdout,
        anonymous,
    })
}

async fn is_anonymous(git: &Git) -> Result<bool, RemoteError> {
    let given = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if given("GIT_COMMITTER_EMAIL") || given("EMAIL") {
        return Ok(false);
    }
    Ok(git.setting("user.email").await?.is_none()
        && git.setting("committer.email").await?.is_none())
}

fn identity(seconds: i64, anonymous: bool) -> Vec<(&'static str, String)> {
    let mut environment = vec![("GIT_COMMITTER_DATE", format!("@{seconds} +0000"))];
    if anonymous {
        environment.push(("GIT_COMMITTER_NAME", "hoist".into()));
        environment.push(("GIT_COMMITTER_EMAIL", "hoist@noreply.invalid".into()));
    }
    environment
}

/// Who commits and tags in the repository at `dir`, as git writes it into an object, at `seconds`
/// since 1970: `Name <address> 1767323045 +0000`.
///
/// # Errors
/// Git's settings do not name the user in full.
pub async fn committer(dir: &Path, seconds: i64) -> Result<String, RemoteError> {
    let git = Git::new(dir);
    Ok(ident(&git, seconds).await?.0)
}

/// The committer, and whether git's settings name nobody.
async fn ident(git: &Git, seconds: i64) -> Result<(String, bool), RemoteError> {
    let environment = identity(seconds, false);
    let environment: Vec<_> = environment.iter().map(|(k, v)| (*k, &**v)).collect();
    let (anonymous, output) = tokio::join!(
        is_anonymous(git),
        git.run(["var", "GIT_COMMITTER_IDENT"], b"", &environment)
    );
    if anonymous? {
        return Ok((format!("{ANONYMOUS} {seconds} +0000"), true));
    }
    let output = output?;
    if !output.success {
        let message = format!("git does not know who you are: {}", output.error_text());
        return Err(RemoteError::new(RemoteErrorKind::Local, message));
    }
    Ok((output.text(), false))
}

async fn plain(git: &Git, tag: &NewTag) -> Result<MadeTag, RemoteError> {
    let (tagger, anonymous) = ident(git, tag.seconds).await?;
    let NewTag {
        name,
        commit,
        message,
        ..
    } = tag;
    let (name, message) = (name.short(), message.trim_end());
    let object =
        format!("object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}\n");
    let object = object.into_bytes();
    Ok(MadeTag {
        id: Objects::open(git.dir())?.write_tag("make the git tag", &object)?,
        object,
        anonymous,
    })
}

/// `git tag --sign` knows the user's keys and programs, and always creates a ref. A hook of our own
/// learns the object's id and keeps the ref from being created.
async fn signed(git: &Git, tag: &NewTag, anonymous: bool) -> Result<ObjectId, RemoteError> {
    let local = |error: std::io::Error| {
        RemoteError::new(
            RemoteErrorKind::Local,
            format!("cannot sign the git tag: {error}"),
        )
    };
    let place = git
        .run_local(
            "find git's directory",
            ["rev-parse", "--absolute-git-dir"],
            b"",
        )
        .await?;
    let hooks = tempfile::Builder::new()
        .prefix("hoist-sign")
        .tempdir_in(place)
        .map_err(local)?;
    let learnt = hooks.path().join("learnt");
    write_hook(hooks.path()).map_err(local)?;
    let option = format!("core.hooksPath={}", hooks.path().display());
    let commit = tag.commit.to_string();
    let args = [
        "-c",
        &*option,
        "tag",
        "--sign",
        "--cleanup=verbatim",
        "--file=-",
        tag.name.short(),
        &*commit,
    ];
    let mut environment = identity(tag.seconds, anonymous);
    environment.push(("HOIST_LEARNT", learnt.display().to_string()));
    let environment: Vec<_> = environment.iter().map(|(k, v)| (*k, &**v)).collect();
    let message = format!("{}\n", tag.message.trim_end());
    let output = git.run(args, message.as_bytes(), &environment).await?;
    let name = tag.name.as_str();
    if output.success {
        // This git does not run the hook: the ref exists now and must be deleted again.
        let id = git
            .run_for_id("read the git tag", ["rev-parse", "--verify", name], b"")
            .await?;
        git.run_local(
            "delete the git tag's ref",
            ["update-ref", "-d", name, id.as_str()],
            b"",
        )
        .await?;
        return Ok(id);
    }
    let text = std::fs::read_to_string(&learnt).unwrap_or_default();
    let id = text.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let id = words.next()?;
        (words.next()? == name).then_some(id)
    });
    let id = id.ok_or_else(|| {
        let message = format!("cannot sign the git tag: {}", output.error_text());
        RemoteError::new(RemoteErrorKind::Local, message)
            .hint("mend git's signing settings, or set `git.sign = false` in release.toml")
    })?;
    object_id(id)
}

fn write_hook(dir: &Path) -> std::io::Result<()> {
    let path = dir.join("reference-transaction");
    let hook = "#!/bin/sh\n[ \"$1\" = prepared ] || exit 0\ncat >\"$HOIST_LEARNT\"\nexit 1\n";
    std::fs::write(&path, hook)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o700))
}
