//! The sources that a release is built from: those of the checkout, or of the commit that hoist names.
//!
//! A release of hoist writes the version into `Cargo.toml` in a commit of its own, which the checkout does not show.
//! `HOIST_COMMIT` names that commit, and the programs are built from it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{image::Facts, target::target_folder};
use crate::{Result, succeed};

pub struct Source {
    root: PathBuf,
    commit: String,
}

impl Source {
    /// # Errors
    /// The commit that hoist names cannot be unpacked.
    pub fn find() -> Result<Self> {
        let checkout = testkit::sandbox::checkout();
        let git = |args: &[&str]| output_of(Command::new("git").args(args).current_dir(&checkout));
        let head = git(&["rev-parse", "HEAD"])?;
        let commit = match env::var("HOIST_COMMIT") {
            Ok(commit) if commit != head => commit,
            _ => {
                return Ok(Self {
                    root: checkout,
                    commit: head,
                });
            }
        };
        let root = target_folder().join("dist-source");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root)?;
        let mut archive = Command::new("git")
            .args(["archive", &commit])
            .current_dir(&checkout)
            .stdout(Stdio::piped())
            .spawn()?;
        let from = archive.stdout.take().ok_or("git's output is a pipe")?;
        let unpacked = succeed(Command::new("tar").arg("-x").current_dir(&root).stdin(from));
        if !archive.wait()?.success() {
            return Err(format!("`git archive {commit}` failed").into());
        }
        unpacked?;
        Ok(Self { root, commit })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Compares a program's version with the one that is released, if one is.
    ///
    /// # Errors
    /// They differ.
    pub fn is_version(&self, version: &str) -> Result<()> {
        match env::var("HOIST_VERSION") {
            Ok(wanted) if wanted != version => Err(format!(
                "the program says that it is hoist {version}, and {wanted} is released"
            )
            .into()),
            _ => Ok(()),
        }
    }

    /// What the image's labels say.
    ///
    /// # Errors
    /// git does not know the commit.
    pub fn facts(&self, version: String) -> Result<Facts> {
        let time = |format: &str| {
            let mut git = Command::new("git");
            git.args([
                "show",
                "--no-patch",
                &format!("--format={format}"),
                &self.commit,
            ]);
            output_of(git.current_dir(testkit::sandbox::checkout()))
        };
        let created = env::var("HOIST_CREATED").or_else(|_| time("%cI"))?;
        Ok(Facts {
            version,
            commit: self.commit.clone(),
            created,
            epoch: time("%ct")?.parse()?,
        })
    }
}

fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
