//! The version tags of a remote: listed, and fetched where this clone lacks them. Through the
//! `git` program, so that the user's credentials just work.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    error::{Error, Result},
    text::sanitize_line,
};

/// Tags fetched by one command: far below what a command line holds.
const AT_ONCE: usize = 200;

/// A tag that a remote has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTag {
    /// Its name without `refs/tags/`.
    pub name: String,
    /// What the ref names: a tag object, or a commit.
    pub object: String,
    /// What it comes down to; the same as `object` for a lightweight tag.
    pub target: String,
}

/// A remote of one repository.
#[derive(Debug, Clone)]
pub struct RemoteTags {
    directory: PathBuf,
    remote: String,
}

impl RemoteTags {
    /// `directory` is the work tree, or a bare repository.
    #[must_use]
    pub fn new(directory: &Path, remote: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            remote: remote.to_owned(),
        }
    }

    /// All tags of the remote.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer.
    pub fn list(&self) -> Result<Vec<RemoteTag>> {
        let text = self.git(
            &["ls-remote", "--tags", "--", &self.remote],
            "cannot list the tags of",
        )?;
        Ok(parse(&text))
    }

    /// Brings `names` here, overwriting nothing.
    ///
    /// # Errors
    /// Failed (exit 6) where the remote does not answer, or a tag is here already.
    pub fn fetch(&self, names: &[String]) -> Result<()> {
        for names in names.chunks(AT_ONCE) {
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
            self.git(&args, "cannot fetch tags from")?;
        }
        Ok(())
    }

    fn git(&self, args: &[&str], what: &str) -> Result<String> {
        let failed = || Error::failed(format!("{what} `{}`", self.remote));
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.directory)
            .args(args)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed().because(&error).hint("install git"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = without_credentials(&String::from_utf8_lossy(&output.stderr));
        Err(failed()
            .cause(sanitize_line(&said, 400))
            .state("nothing was built or moved")
            .hint(format!(
                "`git ls-remote {}` must work here; without a remote, set `git.push = false`",
                self.remote
            )))
    }
}

/// git repeats the address it used, and that can hold a password.
fn without_credentials(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || "/'\"".contains(c))
            .unwrap_or(after.len());
        let host = after[..end].rsplit('@').next().unwrap_or_default();
        out.push_str(host);
        rest = &after[end..];
    }
    out + rest
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
    use crate::io::git::remote_tags::*;

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

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let text = "fatal: unable to access 'https://me:secret@host/x.git/': no";
        assert_eq!(
            without_credentials(text),
            "fatal: unable to access 'https://host/x.git/': no"
        );
    }
}
