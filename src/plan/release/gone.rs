//! Images that a version's git tag records and that no repository has any more. The version is released, so another
//! image never gets its tags: only the same bytes do.

use semver::Version;

use crate::{
    error::{Error, ErrorCode},
    oci::{Digest, ImageName, Repository},
    plan::release::ownership::next_patch,
};

/// An image that the version's git tag records and that no repository has any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneImage {
    /// Which image of the release it is.
    pub image: ImageName,
    /// What the git tag records of it: one digest, unless the tag was made by hand.
    pub digests: Vec<Digest>,
    /// Where it was looked for.
    pub places: Vec<(Repository, GonePlace)>,
}

/// Why a repository does not give a recorded image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GonePlace {
    /// It does not have it.
    Lacks,
    /// It refuses to answer.
    Refuses,
    /// The policy does not name it any more, so it was not asked.
    NotInPolicy,
}

impl GoneImage {
    /// Why no other image is released as the version.
    #[must_use]
    pub fn refusal(&self, version: &Version) -> Error {
        let error = Error::refused(format!(
            "{version} is published already, and no repository has its image `{}` any more",
            self.image
        ));
        self.with_ways(error, version)
    }

    /// Why the image at `layout`, whose digest is `found`, is not released as the version.
    #[must_use]
    pub fn other_image(&self, version: &Version, layout: &str, found: &Digest) -> Error {
        let error = Error::refused(format!(
            "the image at `{layout}` is not the image `{}` of {version}, which is published already",
            self.image
        ));
        self.with_ways(error.cause(format!("it has the digest {found}")), version)
    }

    /// What a plan says where the image that lies there can still be the recorded one.
    #[must_use]
    pub fn note(&self, version: &Version) -> String {
        format!(
            "{version} is published already, and no repository has its image `{}` any more: only {} is released again",
            self.image,
            self.digests_text()
        )
    }

    fn digests_text(&self) -> String {
        let all: Vec<String> = self.digests.iter().map(ToString::to_string).collect();
        all.join(" or ")
    }

    fn with_ways(&self, error: Error, version: &Version) -> Error {
        let mut error = error
            .with_code(ErrorCode::ImageGone)
            .cause(format!("the git tag records {}", self.digests_text()));
        for (place, why) in [
            (GonePlace::Lacks, "asked, and without it"),
            (GonePlace::Refuses, "asked, and not allowed to be read"),
            (
                GonePlace::NotInPolicy,
                "not asked, because the policy does not name it any more",
            ),
        ] {
            let those = self.places.iter().filter(|(_, is)| *is == place);
            let names: Vec<String> = those.map(|(name, _)| format!("`{name}`")).collect();
            if !names.is_empty() {
                error = error.cause(format!("{why}: {}", names.join(", ")));
            }
        }
        let mut places = self.places.iter();
        if let Some((name, _)) = places.find(|(_, is)| *is == GonePlace::NotInPolicy) {
            error = error.hint(format!(
                "where `{name}` still has it: name that repository in the policy, too, and hoist takes it from there"
            ));
        }
        error
            .state("nothing was moved")
            .hint(format!(
                "where a layout or an archive has that digest: `hoist release --version {version} --from PATH`"
            ))
            .hint(format!(
                "else release the next version: `hoist release --version {}`",
                next_patch(version)
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_and_every_way_on_is_named() {
        let digest = Digest::of(b"gone");
        let names = ["localhost/a", "localhost/b", "localhost/c"];
        let whys = [GonePlace::Lacks, GonePlace::Refuses, GonePlace::NotInPolicy];
        let gone = |count: usize| GoneImage {
            image: ImageName::main(),
            digests: vec![digest.clone()],
            places: names
                .iter()
                .map(|name| name.parse().expect("a good name"))
                .zip(whys)
                .take(count)
                .collect(),
        };
        let version = Version::new(1, 0, 0);
        for count in 1..=3 {
            let layout = gone(count).other_image(&version, "dist/oci", &Digest::of(b"other"));
            for error in [gone(count).refusal(&version), layout] {
                assert_eq!(error.exit_code(), 4);
                assert_eq!(error.code(), ErrorCode::ImageGone);
                let text = format!("{error:#}");
                assert!(text.contains(&digest.to_string()), "{text}");
                for (place, name) in names.iter().enumerate() {
                    assert_eq!(text.contains(name), place < count, "{text}");
                }
                let hints = error.hints().join("; ");
                assert!(hints.contains("--version 1.0.0 --from"), "{hints}");
                assert!(hints.contains("--version 1.0.1"), "{hints}");
                assert_eq!(hints.contains("localhost/c"), count == 3, "{hints}");
            }
        }
    }
}
