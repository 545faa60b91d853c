//! Reverts, merges and squashes against a brute force: random small histories, and for each of them
//! the levels and the next version as the definitions say them, computed in the most naive way.
//!
//! `HOIST_REVERTS` sets how many histories the long runs try: 200,000 in memory and 4,000 as git
//! repositories without it (`cargo test --test it reverts -- --ignored --nocapture`).

mod brute;
mod story;

use std::collections::BTreeMap;

use hoist::{
    git::CommitId,
    io::git::read::GitRepository,
    plan::{
        history::facts::{Commit, Facts, VersionTag},
        version::{VersionRequest, next},
    },
    policy::{Level, Policy},
};
use semver::Version;

use crate::support::history::{self, History, START, assert_outline_judges_alike, write_commit};
use brute::Brute;
use story::{Random, Story};

fn policy(story: &Story) -> Policy {
    let squash = if story.squash_body { "body" } else { "title" };
    let strip = if story.strip { "'^ABC-\\d+: '" } else { "" };
    let text = format!("[version]\nsquash = \"{squash}\"\nstrip = [{strip}]\n");
    Policy::parse(&text, "release.toml").unwrap()
}

/// What both sides answer: the highest level of each commit of the range, and the next version.
type Answer = (BTreeMap<usize, Option<Level>>, Option<Version>);

fn answer(policy: &Policy, facts: &Facts, place: impl Fn(&CommitId) -> usize) -> Answer {
    let next = next::next(policy, facts, &VersionRequest::default()).unwrap();
    let mut levels = BTreeMap::new();
    for entry in &next.entries {
        let level: &mut Option<Level> = levels.entry(place(&entry.id)).or_default();
        *level = (*level).max(entry.level);
    }
    (levels, next.version)
}

fn in_memory(story: &Story, random: &mut Random) -> Answer {
    let ids: Vec<CommitId> = (0..story.commits.len())
        .map(|_| CommitId::new(std::array::from_fn(|_| random.below(256) as u8)))
        .collect();
    let range = story.range();
    let commit = |place: usize| Commit {
        id: ids[place],
        parents: story.commits[place]
            .parents
            .iter()
            .map(|p| ids[*p])
            .collect(),
        message: story.message(place, |other| ids[other].to_string()),
        author: String::new(),
        email: String::new(),
        time: 0,
        written: 0,
        in_paths: true,
        after_prerelease: true,
        released_beside: story.released_beside(place),
    };
    let mut commits: Vec<Commit> = range.iter().rev().map(|place| commit(*place)).collect();
    // The order is nothing that an answer may depend on.
    if random.one_in(3) {
        for place in (1..commits.len()).rev() {
            commits.swap(place, random.below(place + 1));
        }
    }
    let tag = story.base.map(|place| VersionTag {
        name: "v1.2.3".to_owned(),
        version: Version::new(1, 2, 3),
        commit: Some(ids[place]),
    });
    let head = story.commits.len() - 1;
    let facts = Facts {
        head: ids[head],
        head_time: 0,
        branch: Some("main".to_owned()),
        on_head: tag
            .iter()
            .filter(|_| story.base == Some(head))
            .cloned()
            .collect(),
        tags: tag.iter().cloned().collect(),
        base: tag.clone(),
        stable: tag,
        channel: None,
        commits,
        elsewhere: Vec::new(),
        not_commits: Vec::new(),
        near_miss: None,
        short: None,
        unmatched: Vec::new(),
        other_tags: 0,
        withdrawn: Vec::new(),
        shallow: false,
        notes: Vec::new(),
    };
    let place = |id: &CommitId| ids.iter().position(|other| other == id).unwrap();
    answer(&policy(story), &facts, place)
}

/// A repository that is written over and over: making one costs more than reading it.
fn in_git(story: &Story, history: &History, round: u64) -> Answer {
    let git = &history.git;
    let mut ids: Vec<git2::Oid> = Vec::new();
    for (place, commit) in story.commits.iter().enumerate() {
        let parents: Vec<_> = commit.parents.iter().map(|parent| ids[*parent]).collect();
        let said = story.message(place, |other| ids[other].to_string());
        let message = format!("{said}\n\nRound {round}, commit {place}");
        let commit = history::Commit {
            message: message.as_bytes(),
            ..history::Commit::default()
        };
        let date = START + i64::try_from(place).unwrap();
        ids.push(write_commit(git, &commit, &parents, date));
    }
    let tag = git.path().join("refs/tags/v1.2.3");
    let _ = std::fs::remove_file(&tag);
    if let Some(base) = story.base {
        std::fs::write(tag, format!("{}\n", ids[base])).unwrap();
    }
    let head = ids.last().unwrap();
    std::fs::write(git.path().join("HEAD"), format!("{head}\n")).unwrap();
    let repository = GitRepository::open(history.path()).unwrap();
    let policy = policy(story);
    let question = next::history_query(&policy, &VersionRequest::default(), Some("main")).unwrap();
    let facts = repository.read(&question).unwrap();
    assert_outline_judges_alike(&repository, &question, &policy, &facts);
    let place = |id: &CommitId| {
        let text = id.to_string();
        ids.iter()
            .position(|other| other.to_string() == text)
            .unwrap()
    };
    answer(&policy, &facts, place)
}

fn expected(story: &Story) -> Answer {
    let levels = Brute::of(story).levels();
    let highest = levels.values().flatten().max().copied();
    let version = highest.map(|level| match (story.base, level) {
        (None, _) => Version::new(0, 1, 0),
        (Some(_), Level::Patch) => Version::new(1, 2, 4),
        (Some(_), Level::Minor) => Version::new(1, 3, 0),
        (Some(_), Level::Major) => Version::new(2, 0, 0),
    });
    (levels, version)
}

/// Tries `rounds` histories and says how many of them had something to tell.
#[expect(
    clippy::print_stdout,
    reason = "the figures are what the long runs are for"
)]
fn try_all(rounds: u64, seed: u64, found: &mut dyn FnMut(&Story, &mut Random, u64) -> Answer) {
    let (mut reverts, mut merges) = (0, 0);
    for round in 0..rounds {
        let mut random = Random::new(seed.wrapping_add(round));
        let story = Story::new(&mut random);
        let expected = expected(&story);
        let found = found(&story, &mut random, round);
        assert_eq!(found, expected, "round {round}\n{}", story.shown());
        let (takes_back, of_merge) = Brute::of(&story).kinds();
        reverts += u64::from(takes_back);
        merges += u64::from(of_merge);
    }
    println!("{rounds} histories, {reverts} with a revert that takes back, {merges} of a merge");
    assert!(
        reverts > rounds / 5 && merges > rounds / 50,
        "{reverts} {merges}"
    );
}

fn rounds(default: u64) -> u64 {
    let set = std::env::var("HOIST_REVERTS").ok();
    set.and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

#[test]
fn reverts_equal_a_brute_force() {
    try_all(3000, 1, &mut |story, random, _| in_memory(story, random));
    let history = History::new();
    try_all(200, 2, &mut |story, _, round| {
        in_git(story, &history, round)
    });
}

#[test]
#[ignore = "long: HOIST_REVERTS histories in memory, 200,000 without it"]
fn reverts_equal_a_brute_force_for_long() {
    try_all(rounds(200_000), 1 << 32, &mut |story, random, _| {
        in_memory(story, random)
    });
}

#[test]
#[ignore = "long: HOIST_REVERTS git repositories, 4,000 without it"]
fn reverts_in_repositories_equal_a_brute_force_for_long() {
    let history = History::new();
    try_all(rounds(4000), 1 << 40, &mut |story, _, round| {
        in_git(story, &history, round)
    });
}
