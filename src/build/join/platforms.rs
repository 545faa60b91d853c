//! When two platforms are the same, and when one is what the policy asks for.

use crate::oci::Platform;

/// Whether both name the same platform.
pub(crate) fn same_platform(one: &Platform, other: &Platform) -> bool {
    is_like(one, other) && one.os_version == other.os_version
}

/// Whether an engine that looks for one of them could take either. Features of the operating system tell no two
/// apart: engines do not look at them (containerd's `platforms` package compares system, architecture,
/// variant, and the version of Windows), or take each image whose features they have.
pub(super) fn clash(one: &Platform, other: &Platform) -> bool {
    same_processor(one, other) && versions_clash(one, other)
}

/// Whether the versions of the operating system leave it open which one is meant: one that names none fits every
/// version.
pub(super) fn versions_clash(one: &Platform, other: &Platform) -> bool {
    let names_none = one.os_version.is_none() || other.os_version.is_none();
    names_none || one.os_version == other.os_version
}

fn is_like(one: &Platform, other: &Platform) -> bool {
    let features = |platform: &Platform| {
        let mut features = platform.os_features.clone();
        features.sort();
        features
    };
    same_processor(one, other) && features(one) == features(other)
}

fn same_processor(one: &Platform, other: &Platform) -> bool {
    one.os == other.os
        && one.architecture == other.architecture
        && one.meant_variant() == other.meant_variant()
}

/// Whether an image for `has` is the one for `wanted`, of all that the policy names. A platform without a variant
/// takes any variant that the policy does not name itself.
pub(super) fn is_for(has: &Platform, wanted: &Platform, all: &[Platform]) -> bool {
    same_processor(has, wanted)
        || has.satisfies(wanted) && !all.iter().any(|one| same_processor(has, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().expect("a platform")
    }

    #[test]
    fn what_engines_take_for_one_platform_is_one() {
        for (one, other, same) in [
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/amd64", "linux/amd64/v1", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/amd64", "linux/amd64/v3", false),
            ("linux/arm64", "linux/arm64/v9", false),
            ("linux/arm64", "linux/arm", false),
            ("linux/amd64", "freebsd/amd64", false),
            ("linux/s390x", "linux/s390x", true),
        ] {
            let (one, other) = (platform(one), platform(other));
            assert_eq!(same_platform(&one, &other), same, "{one} {other}");
            assert_eq!(same_platform(&other, &one), same, "{other} {one}");
        }
        let mut old = platform("windows/amd64");
        old.os_version = Some("10.0.17763.1".to_owned());
        assert!(!same_platform(&old, &platform("windows/amd64")));
        assert!(clash(&old, &platform("windows/amd64")));
        let mut new = old.clone();
        new.os_version = Some("10.0.20348.1".to_owned());
        assert!(!clash(&old, &new) && clash(&old, &old));
        assert!(is_for(&old, &platform("windows/amd64"), &[]));
        let mut one = platform("windows/amd64");
        let mut other = one.clone();
        one.os_features = vec!["a".to_owned(), "b".to_owned()];
        other.os_features = vec!["b".to_owned(), "a".to_owned()];
        assert!(same_platform(&one, &other));
        other.os_features.clear();
        assert!(!same_platform(&one, &other) && clash(&one, &other));
        other.os_features = vec!["c".to_owned()];
        assert!(clash(&one, &other));
        one.os_version = Some("10.0.17763.1".to_owned());
        other.os_version = Some("10.0.20348.1".to_owned());
        assert!(!clash(&one, &other));
    }

    #[test]
    fn a_policy_gets_what_it_asks_for() {
        for (has, wanted, is) in [
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm/v6", "linux/arm", true),
            ("linux/arm", "linux/arm/v6", false),
            ("linux/arm64/v8", "linux/arm64/v9", false),
            ("linux/amd64", "linux/arm64", false),
        ] {
            assert_eq!(
                is_for(&platform(has), &platform(wanted), &[platform(wanted)]),
                is,
                "{has} {wanted}"
            );
        }
        // What the policy names itself is not for the one without a variant.
        let all = ["linux/arm64", "linux/arm64/v9"].map(platform);
        for (has, of_first, of_second) in [
            ("linux/arm64", true, false),
            ("linux/arm64/v8", true, false),
            ("linux/arm64/v9", false, true),
        ] {
            let has = platform(has);
            assert_eq!(is_for(&has, &all[0], &all), of_first, "{has}");
            assert_eq!(is_for(&has, &all[1], &all), of_second, "{has}");
        }
    }
}
