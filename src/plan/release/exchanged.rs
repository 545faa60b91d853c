//! Repositories that get another image than they had: whoever pulls from there gets something else.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    oci::{ImageName, Repository},
    plan::release::receipt::Receipt,
    policy::Policy,
};

/// One sentence for each repository that got one image in `version`, as its `receipts` say, and that the policy gives
/// to another one now. The policy has to have both: an image that was only renamed is the same one.
#[must_use]
pub fn exchanged(policy: &Policy, version: &Version, receipts: &[Receipt]) -> Vec<String> {
    let had: BTreeMap<&Repository, ImageName> = receipts
        .iter()
        .map(|receipt| (&receipt.repository, receipt.image.plain()))
        .collect();
    let repositories = policy.repositories();
    let other = |(repository, had): (&Repository, ImageName)| {
        let now = policy.image_in(repository);
        let mut all = policy.all_images();
        let is_other = repositories.contains(repository)
            && now != had
            && all.any(|image| image.plain() == had);
        is_other.then(|| {
            format!(
                "`{repository}` has the image `{had}` of {version}, and gets the image `{now}` now: whoever pulls from there gets another image"
            )
        })
    };
    had.into_iter().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    #[test]
    fn a_repository_that_gets_another_image_is_named() {
        let policy = |main: &str, worker: &str| -> Policy {
            let text = format!(
                "image.repository = \"{main}\"\nimages.worker.repository = \"{worker}\"\nvariants.alpine = {{}}"
            );
            toml::from_str(&text).expect("a good policy")
        };
        let receipt = |repository: &str, image: &str| Receipt {
            repository: repository.parse().expect("a good name"),
            digest: Digest::of(image.as_bytes()),
            image: ImageName::named(image),
        };
        let receipts = [
            receipt("localhost/a", "main"),
            receipt("localhost/b", "worker"),
        ];
        let version = Version::new(1, 0, 0);
        for (main, worker, count) in [
            ("localhost/a", "localhost/b", 0),
            ("localhost/b", "localhost/a", 2),
            ("localhost/c", "localhost/a", 1),
            ("localhost/c", "localhost/d", 0),
        ] {
            let found = exchanged(&policy(main, worker), &version, &receipts);
            assert_eq!(found.len(), count, "{found:?}");
        }
        let renamed: Policy =
            toml::from_str("image.repository = \"localhost/b\"").expect("a good policy");
        assert_eq!(exchanged(&renamed, &version, &receipts), [""; 0]);
    }
}
