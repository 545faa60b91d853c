//! Where moving tags should point, and where they do not, judged from what is published.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{
        release::{
            held::HeldImage,
            open_tags::{OpenTag, OpenTagState, open_tags},
            receipt::Receipt,
        },
        tags::{
            ExactTag, ExactTags, KnownVersions, Listing, Origins, Published, TagRules, TagTarget,
            day_unknown,
        },
    },
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
    pub exact: BTreeMap<ImageName, Vec<ExactTag>>,
    /// `latest` of each image, where no version alone says where it belongs.
    open: Vec<OpenTag>,
    /// The targets that are of a day.
    days: BTreeSet<Tag>,
    /// Targets of a day that may belong to a version of which nothing tells the day, with that version.
    doubtful: Vec<(TagTarget, Version)>,
    /// The exact tags of withdrawn versions.
    withdrawn: Vec<Tag>,
    /// The image that the release behind an exact tag recorded.
    recorded: BTreeMap<Tag, Digest>,
}

/// A moving tag that is shown as it is, because nothing tells what it should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnjudgedTag {
    /// The moving tag.
    pub tag: Tag,
    /// Whose image it shows.
    pub image: ImageName,
    /// What it showed when it was observed.
    pub shown: Observed,
    /// The version that it shows, where that is one that was looked at.
    pub version: Option<Version>,
    /// Why nothing tells what it should show.
    pub why: String,
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
    known_versions: &KnownVersions<'_>,
    published: &Published,
    elsewhere: &[Published],
) -> Result<DriftSurvey> {
    let Listing::Known(tags) = &published.tags else {
        return Err(unlisted(&published.repository));
    };
    let rules = TagRules::in_repository(policy, &published.repository);
    let KnownVersions {
        git,
        withdrawn,
        origins,
    } = *known_versions;
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
    let newest = newest_days(&rules, &reader, origins, &everywhere);
    let all = |tags: &[Tag]| {
        let mut days = rules.day_targets(&reader, origins, tags);
        // Whether a release of another tool had a tag of its day, nobody knows.
        let is_known = |target: &TagTarget| {
            let origin = origins.get(&target.version);
            tags.contains(&target.tag) || origin.is_some_and(|origin| origin.is_recorded)
        };
        days.retain(|target| newest.contains(&target.tag) && is_known(target));
        let mut targets = rules.targets(&reader, &known, tags);
        targets.extend(days);
        targets
    };
    let highest: BTreeMap<Tag, Version> = all(&everywhere)
        .into_iter()
        .map(|target| (target.tag, target.version))
        .collect();
    let mut targets = all(tags);
    // The line belongs to a version that this repository lacks: no image here is the right one.
    targets.retain(|target| {
        let highest = highest.get(&target.tag);
        highest.is_none_or(|highest| highest.cmp_precedence(&target.version).is_eq())
    });
    let mut doubtful = Vec::new();
    targets.retain(|target| {
        let is_of_day = newest.contains(&target.tag);
        let unknown =
            is_of_day.then(|| rules.unknown_above(&reader, (git, origins), &everywhere, target));
        let unknown = unknown.flatten();
        doubtful.extend(unknown.clone().map(|above| (target.clone(), above)));
        unknown.is_none()
    });
    Ok(DriftSurvey {
        repository: published.repository.clone(),
        targets,
        doubtful,
        open: open_tags(&rules, &reader, (&exact, withdrawn), tags),
        withdrawn: exact
            .values()
            .flatten()
            .filter(|exact| withdrawn.contains(&exact.version))
            .map(|exact| exact.tag.clone())
            .collect(),
        exact,
        days: newest,
        recorded: BTreeMap::new(),
    })
}

/// The tags of the day of the last release: those of other days are history.
fn newest_days(
    rules: &TagRules<'_>,
    reader: &ExactTags,
    origins: &Origins,
    tags: &[Tag],
) -> BTreeSet<Tag> {
    let published = reader.all(tags);
    let mut names = BTreeSet::new();
    for image in &rules.images {
        let exact = published.get(&image.name).into_iter().flatten();
        let known = exact.filter_map(|exact| Some((&exact.version, origins.get(&exact.version)?)));
        let newest = known.max_by_key(|(_, origin)| origin.instant);
        let tags = newest.map(|(version, origin)| rules.day_names(image, version, origin));
        names.extend(tags.into_iter().flatten());
    }
    names
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
    /// The survey with what git tags record, whatever somebody has put under a version's tag since.
    #[must_use]
    pub fn believing(mut self, receipts: &[(Version, Receipt)]) -> Self {
        for (image, all) in &self.exact {
            for exact in all {
                let held = HeldImage::of_version(receipts, &exact.version, &self.repository, image);
                if let Some(digest) = held.digest() {
                    self.recorded.insert(exact.tag.clone(), digest.clone());
                }
            }
        }
        self
    }

    /// The tags that have to be looked at before [`DriftSurvey::drift`] can judge.
    #[must_use]
    pub fn tags_to_observe(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self
            .targets
            .iter()
            .flat_map(|target| target.exact.iter().chain([&target.tag]))
            .cloned()
            .collect();
        // So that a tag which still shows one of them can be named.
        tags.extend(self.withdrawn.iter().cloned());
        for (target, above) in &self.doubtful {
            let of_image = self.exact.get(&target.image).into_iter().flatten();
            let either =
                of_image.filter(|exact| exact.version == target.version || exact.version == *above);
            tags.extend(either.map(|exact| exact.tag.clone()));
            tags.push(target.tag.clone());
        }
        for open in &self.open {
            tags.extend(open.tags_to_observe(&self.recorded));
        }
        tags.sort();
        tags.dedup();
        tags
    }

    /// Each moving tag beside what it shows.
    #[must_use]
    pub fn drift(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<Drift> {
        let targets = self.targets.iter();
        let judged = targets.filter_map(|target| self.judge(target, shows));
        let open = self.open.iter().filter_map(|open| self.owned(open, shows));
        judged.chain(open).collect()
    }

    /// Each moving tag that nothing can be said of but what it shows.
    #[must_use]
    pub fn unjudged(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<UnjudgedTag> {
        let open = self
            .open
            .iter()
            .filter(|open| open.owner(&self.recorded, shows).is_none());
        let of_branch = "`tags.latest` is \"branch\": no version says where it belongs";
        let open = open.map(|open| (&open.tag, &open.image, of_branch.to_owned()));
        let doubtful = self.doubtful.iter();
        let doubtful =
            doubtful.map(|(target, above)| (&target.tag, &target.image, day_unknown(above)));
        let unjudged = open.chain(doubtful).map(|(tag, image, why)| {
            let shown = shows.get(tag).cloned().unwrap_or(Observed::Unknown);
            let version = shown
                .digest()
                .and_then(|digest| self.version_of(image, digest, shows));
            UnjudgedTag {
                tag: tag.clone(),
                image: image.clone(),
                version,
                shown,
                why,
            }
        });
        unjudged.collect()
    }

    /// `None` where the exact tag itself is gone or cannot be read: nothing to compare with.
    fn judge(&self, target: &TagTarget, shows: &BTreeMap<Tag, Observed>) -> Option<Drift> {
        let at = |tag: &Tag| match shows.get(tag) {
            Some(Observed::At(digest)) => Some(self.recorded.get(tag).unwrap_or(digest)),
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
                DriftState::Wrong(self.version_of(&target.image, digest, shows))
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
            why: match self.days.contains(&target.tag) {
                true => format!("{} is the newest of that day", target.version),
                false => format!("{} is the highest of its line", target.version),
            },
        })
    }

    /// `None`: nothing tells where the tag belongs.
    fn owned(&self, open: &OpenTag, shows: &BTreeMap<Tag, Observed>) -> Option<Drift> {
        let found = open.owner(&self.recorded, shows)?;
        Some(Drift {
            tag: open.tag.clone(),
            image: open.image.clone(),
            version: found.owner.version,
            from: found.owner.tag,
            want: found.want,
            shown: shows.get(&open.tag).cloned().unwrap_or(Observed::Unknown),
            state: match found.state {
                OpenTagState::Right => DriftState::Right,
                OpenTagState::Missing => DriftState::Missing,
                OpenTagState::Unreadable => DriftState::Unreadable,
                OpenTagState::Wrong(version) => DriftState::Wrong(version),
            },
            why: found.why,
        })
    }

    /// The version whose exact tag shows `digest`, among those that were looked at.
    fn version_of(
        &self,
        image: &ImageName,
        digest: &Digest,
        shows: &BTreeMap<Tag, Observed>,
    ) -> Option<Version> {
        let exact = self.exact.get(image)?.iter().rev();
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

impl Drift {
    /// Why the tag cannot be moved where the repository lacks the image that it should show.
    #[must_use]
    pub fn gone(&self) -> String {
        format!(
            "the image of {}, {}, is not in this repository",
            self.version,
            self.want.short()
        )
    }

    /// The tag as one that stays as it is, because the repository lacks the image that it should show.
    #[must_use]
    pub fn without_image(self) -> UnjudgedTag {
        UnjudgedTag {
            why: format!("{}, and {}", self.why, self.gone()),
            version: match self.state {
                DriftState::Wrong(version) => version,
                DriftState::Right | DriftState::Missing | DriftState::Unreadable => None,
            },
            tag: self.tag,
            image: self.image,
            shown: self.shown,
        }
    }
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
    use crate::plan::{release::drift::*, tags::ReleaseOrigin};

    fn digest(seed: &str) -> Digest {
        Digest::of(seed.as_bytes())
    }

    /// Tags and the seed of the image that each shows → `tag version state`.
    fn drift(policy: &str, git: &[&str], tags: &[(&str, &str)]) -> Vec<String> {
        let none = (&[][..], &[][..]);
        surveyed(policy, git, none, tags).0
    }

    /// The same with versions that are withdrawn and the days of releases; and the tags that are not judged.
    fn surveyed(
        policy: &str,
        git: &[&str],
        (withdrawn, days): (&[&str], &[(&str, &str)]),
        tags: &[(&str, &str)],
    ) -> (Vec<String>, Vec<String>) {
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let git: Vec<Version> = git.iter().map(|v| v.parse().expect("a version")).collect();
        let tag = |name: &str| -> Tag { name.parse().expect("a good tag") };
        let published = Published {
            repository: "acme/api".parse().expect("a good name"),
            tags: Listing::Known(tags.iter().map(|(name, _)| tag(name)).collect()),
            shows: BTreeMap::new(),
            labels: BTreeMap::new(),
            unlisted: Vec::new(),
        };
        let withdrawn: Vec<Version> = withdrawn
            .iter()
            .map(|v| v.parse().expect("a version"))
            .collect();
        let origin = |(text, day): &(&str, &str)| {
            let instant = format!("{day}T12:00:00Z").parse().expect("an instant");
            let origin = ReleaseOrigin {
                commit: crate::git::CommitId::new([7; 20]),
                commit_time: instant,
                instant,
                is_recorded: true,
            };
            (text.parse().expect("a version"), origin)
        };
        let origins = days.iter().map(origin).collect();
        let known = KnownVersions {
            git: &git,
            withdrawn: &withdrawn,
            origins: &origins,
        };
        let survey = drift_survey(&policy, &known, &published, &[]).expect("a good survey");
        let all: BTreeMap<Tag, Observed> = tags
            .iter()
            .filter(|(_, seed)| !seed.is_empty())
            .map(|(name, seed)| (tag(name), Observed::At(digest(seed))))
            .collect();
        let shows: BTreeMap<Tag, Observed> = survey
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
        let open = |tag: &UnjudgedTag| match &tag.version {
            Some(version) => format!("{} shows {version}", tag.tag),
            None => format!("{} shows another image", tag.tag),
        };
        (
            survey.drift(&shows).iter().map(line).collect(),
            survey.unjudged(&shows).iter().map(open).collect(),
        )
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

    #[test]
    fn withdrawn_versions_have_no_line_and_latest_goes_back_from_them() {
        let tags = |latest| {
            [
                ("0.9.0", "o"),
                ("1.0.0", "a"),
                ("1.1.0", "b"),
                ("1", "b"),
                ("latest", latest),
            ]
        };
        let moving = "[tags]\nmoving = [\"{major}\", \"latest\"]\n";
        let branch = format!("{moving}latest = \"branch\"");
        let bad = (&["1.1.0"][..], &[][..]);
        let none = (&[][..], &[][..]);
        for (policy, withdrawn, latest, drift, open) in [
            (
                moving,
                none,
                "b",
                &["1 1.1.0 right", "latest 1.1.0 right"][..],
                &[][..],
            ),
            (
                moving,
                bad,
                "b",
                &["1 1.0.0 not 1.1.0", "latest 1.0.0 not 1.1.0"],
                &[],
            ),
            (
                &branch,
                none,
                "b",
                &["1 1.1.0 right"],
                &["latest shows 1.1.0"],
            ),
            (
                &branch,
                none,
                "x",
                &["1 1.1.0 right"],
                &["latest shows another image"],
            ),
            (
                &branch,
                bad,
                "b",
                &["1 1.0.0 not 1.1.0", "latest 1.0.0 not 1.1.0"],
                &[],
            ),
            (
                &branch,
                bad,
                "a",
                &["1 1.0.0 not 1.1.0", "latest 1.0.0 right"],
                &[],
            ),
            // No version has this image.
            (
                &branch,
                bad,
                "x",
                &["1 1.0.0 not 1.1.0", "latest 1.0.0 wrong"],
                &[],
            ),
            (
                &branch,
                bad,
                "",
                &["1 1.0.0 not 1.1.0", "latest 1.0.0 missing"],
                &[],
            ),
            // The highest version may be of another branch.
            (
                &branch,
                bad,
                "o",
                &["1 1.0.0 not 1.1.0"],
                &["latest shows 0.9.0"],
            ),
        ] {
            let found = surveyed(policy, &[], withdrawn, &tags(latest));
            let of = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(
                found,
                (of(drift), of(open)),
                "{policy} {withdrawn:?} {latest}"
            );
        }
    }

    #[test]
    fn the_tag_of_the_last_releases_day_belongs_to_its_newest_release() {
        let tags = [
            ("1.0.0", "a"),
            ("1.1.0", "b"),
            ("1.1.1", "c"),
            ("2026-11-22", "x"),
            ("2026-11-23", "b"),
        ];
        let days = [
            ("1.0.0", "2026-11-22"),
            ("1.1.0", "2026-11-23"),
            ("1.1.1", "2026-11-23"),
        ];
        let policy = "[tags]\nmoving = [\"{date}\"]";
        for (withdrawn, expected) in [
            (&[][..], "2026-11-23 1.1.1 wrong"),
            (&["1.1.1"], "2026-11-23 1.1.0 right"),
        ] {
            let found = surveyed(policy, &[], (withdrawn, &days), &tags).0;
            assert_eq!(found, [expected], "{withdrawn:?}");
        }
    }
    /// A clone that has not fetched the last release's git tag does not take its tag of the day away.
    #[test]
    fn the_day_of_a_version_that_the_clone_does_not_know_is_not_judged() {
        let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("2026-11-23", "b")];
        let days = [("1.0.0", "2026-11-23")];
        let policy = "[tags]\nmoving = [\"{date}\"]";
        let (judged, unjudged) = surveyed(policy, &["1.0.0"], (&[], &days), &tags);
        assert_eq!(judged, [""; 0]);
        assert_eq!(unjudged, ["2026-11-23 shows 1.1.0"]);
        // A git tag that tells of no day is a release of another tool.
        let (judged, _) = surveyed(policy, &["1.0.0", "1.1.0"], (&[], &days), &tags);
        assert_eq!(judged, ["2026-11-23 1.0.0 wrong"]);
    }
}
