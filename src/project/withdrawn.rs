//! The versions that were taken back, as this clone knows them.

use semver::Version;

use crate::{
    git::{ObjectId, RefName},
    io::git::read::MarkHere,
    plan::release::withdrawal::{Withdrawal, marked_version},
    project::open::Project,
};

/// Where a clone keeps the marks of the remote, whatever they are called there.
const KEPT: &str = "refs/hoist/withdrawn/";

/// A version that was taken back: `hoist rollback VERSION` moved its tags to the version before it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Withdrawn {
    /// The version.
    pub version: Version,
    /// The ref that remembers it, as the git remote has it.
    pub mark: RefName,
    /// What that ref shows.
    pub object: ObjectId,
    /// When, by whom and why; `None` where that cannot be read here.
    pub told: Option<Withdrawal>,
}

impl Withdrawn {
    /// When, by whom and why it was taken back, as far as that is known, as a fragment of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let told = self.told.as_ref().map(Withdrawal::told);
        told.unwrap_or_else(|| "withdrawn".to_owned())
    }
}

impl Project {
    /// The versions that were taken back, as this clone knows them. Asks nobody.
    #[must_use]
    pub fn withdrawn(&self) -> Vec<Withdrawn> {
        let (kept, marks) = (self.kept_marks(), self.policy().git.marks());
        let there = kept.iter().filter_map(|mark| {
            let name = mark
                .name
                .as_str()
                .strip_prefix(self.kept_below().as_str())?;
            Some((format!("{marks}{name}").parse().ok()?, mark.object.clone()))
        });
        self.marked(&there.collect::<Vec<_>>())
    }

    /// The versions that `there` are the marks of, highest first, with what this clone can read of each.
    pub(crate) fn marked(&self, there: &[(RefName, ObjectId)]) -> Vec<Withdrawn> {
        let (template, marks) = (&self.policy().version.tag, self.policy().git.marks());
        let kept = self.kept_marks();
        let told = |object: &ObjectId| {
            let here = kept.iter().find(|here| here.object == *object)?;
            Withdrawal::read(here.message.as_deref()?)
        };
        let one = |(mark, object): &(RefName, ObjectId)| {
            let version = marked_version(&marks, template, mark)?;
            Some(Withdrawn {
                told: told(object).filter(|told| told.version == version),
                version,
                mark: mark.clone(),
                object: object.clone(),
            })
        };
        let mut all: Vec<Withdrawn> = there.iter().filter_map(one).collect();
        all.sort_by(|a, b| b.version.cmp(&a.version));
        all
    }

    /// The marks in this clone, this policy's and others'. What cannot be read is none.
    pub(crate) fn kept_marks(&self) -> Vec<MarkHere> {
        self.git().marks(&self.kept_below()).unwrap_or_default()
    }

    /// Below which this clone has the marks: its own where there is no remote.
    pub(crate) fn kept_below(&self) -> String {
        match self.policy().git.push {
            true => KEPT.to_owned(),
            false => self.policy().git.marks(),
        }
    }
}
