//! What a version has in a repository: what the receipt in its git tag says, whatever the policy says today. The policy
//! counts for versions without a receipt, and for places that the receipt does not name.

use semver::Version;

use crate::{
    error::{Error, ErrorCode},
    oci::{Digest, ImageName, Repository},
    plan::release::receipt::Receipt,
    policy::Policy,
    text::shell_word,
};

/// What the receipts of one version say of the tags that an image of the policy has in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldImage<'a> {
    /// The image was published there.
    Same(&'a Receipt),
    /// Another image was, under the same tags.
    Other(&'a Receipt),
    /// The image was published in other repositories, and no image in this one: it may have come there later.
    Elsewhere(&'a Receipt),
    /// They do not tell.
    Unrecorded,
}

impl<'a> HeldImage<'a> {
    /// What the `receipts` of a version say of `image` in `repository`. Tags are called by the variant, so the image of
    /// the same variant is the one under them.
    #[must_use]
    pub fn of(
        receipts: impl IntoIterator<Item = &'a Receipt>,
        repository: &Repository,
        image: &ImageName,
    ) -> Self {
        let mut found = Self::Unrecorded;
        let mut is_named = false;
        for receipt in receipts {
            let is_here = receipt.repository == *repository;
            is_named |= is_here && receipt.image.plain() != image.plain();
            match (is_here, receipt.image == *image) {
                (true, true) => return Self::Same(receipt),
                (true, false) if receipt.image.variant() == image.variant() => {
                    found = Self::Other(receipt);
                }
                (false, true) if found == Self::Unrecorded => found = Self::Elsewhere(receipt),
                (true | false, _) => {}
            }
        }
        match found {
            // The repository is another image's in this version.
            Self::Elsewhere(_) if is_named => Self::Unrecorded,
            found => found,
        }
    }

    /// The same of one version among all receipts.
    #[must_use]
    pub fn of_version(
        receipts: &'a [(Version, Receipt)],
        version: &Version,
        repository: &Repository,
        image: &ImageName,
    ) -> Self {
        let own = receipts.iter().filter(|(of, _)| of == version);
        Self::of(own.map(|(_, receipt)| receipt), repository, image)
    }

    /// What tells the image that the tags should show.
    #[must_use]
    pub fn receipt(self) -> Option<&'a Receipt> {
        match self {
            Self::Same(receipt) | Self::Other(receipt) | Self::Elsewhere(receipt) => Some(receipt),
            Self::Unrecorded => None,
        }
    }

    /// The image that the tags should show.
    #[must_use]
    pub fn digest(self) -> Option<&'a Digest> {
        self.receipt().map(|receipt| &receipt.digest)
    }

    /// The name of another image that the version has there.
    #[must_use]
    pub fn other(self) -> Option<&'a ImageName> {
        match self {
            Self::Other(receipt) => Some(&receipt.image),
            Self::Same(_) | Self::Elsewhere(_) | Self::Unrecorded => None,
        }
    }
}

/// The first repository that has an image of a version, as its `receipts` say, and that the policy gives to another one.
/// Where the version has no image of the new name, only the name may have changed: then `is_there` tells whether the
/// repository still shows the recorded image.
#[must_use]
pub fn given_away<'a>(
    policy: &Policy,
    receipts: &'a [Receipt],
    is_there: impl Fn(&Receipt) -> bool,
) -> Option<(&'a Receipt, ImageName)> {
    let repositories = policy.repositories();
    let named = receipts.iter();
    let mut named = named.filter(|receipt| repositories.contains(&receipt.repository));
    named.find_map(|receipt| {
        let now = policy.image_in(&receipt.repository);
        let is_of_now = |other: &&Receipt| other.image.plain() == now;
        let has_now = receipts.iter().any(|other| is_of_now(&other));
        let mut here = receipts.iter().filter(is_of_now);
        let has_it = here.any(|other| other.repository == receipt.repository);
        let is_plain = receipt.image.variant().is_none();
        let is_other = !has_it && (has_now || (is_plain && !is_there(receipt)));
        is_other.then_some((receipt, now))
    })
}

/// Says that a version is not completed by a policy that gives one of its repositories to another image. `tag` is its
/// git tag.
#[must_use]
pub fn not_by_this_policy(
    version: &Version,
    tag: &str,
    (receipt, now): &(&Receipt, ImageName),
) -> Error {
    Error::refused(format!("{version} cannot be completed by this policy"))
        .with_code(ErrorCode::PublishedFromElsewhere)
        .cause(format!(
            "`{}` has the image `{}` of {version}, as its git tag records, and the policy gives it to `{now}`",
            receipt.repository, receipt.image
        ))
        .state("nothing was built or moved")
        .hint(format!(
            "{} completes {version} by the policy of its commit; or release the next version",
            by_policy_then(version, tag)
        ))
}

/// The command that completes a version by the policy that its commit holds.
#[must_use]
pub fn by_policy_then(version: &Version, tag: &str) -> String {
    let tag = shell_word(tag);
    format!("`git checkout {tag} && hoist release --version {version}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `repository image` → a receipt whose digest is of that text.
    fn receipt(text: &str) -> Receipt {
        let (repository, image) = text.split_once(' ').expect("two words");
        Receipt {
            repository: format!("localhost/{repository}")
                .parse()
                .expect("a good name"),
            digest: Digest::of(image.as_bytes()),
            image: name(image),
        }
    }

    fn name(text: &str) -> ImageName {
        match text.split_once('/') {
            Some((name, variant)) => ImageName::named(name).with_variant(variant),
            None => ImageName::named(text),
        }
    }

    #[test]
    fn the_receipt_tells_what_a_version_has_in_a_repository() {
        let all = ["a main", "a main/alpine", "b main", "c worker"];
        let all: Vec<Receipt> = all.map(receipt).into();
        for (repository, image, expected) in [
            ("a", "main", "same main"),
            ("a", "main/alpine", "same main/alpine"),
            // The repository went to another image, or the image has another name now.
            ("b", "worker", "other main"),
            ("a", "jobs/alpine", "other main/alpine"),
            ("c", "main", "other worker"),
            // The variant, or the repository, came later.
            ("b", "main/alpine", "elsewhere main/alpine"),
            ("d", "worker", "elsewhere worker"),
            ("c", "main/alpine", "unrecorded"),
            ("d", "jobs", "unrecorded"),
        ] {
            let repository = format!("localhost/{repository}")
                .parse()
                .expect("a good name");
            let found = HeldImage::of(&all, &repository, &name(image));
            let words = match found {
                HeldImage::Same(receipt) => format!("same {}", receipt.image),
                HeldImage::Other(receipt) => format!("other {}", receipt.image),
                HeldImage::Elsewhere(receipt) => format!("elsewhere {}", receipt.image),
                HeldImage::Unrecorded => "unrecorded".to_owned(),
            };
            assert_eq!(words, expected, "{repository} {image}");
            let version = Version::new(1, 0, 0);
            let of_all: Vec<_> = all
                .iter()
                .map(|one| (version.clone(), one.clone()))
                .collect();
            let same = HeldImage::of_version(&of_all, &version, &repository, &name(image));
            assert_eq!(same, found);
        }
    }

    #[test]
    fn a_repository_that_was_given_away_is_found() {
        let policy = |images: &[(&str, &str)]| -> Policy {
            let one = |(name, repository): &(&str, &str)| match *name {
                "main" => format!("image.repository = \"localhost/{repository}\"\n"),
                name => format!("images.{name}.repository = \"localhost/{repository}\"\n"),
            };
            let text: String = images.iter().map(one).collect();
            toml::from_str(&text).expect("a good policy")
        };
        let receipts = ["a main", "b worker"].map(receipt);
        for (images, is_there, expected) in [
            (&[("main", "a"), ("worker", "b")][..], false, None),
            (&[("main", "b"), ("worker", "a")], true, Some("a worker")),
            (&[("main", "a"), ("worker", "c")], false, None),
            (&[("main", "b")], true, Some("b main")),
            // A new name, as long as the image is there.
            (&[("main", "a"), ("jobs", "b")], true, None),
            (&[("main", "a"), ("jobs", "b")], false, Some("b jobs")),
        ] {
            let policy = policy(images);
            let found = given_away(&policy, &receipts, |_| is_there);
            let found = found.map(|(receipt, now)| format!("{} {now}", receipt.repository.path()));
            assert_eq!(found.as_deref(), expected, "{images:?} {is_there}");
        }
    }
}
