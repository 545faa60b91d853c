//! `[image.budget]`: measured after the build, and nothing names an image that is over it.

use serde_json::json;
use testkit::sandbox::Clone;

use super::{
    images::alpine,
    recipe::{Recipe, file, layer, recipe, whiteout},
};
use crate::{
    registry::server::{Fault, On, Personality, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";

fn project<'w>(world: &'w World<'_>, registry: &TestRegistry, budget: &str) -> Clone<'w> {
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    clone.commit("feat: begin");
    policy(&clone, registry, budget);
    clone
}

fn policy(clone: &Clone<'_>, registry: &TestRegistry, budget: &str) {
    let repository = registry.repository(NAME);
    let build = "[image.build]\nlayout = \"dist/oci\"";
    clone.write(
        "release.toml",
        format!("[image]\nrepository = \"{repository}\"\n{build}\n[image.budget]\n{budget}\n"),
    );
    clone.commit("chore: a budget");
    clone.push();
}

/// An image of `size` bytes that do not compress, beside what it is built on.
fn image(clone: &Clone<'_>, size: usize, change: impl FnOnce(&mut Recipe)) {
    let noise = crate::support::layout::noise("x", size);
    let own = layer("COPY api /api", vec![super::recipe::content("api", noise)]);
    let mut image = recipe("api", vec![alpine(), own]);
    change(&mut image);
    image.write(&clone.path().join("dist/oci"));
}

/// Refused with exit 4: no manifest was put, no tag moved, nothing was locked or tagged in git.
#[track_caller]
fn refused(world: &World<'_>, registry: &TestRegistry, clone: &Clone<'_>) -> Vec<String> {
    registry.forget();
    let (tags, refs) = (world.tags(), world.remote.refs());
    let run = world.run(clone, &["release", "--yes", "--json"]);
    run.expect(4);
    let error = &run.outcome()["error"];
    assert_eq!(error["code"], "over-budget", "{run}");
    assert_eq!(error["state"], "nothing was published", "{run}");
    assert!(
        error["hints"]
            .to_string()
            .contains("hoist release --over-budget"),
        "{run}"
    );
    assert_eq!(registry.count(&On::put_manifest()), 0, "{run}");
    assert_eq!(world.tags(), tags, "{run}");
    assert_eq!(world.remote.refs(), refs, "{run}");
    let causes = error["causes"]
        .as_array()
        .unwrap_or_else(|| panic!("{run}"));
    causes
        .iter()
        .map(|cause| cause.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_image_over_its_budget_is_not_published_unless_it_is_meant() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "max = \"40kB\"\ngrowth = \"10%\"");
    image(&clone, 100_000, |_| {});
    let causes = refused(&world, &registry, &clone);
    assert!(
        causes[0].contains("`image.budget.max` is 40.0 kB"),
        "{causes:?}"
    );
    assert!(causes[1].contains("COPY api /api"), "{causes:?}");

    let run = world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    run.says("over its budget, and released all the same");
    run.says("nothing was released before");
    let tag = clone.git(&["cat-file", "tag", "v0.1.0"]);
    assert!(
        tag.contains("\nHoist-Over-Budget: 0.1.0 (linux/amd64): "),
        "{tag}"
    );
    world.hoist(&clone, &["verify"]);
    world.hoist(&clone, &["log"]).says("0.1.0");
}

#[test]
fn growth_is_measured_by_the_last_release() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "growth = \"10%\"");
    image(&clone, 100_000, |_| {});
    world
        .hoist(&clone, &["release", "--yes"])
        .says("nothing was released before");

    world.change(&clone, "feat: more");
    image(&clone, 120_000, |_| {});
    let causes = refused(&world, &registry, &clone);
    assert!(causes[0].contains("more than 0.1.0 has"), "{causes:?}");
    assert!(
        causes[1].contains("layer 2 is new since 0.1.0: COPY api /api"),
        "{causes:?}"
    );

    image(&clone, 105_000, |_| {});
    let run = world.hoist(&clone, &["release", "--yes"]);
    assert!(!run.stderr.contains("budget"), "{run}");

    // A release that has no receipt is found by its tags.
    let tag = clone.git(&["rev-parse", "v0.2.0^{commit}"]);
    clone.git(&["tag", "--force", "v0.2.0", &tag]);
    clone.git(&["push", "--force", "origin", "v0.2.0"]);
    world.change(&clone, "fix: a bit more");
    image(&clone, 150_000, |_| {});
    let causes = refused(&world, &registry, &clone);
    assert!(causes[0].contains("more than 0.2.0 has"), "{causes:?}");
}

#[test]
fn each_rule_is_judged() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "layers = 3");
    let check = |budget: &str, says: &str, change: &dyn Fn(&mut Recipe)| {
        policy(&clone, &registry, budget);
        image(&clone, 1_000, |image| change(image));
        let causes = refused(&world, &registry, &clone);
        assert!(
            causes.iter().any(|cause| cause.contains(says)),
            "{says}: {causes:?}"
        );
    };
    check("layers = 1", "2 layers", &|_| {});
    check(
        "waste = \"1MB\"",
        "/big of layer 3, hidden by layer 4",
        &|image| {
            image
                .layers
                .push(layer("RUN make", vec![file("big", 1_500_000, "big")]));
            image
                .layers
                .push(layer("RUN rm big", vec![whiteout("big")]));
        },
    );
    check("deny = [\"root-user\"]", "it runs as root", &|image| {
        image.user = ""
    });
    check(
        "deny = [\"secret-files\"]",
        "/srv/.env looks like a secret (layer 3, hidden by layer 4",
        &|image| {
            image
                .layers
                .push(layer("COPY . .", vec![file("srv/.env", 10, "x")]));
            image
                .layers
                .push(layer("RUN rm srv/.env", vec![whiteout("srv/.env")]));
        },
    );
    check(
        "deny = [\"secret-files\"]",
        "/etc/tls.key looks like a secret",
        &|image| {
            let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n";
            image.layers.push(layer(
                "COPY tls.key /etc",
                vec![super::recipe::content("etc/tls.key", key)],
            ));
        },
    );
    check(
        "deny = [\"package-caches\"]",
        "apk's downloads in /var/cache/apk",
        &|image| {
            image.layers.push(layer(
                "RUN apk add",
                vec![file("var/cache/apk/x", 200_000, "x")],
            ));
        },
    );
    check(
        "deny = [\"unpinned-base\"]",
        "the base image `alpine:3` is not named by a digest",
        &|image| {
            image.labels = json!({"org.opencontainers.image.base.name": "alpine:3"});
        },
    );

    let all = "max = \"9MB\"\ngrowth = \"1%\"\nwaste = \"1MB\"\nlayers = 5\n\
               deny = [\"root-user\", \"secret-files\", \"package-caches\", \"unpinned-base\"]";
    policy(&clone, &registry, all);
    image(&clone, 1_000, |_| {});
    world
        .run(&clone, &["check"])
        .says("ok       budget: at most 9.0 MB to pull, ");
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says("nothing says which base image it has");
}

#[test]
fn inspect_judges_a_layout_before_a_release_does() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "growth = \"10%\"");
    image(&clone, 100_000, |_| {});
    let inspect = |args: &[&str]| -> Run {
        let all: Vec<_> = ["inspect", "dist/oci"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        world.run(&clone, &all)
    };
    inspect(&["--budget"]).expect(0);
    world.hoist(&clone, &["release", "--yes"]);
    image(&clone, 130_000, |image| image.user = "");
    inspect(&[]).expect(0);
    let run = inspect(&["--budget"]);
    run.expect(4);
    run.says("over its budget");
    run.says("COPY api /api");
    let run = inspect(&["--budget", "--json"]);
    run.expect(4);
    assert_eq!(run.json()["over_budget"][0]["rule"], "growth", "{run}");
    let run = inspect(&["--budget", "--markdown", "--html", "page.html"]);
    run.expect(4);
    run.says("**Over its budget:**");
    let page = std::fs::read_to_string(clone.path().join("page.html")).unwrap();
    assert!(
        page.contains("Over its budget") && page.contains("0.1.0"),
        "{page}"
    );
    // Without a repository nothing is asked for.
    let run = inspect(&["--html", "page.html"]);
    run.expect(0);
}

/// `hoist build` in a pull request: measured and told, and nothing is published, on whatever branch.
#[test]
fn a_build_is_measured_and_told() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "growth = \"10%\"\nwaste = \"1kB\"");
    image(&clone, 100_000, |_| {});
    world.hoist(&clone, &["release", "--yes"]);
    let tags = world.tags();
    clone.git(&["switch", "--quiet", "-c", "feature/more"]);
    clone.write("greet.sh", "echo more\n");
    clone.commit("feat: more");
    image(&clone, 101_000, |_| {});
    let summary = clone.path().join("dist/summary.md");
    let build = |args: &[&str]| {
        let mut command = world.command(&clone, &[&["build"], args].concat());
        command.env("GITHUB_ACTIONS", "true");
        command.env("GITHUB_STEP_SUMMARY", &summary);
        Run::of(&mut command)
    };
    registry.forget();
    let run = build(&["--markdown", "dist/report.md"]);
    run.expect(0);
    let report = std::fs::read_to_string(clone.path().join("dist/report.md")).unwrap();
    assert!(report.contains("to pull**, +"), "{report}");
    assert!(report.contains("since <code>0.1.0</code>"), "{report}");
    assert!(report.contains("COPY api /api"), "{report}");
    assert!(!report.contains("Over its budget"), "{report}");
    assert_eq!(std::fs::read_to_string(&summary).unwrap(), report);
    assert_eq!(
        registry.count(&On::method("PUT")) + registry.count(&On::method("POST")),
        0
    );

    // Over the budget: exit 4 with the figures, the report all the same, and no leg.
    image(&clone, 150_000, |image| {
        image
            .layers
            .push(layer("RUN rm /api", vec![whiteout("api")]));
    });
    let run = build(&["--markdown", "dist/report.md", "--json"]);
    run.expect(4);
    assert_eq!(run.json()["error"]["code"], "over-budget", "{run}");
    let report = std::fs::read_to_string(clone.path().join("dist/report.md")).unwrap();
    assert!(report.contains("**Over its budget:**"), "{report}");
    assert!(report.contains("more than 0.1.0 has"), "{report}");
    assert!(report.contains("delete or overwrite"), "{report}");
    build(&["--over-budget"]).expect(0);

    // A registry that does not answer is told, and the rest is judged.
    image(&clone, 100_000, |_| {});
    registry.fault(Fault::always(On::any(), What::Status(403, "DENIED")));
    let run = build(&["--markdown", "dist/report.md"]);
    run.expect(0);
    run.says("growth was not judged");
    registry.heal();
    assert_eq!(world.tags(), tags);
}

/// A leg is handed over within its budget, and not over it: neither a file nor anything in a registry.
#[test]
fn no_leg_is_handed_over_that_is_over_its_budget() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "growth = \"10%\"");
    image(&clone, 100_000, |_| {});
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    let leg = clone.path().join("dist/leg.tar");
    let output = ["build", "--output", "dist/leg.tar"];
    let stage = ["build", "--stage"];

    image(&clone, 105_000, |_| {});
    world.hoist(&clone, &output);
    std::fs::remove_file(&leg).unwrap();
    registry.forget();
    world.hoist(&clone, &stage);
    assert_eq!(registry.count(&On::put_manifest()), 1);

    image(&clone, 150_000, |_| {});
    for args in [&output[..], &stage] {
        registry.forget();
        let run = world.run(&clone, &[args, &["--json"]].concat());
        run.expect(4);
        let error = &run.json()["error"];
        assert_eq!(error["code"], "over-budget", "{run}");
        assert!(
            error["causes"].to_string().contains("more than 0.1.0 has"),
            "{run}"
        );
        assert_eq!(
            error["state"], "the image was built, and no leg was written or pushed",
            "{run}"
        );
        assert!(!leg.exists(), "{run}");
        let run = world.run(&clone, args);
        run.expect(4);
        assert_eq!(run.stdout, "");
        let sent = registry.count(&On::method("PUT")) + registry.count(&On::method("POST"));
        assert_eq!(sent, 0, "{run}");
    }
    world.hoist(&clone, &[&output[..], &["--over-budget"]].concat());
    assert!(leg.exists());
}

/// Legs that were staged all the same are judged by the release that joins them.
#[test]
fn a_release_of_staged_legs_is_judged() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "max = \"40kB\"");
    image(&clone, 100_000, |_| {});
    let run = world.hoist(&clone, &["build", "--stage", "--over-budget"]);
    std::fs::write(clone.path().join("dist/leg.json"), &run.stdout).unwrap();
    for way in ["--dry-run", "--yes"] {
        registry.forget();
        let run = world.run(&clone, &["release", way, "--from", "dist/leg.json"]);
        run.expect(4);
        run.says("`image.budget.max` is 40.0 kB");
        run.says("COPY api /api");
        assert_eq!(registry.count(&On::method("PUT")), 0, "{run}");
    }
    assert!(world.tags().is_empty());
    let release = [
        "release",
        "--yes",
        "--from",
        "dist/leg.json",
        "--over-budget",
    ];
    world.hoist(&clone, &release);
}

/// The usual clone of a pull request's job has one commit and no tags.
#[test]
fn a_shallow_clone_is_not_taken_for_a_first_release() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &registry, "growth = \"10%\"");
    image(&clone, 100_000, |_| {});
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    let shallow = world.remote.clone("shallow", &["--depth=1"]);
    image(&shallow, 200_000, |_| {});
    let run = world.hoist(&shallow, &["build"]);
    run.says("`image.budget.growth` was not judged: this clone is shallow");
    run.says("`git fetch --unshallow --tags`");
    run.says("`fetch-depth: 0`");
    assert!(!run.stderr.contains("nothing was released before"), "{run}");
    shallow.git(&["fetch", "--quiet", "--unshallow", "--tags"]);
    let run = world.run(&shallow, &["build"]);
    run.expect(4);
    run.says("more than 0.1.0 has");
}
