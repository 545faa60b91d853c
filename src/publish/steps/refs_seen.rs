//! What the git refs of a transaction show: the lock, the version's git tag, the branch.

use crate::{
    git::{ObjectId, RefName},
    io::git::remote::{RefEdit, RefPattern, RemoteError},
    publish::{
        lock_ref::marks_beside,
        protocol::{
            journal::Prepared,
            observation::{GitTagSeen, LockSeen},
        },
        run::Run,
    },
};

/// The refs of a transaction as they are.
pub(in crate::publish) struct RefsSeen {
    pub(in crate::publish) lock: LockSeen,
    pub(in crate::publish) git_tag: GitTagSeen,
    pub(in crate::publish) branch: BranchSeen,
    /// Lock refs that hold one of this run's objects, with what they hold.
    pub(in crate::publish) ours: Vec<(RefName, ObjectId)>,
    /// Whether somebody else holds one of the lock refs.
    pub(in crate::publish) others: bool,
    /// The names of all git tags, where they were asked for.
    pub(in crate::publish) git_tags: Vec<String>,
    /// The marks of withdrawn versions, where they were asked for.
    pub(in crate::publish) marks: Vec<RefName>,
}

/// What the branch of the release commit shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::publish) enum BranchSeen {
    /// The release makes no commit.
    None,
    /// What it showed before.
    Before,
    /// The release commit.
    Ours,
    /// Another commit, or the branch is gone.
    Other(Option<ObjectId>),
}

/// Creates the lock's refs, which must not exist.
pub(in crate::publish) fn create_locks(names: &[RefName], lock: &ObjectId) -> Vec<RefEdit> {
    let create = |name: &RefName| RefEdit::create(name, lock);
    names.iter().map(create).collect()
}

/// Deletes the lock's refs, which must show `lock`.
pub(in crate::publish) fn delete_locks(names: &[RefName], lock: &ObjectId) -> Vec<RefEdit> {
    let delete = |name: &RefName| RefEdit::delete(name, lock);
    names.iter().map(delete).collect()
}

/// Deletes the refs of the lock that were seen to be this run's.
pub(in crate::publish) fn delete_seen(ours: &[(RefName, ObjectId)]) -> Vec<RefEdit> {
    let delete = |(name, object): &(RefName, ObjectId)| RefEdit::delete(name, object);
    ours.iter().map(delete).collect()
}

/// Reads lock, git tag and branch in one request, which renews the lease where the lock is this run's; with `all`
/// the names of all git tags and of the marks of withdrawn versions, too.
pub(in crate::publish) async fn read_refs(run: &Run, all: bool) -> Result<RefsSeen, RemoteError> {
    let prepared = &run.prepared;
    let names = prepared
        .lock_refs
        .iter()
        .chain(prepared.last_ref().map(|(name, _)| name))
        .chain(prepared.branch.iter().map(|branch| &branch.name));
    let mut patterns = RefPattern::names(names);
    let marks = prepared.lock_refs.first().and_then(marks_beside);
    if all {
        let below = [Some(RefName::TAGS.to_owned()), marks.clone()];
        patterns.extend(below.into_iter().flatten().map(RefPattern::Below));
    }
    let asked = run.holding.asking();
    let refs = run.world.remote.refs(&patterns).await?;
    let at = |name: &RefName| {
        refs.iter()
            .find(|(found, _)| found == name)
            .map(|(_, id)| id)
    };
    let locks = &prepared.lock_refs;
    let ours: Vec<_> = locks
        .iter()
        .filter_map(|name| Some((name.clone(), at(name)?.clone())))
        .filter(|(_, object)| run.holding.is_ours(object))
        .collect();
    let is_held = ours.len() == locks.len();
    if is_held {
        run.holding.read_as_ours(asked);
    }
    let git_tag = git_tag_seen(prepared, at);
    run.holding.saw_git_tag(git_tag);
    Ok(RefsSeen {
        lock: if is_held {
            LockSeen::Ours
        } else {
            LockSeen::Taken
        },
        git_tag,
        branch: branch_seen(prepared, at),
        others: locks
            .iter()
            .any(|name| at(name).is_some_and(|id| !run.holding.is_ours(id))),
        git_tags: refs
            .iter()
            .filter(|(name, _)| name.is_tag())
            .map(|(name, _)| name.short().to_owned())
            .collect(),
        marks: refs
            .iter()
            .filter(|(name, _)| {
                let below = |marks: &String| name.as_str().starts_with(marks);
                all && marks.as_ref().is_some_and(below)
            })
            .map(|(name, _)| name.clone())
            .collect(),
        ours,
    })
}

fn git_tag_seen<'a>(
    prepared: &Prepared,
    at: impl Fn(&RefName) -> Option<&'a ObjectId>,
) -> GitTagSeen {
    let Some((name, object)) = prepared.last_ref() else {
        return GitTagSeen::Absent;
    };
    match at(name) {
        None => GitTagSeen::Absent,
        Some(id) if id == object => GitTagSeen::Ours,
        Some(_) => GitTagSeen::Other,
    }
}

fn branch_seen<'a>(
    prepared: &Prepared,
    at: impl Fn(&RefName) -> Option<&'a ObjectId>,
) -> BranchSeen {
    let Some(branch) = &prepared.branch else {
        return BranchSeen::None;
    };
    match at(&branch.name) {
        Some(id) if *id == prepared.commit => BranchSeen::Ours,
        Some(id) if *id == branch.before => BranchSeen::Before,
        other => BranchSeen::Other(other.cloned()),
    }
}
