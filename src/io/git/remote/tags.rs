//! The version tags of a remote: listed, and fetched where this clone lacks them.

use std::path::Path;

use crate::{
    error::{Error, ErrorCode, Result},
    io::git::run::Git,
    text::sanitize_line,
};

/// How many tags one command fetches: far below what a command line holds.
const TAGS_PER_FETCH: usize = 200;

/// A tag that a remote has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTag {
    /// Its name without `refs/tags/`.
    pub name: String,
    /// What the ref names: a tag object, or a commit.
    pub object: String,
    /// The object that the tag leads to in the end; the same as `object` for a lightweight tag.
    pub target: String,
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
        Ok(parse(&text))
    }

    /// Fetches the tags `names` into this repository, overwriting nothing.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer, or this repository already has one of the tags.
    pub async fn fetch(&self, names: &[String]) -> Result<()> {
        for names in names.chunks(TAGS_PER_FETCH) {
            let specs: Vec<String> = names
                .iter()
                .map(|name| format!("refs/tags/{name}:refs/tags/{name}"))
                .collect();
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

    async fn run(&self, args: &[&str], what: &str) -> Result<String> {
        let failed =
            || Error::failed(format!("{what} `{}`", self.remote)).with_code(ErrorCode::GitRemote);
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
fn parse(text: &str) -> Vec<RemoteTag> {
    let mut tags: Vec<RemoteTag> = Vec::new();
    for line in text.lines() {
        let Some((id, name)) = line.split_once("\trefs/tags/") else {
            continue;
        };
        match name.strip_suffix("^{}") {
            Some(peeled) => {
                if let Some(tag) = tags.last_mut().filter(|tag| tag.name == peeled) {
                    id.clone_into(&mut tag.target);
                }
            }
            None => tags.push(RemoteTag {
                name: name.into(),
                object: id.into(),
                target: id.into(),
            }),
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use crate::io::git::remote::tags::*;

    #[test]
    fn an_annotated_tag_comes_with_what_it_peels_to() {
        let text = "aa\trefs/tags/v1\nbb\trefs/tags/v2\ncc\trefs/tags/v2^{}\n";
        let tags = parse(text);
        assert_eq!(tags[0].target, "aa");
        assert_eq!(
            (tags[1].object.as_str(), tags[1].target.as_str()),
            ("bb", "cc")
        );
    }
}
