//! What a journal may name. It can come from a lock on the remote, which others may write, and its
//! names become arguments of `git`: each must be a valid name of its kind.

use crate::{
    git::{ObjectId, RefName},
    publish::protocol::{
        journal::records::{ImageRecord, Prepared, Record, TagRecord},
        state::Cause,
    },
};

/// Every index is in range, every needed document is there, and every name is one: a journal
/// comes from a file or a remote, so it is checked like any input.
pub(super) fn is_consistent(prepared: &Prepared) -> bool {
    let image = |image: &ImageRecord| {
        std::iter::once(&image.manifest)
            .chain(&image.children)
            .all(|digest| prepared.document(digest).is_some())
    };
    let in_range = |tag: &TagRecord| {
        tag.repository < prepared.repositories.len() && tag.image < prepared.images.len()
    };
    prepared.tags.iter().all(in_range)
        && prepared.images.iter().all(image)
        && !prepared.tags.is_empty()
        && is_legal(prepared)
}

/// Whether every object id and every ref is one of its kind.
fn is_legal(prepared: &Prepared) -> bool {
    let tag = prepared.git_tag.as_ref();
    let branch = prepared.branch.as_ref();
    let is_object = |id: &str| id.parse::<ObjectId>().is_ok();
    let is_ref = |name: &str| name.parse::<RefName>();
    is_object(&prepared.commit)
        && prepared.lock_refs.iter().all(|name| is_ref(name).is_ok())
        && tag.is_none_or(|tag| is_object(&tag.id) && RefName::tag(&tag.name).is_ok())
        && branch.is_none_or(|branch| {
            is_object(&branch.before) && is_ref(&branch.name).is_ok_and(|name| name.is_branch())
        })
}

/// Whether all that a record says is about one of so many tags.
pub(super) fn fits(record: &Record, tags: usize) -> bool {
    let Record::Step { txn, .. } = record else {
        return true;
    };
    let named = match txn.cause {
        Some(Cause::Refused(tag) | Cause::Foreign(tag) | Cause::Unclear(tag)) => tag < tags,
        Some(
            Cause::GitTag
            | Cause::Branch
            | Cause::Busy
            | Cause::Lock
            | Cause::Unreadable
            | Cause::Content
            | Cause::Journal
            | Cause::Interrupted,
        )
        | None => true,
    };
    named && txn.progress.len() == tags
}
