use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use semver::Version;

use super::*;
use crate::{
    error::{ErrorKind, Result},
    oci::{Digest, ImageName, Observed, Repository, Tag},
    plan::version::branch::BranchKind,
    policy::{MaintenanceLine, Policy},
};

const COMMIT: &str = "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3";

/// A release under test: policy, version, what git and the registry know.
struct Release {
    policy: Policy,
    version: Version,
    git: Vec<Version>,
    withdrawn: Vec<Version>,
    branch: Option<&'static str>,
    kind: BranchKind,
    published: Vec<Published>,
    image: Option<Digest>,
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a good version")
}

fn tag(text: &str) -> Tag {
    text.parse().expect("a good tag")
}

fn repository(text: &str) -> Repository {
    text.parse().expect("a good repository")
}

fn maintenance() -> BranchKind {
    BranchKind::Maintenance(MaintenanceLine {
        major: 1,
        minor: None,
    })
}

fn digest(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

fn release(text: &str, policy: &str) -> Release {
    Release {
        policy: toml::from_str(policy).expect("a good policy"),
        version: version(text),
        git: Vec::new(),
        withdrawn: Vec::new(),
        branch: Some("main"),
        kind: BranchKind::Stable,
        published: vec![Published::not_asked(repository("acme/api"))],
        image: None,
    }
}

impl Release {
    fn git(mut self, versions: &[&str]) -> Self {
        self.git = versions.iter().map(|text| version(text)).collect();
        self
    }

    fn branch(mut self, branch: Option<&'static str>, kind: BranchKind) -> Self {
        self.branch = branch;
        self.kind = kind;
        self
    }

    /// Tags and the seed of the image that each shows.
    fn published(mut self, tags: &[(&str, &str)]) -> Self {
        self.published = vec![published("acme/api", tags)];
        self
    }

    fn refused(mut self, shows: &[(&str, Observed)], labels: &[(&str, &str)]) -> Self {
        self.published = vec![Published {
            repository: repository("acme/api"),
            tags: Listing::Refused,
            shows: shows.iter().map(|(t, b)| (tag(t), b.clone())).collect(),
            labels: labels.iter().map(|(t, v)| (tag(t), version(v))).collect(),
            unlisted: Vec::new(),
        }];
        self
    }

    fn image(mut self, seed: &str) -> Self {
        self.image = Some(digest(seed));
        self
    }

    fn compute(&self) -> Result<TagSet> {
        let at = |text: &str| -> DateTime<Utc> { text.parse().expect("a good instant") };
        let images = self.image.clone().map(|digest| (ImageName::main(), digest));
        let context = TagContext {
            version: &self.version,
            commit: Some(COMMIT.parse().expect("a commit id")),
            commit_time: at("2026-11-20T23:59:00Z"),
            instant: at("2026-11-23T14:00:00Z"),
            branch: self.branch,
            branch_kind: &self.kind,
            git: &self.git,
            withdrawn: &self.withdrawn,
            images: images.into_iter().collect(),
        };
        compute(&self.policy, &context, &self.published)
    }

    /// `name action`, in commit order.
    fn tags(&self) -> Vec<String> {
        let line = |t: &PlannedTag| format!("{} {}", t.tag, t.action().as_str());
        let set = self.compute().expect("a good release");
        set.tags().iter().map(line).collect()
    }

    /// The names that are not kept.
    fn names(&self) -> String {
        let set = self.compute().expect("a good release");
        let names: Vec<_> = set.everywhere().map(|t| t.tag.to_string()).collect();
        names.join(" ")
    }

    fn why(&self, name: &str) -> String {
        let set = self.compute().expect("a good release");
        let found = set.tags().iter().find(|t| t.tag.as_str() == name);
        found.expect("the tag is in the set").why()
    }

    fn error(&self) -> (ErrorKind, String) {
        let error = self.compute().expect_err("it must be refused");
        (error.kind(), format!("{error:#}"))
    }
}

fn published(name: &str, tags: &[(&str, &str)]) -> Published {
    Published {
        repository: repository(name),
        tags: Listing::Known(tags.iter().map(|(name, _)| tag(name)).collect()),
        shows: tags
            .iter()
            .map(|(name, seed)| (tag(name), Observed::At(digest(seed))))
            .collect(),
        labels: BTreeMap::new(),
        unlisted: Vec::new(),
    }
}

const PLAIN: &str =
    "[tags]\nfixed = [\"{version}\"]\nmoving = [\"{major}.{minor}\", \"{major}\", \"latest\"]";

#[test]
fn the_default_set_in_commit_order() {
    assert_eq!(
        release("1.2.3", "").published(&[]).tags(),
        [
            "1.2.3 create",
            "sha-3f2a91c create",
            "1.2 create",
            "1 create",
            "latest create",
            "2026-11-23 create"
        ]
    );
}

#[test]
fn a_backport_moves_its_own_line_alone_and_names_what_holds_the_rest() {
    let backport = release("1.2.5", "")
        .git(&["1.2.4", "1.3.0", "2.0.0", "3.0.0-rc.1"])
        .published(&[
            ("1.2", "old"),
            ("1.3.0", "x"),
            ("2.0.0", "y"),
            ("3.0.0-rc.1", "z"),
        ])
        .image("new");
    assert_eq!(backport.names(), "1.2.5 sha-3f2a91c 1.2");
    assert_eq!(backport.why("1"), "1.3.0 is newer");
    assert_eq!(backport.why("latest"), "2.0.0 is newer");
    assert_eq!(backport.why("1.2"), "1.2.5 is the highest of the 1.2 line");
}

#[test]
fn a_withdrawn_version_holds_nothing_back_and_gets_no_moving_tag() {
    let tags = [("1.2.4", "a"), ("1.3.0", "x"), ("1", "a"), ("latest", "a")];
    let mut backport = release("1.2.5", PLAIN)
        .git(&["1.2.4", "1.3.0"])
        .published(&tags)
        .image("new");
    assert_eq!(
        backport.tags(),
        ["1.2.5 create", "1.2 create", "1 keep", "latest keep"]
    );
    backport.withdrawn = vec![version("1.3.0")];
    assert_eq!(
        backport.tags(),
        ["1.2.5 create", "1.2 create", "1 move", "latest move"]
    );
    // What the tag itself shows holds nothing back either, nor does git where there is no list.
    let mut blind = backport;
    blind.published[0].tags = Listing::Refused;
    blind.published[0].labels = [(tag("latest"), version("1.3.0"))].into();
    assert_eq!(
        blind.why("latest"),
        "1.2.5 is the highest of this repository"
    );
    blind.withdrawn.clear();
    assert_eq!(blind.why("latest"), "1.3.0 is newer");

    let mut own = release("1.3.0", PLAIN).published(&tags).image("x");
    own.withdrawn = vec![version("1.3.0")];
    assert_eq!(own.names(), "1.3.0");
    let set = own.compute().expect("a good release");
    assert!(
        set.explained()
            .iter()
            .any(|e| e.suppressed.as_deref() == Some("1.3.0 is withdrawn"))
    );
}

#[test]
fn a_published_exact_tag_holds_moving_tags_back_in_every_repository() {
    let mut release = release("1.2.5", PLAIN);
    release.published = vec![
        published(
            "acme/api",
            &[("2.0.0", "two"), ("latest", "two"), ("1", "x")],
        ),
        published("ghcr.io/acme/api", &[("1", "x")]),
    ];
    assert_eq!(
        release.tags(),
        ["1.2.5 create", "1.2 create", "1 move", "latest keep"]
    );
    assert_eq!(
        release.why("latest"),
        "docker.io/acme/api: keep, 2.0.0 is newer (published); \
         ghcr.io/acme/api: keep, 2.0.0 is newer (published in `docker.io/acme/api`)"
    );
}

/// Each way in which a version can be published or not: what becomes of `latest` of 1.2.5, by repository, and
/// what is said of the versions without an image.
#[test]
fn only_what_is_published_holds_a_tag_back() {
    type ListedTags = (
        Option<&'static [(&'static str, &'static str)]>,
        Option<&'static str>,
    );
    let old: ListedTags = (Some(&[("1.2.4", "a"), ("latest", "a")]), None);
    let bare: ListedTags = (Some(&[]), None);
    let refused: ListedTags = (None, None);
    let cases: &[(&[&str], &[ListedTags], &str, &str)] = &[
        // The git tag alone: nothing is held.
        (&["2.0.0"], &[old], "move", "2.0.0"),
        (&["2.0.0"], &[bare], "create", "2.0.0"),
        (
            &["2.0.0", "3.1.0"],
            &[old, bare],
            "move create",
            "2.0.0 3.1.0",
        ),
        // Pre-releases do not compete, and what is lower does not either.
        (&["2.0.0-rc.1", "1.2.4"], &[old], "move", ""),
        // An exact tag, here or in another repository of the policy.
        (&["2.0.0"], &[(Some(&[("2.0.0", "b")]), None)], "keep", ""),
        (
            &[],
            &[old, (Some(&[("2.0.0", "b")]), None)],
            "keep keep",
            "",
        ),
        (
            &["2.0.0"],
            &[old, (Some(&[("2.0.0", "b")]), None)],
            "keep keep",
            "",
        ),
        (
            &["2.0.0", "3.0.0"],
            &[(Some(&[("2.0.0", "b"), ("latest", "b")]), None)],
            "keep",
            "3.0.0",
        ),
        (
            &["2.0.0+b"],
            &[(Some(&[("2.0.0-b", "b")]), None)],
            "keep",
            "",
        ),
        // Another image's exact tag is not this image's, nor a name that only looks like one.
        (
            &["2.0.0"],
            &[(Some(&[("2.0.0-alpine", "b"), ("latest", "a")]), None)],
            "move",
            "2.0.0",
        ),
        (
            &["2.0.0"],
            &[(
                Some(&[("v2.0.0", "b"), ("2.0", "b"), ("latest", "a")]),
                None,
            )],
            "move",
            "2.0.0",
        ),
        // The exact tag is gone, and `latest` still shows the image, or that of the candidate it was.
        (
            &["2.0.0"],
            &[(Some(&[("latest", "b")]), Some("2.0.0"))],
            "keep",
            "",
        ),
        (
            &["2.0.0"],
            &[(Some(&[("latest", "b")]), Some("2.0.0-rc.2"))],
            "keep",
            "",
        ),
        (
            &["2.0.0"],
            &[old, (Some(&[("latest", "b")]), Some("2.0.0"))],
            "keep keep",
            "",
        ),
        (
            &["2.0.0", "3.0.0"],
            &[(Some(&[("latest", "b")]), Some("2.0.0"))],
            "keep",
            "3.0.0",
        ),
        (
            &["2.0.0"],
            &[(Some(&[("latest", "b")]), Some("1.2.4"))],
            "move",
            "2.0.0",
        ),
        // No list: git decides there, and there alone.
        (&["2.0.0"], &[refused], "keep", ""),
        (&["2.0.0"], &[old, refused], "move keep", "2.0.0"),
        (&["1.0.0"], &[(None, Some("2.0.0"))], "keep", ""),
        (
            &["1.0.0"],
            &[refused, (Some(&[("2.0.0", "b")]), None)],
            "keep keep",
            "",
        ),
    ];
    for (git, repositories, actions, unpublished) in cases {
        let mut release = release("1.2.5", &format!("{PLAIN}\n[variants.alpine]")).git(git);
        let repository = |(number, (tags, label)): (usize, &ListedTags)| {
            let mut one = published(&format!("r{number}.example/api"), tags.unwrap_or_default());
            if tags.is_none() {
                one.tags = Listing::Refused;
            }
            let label = label.map(|label| (tag("latest"), version(label)));
            one.labels = label.into_iter().collect();
            one
        };
        release.published = repositories.iter().enumerate().map(repository).collect();
        let set = release.compute().expect("a good release");
        let latest = set.tags().iter().find(|t| t.tag.as_str() == "latest");
        let verdicts = latest.expect("it is in the set").verdicts.iter();
        let found: Vec<_> = verdicts.map(|verdict| verdict.action.as_str()).collect();
        let found = found.join(" ").replace("unknown", "move");
        assert_eq!(found, *actions, "{git:?} {repositories:?}");
        let mut missing = set.unpublished().iter();
        let missing = missing.find(|one| one.tag.as_str() == "latest");
        let missing = missing.map(|one| unpublished_versions(std::slice::from_ref(one)));
        let missing: Vec<_> = missing.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(missing.join(" "), *unpublished, "{git:?} {repositories:?}");
    }
}

#[test]
fn a_version_without_an_image_is_named_with_the_way_on() {
    let note = |git: &[&str], tags: &[(&str, &str)], policy: &str| {
        let release = release("1.2.5", policy).git(git).published(tags);
        unpublished_notes(release.compute().expect("a good release").unpublished())
    };
    assert_eq!(note(&["1.2.4"], &[], PLAIN), Vec::<String>::new());
    assert_eq!(
        note(&["2.0.0"], &[], PLAIN),
        [
            "2.0.0 has a git tag and no image in any repository, and so holds no moving tag back: \
          `hoist release --version 2.0.0` at its commit publishes it"
        ]
    );
    let many = note(
        &["1.3.0", "2.0.0", "1.2.6", "3.0.0", "4.0.0"],
        &[("2.0.0", "x")],
        PLAIN,
    );
    assert_eq!(
        many,
        [
            "4.0.0, 3.0.0, 1.3.0 and 1 more have a git tag and no image in any repository, and so hold no \
          moving tag back: `hoist release --version 4.0.0` at its commit publishes it"
        ]
    );
    let image = note(
        &["2.0.0"],
        &[("2.0.0", "x")],
        &format!("{PLAIN}\n[variants.alpine]"),
    );
    assert_eq!(image.len(), 1);
    assert!(
        image[0].contains("no image of variant `alpine`"),
        "{image:?}"
    );
}

#[test]
fn offline_what_git_keeps_is_kept_and_the_rest_is_unknown() {
    assert_eq!(
        release("1.2.5", PLAIN).git(&["2.0.0"]).tags(),
        ["1.2.5 unknown", "1.2 unknown", "1 unknown", "latest keep"]
    );
}

#[test]
fn a_fixed_tag_never_moves() {
    let again = release("1.2.3", PLAIN).published(&[("1.2.3", "a"), ("1.2", "a"), ("1", "b")]);
    // Without a build the published image is what a second run completes.
    assert_eq!(
        again.tags(),
        ["1.2.3 same", "1.2 same", "1 move", "latest create"]
    );
    assert_eq!(again.image("a").tags()[0], "1.2.3 same");
    let other = release("1.2.3", PLAIN)
        .published(&[("1.2.3", "a")])
        .image("b");
    let (kind, text) = other.error();
    assert_eq!(kind, ErrorKind::Refused);
    assert!(text.contains("`1.2.3` of `docker.io/acme/api`"), "{text}");
}

#[test]
fn a_prerelease_takes_its_version_and_its_channel_alone() {
    let published = [("rc", "old"), ("latest", "one")];
    let rc = release("2.0.0-rc.2", "")
        .git(&["1.9.0", "2.0.0-rc.1", "2.0.0-beta.7"])
        .published(&published);
    assert_eq!(rc.tags(), ["2.0.0-rc.2 create", "rc move"]);
    // Older than the channel is, or newer stable versions: only the first holds it back.
    let behind = release("2.0.0-rc.2", "").git(&["2.0.0-rc.3"]);
    assert_eq!(behind.why("rc"), "2.0.0-rc.3 is newer");
    let late = release("2.0.0-rc.2", "").git(&["2.0.0", "3.0.0"]);
    assert_eq!(late.names(), "2.0.0-rc.2 rc");
    // No counter, no channel.
    assert_eq!(release("2.0.0-rc2", "").names(), "2.0.0-rc2");
}

#[test]
fn a_channel_follows_on_to_the_stable_release_by_policy() {
    let follows = "[tags]\nmoving = [\"latest\"]\nfixed = [\"{version}\"]\nchannel-follows = true";
    let git = &["2.0.0-rc.1", "2.0.0-beta.7"];
    let stable = release("2.0.0", follows).git(git);
    assert_eq!(stable.names(), "2.0.0 latest beta rc");
    // Forward only: a stable version below the candidate leaves it alone, and the other way round.
    let backport = release("1.9.1", follows).git(git);
    assert_eq!(backport.names(), "1.9.1 latest");
    let late = release("2.0.0-rc.2", follows).git(&["2.0.0"]);
    assert_eq!(late.why("rc"), "2.0.0 is newer");
}

#[test]
fn zero_is_no_line_to_follow() {
    assert_eq!(release("0.4.2", PLAIN).names(), "0.4.2 0.4 latest");
    let v = "[tags]\nmoving = [\"v{major}\", \"{major}.{minor}\"]";
    assert_eq!(release("0.4.2", v).names(), "0.4.2 sha-3f2a91c 0.4");
    let kept = format!("{PLAIN}\nzero-major = true");
    assert_eq!(release("0.4.2", &kept).names(), "0.4.2 0.4 0 latest");
}

#[test]
fn latest_by_policy() {
    let branch = format!("{PLAIN}\nlatest = \"branch\"");
    let at = |branch_name, kind| release("1.2.3", &branch).branch(branch_name, kind).names();
    assert_eq!(at(Some("main"), BranchKind::Stable), "1.2.3 1.2 1 latest");
    assert_eq!(at(None, BranchKind::Stable), "1.2.3 1.2 1 latest");
    assert_eq!(at(Some("1.x"), maintenance()), "1.2.3 1.2 1");
    let never = format!("{PLAIN}\nlatest = \"never\"");
    assert_eq!(release("1.2.3", &never).names(), "1.2.3 1.2 1");
}

#[test]
fn variants_have_suffixes_and_lines_of_their_own() {
    let policy = format!("{PLAIN}\n[variants.alpine]\n[variants.slim]\nlatest-suffix = false");
    let all = release("1.2.5", &policy).published(&[("2.0.0-alpine", "x"), ("1.2.6-slim", "y")]);
    assert_eq!(
        all.names(),
        "1.2.5 1.2.5-alpine 1.2.5-slim 1.2 1.2-alpine 1 1-alpine latest"
    );
    assert_eq!(all.why("latest-alpine"), "2.0.0 is newer (published)");
    assert_eq!(all.why("slim"), "1.2.6 is newer (published)");
    assert_eq!(all.why("1.2-slim"), "1.2.6 is newer (published)");
}

#[test]
fn placeholders() {
    let policy = "[branches]\nstable = [\"*\"]\n[tags]\nfixed = [\"v{version}\", \"{sha:12}\", \"{sha:full}\", \"{version}-{sha}\"]\n\
         moving = [\"{branch}\", \"{date:%Y%m%d}\", \"c-{commit_date}\", \"{major}.{minor}.{patch}-x\", \"{prerelease}\", \"{channel}\"]";
    let release = release("1.2.3", policy).branch(Some("feat/ünï--x"), BranchKind::Stable);
    assert_eq!(
        release.names(),
        format!(
            "v1.2.3 3f2a91c0d4e5 {COMMIT} 1.2.3-3f2a91c feat-n-x-x 20261123 c-2026-11-20 1.2.3-x"
        )
        .replace("feat-n-x-x", "feat-n---x")
    );
    let set = release.compute().expect("a good release");
    let why = |template: &str| {
        let found = set
            .explained()
            .iter()
            .find(|e| e.template.as_str() == template);
        found.and_then(|e| e.suppressed.clone())
    };
    assert_eq!(
        why("{channel}").as_deref(),
        Some("`{channel}` has no value here")
    );
    assert_eq!(
        why("{prerelease}").as_deref(),
        Some("`{prerelease}` has no value here")
    );
    assert_eq!(why("{branch}"), None);
    assert_eq!(
        why("{version}").as_deref(),
        Some("1.2.3 is not a pre-release")
    );
    let detached = Release {
        branch: None,
        ..release
    };
    assert!(!detached.names().contains("feat"));
}

#[test]
fn names_that_cannot_work_are_a_usage_error_that_names_the_template() {
    for (policy, words) in [
        ("[tags]\nmoving = [\"{date:%H:%M}\"]", "`{date:%H:%M}`"),
        (
            "[tags]\nmoving = [\"{major}.{minor}.{patch}\"]",
            "two templates give the tag `1.2.3`",
        ),
        (
            "[tags]\nmoving = [\"latest\", \"latest-x\"]\n[variants.x]",
            "`latest-x`",
        ),
    ] {
        let (kind, text) = release("1.2.3", policy).error();
        assert_eq!(kind, ErrorKind::Usage, "{policy}: {text}");
        assert!(text.contains(words), "{policy}: {text}");
    }
}

#[test]
fn row_1_a_name_that_the_facts_make_impossible_is_refused_before_the_build() {
    let branch = "[tags]\nmoving = [\"{branch}\"]";
    let long: &'static str = Box::leak("b".repeat(129).into_boxed_str());
    for (name, words) in [
        (".hidden", "first character"),
        (long, "longer than 128"),
        // A branch that reads like another release, or like this one's own tag.
        ("2.0.0", "names version 2.0.0"),
        ("1.2.3", "two templates give"),
    ] {
        let release = release("1.2.3", branch).branch(Some(name), BranchKind::Stable);
        let (kind, text) = release.error();
        assert_eq!(kind, ErrorKind::Refused, "{name}: {text}");
        assert!(text.contains("{branch}") && text.contains(words), "{text}");
    }
}

#[test]
fn a_branch_called_like_another_lines_tag_takes_it_not() {
    let policy = "[tags]\nmoving = [\"{major}.{minor}\", \"{major}\", \"latest\", \"{branch}\"]\nprerelease = [\"{version}\", \"{branch}\", \"{channel}\"]";
    let on = |text, branch| release(text, policy).branch(Some(branch), BranchKind::Stable);
    for (text, branch) in [
        ("2.0.0", "1.0"),
        ("2.0.0", "1"),
        ("2.0.0-rc.1", "2.0"),
        ("2.0.0-rc.1", "latest"),
    ] {
        let (kind, error) = on(text, branch).error();
        assert_eq!(kind, ErrorKind::Refused, "{text} {branch}: {error}");
        assert!(error.contains("{branch}"), "{error}");
    }
    // Its own line's tag is one tag with two reasons, and a label is the policy's.
    assert_eq!(on("1.0.7", "1.0").names(), "1.0.7 sha-3f2a91c 1.0 1 latest");
    assert_eq!(
        on("1.0.7", "1.0.x").names(),
        "1.0.7 sha-3f2a91c 1.0 1 latest 1.0.x"
    );
    assert_eq!(on("2.0.0-latest.1", "x").error().0, ErrorKind::Usage);
    // A day is no line, however it is written.
    let dated = "[tags]\nmoving = [\"{major}\", \"{date:%Y%m%d}\"]";
    assert_eq!(
        release("1.0.0", dated).names(),
        "1.0.0 sha-3f2a91c 1 20261123"
    );
}

#[test]
fn a_name_that_fits_two_templates_is_what_git_knows() {
    let policy = "[tags]\nfixed = [\"{version}\", \"{version}-{branch}\", \"{version}-{channel}\"]";
    let rc =
        release("1.3.0-rc.1", policy).branch(Some("next"), BranchKind::Prerelease("rc".into()));
    assert_eq!(rc.names(), "1.3.0-rc.1 rc");
    let stable = release("1.2.9", policy).branch(Some("main"), BranchKind::Stable);
    let known = stable
        .git(&["1.3.0-rc.1"])
        .published(&[("1.3.0-rc.1", "x")]);
    assert_eq!(known.names(), "1.2.9 1.2.9-main 1.2 1 latest 2026-11-23");
    // What git does not know holds back more rather than less.
    let unknown = release("1.2.9", policy)
        .branch(Some("main"), BranchKind::Stable)
        .published(&[("1.3.0-dev", "x")]);
    assert_eq!(unknown.why("latest"), "1.3.0 is newer (published)");
}

#[test]
fn a_promoted_image_behind_a_moving_tag_counts_as_what_it_became() {
    let shows = [
        ("latest", Observed::At(digest("x"))),
        ("1", Observed::Absent),
        ("1.9", Observed::Absent),
    ];
    let labels = [("latest", "2.0.0-rc.3")];
    let older = release("1.9.0", PLAIN).refused(&shows, &labels);
    assert_eq!(older.why("latest"), "2.0.0 is newer (published)");
}

#[test]
fn the_first_candidate_of_a_label_puts_a_followed_channel_where_it_belongs() {
    let follows = "[tags]\nmoving = [\"latest\"]\nfixed = [\"{version}\"]\nchannel-follows = true\n[variants.alpine]";
    let owed = |release: Release| -> Vec<(String, Option<String>)> {
        let set = release.compute().expect("a good release");
        let channel = |t: &&PlannedTag| t.tag.as_str().starts_with("rc");
        let tags = set.tags().iter().filter(channel);
        tags.map(|t| {
            let owed = t.verdicts[0].successor.as_ref();
            (t.tag.to_string(), owed.map(ToString::to_string))
        })
        .collect()
    };
    let candidate = || release("1.9.0-rc.1", follows).git(&["2.0.0", "1.8.0"]);
    let published = [
        ("2.0.0", "two"),
        ("1.8.0-alpine", "one"),
        ("2.0.0-alpine", "a"),
    ];
    let name = |tag: &str, of: Option<&str>| (tag.to_owned(), of.map(str::to_owned));
    assert_eq!(
        owed(candidate().published(&published)),
        [
            name("rc", Some("2.0.0")),
            name("rc-alpine", Some("2.0.0-alpine"))
        ]
    );
    // It is there, or nobody published what it belongs to: nothing is owed.
    let there = [("2.0.0", "two"), ("rc", "two")];
    assert_eq!(
        owed(candidate().published(&there)),
        [name("rc", None), name("rc-alpine", None)]
    );
    let own = release("2.1.0-rc.1", follows).git(&["2.0.0"]);
    assert_eq!(owed(own.published(&published))[0], name("rc", None));
}

#[test]
fn a_plus_becomes_a_dash_where_nothing_else_has_that_name() {
    assert_eq!(
        release("1.2.3+b.5", PLAIN).names(),
        "1.2.3-b.5 1.2 1 latest"
    );
    let (kind, text) = release("1.2.3+b.5", PLAIN).git(&["1.2.3-b.5"]).error();
    assert_eq!(kind, ErrorKind::Refused);
    assert!(
        text.contains("1.2.3-b.5") && text.contains("1.2.3+b.5"),
        "{text}"
    );
    // Equal precedence: build metadata holds nothing back.
    let equal = release("1.2.3+a", PLAIN).git(&["1.2.3+b"]);
    assert_eq!(equal.names(), "1.2.3-a 1.2 1 latest");
    // A published name with a `-` that git knows as a `+` is a stable version.
    let newer = release("1.2.2", PLAIN)
        .git(&["1.2.3+b"])
        .published(&[("1.2.3-b", "x")]);
    assert_eq!(newer.why("1.2"), "1.2.3+b is newer");
}

#[test]
fn what_looks_like_a_version_but_says_a_day_is_no_release() {
    let policy = "[tags]\nfixed = [\"{version}\"]\nmoving = [\"latest\", \"{date:%Y.%m.%d}\"]";
    let release = release("1.2.3", policy);
    let dated = release.published(&[("2026.11.20", "x"), ("latest", "x")]);
    assert_eq!(
        dated.tags(),
        ["1.2.3 create", "latest move", "2026.11.23 create"]
    );
    // Where git has that version, it is one.
    let calver = dated.git(&["2026.11.20"]);
    assert_eq!(calver.names(), "1.2.3");
}

#[test]
fn one_name_from_two_templates_is_one_tag_and_heeds_both_lines() {
    let policy = "[tags]\nfixed = [\"{version}\", \"{major}.{minor}.{patch}\"]\nmoving = [\"{major}\", \"1\"]";
    assert_eq!(release("1.2.3", policy).names(), "1.2.3 1");
    let behind = release("1.2.3", policy).git(&["2.0.0"]);
    assert_eq!(behind.names(), "1.2.3");
}

#[test]
fn a_registry_that_refuses_its_list_is_judged_by_git_and_labels() {
    let at = Observed::At(digest("x"));
    let shows = [("latest", at.clone()), ("1", at.clone()), ("1.2", at)];
    let labels = [("latest", "2.0.0"), ("1", "1.2.2"), ("1.2", "1.2.2")];
    let seen = release("1.2.3", PLAIN).refused(&shows, &labels);
    assert_eq!(
        seen.tags(),
        ["1.2.3 unknown", "1.2 move", "1 move", "latest keep"]
    );
    // Nothing known at all.
    let blind = || release("1.2.3", PLAIN).refused(&shows, &[]);
    assert_eq!(blind().error().0, ErrorKind::Refused);
    let maintenance = blind().branch(Some("1.2.x"), maintenance());
    assert_eq!(maintenance.names(), "1.2.3");
    assert_eq!(blind().git(&["1.2.2"]).names(), "1.2.3 1.2 1 latest");
    let trusting = release("1.2.3", &format!("{PLAIN}\nguard = \"git\""));
    assert_eq!(trusting.refused(&shows, &[]).names(), "1.2.3 1.2 1 latest");
    // A tag that is not there has nothing behind it.
    let absent: Vec<_> = shows.iter().map(|(t, _)| (*t, Observed::Absent)).collect();
    let fresh = release("1.2.3", PLAIN).refused(&absent, &[]);
    assert_eq!(fresh.names(), "1.2.3 1.2 1 latest");
}

#[test]
fn exact_tags_are_read_back_suffix_first() {
    let policy = "[tags]\nfixed = [\"v{version}\", \"v{version}-x\"]\n[variants.alpine]\n[variants.slim-alpine]";
    let policy: Policy = toml::from_str(policy).expect("a good policy");
    let rules = TagRules::of(&policy, &ImageName::main());
    let git = [version("1.2.3+b")];
    let reader = ExactTags::new(&rules, &git);
    for (name, expected) in [
        ("v1.2.3", Some((ImageName::main(), "1.2.3"))),
        (
            "v1.2.3-alpine",
            Some((ImageName::main().with_variant("alpine"), "1.2.3")),
        ),
        (
            "v1.2.3-slim-alpine",
            Some((ImageName::main().with_variant("slim-alpine"), "1.2.3")),
        ),
        (
            "v1.2.3-rc.1-alpine",
            Some((ImageName::main().with_variant("alpine"), "1.2.3-rc.1")),
        ),
        ("1.2.3-rc.1", Some((ImageName::main(), "1.2.3-rc.1"))),
        ("v1.2.3-b", Some((ImageName::main(), "1.2.3+b"))),
        ("v1.2.3-c", Some((ImageName::main(), "1.2.3-c"))),
        ("v1.2.3-x", Some((ImageName::main(), "1.2.3"))),
        (
            "v1.2.3-x-alpine",
            Some((ImageName::main().with_variant("alpine"), "1.2.3")),
        ),
        ("1.2.3", None),
        ("v1.2", None),
        ("vv1.2.3", None),
        ("v01.2.3", None),
        ("sha-3f2a91c", None),
        ("latest", None),
    ] {
        let expected = expected.map(|(image, text)| (image, version(text)));
        let read = reader.read(name);
        let read = read.map(|(image, version)| (image.clone(), version));
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn a_version_with_an_unknown_suffix_is_no_prerelease() {
    let policy: Policy = toml::from_str("[variants.slim]").expect("a good policy");
    let rules = TagRules::of(&policy, &ImageName::main());
    let git = ["1.0.0", "1.1.0-rc.1", "2.0.0-alpha.1", "1.2.0"].map(version);
    let reader = ExactTags::new(&rules, &git);
    for (name, expected) in [
        ("1.0.0-alpine", None),
        ("1.0.0-alpine3.22", None),
        ("1.0.0-rc.1-alpine", Some("1.0.0-rc.1-alpine")),
        ("1.1.0-rc.1-alpine", None),
        // A pre-release of which no git tag is here: others of its label are, or a branch gives it.
        ("1.0.0-rc.3", Some("1.0.0-rc.3")),
        ("1.0.0-rc4", Some("1.0.0-rc4")),
        ("1.0.0-alpha.2", Some("1.0.0-alpha.2")),
        ("1.2.0-beta.1", Some("1.2.0-beta.1")),
        // Nothing tells that the version is out.
        ("3.0.0-alpine", Some("3.0.0-alpine")),
        ("1.1.0-rc.1", Some("1.1.0-rc.1")),
    ] {
        let read = reader.read(name).map(|(_, version)| version);
        assert_eq!(read, expected.map(version), "{name}");
        let tag: Tag = name.parse().expect("a good tag");
        let told = reader.with_unknown_suffix(std::slice::from_ref(&tag));
        assert_eq!(told.len(), usize::from(expected.is_none()), "{name}");
    }
    let variant = ImageName::main().with_variant("slim");
    let read = reader.read("1.0.0-slim");
    assert_eq!(read, Some((&variant, version("1.0.0"))));
}

#[test]
fn a_release_needs_a_tag_that_names_its_version() {
    let policy = Policy::default();
    let rules = TagRules::of(&policy, &ImageName::main());
    assert!(rules.require_exact(&version("1.2.3")).is_ok());
    let policy: Policy = toml::from_str("[tags]\nfixed = [\"{sha}\"]").expect("a good policy");
    let without = TagRules::of(&policy, &ImageName::main());
    let error = without.require_exact(&version("1.2.3"));
    assert_eq!(error.map_err(|e| e.kind()), Err(ErrorKind::Usage));
    assert!(without.require_exact(&version("1.2.3-rc.1")).is_ok());
}

#[test]
fn the_version_tag_of_each_image() {
    let policy =
        "[tags]\nfixed = [\"sha-{sha}\", \"v{version}\", \"{version}\"]\n[variants.alpine]";
    let set = release("1.2.3", policy).compute().expect("a good release");
    assert_eq!(set.version_tag(&ImageName::main()), Some(&tag("v1.2.3")));
    assert_eq!(
        set.version_tag(&ImageName::main().with_variant("alpine")),
        Some(&tag("v1.2.3-alpine"))
    );
    assert_eq!(set.tags()[0].tag, tag("v1.2.3"));
}

/// Images of one version have the same names, each in its own repositories and by its own versions there.
#[test]
fn each_image_has_lines_of_its_own_in_its_own_repositories() {
    let policy = "[image]\nrepositories = [\"acme/api\", \"ghcr.io/acme/api\"]\n\
                  [images.worker]\nrepository = \"acme/worker\"\ntarget = \"worker\"\n\
                  [tags]\nfixed = [\"{version}\"]\nmoving = [\"{major}\", \"latest\"]\n\
                  [variants.alpine]\nimages = [\"worker\"]\n";
    let policy = Policy::parse(policy, "release.toml").expect("a good policy");
    let listed = |name: &str, tags: &[&str]| Published {
        tags: Listing::Known(tags.iter().map(|text| tag(text)).collect()),
        ..Published::not_asked(name.parse().expect("a good name"))
    };
    let published = [
        listed("acme/api", &["1.2.0"]),
        listed("ghcr.io/acme/api", &[]),
        listed("acme/worker", &["2.0.0", "1.2.0-alpine"]),
    ];
    let version = version("1.3.0");
    let context = TagContext {
        version: &version,
        commit: None,
        commit_time: DateTime::UNIX_EPOCH,
        instant: DateTime::UNIX_EPOCH,
        branch: None,
        branch_kind: &BranchKind::Stable,
        git: &[],
        withdrawn: &[],
        images: BTreeMap::new(),
    };
    let set = compute(&policy, &context, &published).expect("a good release");
    let shown: Vec<String> = set
        .tags()
        .iter()
        .map(|one| {
            let places = one.verdicts.len();
            format!(
                "{} {} {} {places}",
                one.image,
                one.tag,
                one.action().as_str()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "main 1.3.0 create 2",
            "worker 1.3.0 create 1",
            "worker/alpine 1.3.0-alpine create 1",
            "main 1 create 2",
            "main latest create 2",
            "worker 1 create 1",
            "worker/alpine 1-alpine create 1",
            "worker latest keep 1",
            "worker/alpine latest-alpine create 1",
        ]
    );
    let worker = ImageName::named("worker");
    let place = "acme/worker".parse().expect("a good name");
    assert!(set.is_in(&worker, &place) && !set.is_in(&ImageName::main(), &place));
    assert_eq!(set.names_in(&place).count(), 6);
    assert_eq!(set.version_tag(&worker), Some(&tag("1.3.0")));
    // A template is explained once for all.
    let tags: Vec<usize> = set.explained().iter().map(|one| one.tags.len()).collect();
    assert_eq!(&tags[..3], [2, 2, 2]);
}
