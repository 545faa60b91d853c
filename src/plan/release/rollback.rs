//! Where the moving tags go when a release is rolled back: to the version before it, line by line.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{
        release::{
            drift::{Drift, DriftState, unlisted},
            held::HeldImage,
            receipt::Receipt,
        },
        tags::{
            ExactTag, ExactTags, ImageRule, KnownVersions, Listing, Origins, Published, TagRules,
            TagTarget, channel,
        },
    },
    policy::{Latest, Policy},
};

/// What rolling back one version means in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackSurvey {
    /// The repository that was surveyed.
    pub repository: Repository,
    version: Version,
    /// The version's own tags by image.
    own: BTreeMap<ImageName, Tag>,
    /// The moving tags that it competes for, and where each goes.
    moves: Vec<Candidate>,
    /// What the releases recorded.
    receipts: Vec<(Version, Receipt)>,
}

/// A moving tag that the version competes for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    tag: Tag,
    image: ImageName,
    /// The version that has it without the one that is taken back.
    to: Option<TagTarget>,
    /// Why that one; without one, why there is none.
    why: String,
}

/// One tag beside what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackStep {
    /// The tag moves back to the image that the drift names.
    Back(Box<Drift>),
    /// It stays as it is, for this reason.
    Stays(Tag, String),
}

/// Reads one repository's list of tags. `before` tells, as far as a journal does, which version a tag showed
/// before the one that is rolled back.
///
/// # Errors
/// As [`crate::plan::release::drift::drift_survey`].
pub fn rollback_survey(
    policy: &Policy,
    known: &KnownVersions<'_>,
    published: &Published,
    version: &Version,
    before: &BTreeMap<Tag, Version>,
) -> Result<RollbackSurvey> {
    let Listing::Known(tags) = &published.tags else {
        return Err(unlisted(&published.repository));
    };
    let rules = TagRules::in_repository(policy, &published.repository);
    let all = ExactTags::new(&rules, known.git).all(tags);
    let of_it = |other: &Version| other.cmp_precedence(version).is_eq();
    let mut own = BTreeMap::new();
    let mut without = known.withdrawn.to_vec();
    without.push(version.clone());
    for (image, exact) in &all {
        for exact in exact.iter().filter(|exact| of_it(&exact.version)) {
            without.push(exact.version.clone());
            own.entry(image.clone()).or_insert(exact.tag.clone());
        }
    }
    let reader = ExactTags::new(&rules, known.git).passing_over(&without);
    let others = Others {
        rules: &rules,
        lines: rules.targets(&reader, known.git, tags),
        days: rules.day_targets(&reader, known.origins, tags),
        exact: reader.all(tags),
        channels: channels(known.git, all.get(&rules.plain())),
        before,
        version,
    };
    let images = rules.images.iter();
    let moves = images
        .filter(|image| own.contains_key(&image.name))
        .flat_map(|image| others.candidates(image, known.origins))
        .collect();
    Ok(RollbackSurvey {
        repository: published.repository.clone(),
        version: version.clone(),
        own,
        moves,
        receipts: Vec::new(),
    })
}

fn channels(git: &[Version], published: Option<&Vec<ExactTag>>) -> Vec<String> {
    let published = published.into_iter().flatten().map(|exact| &exact.version);
    let all = git.iter().chain(published).filter_map(channel);
    let mut channels: Vec<String> = all.map(str::to_owned).collect();
    channels.sort();
    channels.dedup();
    channels
}

/// What is left of a repository without the version that is taken back.
struct Others<'a> {
    rules: &'a TagRules<'a>,
    lines: Vec<TagTarget>,
    days: Vec<TagTarget>,
    exact: BTreeMap<ImageName, Vec<ExactTag>>,
    channels: Vec<String>,
    before: &'a BTreeMap<Tag, Version>,
    version: &'a Version,
}

impl Others<'_> {
    /// The moving tags that the version competes for.
    fn candidates(&self, image: &ImageRule, origins: &Origins) -> Vec<Candidate> {
        let version = self.version;
        let find = |targets: &[TagTarget], tag: &Tag| {
            targets.iter().find(|target| target.tag == *tag).cloned()
        };
        let candidate = |tag: Tag, to: Option<TagTarget>, why: &str, none: &str| Candidate {
            why: match &to {
                Some(to) => format!("{} {why}", to.version),
                None => none.to_owned(),
            },
            image: image.name.clone(),
            tag,
            to,
        };
        let lines = self.rules.names(image, version, &self.channels).into_iter();
        let of_line = format!("is the highest of its line without {version}");
        let mut all: Vec<Candidate> = lines
            .map(|tag| {
                let to = find(&self.lines, &tag);
                candidate(
                    tag,
                    to,
                    &of_line,
                    "no other version of its line is published",
                )
            })
            .collect();
        if let Some(origin) = origins.get(version) {
            let days = self.rules.day_names(image, version, origin).into_iter();
            all.extend(days.map(|tag| {
                let to = find(&self.days, &tag);
                let none = "no other release is of that day";
                candidate(tag, to, "is of the same day", none)
            }));
        }
        all.extend(self.latest(image));
        all
    }

    /// `latest` where no version alone says where it belongs: what it showed before, else the highest stable
    /// version below.
    fn latest(&self, image: &ImageRule) -> Option<Candidate> {
        let named = |literal: Option<&str>| literal == Some("latest");
        let mut moving = self.rules.tags.moving.iter();
        if self.rules.tags.latest == Latest::Highest
            || !self.version.pre.is_empty()
            || !moving.any(|template| named(template.literal()))
        {
            return None;
        }
        let tag: Tag = image.latest.parse().ok()?;
        let exact = self.exact.get(&image.name).into_iter().flatten();
        let mut stable = exact.filter(|exact| exact.version.pre.is_empty());
        let below = |exact: &&ExactTag| exact.version.cmp_precedence(self.version).is_lt();
        let shown = self.before.get(&tag);
        let shown = stable.clone().find(|exact| shown == Some(&exact.version));
        let (to, why) = match shown {
            Some(exact) => (Some(exact), "is what it showed before"),
            None => (
                stable.rfind(below),
                "is the highest stable version before it",
            ),
        };
        Some(Candidate {
            why: match to {
                Some(exact) => format!("{} {why}", exact.version),
                None => "no stable version is before it".to_owned(),
            },
            to: to.map(|exact| TagTarget {
                tag: tag.clone(),
                image: image.name.clone(),
                version: exact.version.clone(),
                exact: vec![exact.tag.clone()],
            }),
            image: image.name.clone(),
            tag,
        })
    }
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
        let of = |candidate: &Candidate| {
            let exact = candidate.to.iter().flat_map(|to| to.exact.clone());
            exact.chain([candidate.tag.clone()]).collect::<Vec<_>>()
        };
        let mut tags: Vec<Tag> = self.moves.iter().flat_map(of).collect();
        tags.extend(self.own.values().cloned());
        tags.sort();
        tags.dedup();
        tags
    }

    /// What becomes of each moving tag that the version competes for.
    #[must_use]
    pub fn steps(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<RollbackStep> {
        let candidates = self.moves.iter();
        candidates
            .map(|candidate| self.step(candidate, shows))
            .collect()
    }

    /// The survey with what the git tags record.
    #[must_use]
    pub fn believing(mut self, receipts: &[(Version, Receipt)]) -> Self {
        self.receipts = receipts.to_vec();
        self
    }

    /// What a version has in this repository under the tags of an image.
    fn held(&self, version: &Version, image: &ImageName) -> HeldImage<'_> {
        HeldImage::of_version(&self.receipts, version, &self.repository, image)
    }

    /// The version's image as its release recorded it, and what its own tag shows. Somebody may have put another
    /// image under that tag, but not one that a higher version has.
    fn own_images<'a>(
        &'a self,
        image: &ImageName,
        at: impl Fn(&Tag) -> Option<&'a Digest>,
    ) -> Vec<&'a Digest> {
        let recorded = self.held(&self.version, image).digest();
        let is_of_a_higher = |digest: &Digest| {
            let mut all = self.receipts.iter();
            all.any(|(version, receipt)| {
                receipt.digest == *digest
                    && version.cmp_precedence(&self.version).is_gt()
                    && self.held(version, image).digest() == Some(digest)
            })
        };
        let shown = self.own.get(image).and_then(at);
        let shown = shown.filter(|digest| !is_of_a_higher(digest));
        recorded.into_iter().chain(shown).collect()
    }

    fn step(&self, candidate: &Candidate, shows: &BTreeMap<Tag, Observed>) -> RollbackStep {
        let at = |tag: &Tag| match shows.get(tag) {
            Some(Observed::At(digest)) => Some(digest),
            Some(Observed::Absent | Observed::Unknown) | None => None,
        };
        let version = &self.version;
        let stays = |why: String| RollbackStep::Stays(candidate.tag.clone(), why);
        let own = self.own_images(&candidate.image, at);
        let shown = shows
            .get(&candidate.tag)
            .cloned()
            .unwrap_or(Observed::Unknown);
        let is_at = match &shown {
            Observed::Absent => return stays("it is not there".to_owned()),
            Observed::Unknown => return stays("it cannot be read".to_owned()),
            Observed::At(shown) if !own.contains(&shown) => {
                return stays(format!("it does not show {version}"));
            }
            Observed::At(shown) => shown,
        };
        let Some(to) = &candidate.to else {
            return stays(candidate.why.clone());
        };
        let Some((from, want)) = to.exact.iter().find_map(|tag| Some((tag, at(tag)?))) else {
            return stays(format!("the image of {} cannot be read", to.version));
        };
        // Somebody may have put another image under the version's tag.
        let held = self.held(&to.version, &candidate.image);
        let want = held.digest().unwrap_or(want);
        if want == is_at {
            return stays(format!("{} is the same image", to.version));
        }
        RollbackStep::Back(Box::new(Drift {
            tag: candidate.tag.clone(),
            image: candidate.image.clone(),
            version: to.version.clone(),
            from: from.clone(),
            want: want.clone(),
            shown,
            state: DriftState::Wrong(Some(version.clone())),
            why: match held.other() {
                Some(other) => format!(
                    "{}; {} has the image `{other}` there",
                    candidate.why, to.version
                ),
                None => candidate.why.clone(),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        oci::Digest,
        plan::{release::rollback::*, tags::ReleaseOrigin},
    };

    fn tag(name: &str) -> Tag {
        name.parse().expect("a good tag")
    }

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[derive(Default)]
    struct Case<'a> {
        policy: &'a str,
        withdrawn: &'a [&'a str],
        /// Versions and the days of their releases.
        days: &'a [(&'a str, &'a str)],
        /// Tags and the versions that they showed before.
        before: &'a [(&'a str, &'a str)],
        /// Versions and the seeds of the images that their git tags record.
        recorded: &'a [(&'a str, &'a str)],
    }

    impl Case<'_> {
        /// Tags and the seed of the image that each shows → `tag → version: why`, or `tag: why it stays`.
        fn steps(&self, taken: &str, tags: &[(&str, &str)]) -> Vec<String> {
            let policy: Policy = toml::from_str(self.policy).expect("a good policy");
            let published = Published {
                tags: Listing::Known(tags.iter().map(|(name, _)| tag(name)).collect()),
                ..Published::not_asked("acme/api".parse().expect("a good name"))
            };
            let withdrawn: Vec<Version> = self.withdrawn.iter().map(|text| version(text)).collect();
            let origin = |(text, day): &(&str, &str)| {
                let instant = format!("{day}T12:00:00Z").parse().expect("an instant");
                let origin = ReleaseOrigin {
                    commit: crate::git::CommitId::new([7; 20]),
                    commit_time: instant,
                    instant,
                    is_recorded: true,
                };
                (version(text), origin)
            };
            let origins = self.days.iter().map(origin).collect();
            let known = KnownVersions {
                git: &[],
                withdrawn: &withdrawn,
                origins: &origins,
            };
            let before = self
                .before
                .iter()
                .map(|(name, text)| (tag(name), version(text)));
            let before = before.collect();
            let survey = rollback_survey(&policy, &known, &published, &version(taken), &before)
                .expect("a good list");
            let receipt = |(text, seed): &(&str, &str)| {
                let (image, seed) = seed.split_once(':').unwrap_or(("main", seed));
                let receipt = Receipt {
                    repository: published.repository.clone(),
                    digest: Digest::of(seed.as_bytes()),
                    image: ImageName::named(image),
                };
                (version(text), receipt)
            };
            let receipts: Vec<_> = self.recorded.iter().map(receipt).collect();
            let survey = survey.believing(&receipts);
            let at = |seed: &str| Observed::At(Digest::of(seed.as_bytes()));
            let all: BTreeMap<Tag, Observed> = tags
                .iter()
                .map(|(name, seed)| (tag(name), at(seed)))
                .collect();
            let looked = survey.tags_to_observe().into_iter().map(|tag| {
                let shown = all.get(&tag).cloned().unwrap_or(Observed::Absent);
                (tag, shown)
            });
            let line = |step: RollbackStep| match step {
                RollbackStep::Back(drift) => format!("{}: {}", drift.tag, drift.why),
                RollbackStep::Stays(tag, why) => format!("{tag} stays: {why}"),
            };
            survey
                .steps(&looked.collect())
                .into_iter()
                .map(line)
                .collect()
        }
    }

    fn steps(policy: &str, version: &str, tags: &[(&str, &str)]) -> Vec<String> {
        let case = Case {
            policy,
            ..Case::default()
        };
        case.steps(version, tags)
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
                "1.3 stays: no other version of its line is published",
                "1: 1.2.9 is the highest of its line without 1.3.0",
                "latest: 1.2.9 is the highest of its line without 1.3.0",
            ]
        );
        // Of what is behind already nothing moves.
        assert_eq!(
            steps(POLICY, "1.2.9", &tags),
            [
                "1.2 stays: no other version of its line is published",
                "1 stays: it does not show 1.2.9",
                "latest stays: it does not show 1.2.9",
            ]
        );
    }

    #[test]
    fn withdrawn_versions_are_passed_over() {
        let tags = [
            ("1.0.0", "a"),
            ("1.1.0", "b"),
            ("1.2.0", "c"),
            ("1", "c"),
            ("latest", "c"),
        ];
        let case = Case {
            policy: "[tags]\nmoving = [\"{major}\", \"latest\"]",
            // Taken back once more, because somebody has moved its tags forward again.
            withdrawn: &["1.1.0", "1.2.0"],
            ..Case::default()
        };
        assert_eq!(
            case.steps("1.2.0", &tags),
            [
                "1: 1.0.0 is the highest of its line without 1.2.0",
                "latest: 1.0.0 is the highest of its line without 1.2.0"
            ]
        );
    }

    #[test]
    fn latest_goes_back_under_every_policy() {
        let tags = [
            ("1.0.0", "a"),
            ("1.1.0", "b"),
            ("1.2.0", "c"),
            ("1.3.0-rc.1", "r"),
            ("latest", "c"),
        ];
        for (latest, before, withdrawn, expected) in [
            (
                "highest",
                &[][..],
                &[][..],
                "latest: 1.1.0 is the highest of its line without 1.2.0",
            ),
            (
                "branch",
                &[],
                &[],
                "latest: 1.1.0 is the highest stable version before it",
            ),
            (
                "branch",
                &[],
                &["1.1.0"],
                "latest: 1.0.0 is the highest stable version before it",
            ),
            (
                "branch",
                &[("latest", "1.0.0")],
                &[],
                "latest: 1.0.0 is what it showed before",
            ),
            // What it showed before is withdrawn, too, or nobody knows it.
            (
                "branch",
                &[("latest", "1.0.0")],
                &["1.0.0"],
                "latest: 1.1.0 is the highest stable version before it",
            ),
            (
                "branch",
                &[("latest", "0.9.0")],
                &[],
                "latest: 1.1.0 is the highest stable version before it",
            ),
            (
                "never",
                &[],
                &[],
                "latest: 1.1.0 is the highest stable version before it",
            ),
            (
                "branch",
                &[],
                &["1.0.0", "1.1.0"],
                "latest stays: no stable version is before it",
            ),
        ] {
            let case = Case {
                policy: &format!("[tags]\nmoving = [\"latest\"]\nlatest = \"{latest}\""),
                withdrawn,
                before,
                ..Case::default()
            };
            assert_eq!(
                case.steps("1.2.0", &tags),
                [expected],
                "{latest} {before:?} {withdrawn:?}"
            );
        }
    }

    #[test]
    fn a_tag_of_the_day_goes_to_the_other_release_of_that_day() {
        let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("2026-11-23", "b")];
        for (days, expected) in [
            (
                &[("1.0.0", "2026-11-23"), ("1.1.0", "2026-11-23")][..],
                &["2026-11-23: 1.0.0 is of the same day"][..],
            ),
            (
                &[("1.0.0", "2026-11-22"), ("1.1.0", "2026-11-23")],
                &["2026-11-23 stays: no other release is of that day"],
            ),
            (
                &[("1.1.0", "2026-11-22")],
                &["2026-11-22 stays: it is not there"],
            ),
            // Without a git tag of hoist's nothing tells the day.
            (&[("1.0.0", "2026-11-23")], &[]),
        ] {
            let case = Case {
                policy: "[tags]\nmoving = [\"{date}\"]",
                days,
                ..Case::default()
            };
            assert_eq!(case.steps("1.1.0", &tags), expected, "{days:?}");
        }
    }

    #[test]
    fn what_shows_something_else_is_left_alone() {
        let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("1", "x"), ("latest", "b")];
        assert_eq!(
            steps(POLICY, "1.1.0", &tags),
            [
                "1.1 stays: it is not there",
                "1 stays: it does not show 1.1.0",
                "latest: 1.0.0 is the highest of its line without 1.1.0"
            ]
        );
    }

    /// Somebody has put another image under the version's tag: what was released there counts, and what is there.
    #[test]
    fn an_overwritten_version_goes_back_by_its_receipt_and_by_its_tag() {
        let back = "latest: 1.0.0 is the highest stable version before it";
        let recorded = [("1.0.0", "a"), ("1.1.0", "b"), ("1.2.0", "c")];
        for (exact, latest, expected) in [
            ("a", "b", back),
            ("x", "b", back),
            ("x", "x", back),
            ("c", "b", back),
            ("a", "a", "latest stays: 1.0.0 is the same image"),
            ("x", "y", "latest stays: it does not show 1.1.0"),
            ("c", "c", "latest stays: it does not show 1.1.0"),
        ] {
            let tags = [
                ("1.0.0", "a"),
                ("1.1.0", exact),
                ("1.2.0", "c"),
                ("latest", latest),
            ];
            let case = Case {
                policy: "[tags]\nmoving = [\"latest\"]\nlatest = \"branch\"",
                recorded: &recorded,
                ..Case::default()
            };
            assert_eq!(case.steps("1.1.0", &tags), [expected], "{exact} {latest}");
        }
    }

    /// The repository had another image then: its own tag of that version is what it goes back to.
    #[test]
    fn a_version_of_another_image_goes_back_to_what_its_receipt_names() {
        let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("latest", "b")];
        for (recorded, latest, expected) in [
            (
                "worker:a",
                "b",
                "latest: 1.0.0 is the highest stable version before it; 1.0.0 has the image `worker` there",
            ),
            ("worker:b", "b", "latest stays: 1.0.0 is the same image"),
            ("worker:a", "a", "latest stays: it does not show 1.1.0"),
        ] {
            let mut tags = tags;
            tags[2].1 = latest;
            let case = Case {
                policy: "[tags]\nmoving = [\"latest\"]\nlatest = \"branch\"",
                recorded: &[("1.0.0", recorded), ("1.1.0", "b")],
                ..Case::default()
            };
            assert_eq!(case.steps("1.1.0", &tags), [expected], "{recorded}");
        }
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
        let line = "latest-alpine: 1.0.0 is the highest of its line without 1.1.0".to_owned();
        assert!(back.contains(&line), "{back:?}");
        assert_eq!(
            steps(POLICY, "1.1.0-rc.2", &tags),
            ["rc: 1.1.0-rc.1 is the highest of its line without 1.1.0-rc.2"]
        );
        let follows = "[tags]\nmoving = []\nchannel-follows = true";
        let promoted = [("1.1.0-rc.2", "s"), ("1.1.0", "s"), ("rc", "s")];
        assert_eq!(
            steps(follows, "1.1.0", &promoted),
            ["rc stays: 1.1.0-rc.2 is the same image"]
        );
    }
}
