//! Whether every tag of a release shows its image: what should be where, beside what is there.

use std::collections::BTreeMap;

use crate::{
    error::Result,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::tags::{Published, TagContext, TagKind, TagRules, compute},
    policy::Policy,
};

/// One tag in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCheck {
    /// The repository that was looked at.
    pub repository: Repository,
    /// The tag that the release should have there.
    pub tag: Tag,
    /// The image that it should show.
    pub image: ImageName,
    /// Whether later releases may move it.
    pub kind: TagKind,
    /// What it should show; `None` where no repository has the release.
    pub want: Option<Digest>,
    /// What the tag showed when it was observed.
    pub shown: Observed,
    /// Whether the tag shows the release.
    pub state: CheckState,
}

/// How a tag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckState {
    /// It shows the release.
    Right,
    /// It is not there.
    Missing,
    /// It shows another image.
    Wrong,
    /// The registry did not show it.
    Unreadable,
}

impl CheckState {
    /// The name of the state in JSON documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The tags that the release of `context.version` should have now, in every repository: fixed
/// ones, and each moving one of whose line it is the highest version. Tags of the day and of the
/// branch are left out: later releases move them, and nothing tells which.
///
/// `published` has to show them; `receipts` is what the git tag says the release is.
/// Without a receipt, the image of the first repository that has the version's own tag counts.
///
/// # Errors
/// As [`compute`], but for a fixed tag with another image, which is a finding here.
pub fn checks(
    policy: &Policy,
    context: &TagContext<'_>,
    published: &[Published],
    receipts: &BTreeMap<ImageName, Digest>,
) -> Result<Vec<TagCheck>> {
    let set = compute(policy, context, &without_images(published))?;
    let rules = TagRules::of(policy, &ImageName::main());
    let believed = |image: &ImageName| {
        receipts.get(image).cloned().or_else(|| {
            let tag = set.version_tag(image)?;
            published
                .iter()
                .filter(|seen| set.is_in(image, &seen.repository))
                .find_map(|seen| match seen.shows.get(tag)? {
                    Observed::At(digest) => Some(digest.clone()),
                    Observed::Absent | Observed::Unknown => None,
                })
        })
    };
    let mut checks = Vec::new();
    for repository in published {
        for planned in set.written(&repository.repository) {
            if planned.kind == TagKind::Moving && !rules.is_lasting(&planned.template) {
                continue;
            }
            let want = believed(&planned.image);
            let shown = repository.shows.get(&planned.tag).cloned();
            let shown = shown.unwrap_or(Observed::Unknown);
            checks.push(TagCheck {
                repository: repository.repository.clone(),
                tag: planned.tag.clone(),
                image: planned.image.clone(),
                kind: planned.kind,
                state: judge(want.as_ref(), &shown),
                want,
                shown,
            });
        }
    }
    Ok(checks)
}

/// The same repositories, but for what their tags show: then no fixed tag is refused. That a tag
/// is absent stays known, because it tells that nothing is behind it.
#[must_use]
pub fn without_images(published: &[Published]) -> Vec<Published> {
    let one = |repository: &Published| {
        let mut repository = repository.clone();
        repository
            .shows
            .retain(|_, shown| *shown == Observed::Absent);
        repository
    };
    published.iter().map(one).collect()
}

fn judge(want: Option<&Digest>, shown: &Observed) -> CheckState {
    match shown {
        Observed::At(digest) if Some(digest) == want => CheckState::Right,
        Observed::At(_) => CheckState::Wrong,
        Observed::Absent => CheckState::Missing,
        Observed::Unknown => CheckState::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use semver::Version;

    use crate::plan::release::verify::*;
    use crate::plan::{tags::Listing, version::branch::BranchKind};

    fn digest(seed: &str) -> Digest {
        Digest::of(seed.as_bytes())
    }

    fn repository(name: &str, tags: &[(&str, &str)]) -> Published {
        let tag = |name: &str| -> Tag { name.parse().expect("a good tag") };
        let all = ["1.2.3", "sha-3f2a91c", "1.2", "1", "latest", "1970-01-01"];
        let mut shows: BTreeMap<Tag, Observed> = all.map(|t| (tag(t), Observed::Absent)).into();
        shows.extend(
            tags.iter()
                .map(|(t, seed)| (tag(t), Observed::At(digest(seed)))),
        );
        Published {
            repository: name.parse().expect("a good name"),
            tags: Listing::Known(tags.iter().map(|(t, _)| tag(t)).collect()),
            shows,
            labels: BTreeMap::new(),
        }
    }

    fn findings(git: &[&str], published: &[Published], receipt: Option<&str>) -> Vec<String> {
        let version = Version::new(1, 2, 3);
        let git: Vec<Version> = git.iter().map(|v| v.parse().expect("a version")).collect();
        let context = TagContext {
            version: &version,
            commit: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3".parse().ok(),
            commit_time: DateTime::UNIX_EPOCH,
            instant: DateTime::UNIX_EPOCH,
            branch: None,
            branch_kind: &BranchKind::Stable,
            git: &git,
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        let receipts = receipt
            .map(|seed| (ImageName::main(), digest(seed)))
            .into_iter()
            .collect();
        let policy = Policy::default();
        let checks = checks(&policy, &context, published, &receipts).expect("a good release");
        let line =
            |c: &TagCheck| format!("{}:{} {}", c.repository.registry(), c.tag, c.state.as_str());
        checks.iter().map(line).collect()
    }

    const ALL: [(&str, &str); 5] = [
        ("1.2.3", "a"),
        ("sha-3f2a91c", "a"),
        ("1.2", "a"),
        ("1", "a"),
        ("latest", "a"),
    ];

    #[test]
    fn every_tag_of_the_newest_release() {
        let found = findings(&["1.2.3"], &[repository("acme/api", &ALL)], None);
        assert_eq!(found.len(), 5);
        assert!(
            found.iter().all(|line| line.ends_with(" right")),
            "{found:?}"
        );
    }

    #[test]
    fn a_moving_tag_is_expected_of_the_highest_of_its_line_alone() {
        let tags = [
            ("1.2.3", "a"),
            ("1.3.0", "c"),
            ("2.0.0", "b"),
            ("latest", "b"),
            ("1.2", "x"),
            ("sha-3f2a91c", "x"),
        ];
        assert_eq!(
            findings(&["1.3.0"], &[repository("acme/api", &tags)], None),
            [
                "docker.io:1.2.3 right",
                "docker.io:sha-3f2a91c wrong",
                "docker.io:1.2 wrong"
            ]
        );
    }

    #[test]
    fn a_version_that_only_git_knows_has_no_moving_tag() {
        let found = findings(&["1.3.0"], &[repository("acme/api", &ALL)], None);
        assert!(
            found.iter().all(|line| line.ends_with(" right")),
            "{found:?}"
        );
    }

    #[test]
    fn a_registry_that_refuses_its_list_is_judged_by_what_is_not_there() {
        let mut refused = repository("acme/api", &[("1.2.3", "a")]);
        refused.tags = Listing::Refused;
        let found = findings(&[], &[refused], None);
        assert_eq!(found[0], "docker.io:1.2.3 right");
        assert_eq!(found[4], "docker.io:latest missing");
    }

    #[test]
    fn repositories_agree_and_the_receipt_decides() {
        let repositories = [
            repository("acme/api", &ALL),
            repository("ghcr.io/acme/api", &[("1.2.3", "b"), ("latest", "a")]),
        ];
        let believed = findings(&[], &repositories, None);
        assert_eq!(believed[5], "ghcr.io:1.2.3 wrong");
        assert_eq!(believed[9], "ghcr.io:latest right");
        assert_eq!(believed[6], "ghcr.io:sha-3f2a91c missing");
        let by_receipt = findings(&[], &repositories, Some("b"));
        assert_eq!(by_receipt[0], "docker.io:1.2.3 wrong");
        assert_eq!(by_receipt[5], "ghcr.io:1.2.3 right");
    }
}
