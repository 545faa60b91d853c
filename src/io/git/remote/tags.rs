//! The version tags of a remote: listed, and fetched where this clone lacks them.

use std::{path::Path, time::Duration};

use crate::{
    error::{Error, ErrorCode, Result},
    event::Events,
    git::{ObjectId, RefName},
    io::git::{
        error::{RemoteError, RemoteErrorKind},
        run::{Git, GitOutput, object_id},
        wait::RemoteCall,
    },
    text::sanitize_line,
};

/// How many tags one command fetches: far below what a command line holds.
const TAGS_PER_FETCH: usize = 200;

/// How often a fetch is tried that meets another one in the same clone.
const FETCHES: u32 = 5;

/// A tag that a remote has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTag {
    /// Its ref.
    pub name: RefName,
    /// What the ref names: a tag object, or a commit.
    pub object: ObjectId,
    /// The object that the tag leads to in the end; the same as `object` for a lightweight tag.
    pub target: ObjectId,
}

/// What a remote showed in one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteLook {
    /// All tags.
    pub tags: Vec<RemoteTag>,
    /// The refs below the prefix that was asked for, with what they show.
    pub below: Vec<(RefName, ObjectId)>,
    /// Those of the names that were asked for that are there, with what they show.
    pub named: Vec<(RefName, ObjectId)>,
}

impl RemoteLook {
    /// From what `git ls-remote` prints.
    pub(super) fn parse(text: &str, below: &str, names: &[RefName]) -> Result<Self, RemoteError> {
        let named = refs_below(text, "")?;
        Ok(Self {
            tags: parse(text)?,
            below: refs_below(text, below)?,
            named: named
                .into_iter()
                .filter(|(name, _)| names.contains(name))
                .collect(),
        })
    }
}

/// The tags of one remote of one repository.
#[derive(Debug, Clone)]
pub struct RemoteTags {
    git: Git,
    remote: String,
}

impl RemoteTags {
    /// `directory` is the work tree, or a bare repository.
    #[must_use]
    pub fn new(directory: &Path, remote: &str) -> Self {
        Self {
            git: Git::new(directory),
            remote: remote.to_owned(),
        }
    }

    /// Lets `events` hear what is waited for.
    #[must_use]
    pub fn telling(mut self, events: Events) -> Self {
        self.git = self.git.telling(events);
        self
    }

    /// All tags of the remote, and its refs below `below` with what they show, in one request.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer.
    pub async fn list_with(&self, below: &str) -> Result<RemoteLook> {
        const WHAT: &str = "cannot list the tags of";
        let (tags, others) = (format!("{}*", RefName::TAGS), format!("{below}*"));
        let args = ["ls-remote", "--", &self.remote, &tags, &others];
        let text = self.run(RemoteCall::List, &args, WHAT).await?;
        RemoteLook::parse(&text, below, &[]).map_err(|error| self.failed(WHAT).because(&error))
    }

    /// What the remote's branches show.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer.
    pub async fn branch_tips(&self) -> Result<Vec<ObjectId>> {
        const WHAT: &str = "cannot list the branches of";
        const BRANCHES: &str = "refs/heads/";
        let pattern = format!("{BRANCHES}*");
        let args = ["ls-remote", "--", &self.remote, &pattern];
        let text = self.run(RemoteCall::List, &args, WHAT).await?;
        let tips =
            refs_below(&text, BRANCHES).map_err(|error| self.failed(WHAT).because(&error))?;
        Ok(tips.into_iter().map(|(_, tip)| tip).collect())
    }

    /// Fetches the tags `names` into this repository, overwriting nothing.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer, or this repository already has one of the tags.
    pub async fn fetch(&self, names: &[RefName]) -> Result<()> {
        for names in names.chunks(TAGS_PER_FETCH) {
            let specs: Vec<String> = names.iter().map(|name| format!("{name}:{name}")).collect();
            let mut args = vec![
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--",
                &self.remote,
            ];
            args.extend(specs.iter().map(String::as_str));
            let what = "cannot fetch tags from";
            self.run(RemoteCall::Fetch, &args, what).await?;
        }
        Ok(())
    }

    fn failed(&self, what: &str) -> Error {
        Error::failed(format!("{what} `{}`", self.remote)).with_code(ErrorCode::GitRemote)
    }

    async fn run(&self, call: RemoteCall, args: &[&str], what: &str) -> Result<String> {
        let mut tries = FETCHES;
        loop {
            let output = self.git.ask(&self.remote, call, args).await;
            let output = output.map_err(|error| self.explain(what, &error))?;
            if output.success {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            tries -= 1;
            if !met_another(&output) || tries == 0 {
                return Err(self.explain(what, &output.unreachable()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn explain(&self, what: &str, error: &RemoteError) -> Error {
        let hint = match (&error.hint, error.kind) {
            (Some(hint), _) => hint.clone(),
            (None, RemoteErrorKind::Local) => "install git".to_owned(),
            (None, _) => format!(
                "`git ls-remote {}` must work here; without a remote, set `git.push = false`",
                self.remote
            ),
        };
        self.failed(what)
            .cause(sanitize_line(&error.message, 400))
            .state("nothing was built or moved")
            .hint(hint)
    }
}

/// Whether another `git` of this clone was writing the same ref. It is there afterwards, and a second
/// fetch finds it.
fn met_another(output: &GitOutput) -> bool {
    ["cannot lock ref", "Unable to create", "File exists"]
        .iter()
        .any(|words| output.stderr.contains(words))
}

/// The refs below `below`, with what they show.
fn refs_below(text: &str, below: &str) -> Result<Vec<(RefName, ObjectId)>, RemoteError> {
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs
        .filter(|(_, name)| name.starts_with(below))
        .filter_map(|(id, name)| Some((name.parse().ok()?, id)))
        .map(|(name, id)| Ok((name, object_id(id)?)))
        .collect()
}

/// `<id>\trefs/tags/<name>`, and `<id>\trefs/tags/<name>^{}` for what an annotated tag peels to.
fn parse(text: &str) -> Result<Vec<RemoteTag>, RemoteError> {
    let mut tags: Vec<RemoteTag> = Vec::new();
    for line in text.lines() {
        let Some((id, name)) = line.split_once('\t') else {
            continue;
        };
        let id = object_id(id)?;
        match name.strip_suffix("^{}") {
            Some(peeled) => {
                if let Some(tag) = tags.last_mut().filter(|tag| tag.name.as_str() == peeled) {
                    tag.target = id;
                }
            }
            None => {
                // A name that is not valid is not the name of a version.
                if let Some(name) = name.parse().ok().filter(RefName::is_tag) {
                    tags.push(RemoteTag {
                        name,
                        object: id.clone(),
                        target: id,
                    });
                }
            }
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use crate::io::git::remote::tags::*;

    #[test]
    fn an_annotated_tag_comes_with_what_it_peels_to() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let text = format!("{a}\trefs/tags/v1\n{b}\trefs/tags/v2\n{c}\trefs/tags/v2^{{}}\n");
        let tags = parse(&text).expect("ids are legal");
        assert_eq!(tags[0].target.as_str(), a);
        assert_eq!(
            (tags[1].object.as_str(), tags[1].target.as_str()),
            (&*b, &*c)
        );
        assert!(parse("aa\trefs/tags/v1\n").is_err());
    }
}
