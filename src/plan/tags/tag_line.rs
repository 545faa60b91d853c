//! Which versions compete for a moving tag.

use std::fmt;

use semver::Version;

use crate::{
    plan::version::bump::core,
    policy::{Part, Placeholder, TagTemplate},
};

/// The label of a pre-release that counts: `rc` of `1.0.0-rc.2`; `None` for `1.0.0-rc2`, which
/// has no counter of its own, and for `1.0.0-a.b.1`, whose label would be no label for new ones.
#[must_use]
pub fn channel(version: &Version) -> Option<&str> {
    let (label, counter) = version.pre.as_str().split_once('.')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (digits(counter) && !digits(label)).then_some(label)
}

/// The versions among which the highest has the tag: what the template names of a version has to
/// agree. `{major}.{minor}` is the 1.2 line, `{major}` the 1 line, no version part the whole
/// repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagLine {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    prerelease: Option<String>,
    exact: Option<Version>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Stable versions alone.
    Stable,
    /// Pre-releases: of one label, or all of them.
    Prerelease(Option<String>),
    /// Pre-releases of a label, and the stable versions that follow them.
    Followed(String),
}

impl TagLine {
    /// The line of a template of `tags.moving` for `version`.
    pub(super) fn stable(template: &TagTemplate, version: &Version) -> Self {
        Self::new(template, version, Stage::Stable)
    }

    /// The line of a moving template of `tags.prerelease`, for a pre-release or, where the
    /// channel follows, for the stable version that takes its tag over.
    pub(super) fn prerelease(
        template: &TagTemplate,
        version: &Version,
        label: Option<&str>,
        follows: bool,
    ) -> Self {
        let named = template.has(|value| *value == Placeholder::Channel);
        let label = label.filter(|_| named).map(str::to_owned);
        let stage = match label {
            Some(label) if follows => Stage::Followed(label),
            label => Stage::Prerelease(label),
        };
        Self::new(template, version, stage)
    }

    fn new(template: &TagTemplate, version: &Version, stage: Stage) -> Self {
        let mut line = Self {
            major: None,
            minor: None,
            patch: None,
            prerelease: None,
            exact: None,
            stage,
        };
        for part in template.parts() {
            match part {
                Part::Value(Placeholder::Major) => line.major = Some(version.major),
                Part::Value(Placeholder::Minor) => line.minor = Some(version.minor),
                Part::Value(Placeholder::Patch) => line.patch = Some(version.patch),
                Part::Value(Placeholder::Prerelease) => {
                    line.prerelease = Some(version.pre.to_string());
                }
                Part::Value(Placeholder::Version) => line.exact = Some(version.clone()),
                _ => {}
            }
        }
        line
    }

    /// Stable versions take the tag over.
    pub(super) fn is_followed(&self) -> bool {
        matches!(self.stage, Stage::Followed(_))
    }

    /// The version that an image behind this line's tag stands for, by its label: one that was
    /// promoted still says the pre-release that it was.
    pub(super) fn labelled(&self, label: &Version) -> Version {
        match self.stage {
            Stage::Stable if !label.pre.is_empty() => core(label),
            Stage::Stable | Stage::Prerelease(_) | Stage::Followed(_) => label.clone(),
        }
    }

    /// Whether `version` competes for the tag.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        let same = |wanted: Option<u64>, is: u64| wanted.is_none_or(|wanted| wanted == is);
        same(self.major, version.major)
            && same(self.minor, version.minor)
            && same(self.patch, version.patch)
            && self
                .prerelease
                .as_deref()
                .is_none_or(|pre| pre == version.pre.as_str())
            && self.exact.as_ref().is_none_or(|exact| exact == version)
            && self.stage.contains(version)
    }
}

impl Stage {
    fn contains(&self, version: &Version) -> bool {
        match self {
            Self::Stable => version.pre.is_empty(),
            Self::Prerelease(None) => !version.pre.is_empty(),
            Self::Prerelease(Some(label)) => channel(version) == Some(label),
            Self::Followed(label) => version.pre.is_empty() || channel(version) == Some(label),
        }
    }
}

impl fmt::Display for TagLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |part: Option<u64>| part.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let place = match (self.major, self.minor, self.patch) {
            _ if self.exact.is_some() => format!("{}", self.exact.as_ref().expect("just seen")),
            (None, None, None) => String::new(),
            (major, None, None) => format!("the {} line", number(major)),
            (major, minor, None) => format!("the {}.{} line", number(major), number(minor)),
            (major, minor, patch) => format!(
                "the {}.{}.{} line",
                number(major),
                number(minor),
                number(patch)
            ),
        };
        match (&self.stage, place.is_empty()) {
            (Stage::Stable, true) => f.write_str("this repository"),
            (Stage::Stable, false) => f.write_str(&place),
            (Stage::Prerelease(None), true) => f.write_str("the pre-releases"),
            (Stage::Prerelease(None), false) => write!(f, "the pre-releases of {place}"),
            (Stage::Prerelease(Some(label)) | Stage::Followed(label), true) => {
                write!(f, "channel {label}")
            }
            (Stage::Prerelease(Some(label)) | Stage::Followed(label), false) => {
                write!(f, "channel {label} of {place}")
            }
        }
    }
}
