//! `examples/ci/github` and `action.yml`.

use serde_json::Value;

use super::{
    by_hand, project, registry,
    runner::{Runner, parsed, workflow},
    text,
};
use crate::{
    registry::server::{Fault, On, What},
    support::{World, jobs::Jobs, path_with_curl},
};

const MAIN: (&str, &str) = ("GITHUB_REF", "refs/heads/main");

#[test]
fn a_push_is_released() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    clone.git(&["checkout", "--quiet", "--detach"]);
    let mut runner = Runner::new(&clone, &registry);
    runner.environment.push((MAIN.0, MAIN.1.to_owned()));
    runner.workflow("examples/ci/github/release.yml");
    let digest = world.shows("1.1.0").unwrap();
    assert_eq!(world.shows("latest"), Some(digest.clone()));
    assert_eq!(runner.values["steps.hoist.outputs.version"], "1.1.0");
    let tags = &runner.values["steps.hoist.outputs.tags"];
    assert_eq!(tags.lines().count(), 6, "{tags}");
    let deployed = format!("deploy {}@{digest}", registry.repository("acme/api"));
    assert!(runner.log.contains(&deployed), "{}", runner.log);

    // The next push has nothing to release, and nothing is deployed.
    let mut runner = Runner::new(&clone, &registry);
    runner.environment.push((MAIN.0, MAIN.1.to_owned()));
    runner.workflow("examples/ci/github/release.yml");
    assert_eq!(runner.values["steps.hoist.outputs.outcome"], "nothing");
    assert!(!runner.log.contains("deploy"), "{}", runner.log);
}

#[test]
fn the_workflow_of_the_readme_releases() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    clone.git(&["checkout", "--quiet", "--detach"]);
    let readme = text("README.md");
    let (_, block) = readme.split_once("```yaml\nname: release\n").unwrap();
    let (workflow, _) = block.split_once("```\n").unwrap();
    let mut runner = Runner::new(&clone, &registry);
    runner.environment.push((MAIN.0, MAIN.1.to_owned()));
    runner.workflow_of("README.md", &parsed("README.md", workflow));
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    assert!(world.shows("1.1.0").is_some());
}

#[test]
fn a_pushed_tag_is_released() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    clone.git(&["tag", "v1.1.0"]);
    clone.git(&["push", "--quiet", "origin", "v1.1.0"]);
    clone.git(&["checkout", "--quiet", "--detach", "v1.1.0"]);
    let mut runner = Runner::new(&clone, &registry);
    let variables = [
        ("GITHUB_REF", "refs/tags/v1.1.0"),
        ("GITHUB_REF_NAME", "v1.1.0"),
    ];
    let variables = variables.map(|(name, value)| (name, value.to_owned()));
    runner.environment.extend(variables);
    runner.workflow("examples/ci/github/release-on-tag.yml");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    assert!(world.shows("1.1.0").is_some());
}

#[test]
fn a_candidate_is_promoted() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    by_hand(
        &world,
        &clone,
        &registry,
        &["release", "--pre", "rc", "--yes"],
        0,
    );
    let mut runner = Runner::new(&clone, &registry);
    runner.environment.push((MAIN.0, MAIN.1.to_owned()));
    runner
        .values
        .insert("inputs.candidate".to_owned(), "1.1.0-rc.1".to_owned());
    runner.workflow("examples/ci/github/promote.yml");
    assert_eq!(world.shows("1.1.0"), world.shows("1.1.0-rc.1"));
    assert!(world.shows("1.1.0").is_some());
}

#[test]
fn an_unfinished_release_is_finished_or_undone() {
    if path_with_curl().is_none() {
        return;
    }
    for (verb, released) in [("resume", true), ("rollback", false)] {
        let registry = registry();
        let world = World::new(&registry, &["acme/api"]);
        let clone = project(&world, &registry);
        let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let publish = "\n[publish]\non-failure = \"hold\"\nverify-timeout = \"2s\"\n";
        clone.write("release.toml", policy + publish);
        clone.commit("chore: hold");
        clone.push();
        let before = world.shows("latest");
        let latest = On::put_manifest().with("/manifests/latest");
        registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
        by_hand(&world, &clone, &registry, &["release", "--yes"], 8);
        registry.heal();

        let elsewhere = world.remote.clone("b", &[]);
        let mut runner = Runner::new(&elsewhere, &registry);
        runner.environment.push((MAIN.0, MAIN.1.to_owned()));
        runner
            .values
            .insert("inputs.verb".to_owned(), verb.to_owned());
        runner.workflow("examples/ci/github/recover.yml");
        assert_eq!(
            world.shows("latest") == world.shows("1.1.0"),
            released,
            "{verb}"
        );
        assert_eq!(world.shows("latest") == before, !released, "{verb}");
        world.assert_unlocked();
    }
}

/// Each job in a clone and an environment of its own; the legs have one commit and no password.
#[test]
fn a_matrix_of_native_runners_is_joined() {
    const PATH: &str = "examples/ci/github/matrix.yml";
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let jobs = Jobs::new(
        &world,
        &[registry.repository("acme/api").to_string()],
        "\n[version]\nfiles = [{ path = \"VERSION\", pattern = \"(.*)\" }]\n",
    );
    let clone = |name: &str, args: &[&str]| jobs.machine(name, args, &[]).clone;
    let first = clone("plan", &[]);
    let mut plan = Runner::new(&first, &registry);
    plan.environment.push((MAIN.0, MAIN.1.to_owned()));
    assert!(plan.job(PATH, "plan", &Value::Null));
    assert_eq!(plan.values["needs.plan.outputs.release"], "true");

    let workflow = workflow(PATH);
    let matrix = &workflow["jobs"]["leg"]["strategy"]["matrix"]["include"];
    let machines = ["Asia/Tokyo", "America/Lima"];
    for (entry, zone) in matrix.as_array().unwrap().iter().zip(machines) {
        let clone = clone(entry["name"].as_str().unwrap(), &["--depth=1"]);
        let mut leg = plan.another(&clone);
        leg.environment.push(("TZ", zone.to_owned()));
        registry.forget();
        assert!(leg.job(PATH, "leg", entry));
        assert_eq!(registry.log(), [], "a leg asks no registry");
    }
    assert_eq!(world.tags(), Vec::<String>::new());

    let last = clone("release", &[]);
    let mut release = plan.another(&last);
    assert!(release.job(PATH, "release", &Value::Null));
    let digest = world.shows("0.1.0").unwrap();
    assert_eq!(world.shows("latest"), Some(digest.clone()));
    assert!(release.log.contains("joined 2 legs"), "{}", release.log);
    let deployed = format!("deploy {}@{digest}", registry.repository("acme/api"));
    assert!(release.log.contains(&deployed), "{}", release.log);

    // Then there is nothing to release, and the other jobs are left out.
    let again = clone("again", &[]);
    let mut plan = Runner::new(&again, &registry);
    plan.environment.push((MAIN.0, MAIN.1.to_owned()));
    assert!(plan.job(PATH, "plan", &Value::Null));
    assert!(!plan.another(&again).job(PATH, "leg", &Value::Null));
}
