//! What whole releases cost: requests, round trips in a row and runs of git, compared with the numbers in
//! `counts.txt`. `HOIST_UPDATE=1` writes them anew.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Auth, MultiTag, PASSWORD, Personality, TestRegistry, Tokens, USER},
    support::{Run, World, layout::Layout},
};

const NAME: &str = "acme/api";
const NOTHING: &str = "nothing to send";
const FILE: &str = "tests/it/cli/counts.txt";

/// Six tags: the version, its line, its major, the newest, the commit, the date.
const SIX: &str = "";
/// Six more.
const TWELVE: &str = "[tags]\nfixed = [\"{version}\", \"sha-{sha}\", \"a-{version}\", \"b-{version}\", \"c-{version}\"]\n\
     moving = [\"{major}.{minor}\", \"{major}\", \"latest\", \"{date}\", \"d\", \"e\", \"f\"]\n";

/// What one release asked for.
struct Cost {
    /// The requests to the registry.
    requests: usize,
    /// How many of them had to wait for the answer to another one, one after another.
    in_a_row: usize,
    /// The runs of `git`, by verb.
    git: BTreeMap<String, usize>,
    /// The requests by method.
    methods: BTreeMap<String, usize>,
}

impl Cost {
    /// From a trace: a request that began when another one was over may have needed its answer.
    fn of(trace: &str) -> Self {
        let events: Vec<Value> = serde_json::from_str(trace).unwrap();
        let text = |event: &Value, name: &str| {
            let value = event["args"][name].as_str().unwrap_or_default();
            value.trim_matches('"').to_owned()
        };
        let mut cost = Self {
            requests: 0,
            in_a_row: 0,
            git: BTreeMap::new(),
            methods: BTreeMap::new(),
        };
        let mut open: BTreeMap<u64, usize> = BTreeMap::new();
        // Events are in the order of time.
        for event in &events {
            let id = event["id"].as_u64().unwrap_or_default();
            match (event["name"].as_str(), event["ph"].as_str()) {
                (Some("git"), Some("b")) => *cost.git.entry(text(event, "verb")).or_default() += 1,
                (Some("request"), Some("b")) => {
                    cost.requests += 1;
                    *cost.methods.entry(text(event, "method")).or_default() += 1;
                    open.insert(id, cost.in_a_row + 1);
                }
                (Some("request"), Some("e")) => {
                    let depth = open.remove(&id).expect("what ends has begun");
                    cost.in_a_row = cost.in_a_row.max(depth);
                }
                _ => {}
            }
        }
        cost
    }

    /// `is_exact`: nothing is sent, so that no request waits for whichever of several others ends first.
    fn line(&self, name: &str, is_exact: bool) -> String {
        let list = |counts: &BTreeMap<String, usize>| {
            let each = counts.iter().map(|(what, count)| format!("{count} {what}"));
            each.collect::<Vec<_>>().join(", ")
        };
        let runs: usize = self.git.values().sum();
        let in_a_row = match is_exact {
            true => format!(", {} in a row", self.in_a_row),
            false => String::new(),
        };
        format!(
            "{name}: {} requests ({}){in_a_row}; {runs} runs of git ({})\n",
            self.requests,
            list(&self.methods),
            list(&self.git),
        )
    }
}

fn project<'w>(world: &'w World<'_>, registry: &TestRegistry, tags: &str) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    let repository = registry.repository(NAME);
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{repository}\"\n[image.build]\nlayout = \"dist/oci\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n{tags}"
        ),
    );
    clone.commit("feat: begin");
    clone.push();
    clone
}

/// An index of two images, each with a layer that both have in common and one of its own.
fn build(clone: &Clone<'_>, content: &str) {
    let mut layout = Layout::new(&clone.path().join("dist/oci"));
    let labels = json!({});
    let images: Vec<Value> = ["amd64", "arm64"]
        .map(|name| layout.image(name, &labels, format!("{content} for {name}").as_bytes()))
        .into();
    let top = layout.index(&images);
    layout.finish(&top);
}

fn release(world: &World<'_>, clone: &Clone<'_>, version: &str, logged_in: bool) -> Cost {
    let file = world.remote.home().join("trace.json");
    let mut command = world.command(clone, &["release", "--version", version, "--yes"]);
    command.args(["--allow-same-image", "--trace"]).arg(&file);
    if logged_in {
        command
            .env("HOIST_REGISTRY_USERNAME", USER)
            .env("HOIST_REGISTRY_PASSWORD", PASSWORD);
    }
    Run::of(&mut command).expect(0);
    Cost::of(&fs::read_to_string(&file).unwrap())
}

/// The releases of one project: everything is sent, a part is, nothing is.
fn releases(name: &str, personality: Personality, tags: &str, out: &mut String) {
    let logged_in = !matches!(personality.auth, Auth::Nobody);
    let registry = TestRegistry::start(personality);
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, tags);
    for (version, content, what) in [
        ("1.0.0", "one", "the first release"),
        ("1.1.0", "two", "a new image"),
        ("1.2.0", "two", NOTHING),
    ] {
        build(&clone, content);
        clone.write("file", content.to_owned() + version);
        clone.commit("feat: more");
        clone.push();
        let cost = release(&world, &clone, version, logged_in);
        let is_exact = what == NOTHING && !logged_in;
        out.push_str(&cost.line(&format!("{name}, {what}"), is_exact));
    }
}

/// What the releases of all kinds cost.
fn all_releases() -> String {
    let with = |multi_tag| Personality {
        multi_tag,
        ..Personality::default()
    };
    let tokens = Personality {
        auth: Auth::Bearer(Tokens::default()),
        ..Personality::default()
    };
    let mut text = String::from(
        "# What releases cost. Written by HOIST_UPDATE=1 cargo test --test it counts\n",
    );
    for (name, personality, tags) in [
        ("6 tags, one in a request", with(MultiTag::Off), SIX),
        ("12 tags, one in a request", with(MultiTag::Off), TWELVE),
        ("6 tags, all in a request", with(MultiTag::Whole), SIX),
        ("6 tags, with tokens", tokens, SIX),
    ] {
        releases(name, personality, tags, &mut text);
    }
    text
}

#[test]
fn releases_cost_what_they_did() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("HOIST_UPDATE").is_some() {
        fs::write(&file, all_releases()).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    // On a machine that does much else, an answer can be so late that a request does not wait for it.
    let mut counted = all_releases();
    for _ in 0..2 {
        if counted != known {
            counted = all_releases();
        }
    }
    assert_eq!(known, counted);
}
