//! The words for a release whose page on the forge is not public.

use crate::{
    error::{Error, ErrorCode, ErrorKind},
    io::forge::NAME_IS_USED,
    outcome::TagReport,
    publish::{
        protocol::observation::GitTagSeen,
        report::ending::{Ending, because},
    },
};

/// The forge's name, and where the release is to be seen.
fn named(end: Ending<'_>) -> (&'static str, String) {
    match &end.run.prepared.forge {
        Some(forge) => (forge.service.name(), forge.url.clone()),
        None => ("the forge", String::new()),
    }
}

/// All tags moved, git has the tag, and the forge says no for good.
pub(super) fn hidden(end: Ending<'_>) -> Error {
    let version = &end.run.prepared.version;
    let (name, place) = named(end);
    let (message, page) = match end.remarks.is_page_hidden() {
        true => (
            format!("{name} does not make the release of {version} public"),
            format!("{place} does not show the release"),
        ),
        false => (
            format!("whether {name} has made the release of {version} public is not known"),
            format!("whether {place} shows the release is not known"),
        ),
    };
    let error = Error::new(ErrorKind::NeedsHuman, message).with_code(ErrorCode::ForgeHidden);
    let error = because(error, end.remarks.last_failure()).state(format!(
        "every image tag shows {version}, and git has its tag; {page}"
    ));
    match end.remarks.hint() {
        // Nothing completes it.
        Some(NAME_IS_USED) => error.hint(NAME_IS_USED),
        Some(remedy) => error.hint(remedy).hint(completes(version)),
        None => error.hint(completes(version)),
    }
}

fn completes(version: &semver::Version) -> String {
    format!("when the cause is gone, `hoist release --version {version}` completes it")
}

/// All tags moved, git has the tag, and the forge did not answer in time.
pub(super) fn unrevealed(end: Ending<'_>, kind: ErrorKind) -> Error {
    let version = &end.run.prepared.version;
    let (name, place) = named(end);
    let message = format!("cannot make the release of {version} on {name} public");
    let error = Error::new(kind, message).with_code(ErrorCode::ForgeHidden);
    because(error, end.remarks.last_failure())
        .state(format!(
            "every image tag shows {version}, and git has its tag; whether {place} shows the release is not known; the lock stays"
        ))
        .hint("`hoist resume` finishes it")
}

/// A release that was ended from another place: its page was not looked at.
pub(super) fn tell_page(end: Ending<'_>) {
    let is_tagged = end.run.holding.git_tag() == Some(GitTagSeen::Ours);
    if let (Some(forge), true) = (&end.run.prepared.forge, is_tagged) {
        let version = &end.run.prepared.version;
        end.run.world.events.note(format!(
            "where {} is not there: `hoist release --version {version}` completes it",
            forge.url
        ));
    }
}

/// A release that was complete but for its page: tags that others have moved since stay as they are.
pub(super) fn tell_moved(end: Ending<'_>, tags: &[TagReport]) {
    let moved = tags.iter().filter(|tag| !tag.is_ours()).count();
    if moved > 0 {
        let version = &end.run.prepared.version;
        let text = format!("{moved} of the tags of {version} have moved on since it was published");
        end.run.world.events.note(text);
    }
}
