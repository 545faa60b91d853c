//! A random history, as what each commit is and as the message that says so.

use std::collections::BTreeSet;

/// Splitmix64: the same numbers on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

pub const FIX: &str = "fix";
pub const FEAT: &str = "feat";
pub const BREAKS: &str = "feat!";
pub const DOCS: &str = "docs";
/// A fix behind a ticket's key.
pub const TICKET: &str = "ABC-7: fix";
pub const PROSE: &str = "Rework";
const KINDS: [&str; 8] = [FIX, FEAT, FEAT, BREAKS, DOCS, TICKET, PROSE, FIX];

/// What is done under a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    pub kind: &'static str,
    /// Few of them, so that titles repeat.
    pub word: usize,
    pub number: Option<usize>,
}

impl Title {
    fn new(random: &mut Random) -> Self {
        Self {
            kind: KINDS[random.below(KINDS.len())],
            word: random.below(6),
            number: random.one_in(3).then(|| random.below(4)),
        }
    }

    pub fn bare(&self) -> String {
        match self.kind {
            PROSE => format!("{PROSE} w{}", self.word),
            kind => format!("{kind}: w{}", self.word),
        }
    }

    pub fn text(&self) -> String {
        let number = self
            .number
            .map_or(String::new(), |number| format!(" (#{number})"));
        self.bare() + &number
    }
}

/// What a listed change of a squash is.
#[derive(Debug, Clone)]
pub enum Bullet {
    Plain(Title),
    /// Breaks in a line that is indented below it.
    Breaks(Title),
    /// Takes back the title of an earlier bullet.
    Reverts(usize),
}

/// What a commit is.
#[derive(Debug, Clone)]
pub enum Said {
    Plain(Title),
    /// A line in the body says what breaks.
    BreaksBelow(Title),
    Squash(Title, Vec<Bullet>),
    /// Of several parents, without a header, and perhaps with a pull request's title in its body.
    Merge(Option<Title>),
    /// Takes back commits by their ids; `mainline` is which parent of a merge it goes back to.
    Reverts {
        targets: Vec<usize>,
        mainline: Option<usize>,
        form: Form,
    },
    /// Takes back what has this title.
    RevertsTitle(String, Option<usize>),
    /// As before, below `revert: `, in quotes or not.
    HeaderTitle {
        title: String,
        quoted: bool,
        number: Option<usize>,
    },
    /// As before, of something that was taken back by its title.
    Reapplies(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Git,
    Short,
    Refs,
    /// Marked as breaking, so it stands.
    Breaking,
}

#[derive(Debug, Clone)]
pub struct StoryCommit {
    pub parents: Vec<usize>,
    pub said: Said,
    pub skip: bool,
}

#[derive(Debug, Clone)]
pub struct Story {
    pub commits: Vec<StoryCommit>,
    pub base: Option<usize>,
    pub squash_body: bool,
    pub strip: bool,
}

impl Story {
    pub fn new(random: &mut Random) -> Self {
        let size = 2 + random.below(13);
        let mut story = Self {
            commits: Vec::new(),
            base: random.one_in(2).then(|| random.below(3.min(size))),
            squash_body: random.one_in(2),
            strip: random.one_in(3),
        };
        for place in 0..size {
            let parents = parents(random, place);
            let said = story.said(random, place, &parents);
            let skip = random.one_in(20);
            story.commits.push(StoryCommit {
                parents,
                said,
                skip,
            });
        }
        // A tag elsewhere is no base.
        story.base = story
            .base
            .filter(|base| story.reach(size - 1).contains(base));
        story
    }

    fn said(&self, random: &mut Random, place: usize, parents: &[usize]) -> Said {
        let merges: Vec<usize> = (0..place)
            .filter(|other| self.commits[*other].parents.len() > 1)
            .collect();
        let reverts: Vec<usize> = (0..place)
            .filter(|other| matches!(self.commits[*other].said, Said::Reverts { .. }))
            .collect();
        if parents.len() > 1 && !random.one_in(5) {
            return Said::Merge(random.one_in(3).then(|| self.some_title(random)));
        }
        match random.below(12) {
            0..=3 if place > 0 => {
                // Reverts of merges and of reverts are what this is about.
                let among: &[usize] = match random.below(3) {
                    0 if !merges.is_empty() => &merges,
                    1 if !reverts.is_empty() => &reverts,
                    _ => &(0..place).collect::<Vec<_>>(),
                };
                let mut targets = vec![among[random.below(among.len())]];
                if random.one_in(6) {
                    targets.push(random.below(place));
                    targets.dedup();
                }
                let form = [
                    Form::Git,
                    Form::Git,
                    Form::Short,
                    Form::Refs,
                    Form::Breaking,
                ];
                let form = match (random.below(12), targets.len()) {
                    (11, _) => Form::Breaking,
                    (choice, _) => form[choice % 4],
                };
                let of = &self.commits[targets[0]].parents;
                let named = targets.len() == 1 && of.len() > 1 && form != Form::Refs;
                Said::Reverts {
                    mainline: (named && !random.one_in(4)).then(|| random.below(of.len())),
                    targets,
                    form,
                }
            }
            4 | 5 if place > 0 => {
                let title = self.some_title(random);
                let number = random.one_in(2).then(|| random.below(4));
                match random.below(7) {
                    4 => Said::HeaderTitle {
                        title: title.text(),
                        quoted: true,
                        number,
                    },
                    5 => Said::HeaderTitle {
                        title: title.text(),
                        quoted: false,
                        number,
                    },
                    6 => Said::HeaderTitle {
                        title: self.title(random.below(place)),
                        quoted: random.one_in(2),
                        number,
                    },
                    0 => Said::RevertsTitle(title.bare(), None),
                    1 => Said::RevertsTitle(title.text(), Some(random.below(4))),
                    2 => Said::Reapplies(title.text()),
                    _ => Said::RevertsTitle(title.text(), None),
                }
            }
            6 | 7 => Said::Squash(Title::new(random), bullets(random)),
            8 => Said::BreaksBelow(Title::new(random)),
            _ => Said::Plain(Title::new(random)),
        }
    }

    /// One that a commit before has, or any.
    fn some_title(&self, random: &mut Random) -> Title {
        let known = self.commits.iter().filter_map(|commit| match &commit.said {
            Said::Plain(title) | Said::BreaksBelow(title) | Said::Squash(title, _) => Some(title),
            _ => None,
        });
        let known: Vec<_> = known.collect();
        match known.is_empty() || random.one_in(8) {
            true => Title::new(random),
            false => known[random.below(known.len())].clone(),
        }
    }

    /// Everything that can be reached from `place`.
    pub fn reach(&self, place: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::from([place]);
        for parent in &self.commits[place].parents {
            all.append(&mut self.reach(*parent));
        }
        all
    }

    /// Ancestors of the last commit that are none of the base.
    pub fn range(&self) -> Vec<usize> {
        let released = self
            .base
            .map_or_else(BTreeSet::new, |base| self.reach(base));
        let all = self.reach(self.commits.len() - 1);
        all.difference(&released).copied().collect()
    }

    /// The first line of a commit.
    pub fn title(&self, place: usize) -> String {
        match &self.commits[place].said {
            Said::Plain(title) | Said::BreaksBelow(title) | Said::Squash(title, _) => title.text(),
            Said::Merge(None) => "Merge branch 'topic'".to_owned(),
            Said::Merge(Some(_)) => format!("Merge pull request #{} from acme/topic", 90 + place),
            Said::Reverts { targets, form, .. } => match form {
                Form::Git => format!("Revert \"x{}\"", targets[0]),
                Form::Short => format!("revert: x{}", targets[0]),
                Form::Refs => "revert: let us not speak of it".to_owned(),
                Form::Breaking => format!("revert!: x{}", targets[0]),
            },
            Said::RevertsTitle(title, None) => format!("Revert \"{title}\""),
            Said::RevertsTitle(title, Some(number)) => format!("Revert \"{title}\" (#{number})"),
            Said::Reapplies(title) => format!("Reapply \"{title}\""),
            Said::HeaderTitle {
                title,
                quoted,
                number,
            } => {
                let quote = if *quoted { "\"" } else { "" };
                let number = number.map_or(String::new(), |number| format!(" (#{number})"));
                format!("revert: {quote}{title}{quote}{number}")
            }
        }
    }

    /// The positions of a merge's parents that lack a released commit which the merge has.
    pub fn released_beside(&self, place: usize) -> Vec<usize> {
        let parents = &self.commits[place].parents;
        let Some(base) = self.base.filter(|_| parents.len() > 1) else {
            return Vec::new();
        };
        let (released, all) = (self.reach(base), self.reach(place));
        let lacks = |position: &usize| {
            let own = self.reach(parents[*position]);
            released
                .iter()
                .any(|one| all.contains(one) && !own.contains(one))
        };
        (0..parents.len()).filter(lacks).collect()
    }

    pub fn message(&self, place: usize, id: impl Fn(usize) -> String) -> String {
        let commit = &self.commits[place];
        let mut text = self.title(place);
        match &commit.said {
            Said::BreaksBelow(_) => text += "\n\nWhy.\n\nBREAKING CHANGE: it goes\n",
            Said::Squash(_, bullets) => text += &listed(bullets),
            Said::Merge(Some(title)) => text += &format!("\n\n{}\n", title.text()),
            Said::Reverts {
                targets,
                mainline,
                form,
            } => {
                let mut ids: Vec<String> = targets.iter().map(|target| id(*target)).collect();
                if *form == Form::Short {
                    ids.iter_mut().for_each(|id| id.truncate(10));
                }
                let parent = mainline.map(|which| id(self.commits[targets[0]].parents[which]));
                text += &match (form, ids.len(), parent) {
                    (Form::Refs, ..) => format!("\n\nRefs: {}", ids.join(", ")),
                    (_, 1, Some(parent)) => format!(
                        "\n\nThis reverts commit {}, reversing\nchanges made to {parent}.",
                        ids[0]
                    ),
                    (_, 1, None) => format!("\n\nThis reverts commit {}.", ids[0]),
                    _ => format!("\n\nThis reverts commits {}", ids.join(" and ")),
                };
            }
            Said::Plain(_)
            | Said::Merge(None)
            | Said::RevertsTitle(..)
            | Said::HeaderTitle { .. }
            | Said::Reapplies(_) => {}
        }
        if commit.skip {
            text += "\n\n[skip release]";
        }
        text
    }

    pub fn shown(&self) -> String {
        let mut text = format!(
            "base {:?}, squash_body {}, strip {}\n",
            self.base, self.squash_body, self.strip
        );
        for (place, commit) in self.commits.iter().enumerate() {
            let message = self.message(place, |other| format!("<{other}>"));
            text += &format!("{place} {:?} {message:?}\n", commit.parents);
        }
        text
    }
}

/// Mostly one; often a merge; the nearest ones rather than those far away.
fn parents(random: &mut Random, place: usize) -> Vec<usize> {
    if place == 0 || random.one_in(25) {
        return Vec::new();
    }
    let near = |random: &mut Random| {
        let back = 1 + random.below(4.min(place));
        place - back
    };
    let count = match random.below(10) {
        0..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    let mut parents = vec![if random.one_in(3) {
        near(random)
    } else {
        place - 1
    }];
    for _ in 1..count {
        let other = near(random);
        if !parents.contains(&other) {
            parents.push(other);
        }
    }
    if random.one_in(2) {
        parents.reverse();
    }
    parents
}

fn bullets(random: &mut Random) -> Vec<Bullet> {
    let mut bullets = Vec::new();
    for place in 0..1 + random.below(4) {
        bullets.push(match random.below(5) {
            0 if place > 0 => Bullet::Reverts(random.below(place)),
            1 => Bullet::Breaks(Title::new(random)),
            _ => Bullet::Plain(Title::new(random)),
        });
    }
    bullets
}

/// The titles of a squash's changes.
pub fn bullet_title(bullets: &[Bullet], place: usize) -> String {
    match &bullets[place] {
        Bullet::Plain(title) | Bullet::Breaks(title) => title.text(),
        Bullet::Reverts(other) => format!("Revert \"{}\"", bullet_title(bullets, *other)),
    }
}

fn listed(bullets: &[Bullet]) -> String {
    let mut text = "\n".to_owned();
    for (place, bullet) in bullets.iter().enumerate() {
        text += &format!("\n* {}\n", bullet_title(bullets, place));
        match bullet {
            Bullet::Breaks(_) => text += "\n  BREAKING CHANGE: it goes\n",
            // The id of the squashed branch, which is gone.
            Bullet::Reverts(_) => text += "\nThis reverts commit 00000000aa.\n",
            Bullet::Plain(_) => {}
        }
    }
    text
}
