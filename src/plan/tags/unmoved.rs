//! Tags that were moving ones once and that nothing moves any more: whoever follows one stays behind without a
//! word.

use std::collections::BTreeSet;

use semver::Version;

use crate::{
    oci::Tag,
    plan::tags::{
        published::{Listing, Published},
        rules::TagRules,
        tag_line::channel,
        version_tags::ExactTags,
    },
    policy::Policy,
};

/// The tags of a repository that `policy` moves for no version: `latest`, and what an earlier policy, `then`,
/// moved to `version`.
#[must_use]
pub fn unmoved(
    policy: &Policy,
    then: Option<&Policy>,
    version: &Version,
    published: &Published,
) -> BTreeSet<Tag> {
    let Listing::Known(tags) = &published.tags else {
        return BTreeSet::new();
    };
    let now = TagRules::in_repository(policy, &published.repository);
    let then = then.map(|then| TagRules::in_repository(then, &published.repository));
    let mut names = latest(&now);
    if let Some(then) = &then {
        names.extend(latest(then));
        names.extend(moved(then, version));
    }
    let moved = moved(&now, version);
    let exact = ExactTags::new(&now, [version]);
    names.retain(|tag| {
        tags.contains(tag) && !moved.contains(tag) && exact.read(tag.as_str()).is_none()
    });
    names
}

/// `latest` of each image, whether the policy has it or not.
fn latest(rules: &TagRules<'_>) -> BTreeSet<Tag> {
    let images = rules.images.iter();
    images
        .filter_map(|image| image.latest.parse().ok())
        .collect()
}

/// The tags that the policy moves to the version, or leaves alone on purpose.
fn moved(rules: &TagRules<'_>, version: &Version) -> BTreeSet<Tag> {
    let channels: Vec<String> = channel(version).map(str::to_owned).into_iter().collect();
    let mut all = BTreeSet::new();
    for image in &rules.images {
        all.extend(rules.names(image, version, &channels));
        let texts = rules.tags.moving.iter();
        let texts = texts.filter_map(|template| Some((template, template.literal()?)));
        all.extend(texts.filter_map(|(template, text)| image.name_of(template, text).parse().ok()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(policy: &str, then: Option<&str>, tags: &[&str]) -> Vec<String> {
        let read = |text: &str| -> Policy { toml::from_str(text).expect("a good policy") };
        let published = Published {
            tags: Listing::Known(
                tags.iter()
                    .map(|tag| tag.parse().expect("a good tag"))
                    .collect(),
            ),
            ..Published::not_asked("acme/api".parse().expect("a good name"))
        };
        let then = then.map(read);
        let version = Version::new(1, 2, 3);
        let found = unmoved(&read(policy), then.as_ref(), &version, &published);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_no_policy_moves_is_found() {
        let all = [
            "1.2.3",
            "1.2",
            "1",
            "latest",
            "edge",
            "latest-alpine",
            "stable",
        ];
        let less = "[tags]\nmoving = [\"{major}.{minor}\"]";
        for (policy, then, expected) in [
            ("", None, &[][..]),
            ("", Some(""), &[]),
            (less, None, &["latest"]),
            (less, Some(""), &["1", "latest"]),
            // What is left alone on purpose.
            ("[tags]\nlatest = \"never\"", Some(""), &[]),
            (
                "",
                Some("[tags]\nmoving = [\"stable\", \"latest\"]"),
                &["stable"],
            ),
            ("", Some("[variants.alpine]"), &["latest-alpine"]),
            ("[variants.alpine]\nlatest-suffix = true", None, &[]),
        ] {
            assert_eq!(found(policy, then, &all), expected, "{policy} {then:?}");
        }
        assert_eq!(found(less, Some(""), &["1.2.3"]), [""; 0]);
    }
}
