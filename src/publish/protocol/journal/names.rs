//! What a journal may name. It can come from a lock on the remote, which others may write, and its
//! names become arguments of `git`: each must be a valid name of its kind.

use crate::{
    git::{ObjectId, RefName},
    publish::protocol::journal::Prepared,
};

/// Whether every object id and every ref is one of its kind.
pub(in crate::publish) fn is_legal(prepared: &Prepared) -> bool {
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
