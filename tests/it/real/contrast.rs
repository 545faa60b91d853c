//! What the same fault leaves behind, and how long the tags disagree while they move: hoist beside
//! `docker push --all-tags` and `skopeo copy`, on the same registry, in the same run.

use std::{
    fmt,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use testkit::sandbox::{Clone, Engine, Packages};

use crate::{
    registry::server::{Fault, MultiTag, On, Personality, TestRegistry, What},
    support::{self, World},
};

const NAME: &str = "acme/api";
/// Tags of each release: version, commit, line, major, latest, date.
const SET: usize = 6;
/// Each request takes this long.
const ROUND_TRIP: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Hoist,
    /// On a registry that takes several tags in one request.
    HoistTogether,
    Docker,
    Skopeo,
}

impl Tool {
    const ALL: [Self; 4] = [Self::Hoist, Self::HoistTogether, Self::Docker, Self::Skopeo];

    fn registry(self) -> TestRegistry {
        TestRegistry::start(Personality {
            multi_tag: match self {
                Self::HoistTogether => MultiTag::Whole,
                Self::Hoist | Self::Docker | Self::Skopeo => MultiTag::Off,
            },
            ..Personality::default()
        })
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hoist => "hoist",
            Self::HoistTogether => "hoist, `?tag=`",
            Self::Docker => "docker push --all-tags",
            Self::Skopeo => "skopeo copy, tag by tag",
        })
    }
}

/// A project that one tool releases again and again, on a registry of its own.
struct Bench<'w> {
    tool: Tool,
    registry: &'w TestRegistry,
    world: &'w World<'w>,
    clone: Clone<'w>,
    engine: &'w Engine,
    skopeo: Option<&'w Packages>,
}

impl Bench<'_> {
    /// Makes release `number`; whether the tool says that it worked.
    fn release(&self, number: usize) -> bool {
        self.world.change(&self.clone, &format!("fix: {number}"));
        match self.tool {
            Tool::Hoist | Tool::HoistTogether => {
                let version = format!("1.0.{number}");
                let args = ["release", "--version", &version, "--yes"];
                self.world.run(&self.clone, &args).code == Some(0)
            }
            Tool::Docker => self.docker(&names(number)),
            Tool::Skopeo => {
                assert!(works(self.clone.command("sh").arg("image.sh")));
                names(number).iter().all(|name| self.skopeo(name))
            }
        }
    }

    fn docker(&self, names: &[String]) -> bool {
        let place = self.registry.repository(NAME);
        let images = names.iter().map(|name| format!("{place}:{name}"));
        let images: Vec<_> = images.collect();
        let docker = |args: &[&str]| {
            let mut command = self.engine.docker();
            works(command.current_dir(self.clone.path()).args(args))
        };
        self.clone
            .write("Dockerfile", "FROM scratch\nCOPY greet.sh /\n");
        assert!(docker(&["build", "--tag", &images[0], "."]));
        for image in &images[1..] {
            assert!(docker(&["tag", &images[0], image]));
        }
        let worked = docker(&["push", "--all-tags", &place.to_string()]);
        // The next push is to have the next release's tags only.
        for image in &images {
            assert!(docker(&["rmi", "--no-prune", image]));
        }
        worked
    }

    fn skopeo(&self, name: &str) -> bool {
        let mut command = self.skopeo.unwrap().command("skopeo");
        let place = self.registry.repository(NAME);
        works(
            command
                .current_dir(self.clone.path())
                .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
                .args([
                    "oci:dist/oci".to_owned(),
                    format!("docker://{place}:{name}"),
                ]),
        )
    }
}

/// The tags of a release, as a script would choose them.
fn names(number: usize) -> [String; SET] {
    let names = ["1.0", "1", "latest", "2026-11-23"].map(str::to_owned);
    let [line, major, latest, date] = names;
    let version = format!("1.0.{number}");
    [
        version,
        format!("sha-{number:07}"),
        line,
        major,
        latest,
        date,
    ]
}

fn works(command: &mut Command) -> bool {
    command.output().unwrap().status.success()
}

/// Runs `with` for benches of all these tools, the first release done; not at all where real parts
/// are left out.
fn benches(tools: &[Tool], with: impl FnOnce(&[Bench<'_>])) {
    let Some(engine) = support::engine() else {
        return;
    };
    let skopeo = tools
        .contains(&Tool::Skopeo)
        .then(|| Packages::fetch_skopeo().unwrap());
    let registries: Vec<_> = tools.iter().map(|tool| tool.registry()).collect();
    let worlds: Vec<_> = registries
        .iter()
        .map(|registry| World::new(registry, &[NAME]))
        .collect();
    let bench = |((&tool, registry), world)| Bench {
        tool,
        registry,
        world,
        clone: world.project("project"),
        engine,
        skopeo: skopeo.as_ref(),
    };
    let benches: Vec<_> = tools
        .iter()
        .zip(&registries)
        .zip(&worlds)
        .map(bench)
        .collect();
    for bench in &benches {
        assert!(bench.release(0), "{}", bench.tool);
        assert_eq!(bench.registry.tags(NAME).len(), SET, "{}", bench.tool);
    }
    with(&benches);
}

/// Which fault strikes the second release.
#[derive(Debug, Clone, Copy)]
enum Struck {
    /// The third manifest that is put under a tag is answered with 500, once. In one request for
    /// all tags: it is answered with 500 after two of them.
    Once,
    /// `latest` is refused for good.
    ForGood,
}

/// What a fault leaves of a set.
#[derive(Debug)]
struct Left {
    new: usize,
    /// The tool says that it worked.
    worked: bool,
}

fn strike(bench: &Bench<'_>, struck: Struck) -> Left {
    let registry = bench.registry;
    let before = registry.tags(NAME);
    match struck {
        Struck::Once if bench.tool == Tool::HoistTogether => {
            registry.behave(|rules| rules.multi_tag = MultiTag::PartialThen500(2));
        }
        Struck::Once => {
            registry.fault(Fault::nth(3, On::put_tag(), What::Status(500, "UNKNOWN")));
        }
        Struck::ForGood => {
            let latest = On::put_manifest().with("latest");
            registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
        }
    }
    let worked = bench.release(1);
    registry.heal();
    let after = registry.tags(NAME);
    let moved = after
        .iter()
        .filter(|(name, digest)| before.get(*name) != Some(digest));
    Left {
        new: moved.count(),
        worked,
    }
}

#[test]
fn the_same_fault_leaves_all_or_nothing() {
    let tools = [Tool::Hoist, Tool::HoistTogether, Tool::Docker];
    benches(&tools, |benches| {
        for (bench, left) in benches
            .iter()
            .map(|bench| (bench, strike(bench, Struck::Once)))
        {
            // What Docker leaves is Docker's affair.
            let whole = left.new == SET && left.worked;
            assert!(
                whole || bench.tool == Tool::Docker,
                "{}: {left:?}",
                bench.tool
            );
        }
    });
}

/// By hand: `cargo test --test it contrast -- --ignored --nocapture`.
#[test]
#[ignore = "a minute, and skopeo: for the figures"]
#[expect(clippy::print_stdout, reason = "the figures are the point")]
fn contrast_after_a_fault() {
    println!("{:<24} {:<14} {:>4} {:>4}  exit", "", "fault", "new", "old");
    for (struck, words) in [
        (Struck::Once, "500, once"),
        (Struck::ForGood, "403 for latest"),
    ] {
        benches(&Tool::ALL, |benches| {
            for bench in benches {
                let left = strike(bench, struck);
                let exit = if left.worked { "0" } else { "not 0" };
                let old = SET - left.new;
                println!(
                    "{:<24} {words:<14} {:>4} {old:>4}  {exit}",
                    bench.tool, left.new
                );
            }
        });
    }
}

/// How long a reader saw tags that do not belong together.
struct Disagreed {
    /// Some of the set's tags showed the new release, and some did not.
    set: Duration,
    /// Those of them that were there before, and that people follow, did not show one digest.
    moving: Duration,
}

/// Polls all tags while `work` runs.
fn read_during(registry: &TestRegistry, work: impl FnOnce()) -> Disagreed {
    let done = AtomicBool::new(false);
    let begin = vec![(Instant::now(), registry.tags(NAME))];
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = begin;
            loop {
                let last = done.load(Ordering::Relaxed);
                let now = registry.tags(NAME);
                if seen[seen.len() - 1].1 != now {
                    seen.push((Instant::now(), now));
                }
                if last {
                    return seen;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    let (first, last) = (&seen[0].1, &seen[seen.len() - 1].1);
    let set = last
        .iter()
        .filter(|(name, digest)| first.get(*name) != Some(digest));
    let set: Vec<_> = set.map(|(name, _)| name).collect();
    let mut sum = Disagreed {
        set: Duration::ZERO,
        moving: Duration::ZERO,
    };
    for pair in seen.windows(2) {
        let (tags, time) = (&pair[0].1, pair[1].0 - pair[0].0);
        let new = set
            .iter()
            .filter(|name| tags.get(**name) == last.get(**name));
        if !matches!(new.count(), 0 | SET) {
            sum.set += time;
        }
        let mut moving = set
            .iter()
            .filter(|name| first.contains_key(**name))
            .map(|name| tags.get(*name));
        let one = moving.next();
        if moving.any(|digest| Some(digest) != one) {
            sum.moving += time;
        }
    }
    sum
}

/// By hand: `cargo test --test it contrast -- --ignored --nocapture`.
#[test]
#[ignore = "minutes, and skopeo: for the figures"]
#[expect(clippy::print_stdout, reason = "the figures are the point")]
fn contrast_for_a_reader() {
    const RELEASES: usize = 20;
    benches(&Tool::ALL, |benches| {
        let mut times: Vec<Vec<Disagreed>> = benches.iter().map(|_| Vec::new()).collect();
        for bench in benches {
            bench
                .registry
                .fault(Fault::always(On::any(), What::Delay(ROUND_TRIP)));
        }
        for number in 1..=RELEASES {
            for (bench, times) in benches.iter().zip(&mut times) {
                times.push(read_during(bench.registry, || {
                    assert!(bench.release(number))
                }));
            }
        }
        println!("{RELEASES} releases each, {ROUND_TRIP:?} a request; median and longest, in ms:");
        println!("{:<24} {:>15} {:>15}", "", "all six tags", "moving tags");
        for (bench, times) in benches.iter().zip(&times) {
            let figures = |of: fn(&Disagreed) -> Duration| {
                let mut all: Vec<_> = times.iter().map(|one| of(one).as_millis()).collect();
                all.sort_unstable();
                format!("{:>7} {:>7}", all[all.len() / 2], all[all.len() - 1])
            };
            println!(
                "{:<24} {} {}",
                bench.tool,
                figures(|one| one.set),
                figures(|one| one.moving)
            );
        }
    });
}
