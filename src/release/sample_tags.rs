//! Whether the policy can release at all: the tags of made-up versions. What is wrong in it is found
//! by `check`, whatever there is to release now, and not on the day of the first pre-release.

use std::collections::BTreeMap;

use chrono::DateTime;
use semver::Version;

use crate::{
    error::{ErrorKind, Result},
    git::CommitId,
    plan::{
        tags::{Published, TagContext, compute_for_release},
        version::branch::BranchKind,
    },
    policy::Policy,
};

/// The tags of a stable version, and of a pre-release of each label where the policy has tags for
/// pre-releases.
///
/// # Errors
/// Usage (exit 2): what the policy gives in every such release. What only a day, a branch or a commit
/// decides is not told.
pub(super) fn check_sample_tags(policy: &Policy) -> Result<()> {
    let repositories = policy.repositories().into_iter();
    let published: Vec<_> = repositories.map(Published::not_asked).collect();
    samples(policy).iter().try_for_each(|version| {
        let context = TagContext {
            version,
            commit: Some(CommitId::new([0x3f; 20])),
            commit_time: DateTime::default(),
            instant: DateTime::default(),
            branch: None,
            branch_kind: &BranchKind::Stable,
            git: &[],
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        match compute_for_release(policy, &context, &published) {
            Err(error) if error.kind() == ErrorKind::Usage => Err(error),
            _ => Ok(()),
        }
    })
}

fn samples(policy: &Policy) -> Vec<Version> {
    let mut all = vec![Version::new(1, 2, 3)];
    if !policy.tags.prerelease.is_empty() {
        let labels = policy.branches.prerelease.iter();
        all.extend(labels.filter_map(|one| format!("1.3.0-{}.1", one.label).parse().ok()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_release_is_found_without_a_release() {
        let image = "[image]\nrepository = \"docker.io/acme/api\"\n";
        for (text, words) in [
            ("", None),
            ("[tags]\nprerelease = []", None),
            (
                "[tags]\nfixed = [\"sha-{sha}\"]",
                Some("`tags.fixed` has no template"),
            ),
            (
                "[tags]\nprerelease = [\"{channel}\"]",
                Some("`tags.prerelease` has no template"),
            ),
            (
                "[tags]\nfixed = [\"{version}\", \"{minor}.{major}.{patch}\"]",
                Some("names version 2.1.3"),
            ),
        ] {
            let policy = Policy::parse(&format!("{image}{text}"), "release.toml");
            let checked = check_sample_tags(&policy.expect("it can be read"));
            let told = checked.err().map(|error| format!("{error:#}"));
            match (&told, words) {
                (Some(told), Some(words)) => assert!(told.contains(words), "{text}: {told}"),
                (told, words) => assert_eq!(told.is_some(), words.is_some(), "{text}: {told:?}"),
            }
        }
    }
}
