//! Publishing a layout: everything is there already at several distances, and nothing is there.

use std::{path::Path, process::Command, time::Duration};

use testkit::sandbox::{Clone, GitRemote, Packages, Registry, RegistryOptions};

use super::{
    Bench, Goal, OWN,
    layout::{Layout, write_layout},
    peers::{self, Peer},
    proxy::Proxy,
    run::{Cost, measured, median, version},
    waterfall::{draw, in_a_row},
};
use crate::Result;

/// Round trips, in milliseconds.
const DISTANCES: [u64; 4] = [0, 10, 50, 150];
/// The same of a quick run.
const QUICK: [u64; 2] = [0, FAR];
/// The distance of the goals and of the drawings.
const FAR: u64 = 50;
/// Round trip in milliseconds, and megabits in a second, where there is a limit.
const COLD: [(u64, Option<u64>); 3] = [(0, None), (FAR, None), (FAR, Some(100))];
/// How much longer twelve tags may take than six.
const TWELVE: f64 = 1.05;
/// How many requests and round trips in a row a release may take that has nothing to send.
const REQUESTS: u64 = 24;
const IN_A_ROW: u64 = 7;
const IN_A_ROW_TOGETHER: u64 = 5;
/// What releases cost, counted by a test.
const COUNTS: &str = "tests/it/cli/counts.txt";

pub fn measure(bench: &mut Bench) -> Result<()> {
    let packages = Packages::fetch()?;
    let registry = Registry::start(&packages, &RegistryOptions::default())?;
    let (peers, lines) = peers::find_all();
    bench.section("Publishing an image of 8 layers, 20 MB each");
    for (name, program) in bench.programs() {
        bench.text(&format!("- {name}: {}", version(&program, &["--version"])));
    }
    for line in lines {
        bench.text(&line);
    }
    bench.text("- docker push: left out, because it sends what its engine has and not a layout");
    bench
        .text("- the registry: docker-registry of Debian, behind a proxy that adds the round trip");
    let folder = tempfile::tempdir()?;
    let image = write_layout(&folder.path().join("oci"))?;
    let parts = Parts {
        registry,
        image,
        peers,
    };
    warm(bench, &parts)?;
    cold(bench, &parts)
}

/// What the runs have in common.
struct Parts {
    registry: Registry,
    image: Layout,
    peers: Vec<Peer>,
}

fn tag_table(tags: usize) -> String {
    let more: Vec<String> = (6..tags)
        .map(|number| format!("\"more-{number}\""))
        .collect();
    format!(
        "[tags]\nmoving = [\"{{major}}.{{minor}}\", \"{{major}}\", \"latest\", \"{{date}}\", {}]\n",
        more.join(", ")
    )
}

const COLUMNS: [&str; 9] = [
    "way",
    "tags",
    "program",
    "on the clock, s",
    "CPU, s",
    "peak, MiB",
    "requests",
    "in a row",
    "connections",
];

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Published {
    cost: Cost,
    requests: u64,
    /// 0: it is not known.
    in_a_row: u64,
    connections: u64,
}

/// The runs of one table, by program, in the order in which they were begun.
#[derive(Default)]
struct Rows(Vec<(String, Vec<Published>)>);

impl Rows {
    fn add(&mut self, name: &str, run: Published) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, runs)) => runs.push(run),
            None => self.0.push((name.to_owned(), vec![run])),
        }
    }

    /// The middle run of a program, by the clock.
    fn middle(&self, name: &str) -> Option<Published> {
        let (_, runs) = self.0.iter().find(|(known, _)| known == name)?;
        let mut runs = runs.clone();
        runs.sort_by(|a, b| a.cost.wall.total_cmp(&b.cost.wall));
        runs.get(runs.len() / 2).copied()
    }

    fn write(&self, bench: &mut Bench, what: &str) {
        for (name, runs) in &self.0 {
            let Some(middle) = self.middle(name) else {
                continue;
            };
            let costs: Vec<Cost> = runs.iter().map(|run| run.cost).collect();
            let in_a_row = match middle.in_a_row {
                0 => "-".to_owned(),
                some => some.to_string(),
            };
            bench.row(&[
                what.to_owned(),
                name.clone(),
                format!("{:.2}", middle.cost.wall),
                format!("{:.2}", median(costs.clone(), |cost| cost.cpu).cpu),
                median(costs, |cost| cost.peak as f64).peak.to_string(),
                middle.requests.to_string(),
                in_a_row,
                middle.connections.to_string(),
            ]);
        }
    }
}

/// Every tag is new or moves; all content is in the repository.
fn warm(bench: &mut Bench, parts: &Parts) -> Result<()> {
    bench.text("\n### Everything is there already, the tags move\n");
    bench.head(&COLUMNS);
    let mut far = Vec::new();
    let distances = match bench.rounds {
        1 => &QUICK[..],
        _ => &DISTANCES,
    };
    for tags in [6, 12] {
        for &distance in distances {
            let target = parts.registry.address();
            let proxy = Proxy::start(target, Duration::from_millis(distance), None)?;
            let mut rows = Rows::default();
            let remotes: Vec<GitRemote> =
                bench.programs().iter().map(|_| GitRemote::new()).collect();
            let mut own = Vec::new();
            let programs = bench.programs().into_iter().zip(&remotes);
            for (place, ((name, program), remote)) in programs.enumerate() {
                let path = format!("acme/warm-{tags}-{distance}-{place}");
                let repository = format!("{}/{path}", proxy.address());
                let clone = project(remote, &repository, &parts.image, &tag_table(tags));
                release(&program, &clone, "1.0.0", &proxy)?;
                own.push((name, program, clone));
            }
            let names: Vec<String> = (0..tags).map(|tag| format!("peer-{tag}")).collect();
            let repository = format!("{}/acme/warm-{tags}-{distance}-0", proxy.address());
            for round in 1..=bench.rounds {
                for (name, program, clone) in &own {
                    clone.commit("feat: more");
                    clone.push();
                    let run = release(program, clone, &format!("1.{round}.0"), &proxy)?;
                    rows.add(name, run);
                }
                for peer in &parts.peers {
                    let line = peer.put_tags(&parts.image, &repository, &names);
                    rows.add(peer.warm(), run(&line, &proxy)?);
                }
            }
            rows.write(bench, &format!("{distance} ms | {tags}"));
            if distance == FAR {
                far.push(rows.middle(OWN));
                if let (6, Some((_, _, clone))) = (tags, own.first()) {
                    bench.draw(
                        "A release with nothing to send, six tags, 50 ms away",
                        &draw(&trace_of(clone))?,
                    );
                }
            }
        }
    }
    if let [Some(six), Some(twelve)] = far[..] {
        goals(bench, &six, &twelve);
    }
    Ok(())
}

fn goals(bench: &mut Bench, six: &Published, twelve: &Published) {
    bench.goal(Goal {
        what: "requests of a release with nothing to send, 6 tags",
        wanted: format!("at most {REQUESTS}"),
        measured: six.requests.to_string(),
        met: six.requests <= REQUESTS,
        goes_to: "the list of requests says what each one is for",
    });
    bench.goal(Goal {
        what: "round trips in a row of the same, one tag in a request",
        wanted: format!("at most {IN_A_ROW}"),
        measured: six.in_a_row.to_string(),
        met: six.in_a_row <= IN_A_ROW,
        goes_to: "the list of requests says what each one waits for",
    });
    if let Some(counted) = counted_together() {
        bench.goal(Goal {
            what: "the same, all tags in a request (counted on the tests' registry)",
            wanted: format!("at most {IN_A_ROW_TOGETHER}"),
            measured: counted.to_string(),
            met: counted <= IN_A_ROW_TOGETHER,
            goes_to: "the list of requests says what each one waits for",
        });
    }
    let more = twelve.cost.wall / six.cost.wall;
    bench.goal(Goal {
        what: "12 tags instead of 6, on the clock, 50 ms away",
        wanted: format!("at most {:.0} % more", (TWELVE - 1.0) * 100.0),
        measured: format!("{:+.0} %", (more - 1.0) * 100.0),
        met: more <= TWELVE,
        goes_to: "tags are read and put side by side, and each request beyond the connections that are open begins one, which is a round trip of its own",
    });
}

/// The round trips in a row where one request moves all tags: Debian's registry does not know that form.
fn counted_together() -> Option<u64> {
    let text = std::fs::read_to_string(COUNTS).ok()?;
    let is_it = |line: &&str| line.starts_with("6 tags, all in a request, nothing to send:");
    let line = text.lines().find(is_it)?;
    let before = line.split(" in a row").next()?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Nothing is there; six tags, near and far, and far by a narrow way.
fn cold(bench: &mut Bench, parts: &Parts) -> Result<()> {
    bench.text("\n### Nothing is there yet, 160 MB are sent\n");
    bench.head(&COLUMNS);
    for (distance, megabits) in COLD {
        let target = parts.registry.address();
        let proxy = Proxy::start(target, Duration::from_millis(distance), megabits)?;
        let mut rows = Rows::default();
        let way = match megabits {
            Some(megabits) => format!("{distance} ms, {megabits} Mbit/s"),
            None => format!("{distance} ms"),
        };
        let narrow = megabits.unwrap_or_default();
        for round in 0..bench.rounds {
            let repository = |who: &str| {
                format!(
                    "{}/acme/cold-{who}-{distance}-{narrow}-{round}",
                    proxy.address()
                )
            };
            for (place, (name, program)) in bench.programs().into_iter().enumerate() {
                let remote = GitRemote::new();
                let own = repository(&format!("own-{place}"));
                let clone = project(&remote, &own, &parts.image, &tag_table(6));
                rows.add(&name, release(&program, &clone, "1.0.0", &proxy)?);
                if (round, place, distance, megabits) == (0, 0, FAR, None) {
                    bench.draw(
                        "A release that sends 160 MB, six tags, 50 ms away",
                        &draw(&trace_of(&clone))?,
                    );
                }
            }
            for (place, peer) in parts.peers.iter().enumerate() {
                let line = peer.send(&parts.image, &repository(&format!("peer-{place}")));
                rows.add(peer.cold(), run(&line, &proxy)?);
            }
        }
        rows.write(bench, &format!("{way} | 6"));
    }
    Ok(())
}

fn run(line: &str, proxy: &Proxy) -> Result<Published> {
    proxy.take();
    let cost = measured(line, |_| {})?;
    let (requests, connections) = proxy.take();
    Ok(Published {
        cost,
        requests,
        in_a_row: 0,
        connections,
    })
}

/// Where the last release of a clone wrote its trace.
fn trace_of(clone: &Clone<'_>) -> std::path::PathBuf {
    clone.path().with_extension("trace.json")
}

fn release(program: &Path, clone: &Clone<'_>, version: &str, proxy: &Proxy) -> Result<Published> {
    let trace = trace_of(clone);
    let mut line = format!("{} release --yes --version {version}", program.display());
    // An older hoist need not know every flag.
    let help = Command::new(program).args(["release", "--help"]).output()?;
    let help = String::from_utf8_lossy(&help.stdout);
    if help.contains("--allow-same-image") {
        line += " --allow-same-image";
    }
    let is_traced = help.contains("--trace");
    if is_traced {
        line += &format!(" --trace {}", trace.display());
    }
    proxy.take();
    let cost = measured(&line, |command| {
        command.env_clear().current_dir(clone.path());
        for (name, value) in clone.command("true").get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
    })?;
    let (requests, connections) = proxy.take();
    Ok(Published {
        cost,
        requests,
        in_a_row: if is_traced { in_a_row(&trace)? } else { 0 },
        connections,
    })
}

fn project<'r>(remote: &'r GitRemote, repository: &str, image: &Layout, tags: &str) -> Clone<'r> {
    let clone = remote.clone("a", &[]);
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"{}\"\n{tags}",
            image.path.display()
        ),
    );
    clone.commit("feat: begin");
    clone.push();
    clone
}
