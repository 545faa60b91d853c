//! What a CI service is told: outputs, a summary, annotations, variables for later jobs.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;
use testkit::sandbox::Clone;

use super::multi_image::services::{NAMES, changed, registry as plain_registry};
use crate::{
    registry::server::{Auth, Delete, Fault, On, PASSWORD, Personality, TestRegistry, USER, What},
    support::{Run, World},
};

/// The files of a service, beside the clone.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new(world: &World<'_>, name: &str) -> Self {
        let folder = world.remote.home().join(name);
        fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    /// A run of the binary as a job of GitHub, with a file of variables as well.
    fn run(&self, world: &World<'_>, clone: &Clone<'_>, args: &[&str]) -> Run {
        let mut command = world.command(clone, args);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", self.folder.join("output"))
            .env("GITHUB_STEP_SUMMARY", self.folder.join("summary"))
            .env("HOIST_DOTENV", self.folder.join("dotenv"));
        Run::of(&mut command)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// The outputs as the service reads them: of one name the last counts.
    fn outputs(&self) -> BTreeMap<String, String> {
        let text = self.read("output");
        let mut outputs = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let (name, value) = match (line.split_once("<<"), line.split_once('=')) {
                (Some((name, end)), None) => {
                    let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
                    (name, value.join("\n"))
                }
                (_, Some((name, value))) => (name, value.to_owned()),
                other => panic!("{other:?}: {text}"),
            };
            outputs.insert(name.to_owned(), value);
        }
        outputs
    }
}

#[test]
fn a_release_tells_what_moved() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    let files = Files::new(&world, "ci");
    files
        .run(&world, &clone, &["release", "--version", "1.0.0", "--yes"])
        .expect(0);
    let first = world.shows("latest").unwrap();
    world.change(&clone, "feat: a <b>bold</b> | change");
    let run = files.run(&world, &clone, &["release", "--yes"]);
    run.expect(0);
    assert!(!run.stderr.contains("::"), "{run}");

    let outputs = files.outputs();
    let digest = world.shows("1.1.0").unwrap();
    let repository = registry.repository("acme/api");
    assert_eq!(outputs["outcome"], "published");
    assert_eq!(outputs["version"], "1.1.0");
    assert_eq!(outputs["git-tag"], "v1.1.0");
    assert_eq!(outputs["digest"], digest);
    assert_eq!(outputs["image"], format!("{repository}@{digest}"));
    let tags: Vec<_> = outputs["tags"].lines().collect();
    assert_eq!(tags.len(), 6, "{tags:?}");
    assert!(tags.contains(&&*format!("{repository}:latest")), "{tags:?}");

    let summary = files.read("summary");
    let short = |digest: &str| digest["sha256:".len()..][..12].to_owned();
    let row = format!(
        "| `{repository}:latest` | `{}` | `{}` |",
        short(&first),
        short(&digest)
    );
    assert!(summary.contains(&row), "{summary}");
    assert!(
        summary.contains(&format!(
            "| `{repository}:1.1.0` | – | `{}` |",
            short(&digest)
        )),
        "{summary}"
    );
    assert!(summary.contains("### Published 1.1.0"), "{summary}");
    assert!(summary.contains(" sent\n"), "{summary}");
    assert!(summary.contains("- git tag `v1.1.0`\n"), "{summary}");
    assert!(summary.contains("### Features"), "{summary}");
    assert!(summary.contains("\\<b>bold"), "{summary}");

    let dotenv = files.read("dotenv");
    assert!(
        dotenv.starts_with("HOIST_OUTCOME=published\nHOIST_VERSION=1.1.0\nHOIST_GIT_TAG=v1.1.0\n"),
        "{dotenv}"
    );
    let line = dotenv
        .lines()
        .find_map(|line| line.strip_prefix("HOIST_TAGS="));
    assert_eq!(line.unwrap().split(' ').collect::<Vec<_>>(), tags);

    // Nothing to do is told, too.
    files.run(&world, &clone, &["release", "--yes"]).expect(0);
    assert_eq!(files.outputs()["outcome"], "nothing");
    assert_eq!(files.read("dotenv"), "HOIST_OUTCOME=nothing\n");
}

#[test]
fn a_failure_is_told_and_annotated() {
    let registry = TestRegistry::start(Personality {
        delete: Delete::Digest(400),
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    let files = Files::new(&world, "ci");
    files
        .run(&world, &clone, &["release", "--version", "1.0.0", "--yes"])
        .expect(0);
    world.change(&clone, "feat: more");
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    for json in [&["release", "--yes"][..], &["release", "--yes", "--json"]] {
        let run = files.run(&world, &clone, json);
        run.expect(7);
        let annotations: Vec<_> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("::"))
            .collect();
        assert!(
            annotations
                .iter()
                .any(|line| line.starts_with("::error title=hoist::")),
            "{run}"
        );
        assert!(!run.stdout.contains("::error"), "{run}");
        assert_eq!(files.outputs()["outcome"], "rolled-back");
    }
    assert!(
        files.read("summary").contains("### Rolled back 1.1.0"),
        "{}",
        files.read("summary")
    );

    // Before there is a transaction: a mistake in the policy.
    clone.write("release.toml", "[image]\nrepositry = \"a/b\"\n");
    let run = files.run(&world, &clone, &["release", "--yes"]);
    run.expect(2);
    assert_eq!(files.outputs()["outcome"], "usage");
    assert!(files.read("summary").contains("unknown key `repositry`"));
    // A verb that moves nothing has no outputs, and its errors are annotated all the same.
    let before = files.read("output");
    let run = files.run(&world, &clone, &["plan"]);
    assert!(
        run.stderr
            .contains("\n::error title=hoist::unknown key `repositry`"),
        "{run}"
    );
    assert_eq!(files.read("output"), before);
}

#[test]
fn no_ci_writes_nothing_and_a_file_that_cannot_be_written_fails_nothing() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    let files = Files::new(&world, "ci");
    let args = ["release", "--version", "1.0.0", "--yes", "--no-ci"];
    files.run(&world, &clone, &args).expect(0);
    assert_eq!(fs::read_dir(&files.folder).unwrap().count(), 0);

    world.change(&clone, "fix: less");
    for name in ["output", "summary", "dotenv"] {
        fs::create_dir(files.folder.join(name)).unwrap();
    }
    let run = files.run(&world, &clone, &["release", "--yes"]);
    run.expect(0);
    for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "HOIST_DOTENV"] {
        run.says(&format!("warning: cannot write the file in `{name}`"));
    }
}

#[test]
fn no_credential_is_told() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Basic,
        ..Personality::default()
    });
    let world = World::new(&registry, &["acme/api"]);
    let clone = world.project("a");
    let files = Files::new(&world, "ci");
    for password in [PASSWORD, "wrong horse"] {
        let mut command = world.command(&clone, &["release", "--version", "1.0.0", "--yes", "-v"]);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", files.folder.join("output"))
            .env("GITHUB_STEP_SUMMARY", files.folder.join("summary"))
            .env("HOIST_DOTENV", files.folder.join("dotenv"))
            .env("HOIST_REGISTRY_USERNAME", USER)
            .env("HOIST_REGISTRY_PASSWORD", password);
        let run = Run::of(&mut command);
        let told = ["output", "summary", "dotenv"]
            .map(|name| files.read(name))
            .concat();
        for text in [&told, &run.stderr, &run.stdout] {
            assert!(!text.contains("horse"), "{text}");
        }
    }
}

#[test]
fn several_images_are_a_list() {
    let registry = plain_registry();
    let world = World::new(&registry, &NAMES);
    let clone = changed(&world, &registry);
    let files = Files::new(&world, "ci");
    files
        .run(&world, &clone, &["release", "--all", "--yes"])
        .expect(0);
    let outputs = files.outputs();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["releases"]);
    let releases: Value = serde_json::from_str(&outputs["releases"]).unwrap();
    assert_eq!(releases[0]["config"], "services/api/release.toml");
    assert_eq!(releases[1]["git-tag"], "web-v0.1.0");
    assert_eq!(releases[1]["outcome"], "published");
    assert!(
        releases[1]["tags"][0]
            .as_str()
            .unwrap()
            .contains("acme/web:")
    );
    assert_eq!(
        files.read("dotenv"),
        format!("HOIST_RELEASES={}\n", outputs["releases"])
    );
    let summary = files.read("summary");
    assert!(
        summary.contains("### Published 0.1.0 `services/web/release.toml`"),
        "{summary}"
    );
    assert_eq!(summary.matches("one log for all").count(), 2, "{summary}");
}
