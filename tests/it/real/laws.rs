//! The laws of the tag set, played by the binary against a real registry: random releases,
//! backports, pre-releases and promotions over random lines and variants.
//!
//! What should be where is worked out here, from the rule alone: no code of the crate decides.
//! `HOIST_LAWS=ROUNDS:SEED` plays a longer campaign.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Output,
    time::Instant,
};

use git2::Oid;
use hoist::oci::Digest;
use proptest::{
    prelude::Strategy,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use semver::Version;
use serde_json::json;
use testkit::sandbox::Registry;

use crate::support::{
    self,
    history::{Commit, History},
    layout::Layout,
};

/// One thing that a maintainer does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Release(Version),
    Promote(Version),
}

/// A policy, as its `release.toml` and as the rule reads it.
#[derive(Debug, Clone)]
struct Rules {
    follows: bool,
    zero: bool,
    /// Name, suffix and name of `latest` of each image; the main one first.
    images: Vec<(&'static str, &'static str, &'static str)>,
    repositories: usize,
}

impl Rules {
    fn policy(&self, names: &[String]) -> String {
        let mut text = format!(
            "[image]\nrepositories = {names:?}\n[image.build]\nlayout = \"dist/plain\"\n\
             [git]\npush = false\n[tags]\nfixed = [\"{{version}}\"]\n\
             moving = [\"{{major}}.{{minor}}\", \"{{major}}\", \"latest\"]\n\
             channel-follows = {}\nzero-major = {}\n",
            self.follows, self.zero
        );
        for (name, suffix, latest) in &self.images[1..] {
            let long = latest.starts_with("latest");
            text += &format!(
                "[variants.{name}]\nlayout = \"dist/{name}\"\nsuffix = \"{suffix}\"\nlatest-suffix = {long}\n"
            );
        }
        text
    }
}

/// What is published: the image of each version of each variant, and which of them were built.
#[derive(Debug, Clone, Default)]
struct Published {
    images: BTreeMap<(&'static str, Version), Digest>,
    versions: BTreeSet<Version>,
}

/// `rc` of `1.0.0-rc.2`.
fn label(version: &Version) -> Option<&str> {
    version.pre.as_str().split_once('.').map(|(label, _)| label)
}

fn core(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

impl Published {
    /// Each moving tag with the versions that compete for it.
    fn lines(&self, rules: &Rules) -> BTreeMap<String, (&'static str, Vec<Version>)> {
        let mut lines: BTreeMap<String, (&'static str, Vec<Version>)> = BTreeMap::new();
        for (variant, suffix, latest) in &rules.images {
            let mut add = |tag: String, version: &Version| {
                let line = lines.entry(tag).or_insert((variant, Vec::new()));
                line.1.push(version.clone());
            };
            let stable = || self.versions.iter().filter(|v| v.pre.is_empty());
            for v in stable() {
                add(format!("{}.{}{suffix}", v.major, v.minor), v);
                if v.major > 0 || rules.zero {
                    add(format!("{}{suffix}", v.major), v);
                }
                add((*latest).to_owned(), v);
            }
            for v in self.versions.iter().filter(|v| !v.pre.is_empty()) {
                let channel = format!("{}{suffix}", label(v).unwrap());
                add(channel.clone(), v);
                if rules.follows {
                    stable().for_each(|stable| add(channel.clone(), stable));
                }
            }
        }
        lines
    }

    /// Every tag that the repository must have, and nothing else.
    fn map(&self, rules: &Rules) -> BTreeMap<String, Digest> {
        let mut map = BTreeMap::new();
        for (variant, suffix, _) in &rules.images {
            for version in &self.versions {
                let image = self.images[&(*variant, version.clone())].clone();
                map.insert(format!("{version}{suffix}"), image);
            }
        }
        for (tag, (variant, line)) in self.lines(rules) {
            let highest = line.into_iter().max().unwrap();
            map.insert(tag, self.images[&(variant, highest)].clone());
        }
        map
    }

    /// The highest version of the tag's line whose image this is.
    fn rank(&self, rules: &Rules, tag: &str, shown: &Digest) -> Version {
        let (variant, line) = &self.lines(rules)[tag];
        let of_it = line
            .iter()
            .filter(|v| self.images[&(*variant, (*v).clone())] == *shown);
        of_it
            .max()
            .expect("a tag shows a version of its line")
            .clone()
    }
}

/// A clone, the repositories that it releases to, and what was done so far.
struct Play<'r> {
    registry: &'r Registry,
    rules: Rules,
    names: Vec<String>,
    history: History,
    published: Published,
    /// The commit of each version, with its parent.
    commits: BTreeMap<Version, Oid>,
    parents: BTreeMap<Oid, Oid>,
    root: Oid,
    runs: usize,
}

fn words(output: &Output) -> String {
    format!(
        "{:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

impl<'r> Play<'r> {
    fn new(registry: &'r Registry, rules: &Rules, name: &str) -> Self {
        let run = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let names: Vec<String> = (0..rules.repositories)
            .map(|n| format!("laws/{name}-{run}-{n}"))
            .collect();
        let full: Vec<String> = names.iter().map(|n| registry.repository(n)).collect();
        let mut history = History::new();
        history.write("release.toml", &rules.policy(&full));
        let root = history.say("chore: begin");
        Self {
            registry,
            rules: rules.clone(),
            names,
            history,
            published: Published::default(),
            commits: BTreeMap::new(),
            parents: BTreeMap::new(),
            root,
            runs: 0,
        }
    }

    fn hoist(&mut self, args: &[&str]) -> Output {
        self.runs += 1;
        self.history.hoist().args(args).output().unwrap()
    }

    fn look(&self, name: &str) -> BTreeMap<String, Digest> {
        let tags = self.registry.tags(name).into_iter();
        let shown = tags.map(|tag| {
            let digest = self.registry.digest(name, &tag).unwrap();
            (tag, digest.parse().unwrap())
        });
        shown.collect()
    }

    /// Whether every version that `commit` descends from is below `version`.
    fn is_below(&self, commit: Oid, version: &Version) -> bool {
        let tagged = |commit| self.commits.iter().filter(move |(_, c)| **c == commit);
        let line = std::iter::successors(Some(commit), |c| self.parents.get(c).copied());
        line.flat_map(tagged).all(|(v, _)| v < version)
    }

    /// A commit on top of the highest version that may lie below this one: a line of its own where
    /// a higher one is out, as a maintenance branch is.
    fn checkout(&mut self, version: &Version) -> Oid {
        let below = self.commits.range(..version.clone()).rev();
        let mut parents = below.map(|(_, commit)| *commit);
        let parent = parents.find(|commit| self.is_below(*commit, version));
        let parent = parent.unwrap_or(self.root);
        let message = format!("fix: for {version}");
        let commit = self.history.commit(
            &version.to_string(),
            &Commit {
                message: message.as_bytes(),
                parents: Some(vec![parent]),
                ..Commit::default()
            },
        );
        self.parents.insert(commit, parent);
        self.history.detach(commit);
        commit
    }

    fn release(&mut self, version: &Version) {
        let commit = self.checkout(version);
        for (variant, _, _) in self.rules.images.clone() {
            let folder = self.history.path().join("dist").join(variant);
            let mut layout = Layout::new(&folder);
            let labels = json!({
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": commit.to_string(),
            });
            let image = layout.image("amd64", &labels, format!("{variant} {version}").as_bytes());
            let digest = layout.finish(&image);
            let key = (variant, version.clone());
            self.published.images.insert(key, digest);
        }
        let output = self.hoist(&[
            "release",
            "--version",
            &version.to_string(),
            "--yes",
            "--allow-dirty",
        ]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{version}: {}",
            words(&output)
        );
        self.commits.insert(version.clone(), commit);
        self.published.versions.insert(version.clone());
    }

    fn promote(&mut self, candidate: &Version) {
        let _ = std::fs::remove_dir_all(self.history.path().join("dist"));
        let output = self.hoist(&["promote", &candidate.to_string(), "--yes", "--allow-dirty"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{candidate}: {}",
            words(&output)
        );
        let target = core(candidate);
        for (variant, _, _) in &self.rules.images {
            let same = self.published.images[&(*variant, candidate.clone())].clone();
            let key = (*variant, target.clone());
            self.published.images.insert(key, same);
        }
        self.commits.insert(target.clone(), self.commits[candidate]);
        self.published.versions.insert(target);
    }

    /// Does every step, and holds the repositories against the laws after each.
    fn play(&mut self, steps: &[Step]) {
        let mut before: Vec<BTreeMap<String, Digest>> =
            self.names.iter().map(|name| self.look(name)).collect();
        for (done, step) in steps.iter().enumerate() {
            match step {
                Step::Release(version) => self.release(version),
                Step::Promote(candidate) => self.promote(candidate),
            }
            let so_far = &steps[..=done];
            let expected = self.published.map(&self.rules);
            for (name, before) in self.names.iter().zip(&mut before) {
                let now = self.look(name);
                for tag in self.published.lines(&self.rules).keys() {
                    let rank = |shown| self.published.rank(&self.rules, tag, shown);
                    if let (Some(old), Some(new)) = (before.get(tag), now.get(tag)) {
                        assert!(rank(old) <= rank(new), "`{tag}` went back: {so_far:?}");
                    }
                }
                assert_eq!(now, expected, "{so_far:?} with {:?}", self.rules);
                *before = now;
            }
        }
    }

    /// Moves and deletes moving tags at random, and lets `repair` put it right.
    fn vandalise_and_repair(&mut self, runner: &mut TestRunner) {
        let expected = self.published.map(&self.rules);
        let lines = self.published.lines(&self.rules);
        let exact: Vec<&String> = expected
            .keys()
            .filter(|t| !lines.contains_key(*t))
            .collect();
        let mut harmed = false;
        for name in &self.names {
            for tag in lines.keys() {
                match draw(runner, 0..3_usize) {
                    0 => {
                        let other = exact[draw(runner, 0..exact.len())];
                        harmed |= expected[other] != expected[tag];
                        self.registry.retag(name, other, tag);
                    }
                    1 => {
                        harmed = true;
                        self.registry.untag(name, tag);
                    }
                    _ => {}
                }
            }
        }
        let output = self.hoist(&["repair"]);
        let code = if harmed { 9 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        let output = self.hoist(&["repair", "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        for name in &self.names {
            assert_eq!(self.look(name), expected, "{:?}", self.rules);
        }
        let output = self.hoist(&["verify", "--all"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    }

    /// Each tag and the version whose build it shows: commits differ from order to order, so
    /// digests do.
    fn builds(&self) -> BTreeMap<String, Version> {
        let of = |digest: &Digest| {
            let mut all = self.published.images.iter();
            let (key, _) = all.find(|(_, image)| *image == digest).unwrap();
            key.1.clone()
        };
        let map = self.look(&self.names[0]);
        map.iter()
            .map(|(tag, shown)| (tag.clone(), of(shown)))
            .collect()
    }
}

fn draw<T: Strategy>(runner: &mut TestRunner, what: T) -> T::Value {
    what.new_tree(runner).unwrap().current()
}

fn rules(runner: &mut TestRunner) -> Rules {
    let images = vec![
        vec![("plain", "", "latest")],
        vec![
            ("plain", "", "latest"),
            ("alpine", "-alpine", "latest-alpine"),
        ],
        vec![
            ("plain", "", "latest"),
            ("a", "-slim-alpine", "latest-slim-alpine"),
            ("b", "-alpine", "alpine"),
        ],
    ];
    Rules {
        follows: draw(runner, proptest::bool::ANY),
        zero: draw(runner, proptest::bool::ANY),
        images: draw(runner, select(images)),
        repositories: draw(runner, 1..3_usize),
    }
}

/// A legal sequence: no version twice, promotions of what is out and whose core is free.
fn steps(runner: &mut TestRunner) -> Vec<Step> {
    let mut out: BTreeSet<Version> = BTreeSet::new();
    let mut steps = Vec::new();
    for _ in 0..draw(runner, 5..9_usize) {
        let free = |v: &&Version| !v.pre.is_empty() && !out.contains(&core(v));
        let candidates: Vec<Version> = out.iter().filter(free).cloned().collect();
        let step = match draw(runner, 0..10_u32) {
            0..3 if !candidates.is_empty() => Step::Promote(draw(runner, select(candidates))),
            kind => {
                let (major, minor, patch) = draw(runner, (0..3_u64, 0..2_u64, 0..3_u64));
                let pre = match kind {
                    0..6 => {
                        let (label, n) = draw(runner, (select(vec!["rc", "beta"]), 1..3_u64));
                        format!("-{label}.{n}")
                    }
                    _ => String::new(),
                };
                Step::Release(format!("{major}.{minor}.{patch}{pre}").parse().unwrap())
            }
        };
        let version = match &step {
            Step::Release(version) => version.clone(),
            Step::Promote(candidate) => core(candidate),
        };
        if out.insert(version) {
            steps.push(step);
        }
    }
    steps
}

/// The same steps in another legal order: a promotion comes after its candidate.
fn another_order(runner: &mut TestRunner, steps: &[Step]) -> Vec<Step> {
    let mut left: Vec<Step> = steps.to_vec();
    let mut order: Vec<Step> = Vec::new();
    while !left.is_empty() {
        let step = left.remove(draw(runner, 0..left.len()));
        match &step {
            Step::Promote(candidate) if !order.contains(&Step::Release(candidate.clone())) => {
                left.push(step);
            }
            _ => order.push(step),
        }
    }
    order
}

#[test]
fn the_laws_hold_for_releases_backports_prereleases_and_promotions() {
    let Some(registry) = support::registry() else {
        return;
    };
    let asked = std::env::var("HOIST_LAWS").unwrap_or_else(|_| "3:0".into());
    let (rounds, seed) = asked.split_once(':').unwrap_or((&asked, "0"));
    let rounds: usize = rounds.parse().unwrap();
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.parse::<u64>().unwrap().to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let begun = Instant::now();
    let (mut all, mut promotions, mut runs) = (0, 0, 0);
    for round in 0..rounds {
        let rules = rules(&mut runner);
        let first = steps(&mut runner);
        let mut play = Play::new(registry, &rules, &format!("{round}-first"));
        play.play(&first);
        play.vandalise_and_repair(&mut runner);

        let second = another_order(&mut runner, &first);
        let mut twin = Play::new(registry, &rules, &format!("{round}-second"));
        twin.play(&second);
        assert_eq!(play.builds(), twin.builds(), "{first:?} and {second:?}");
        all += 2 * first.len();
        promotions += 2 * first
            .iter()
            .filter(|s| matches!(s, Step::Promote(_)))
            .count();
        runs += play.runs + twin.runs;
    }
    assert!(promotions > 0, "no promotion among {all} steps");
    #[expect(
        clippy::print_stderr,
        reason = "the figures are the point of a campaign"
    )]
    {
        eprintln!(
            "{rounds} rounds, {all} steps ({promotions} promotions), {runs} runs in {:.1?}",
            begun.elapsed()
        );
    }
}
