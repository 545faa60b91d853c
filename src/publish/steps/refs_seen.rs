//! What the git refs of a transaction show: the lock, the version's git tag, the branch.

use crate::{
    io::git::remote::{ObjectId, RefEdit, RemoteError},
    publish::{
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
    /// Lock refs that hold this run's object.
    pub(in crate::publish) ours: Vec<String>,
    /// Whether somebody else holds one of the lock refs.
    pub(in crate::publish) others: bool,
    /// The names of all git tags, where they were asked for.
    pub(in crate::publish) git_tags: Vec<String>,
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

/// The full name of the release's git tag, where it makes one.
pub(in crate::publish) fn tag_ref(prepared: &Prepared) -> Option<String> {
    let tag = prepared.git_tag.as_ref()?;
    Some(format!("refs/tags/{}", tag.name))
}

/// Creates the lock's refs, which must not exist.
pub(in crate::publish) fn create_locks(names: &[String], lock: &ObjectId) -> Vec<RefEdit> {
    let create = |name: &String| RefEdit::create(name, lock);
    names.iter().map(create).collect()
}

/// Deletes the lock's refs, which must show `lock`.
pub(in crate::publish) fn delete_locks(names: &[String], lock: &ObjectId) -> Vec<RefEdit> {
    let delete = |name: &String| RefEdit::delete(name, lock);
    names.iter().map(delete).collect()
}

/// Reads lock, git tag and branch in one request; with `all_tags` the names of all git tags, too.
pub(in crate::publish) async fn read_refs(
    run: &Run,
    all_tags: bool,
) -> Result<RefsSeen, RemoteError> {
    let prepared = &run.prepared;
    let mut names = prepared.lock_refs.clone();
    names.extend(tag_ref(prepared));
    names.extend(prepared.branch.iter().map(|branch| branch.name.clone()));
    names.extend(all_tags.then(|| "refs/tags/*".to_owned()));
    let refs = run.world.remote.refs(&names).await?;
    let at = |name: &String| {
        refs.iter()
            .find(|(found, _)| found == name)
            .map(|(_, id)| id)
    };
    let locks = &prepared.lock_refs;
    let ours: Vec<_> = locks
        .iter()
        .filter(|name| at(name) == Some(&run.lock))
        .cloned()
        .collect();
    Ok(RefsSeen {
        lock: if ours.len() == locks.len() {
            LockSeen::Ours
        } else {
            LockSeen::Taken
        },
        git_tag: git_tag_seen(prepared, at),
        branch: branch_seen(prepared, at),
        others: locks
            .iter()
            .any(|name| at(name).is_some_and(|id| *id != run.lock)),
        git_tags: refs
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("refs/tags/"))
            .map(str::to_owned)
            .collect(),
        ours,
    })
}

fn git_tag_seen<'a>(
    prepared: &Prepared,
    at: impl Fn(&String) -> Option<&'a ObjectId>,
) -> GitTagSeen {
    let (Some(tag), Some(name)) = (&prepared.git_tag, tag_ref(prepared)) else {
        return GitTagSeen::Absent;
    };
    match at(&name) {
        None => GitTagSeen::Absent,
        Some(id) if *id == tag.id => GitTagSeen::Ours,
        Some(_) => GitTagSeen::Other,
    }
}

fn branch_seen<'a>(
    prepared: &Prepared,
    at: impl Fn(&String) -> Option<&'a ObjectId>,
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
