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
