//! Laws over generated histories: any shape, any dates, tags anywhere. What the repository is
//! read as must equal what the definitions say.
//!
//! `HOIST_GRAPHS` sets how many histories are tried; 2,000 without it.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use git2::Oid;
use hoist::{
    git::CommitId,
    io::git::read::GitRepository,
    plan::{
        history::{
            facts::{Commit, Facts, HistoryQuery, VersionTag},
            levels::JudgedChange,
        },
        version::{VersionRequest, next},
    },
    policy::{Level, MaintenanceLine, Policy},
};
use proptest::{prelude::*, test_runner::Config};
use semver::Version;

use crate::support::history::{self, History, START, assert_outline_judges_alike, write_commit};

/// A history as numbers; commit `i` has parents among those before it.
#[derive(Debug, Clone)]
struct Graph {
    parents: Vec<BTreeSet<usize>>,
    dates: Vec<i64>,
    messages: Vec<&'static str>,
    /// The commit that each one takes back instead of saying its message.
    reverts: Vec<Option<usize>>,
    /// Merges name their parents the other way round.
    swapped: bool,
    /// Version and commit.
    tags: Vec<(&'static str, usize)>,
    head: usize,
}

/// More than are tried one by one, so that the walk that settles all of them is taken as well.
const VERSIONS: [&str; 30] = [
    "0.1.0",
    "0.9.0",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.0.2",
    "1.0.3",
    "1.1.0-rc.1",
    "1.1.0-rc.2",
    "1.1.0-beta.1",
    "1.1.0",
    "1.2.0",
    "1.2.1",
    "1.3.0",
    "2.0.0-beta.3",
    "2.0.0-rc.1",
    "2.0.0-rc2",
    "2.0.0",
    "2.0.1",
    "2.1.0",
    "3.0.0-rc.1",
    "3.0.0",
    "4.0.0",
    "4.0.1",
    "5.0.0",
    "6.0.0",
    "7.0.0",
    "8.0.0",
    "10.0.0-rc.1",
    "10.0.0",
];

const MESSAGES: [&str; 8] = [
    "fix: a",
    "feat: b",
    "feat!: c",
    "docs: d",
    "Merge branch 'x'",
    "hello",
    "chore: e\n\nBREAKING CHANGE: f",
    "fixup! feat: g",
];

fn graphs() -> impl Strategy<Value = Graph> {
    let commit = (
        // How many parents, and how far back each of them lies.
        prop_oneof![8 => 1..2_usize, 1 => 0..1_usize, 3 => 2..3_usize, 1 => 3..5_usize],
        prop::collection::vec(prop_oneof![3 => 1..3_usize, 2 => 1..25_usize], 4),
        // A date that rises, repeats, or is anything at all.
        prop_oneof![6 => Just(None), 1 => (-50..50_i64).prop_map(Some)],
        prop::sample::select(&MESSAGES[..]),
        prop_oneof![5 => Just(0), 1 => 1..12_usize],
    );
    let pace = prop_oneof![3 => Just(1_i64), 1 => Just(0), 1 => Just(-1)];
    (
        prop::collection::vec(commit, 1..28),
        pace,
        prop::collection::vec((prop::sample::select(&VERSIONS[..]), 0..1000_usize), 0..40),
        0..1000_usize,
    )
        .prop_map(|(commits, pace, tags, head)| {
            let size = commits.len();
            let mut graph = Graph {
                parents: Vec::new(),
                dates: Vec::new(),
                messages: Vec::new(),
                reverts: Vec::new(),
                swapped: false,
                tags: Vec::new(),
                // Late commits have more behind them.
                head: size - 1 - (head % size) / 2,
            };
            for (place, (count, back, date, message, reverts)) in commits.into_iter().enumerate() {
                let parents = back.iter().take(count).filter(|back| **back <= place);
                graph
                    .parents
                    .push(parents.map(|back| place - back).collect());
                let rising = i64::try_from(place).unwrap() * pace;
                graph.dates.push(START + date.unwrap_or(rising));
                graph.messages.push(message);
                graph
                    .reverts
                    .push(place.checked_sub(reverts).filter(|_| reverts > 0));
            }
            let mut seen = BTreeSet::new();
            for (version, place) in tags {
                if seen.insert(version) {
                    graph.tags.push((version, place % size));
                }
            }
            graph
        })
}

impl Graph {
    fn parents(&self, place: usize) -> Vec<usize> {
        let mut parents: Vec<usize> = self.parents[place].iter().copied().collect();
        if self.swapped {
            parents.reverse();
        }
        parents
    }

    /// What a commit says; `id` gives the ids of those before it.
    fn message(&self, place: usize, id: impl Fn(usize) -> String) -> String {
        match self.reverts[place] {
            Some(target) => format!("Revert \"x\"\n\nThis reverts commit {}.", id(target)),
            None => self.messages[place].to_owned(),
        }
    }
}

/// The definition: everything that can be reached over parents.
fn ancestors(graph: &Graph, start: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([start]);
    let mut todo = vec![start];
    while let Some(place) = todo.pop() {
        for parent in &graph.parents[place] {
            if seen.insert(*parent) {
                todo.push(*parent);
            }
        }
    }
    seen
}

/// The definition: the highest tagged version among `reachable` that `wanted` takes.
fn highest(
    graph: &Graph,
    reachable: &BTreeSet<usize>,
    wanted: impl Fn(&Version) -> bool,
) -> Option<(Version, usize)> {
    graph
        .tags
        .iter()
        .filter(|(_, place)| reachable.contains(place))
        .map(|(version, place)| (version.parse::<Version>().unwrap(), *place))
        .filter(|(version, _)| wanted(version))
        .max_by(|a, b| a.0.cmp_precedence(&b.0))
}

/// A repository that is written over and over, one for each thread: making one costs more than
/// reading it.
struct Bench {
    history: History,
    round: usize,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    /// Writes the graph and returns its ids.
    fn write(&mut self, graph: &Graph) -> Vec<Oid> {
        let git = &self.history.git;
        let mut ids: Vec<Oid> = Vec::new();
        for place in 0..graph.parents.len() {
            let parents: Vec<Oid> = graph.parents(place).iter().map(|p| ids[*p]).collect();
            // Without its place two commits could be one and the same.
            let said = graph.message(place, |other| ids[other].to_string());
            let message = format!("{said}\n\n{place}");
            let commit = history::Commit {
                message: message.as_bytes(),
                ..history::Commit::default()
            };
            ids.push(write_commit(git, &commit, &parents, graph.dates[place]));
        }
        self.round += 1;
        self.write_tags(graph, &ids);
        std::fs::write(git.path().join("HEAD"), format!("{}\n", ids[graph.head])).unwrap();
        ids
    }
}

impl Bench {
    /// Loose in one round, packed in the next; annotated and lightweight.
    fn write_tags(&self, graph: &Graph, ids: &[Oid]) {
        let folder = self.history.git.path();
        let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
        std::fs::remove_dir_all(folder.join("refs/tags")).unwrap();
        std::fs::create_dir(folder.join("refs/tags")).unwrap();
        let mut tags = graph.tags.clone();
        tags.sort_unstable();
        for (version, place) in tags {
            let commit = ids[place];
            let target = match place % 2 {
                0 => self.history.tag_object(version, commit),
                _ => commit,
            };
            if self.round.is_multiple_of(2) {
                packed.push_str(&format!("{target} refs/tags/v{version}\n"));
                if target != commit {
                    packed.push_str(&format!("^{commit}\n"));
                }
            } else {
                let file = folder.join(format!("refs/tags/v{version}"));
                std::fs::write(file, format!("{target}\n")).unwrap();
            }
        }
        std::fs::write(folder.join("packed-refs"), packed).unwrap();
    }
}

fn question() -> HistoryQuery {
    HistoryQuery {
        template: "v{version}".parse().unwrap(),
        branch: None,
        at: None,
        below: None,
        line: None,
        label: None,
        version: None,
        paths: Vec::new(),
        remote_tags: Vec::new(),
    }
}

fn read(graph: &Graph, question: &HistoryQuery) -> (Facts, HashMap<String, usize>) {
    BENCH.with_borrow_mut(|bench| {
        let bench = bench.get_or_insert_with(|| Bench {
            history: History::new(),
            round: 0,
        });
        let ids = bench.write(graph);
        let repository = GitRepository::open(bench.history.path()).unwrap();
        let facts = repository.read(question).unwrap();
        let policy = Policy::parse("", "release.toml").unwrap();
        assert_outline_judges_alike(&repository, question, &policy, &facts);
        let places = ids.iter().map(ToString::to_string).zip(0..).collect();
        (facts, places)
    })
}

/// The facts as the definitions say them; the first law says that the repository is read so.
fn facts_of(graph: &Graph, question: &HistoryQuery) -> Facts {
    let id = |place: usize| CommitId::new([u8::try_from(place).unwrap(); 20]);
    let tag = |version: Version, place: usize| VersionTag {
        name: format!("v{version}"),
        version,
        commit: Some(id(place)),
    };
    let answer = Answer::of(graph, question);
    let mut tags: Vec<_> = graph
        .tags
        .iter()
        .map(|(version, place)| tag(version.parse().unwrap(), *place))
        .collect();
    tags.sort_by(|a, b| b.version.cmp(&a.version));
    let point = |found: &Option<(Version, usize)>| found.clone().map(|(v, place)| tag(v, place));
    let commit = |place: &usize| Commit {
        id: id(*place),
        parents: graph.parents(*place).iter().map(|p| id(*p)).collect(),
        message: graph.message(*place, |other| id(other).to_string()),
        author: String::new(),
        email: String::new(),
        time: graph.dates[*place],
        written: graph.dates[*place],
        in_paths: true,
        after_prerelease: answer.fresh.contains(place),
        released_beside: Vec::new(),
    };
    Facts {
        head: id(graph.head),
        head_time: graph.dates[graph.head],
        branch: question.branch.clone(),
        on_head: tags
            .iter()
            .filter(|t| t.commit == Some(id(graph.head)))
            .cloned()
            .collect(),
        tags,
        base: point(&answer.base),
        stable: point(&answer.stable),
        channel: point(&answer.channel),
        commits: answer.range.iter().rev().map(commit).collect(),
        elsewhere: Vec::new(),
        not_commits: Vec::new(),
        near_miss: None,
        short: None,
        unmatched: Vec::new(),
        other_tags: 0,
        withdrawn: Vec::new(),
        shallow: false,
        notes: Vec::new(),
    }
}

/// The answers to a question, straight from the definitions.
struct Answer {
    base: Option<(Version, usize)>,
    stable: Option<(Version, usize)>,
    channel: Option<(Version, usize)>,
    range: BTreeSet<usize>,
    /// Those of the range that came after the channel's last pre-release.
    fresh: BTreeSet<usize>,
}

impl Answer {
    fn of(graph: &Graph, question: &HistoryQuery) -> Self {
        let behind = ancestors(graph, graph.head);
        let line = question.line;
        let in_line = |version: &Version| line.is_none_or(|line| line.contains(version));
        let stable = highest(graph, &behind, |v| v.pre.is_empty() && in_line(v));
        let above = |v: &Version| {
            stable
                .as_ref()
                .is_none_or(|(s, _)| v.cmp_precedence(s).is_gt())
        };
        let ahead = |v: &Version| !v.pre.is_empty() && in_line(v) && above(v);
        let base = highest(graph, &behind, |v| line.is_none() && ahead(v)).or(stable.clone());
        let channel = highest(graph, &behind, |v| ahead(v) && question.is_channel(v));
        let minus = |from: &Option<(Version, usize)>| -> BTreeSet<usize> {
            let released = from.as_ref().map(|(_, place)| ancestors(graph, *place));
            behind
                .difference(&released.unwrap_or_default())
                .copied()
                .collect()
        };
        let range = minus(&stable);
        let fresh = minus(&channel).intersection(&range).copied().collect();
        Self {
            base,
            stable,
            channel,
            range,
            fresh,
        }
    }
}

/// `share`: every graph costs; a law that writes each of them twice gets a part of them.
fn config(share: u32) -> Config {
    let cases = std::env::var("HOIST_GRAPHS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(2000_u32);
    Config {
        cases: cases / share,
        failure_persistence: None,
        ..Config::default()
    }
}

fn commits(facts: &Facts, places: &HashMap<String, usize>) -> Vec<usize> {
    let place = |commit: &Commit| places[&commit.id.to_string()];
    facts.commits.iter().map(place).collect()
}

proptest! {
    #![proptest_config(config(1))]

    /// Base and range are what the definitions say, whatever the dates are.
    #[test]
    fn base_and_range_equal_their_definitions(
        graph in graphs(),
        line in prop_oneof![
            Just(None),
            (0..3_u64, prop::option::of(0..2_u64)).prop_map(|(major, minor)| Some(MaintenanceLine { major, minor }))
        ],
        label in prop::option::of(prop::sample::select(&["rc", "beta"][..])),
    ) {
        let question = HistoryQuery { line, label: label.map(str::to_owned), ..question() };
        let (facts, places) = read(&graph, &question);
        let answer = Answer::of(&graph, &question);
        let version = |tag: &Option<VersionTag>| {
            tag.as_ref().map(|tag| {
                (tag.version.clone(), places[&tag.commit.unwrap().to_string()])
            })
        };
        prop_assert_eq!(version(&facts.stable), answer.stable);
        prop_assert_eq!(version(&facts.base), answer.base);
        prop_assert_eq!(version(&facts.channel), answer.channel);

        let order = commits(&facts, &places);
        let range: BTreeSet<usize> = order.iter().copied().collect();
        prop_assert_eq!(range.len(), order.len(), "a commit is listed twice");
        prop_assert_eq!(&range, &answer.range);
        for (commit, place) in facts.commits.iter().zip(&order) {
            prop_assert_eq!(commit.after_prerelease, answer.fresh.contains(place));
        }
        for (rank, place) in order.iter().enumerate() {
            let later = &order[rank + 1..];
            prop_assert!(
                later.iter().all(|other| !graph.parents[*other].contains(place)),
                "a parent is listed before its child"
            );
        }
        let on_head = graph.tags.iter().filter(|(_, place)| *place == graph.head).count();
        prop_assert_eq!(facts.on_head.len(), on_head);
    }

    /// A stable version, and a pre-release within its label, rises; nothing is handed out twice;
    /// the order of the commits does not matter.
    #[test]
    fn the_next_version_rises_and_is_free(
        graph in graphs(),
        zero in prop::sample::select(&["minor", "cargo", "strict"][..]),
        branch in prop::sample::select(&["main", "next", "1.x", "1.0.x", "topic"][..]),
        bump in prop::option::of(prop::sample::select(&[Level::Patch, Level::Minor, Level::Major][..])),
        order in Just((0..28_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let policy = format!("[version]\nzero = \"{zero}\"");
        let policy = Policy::parse(&policy, "release.toml").unwrap();
        let request = VersionRequest { bump, ..VersionRequest::default() };
        let question = next::history_query(&policy, &request, Some(branch)).unwrap();
        let mut facts = facts_of(&graph, &question);
        let Ok(next) = next::next(&policy, &facts, &request) else {
            return Ok(());
        };
        if let Some(version) = &next.version {
            let lower = match branch {
                "next" => facts.channel.as_ref().filter(|tag| tag.version.pre.contains('.')),
                _ => facts.base.as_ref(),
            };
            if let Some(base) = lower {
                prop_assert!(version.cmp_precedence(&base.version).is_gt(), "{version} after {base:?}");
            }
            if let Some(stable) = &facts.stable {
                prop_assert!(version.cmp_precedence(&stable.version).is_gt());
            }
            prop_assert_eq!(!version.pre.is_empty(), branch == "next");
            prop_assert!(facts.tags.iter().all(|tag| tag.version.cmp_precedence(version).is_ne()));
            prop_assert!(question.line.is_none_or(|line| line.contains(version)));
        }
        facts.commits.sort_by_key(|commit| order[usize::from(commit.id.as_bytes()[0])]);
        let shuffled = next::next(&policy, &facts, &request).unwrap();
        prop_assert_eq!(shuffled.version, next.version);
        prop_assert_eq!(shuffled.level, next.level);
    }
}

proptest! {
    #![proptest_config(config(4))]

    /// Which parent a merge names first is nothing that a version depends on.
    #[test]
    fn merging_in_another_order_changes_nothing(
        graph in graphs(),
        branch in prop::sample::select(&["main", "next", "1.x", "topic"][..]),
    ) {
        // The revert of a merge goes back to its first parent, so there the order is what it says.
        let mut graph = graph;
        for place in 0..graph.reverts.len() {
            if graph.reverts[place].is_some_and(|target| graph.parents[target].len() > 1) {
                graph.reverts[place] = None;
            }
        }
        let policy = Policy::default();
        let request = VersionRequest::default();
        let question = next::history_query(&policy, &request, Some(branch)).unwrap();
        let answer = |graph: &Graph| {
            let (facts, places) = read(graph, &question);
            let range: BTreeSet<usize> = commits(&facts, &places).into_iter().collect();
            let next = next::next(&policy, &facts, &request).map(|next| {
                let level = |entry: &JudgedChange| (places[&entry.id.to_string()], entry.level);
                let levels: BTreeSet<_> = next.entries.iter().map(level).collect();
                (next.current, next.range_from, next.version, levels)
            });
            (range, next.map_err(|error| error.kind()))
        };
        let swapped = Graph { swapped: true, ..graph.clone() };
        prop_assert_eq!(answer(&swapped), answer(&graph));
    }
}
