//! Whether an image is what its release should be, as far as its platforms, labels and annotations tell. `verify`
//! reports what is wrong here, and a release adopts no image of which anything is.

use semver::Version;

use crate::{
    git::CommitId,
    oci::{Platform, Runnable, StatementPlace, annotation},
    plan::version::bump::core,
};

/// What the image of a release should be.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedImage<'a> {
    /// The version of the release.
    pub version: &'a Version,
    /// The commit of the release, and behind it the commit that a release commit was made from: a layout
    /// that others make can carry either. Empty where no git tag tells the commit.
    pub commits: &'a [CommitId],
    /// The platforms that the policy asks for; empty where it leaves them to the builder.
    pub platforms: &'a [Platform],
}

/// Something that is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageProblem {
    /// A label or an annotation names another commit.
    OtherCommit(String),
    /// A label or an annotation names another version.
    OtherVersion(String),
    /// A platform is missing, or is not what the index says.
    Platform(String),
}

impl ImageProblem {
    /// The problem as a fragment of a sentence.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::OtherCommit(text) | Self::OtherVersion(text) | Self::Platform(text) => text,
        }
    }

    /// Whether labels or annotations of the image are what is wrong.
    #[must_use]
    pub fn is_of_labels(&self) -> bool {
        match self {
            Self::OtherCommit(_) | Self::OtherVersion(_) => true,
            Self::Platform(_) => false,
        }
    }
}

impl ExpectedImage<'_> {
    /// What is wrong with an image, given all its parts that can run, each problem once. An image without
    /// labels and annotations says nothing, and one that was promoted still names the pre-release that it was.
    /// Those of an image that is published `again` on purpose are of an earlier version, and are not judged.
    #[must_use]
    pub fn problems(&self, images: &[Runnable], again: bool) -> Vec<ImageProblem> {
        let mut found = self.missing_platforms(images);
        for image in images {
            let label = |name: &str| image.labels.get(name).map(String::as_str);
            let mut problems = vec![mislisted(image)];
            if !again {
                let place = StatementPlace::Label;
                problems.push(self.other_commit(place, label(annotation::REVISION)));
                problems.push(self.other_version(place, label(annotation::VERSION)));
            }
            for said in image.statements.iter().filter(|_| !again) {
                problems.push(self.other_commit(said.place, said.says(annotation::REVISION)));
                problems.push(self.other_version(said.place, said.says(annotation::VERSION)));
            }
            for problem in problems.into_iter().flatten() {
                if !found.contains(&problem) {
                    found.push(problem);
                }
            }
        }
        found
    }

    fn missing_platforms(&self, images: &[Runnable]) -> Vec<ImageProblem> {
        let has = |wanted: &Platform| {
            let platforms = images.iter().filter_map(Runnable::platform);
            platforms.into_iter().any(|there| there.satisfies(wanted))
        };
        let missing = self.platforms.iter().filter(|platform| !has(platform));
        missing
            .map(|platform| ImageProblem::Platform(format!("platform {platform} is missing")))
            .collect()
    }

    fn other_commit(&self, place: StatementPlace, revision: Option<&str>) -> Option<ImageProblem> {
        let (revision, commit) = (revision?, self.commits.first()?);
        let named = self.commits.iter().any(|own| own.is_named_by(revision));
        (!named).then(|| {
            let place = place.in_words();
            ImageProblem::OtherCommit(format!("{place} says commit {revision}, not {commit}"))
        })
    }

    fn other_version(&self, place: StatementPlace, label: Option<&str>) -> Option<ImageProblem> {
        let other = other_version(self.version, label?)?;
        let place = place.in_words();
        Some(ImageProblem::OtherVersion(format!(
            "{place} says version {other}"
        )))
    }
}

/// The other version that a label names. What is not a version, such as the `24.04` of a base image, says
/// nothing about the release, and an image that was promoted still names the pre-release that it was.
fn other_version(version: &Version, label: &str) -> Option<Version> {
    let other = annotation::labelled_version(label)?;
    let promoted = core(&other) == *version && !other.pre.is_empty();
    (other != *version && !promoted).then_some(other)
}

/// An index entry for one platform whose image was made for another does not run where it is chosen.
pub(super) fn mislisted(image: &Runnable) -> Option<ImageProblem> {
    let (listed, configured) = (image.listed.as_ref()?, image.configured.as_ref()?);
    (!listed.lists(configured)).then(|| {
        ImageProblem::Platform(format!(
            "its index says platform {}, the image's config {}",
            listed.in_full(),
            configured.in_full()
        ))
    })
}

#[cfg(test)]
mod tests {
    use crate::{oci::Statement, plan::release::image_check::*};

    const OURS: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
    const BEFORE: &str = "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";
    const OTHER: &str = "c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2";

    /// `listed configured revision version`, `-` for what is not there.
    fn image(text: &str) -> Runnable {
        let parts: Vec<&str> = text.split(' ').collect();
        let platform = |text: &str| text.parse().ok();
        let label =
            |name: &str, value: &str| (value != "-").then(|| (name.to_owned(), value.to_owned()));
        Runnable {
            digest: None,
            listed: platform(parts[0]),
            configured: platform(parts[1]),
            labels: [
                label(annotation::REVISION, parts[2]),
                label(annotation::VERSION, parts[3]),
            ]
            .into_iter()
            .flatten()
            .collect(),
            statements: Vec::new(),
        }
    }

    fn problems(version: &str, commits: &[&str], platforms: &str, images: &[&str]) -> String {
        let version = version.parse().expect("a version");
        let commits: Vec<_> = commits
            .iter()
            .map(|id| id.parse().expect("a commit id"))
            .collect();
        let platforms = platforms.split(' ').filter(|text| !text.is_empty());
        let platforms: Vec<_> = platforms
            .map(|text| text.parse().expect("a platform"))
            .collect();
        let images: Vec<_> = images.iter().map(|text| image(text)).collect();
        let expected = ExpectedImage {
            version: &version,
            commits: &commits,
            platforms: &platforms,
        };
        let found = expected.problems(&images, false).into_iter();
        let found: Vec<_> = found.map(ImageProblem::into_text).collect();
        found.join("; ")
    }

    #[test]
    fn what_is_right() {
        let right = |version: &str, commits: &[&str], platforms: &str, images: &[&str]| {
            let found = problems(version, commits, platforms, images);
            assert_eq!(found, "", "{version} {images:?}");
        };
        let (both, ours) = (
            "linux/amd64 linux/arm64",
            format!("linux/amd64 linux/amd64 {OURS}"),
        );
        right("1.2.3", &[OURS], "", &["- - - -"]);
        right("1.2.3", &[OURS], "linux/amd64", &[&format!("{ours} 1.2.3")]);
        right("1.2.3", &[OURS], "linux/amd64", &["- linux/amd64 - 24.04"]);
        right("1.2.3", &[OURS], "linux/amd64", &["- linux/amd64 - v1.2.3"]);
        right(
            "1.2.3",
            &[OURS],
            "linux/arm",
            &["linux/arm/v7 linux/arm - -"],
        );
        right(
            "1.2.3",
            &[OURS],
            both,
            &[&format!("{ours} -"), "linux/arm64/v8 linux/arm64 - -"],
        );
        // Promoted; made by others from the commit that the release commit stands on; of no known commit.
        right("1.2.3", &[OURS], "", &[&format!("{ours} 1.2.3-rc.4")]);
        right(
            "1.2.3",
            &[OURS, BEFORE],
            "",
            &[&format!("- - {BEFORE} 1.2.3")],
        );
        right("1.2.3", &[OURS], "", &[&format!("- - {} -", &OURS[..7])]);
        right("1.2.3", &[], "", &[&format!("- - {OTHER} 1.2.3")]);
        // More than the policy asks for.
        right(
            "1.2.3",
            &[OURS],
            "linux/amd64",
            &[&format!("{ours} -"), "linux/s390x - - -"],
        );
    }

    /// Annotations are judged as labels are, wherever they stand.
    #[test]
    fn annotations_that_contradict_are_wrong() {
        let version = "1.2.3".parse().expect("a version");
        let commits = [OURS.parse().expect("a commit id")];
        let expected = ExpectedImage {
            version: &version,
            commits: &commits,
            platforms: &[],
        };
        for (place, key, value, says) in [
            (
                StatementPlace::Manifest,
                annotation::REVISION,
                OTHER,
                Some(format!(
                    "an annotation of its manifest says commit {OTHER}, not {OURS}"
                )),
            ),
            (
                StatementPlace::Index,
                annotation::VERSION,
                "v1.2.4",
                Some("an annotation of its index says version 1.2.4".to_owned()),
            ),
            (StatementPlace::Entry, annotation::VERSION, "24.04", None),
            (StatementPlace::Manifest, annotation::REVISION, OURS, None),
            (StatementPlace::Index, annotation::VERSION, "1.2.3", None),
        ] {
            let mut runnable = image(&format!("- - {OURS} 1.2.3"));
            let values = [(key.to_owned(), value.to_owned())].into();
            runnable
                .statements
                .extend(Statement::of_origin(place, &values));
            let found = expected.problems(std::slice::from_ref(&runnable), false);
            let found: Vec<_> = found.into_iter().map(ImageProblem::into_text).collect();
            assert_eq!(found, says.into_iter().collect::<Vec<_>>(), "{value}");
            assert_eq!(expected.problems(&[runnable], true), []);
        }
    }

    #[test]
    fn what_is_wrong() {
        let wrong = |version: &str, platforms: &str, images: &[&str], says: &str| {
            let found = problems(version, &[OURS, BEFORE], platforms, images);
            assert_eq!(found, says, "{version} {images:?}");
        };
        let commit = format!("its label says commit {OTHER}, not {OURS}");
        let good = format!("linux/amd64 - {OURS} 1.2.3");
        let other = format!("linux/arm64 - {OTHER} 1.2.3");
        wrong("1.2.3", "", &[&good, &other], &commit);
        wrong("1.2.3", "", &[&other, &other], &commit);
        wrong(
            "1.2.3",
            "",
            &[&format!("- - {} -", &OURS[..6])],
            &format!("its label says commit {}, not {OURS}", &OURS[..6]),
        );
        let version = "its label says version 9.9.9";
        wrong("1.2.3", "", &["- - - v9.9.9"], version);
        wrong(
            "1.2.3",
            "",
            &["- - - 0.0.0-dev"],
            "its label says version 0.0.0-dev",
        );
        wrong(
            "1.2.3",
            "",
            &["- - - 1.2.4-rc.1"],
            "its label says version 1.2.4-rc.1",
        );
        wrong(
            "1.2.3-rc.1",
            "",
            &["- - - 1.2.3"],
            "its label says version 1.2.3",
        );
        wrong(
            "1.2.3",
            "",
            &["- - - 1.2.3+b"],
            "its label says version 1.2.3+b",
        );
        wrong(
            "1.2.3",
            "linux/amd64",
            &["- linux/arm64 - -"],
            "platform linux/amd64 is missing",
        );
        wrong(
            "1.2.3",
            "linux/arm64/v9",
            &["linux/arm64/v8 - - -"],
            "platform linux/arm64/v9 is missing",
        );
        wrong(
            "1.2.3",
            "linux/amd64",
            &[],
            "platform linux/amd64 is missing",
        );
        wrong(
            "1.2.3",
            "linux/amd64",
            &["- - - -"],
            "platform linux/amd64 is missing",
        );
        wrong(
            "1.2.3",
            "linux/amd64",
            &["linux/amd64 linux/arm64 - -"],
            "its index says platform linux/amd64, the image's config linux/arm64",
        );
        wrong(
            "1.2.3",
            "linux/arm",
            &["linux/arm/v6 linux/arm/v7 - -"],
            "its index says platform linux/arm/v6, the image's config linux/arm/v7",
        );
    }

    #[test]
    fn versions_of_an_operating_system_that_differ_are_shown() {
        let mut image = image("windows/amd64 windows/amd64 - -");
        let version = |platform: &mut Option<Platform>, version: &str| {
            let platform = platform.as_mut().expect("a platform");
            platform.os_version = Some(version.to_owned());
        };
        version(&mut image.listed, "10.0.17763.1");
        version(&mut image.configured, "10.0.20348.1");
        let problem = mislisted(&image).expect("it differs").into_text();
        assert_eq!(
            problem,
            "its index says platform windows/amd64 (os.version 10.0.17763.1), the image's config windows/amd64 (os.version 10.0.20348.1)"
        );
    }
}
