//! From what a repository holds to the draft of a `release.toml`.
//!
//! Pure: the caller brings paths and texts ([`Found`]), and writes the draft itself. What other
//! release tools were told is taken over as far as it has a counterpart here. A workflow is run in
//! thought for a few versions; the tags that it would push become templates, and the policy that
//! they give is run for the same versions: [`Table`] sets both side by side. Nothing is assumed or
//! dropped in silence: the draft says in a comment and in a note what was.

mod bake;
mod build_caches;
mod build_flags;
mod build_inputs;
mod build_options;
mod build_secrets;
mod candidates;
mod choice;
mod chosen;
mod chosen_tags;
mod compared;
mod contents;
mod differing;
mod dockerfile;
mod draft;
mod draft_build;
mod draft_images;
mod expression;
mod facts;
mod fields;
mod found;
mod found_pipelines;
#[cfg(any(test, fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod generalise;
mod go_template;
mod goreleaser;
mod handlebars;
mod images;
mod metadata;
mod notes;
mod one_image;
mod push;
mod pushers;
mod rows;
mod scenario;
mod shell_commands;
mod shell_words;
mod table;
mod tagged;
mod term;
mod tool_files;
mod tools;
mod translation;
mod workflow;
mod writer;
mod yaml;

use std::collections::BTreeSet;

use semver::Version;

use crate::{
    error::{Error, Result},
    init::{choice::Choice, facts::DraftFacts, notes::NoteKind},
    policy::Policy,
};

pub(crate) use crate::plan::tags::TagAction;
pub(crate) use compared::{ComparedRelease, ComparedTag, Table};
pub(crate) use dockerfile::is_dockerfile;
pub(crate) use found::{DEPTH, Found, FoundFile, has_interest, is_passed_by};
pub(crate) use writer::Draft;

/// Drafts the policy of a repository, and compares it with what is done there now.
///
/// # Errors
/// A bug (exit 1) where the draft is not a valid policy.
pub(crate) fn draft(found: &Found) -> Result<(Draft, Table)> {
    let facts = DraftFacts::of(found);
    let mut choice = Choice::of(&facts);
    let bug = |error: Error| Error::bug("the drafted policy is not valid").because(&error);
    // A policy that cannot release what is released now is changed until it can.
    for _ in 0..TRIALS {
        let mut draft = draft::write(&facts, &mut choice.clone());
        let (version, error) = match Policy::parse(&draft.text, "release.toml") {
            Ok(policy) => match trial(&policy, &facts.labels) {
                Some(failed) => failed,
                None => {
                    draft.pushers = pushers(&facts, &policy);
                    return Ok((draft, compare(&facts, &policy)?));
                }
            },
            Err(error) => (sample_of(&error, &facts.labels), error),
        };
        if !give_way(&mut choice, &version, &error) {
            return Err(bug(error));
        }
    }
    Err(Error::bug("the drafted policy cannot release"))
}

/// Compares a policy with what is done now.
///
/// # Errors
/// The policy cannot release one of the versions of the table.
pub(crate) fn check(found: &Found, policy: &Policy) -> Result<Table> {
    compare(&DraftFacts::of(found), policy)
}

const TRIALS: usize = 8;

fn compare(facts: &DraftFacts, policy: &Policy) -> Result<Table> {
    table::compare(&|version| facts.pushes(version), policy, &facts.labels[0])
}

/// What pushes the same tags now, in a stable release or a pre-release of the labels in use.
fn pushers(facts: &DraftFacts, policy: &Policy) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for version in trials(&facts.labels) {
        // The trial has released each of them.
        let set = table::tag_set(policy, &version, &[], false);
        let found = set.map(|set| pushers::pushers(facts, &version, &set));
        all.extend(found.unwrap_or_default());
    }
    let mut seen = BTreeSet::new();
    all.retain(|place| seen.insert(place.clone()));
    all
}

/// The first version that the policy cannot release, of a stable one and pre-releases of the labels
/// in use.
fn trial(policy: &Policy, labels: &[String]) -> Option<(Version, Error)> {
    trials(labels).find_map(|version| {
        let error = table::tag_set(policy, &version, &[], false).err()?;
        Some((version, error))
    })
}

/// The version that a policy which cannot be read fails for: the list of its tags that the error names
/// is that of a pre-release, or of a stable version.
fn sample_of(error: &Error, labels: &[String]) -> Version {
    let of_prerelease = error.message().contains("`tags.prerelease`");
    let mut samples = trials(labels).filter(|version| version.pre.is_empty() != of_prerelease);
    samples.next().unwrap_or(Version::new(1, 2, 3))
}

fn trials(labels: &[String]) -> impl Iterator<Item = Version> {
    let stable = std::iter::once(Version::new(1, 2, 3));
    let prereleases = labels
        .iter()
        .filter_map(|label| Version::parse(&format!("1.3.0-{label}.1")).ok());
    stable.chain(prereleases)
}

/// Gives up a tag with which the version cannot be released; false where nothing is left to give up.
fn give_way(choice: &mut Choice, version: &Version, error: &Error) -> bool {
    let Some(tags) = &mut choice.tags else {
        return false;
    };
    let list = if version.pre.is_empty() {
        &mut tags.moving
    } else {
        &mut tags.prerelease
    };
    let named = list
        .iter()
        .position(|template| error.to_string().contains(&format!("`{template}`")));
    let moving = list
        .iter()
        .rposition(|template| !template.contains("{version}"));
    let Some(place) = named.or(moving) else {
        return false;
    };
    let template = list.remove(place);
    choice.notes.add(
        NoteKind::NotTaken,
        format!("tag `{template}`: {version} could not be released with it ({error})"),
    );
    true
}
