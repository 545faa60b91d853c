//! Where the moving tags go when a release is rolled back: to the version before it, line by line.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    oci::{Observed, Repository, Tag, Variant},
    plan::{
        release::drift::{Drift, DriftState, unlisted},
        tags::{ExactTags, Listing, Published, TagRules, TagTarget},
    },
    policy::Policy,
};

/// What rolling back one version means in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackSurvey {
    /// The repository that was surveyed.
    pub repository: Repository,
    /// The version's own tags by variant.
    own: BTreeMap<Variant, Tag>,
    /// The tags of which it is the highest, and where each goes; `None`: nothing is below it.
    moves: Vec<(TagTarget, Option<TagTarget>)>,
}

/// One tag beside what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackStep {
    /// The tag moves back to the image that the drift names.
    Back(Drift),
    /// It stays as it is, for this reason.
    Stays(Tag, String),
}

/// Reads one repository's list of tags.
///
/// # Errors
/// As [`crate::plan::release::drift::drift_survey`].
pub fn rollback_survey(
    policy: &Policy,
    git: &[Version],
    published: &Published,
    version: &Version,
) -> Result<RollbackSurvey> {
    let Listing::Known(tags) = &published.tags else {
        return Err(unlisted(&published.repository));
    };
    let rules = TagRules::new(policy);
    let reader = ExactTags::new(&rules, git);
    let of_it = |other: &Version| other.cmp_precedence(version).is_eq();
    let mut own = BTreeMap::new();
    for (variant, exact) in reader.all(tags) {
        if let Some(exact) = exact.into_iter().find(|exact| of_it(&exact.version)) {
            own.insert(variant, exact.tag);
        }
    }
    let is_other = |tag: &&Tag| {
        let read = reader.read(tag.as_str());
        read.is_none_or(|(_, other)| !of_it(&other))
    };
    let without: Vec<Tag> = tags.iter().filter(is_other).cloned().collect();
    let below = rules.targets(&reader, git, &without);
    let now = rules.targets(&reader, git, tags).into_iter();
    let moves = now
        .filter(|target| of_it(&target.version))
        .map(|target| {
            let to = below.iter().find(|other| other.tag == target.tag).cloned();
            (target, to)
        })
        .collect();
    Ok(RollbackSurvey {
        repository: published.repository.clone(),
        own,
        moves,
    })
}

impl RollbackSurvey {
    /// The version is published here.
    #[must_use]
    pub fn is_published(&self) -> bool {
        !self.own.is_empty()
    }

    /// The tags that have to be looked at before [`RollbackSurvey::steps`] can judge.
    #[must_use]
    pub fn tags_to_observe(&self) -> Vec<Tag> {
        let of = |(target, to): &(TagTarget, Option<TagTarget>)| {
            let exact = to.iter().flat_map(|to| to.exact.clone());
            exact.chain([target.tag.clone()]).collect::<Vec<_>>()
        };
        let mut tags: Vec<Tag> = self.moves.iter().flat_map(of).collect();
        tags.extend(self.own.values().cloned());
        tags.sort();
        tags.dedup();
        tags
    }

    /// What becomes of each tag of which the version is the highest.
    #[must_use]
    pub fn steps(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<RollbackStep> {
        let at = |tag: &Tag| match shows.get(tag) {
            Some(Observed::At(digest)) => Some(digest),
            Some(Observed::Absent | Observed::Unknown) | None => None,
        };
        let step = |(target, to): &(TagTarget, Option<TagTarget>)| {
            let stays = |why: String| RollbackStep::Stays(target.tag.clone(), why);
            let own = self.own.get(&target.variant).and_then(at);
            let shown = at(&target.tag);
            if shown.is_none() || shown != own {
                return stays(format!("it does not show {}", target.version));
            }
            let Some(to) = to else {
                return stays(format!(
                    "no version of its line is before {}",
                    target.version
                ));
            };
            let Some((from, want)) = to.exact.iter().find_map(|tag| Some((tag, at(tag)?))) else {
                return stays(format!("the image of {} cannot be read", to.version));
            };
            if Some(want) == shown {
                return stays(format!("{} is the same image", to.version));
            }
            RollbackStep::Back(Drift {
                tag: target.tag.clone(),
                variant: target.variant.clone(),
                version: to.version.clone(),
                from: from.clone(),
                want: want.clone(),
                shown: shows.get(&target.tag).cloned().unwrap_or(Observed::Unknown),
                state: DriftState::Wrong(Some(target.version.clone())),
            })
        };
        self.moves.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::oci::Digest;
    use crate::plan::release::rollback::*;

    fn tag(name: &str) -> Tag {
        name.parse().expect("a good tag")
    }

    /// Tags and the seed of the image that each shows → `tag → version`, or `tag: why it stays`.
    fn steps(policy: &str, version: &str, tags: &[(&str, &str)]) -> Vec<String> {
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let published = Published {
            tags: Listing::Known(tags.iter().map(|(name, _)| tag(name)).collect()),
            ..Published::not_asked("acme/api".parse().expect("a good name"))
        };
        let version = version.parse().expect("a version");
        let survey = rollback_survey(&policy, &[], &published, &version).expect("a good list");
        let at = |seed: &str| Observed::At(Digest::of(seed.as_bytes()));
        let shows = tags.iter().map(|(name, seed)| (tag(name), at(seed)));
        let line = |step: RollbackStep| match step {
            RollbackStep::Back(drift) => format!("{} → {}", drift.tag, drift.version),
            RollbackStep::Stays(tag, why) => format!("{tag}: {why}"),
        };
        let steps = survey.steps(&shows.collect());
        steps.into_iter().map(line).collect()
    }

    const POLICY: &str = "[tags]\nmoving = [\"{major}.{minor}\", \"{major}\", \"latest\", \"{date}\"]\n[variants.alpine]";

    #[test]
    fn each_tag_goes_to_the_version_before_in_its_own_line() {
        let tags = [
            ("1.2.9", "a"),
            ("2.0.0-rc.1", "r"),
            ("1.3.0", "b"),
            ("1.3", "b"),
            ("1", "b"),
            ("latest", "b"),
            ("rc", "r"),
            ("1.2", "a"),
            ("2026-11-23", "b"),
        ];
        assert_eq!(
            steps(POLICY, "1.3.0", &tags),
            [
                "1 → 1.2.9",
                "1.3: no version of its line is before 1.3.0",
                "latest → 1.2.9"
            ]
        );
        // Of what is behind already nothing moves.
        assert_eq!(
            steps(POLICY, "1.2.9", &tags),
            ["1.2: no version of its line is before 1.2.9"]
        );
    }

    #[test]
    fn what_shows_something_else_is_left_alone() {
        let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("1", "x"), ("latest", "b")];
        assert_eq!(
            steps(POLICY, "1.1.0", &tags),
            [
                "1: it does not show 1.1.0",
                "1.1: it does not show 1.1.0",
                "latest → 1.0.0"
            ]
        );
    }

    #[test]
    fn variants_channels_and_promoted_images() {
        let tags = [
            ("1.0.0-alpine", "a"),
            ("1.1.0-alpine", "b"),
            ("latest-alpine", "b"),
            ("1.1.0-rc.1", "r"),
            ("1.1.0-rc.2", "s"),
            ("rc", "s"),
        ];
        let back = steps(POLICY, "1.1.0", &tags);
        assert!(back.contains(&"latest-alpine → 1.0.0".into()), "{back:?}");
        assert_eq!(steps(POLICY, "1.1.0-rc.2", &tags), ["rc → 1.1.0-rc.1"]);
        let follows = "[tags]\nmoving = []\nchannel-follows = true";
        let promoted = [("1.1.0-rc.2", "s"), ("1.1.0", "s"), ("rc", "s")];
        assert_eq!(
            steps(follows, "1.1.0", &promoted),
            ["rc: 1.1.0-rc.2 is the same image"]
        );
    }
}
