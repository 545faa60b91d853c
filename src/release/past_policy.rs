//! The policy that a release was made by, and what came into the policy after it.

use crate::{
    error::Result,
    plan::{
        history::facts::Facts,
        release::places::{PlaceReason, UnjudgedPlace},
    },
    policy::Policy,
    release::{facade::Release, tags::Subject},
    text::shell_word,
};

impl Release {
    /// How the version gets to the places that came into the policy after its release. `None`: its commit is
    /// not known.
    pub(super) fn way_to_new_places(
        &self,
        facts: &Facts,
        subject: &Subject,
    ) -> Result<Option<String>> {
        let Some(commit) = subject.commit else {
            return Ok(None);
        };
        let version = &subject.version;
        if commit == facts.head {
            let complete = self.completing(version)?;
            return Ok(Some(format!(
                "the next release goes there, too; {complete} publishes {version} there now"
            )));
        }
        let tag = shell_word(&self.policy().version.tag.name(version));
        let policy = match (
            self.project().policy_path(),
            self.project().uncommitted_policy(),
        ) {
            (Some(path), None) => {
                let head = facts.head.short();
                let here = facts.branch.as_deref().unwrap_or(&head);
                format!(
                    " && git checkout {} -- {}",
                    shell_word(here),
                    shell_word(&self.project().pathspec(path))
                )
            }
            // The working tree takes it along.
            (Some(_), Some(_)) | (None, _) => String::new(),
        };
        Ok(Some(format!(
            "the next release goes there, too; `git checkout {tag}{policy} && hoist release --version {version} --allow-dirty` publishes {version} there now"
        )))
    }

    /// The policy that the release's commit holds; `None` where it is not known or cannot be read.
    pub(super) fn policy_then(&self, subject: &Subject) -> Option<Policy> {
        let project = self.project().with_policy_of(subject.commit?);
        Some(project.ok()??.policy().clone())
    }
}

/// Whether the policy names a place of the version's images that did not exist when the version was released.
pub(super) fn lacks_a_place(unjudged: &[UnjudgedPlace]) -> bool {
    let mut reasons = unjudged.iter().map(|place| place.reason);
    reasons.any(|reason| reason != PlaceReason::NotInPolicy && !reason.is_of_image())
}

/// Whether the policy has an image that the version does not have. A release of the version would build it.
pub(super) fn lacks_an_image(unjudged: &[UnjudgedPlace]) -> bool {
    unjudged.iter().any(|place| place.reason.is_of_image())
}
