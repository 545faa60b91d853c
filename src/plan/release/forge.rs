//! The release on the forge, as far as a plan and its images say what it is.

use std::fmt::Write as _;

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    oci::{Digest, ImageName, Repository},
    plan::{
        notes::forge::Forge,
        release::document::{Plan, PlannedForge, PlannedMove},
        tags::TagAction,
    },
    policy::{ForgeService, Policy, PrereleaseMark},
};

/// The longest text of a release on GitHub, in characters (REST API, `body`); some room is left for the mark
/// that hoist adds.
const LONGEST: usize = 125_000 - 300;

/// What the policy wants on the forge for a version; `None`: nothing.
///
/// # Errors
/// Usage (exit 2): the policy and the git remote do not say where.
pub fn planned_forge(
    policy: &Policy,
    remote: Option<&str>,
    (version, tag): (&Version, &str),
    moves: &[PlannedMove],
) -> Result<Option<PlannedForge>> {
    let Some(forge) = &policy.forge else {
        return Ok(None);
    };
    let place = forge.place(remote).map_err(|why| {
        Error::usage("`[forge]` does not say where releases are made")
            .with_code(ErrorCode::InvalidPolicy)
            .cause(why)
    })?;
    let prerelease = match forge.prerelease {
        PrereleaseMark::Auto => !version.pre.is_empty(),
        PrereleaseMark::Always => true,
        PrereleaseMark::Never => false,
    };
    let is_latest = |planned: &PlannedMove| {
        planned.tag.as_str() == "latest"
            && planned.image.is_main()
            && planned.successor.is_none()
            && planned.action != TagAction::Keep
    };
    Ok(Some(PlannedForge {
        service: place.service,
        url: place.release_page(tag),
        draft: forge.draft_first && place.service == ForgeService::GitHub,
        prerelease,
        latest: !prerelease && moves.iter().any(is_latest),
        assets: forge.assets.iter().map(ToString::to_string).collect(),
    }))
}

/// What the release on the forge says: the notes, and the images by their digests. `pages`: where the project may be
/// seen, for a link to what is cut off.
#[must_use]
pub fn release_text(
    plan: &Plan,
    images: &[(ImageName, Repository, Digest)],
    pages: [Option<&str>; 2],
) -> String {
    let mut table = String::from("\n## Images\n\n| image | digest |\n|---|---|\n");
    for (name, repository, digest) in images {
        let words = name.in_words().map(|words| format!(" ({words})"));
        let _ = writeln!(
            table,
            "| `{repository}`{} | `{digest}` |",
            words.unwrap_or_default()
        );
    }
    let notes = plan.notes.trim();
    let room = LONGEST.saturating_sub(table.chars().count());
    if notes.chars().count() <= room {
        return format!("{notes}\n{table}");
    }
    let tag = plan.git_tag.name.short();
    let forge = pages.into_iter().flatten().find_map(Forge::of);
    let more = match (forge, &plan.current_tag) {
        (Some(forge), Some(from)) => format!("\n\n[All changes]({})\n", forge.compare(from, tag)),
        _ => format!("\n\nThe message of the git tag `{tag}` has all changes.\n"),
    };
    let room = room.saturating_sub(more.chars().count());
    let cut: String = notes.chars().take(room).collect();
    // A whole line is the last.
    let cut = cut.rsplit_once('\n').map_or(&*cut, |(whole, _)| whole);
    format!("{cut}{more}{table}")
}
