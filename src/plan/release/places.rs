//! Where a release was published, by the receipt in its git tag, beside what the policy names today: a repository,
//! an image or a variant that came into the policy later is no fault of the release.

use semver::Version;

use crate::{
    oci::{ImageName, Observed, Repository},
    plan::{
        release::{held::HeldImage, receipt::Receipt},
        tags::{PlannedTag, Published, TagRules, TagSet},
    },
    policy::{Policy, TagTemplate},
};

/// An image in a repository that a release is not judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnjudgedPlace {
    /// The repository.
    pub repository: Repository,
    /// The image, by the name that the policy or the receipt has for it.
    pub image: ImageName,
    /// Why it is not judged.
    pub reason: PlaceReason,
}

/// Why an image in a repository is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceReason {
    /// The receipt does not name it, and the repository does not have the version.
    NotPublished,
    /// There is no receipt, the policy of the version's commit does not name it, and the repository does not
    /// have the version.
    NotThenInPolicy,
    /// The receipt does not name the image at all: it came into the policy later.
    NotOfVersion,
    /// There is no receipt, and the policy of the version's commit does not have the image.
    NotThenAnImage,
    /// The policy does not name it there any more.
    NotInPolicy,
    /// The policy of the version's commit gave its tags another suffix, and those of today are not there.
    OtherSuffix,
}

impl PlaceReason {
    /// Whether the version has no such image, so that nothing completes it.
    #[must_use]
    pub fn is_of_image(self) -> bool {
        match self {
            Self::NotOfVersion | Self::NotThenAnImage => true,
            Self::NotPublished | Self::NotThenInPolicy | Self::NotInPolicy | Self::OtherSuffix => {
                false
            }
        }
    }
}

impl UnjudgedPlace {
    /// Whether it is this image in this repository.
    #[must_use]
    pub fn is(&self, repository: &Repository, image: &ImageName) -> bool {
        self.repository == *repository && self.image == *image
    }

    /// What is not judged, and why, as a sentence.
    #[must_use]
    pub fn words(&self, version: &Version) -> String {
        let what = match self.image == ImageName::main() {
            true => format!("`{}`", self.repository),
            false => format!("`{}` ({})", self.repository, self.image),
        };
        match self.reason {
            PlaceReason::NotPublished => format!(
                "{what} is not judged: {version} was not published there, as its git tag records"
            ),
            PlaceReason::NotThenInPolicy => format!(
                "{what} is not judged: {version} was not published there, and the policy of its commit does not name it"
            ),
            PlaceReason::NotOfVersion => format!(
                "{what} is not judged: that image is no part of {version}, as its git tag records"
            ),
            PlaceReason::NotThenAnImage => format!(
                "{what} is not judged: that image is no part of {version}, as the policy of its commit says"
            ),
            PlaceReason::NotInPolicy => format!(
                "{what} is not judged: {version} was published there, and the policy does not name it there any more"
            ),
            PlaceReason::OtherSuffix => format!(
                "{what} is not judged: its tags had another suffix by the policy of the commit of {version}"
            ),
        }
    }
}

/// What a release cannot be judged by: what its receipt and today's policy, which gives the `set`, do not both name. A place that has the
/// version all the same is judged. Without a receipt the policy of its commit (`then`) tells where it was to go,
/// and without that one today's policy counts.
#[must_use]
pub fn unjudged_places(
    (receipts, then): (&[Receipt], Option<&Policy>),
    (policy, set): (&Policy, &TagSet),
    published: &[Published],
) -> Vec<UnjudgedPlace> {
    let reason = |image: &ImageName| match (receipts.is_empty(), is_part(receipts, then, image)) {
        (true, true) => PlaceReason::NotThenInPolicy,
        (true, false) => PlaceReason::NotThenAnImage,
        (false, true) => PlaceReason::NotPublished,
        (false, false) => PlaceReason::NotOfVersion,
    };
    let was_named = |repository: &Repository, image: &ImageName| match (receipts, then) {
        ([], None) => true,
        ([], Some(then)) => {
            let mut images = then.all_images();
            let is_there = then.repositories_of(&image.plain()).contains(repository);
            is_there && images.any(|known| known == *image)
        }
        (receipts, _) => matches!(
            HeldImage::of(receipts, repository, image),
            HeldImage::Same(_) | HeldImage::Other(_)
        ),
    };
    let mut all = Vec::new();
    for seen in published {
        let own = set.tags().iter();
        for planned in own.filter(|planned| planned.is_version && planned.is_for(&seen.repository))
        {
            let image = &planned.image;
            let was_named = was_named(&seen.repository, image);
            let held = HeldImage::of(receipts, &seen.repository, image);
            let had = held.other().unwrap_or(image);
            let had_other = then.is_some_and(|then| has_other_suffix((then, had), (policy, image)));
            let is_absent = seen.shows.get(&planned.tag) == Some(&Observed::Absent);
            if is_absent && (!was_named || had_other) {
                all.push(UnjudgedPlace {
                    repository: seen.repository.clone(),
                    image: image.clone(),
                    reason: match was_named {
                        true => PlaceReason::OtherSuffix,
                        false => reason(image),
                    },
                });
            }
        }
    }
    for receipt in receipts {
        let mut named = published.iter();
        let now = policy.image_in(&receipt.repository);
        let now = match receipt.image.variant() {
            Some(variant) => now.with_variant(variant),
            None => now,
        };
        // Another image can have its tags now: they are judged all the same.
        let is_named = named.any(|seen| seen.repository == receipt.repository)
            && (set.is_in(&receipt.image, &receipt.repository)
                || set.is_in(&now, &receipt.repository));
        if is_named {
            continue;
        }
        all.push(UnjudgedPlace {
            repository: receipt.repository.clone(),
            image: receipt.image.clone(),
            reason: PlaceReason::NotInPolicy,
        });
    }
    all
}

/// Whether the version has this image, as its receipts say, else the policy of its commit (`then`), else unknown: it may.
#[must_use]
pub fn is_part(receipts: &[Receipt], then: Option<&Policy>, image: &ImageName) -> bool {
    match (receipts, then) {
        ([], None) => true,
        ([], Some(then)) => then.all_images().any(|known| known == *image),
        (receipts, _) => receipts.iter().any(|receipt| receipt.image == *image),
    }
}

/// Whether both policies have their image, with different suffixes.
fn has_other_suffix(then: (&Policy, &ImageName), now: (&Policy, &ImageName)) -> bool {
    let suffix = |(policy, image): (&Policy, &ImageName)| {
        let mut images = TagRules::of(policy, image).images.into_iter();
        images
            .find(|rule| rule.name == *image)
            .map(|rule| rule.suffix)
    };
    matches!((suffix(then), suffix(now)), (Some(then), Some(now)) if then != now)
}

/// Whether `policy` has the template that gave a tag, in whichever list.
#[must_use]
pub fn has_template(policy: &Policy, planned: &PlannedTag) -> bool {
    let mut all = policy.tags.templates();
    all.any(|(_, template): (_, &TagTemplate)| *template == planned.template)
}
