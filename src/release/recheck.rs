//! Whether the moving tags may still move, asked once more under the lock: with the same rules and what is
//! published by then.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    error::Result,
    oci::{Repository, Tag},
    plan::{
        Plan,
        release::withdrawal::marked_version,
        tags::{self, ExactTags, Listing, PlannedTag, Published, TagAction, TagContext, TagRules},
        version::branch::BranchKind,
    },
    policy::Policy,
    publish::{Overtaken, PublishedNow, Recheck},
    release::{facade::Release, unlisted::UnlistedTags},
};

impl Release {
    /// Whether every tag that `plan` moves may still move.
    pub(super) fn recheck_of(&self, plan: &Plan) -> Recheck {
        let policy = self.policy().clone();
        let plan = plan.clone();
        Recheck::new(move |known| overtaken_by_release(&policy, &plan, known))
    }

    /// Whether each of these tags still belongs to the version that it is to be put to, now or once
    /// `taken_back` is withdrawn. The tags of `unlisted` are there, and no list names them.
    pub(super) fn recheck_of_repair(
        &self,
        wanted: Vec<(Repository, Tag, Version)>,
        taken_back: Option<&Version>,
        unlisted: UnlistedTags,
    ) -> Recheck {
        let policy = self.policy().clone();
        let taken_back = taken_back.cloned();
        Recheck::new(move |known| {
            let mut known = known.clone();
            for (repository, tags) in &mut known.repositories {
                let here = unlisted.iter().filter(|(its, _)| its == repository);
                if let Some(tags) = tags {
                    tags.extend(here.flat_map(|(_, tags)| tags.clone()));
                }
            }
            overtaken_by_line(&policy, &wanted, taken_back.as_ref(), &known)
        })
    }
}

fn overtaken_by_release(
    policy: &Policy,
    plan: &Plan,
    known: &PublishedNow,
) -> Result<Vec<Overtaken>> {
    let git = versions(policy, known);
    let withdrawn = withdrawn(policy, known);
    let kind = BranchKind::of(&policy.branches, plan.branch.as_deref());
    let context = TagContext {
        version: &plan.version,
        commit: Some(plan.commit),
        commit_time: plan.commit_time,
        instant: plan.instant,
        branch: plan.branch.as_deref(),
        branch_kind: &kind,
        git: &git,
        withdrawn: &withdrawn,
        images: BTreeMap::new(),
    };
    let published: Vec<Published> = known.repositories.iter().map(published).collect();
    let set = tags::compute(policy, &context, &published)?;
    let moves = plan.tags.iter().filter(|tag| tag.action != TagAction::Keep);
    let mut found = Vec::new();
    for planned in moves {
        let same = |tag: &&PlannedTag| tag.tag == planned.tag && tag.is_for(&planned.repository);
        let now = set.tags().iter().find(same);
        let verdict = now.and_then(|tag| {
            let mut all = tag.verdicts.iter();
            all.find(|verdict| verdict.repository == planned.repository)
        });
        // One that is put to another version's image is kept from this one as before.
        let successor = planned.successor.as_ref().map(|successor| &successor.tag);
        if let Some(verdict) = verdict
            && verdict.action == TagAction::Keep
            && (successor.is_none() || successor != verdict.successor.as_ref())
        {
            found.push(Overtaken {
                repository: planned.repository.clone(),
                tag: planned.tag.clone(),
                why: verdict.why.clone(),
            });
        }
    }
    Ok(found)
}

fn overtaken_by_line(
    policy: &Policy,
    wanted: &[(Repository, Tag, Version)],
    taken_back: Option<&Version>,
    known: &PublishedNow,
) -> Result<Vec<Overtaken>> {
    let git = versions(policy, known);
    let mut withdrawn = withdrawn(policy, known);
    withdrawn.extend(taken_back.cloned());
    let mut found = Vec::new();
    for (repository, tags) in &known.repositories {
        let Some(tags) = tags else { continue };
        let rules = TagRules::in_repository(policy, repository);
        let reader = ExactTags::new(&rules, &git).passing_over(&withdrawn);
        let targets = rules.targets(&reader, &git, tags);
        for (its_repository, tag, version) in wanted {
            let target = targets.iter().find(|target| target.tag == *tag);
            if let Some(target) = target
                && its_repository == repository
                && target.version.cmp_precedence(version).is_ne()
            {
                found.push(Overtaken {
                    repository: repository.clone(),
                    tag: tag.clone(),
                    why: format!("{} is the highest of its line now", target.version),
                });
            }
        }
    }
    Ok(found)
}

fn versions(policy: &Policy, known: &PublishedNow) -> Vec<Version> {
    let template = &policy.version.tag;
    let named = known.git.iter().filter_map(|name| template.version(name));
    named.collect()
}

fn withdrawn(policy: &Policy, known: &PublishedNow) -> Vec<Version> {
    let (template, marks) = (&policy.version.tag, policy.git.marks());
    let marked = known.marks.iter();
    marked
        .filter_map(|mark| marked_version(&marks, template, mark))
        .collect()
}

fn published((repository, tags): &(Repository, Option<Vec<Tag>>)) -> Published {
    Published {
        tags: match tags {
            Some(tags) => Listing::Known(tags.clone()),
            // The looks at the tags themselves tell whether one has moved.
            None => Listing::NotAsked,
        },
        ..Published::not_asked(repository.clone())
    }
}
