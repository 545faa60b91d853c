//! Where moving tags should point, and where they do not, judged from what is published.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::tags::{ExactTags, Listing, Published, TagRules, TagTarget},
    policy::Policy,
};

/// What one repository's tags should look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftSurvey {
    /// The repository that was surveyed.
    pub repository: Repository,
    /// Each moving tag with the version that should have it, by name.
    pub targets: Vec<TagTarget>,
    /// The exact tags by image, the highest version last.
    pub exact: BTreeMap<ImageName, Vec<crate::plan::tags::ExactTag>>,
}

/// Reads one repository's list of tags. `elsewhere` are the other repositories': what one of the same image has is
/// published, so a channel of it is one in all, and a higher version of it has its line in all. Versions that
/// are withdrawn have no line.
///
/// # Errors
/// Usage (exit 2) for a policy that cannot work; refused (exit 4) where the registry does not
/// hand out its list.
pub fn drift_survey(
    policy: &Policy,
    (git, withdrawn): (&[Version], &[Version]),
    published: &Published,
    elsewhere: &[Published],
) -> Result<DriftSurvey> {
    let Listing::Known(tags) = &published.tags else {
        return Err(unlisted(&published.repository));
    };
    let rules = TagRules::in_repository(policy, &published.repository);
    let exact = ExactTags::new(&rules, git).all(tags);
    let reader = ExactTags::new(&rules, git).passing_over(withdrawn);
    let mut everywhere = tags.clone();
    let image = policy.image_in(&published.repository);
    let same = |other: &&Published| policy.image_in(&other.repository) == image;
    for repository in elsewhere.iter().filter(same) {
        if let Listing::Known(tags) = &repository.tags {
            everywhere.extend(tags.iter().cloned());
        }
    }
    let mut known = git.to_vec();
    let plain = reader.all(&everywhere).remove(&image);
    known.extend(plain.into_iter().flatten().map(|exact| exact.version));
    let highest: BTreeMap<Tag, Version> = rules
        .targets(&reader, &known, &everywhere)
        .into_iter()
        .map(|target| (target.tag, target.version))
        .collect();
    let mut targets = rules.targets(&reader, &known, tags);
    // The line belongs to a version that this repository lacks: no image here is the right one.
    targets.retain(|target| {
        let highest = highest.get(&target.tag);
        highest.is_none_or(|highest| highest.cmp_precedence(&target.version).is_eq())
    });
    Ok(DriftSurvey {
        repository: published.repository.clone(),
        targets,
        exact,
    })
}

/// Nothing tells which versions a repository has.
#[must_use]
pub fn unlisted(repository: &Repository) -> Error {
    Error::refused(format!("cannot tell what is published in `{repository}`"))
        .with_code(ErrorCode::TagsUnlisted)
        .cause("the registry does not hand out its list of tags")
        .hint("use credentials that may list tags")
}

impl DriftSurvey {
    /// The tags that have to be looked at before [`DriftSurvey::drift`] can judge.
    #[must_use]
    pub fn tags_to_observe(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self
            .targets
            .iter()
            .flat_map(|target| target.exact.iter().chain([&target.tag]))
            .cloned()
            .collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// Each moving tag beside what it shows.
    #[must_use]
    pub fn drift(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<Drift> {
        self.targets
            .iter()
            .filter_map(|target| self.judge(target, shows))
            .collect()
    }

    /// `None` where the exact tag itself is gone or cannot be read: nothing to compare with.
    fn judge(&self, target: &TagTarget, shows: &BTreeMap<Tag, Observed>) -> Option<Drift> {
        let at = |tag: &Tag| match shows.get(tag) {
            Some(Observed::At(digest)) => Some(digest),
            _ => None,
        };
        let shown = shows.get(&target.tag).cloned().unwrap_or(Observed::Unknown);
        let right = target
            .exact
            .iter()
            .find(|exact| matches!((&shown, at(exact)), (Observed::At(s), Some(d)) if s == d));
        let from = right.or_else(|| target.exact.iter().find(|exact| at(exact).is_some()))?;
        let state = match (&shown, right) {
            (_, Some(_)) => DriftState::Right,
            (Observed::Absent, None) => DriftState::Missing,
            (Observed::Unknown, None) => DriftState::Unreadable,
            (Observed::At(digest), None) => {
                DriftState::Wrong(self.version_of(target, digest, shows))
            }
        };
        Some(Drift {
            tag: target.tag.clone(),
            image: target.image.clone(),
            version: target.version.clone(),
            from: from.clone(),
            want: at(from)?.clone(),
            shown,
            state,
            why: format!("{} is the highest of its line", target.version),
        })
    }

    /// The version whose exact tag shows `digest`, among those that were looked at.
    fn version_of(
        &self,
        target: &TagTarget,
        digest: &Digest,
        shows: &BTreeMap<Tag, Observed>,
    ) -> Option<Version> {
        let exact = self.exact.get(&target.image)?.iter().rev();
        exact
            .filter(|exact| shows.get(&exact.tag) == Some(&Observed::At(digest.clone())))
            .map(|exact| exact.version.clone())
            .next()
    }
}

/// One moving tag: where it should point and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The moving tag, as it is named in the repository.
    pub tag: Tag,
    /// Whose image it shows.
    pub image: ImageName,
    /// The version that should have it.
    pub version: Version,
    /// That version's exact tag.
    pub from: Tag,
    /// The digest that it should show.
    pub want: Digest,
    /// What the tag showed when it was observed.
    pub shown: Observed,
    /// Whether it points where it should.
    pub state: DriftState,
    /// Why that version should have it.
    pub why: String,
}

/// How a moving tag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftState {
    /// It shows the image of the highest version of its line.
    Right,
    /// It is not there.
    Missing,
    /// It shows another image: that of this version, where it is one that was looked at.
    Wrong(Option<Version>),
    /// The registry did not show it.
    Unreadable,
}

impl DriftState {
    /// The name of the state in JSON documents.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Missing => "missing",
            Self::Wrong(_) => "wrong",
            Self::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::release::drift::*;

    fn digest(seed: &str) -> Digest {
        Digest::of(seed.as_bytes())
    }

    /// Tags and the seed of the image that each shows → `tag version state`.
    fn drift(policy: &str, git: &[&str], tags: &[(&str, &str)]) -> Vec<String> {
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let git: Vec<Version> = git.iter().map(|v| v.parse().expect("a version")).collect();
        let tag = |name: &str| -> Tag { name.parse().expect("a good tag") };
        let published = Published {
            repository: "acme/api".parse().expect("a good name"),
            tags: Listing::Known(tags.iter().map(|(name, _)| tag(name)).collect()),
            shows: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        let survey = drift_survey(&policy, (&git, &[]), &published, &[]).expect("a good survey");
        let all: BTreeMap<Tag, Observed> = tags
            .iter()
            .map(|(name, seed)| (tag(name), Observed::At(digest(seed))))
            .collect();
        let shows = survey
            .tags_to_observe()
            .into_iter()
            .map(|tag| {
                let shown = all.get(&tag).cloned().unwrap_or(Observed::Absent);
                (tag, shown)
            })
            .collect();
        let line = |d: &Drift| match &d.state {
            DriftState::Wrong(Some(version)) => format!("{} {} not {version}", d.tag, d.version),
            state => format!("{} {} {}", d.tag, d.version, state.as_str()),
        };
        survey.drift(&shows).iter().map(line).collect()
    }

    #[test]
    fn each_line_points_at_its_highest_version() {
        let tags = [
            ("1.2.3", "a"),
            ("1.2.4", "b"),
            ("1.10.0", "c"),
            ("2.0.0", "d"),
            ("2.1.0-rc.1", "e"),
            ("1.2", "a"),
            ("1", "b"),
            ("2", "x"),
            ("latest", "d"),
            ("2026-11-23", "a"),
            ("sha-3f2a91c", "a"),
        ];
        assert_eq!(
            drift("", &[], &tags),
            [
                "1 1.10.0 not 1.2.4",
                "1.10 1.10.0 missing",
                "1.2 1.2.4 wrong",
                "2 2.0.0 wrong",
                "2.0 2.0.0 missing",
                "latest 2.0.0 right",
                "rc 2.1.0-rc.1 missing",
            ]
        );
    }

    #[test]
    fn a_wrong_tag_names_the_version_that_it_shows_where_that_is_known() {
        let tags = [("1.2.3", "a"), ("2.0.0", "b"), ("latest", "a"), ("1", "a")];
        let drift = drift("[tags]\nmoving = [\"{major}\", \"latest\"]", &[], &tags);
        assert_eq!(
            drift,
            ["1 1.2.3 right", "2 2.0.0 missing", "latest 2.0.0 not 1.2.3"]
        );
    }

    #[test]
    fn variants_channels_and_zero_by_policy() {
        let policy = "[tags]\nfixed = [\"{version}\"]\nmoving = [\"{major}\", \"latest\"]\nchannel-follows = true\n[variants.alpine]";
        let tags = [
            ("0.9.0", "a"),
            ("1.0.0-rc.1", "b"),
            ("1.0.0-alpine", "c"),
            ("0.9.0-alpine", "d"),
        ];
        assert_eq!(
            drift(policy, &[], &tags),
            [
                "1-alpine 1.0.0 missing",
                "latest 0.9.0 missing",
                "latest-alpine 1.0.0 missing",
                "rc 1.0.0-rc.1 missing",
                "rc-alpine 1.0.0 missing",
            ]
        );
    }

    #[test]
    fn build_metadata_does_not_rank() {
        let policy = "[tags]\nmoving = [\"latest\"]";
        let git = ["1.0.0+a", "1.0.0+b"];
        let tags = |latest| [("1.0.0-a", "a"), ("1.0.0-b", "b"), ("latest", latest)];
        assert_eq!(drift(policy, &git, &tags("a")), ["latest 1.0.0+b right"]);
        assert_eq!(drift(policy, &git, &tags("b")), ["latest 1.0.0+b right"]);
        assert_eq!(drift(policy, &git, &tags("x")), ["latest 1.0.0+b wrong"]);
    }

    #[test]
    fn what_a_branch_decided_is_left_out() {
        let policy = "[tags]\nlatest = \"branch\"\nmoving = [\"latest\", \"{branch}\", \"{date}\"]";
        assert_eq!(drift(policy, &[], &[("1.0.0", "a")]), Vec::<String>::new());
    }
}
