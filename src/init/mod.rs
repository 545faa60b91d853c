//! From what a repository holds to the draft of a `release.toml`.
//!
//! Pure: the caller brings paths and texts ([`Found`]), and writes the draft itself. What other
//! release tools were told is taken over as far as it has a counterpart here: metadata-action,
//! build-push-action, semantic-release, cocogitto, cargo-release. Nothing is assumed silently: the
//! draft says in a comment and in a note what was.

mod dockerfile;
mod draft;
mod facts;
mod found;
mod rule;
mod tools;
mod workflow;
mod writer;
mod yaml;

use crate::{
    error::{Error, Result},
    policy::Policy,
};
use facts::DraftFacts;

pub(crate) use found::{DEPTH, Found, FoundFile, has_interest, is_passed_by};
pub(crate) use writer::Draft;

/// Drafts the policy of a repository.
///
/// # Errors
/// A bug (exit 1) where the draft is not a valid policy.
pub(crate) fn draft(found: &Found) -> Result<Draft> {
    let draft = DraftFacts::of(found).draft();
    Policy::parse(&draft.text, "release.toml")
        .map_err(|error| Error::bug("the drafted policy is not valid").because(&error))?;
    Ok(draft)
}
