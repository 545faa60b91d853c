//! The engine pushes what it has built to hoist, and only what no registry has is taken out of it.

use std::fs;

use testkit::sandbox::Clone;

use crate::support::{self, World};

/// The project's image with a large layer below the one that changes.
fn project<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project("a");
    let large: Vec<u8> = {
        let mut random = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| random.u8(..))
            .take(6_000_000)
            .collect()
    };
    clone.write("large.bin", large);
    clone.write("small.txt", "one");
    clone.write(
        "Dockerfile",
        "FROM scratch AS runtime\nCOPY large.bin /large.bin\nCOPY small.txt /small.txt\nCMD [\"/large.bin\"]\n",
    );
    clone.commit("feat: a large layer");
    clone.push();
    clone
}

fn sent(run: &crate::support::Run, repository: &str) -> String {
    let line = run
        .stderr
        .lines()
        .find(|line| line.trim_start().starts_with("Staged") && line.contains(repository));
    line.unwrap_or_else(|| panic!("{run}")).to_owned()
}

#[test]
fn a_layer_that_the_registries_have_stays_in_the_engine() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let names = ["handover/api", "handover/mirror"];
    let world = World::new(registry, &names).with_engine(engine);
    let clone = project(&world);
    let first = world.hoist(&clone, &["release", "--version", "1.0.0", "--yes", "-v"]);
    assert!(!first.stderr.contains("exports the image"), "{first}");
    let line = sent(&first, &registry.repository(names[0]));
    assert!(line.contains(" 6.0 MB in 3 blobs sent"), "{first}");

    clone.write("small.txt", "two");
    clone.commit("feat: a small change");
    clone.push();
    let second = world.hoist(&clone, &["release", "--yes", "-v"]);
    assert!(!second.stderr.contains("exports the image"), "{second}");
    // The second repository takes over from the first what it does not have.
    let line = sent(&second, &registry.repository(names[0]));
    assert!(line.contains(" kB in 2 blobs sent"), "{second}");
    let line = sent(&second, &registry.repository(names[1]));
    assert!(!line.contains(" sent"), "{second}");
    world.hoist(&clone, &["verify", "--deep"]);
    let left = engine
        .run(&["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"])
        .unwrap();
    assert!(!left.contains("hoist"), "{left}");
    let image = format!("{}:1.1.0", registry.repository(names[1]));
    engine.run(&["pull", "--quiet", &image]).unwrap();
    engine.run(&["rmi", &image]).unwrap();

    // A repository that lacks the large layer gets it from the engine again.
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let third = registry.repository("handover/third");
    let more = policy.replacen(
        "repositories = [",
        &format!("repositories = [\"{third}\", "),
        1,
    );
    assert_ne!(policy, more);
    clone.write("release.toml", more);
    clone.write("small.txt", "three");
    clone.commit("feat: a third repository");
    clone.push();
    let run = world.hoist(&clone, &["release", "--yes", "-v"]);
    assert!(sent(&run, &third).contains(" in 3 blobs"), "{run}");
    world.hoist(&clone, &["verify", "--deep"]);
}

/// What stayed in the engine is read from a registry where the budget asks for files.
#[test]
fn a_budget_counts_layers_that_stayed_in_the_engine() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let names = ["handover-budget/api", "handover-budget/mirror"];
    let world = World::new(registry, &names).with_engine(engine);
    let clone = project(&world);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let budget = "[image.budget]\nwaste = \"1MB\"\ndeny = [\"unpinned-base\"]\n";
    clone.write("release.toml", format!("{policy}\n{budget}"));
    let dockerfile = fs::read_to_string(clone.path().join("Dockerfile")).unwrap();
    let overwritten = dockerfile.replace("CMD", "COPY small.txt /large.bin\nCMD");
    clone.write("Dockerfile", overwritten);
    clone.commit("feat: the large file is overwritten");
    clone.push();
    let run = world.run(&clone, &["release", "--yes", "-v"]);
    run.expect(4);
    run.says("has already, for `image.budget`");
    run.says("/large.bin of layer 1, hidden by layer 3");
    run.says("state: nothing was published");
    let run = world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    run.says("over its budget, and released all the same");
    world.hoist(&clone, &["verify", "--deep"]);
}
