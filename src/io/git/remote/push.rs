//! A real git remote, through the `git` program.
//!
//! Refs change by `git push --atomic --force-with-lease=<ref>:<expected>`: the server itself
//! compares and swaps. A lock object is a commit, which every namespace accepts (branches take
//! nothing else), whose tree holds the journal.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    event::Events,
    git::{CommitId, ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        objects::Objects,
        remote::{RefEdit, RefPattern, Remote, RemoteLook, mark::write_mark, target::push_target},
        run::{ANONYMOUS, Git, GitOutput, object_id},
        wait::RemoteCall,
    },
};

/// The file of a lock object that holds the journal.
const JOURNAL: &str = "journal";

/// The option of a push that carries nothing out.
const DRY_RUN: &str = "--dry-run";

/// A remote of a repository on disk.
#[derive(Debug)]
pub struct GitRemote {
    git: Git,
    name: String,
    /// What reads must name: the remote, or its push URL where the two differ.
    target: OnceCell<String>,
    /// Whether the server has said that it cannot do several edits at once.
    one_by_one: AtomicBool,
}

impl GitRemote {
    /// The remote called `name` of the repository at `dir`.
    pub fn new(dir: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            git: Git::new(dir),
            name: name.into(),
            target: OnceCell::new(),
            one_by_one: AtomicBool::new(false),
        }
    }

    /// Lets `events` hear what is waited for.
    #[must_use]
    pub fn telling(mut self, events: Events) -> Self {
        self.git = self.git.telling(events);
        self
    }

    /// Where pushes go.
    async fn target(&self) -> Result<&str, RemoteError> {
        let find = || push_target(&self.git, &self.name);
        self.target.get_or_try_init(find).await.map(String::as_str)
    }

    /// All tags, the refs below `below` and those of `names`, in one request. `None`: the remote is read
    /// and pushed to at different places, so that no one request shows all of it.
    ///
    /// # Errors
    /// The remote does not answer.
    pub async fn look(
        &self,
        below: &str,
        names: &[RefName],
    ) -> Result<Option<RemoteLook>, RemoteError> {
        if self.target().await? != self.name {
            return Ok(None);
        }
        let mut args: Vec<String> = ["ls-remote", "--", &self.name].map(String::from).to_vec();
        args.extend([format!("{}*", RefName::TAGS), format!("{below}*")]);
        args.extend(names.iter().map(ToString::to_string));
        let output = self.git.ask(&self.name, RemoteCall::List, args).await?;
        if !output.success {
            return Err(output.unreachable());
        }
        RemoteLook::parse(&output.text(), below, names).map(Some)
    }

    async fn push(&self, edits: &[RefEdit], options: &[&str]) -> Result<(), RemoteError> {
        let mut args: Vec<String> = [
            "push",
            "--porcelain",
            "--no-follow-tags",
            "--recurse-submodules=no",
        ]
        .map(String::from)
        .to_vec();
        args.extend(options.iter().map(ToString::to_string));
        for edit in edits {
            let expected = edit.expected().map_or("", ObjectId::as_str);
            args.push(format!("--force-with-lease={}:{expected}", edit.name));
        }
        args.extend(["--".to_owned(), self.name.clone()]);
        for edit in edits {
            let new = edit.result().map_or("", ObjectId::as_str);
            args.push(format!("{new}:{}", edit.name));
        }
        let call = match options.contains(&DRY_RUN) {
            true => RemoteCall::TryPush,
            false => RemoteCall::Push,
        };
        let output = self.git.ask(&self.name, call, args).await?;
        if output.success {
            Ok(())
        } else {
            Err(failure(&output))
        }
    }

    /// For a server that takes one edit at a time. A lock that was taken in part is given back.
    async fn push_one_by_one(
        &self,
        edits: &[RefEdit],
        options: &[&str],
    ) -> Result<(), RemoteError> {
        let (create, delete): (Vec<_>, Vec<_>) =
            edits.iter().cloned().partition(|edit| edit.keeps_ref());
        for (done, edit) in create.iter().enumerate() {
            if let Err(error) = self.push(std::slice::from_ref(edit), options).await {
                for edit in &create[..done] {
                    // A part that cannot be given back is found by the next look at the locks.
                    let _ = self.push(&[edit.clone().undone()], options).await;
                }
                return Err(error);
            }
        }
        for edit in delete {
            self.push(&[edit], options).await?;
        }
        Ok(())
    }

    async fn push_all(&self, edits: &[RefEdit], options: &[&str]) -> Result<(), RemoteError> {
        self.target().await?;
        if edits.len() > 1 && !self.one_by_one.load(Ordering::Relaxed) {
            let mut atomic = vec!["--atomic"];
            atomic.extend(options);
            match self.push(edits, &atomic).await {
                Err(error) if error.message.contains("does not support --atomic") => {
                    self.one_by_one.store(true, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        self.push_one_by_one(edits, options).await
    }

    async fn has(&self, object: &str) -> Result<bool, RemoteError> {
        let output = self.git.run(["cat-file", "-e", object], b"", &[]).await?;
        Ok(output.success)
    }

    /// Fetches `commit` where this clone lacks it: a push from here must be able to name it.
    async fn bring(&self, commit: &ObjectId) -> Result<(), RemoteError> {
        if !Objects::open(self.git.dir())?.has_commit(commit)
            && self.fetch(Some(commit.as_str())).await.is_err()
        {
            self.fetch(None).await?;
        }
        Ok(())
    }

    async fn fetch(&self, what: Option<&str>) -> Result<(), RemoteError> {
        let mut args = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--",
            self.target().await?,
        ];
        args.extend(what);
        let output = self.git.ask(&self.name, RemoteCall::Fetch, args).await?;
        if output.success {
            Ok(())
        } else {
            Err(output.unreachable())
        }
    }
}

/// Reads the lines that `--porcelain` prints, one a ref. The refs themselves decide in the end; this
/// only tells which failures another try cannot change.
fn failure(output: &GitOutput) -> RemoteError {
    let out = String::from_utf8_lossy(&output.stdout);
    let refused = |line: &&str| line.starts_with('!');
    // With `--atomic` every ref is rejected; only some say why.
    let why = |line: &&str| {
        !line.contains("atomic push failed") && !line.contains("atomic transaction failed")
    };
    let Some(line) = out
        .lines()
        .filter(refused)
        .find(why)
        .or_else(|| out.lines().find(refused))
    else {
        return output.unreachable();
    };
    let mut fields = line.split('\t').skip(1);
    let name = fields
        .next()
        .and_then(|refs| refs.rsplit(':').next())
        .unwrap_or("");
    let reason = fields.next().unwrap_or(line);
    let said = output.server_words();
    let told = output.shown(reason);
    let message = match &said {
        Some(words) => format!("{name}: {told}; the server says: {words}"),
        None => format!("{name}: {told}"),
    };
    // Another push held one of the refs at this moment.
    let raced = [
        "atomic transaction failed",
        "cannot lock ref",
        "failed to update ref",
        "already exists",
    ];
    if reason.starts_with("[rejected]") {
        RemoteError::new(RemoteErrorKind::Conflict, message)
    } else if raced.iter().any(|words| reason.contains(words)) {
        RemoteError::new(RemoteErrorKind::Raced, message)
    } else if reason.contains("remote failure") {
        // The push broke half-way: the refs tell.
        RemoteError::new(RemoteErrorKind::Unreachable, message)
    } else {
        let error = RemoteError::new(RemoteErrorKind::Refused, message);
        if name.starts_with(RefName::TAGS) || name.starts_with(RefName::BRANCHES) {
            error
        } else if is_about_rights(&error.message) {
            error.hint(format!(
                "let this account make and delete refs such as `{name}`; `hoist check --locks` tries it"
            ))
        } else {
            error.hint(
                "some servers refuse refs outside branches and tags: \
                 `git.lock-refs = \"refs/heads/hoist\"` in release.toml puts the lock among the branches",
            )
        }
    }
}

/// Whether a server says who may push, and not where.
fn is_about_rights(message: &str) -> bool {
    let message = message.to_lowercase();
    [
        "permission",
        "not authorized",
        "unauthorized",
        "access denied",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[async_trait]
impl Remote for GitRemote {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        self.push_all(edits, &[DRY_RUN]).await
    }

    async fn refs(&self, patterns: &[RefPattern]) -> Result<Vec<(RefName, ObjectId)>, RemoteError> {
        let mut args: Vec<String> = ["ls-remote", "--refs", "--", self.target().await?]
            .map(String::from)
            .to_vec();
        args.extend(patterns.iter().map(ToString::to_string));
        let output = self.git.ask(&self.name, RemoteCall::List, args).await?;
        if !output.success {
            return Err(output.unreachable());
        }
        let text = output.text();
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        pairs
            .filter_map(|(id, name)| Some((name.parse().ok()?, id)))
            // The server's patterns match the end of a name.
            .filter(|(name, _)| RefPattern::any(patterns, name))
            .map(|(name, id)| Ok((name, object_id(id)?)))
            .collect()
    }

    async fn swap(&self, edits: &[RefEdit]) -> Result<(), RemoteError> {
        for commit in edits
            .iter()
            .filter(|edit| edit.name.is_branch())
            .filter_map(|edit| edit.result())
        {
            self.bring(commit).await?;
        }
        // The user's pre-push hook has run with the dry run.
        self.push_all(edits, &["--no-verify"]).await
    }

    async fn write_lock(&self, title: &str, journal: &str) -> Result<ObjectId, RemoteError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let who = format!("{ANONYMOUS} {} +0000", now.as_secs());
        let title = crate::text::sanitize_line(title, 200);
        let rest = format!("author {who}\ncommitter {who}\n\n{title}\n");
        let file = (JOURNAL, journal.as_bytes());
        Objects::open(self.git.dir())?.write_commit_of("write the lock's object", file, &rest)
    }

    async fn read_lock(&self, name: &RefName, id: &ObjectId) -> Result<String, RemoteError> {
        let path = format!("{id}:{JOURNAL}");
        if !self.has(&path).await? {
            self.fetch(Some(name.as_str())).await?;
        }
        let output = self.git.run(["cat-file", "blob", &path], b"", &[]).await?;
        if output.success {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let mut error = RemoteError::new(RemoteErrorKind::Local, output.error_text());
        if self.has(id.as_str()).await? {
            let told = "the lock holds no journal: `hoist unlock` shows it, and deletes it";
            error.hint = Some(told.to_owned());
        }
        Err(error)
    }

    async fn lock_bytes(&self, name: &RefName, id: &ObjectId) -> Result<Vec<u8>, RemoteError> {
        if !self.has(id.as_str()).await? {
            self.fetch(Some(name.as_str())).await?;
        }
        let local =
            |output: &GitOutput| RemoteError::new(RemoteErrorKind::Local, output.error_text());
        let path = format!("{id}:{JOURNAL}");
        let journal = self.git.run(["cat-file", "blob", &*path], b"", &[]).await?;
        if journal.success {
            return Ok(journal.stdout);
        }
        let object = self
            .git
            .run(["cat-file", "-p", id.as_str()], b"", &[])
            .await?;
        if object.success {
            return Ok(object.stdout);
        }
        Err(local(&object))
    }

    async fn fetch_commit(&self, commit: CommitId) -> Result<(), RemoteError> {
        self.bring(&commit.into()).await
    }

    async fn contains(
        &self,
        name: &RefName,
        tip: &ObjectId,
        commit: CommitId,
    ) -> Result<bool, RemoteError> {
        if !self.has(&format!("{tip}^{{commit}}")).await? {
            self.fetch(Some(name.as_str())).await?;
        }
        self.git.is_ancestor(commit, tip).await
    }

    async fn write_tag(&self, object: &[u8], commit: CommitId) -> Result<ObjectId, RemoteError> {
        self.bring(&commit.into()).await?;
        Objects::open(self.git.dir())?.write_tag("write the git tag's object", object)
    }

    async fn write_mark(&self, object: &[u8]) -> Result<ObjectId, RemoteError> {
        write_mark(&self.git, object)
    }
}
