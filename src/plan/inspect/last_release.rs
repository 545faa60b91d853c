//! Which releases come before an image: `build`, `release` and `inspect` compare by this rule alone.

use semver::Version;

/// Which versions come before an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Every version: nothing tells which one the image follows.
    Any,
    /// Those below this version.
    Below(Version),
    /// Those up to the release that the image follows in git's history.
    UpTo(Version),
}

impl Reach {
    /// What comes before `version`, whose history has the release `follows`. A version that is tagged already
    /// follows the one below it.
    pub(crate) fn before(version: &Version, follows: &Version) -> Self {
        match follows == version {
            true => Self::Below(version.clone()),
            false => Self::UpTo(follows.clone()),
        }
    }

    /// Whether a version comes before the image.
    pub(crate) fn has(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::Below(limit) => version < limit,
            Self::UpTo(last) => version <= last,
        }
    }
}

/// The releases that come before an image, ascending: the last one is what it is compared with. Stable versions;
/// where there is none, pre-releases. So growth counts from what people run, and many small pre-releases do
/// not hide it.
pub(crate) fn releases_before<T>(
    all: impl IntoIterator<Item = T>,
    version: impl Fn(&T) -> &Version,
    reach: &Reach,
) -> Vec<T> {
    let within = all.into_iter().filter(|one| reach.has(version(one)));
    let (mut stable, mut prereleases): (Vec<T>, Vec<T>) =
        within.partition(|one| version(one).pre.is_empty());
    let found = match stable.is_empty() {
        true => &mut prereleases,
        false => &mut stable,
    };
    found.sort_by(|a, b| version(a).cmp(version(b)));
    std::mem::take(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_release_comes_before_and_a_prerelease_where_there_is_none() {
        let all = ["1.0.0", "2.0.0-rc.1", "1.1.0", "2.0.0", "1.2.0-rc.1"];
        let parse = |text: &str| text.parse::<Version>().expect("a version");
        let last = |all: &[&str], reach: &Reach| {
            let all = all.iter().map(|text| parse(text));
            let before = releases_before(all, |version| version, reach);
            before.last().map(ToString::to_string).unwrap_or_default()
        };
        for (version, follows, expected) in [
            ("2.0.0", "1.1.0", "1.1.0"),
            ("2.0.0-rc.2", "1.1.0", "1.1.0"),
            ("1.1.1", "1.0.0", "1.0.0"),
            ("1.1.0", "1.1.0", "1.0.0"),
            ("2.0.0-dev", "2.0.0", "2.0.0"),
            ("1.0.0", "1.0.0", ""),
        ] {
            let reach = Reach::before(&parse(version), &parse(follows));
            assert_eq!(last(&all, &reach), expected, "{version}");
        }
        assert_eq!(last(&all, &Reach::Any), "2.0.0");
        let first = ["1.0.0-rc.1", "1.0.0-rc.2", "1.0.0"];
        let below = Reach::Below(parse("1.0.0"));
        assert_eq!(last(&first, &below), "1.0.0-rc.2");
    }
}
