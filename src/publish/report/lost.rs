//! The words for a transaction that another run has ended, or has taken away.

use crate::{
    error::{Error, ErrorKind},
    oci::Observed,
    outcome::{OutcomeKind, TagReport},
    publish::{
        protocol::{
            observation::GitTagSeen,
            state::{Cause, Goal, TagClass},
        },
        report::{
            ending::{Ending, because},
            tags::{Meant, is_other, list},
        },
    },
};

/// Somebody took the transaction over and ended it: what the tags and the git tag show tells how.
pub(super) fn elsewhere(
    end: Ending<'_>,
    tags: &[TagReport],
    back: bool,
) -> (OutcomeKind, Option<Error>) {
    let version = &end.run.prepared.version;
    let events = &end.run.world.events;
    if tags.iter().all(TagReport::is_as_before) {
        events.note(format!("{version} was rolled back from another place"));
        return (OutcomeKind::RolledBack, None);
    }
    let has_git_tag = end.run.prepared.last_ref().is_none()
        || end.run.holding.git_tag() == Some(GitTagSeen::Ours);
    // Tags that show a third digest have moved on since.
    let is_published = |tag: &TagReport| tag.is_ours() || !tag.is_as_before();
    let is_known = |tag: &TagReport| tag.now != Observed::Unknown;
    if has_git_tag && tags.iter().all(|tag| is_published(tag) && is_known(tag)) {
        let moved = tags.iter().filter(|tag| !tag.is_ours()).count();
        let since = match moved {
            0 => String::new(),
            moved => format!("; {moved} of its tags have moved on since"),
        };
        let told = format!("{version} was finished from another place{since}");
        if !back {
            events.note(told);
            return (OutcomeKind::Published, None);
        }
        let prepared = end.run.prepared.tags.iter().zip(tags);
        let shows_it = prepared
            .filter(|(tag, _)| tag.kind == TagClass::Moving)
            .any(|(_, seen)| seen.is_ours());
        let error = Error::refused(told).state(list(tags, Meant::New(version)));
        let error = match shows_it {
            true => error.hint(format!(
                "`hoist rollback {version}` moves the moving tags back that still show it"
            )),
            false => error.hint(format!(
                "no moving tag shows {version} any more, so there is nothing to take back; `hoist log` lists the releases"
            )),
        };
        return (OutcomeKind::Published, Some(error));
    }
    let error = Error::new(
        ErrorKind::NeedsHuman,
        format!("{version} was ended from another place"),
    );
    let error = error
        .state(list(tags, Meant::New(version)))
        .hint("`hoist repair` puts the tags right");
    (OutcomeKind::NeedsHuman, Some(error))
}

/// A way back on which tags were found that somebody else has moved since, such as a later release. They
/// are left as they are. `None`: there are none, or the run itself was stopped by one.
pub(super) fn past_others(end: Ending<'_>, tags: &[TagReport]) -> Option<Error> {
    let others = tags.iter().filter(|tag| is_other(tag)).count();
    let is_cause = matches!(end.txn.cause, Some(Cause::Foreign(_)));
    if end.run.goal != Some(Goal::Back) || others == 0 || is_cause {
        return None;
    }
    let version = &end.run.prepared.version;
    let left = list(tags, Meant::Own);
    let error = Error::new(
        ErrorKind::NeedsHuman,
        format!(
            "{version} was undone only where it still was: {others} of its tags have moved on since"
        ),
    );
    Some(
        error
            .state(format!("what moved on was left as it is: {left}"))
            .hint("`hoist repair` shows whether every moving tag is where it should be"),
    )
}

/// The tags that a run wrote after it had last seen its lock: it may have written over what another one
/// did.
pub(super) fn written(end: Ending<'_>) -> String {
    let written = end.run.holding.written();
    if written.is_empty() {
        return String::new();
    }
    let names: Vec<_> = written
        .iter()
        .map(|&index| {
            let tag = &end.run.prepared.tags[index];
            end.run.prepared.repository(tag).tag(&tag.tag)
        })
        .collect();
    format!(
        "; this run wrote {} after it had last seen its lock",
        names.join(", ")
    )
}

/// Tags that were there before the release, and that its roll back has left without an image. `None`: there are none.
pub(super) fn gone(end: Ending<'_>, tags: &[TagReport]) -> Option<Error> {
    let is_gone = |tag: &TagReport| tag.before.is_some() && tag.now == Observed::Absent;
    if !tags.iter().any(is_gone) {
        return None;
    }
    let version = &end.run.prepared.version;
    let told = format!("{version} was rolled back, and tags that were there before it are gone");
    Some(
        Error::new(ErrorKind::NeedsHuman, told)
            .cause("somebody has deleted them meanwhile, or the registry deletes with a tag what it shows")
            .state(list(tags, Meant::Before))
            .hint("`hoist verify --all` names what is missing, and the way to publish it again"),
    )
}

/// All tags moved, and git's server takes no tag.
pub(super) fn unpushed(end: Ending<'_>) -> Error {
    let version = &end.run.prepared.version;
    if end.run.prepared.mark.is_some() {
        let message = format!("the git server refuses the mark that {version} is withdrawn");
        let error = Error::new(ErrorKind::NeedsHuman, message);
        return because(error, end.remarks.last_failure())
            .state("every tag shows the version before it; nothing keeps `hoist repair` from moving it forward again")
            .hint(format!(
                "when the server allows it, `hoist rollback {version}` makes the mark"
            ));
    }
    if end.run.holding.git_tag() == Some(GitTagSeen::Other) {
        let name = end.run.prepared.git_tag.as_ref();
        let name = name.map_or("", |tag| tag.name.short());
        let message = format!("somebody else has made the git tag `{name}` meanwhile");
        return Error::new(ErrorKind::NeedsHuman, message)
            .state("every image tag shows the release; the remote's git tag is another one")
            .hint(format!(
                "if that git tag is a mistake, delete it on the remote, and `hoist release --version {version}` at this commit pushes the right one; else release the next version"
            ));
    }
    let message = format!("the git server refuses the tag of {version}");
    let error = Error::new(ErrorKind::NeedsHuman, message);
    because(error, end.remarks.last_failure())
        .state("every image tag shows the release; the git tag is missing")
        .hint("when the server allows it, `hoist release` of this commit pushes the tag")
        .hint("until then `hoist status` says that it is missing, and names the commit")
}
