//! The plan of a trial: whatever the branch and the version, an image can be built to be tried.

use semver::{BuildMetadata, Prerelease, Version};

use crate::{
    error::Result,
    plan::{
        Inputs, Plan,
        history::facts::Facts,
        version::{VersionRequest, branch::BranchKind, next::Next},
    },
    release::facade::Release,
};

impl Release {
    /// A plan that names no tag. The version is `NEXT-dev`, where there is nothing to release
    /// `CURRENT-dev`. Asks neither the registries nor the remote.
    pub(super) async fn trial_plan(&self, request: &VersionRequest) -> Result<Plan> {
        let facts = match self.project().facts(request) {
            Ok(facts) => facts,
            // A shallow clone of CI, or a tag that cannot be read: no reason not to try an image.
            Err(error) => {
                self.events
                    .note(format!("the history does not tell the version: {error:#}"));
                self.facts_of_head()?
            }
        };
        let next = self.project().decide(&facts, request);
        let next = next.unwrap_or_else(|error| {
            self.events
                .note(format!("a release would stop here: {error:#}"));
            self.without_version(&facts)
        });
        let highest = facts.tags.iter().map(|tag| &tag.version).max();
        let version = next.version.as_ref().or(next.current.as_ref()).or(highest);
        let version = trial(version.unwrap_or(&self.policy().version.initial));
        let inputs = self.inputs(&facts, &next, &version, None)?;
        let inputs = Inputs {
            notes: String::new(),
            ..inputs
        };
        inputs.trial()
    }

    /// What is known of HEAD alone.
    fn facts_of_head(&self) -> Result<Facts> {
        let git = self.project().git();
        let head = git.head()?;
        Ok(Facts::of_head(head, git.commit_time(head)?))
    }

    /// The answer where the history does not allow one.
    fn without_version(&self, facts: &Facts) -> Next {
        Next {
            current: facts.base.as_ref().map(|base| base.version.clone()),
            current_tag: None,
            range_from: facts.stable.as_ref().map(|stable| stable.version.clone()),
            version: None,
            on_head: None,
            level: None,
            branch: facts.branch.clone(),
            kind: BranchKind::of(&self.policy().branches, facts.branch.as_deref()),
            head: facts.head,
            entries: Vec::new(),
            why: String::new(),
            notes: Vec::new(),
        }
    }
}

/// The version of a trial on the way to `next`.
fn trial(next: &Version) -> Version {
    let pre = match next.pre.as_str() {
        "" => "dev".to_owned(),
        pre => format!("{pre}-dev"),
    };
    Version {
        pre: Prerelease::new(&pre).expect("a pre-release stays one with `-dev` at its end"),
        build: BuildMetadata::EMPTY,
        ..next.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::release::trial::trial;

    #[test]
    fn a_trial_is_below_the_version_that_it_is_on_the_way_to() {
        for (next, expected) in [
            ("1.3.0", "1.3.0-dev"),
            ("1.3.0-rc.2", "1.3.0-rc.2-dev"),
            ("1.3.0-rc", "1.3.0-rc-dev"),
            ("1.3.0+build", "1.3.0-dev"),
        ] {
            let next = next.parse().expect("a version");
            assert_eq!(trial(&next).to_string(), expected);
        }
    }
}
