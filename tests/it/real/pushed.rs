//! A program of the project pushes the image to hoist.

use std::fs;

use testkit::sandbox::Clone;

use crate::support::{self, Run, World};

/// Builds the image with the engine's own client, and pushes it where hoist says.
const PUSHES: &str = "#!/bin/sh
set -e
docker build --quiet --build-arg VERSION=\"$HOIST_VERSION\" --tag \"$HOIST_PUSH_TO\" .
docker push --quiet \"$HOIST_PUSH_TO\"
docker rmi \"$HOIST_PUSH_TO\" >/dev/null
";

/// The project with this program instead of hoist's own build.
fn project<'w>(world: &'w World<'_>, program: &str) -> Clone<'w> {
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let (head, _) = policy.split_once("[image.build]").unwrap();
    clone.write(
        "release.toml",
        format!("{head}[image.build]\ncommand = [\"sh\", \"push.sh\"]\n"),
    );
    clone.write("push.sh", program);
    clone.write("large.bin", vec![7; 3_000_000]);
    clone.write(
        "Dockerfile",
        "FROM scratch\nCOPY large.bin /large.bin\nARG VERSION\nCOPY greet.sh /greet.sh\nLABEL org.opencontainers.image.version=$VERSION\nCMD [\"/greet.sh\"]\n",
    );
    clone.commit("feat: the image is pushed");
    clone.push();
    clone
}

/// hoist with Docker's client in its `PATH`.
fn run(world: &World<'_>, clone: &Clone<'_>, args: &[&str]) -> Run {
    let docker = support::packages().unwrap().command("docker");
    let mut command = world.command(clone, args);
    for (name, value) in docker.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Run::of(&mut command)
}

#[test]
fn what_a_program_pushes_is_published_as_it_is() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let names = ["pushed/api", "pushed/mirror"];
    let world = World::new(registry, &names).with_engine(engine);
    let clone = project(&world, PUSHES);
    run(&world, &clone, &["check"]).says("`sh` pushes the image to `$HOIST_PUSH_TO`");
    let first = run(&world, &clone, &["release", "--version", "1.0.0", "--yes"]);
    first.expect(0);
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));

    // The large layer stays where it is.
    world.change(&clone, "feat: more");
    let second = run(&world, &clone, &["release", "--yes", "-v"]);
    second.expect(0);
    let staged = second
        .stderr
        .lines()
        .find(|line| line.trim_start().starts_with("Staged"));
    assert!(staged.is_some_and(|line| !line.contains("MB")), "{second}");
    run(&world, &clone, &["verify", "--deep"]).expect(0);
    let image = format!("{}:1.1.0", registry.repository(names[1]));
    engine.run(&["pull", "--quiet", &image]).unwrap();
    let label = "{{index .Config.Labels \"org.opencontainers.image.version\"}}";
    let version = engine
        .run(&["image", "inspect", "--format", label, &image])
        .unwrap();
    assert_eq!(version.trim(), "1.1.0");
    engine.run(&["rmi", &image]).unwrap();

    // A program that pushes the old image again, or nothing, or that fails, releases nothing.
    let before = world.tags();
    for (program, code, words) in [
        ("exit 0\n", 6, "pushed no image"),
        ("exit 3\n", 6, "failed: exit status: 3"),
        (
            "docker build --quiet --build-arg VERSION=1.0.0 -t $HOIST_PUSH_TO . && docker push -q $HOIST_PUSH_TO && docker rmi $HOIST_PUSH_TO; exit 4\n",
            6,
            "failed: exit status: 4",
        ),
    ] {
        clone.write("push.sh", program);
        clone.commit("fix: another program");
        clone.push();
        let refused = run(&world, &clone, &["release", "--yes"]);
        refused.expect(code);
        refused.says(words);
        refused.says("state: nothing was published");
        assert_eq!(world.tags(), before);
    }
    let left = engine
        .run(&["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"])
        .unwrap();
    assert!(!left.contains("hoist-build"), "{left}");
}
