//! Which commits of a range are copies of what a lower version has told of: fixes that were
//! cherry-picked to an older line and released there first.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    git::CommitId,
    plan::history::{
        change,
        facts::{Commit, Facts},
        footer::cherry_picked_from,
    },
};

/// For each commit of `range` that one of `told` copies, or that copies one of them, the version
/// that told of it: the first one in the list. `git cherry-pick -x` names the original; without
/// that, a copy has its title, its author and the date when the author wrote it.
#[must_use]
pub fn copies(range: &[Commit], told: &[(String, Vec<Commit>)]) -> BTreeMap<CommitId, String> {
    let mut by_id: HashMap<CommitId, &str> = HashMap::new();
    let mut by_origin: HashMap<String, &str> = HashMap::new();
    let mut by_text: HashMap<(String, &str, i64), &str> = HashMap::new();
    for (version, commits) in told {
        for commit in commits.iter().filter(|commit| !commit.is_merge()) {
            by_id.entry(commit.id).or_insert(version);
            for origin in origins(commit) {
                by_origin.entry(origin).or_insert(version);
            }
            if let Some(text) = text(commit) {
                by_text.entry(text).or_insert(version);
            }
        }
    }
    let version = |commit: &Commit| -> Option<String> {
        let own = by_origin.get(&commit.id.to_string());
        let found = own.or_else(|| {
            let named = origins(commit);
            let known = named.iter().find_map(|id| by_id.get(&id.parse().ok()?));
            known.or_else(|| by_text.get(&text(commit)?))
        });
        found.map(|version| (*version).to_owned())
    };
    let commits = range.iter().filter(|commit| !commit.is_merge());
    commits
        .filter_map(|commit| Some((commit.id, version(commit)?)))
        .collect()
}

fn origins(commit: &Commit) -> Vec<String> {
    let (_, body) = change::split(&commit.message);
    cherry_picked_from(&body)
}

/// What a copy has in common with its original.
fn text(commit: &Commit) -> Option<(String, &str, i64)> {
    let title = change::summary(&commit.message);
    let author = match commit.email.is_empty() {
        true => &commit.author,
        false => &commit.email,
    };
    (commit.written != 0 && !title.is_empty()).then_some((title, author, commit.written))
}

/// The date since when a copy of the range's commits can have been made behind the base: the
/// oldest one of those that do not descend from the base. `None`: all of them do, so there is none.
#[must_use]
pub fn oldest_beside_base(facts: &Facts) -> Option<i64> {
    let base = facts.stable.as_ref()?.commit?;
    let mut descendants: HashSet<CommitId> = HashSet::from([base]);
    let mut oldest = None;
    // Parents come after their children.
    for commit in facts.commits.iter().rev() {
        if commit.parents.iter().any(|id| descendants.contains(id)) {
            descendants.insert(commit.id);
        } else if !commit.is_merge() {
            oldest = Some(oldest.map_or(commit.written, |old: i64| old.min(commit.written)));
        }
    }
    oldest
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::copies::*;

    fn id(number: u8) -> CommitId {
        CommitId::new([number; 20])
    }

    fn commit(number: u8, message: &str, email: &str, written: i64) -> Commit {
        Commit {
            id: id(number),
            parents: Vec::new(),
            message: message.to_owned(),
            author: "Ada".to_owned(),
            email: email.to_owned(),
            time: 9,
            written,
            in_paths: true,
            after_prerelease: true,
            released_beside: Vec::new(),
        }
    }

    #[test]
    fn a_copy_is_known_by_its_origin_or_by_its_text_and_date() {
        let picked = |number: u8| format!("fix: y\n\n(cherry picked from commit {})", id(number));
        let told = [
            (
                "1.2.4".to_owned(),
                vec![
                    commit(1, "fix: x", "a@b", 5),
                    commit(2, &picked(12), "c", 6),
                ],
            ),
            (
                "1.2.5".to_owned(),
                vec![commit(3, "fix: z", "a@b", 7), commit(4, "fix: x", "a@b", 5)],
            ),
        ];
        let range = [
            commit(11, "fix: x", "a@b", 5),
            commit(12, "fix: of another title", "d", 1),
            commit(13, &picked(3), "d", 2),
            // Another author, another date, another title.
            commit(14, "fix: x", "d@e", 5),
            commit(15, "fix: x", "a@b", 6),
            commit(16, "fix: w", "a@b", 5),
            commit(17, "fix: x", "a@b", 0),
        ];
        let found: Vec<_> = copies(&range, &told).into_iter().collect();
        let found: Vec<_> = found.iter().map(|(id, of)| (*id, of.as_str())).collect();
        assert_eq!(
            found,
            [(id(11), "1.2.4"), (id(12), "1.2.4"), (id(13), "1.2.5")]
        );
    }
}
