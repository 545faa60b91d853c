//! What a release does with the repository, the registry and the environment it finds.

use testkit::sandbox::{self, Registry, RegistryOptions};

use crate::support::{self, Run, World};

#[test]
fn the_first_release_into_an_empty_registry() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["first/api"]);
    let clone = world.project("a");
    world
        .hoist(&clone, &["release", "--yes"])
        .says("nothing to release");
    assert!(world.tags().is_empty());

    let sha = world.change(&clone, "feat: begin");
    world.hoist(&clone, &["release", "--yes"]);
    let mut tags = registry.tags("first/api");
    tags.retain(|tag| !tag.starts_with("20"));
    let sha = format!("sha-{}", &sha[..7]);
    assert_eq!(tags, ["0.1", "0.1.0", "latest", &sha]);
    world.assert_unlocked();
}

#[test]
fn a_registry_that_knows_no_such_user_stops_before_the_build() {
    let Some(packages) = support::packages() else {
        return;
    };
    let options = RegistryOptions {
        auth: true,
        ..RegistryOptions::default()
    };
    let registry = Registry::start(packages, &options).unwrap();
    let world = World::new(&registry, &["locked/api"]);
    let clone = world.project("a");
    world.change(&clone, "feat: begin");
    let address = registry.address().to_string();
    for credentials in [None, Some("open-sesam"), Some("wrong\u{1b}[31m")] {
        let mut command = world.command(&clone, &["release", "--yes"]);
        if let Some(password) = credentials {
            command.env("HOIST_REGISTRY_USERNAME", sandbox::USER);
            command.env("HOIST_REGISTRY_PASSWORD", password);
        }
        let run = Run::of(&mut command);
        run.expect(6);
        run.says(&address);
        // Without a login nothing is tried that only a login may do.
        run.says(match credentials {
            Some(_) => "push",
            None => "docker login",
        });
        assert!(!run.stderr.contains("sesam"), "{run}");
        assert!(!clone.path().join("dist").exists(), "it was built: {run}");
    }
    let mut command = world.command(&clone, &["release", "--yes"]);
    command.env("HOIST_REGISTRY_USERNAME", sandbox::USER);
    command.env("HOIST_REGISTRY_PASSWORD", sandbox::PASSWORD);
    let run = Run::of(&mut command);
    run.expect(0);
    assert!(!format!("{run}").contains(sandbox::PASSWORD));
    assert!(world.shows("0.1.0").is_some());
}

#[test]
fn a_clone_without_tags_asks_the_remote() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["tagless/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");

    let tagless = world.remote.clone("b", &["--no-tags"]);
    world.hoist(&tagless, &["plan"]).says("1.1.0");
    assert_eq!(tagless.git(&["tag"]), "", "a plan touches nothing");
    world.hoist(&tagless, &["release", "--yes"]);
    assert!(world.shows("1.1.0").is_some());
    assert!(world.remote.refs().contains("refs/tags/v1.1.0"));
}

#[test]
fn a_shallow_clone_is_refused_with_the_command_that_helps() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["shallow/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: one");
    world.change(&clone, "fix: two");
    let shallow = world.remote.clone("b", &["--depth=1"]);
    for verb in [&["next"][..], &["plan"], &["release", "--yes"]] {
        let run = world.run(&shallow, verb);
        run.expect(4);
        run.says("git fetch --unshallow --tags");
    }
    assert_eq!(world.shows("1.1.0"), None);
}

#[test]
fn a_dirty_tree_is_refused_where_it_would_be_built() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["dirty/api"]);
    let clone = world.project("a");
    world.change(&clone, "feat: begin");
    clone.write("greet.sh", "echo changed\n");
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("--allow-dirty");
    assert!(world.tags().is_empty());
    world.hoist(&clone, &["release", "--yes", "--allow-dirty"]);
    assert!(world.shows("0.1.0").is_some());
}

#[test]
fn the_committed_tree_is_built_whatever_lies_in_the_work_tree() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let world = World::new(registry, &["committed/api"]).with_engine(engine);
    let clone = world.project("a");
    world.change(&clone, "feat: begin");
    clone.write("greet.sh", "echo uncommitted\n");
    clone.write("Dockerfile", "FROM nowhere\n");
    world.hoist(&clone, &["release", "--yes"]);
    let image = format!("{}:0.1.0", registry.repository("committed/api"));
    let said = engine.run(&["run", "--rm", &image]).unwrap();
    engine.run(&["rmi", &image]).unwrap();
    assert_eq!(said, "feat: begin 0.1.0\n");
}

#[test]
fn an_unpushed_commit_is_refused() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["unpushed/api"]);
    let clone = world.project("a");
    clone.commit("feat: only here");
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("git push");
    assert!(world.tags().is_empty());
    clone.push();
    world.hoist(&clone, &["release", "--yes"]);
}

#[test]
fn a_detached_head_in_a_pipeline_is_its_branch() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["detached/api"]);
    let clone = world.project("a");
    let head = world.change(&clone, "feat: begin");
    clone.git(&["checkout", "--quiet", "--detach"]);
    clone.git(&["branch", "--quiet", "--delete", "--force", "main"]);
    let github = |kind: &str, name: &str| {
        let mut command = world.command(&clone, &["release", "--yes"]);
        let reference = match kind {
            "branch" => format!("refs/heads/{name}"),
            _ => format!("refs/pull/{name}"),
        };
        command
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SHA", &head)
            .env("GITHUB_REF", reference)
            .env("GITHUB_REF_TYPE", "branch")
            .env("GITHUB_REF_NAME", name)
            .env(
                "GITHUB_EVENT_NAME",
                if kind == "branch" {
                    "push"
                } else {
                    "pull_request"
                },
            );
        Run::of(&mut command)
    };
    github("pull", "7/merge").expect(4);
    github("branch", "topic").expect(4);
    assert!(world.tags().is_empty());
    github("branch", "main").expect(0);
    assert!(world.shows("0.1.0").is_some());
}

#[test]
fn without_a_terminal_a_release_wants_a_word() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["noyes/api"]);
    let clone = world.project("a");
    world.change(&clone, "feat: begin");
    let run = world.run(&clone, &["release"]);
    run.expect(2);
    run.says("--yes");
    assert!(world.tags().is_empty());
    world.run(&clone, &["release", "--dry-run"]).expect(0);
    assert!(world.tags().is_empty());
    assert!(!world.remote.refs().contains("refs/tags"));
    world.assert_unlocked();
}
