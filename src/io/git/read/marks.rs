//! The marks of withdrawn versions, as this clone has them.

use crate::{
    error::Result,
    git::{ObjectId, RefName},
    io::git::read::{GitRepository, problem},
};

/// A ref, and the message of the commit that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkHere {
    /// The ref of this clone.
    pub name: RefName,
    /// What it shows.
    pub object: ObjectId,
    /// The commit's message; `None` where it cannot be read.
    pub message: Option<String>,
}

impl GitRepository {
    /// The refs below `prefix`, which ends with a slash.
    ///
    /// # Errors
    /// Refused (exit 4) where they cannot be listed.
    pub fn marks(&self, prefix: &str) -> Result<Vec<MarkHere>> {
        let found = self.git.references_glob(&format!("{prefix}*"));
        let found = found.map_err(|error| problem("cannot list the withdrawn versions", &error))?;
        let mark = |reference: git2::Reference<'_>| {
            let object = reference.target()?;
            let commit = self.git.find_commit(object).ok();
            Some(MarkHere {
                name: reference.name().ok()?.parse().ok()?,
                object: object.to_string().parse().ok()?,
                message: commit.map(|c| String::from_utf8_lossy(c.message_bytes()).into_owned()),
            })
        };
        Ok(found.flatten().filter_map(mark).collect())
    }
}
