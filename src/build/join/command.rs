//! Commands that make a leg which agrees with the release, for hints. `-C`, `--config` and `--image` of the last job
//! are put in where the hint is printed, as in every command of a hint.

use crate::{
    build::join::{
        expected::{Expected, LegPolicy},
        leg::Leg,
    },
    oci::{ImageName, Platform},
    text::shell_word,
};

/// Where a leg goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LegPlace {
    Layout,
    Staged,
}

impl LegPlace {
    /// Where this leg has gone.
    pub(super) fn of(leg: &Leg) -> Self {
        match leg.staged.is_empty() {
            true => Self::Layout,
            false => Self::Staged,
        }
    }
}

impl Expected {
    /// The command that builds a leg of `image`, on a machine with the commit: by the plan where the release itself
    /// makes its commit, else with all that decides the version. Without `platforms` it builds all of the policy.
    pub(super) fn build_command(
        &self,
        image: Option<&ImageName>,
        platforms: &[Platform],
        place: LegPlace,
    ) -> String {
        let mut command = match self.parent {
            Some(_) => "hoist build --plan plan.json".to_owned(),
            None => format!("hoist build{}", self.version_flags()),
        };
        if matches!(self.policy_file, Some(LegPolicy::Uncommitted { .. })) {
            command += " --allow-dirty";
        }
        if let Some(image) = image.filter(|image| self.is_one_of_several || !image.is_main()) {
            command += &format!(" --image-name {}", shell_word(&image.to_string()));
        }
        let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        // What an image says of itself is not repeated where a shell could take it for something else.
        if names.iter().all(|name| shell_word(name) == *name) {
            command.extend(names.iter().map(|name| format!(" --platform {name}")));
        }
        command += match place {
            LegPlace::Layout => " --output DIR",
            LegPlace::Staged => " --stage > leg.json",
        };
        format!("`{command}`")
    }

    /// How a leg of the image is made so that it agrees: from the commit, with the policy, and with the version and
    /// the branch of the release. A release commit is on no branch yet; the commit below it is.
    pub(super) fn make_again(&self, platforms: &[Platform], place: LegPlace) -> String {
        let build = self.build_command(Some(&self.image), platforms, place);
        let commit = self.parent.as_ref().unwrap_or(&self.commit);
        let policy = match &self.policy_file {
            Some(LegPolicy::Uncommitted { file, .. }) => {
                format!(", with the policy of this job, which no commit holds (`{file}`)")
            }
            Some(LegPolicy::Committed { .. }) | None => String::new(),
        };
        format!("build it again from that commit{policy}: `git checkout {commit}`, then {build}")
    }

    /// The same for a leg of another policy: a checkout alone leaves an edited policy file as it is.
    pub(super) fn make_with_policy(&self, platforms: &[Platform], place: LegPlace) -> String {
        let Some(LegPolicy::Committed { file }) = &self.policy_file else {
            return self.make_again(platforms, place);
        };
        let build = self.build_command(Some(&self.image), platforms, place);
        let commit = self.parent.as_ref().unwrap_or(&self.commit);
        let file = shell_word(file);
        format!(
            "build it again with the policy of that commit: `git stash push -u -- {file} && git checkout {commit}`, then {build}"
        )
    }

    /// How the policy of this job becomes the one of its commit.
    pub(super) fn take_policy_of_commit(&self) -> Option<String> {
        let Some(LegPolicy::Uncommitted { file, in_head }) = &self.policy_file else {
            return None;
        };
        let file = shell_word(file);
        in_head.then(|| {
            format!("or release with the policy of the commit: `git stash push -- {file}` here")
        })
    }

    /// How jobs on several machines come to build the same.
    pub(super) fn agree(&self) -> String {
        let flags = self.version_flags();
        format!(
            "`hoist plan{flags} --json > plan.json` in a first job, and `--plan plan.json` for `hoist build` and `hoist release` in the others, makes all of them build the same"
        )
    }

    fn version_flags(&self) -> String {
        let branch = self.branch.as_deref();
        let branch = branch.map(|branch| format!(" --branch {}", shell_word(branch)));
        let branch = branch.unwrap_or_default();
        format!(" --version {}{branch}", self.version)
    }
}

/// The same where nothing is known of the release.
pub(super) fn build_command(
    expected: Option<&Expected>,
    image: Option<&ImageName>,
    place: LegPlace,
) -> String {
    match expected {
        Some(expected) => expected.build_command(image, &[], place),
        None => "`hoist build --output DIR`".to_owned(),
    }
}
