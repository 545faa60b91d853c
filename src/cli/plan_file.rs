//! What `hoist plan --json` printed, for another job to carry out.

use std::path::Path;

use semver::Version;
use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Result},
    regular_file,
    release::{NothingToRelease, PLAN_FORMAT, Plan},
};

/// What a plan says.
pub(super) enum PlanFile {
    /// A release.
    Release(Box<Plan>),
    /// That there is nothing to release.
    Nothing(NothingToRelease),
}

/// The document in the place of a plan.
#[derive(Deserialize)]
struct Nothing {
    version: (),
    current: Option<Version>,
    why: String,
    #[serde(default)]
    messages: Vec<String>,
}

/// Reads it.
///
/// # Errors
/// Usage (exit 2): it is not a plan, or it was made by a newer hoist.
pub(super) fn read_plan(file: &Path) -> Result<PlanFile> {
    let name = file.display();
    let text = regular_file::read_given_text(file)
        .map_err(|error| Error::usage(format!("cannot read the plan `{name}`")).because(&error))?;
    if let Ok(nothing) = serde_json::from_str::<Nothing>(&text) {
        let () = nothing.version;
        return Ok(PlanFile::Nothing(NothingToRelease {
            current: nothing.current,
            why: nothing.why,
            messages: nothing.messages,
            without_image: None,
        }));
    }
    let plan: Plan = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("`{name}` is not a plan"))
            .because(&error)
            .hint("`hoist plan --json` writes one")
    })?;
    if plan.v > PLAN_FORMAT {
        return Err(Error::usage(format!(
            "`{name}` was made by a newer hoist (format {})",
            plan.v
        )));
    }
    Ok(PlanFile::Release(Box::new(plan)))
}

/// The plan of a release.
///
/// # Errors
/// As [`read_plan`]; there is nothing to release (exit 3).
pub(super) fn read_release(file: &Path) -> Result<Box<Plan>> {
    match read_plan(file)? {
        PlanFile::Release(plan) => Ok(plan),
        PlanFile::Nothing(nothing) => Err(Error::new(
            ErrorKind::NothingToRelease,
            format!("the plan `{}` has nothing to release", file.display()),
        )
        .cause(nothing.why)),
    }
}
