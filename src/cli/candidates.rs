//! What a shell offers for values that the repository at hand has: versions and images.

use std::ffi::OsString;

use clap_complete::{ArgValueCandidates, CompletionCandidate};

use super::command_line::TypedLine;
use crate::project::{Environment, Location, Project};

/// Most versions that are offered: the newest ones.
const MOST: usize = 50;

/// Offers the versions that git tags of this clone name.
pub(super) fn versions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|_| true))
}

/// Offers the pre-releases among them.
pub(super) fn prereleases() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|version| !version.pre.is_empty()))
}

/// Offers the repositories of the policy.
pub(super) fn images() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let images = project().map(|project| project.policy().image.all());
        let images = images.into_iter().flatten();
        images
            .map(|image| CompletionCandidate::new(image.to_string()))
            .collect()
    })
}

/// Offers the images of the policy by name, those of variants too.
pub(super) fn image_names() -> ArgValueCandidates {
    ArgValueCandidates::new(named)
}

/// Offers what can be looked at without a path: images of the policy and versions.
pub(super) fn images_and_versions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let mut all = candidates(|_| true);
        all.extend(named());
        all
    })
}

/// Offers the labels of the policy's pre-releases.
pub(super) fn labels() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(project) = project() else {
            return Vec::new();
        };
        let branches = &project.policy().branches.prerelease;
        let mut labels: Vec<&str> = branches.iter().map(|one| one.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().map(CompletionCandidate::new).collect()
    })
}

fn named() -> Vec<CompletionCandidate> {
    let images: Option<Vec<_>> = project().map(|project| project.policy().all_images().collect());
    let images = images.into_iter().flatten().enumerate();
    images
        .map(|(place, image)| {
            CompletionCandidate::new(image.to_string()).display_order(Some(MOST + place))
        })
        .collect()
}

fn candidates(wanted: impl Fn(&semver::Version) -> bool) -> Vec<CompletionCandidate> {
    let past = project().and_then(|project| project.log().ok());
    let past = past
        .into_iter()
        .flatten()
        .filter(|past| wanted(&past.version));
    past.take(MOST)
        .enumerate()
        .map(|(place, past)| {
            let day = past.time.format("%Y-%m-%d").to_string();
            CompletionCandidate::new(past.version.to_string())
                .help(Some(day.into()))
                .display_order(Some(place))
        })
        .collect()
}

/// The project that the line which is completed names. What cannot be read offers nothing.
fn project() -> Option<Project> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let line = words.iter().position(|word| word == "--")?;
    let typed = TypedLine::read(words.into_iter().skip(line + 2));
    let location = Location {
        directory: typed.directory.unwrap_or_else(|| ".".into()).into(),
        config: typed.config.map(Into::into),
        images: Vec::new(),
    };
    Project::open(&location, &Environment::from_process()).ok()
}
