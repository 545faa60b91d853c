//! Whether every tag of a release shows its image: what should be where, beside what is there.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    error::Result,
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::{
        release::{
            belonging::{Belonging, CheckState},
            differing::mark_differing,
            drift::{Drift, DriftState},
            held::HeldImage,
            places::{UnjudgedPlace, has_template, unjudged_places},
            receipt::Receipt,
            tag_check::TagCheck,
        },
        tags::{
            ExactTags, Listing, Origins, PlannedTag, Published, TagAction, TagContext, TagKind,
            TagRules, compute, day_unknown,
        },
    },
    policy::{Latest, Policy},
};

/// A release, and what is known of it beside what the repositories show.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseFacts<'a> {
    /// The release. Its own version is none of the withdrawn ones here.
    pub context: &'a TagContext<'a>,
    /// What the git tag says the release is. Without a receipt of an image, the image of the first repository
    /// that has the version's own tag counts.
    pub receipts: &'a [Receipt],
    /// Where and when versions were released.
    pub origins: &'a Origins,
    /// Whether the version was taken back.
    pub withdrawn: bool,
    /// Whether no repository shows an image of it: git alone knows the version, and it takes no tag from others.
    pub unpublished: bool,
    /// The policy that the release's commit holds, where it can be read.
    pub then: Option<&'a Policy>,
    /// Where the moving tags belong without the versions that are withdrawn or not published, as far as that is
    /// needed.
    pub drifts: &'a [(Repository, Drift)],
}

impl ReleaseFacts<'_> {
    fn drift(&self, repository: &Repository, tag: &Tag) -> Option<&Drift> {
        let mut all = self.drifts.iter();
        let found = all.find(|(place, drift)| place == repository && drift.tag == *tag);
        found.map(|(_, drift)| drift)
    }
}

/// What a look at a release has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseChecks {
    /// Each tag in each repository.
    pub tags: Vec<TagCheck>,
    /// The images in repositories that are not judged.
    pub unjudged: Vec<UnjudgedPlace>,
}

/// The tags of a release in every repository: fixed ones, which it should have, and each moving one with the
/// reason why it should have it or does not. `published` has to show them.
///
/// # Errors
/// As [`compute`], but for a fixed tag with another image, which is a finding here.
pub fn checks(
    policy: &Policy,
    release: &ReleaseFacts<'_>,
    published: &[Published],
) -> Result<ReleaseChecks> {
    let (context, receipts) = (release.context, release.receipts);
    let set = compute(policy, context, &without_images(published))?;
    let unjudged = unjudged_places((receipts, release.then), (policy, &set), published);
    let believed = |repository: &Repository, image: &ImageName| {
        let held = HeldImage::of(receipts, repository, image);
        held.digest().cloned().or_else(|| {
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
    // The tags that are compared with those of no other repository.
    let mut alone: BTreeSet<(Repository, Tag)> = BTreeSet::new();
    for repository in published {
        let rules = TagRules::in_repository(policy, &repository.repository);
        let days = days(&rules, release, set.tags(), published);
        let others = match release.withdrawn {
            true => of_others(&rules, release, repository),
            false => BTreeSet::new(),
        };
        let here = |planned: &&PlannedTag| {
            let mut unjudged = unjudged.iter();
            planned.is_for(&repository.repository)
                && !unjudged.any(|place| place.is(&repository.repository, &planned.image))
        };
        for planned in set.tags().iter().filter(here) {
            let mut want = believed(&repository.repository, &planned.image);
            let shown = repository.shows.get(&planned.tag).cloned();
            let shown = shown.unwrap_or(Observed::Unknown);
            let drift = release.drift(&repository.repository, &planned.tag);
            let place = match (planned.kind, drift) {
                (TagKind::Fixed, _) => own(release, planned),
                (TagKind::Moving, Some(drift)) if release.withdrawn => {
                    Belonging::Judged(drift, format!("{} is withdrawn", context.version))
                }
                (TagKind::Moving, None) if release.withdrawn => {
                    match others.contains(&planned.tag) {
                        true => Belonging::Withdrawn(format!("{} is withdrawn", context.version)),
                        false => {
                            let place = (repository.repository.clone(), planned.tag.clone());
                            alone.insert(place);
                            Belonging::Others(format!(
                                "{} is withdrawn, and no other version here has this tag",
                                context.version
                            ))
                        }
                    }
                }
                (TagKind::Moving, Some(drift)) if release.unpublished => {
                    Belonging::Judged(drift, format!("{} is not published", context.version))
                }
                (TagKind::Moving, None) if release.unpublished && shown.digest().is_some() => {
                    Belonging::Others(format!("{} is not published", context.version))
                }
                (TagKind::Moving, drift) => {
                    let here = &repository.repository;
                    let judged = place(&rules, (planned, &shown), here, release, &days);
                    match (judged, drift) {
                        // While the newest version is withdrawn, the others tell what it shows.
                        (Belonging::Open(why), Some(drift)) => Belonging::Judged(drift, why),
                        (place, _) => place,
                    }
                }
            };
            let held = HeldImage::of(receipts, &repository.repository, &planned.image);
            let image = match place {
                Belonging::Own(_) | Belonging::Later(_) => held.other().unwrap_or(&planned.image),
                _ => &planned.image,
            };
            let is_in_its_place = matches!(
                place,
                Belonging::Judged(drift, _) if drift.state == DriftState::Right
            );
            if is_in_its_place || held.other().is_some() {
                alone.insert((repository.repository.clone(), planned.tag.clone()));
            }
            let (state, why) = place.judge(want.as_ref(), &shown);
            match &place {
                Belonging::Judged(drift, _) if state != CheckState::Right => {
                    want = Some(drift.want.clone());
                }
                Belonging::Withdrawn(_) => want = None,
                _ => {}
            }
            checks.push(TagCheck {
                repository: repository.repository.clone(),
                tag: planned.tag.clone(),
                image: image.clone(),
                kind: planned.kind,
                state,
                want,
                shown,
                why,
            });
        }
    }
    mark_differing(&mut checks, &alone);
    if context.version.pre.is_empty() {
        let further = published.iter();
        let further = further.flat_map(|seen| unasked_latest(policy, seen, &checks, believed));
        let mut further: Vec<TagCheck> = further.collect();
        further.retain(|check| {
            let mut unjudged = unjudged.iter();
            !unjudged.any(|place| place.is(&check.repository, &check.image))
        });
        checks.extend(further);
    }
    Ok(ReleaseChecks {
        tags: checks,
        unjudged,
    })
}

/// `latest` where it is there and this release does not ask for it, because `tags.latest` says so.
fn unasked_latest(
    policy: &Policy,
    seen: &Published,
    checks: &[TagCheck],
    believed: impl Fn(&Repository, &ImageName) -> Option<Digest>,
) -> Vec<TagCheck> {
    let why = match policy.tags.latest {
        Latest::Never => "`tags.latest` is \"never\": no release moves it",
        Latest::Branch | Latest::Highest => "`tags.latest` is \"branch\"",
    };
    let rules = TagRules::in_repository(policy, &seen.repository);
    let mut all = rules.open_latest();
    all.retain(|(_, tag)| {
        let mut known = checks.iter();
        !known.any(|check| check.repository == seen.repository && check.tag == *tag)
    });
    let check = |(image, tag): (ImageName, Tag)| {
        let shown = seen.shows.get(&tag)?.clone();
        shown.digest()?;
        let want = believed(&seen.repository, &image);
        let (state, why) = Belonging::Open(why.to_owned()).judge(want.as_ref(), &shown);
        Some(TagCheck {
            repository: seen.repository.clone(),
            tag,
            image,
            kind: TagKind::Moving,
            state,
            want: None,
            shown,
            why,
        })
    };
    all.into_iter().filter_map(check).collect()
}

/// A fixed tag is the release's, unless its template came into the policy later.
fn own<'a>(release: &ReleaseFacts<'_>, planned: &PlannedTag) -> Belonging<'a> {
    let later = release
        .then
        .is_some_and(|then| !has_template(then, planned));
    match later {
        true => Belonging::Later(format!(
            "the policy of {} did not have `{}`",
            release.context.version, planned.template
        )),
        false => Belonging::Own(String::new()),
    }
}

/// The moving tags that another version than the release can have.
fn of_others(
    rules: &TagRules<'_>,
    release: &ReleaseFacts<'_>,
    repository: &Published,
) -> BTreeSet<Tag> {
    let context = release.context;
    let Listing::Known(tags) = &repository.tags else {
        return BTreeSet::new();
    };
    let without: Vec<Version> = context
        .withdrawn
        .iter()
        .chain([context.version])
        .cloned()
        .collect();
    let reader =
        ExactTags::new(rules, context.git.iter().chain([context.version])).passing_over(&without);
    let lines = rules.targets(&reader, context.git, tags);
    let days = rules.day_targets(&reader, release.origins, tags);
    let latest = rules.latest_of_branch(&reader, tags).into_iter();
    let latest = latest.filter(|(_, exact)| !exact.is_empty());
    let targets = lines.into_iter().chain(days).map(|target| target.tag);
    targets.chain(latest.map(|(tag, _)| tag)).collect()
}

/// Whose a tag of a day is.
struct DayOwner {
    /// The highest version that is known to be of that day.
    version: Version,
    /// A higher one of which nothing tells the day.
    unknown: Option<Version>,
}

/// The highest version of each tag of a day, over all repositories. The release counts where none has it.
fn days(
    rules: &TagRules<'_>,
    release: &ReleaseFacts<'_>,
    planned: &[PlannedTag],
    published: &[Published],
) -> BTreeMap<Tag, DayOwner> {
    let context = release.context;
    let reader = ExactTags::new(rules, context.git.iter().chain([context.version]))
        .passing_over(context.withdrawn);
    let mut days: BTreeMap<Tag, DayOwner> = BTreeMap::new();
    let own: Vec<Tag> = planned.iter().map(|planned| planned.tag.clone()).collect();
    let known = published.iter().map(|repository| {
        let listed: &[Tag] = match &repository.tags {
            Listing::Known(tags) => tags,
            _ => &[],
        };
        [listed, &repository.unlisted].concat()
    });
    let known: Vec<Vec<Tag>> = known.chain([own]).collect();
    for tags in &known {
        for target in rules.day_targets(&reader, release.origins, tags) {
            let unknown =
                rules.unknown_above(&reader, (context.git, release.origins), tags, &target);
            let known = days.entry(target.tag).or_insert_with(|| DayOwner {
                version: target.version.clone(),
                unknown: None,
            });
            if target.version.cmp_precedence(&known.version).is_gt() {
                known.version = target.version;
            }
            known.unknown = known.unknown.take().or(unknown);
        }
    }
    days
}

fn place(
    rules: &TagRules<'_>,
    (planned, shown): (&PlannedTag, &Observed),
    repository: &Repository,
    release: &ReleaseFacts<'_>,
    days: &BTreeMap<Tag, DayOwner>,
) -> Belonging<'static> {
    const NO_DAY: &str = "no git tag of hoist's tells when it was released";
    let version = release.context.version;
    let origin = release.origins.get(version);
    let is_recorded = origin.is_some_and(|origin| origin.is_recorded);
    let kept = planned
        .verdicts
        .iter()
        .find(|verdict| verdict.repository == *repository && verdict.action == TagAction::Keep);
    if rules.is_lasting(&planned.template) {
        return match kept {
            Some(verdict) => Belonging::Others(verdict.why.clone()),
            None => Belonging::Own(format!("{version} is the highest of its line")),
        };
    }
    if planned.template.is_of_a_branch() {
        return Belonging::Open("no version tells what a branch shows".to_owned());
    }
    if planned.template.literal() == Some("latest") {
        return Belonging::Open("`tags.latest` is \"branch\"".to_owned());
    }
    match days.get(&planned.tag) {
        Some(day) if !day.version.cmp_precedence(version).is_eq() => {
            Belonging::Others(format!("{} is of the same day", day.version))
        }
        Some(DayOwner {
            unknown: Some(above),
            ..
        }) => Belonging::Open(day_unknown(above)),
        // Whether a release of another tool had a tag of its day, nobody knows.
        Some(_) if *shown == Observed::Absent && !is_recorded => Belonging::Open(NO_DAY.to_owned()),
        Some(_) => Belonging::Own(format!("{version} is the newest of that day")),
        None => Belonging::Open(NO_DAY.to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use crate::plan::release::verify::*;
    use crate::plan::{tags::ReleaseOrigin, version::branch::BranchKind};

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
            unlisted: Vec::new(),
        }
    }

    fn findings(git: &[&str], published: &[Published], receipt: Option<&str>) -> Vec<String> {
        let all = all_findings("", false, &[], (git, published, receipt));
        // What is not its own is told beside it.
        let is_own = |line: &String| !line.contains(" kept") && !line.contains(" unjudged");
        all.into_iter()
            .filter(is_own)
            .map(|line| line.split(": ").next().unwrap_or("").to_owned())
            .collect()
    }

    /// `registry:tag state: why`, where 1.2.3 was released on the first of the `days`.
    fn all_findings(
        policy: &str,
        withdrawn: bool,
        days: &[(&str, &str)],
        (git, published, receipt): (&[&str], &[Published], Option<&str>),
    ) -> Vec<String> {
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
        let receipts: Vec<Receipt> = published
            .iter()
            .filter_map(|seen| {
                Some(Receipt {
                    repository: seen.repository.clone(),
                    digest: digest(receipt?),
                    image: ImageName::main(),
                })
            })
            .collect();
        let policy: Policy = toml::from_str(policy).expect("a good policy");
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
        let origins: Origins = days.iter().map(origin).collect();
        let release = ReleaseFacts {
            context: &context,
            receipts: &receipts,
            origins: &origins,
            withdrawn,
            unpublished: false,
            then: None,
            drifts: &[],
        };
        let checks = checks(&policy, &release, published).expect("a good release");
        let checks = checks.tags;
        let line = |c: &TagCheck| {
            let why = match &*c.why {
                "" => String::new(),
                why => format!(": {why}"),
            };
            format!(
                "{}:{} {}{why}",
                c.repository.registry(),
                c.tag,
                c.state.as_str()
            )
        };
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
    fn every_moving_tag_is_listed_with_its_reason() {
        let tags = [
            ("1.2.3", "a"),
            ("1.3.0", "c"),
            ("1.2", "a"),
            ("1", "c"),
            ("latest", "c"),
            ("1970-01-01", "a"),
        ];
        let list = "[tags]\nfixed = [\"{version}\"]\n";
        for (policy, withdrawn, days, expected) in [
            (
                "",
                false,
                &[("1.2.3", "1970-01-01")][..],
                &[
                    "1.2 right: 1.2.3 is the highest of its line",
                    "1 kept: 1.3.0 is newer (published)",
                    "latest kept: 1.3.0 is newer (published)",
                    "1970-01-01 unjudged: 1.3.0 is published, and this clone has no git tag that tells of which day it is (`git fetch --tags`); it shows this release",
                ][..],
            ),
            (
                "",
                false,
                &[("1.2.3", "1970-01-01"), ("1.3.0", "1970-01-02")],
                &[
                    "1.2 right: 1.2.3 is the highest of its line",
                    "1 kept: 1.3.0 is newer (published)",
                    "latest kept: 1.3.0 is newer (published)",
                    "1970-01-01 right: 1.2.3 is the newest of that day",
                ][..],
            ),
            (
                "latest = \"branch\"",
                false,
                &[("1.2.3", "1970-01-01"), ("1.3.0", "1970-01-01")],
                &[
                    "1.2 right: 1.2.3 is the highest of its line",
                    "1 kept: 1.3.0 is newer (published)",
                    "latest unjudged: `tags.latest` is \"branch\"; it shows another image",
                    "1970-01-01 kept: 1.3.0 is of the same day",
                ],
            ),
            (
                "",
                true,
                &[],
                &[
                    "1.2 kept: 1.2.3 is withdrawn, and no other version here has this tag",
                    "1 kept: 1.2.3 is withdrawn",
                    "latest kept: 1.2.3 is withdrawn",
                    "1970-01-01 kept: 1.2.3 is withdrawn, and no other version here has this tag",
                ],
            ),
            (
                "",
                true,
                &[("1.2.3", "1970-01-01"), ("1.3.0", "1970-01-01")],
                &[
                    "1.2 kept: 1.2.3 is withdrawn, and no other version here has this tag",
                    "1 kept: 1.2.3 is withdrawn",
                    "latest kept: 1.2.3 is withdrawn",
                    "1970-01-01 wrong: 1.2.3 is withdrawn",
                ],
            ),
            (
                "",
                false,
                &[],
                &[
                    "1.2 right: 1.2.3 is the highest of its line",
                    "1 kept: 1.3.0 is newer (published)",
                    "latest kept: 1.3.0 is newer (published)",
                    "1970-01-01 unjudged: no git tag of hoist's tells when it was released; it shows this release",
                ],
            ),
        ] {
            let policy = format!("{list}{policy}");
            let published = [repository("acme/api", &tags)];
            let found = all_findings(&policy, withdrawn, days, (&[], &published, None));
            let found: Vec<_> = found
                .iter()
                .skip(1)
                .map(|line| &line["docker.io:".len()..])
                .collect();
            assert_eq!(found, expected, "{policy}");
        }
    }

    #[test]
    fn a_tag_of_the_day_is_missing_where_nothing_is_published() {
        let published = [repository("acme/api", &[])];
        let days = [("1.2.3", "1970-01-01")];
        let found = all_findings("", false, &days, (&["1.2.3"], &published, Some("a")));
        let day = found.iter().find(|line| line.contains("1970-01-01"));
        assert_eq!(
            day.map(String::as_str),
            Some("docker.io:1970-01-01 missing: 1.2.3 is the newest of that day")
        );
        let found = all_findings("", false, &[], (&["1.2.3"], &published, Some("a")));
        let day = found.iter().find(|line| line.contains("1970-01-01"));
        assert!(day.is_some_and(|line| line.ends_with("; it is not there")));
    }

    #[test]
    fn a_tag_of_another_version_shows_one_image_everywhere() {
        let one = |latest| {
            [
                ("1.2.3", "a"),
                ("2.0.0", "b"),
                ("1.2", "a"),
                ("1", "a"),
                ("latest", latest),
            ]
        };
        for (other, state) in [("b", "kept"), ("a", "differs")] {
            let published = [
                repository("acme/api", &one("b")),
                repository("ghcr.io/acme/api", &one(other)),
            ];
            let found = all_findings("", false, &[], (&[], &published, None));
            let latest: Vec<_> = found
                .iter()
                .filter(|line| line.contains(":latest"))
                .collect();
            assert_eq!(latest.len(), 2, "{found:?}");
            assert!(
                latest
                    .iter()
                    .all(|line| line.contains(&format!(" {state}: "))),
                "{latest:?}"
            );
        }
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
