//! The version tags of a remote: listed, and fetched where this clone lacks them.

use std::path::Path;

use crate::{
    error::{Error, ErrorCode, Result},
    git::{ObjectId, RefName},
    io::git::{
        error::RemoteError,
        run::{Git, object_id},
    },
    text::sanitize_line,
};

/// How many tags one command fetches: far below what a command line holds.
const TAGS_PER_FETCH: usize = 200;

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

    /// All tags of the remote.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer.
    pub async fn list(&self) -> Result<Vec<RemoteTag>> {
        let text = self
            .run(
                &["ls-remote", "--tags", "--", &self.remote],
                "cannot list the tags of",
            )
            .await?;
        parse(&text).map_err(|error| self.failed("cannot list the tags of").because(&error))
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
            self.run(&args, "cannot fetch tags from").await?;
        }
        Ok(())
    }

    fn failed(&self, what: &str) -> Error {
        Error::failed(format!("{what} `{}`", self.remote)).with_code(ErrorCode::GitRemote)
    }

    async fn run(&self, args: &[&str], what: &str) -> Result<String> {
        let failed = || self.failed(what);
        let output = self.git.run(args, b"", &[]).await;
        let output = output.map_err(|error| failed().because(&error).hint("install git"))?;
        if output.success {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed()
            .cause(sanitize_line(&output.error_text(), 400))
            .state("nothing was built or moved")
            .hint(format!(
                "`git ls-remote {}` must work here; without a remote, set `git.push = false`",
                self.remote
            )))
    }
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
