//! Whether an image that others made, in a layout or an archive, belongs to the commit that is
//! released. A layout that was not made anew would be published under a new version with the bytes of
//! an old one.
//!
//! An image says where it comes from by its label `org.opencontainers.image.revision`, and for which
//! version it was made by `org.opencontainers.image.version`. One that says nothing is believed, unless
//! another release published the same bytes from another commit. What `verify` would call wrong
//! afterwards is not released. Nor is an image whose label names a pre-release of the version: `verify` allows that
//! label, because `hoist promote` publishes such images, and a promotion is not judged here.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::{Digest, Runnable, Statement, StatementPlace, annotation},
    plan::{release::image_check::mislisted, version::bump::core},
    policy::SameImage,
    text::sanitize_line,
};

/// What a release knows about the images that it may be given.
#[derive(Debug, Clone)]
pub struct ImageOrigin {
    /// The version that is released.
    pub version: Version,
    /// The commit that is released.
    pub commit: CommitId,
    /// Its parent, where the release itself makes the commit or has made it in an earlier try: the
    /// image was built before that.
    pub parent: Option<CommitId>,
    /// The other releases: the last one and the last stable one in this history, then those that git tags record.
    pub before: Vec<EarlierRelease>,
    /// Whether the bytes of one of them may be published again.
    pub same_image: SameImage,
}

/// A release that was published.
#[derive(Debug, Clone)]
pub struct EarlierRelease {
    /// Its version.
    pub version: Version,
    /// The commit of its git tag, where it is known.
    pub commit: Option<CommitId>,
    /// The digests of its images, by its receipt or as the registries show them.
    pub digests: Vec<Digest>,
    /// The digests of the images that those list, one for a platform each; empty where nobody asked.
    pub parts: Vec<Digest>,
}

/// An image that others made.
#[derive(Debug, Clone, Copy)]
pub struct GivenImage<'a> {
    /// The manifest or index that is to be published.
    pub digest: &'a Digest,
    /// Each image that can run.
    pub runnable: &'a [Runnable],
    /// What the tags of the image end in; empty where it is not a variant.
    pub suffix: &'a str,
    /// The path in `image.build.layout`, for messages.
    pub layout: &'a str,
    /// Whether `image.build.command` has made it for this release.
    pub made: bool,
}

impl GivenImage<'_> {
    /// Which of its images is meant, as the beginning of a sentence.
    fn whose(&self, one: &Runnable) -> String {
        match one.platform() {
            Some(platform) if self.runnable.len() > 1 => {
                format!("its image for {}", platform.in_full())
            }
            _ => "its image".to_owned(),
        }
    }

    /// What a place says of one of its images, as the beginning of a sentence.
    fn says(&self, one: &Runnable, place: StatementPlace, key: &str, value: &str) -> String {
        let (whose, value) = (self.whose(one), sanitize_line(value, 100));
        match place {
            StatementPlace::Label => format!("{whose} has the label {key}={value}"),
            StatementPlace::Manifest
            | StatementPlace::Entry
            | StatementPlace::Index
            | StatementPlace::Layout
            | StatementPlace::LayoutIndex => {
                format!("of {whose}, {} says {value}", place.of_key(key))
            }
        }
    }
}

impl ImageOrigin {
    /// Whether `image` may be released. `Ok` has a note where it is released all the same.
    ///
    /// # Errors
    /// Refused (exit 4): a label names another commit or version, another release has the same bytes, or
    /// an image is listed for another platform than its own.
    pub fn check(&self, image: &GivenImage<'_>) -> Result<Option<String>> {
        let same = self.before.iter().find(|past| {
            past.digests.contains(image.digest) && !past.commit.is_some_and(|c| self.is_ours(&c))
        });
        if let Some(past) = same {
            return match self.same_image {
                SameImage::Allow => Ok(Some(format!(
                    "`{}` is the image of {}, which is published again as it is",
                    image.layout, past.version
                ))),
                SameImage::Refuse => Err(self.same(image, past)),
            };
        }
        let note = self.check_parts(image)?;
        for one in image.runnable {
            self.check_labels(image, one)?;
        }
        Ok(note)
    }

    /// The images for one platform each: one that another release published was not made anew, though the index was.
    fn check_parts(&self, image: &GivenImage<'_>) -> Result<Option<String>> {
        let is_past = |one: &Runnable, past: &EarlierRelease| {
            let digest = one.digest.as_ref();
            digest.is_some_and(|it| past.parts.contains(it) || past.digests.contains(it))
        };
        for past in &self.before {
            let mut stale = image.runnable.iter().filter(|one| is_past(one, past));
            let Some(first) = stale.next() else { continue };
            if past.commit.is_some_and(|commit| self.is_ours(&commit)) {
                continue;
            }
            return match self.same_image {
                SameImage::Allow => Ok(Some(format!(
                    "of `{}`, {} is that of {}, which is published again as it is",
                    image.layout,
                    image.whose(first),
                    past.version
                ))),
                SameImage::Refuse => Err(self.same_part(image, first, past)),
            };
        }
        Ok(None)
    }

    fn check_labels(&self, image: &GivenImage<'_>, one: &Runnable) -> Result<()> {
        let labels = Statement {
            place: StatementPlace::Label,
            values: one.labels.clone(),
        };
        for said in std::iter::once(&labels).chain(&one.statements) {
            let revision = said.says(annotation::REVISION);
            if let Some(revision) = revision.filter(|it| !self.names_us(it)) {
                let said = (said.place, annotation::REVISION, revision);
                return Err(self.other(image, one, said));
            }
            if let Some(text) = said.says(annotation::VERSION) {
                self.check_version(image, one, said.place, text)?;
            }
        }
        match mislisted(one) {
            Some(problem) => Err(wrongly_listed(image, problem.into_text())),
            None => Ok(()),
        }
    }

    /// The label of a pre-release is not that of its release either: `hoist promote` publishes the bytes of a
    /// pre-release.
    fn check_version(
        &self,
        image: &GivenImage<'_>,
        one: &Runnable,
        place: StatementPlace,
        text: &str,
    ) -> Result<()> {
        match annotation::version_of_image(text, &self.version, image.suffix) {
            Some(other) if other != self.version => {
                let other = other.to_string();
                Err(self.other(image, one, (place, annotation::VERSION, &other)))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_ours(&self, commit: &CommitId) -> bool {
        *commit == self.commit || Some(*commit) == self.parent
    }

    /// Whether a label is the id of the commit or its parent, in full or cut.
    fn names_us(&self, label: &str) -> bool {
        let mut ours = std::iter::once(&self.commit).chain(&self.parent);
        ours.any(|id| id.is_named_by(label))
    }

    /// What a place says of one of the images, under the key of a commit or of a version, is not the release's.
    fn other(
        &self,
        image: &GivenImage<'_>,
        one: &Runnable,
        (place, key, value): (StatementPlace, &str, &str),
    ) -> Error {
        let of_commit = key == annotation::REVISION;
        let version = annotation::labelled_version(value).filter(|_| !of_commit);
        let is_trial = version.as_ref().is_some_and(annotation::is_trial);
        let (code, what, ours, own) = match of_commit {
            true => (
                ErrorCode::ImageOfOtherCommit,
                "was not built from the commit that is released",
                format!("the commit is {}", self.commit),
                "$(git rev-parse HEAD)".to_owned(),
            ),
            false => (
                ErrorCode::ImageOfOtherVersion,
                match is_trial {
                    true => "is a trial build",
                    false => "was not made for the version that is released",
                },
                format!("the version is {}", self.version),
                self.version.to_string(),
            ),
        };
        let said = image.says(one, place, key, value);
        let mut error = Error::refused(format!("the image at `{}` {what}", image.layout))
            .with_code(code)
            .cause(format!("{said}, and {ours}"));
        if let Some(parent) = self.parent.filter(|_| of_commit) {
            error = error.cause(format!(
                "the release makes that commit on top of {parent}, whose images would be taken as well"
            ));
        }
        error = error.state("nothing was published").hint(made_anew(image));
        if is_trial {
            return error.hint("`hoist build --output DIR` or `hoist build --stage` makes a leg");
        }
        let was_before = |it: &Version| !it.pre.is_empty() && core(it) == self.version;
        if let Some(before) = version.filter(was_before) {
            error = error.hint(format!(
                "the image of a published pre-release becomes that of its release by `hoist promote {before}`"
            ));
        }
        error.hint(place.own_statement(key, &own))
    }

    fn same_part(&self, image: &GivenImage<'_>, one: &Runnable, past: &EarlierRelease) -> Error {
        let digest = one.digest.as_ref().unwrap_or(image.digest);
        Error::refused(format!(
            "of the image at `{}`, {} is one that {} published",
            image.layout,
            image.whose(one),
            past.version
        ))
        .with_code(ErrorCode::SameImage)
        .cause(format!(
            "{} has the digest {digest}{}",
            past.version,
            past.from()
        ))
        .state("nothing was published")
        .hint(made_anew(image))
        .hint(SAME_IS_MEANT)
    }

    fn same(&self, image: &GivenImage<'_>, past: &EarlierRelease) -> Error {
        Error::refused(format!(
            "the image at `{}` is the one that {} published",
            image.layout, past.version
        ))
        .with_code(ErrorCode::SameImage)
        .cause(format!(
            "{} has the digest {}{}",
            past.version,
            image.digest,
            past.from()
        ))
        .state("nothing was published")
        .hint(made_anew(image))
        .hint(SAME_IS_MEANT)
    }
}

impl EarlierRelease {
    /// Its commit, as the end of a sentence.
    fn from(&self) -> String {
        match &self.commit {
            Some(commit) => format!(", from the commit {commit}"),
            None => String::new(),
        }
    }
}

const SAME_IS_MEANT: &str = "where the same bytes are meant: `hoist release --allow-same-image`, or `image.build.same-image = \"allow\"`";

fn wrongly_listed(image: &GivenImage<'_>, problem: String) -> Error {
    Error::refused(format!(
        "an image at `{}` does not run on the platform that it is listed for",
        image.layout
    ))
    .with_code(ErrorCode::ImageOfOtherPlatform)
    .cause(problem)
    .state("nothing was published")
    .hint(
        "let the builder list each image under the platform of its configuration, and build again",
    )
}

fn made_anew(image: &GivenImage<'_>) -> String {
    if image.made {
        "`image.build.command` has to make the image of the commit `$HOIST_COMMIT`: check that it builds, and where it writes to".to_owned()
    } else {
        format!(
            "build `{}` again from the commit that is released, then run `hoist release` again",
            image.layout
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3";
    const PARENT: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";

    fn id(text: &str) -> CommitId {
        text.parse().expect("a commit's id")
    }

    fn origin(makes_commit: bool, before: &[(&str, Option<&str>, &str)]) -> ImageOrigin {
        let past = |(version, commit, content): &(&str, Option<&str>, &str)| EarlierRelease {
            version: version.parse().expect("a version"),
            commit: commit.map(id),
            digests: vec![Digest::of(content.as_bytes())],
            parts: vec![Digest::of(format!("part of {content}").as_bytes())],
        };
        ImageOrigin {
            version: Version::new(1, 1, 0),
            commit: id(OURS),
            parent: makes_commit.then(|| id(PARENT)),
            before: before.iter().map(past).collect(),
            same_image: SameImage::Refuse,
        }
    }

    /// An image for a platform, with a label.
    fn one(platform: &str, name: &str, label: Option<&str>) -> Runnable {
        Runnable {
            digest: None,
            listed: None,
            configured: platform.parse().ok(),
            labels: label
                .map(|label| (name.to_owned(), label.to_owned()))
                .into_iter()
                .collect(),
            statements: Vec::new(),
        }
    }

    /// `ok`, `note`, or the code of the refusal.
    fn verdict(origin: &ImageOrigin, content: &str, labels: &[Option<&str>]) -> &'static str {
        let platforms = ["linux/amd64", "linux/arm64"].iter().cycle();
        let runnable: Vec<_> = labels
            .iter()
            .zip(platforms)
            .map(|(label, platform)| one(platform, annotation::REVISION, *label))
            .collect();
        let image = GivenImage {
            digest: &Digest::of(content.as_bytes()),
            runnable: &runnable,
            suffix: "",
            layout: "dist/oci",
            made: false,
        };
        match origin.check(&image) {
            Ok(None) => "ok",
            Ok(Some(_)) => "note",
            Err(error) => {
                assert_eq!(error.exit_code(), 4);
                assert!(error.state_now().is_some() && error.first_hint().is_some());
                match error.code() {
                    ErrorCode::ImageOfOtherCommit => "other",
                    ErrorCode::SameImage => "same",
                    code => panic!("{code:?}"),
                }
            }
        }
    }

    #[test]
    fn every_label_has_to_be_of_this_commit() {
        let upper = OURS.to_uppercase();
        for (makes_commit, labels, expected) in [
            (false, &[][..], "ok"),
            (false, &[None], "ok"),
            (false, &[Some(OURS)], "ok"),
            (false, &[Some(&*upper)], "ok"),
            (false, &[Some(&OURS[..7])], "ok"),
            (false, &[Some(&OURS[..12]), Some(OURS)], "ok"),
            (false, &[Some(OURS), None], "ok"),
            (false, &[Some(&OURS[..6])], "other"),
            (false, &[Some(OTHER)], "other"),
            (false, &[Some(OURS), Some(OTHER)], "other"),
            (false, &[None, Some(OTHER)], "other"),
            (false, &[Some("main")], "other"),
            (false, &[Some("v1.2.3")], "other"),
            (false, &[Some(&format!("{OURS}-dirty"))], "other"),
            (false, &[Some(&format!("{OURS}00"))], "other"),
            (false, &[Some(PARENT)], "other"),
            (true, &[Some(PARENT)], "ok"),
            (true, &[Some(PARENT), Some(OURS)], "ok"),
            (true, &[Some(OTHER)], "other"),
        ] {
            let origin = origin(makes_commit, &[]);
            assert_eq!(verdict(&origin, "new", labels), expected, "{labels:?}");
        }
    }

    #[test]
    fn the_bytes_of_a_past_release_are_published_again_only_on_demand() {
        let last = ("1.1.0-rc.1", Some(OTHER), "rc");
        let stable = ("1.0.0", None, "stable");
        for (before, content, labels, expected, allowed) in [
            (&[last, stable][..], "new", None, "ok", "ok"),
            (&[last, stable], "rc", None, "same", "note"),
            (&[last, stable], "stable", None, "same", "note"),
            (&[last, stable], "rc", Some(OTHER), "same", "note"),
            // Another stale image is not the one that may be published again.
            (&[last, stable], "old", Some(OTHER), "other", "other"),
            // A release of this very commit, such as its pre-release.
            (&[("1.1.0-rc.1", Some(OURS), "rc")], "rc", None, "ok", "ok"),
            (
                &[("1.1.0-rc.1", Some(OURS), "rc"), stable],
                "rc",
                Some(OURS),
                "ok",
                "ok",
            ),
            (&[], "rc", None, "ok", "ok"),
        ] {
            let mut origin = origin(false, before);
            let labels = [labels];
            assert_eq!(verdict(&origin, content, &labels), expected, "{content}");
            origin.same_image = SameImage::Allow;
            assert_eq!(verdict(&origin, content, &labels), allowed, "{content}");
        }
        // The release's own commit stands on that of the pre-release.
        let origin = origin(true, &[("1.1.0-rc.1", Some(PARENT), "rc")]);
        assert_eq!(verdict(&origin, "rc", &[None]), "ok");
    }

    #[test]
    fn an_image_for_one_platform_that_was_not_made_anew_is_named() {
        let of = |digests: [&str; 2], same_image: SameImage, commit: &str| {
            let platforms = ["linux/amd64", "linux/arm64"].iter().zip(digests);
            let runnable: Vec<Runnable> = platforms
                .map(|(platform, digest)| Runnable {
                    digest: Some(Digest::of(digest.as_bytes())),
                    ..one(platform, annotation::REVISION, None)
                })
                .collect();
            let mut origin = origin(false, &[("1.0.0", Some(commit), "old")]);
            origin.same_image = same_image;
            origin.check(&GivenImage {
                digest: &Digest::of(b"new"),
                runnable: &runnable,
                suffix: "",
                layout: "dist/oci",
                made: false,
            })
        };
        for (digests, named) in [
            (["part of old", "b"], "linux/amd64"),
            (["a", "part of old"], "linux/arm64"),
            (["old", "b"], "linux/amd64"),
        ] {
            let error = of(digests, SameImage::Refuse, OTHER).expect_err("it is stale");
            assert_eq!(error.code(), ErrorCode::SameImage);
            let text = error.message();
            assert!(text.contains(named) && text.contains("1.0.0"), "{text}");
            let note = of(digests, SameImage::Allow, OTHER).expect("it is meant");
            assert!(note.is_some_and(|note| note.contains(named)));
            assert!(
                of(digests, SameImage::Refuse, OURS).is_ok(),
                "the same commit"
            );
        }
        assert!(of(["a", "b"], SameImage::Refuse, OTHER).is_ok());
    }

    #[test]
    fn the_platform_that_is_of_another_commit_is_named() {
        let runnable = [
            one("linux/amd64", annotation::REVISION, Some(OURS)),
            one("linux/arm64", annotation::REVISION, Some(OTHER)),
        ];
        let image = GivenImage {
            digest: &Digest::of(b"new"),
            runnable: &runnable,
            suffix: "",
            layout: "dist/oci",
            made: true,
        };
        let error = origin(true, &[]).check(&image).expect_err("arm64 is stale");
        let text = format!("{error:#}");
        for says in ["dist/oci", "linux/arm64", OTHER, OURS, PARENT] {
            assert!(text.contains(says), "{says}: {text}");
        }
        assert!(
            error
                .first_hint()
                .is_some_and(|hint| hint.contains("command"))
        );
    }

    /// What `verify` would call wrong afterwards is refused before.
    #[test]
    fn a_label_that_names_another_version_is_refused() {
        for (label, expected) in [
            ("1.1.0", None),
            ("", None),
            ("main", None),
            ("24.04", None),
            ("1.0.0", Some("1.0.0")),
            ("1.1.0-rc.1", Some("1.1.0-rc.1")),
            ("2.0.0-rc.1", Some("2.0.0-rc.1")),
            ("1.1.0+build", Some("1.1.0+build")),
        ] {
            let runnable = [
                one("linux/amd64", annotation::VERSION, None),
                one("linux/arm64", annotation::VERSION, Some(label)),
            ];
            let image = GivenImage {
                digest: &Digest::of(b"new"),
                runnable: &runnable,
                suffix: "",
                layout: "dist/oci",
                made: false,
            };
            let checked = origin(false, &[]).check(&image);
            match (checked, expected) {
                (Ok(None), None) => {}
                (Err(error), Some(named)) => {
                    assert_eq!(error.code(), ErrorCode::ImageOfOtherVersion, "{label}");
                    let text = format!("{error:#}");
                    assert!(
                        text.contains(named) && text.contains("linux/arm64"),
                        "{text}"
                    );
                    let promotes = error
                        .hints()
                        .join("")
                        .contains("`hoist promote 1.1.0-rc.1`");
                    assert_eq!(promotes, label == "1.1.0-rc.1", "{label}");
                    let version = "image.version=1.1.0";
                    assert!(
                        error.hints().iter().any(|hint| hint.contains(version)),
                        "{text}"
                    );
                }
                (checked, _) => panic!("{label}: {checked:?}"),
            }
        }
    }

    #[test]
    fn an_image_that_is_listed_for_another_platform_is_refused() {
        let mut wrong = one("linux/amd64", annotation::VERSION, None);
        wrong.listed = "linux/arm64".parse().ok();
        let image = GivenImage {
            digest: &Digest::of(b"new"),
            runnable: &[wrong],
            suffix: "",
            layout: "dist/oci",
            made: false,
        };
        let error = origin(false, &[]).check(&image).expect_err("it is amd64");
        assert_eq!(error.code(), ErrorCode::ImageOfOtherPlatform);
    }
}
