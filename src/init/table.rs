//! What another tool would push beside what the policy would: the translation, checked.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    git::CommitId,
    init::{
        compared::{ComparedRelease, Table},
        rows::{There, repositories, rows},
        scenario::Sample,
        translation::{Releases, observe},
    },
    plan::{
        tags::{Published, TagContext, TagSet, compute_for_release},
        version::branch::BranchKind,
    },
    policy::Policy,
};

/// Compares what `release` pushes with what the policy does.
pub(super) fn compare(release: &Releases<'_>, policy: &Policy, label: &str) -> Result<Table> {
    let stable = Version::new(1, 2, 3);
    let mut prerelease = Version::new(1, 3, 0);
    prerelease.pre =
        semver::Prerelease::new(&format!("{label}.1")).unwrap_or(semver::Prerelease::EMPTY);
    let backport = Version::new(1, 1, 9);
    let releases = [
        (&stable, None, Version::new(1, 2, 2)),
        (&prerelease, None, stable.clone()),
        (&backport, Some(&stable), stable.clone()),
    ];
    let compared = releases.into_iter().map(|(version, after, published)| {
        let (there, notes) = observe(release, version);
        let there = There {
            contents: &there,
            unread: notes.has_unread(),
        };
        let here = tag_set(policy, version, &[published], after.is_some())?;
        Ok(ComparedRelease {
            version: version.to_string(),
            after: after.map(ToString::to_string),
            rows: rows(there, &here, policy, version),
        })
    });
    Ok(Table {
        releases: compared.collect::<Result<_>>()?,
    })
}

/// The tags of a version under a policy, where `git` versions are out.
///
/// # Errors
/// The policy cannot release the version.
pub(super) fn tag_set(
    policy: &Policy,
    version: &Version,
    git: &[Version],
    backport: bool,
) -> Result<TagSet> {
    let sample = Sample::default();
    let kind = if backport {
        BranchKind::Unlisted
    } else {
        BranchKind::Stable
    };
    let published: Vec<Published> = repositories(policy)
        .into_iter()
        .map(Published::not_asked)
        .collect();
    let context = TagContext {
        version,
        commit: sample.sha.parse::<CommitId>().ok(),
        commit_time: sample.instant,
        instant: sample.instant,
        branch: Some("main"),
        branch_kind: &kind,
        git,
        withdrawn: &[],
        images: BTreeMap::new(),
    };
    compute_for_release(policy, &context, &published)
}
