//! What a person is told of tags that were moving ones once and that nothing moves any more.

use crate::{
    oci::{Observed, Repository},
    plan::{
        history::facts::Facts,
        tags::{Published, unmoved},
    },
    policy::Policy,
    project::POLICY_FILE,
    release::{facade::Release, observe},
};

impl Release {
    /// One sentence for each repository that has such tags. What cannot be read is passed over.
    pub(super) async fn unmoved_notes(
        &self,
        facts: &Facts,
        published: &[Published],
    ) -> Vec<String> {
        let Some(last) = facts.on_head.first().or(facts.base.as_ref()) else {
            return Vec::new();
        };
        let commit = self.project().git().tag_commit(&last.name);
        let then = commit.and_then(|commit| self.project().with_policy_of(commit).ok().flatten());
        let then = then.map(|project| project.policy().clone());
        let mut notes = Vec::new();
        for seen in published {
            let tags = unmoved(self.policy(), then.as_ref(), &last.version, seen);
            if tags.is_empty() || self.is_of_another_policy(&seen.repository) {
                continue;
            }
            let Ok(mut apis) = self.apis(std::slice::from_ref(&seen.repository)) else {
                continue;
            };
            let tags: Vec<_> = tags.into_iter().collect();
            let Ok(shows) = observe::heads(apis.remove(0).as_ref(), &tags).await else {
                continue;
            };
            let git: Vec<_> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
            let receipts = self.receipts_of(&git);
            let told: Vec<String> = shows
                .iter()
                .filter_map(|(tag, shown)| {
                    let Observed::At(digest) = shown else {
                        return None;
                    };
                    let own = receipts
                        .iter()
                        .filter(|(_, receipt)| receipt.digest == *digest);
                    Some(match own.map(|(version, _)| version).max() {
                        Some(version) => format!("`{tag}`, which shows {version}"),
                        None => format!("`{tag}`, which shows {}", digest.short()),
                    })
                })
                .collect();
            if !told.is_empty() {
                notes.push(format!(
                    "`{}` has {}; no policy moves {}: put {} into `tags.moving`, or delete {} on the registry",
                    seen.repository,
                    told.join("; "),
                    if told.len() == 1 { "it" } else { "them" },
                    if told.len() == 1 { "it" } else { "them" },
                    if told.len() == 1 { "it" } else { "them" },
                ));
            }
        }
        notes
    }

    /// Whether another policy of this repository publishes there, too.
    fn is_of_another_policy(&self, repository: &Repository) -> bool {
        let own = self.project().policy_path();
        let tracked = self
            .project()
            .git()
            .tracked(POLICY_FILE)
            .unwrap_or_default();
        tracked.iter().any(|file| {
            let policy = Policy::parse(&file.text, &file.path);
            Some(&*file.path) != own
                && policy.is_ok_and(|policy| policy.repositories().contains(repository))
        })
    }
}
