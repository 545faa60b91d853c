//! The levels of a history straight from the definitions: no order is clever, nothing is indexed.
//! Nothing here reads a message; what a commit says is known from how it was made.

use std::collections::{BTreeMap, BTreeSet};

use hoist::policy::Level;

use super::story::{
    BREAKS, Bullet, DOCS, FEAT, FIX, Form, PROSE, Said, Story, TICKET, Title, bullet_title,
};

/// One change: its commit, and its place among those that the commit lists.
type Change = (usize, Option<usize>);

pub struct Brute<'a> {
    story: &'a Story,
    range: BTreeSet<usize>,
}

impl<'a> Brute<'a> {
    pub fn of(story: &'a Story) -> Self {
        let range = story.range().into_iter().collect();
        Self { story, range }
    }

    /// The highest level of each commit of the range.
    pub fn levels(&self) -> BTreeMap<usize, Option<Level>> {
        let mut levels: BTreeMap<usize, Option<Level>> = BTreeMap::new();
        for change in self.changes() {
            let level = levels.entry(change.0).or_default();
            *level = (*level).max(self.level(change));
        }
        levels
    }

    /// Whether some revert takes something back, and whether that is a merge.
    pub fn kinds(&self) -> (bool, bool) {
        let sets: Vec<_> = self
            .changes()
            .into_iter()
            .filter_map(|c| self.takes(c))
            .collect();
        let takes = sets.iter().any(|(set, _)| !set.is_empty());
        let merge = |(set, _): &(BTreeSet<Change>, bool)| {
            let of_merge = |change: &Change| self.story.commits[change.0].parents.len() > 1;
            set.len() > 1 && set.iter().any(of_merge)
        };
        (takes, sets.iter().any(merge))
    }

    fn listed(&self, commit: usize) -> &'a [Bullet] {
        match &self.story.commits[commit].said {
            Said::Squash(_, bullets)
                if self.story.squash_body && self.story.commits[commit].parents.len() < 2 =>
            {
                bullets
            }
            _ => &[],
        }
    }

    /// Every change of the range, in the order in which they were made.
    fn changes(&self) -> Vec<Change> {
        let mut all = Vec::new();
        for commit in &self.range {
            all.push((*commit, None));
            all.extend((0..self.listed(*commit).len()).map(|place| (*commit, Some(place))));
        }
        all
    }

    fn level(&self, change: Change) -> Option<Level> {
        if self.story.commits[change.0].skip || self.is_out(change) {
            return None;
        }
        if let Some((_, complete)) = self.takes(change) {
            // Taken back and what takes it back cancel; what is not in the range is a fix.
            return (!complete).then_some(Level::Patch);
        }
        if let Some(place) = change.1 {
            return match &self.listed(change.0)[place] {
                Bullet::Plain(title) => self.of_title(title),
                Bullet::Breaks(_) => Some(Level::Major),
                Bullet::Reverts(_) => Some(Level::Patch),
            };
        }
        match &self.story.commits[change.0].said {
            Said::Plain(title) | Said::Squash(title, _) => self.of_title(title),
            Said::BreaksBelow(_) => Some(Level::Major),
            Said::Merge(_) => None,
            Said::Reverts { form, .. } => Some(match form {
                Form::Breaking => Level::Major,
                _ => Level::Patch,
            }),
            Said::RevertsTitle(..) | Said::HeaderTitle { .. } | Said::Reapplies(_) => {
                Some(Level::Patch)
            }
        }
    }

    fn of_title(&self, title: &Title) -> Option<Level> {
        match title.kind {
            FIX => Some(Level::Patch),
            TICKET => self.story.strip.then_some(Level::Patch),
            FEAT => Some(Level::Minor),
            BREAKS => Some(Level::Major),
            DOCS | PROSE => None,
            other => panic!("{other}"),
        }
    }

    /// Whether a revert that stands takes the change back. All reverts of a change were made after
    /// it, so asking those alone comes to an end.
    fn is_out(&self, change: Change) -> bool {
        self.changes().into_iter().any(|revert| {
            revert > change
                && self
                    .takes(revert)
                    .is_some_and(|(set, _)| set.contains(&change))
                && !self.is_out(revert)
        })
    }

    /// What a change takes back, and whether that is all that it names; `None` where it is not a
    /// revert that acts.
    fn takes(&self, change: Change) -> Option<(BTreeSet<Change>, bool)> {
        let commit = &self.story.commits[change.0];
        if commit.skip {
            return None;
        }
        let found = match (change.1, &commit.said) {
            (Some(place), _) => {
                let bullets = self.listed(change.0);
                let Bullet::Reverts(other) = &bullets[place] else {
                    return None;
                };
                let title = bullet_title(bullets, *other);
                let same =
                    |other: &usize| bullet_title(bullets, *other) == title && *other != place;
                let mut same = (0..bullets.len()).filter(same);
                return Some(match (same.next(), same.next()) {
                    (Some(one), None) => (BTreeSet::from([(change.0, Some(one))]), true),
                    // The id that it names is nowhere.
                    _ => (BTreeSet::new(), false),
                });
            }
            (
                None,
                Said::Reverts {
                    form: Form::Breaking,
                    ..
                },
            ) => return None,
            (
                None,
                Said::Reverts {
                    targets, mainline, ..
                },
            ) => targets
                .iter()
                .map(|target| Some(*target).filter(|t| self.range.contains(t)))
                .map(|target| target.map(|target| self.came_in(target, mainline.unwrap_or(0))))
                .collect(),
            (None, Said::RevertsTitle(title, _)) => vec![self.titled(change.0, title)],
            (
                None,
                Said::HeaderTitle {
                    title,
                    quoted,
                    number,
                },
            ) => vec![match (quoted, number) {
                (true, _) | (_, None) => self.titled(change.0, title),
                (false, Some(number)) => self.titled(change.0, &format!("{title} (#{number})")),
            }],
            (None, Said::Reapplies(title)) => {
                vec![self.titled(change.0, &format!("Revert \"{title}\""))]
            }
            (None, _) => return None,
        };
        let commits: BTreeSet<usize> = found.iter().flatten().flatten().copied().collect();
        // What is released stays in a release, so taking it back is a change of its own.
        let complete = found.iter().all(Option::is_some) && commits.is_subset(&self.range);
        let changes = self.changes().into_iter();
        Some((
            changes
                .filter(|(commit, _)| commits.contains(commit))
                .collect(),
            complete,
        ))
    }

    /// What came in by a commit: itself; by a merge what it reaches and the parent does not, also
    /// what is released.
    fn came_in(&self, commit: usize, parent: usize) -> BTreeSet<usize> {
        let parents = &self.story.commits[commit].parents;
        if parents.len() < 2 {
            return BTreeSet::from([commit]);
        }
        let before = self.story.reach(parents[parent]);
        let all = self.story.reach(commit);
        all.difference(&before).copied().collect()
    }

    /// What came in by the one commit behind `revert` that has the title.
    fn titled(&self, revert: usize, title: &str) -> Option<BTreeSet<usize>> {
        let behind = self.story.reach(revert);
        let behind: Vec<usize> = behind
            .into_iter()
            .filter(|commit| *commit != revert && self.range.contains(commit))
            .collect();
        let stripped = self.stripped(title).unwrap_or_else(|| title.to_owned());
        let exact = |quoted: &str| -> Vec<usize> {
            let named = |commit: &usize| {
                let names = self.names(*commit);
                names
                    .iter()
                    .any(|name| name == quoted || without_number(name) == quoted)
            };
            behind.iter().copied().filter(named).collect()
        };
        // The number was given when the pull request was merged.
        let unnumbered = |quoted: &str| -> Vec<usize> {
            let named = exact(without_number(quoted)).into_iter();
            named
                .filter(|commit| {
                    number_of(quoted).is_some()
                        && (number_of(without_number(quoted)).is_some()
                            || !self.has_number(*commit))
                })
                .collect()
        };
        let found = [
            exact(title),
            exact(&stripped),
            unnumbered(title),
            unnumbered(&stripped),
        ];
        let found = found.into_iter().find(|found| !found.is_empty())?;
        let alone: Vec<usize> = found
            .iter()
            .copied()
            .filter(|one| {
                let mut others = found.iter().filter(|other| *other != one);
                !others.any(|other| self.came_in(*other, 0).contains(one))
            })
            .collect();
        (alone.len() == 1).then(|| self.came_in(alone[0], 0))
    }

    /// What a commit can be called by.
    fn names(&self, commit: usize) -> Vec<String> {
        let mut names = vec![self.story.title(commit)];
        if let Said::Merge(Some(title)) = &self.story.commits[commit].said {
            names.push(title.text());
        }
        let stripped: Vec<_> = names
            .iter()
            .filter_map(|name| self.stripped(name))
            .collect();
        names.extend(stripped);
        names
    }

    fn has_number(&self, commit: usize) -> bool {
        let is_pull_request = matches!(self.story.commits[commit].said, Said::Merge(Some(_)));
        is_pull_request || number_of(&self.story.title(commit)).is_some()
    }

    fn stripped(&self, title: &str) -> Option<String> {
        let rest = title.strip_prefix("ABC-7: ").filter(|_| self.story.strip);
        rest.map(str::to_owned)
    }
}

fn number_of(title: &str) -> Option<&str> {
    title
        .strip_suffix(')')?
        .rsplit_once(" (#")
        .map(|(_, number)| number)
}

fn without_number(title: &str) -> &str {
    match number_of(title) {
        Some(_) => title.rsplit_once(" (#").unwrap().0,
        None => title,
    }
}
