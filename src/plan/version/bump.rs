//! Arithmetic on versions: what a bump makes of one, its core, and which of two is higher.

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease, Version};

use crate::policy::{Level, ZeroMajor};

/// `version` moved by `level`; pre-release and build metadata are dropped. `None`: a number would
/// overflow.
#[must_use]
pub fn bumped(version: &Version, level: Level, zero: ZeroMajor) -> Option<Version> {
    let level = match (version.major, zero, level) {
        (0, ZeroMajor::Minor | ZeroMajor::Cargo, Level::Major) => Level::Minor,
        (0, ZeroMajor::Cargo, Level::Minor) => Level::Patch,
        _ => level,
    };
    Some(match level {
        Level::Major => Version::new(version.major.checked_add(1)?, 0, 0),
        Level::Minor => Version::new(version.major, version.minor.checked_add(1)?, 0),
        Level::Patch => Version::new(version.major, version.minor, version.patch.checked_add(1)?),
    })
}

/// The first number in which two versions differ; `None`: in none.
#[must_use]
pub fn step(from: &Version, to: &Version) -> Option<Level> {
    if from.major != to.major {
        Some(Level::Major)
    } else if from.minor != to.minor {
        Some(Level::Minor)
    } else {
        (from.patch != to.patch).then_some(Level::Patch)
    }
}

/// The version without pre-release and build metadata.
#[must_use]
pub fn core(version: &Version) -> Version {
    Version {
        pre: Prerelease::EMPTY,
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// Whether `a` comes after `b`; build metadata does not matter.
#[must_use]
pub fn higher(a: &Version, b: &Version) -> bool {
    a.cmp_precedence(b) == Ordering::Greater
}
