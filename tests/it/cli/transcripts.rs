//! What a user sees: the command, stdout, stderr and the exit code, in snapshots.
//!
//! What changes from run to run (ports, and with them the policy, commits and images; folders;
//! times) is replaced.

use regex::Regex;
use testkit::sandbox::Clone;

use crate::{
    cli::{
        locks::plant,
        multi_image::services::{NAMES, monorepo},
    },
    registry::server::{Delete, Fault, On, Personality, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";

/// A session: commands and what they said.
struct Transcript<'a> {
    world: &'a World<'a>,
    clone: &'a Clone<'a>,
    text: String,
}

impl<'a> Transcript<'a> {
    fn new(world: &'a World<'a>, clone: &'a Clone<'a>) -> Self {
        Self {
            world,
            clone,
            text: String::new(),
        }
    }

    fn hoist(&mut self, args: &[&str]) -> &mut Self {
        let mut command = self.world.command(self.clone, args);
        let run = crate::support::Run::of(command.env("COLUMNS", "100"));
        let code = run.code.unwrap_or(-1);
        self.text += &format!("$ hoist {}\n", args.join(" "));
        for (name, said) in [("", &run.stdout), ("stderr | ", &run.stderr)] {
            for line in said.lines() {
                self.text += format!("{name}{line}").trim_end();
                self.text.push('\n');
            }
        }
        self.text += &format!("exit {code}\n\n");
        self
    }

    /// The session with everything that changes from run to run replaced, by words of the same width
    /// where columns are aligned.
    fn text(&self) -> String {
        let folder = self.clone.path().display().to_string();
        let mut text = self.text.replace(&folder, "[folder]");
        for (pattern, word) in [
            (r"127\.0\.0\.1:\d+", "[registry-host]"),
            (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "[time]"),
            (r"20\d\d-\d\d-\d\d [0-9:]{5,8}", "[time]"),
            (r"20\d\d-\d\d-\d\d", "[date----]"),
            (r"pid \d+", "pid [pid]"),
            (r"sha256:[0-9a-f]{64}", "[digest]"),
            (r"\b[0-9a-f]{12}\b", "[short-----]"),
            (r"\b[0-9a-f]{7}\b", "[sha--]"),
            (r"\b\d+(\.\d+)? ?(ms|s)\b", "[duration]"),
        ] {
            text = Regex::new(pattern)
                .unwrap()
                .replace_all(&text, word)
                .into_owned();
        }
        text
    }
}

fn registry(delete: Delete) -> TestRegistry {
    TestRegistry::start(Personality {
        delete,
        ..Personality::default()
    })
}

#[test]
fn from_the_first_commit_to_the_second_release() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let mut session = Transcript::new(&world, &clone);
    session.hoist(&["next"]).hoist(&["release"]);
    world.change(&clone, "feat: accept device codes");
    session.hoist(&["next", "--explain"]);
    session.hoist(&["release", "--version", "1.0.0", "--yes"]);
    session.hoist(&["next"]);
    world.change(&clone, "fix: a hole (#7)");
    session.hoist(&["tags"]).hoist(&["plan"]);
    session.hoist(&["release", "--yes"]).hoist(&["verify"]);
    session.hoist(&["status"]).hoist(&["release", "--yes"]);
    insta::assert_snapshot!(session.text());
}

#[test]
fn a_backport_explains_what_it_keeps() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.2.3", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    clone.git(&["switch", "--quiet", "--create", "1.2.x", "v1.2.3"]);
    world.change(&clone, "fix: a hole");
    let mut session = Transcript::new(&world, &clone);
    session.hoist(&["plan"]).hoist(&["tags", "--explain"]);
    insta::assert_snapshot!(session.text());
}

#[test]
fn a_refused_tag_and_what_cannot_be_undone() {
    let mut sessions = String::new();
    for delete in [Delete::Tag, Delete::Off] {
        let registry = registry(delete);
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        let latest = On::put_manifest().with("/manifests/latest");
        registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
        let mut session = Transcript::new(&world, &clone);
        session
            .hoist(&["release", "--yes", "--quiet"])
            .hoist(&["status"]);
        sessions += &format!("-- deletion: {delete:?}\n\n{}", session.text());
    }
    insta::assert_snapshot!(sessions);
}

#[test]
fn usage_errors_are_explained() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let mut session = Transcript::new(&world, &clone);
    session
        .hoist(&["realease"])
        .hoist(&["next", "--version", "v1.2.3"]);
    session.hoist(&["release", "--yes", "--version", "1.2"]);
    session.hoist(&["-C", "nowhere", "next"]);
    clone.write(
        "release.toml",
        "[image]\nrepositry = \"docker.io/acme/api\"\n",
    );
    session.hoist(&["plan"]);
    clone.write(
        "release.toml",
        "[image]\nrepository = \"docker.io/acme/api:1\"\n",
    );
    session.hoist(&["plan"]);
    clone.write("release.toml", "sign-commit = true\npublish = false\n");
    session.hoist(&["plan"]);
    clone.git(&["rm", "--quiet", "--cached", "release.toml"]);
    std::fs::remove_file(clone.path().join("release.toml")).unwrap();
    session
        .hoist(&["plan"])
        .hoist(&["--image", "nonsense:", "plan"]);
    insta::assert_snapshot!(session.text());
}

#[test]
fn a_lock_that_cannot_be_read() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let place = registry.repository(NAME).to_string();
    let lock = hoist::publish::lock_ref(&"refs/hoist".parse().unwrap(), &place.parse().unwrap());
    plant(&clone, lock.as_str(), "not a journal\n");
    let mut session = Transcript::new(&world, &clone);
    session.hoist(&["status"]).hoist(&["release", "--yes"]);
    session.hoist(&["unlock"]);
    session.hoist(&["unlock", "--yes"]);
    session.hoist(&["unlock", "--yes", "--json"]);
    let text = session
        .text()
        .replace(lock.as_str(), "refs/hoist/publish/[lock]");
    insta::assert_snapshot!(text);
}

#[test]
fn two_images_of_one_repository() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    let mut session = Transcript::new(&world, &clone);
    clone.write(
        "services/cli/release.toml",
        "sign-commit = true\npublish = false\n",
    );
    clone.write("services/api/main.rs", "api");
    clone.commit("feat(api): a first answer");
    clone.push();
    session.hoist(&["next", "--all"]).hoist(&["plan", "--all"]);
    session.hoist(&["release", "--all"]);
    session.hoist(&["release", "--all", "--yes", "--quiet"]);
    clone.write("libs/log.rs", "log");
    clone.commit("fix(libs): one log for all");
    clone.push();
    session.hoist(&["next", "--all", "--explain"]);
    session.hoist(&["release", "--all", "--yes", "--quiet"]);
    session.hoist(&["status", "--all"]);
    session.hoist(&["release", "--all", "--yes", "--require-release"]);
    insta::assert_snapshot!(session.text());
}

#[test]
fn images_that_cannot_be_told_apart() {
    let registry = registry(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    let mut session = Transcript::new(&world, &clone);
    session.hoist(&["release", "--all", "--version", "1.0.0", "--yes"]);
    session.hoist(&["release", "--all", "--plan", "plan.json", "--yes"]);
    session.hoist(&["--image", "acme/api", "plan", "--all"]);
    session.hoist(&["--config", "hoist.toml", "plan", "--all"]);
    let web = std::fs::read_to_string(clone.path().join("services/web/release.toml")).unwrap();
    clone.write(
        "services/web/release.toml",
        web.replace("acme/web", "acme/api"),
    );
    session.hoist(&["plan", "--all"]);
    clone.write(
        "services/web/release.toml",
        web.replace("web-v{version}", "api-v{version}-web"),
    );
    session.hoist(&["release", "--all", "--yes"]);
    clone.write(
        "services/web/release.toml",
        "[image]\nrepositry = \"acme/web\"\n",
    );
    session.hoist(&["release", "--all", "--yes", "--json"]);
    insta::assert_snapshot!(session.text());
}
