//! Legs and trials by a real engine, of several images of one version.

use std::fs;

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::support::{self, World};

/// The project, and its first stage as an image of its own.
fn project<'w>(world: &'w World<'_>, worker: &str) -> Clone<'w> {
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let more = format!("\n[images.worker]\nrepository = \"{worker}\"\ntarget = \"build\"\n");
    clone.write("release.toml", policy + &more);
    clone.write(".gitignore", "/dist\n");
    clone.commit("feat: two images");
    clone.push();
    clone
}

fn digest(images: &Value, name: &str) -> String {
    let mut all = images["images"].as_array().unwrap().iter();
    let image = all.find(|image| image["image"] == name).unwrap();
    image["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_an_engine_has_built_is_loaded_joined_and_released() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let names = ["real-legs/api", "real-legs/worker"];
    let world = World::new(registry, &names[..1]).with_engine(engine);
    let worker = registry.repository(names[1]);
    let clone = project(&world, &worker);

    // Tried: each image under the name of its own repository, and it is what was built.
    let trial = world.hoist(&clone, &["build", "--load", "--json"]);
    for (image, name) in [("main", names[0]), ("worker", names[1])] {
        let reference = format!("{}:0.1.0-dev", registry.repository(name));
        trial.says(&reference);
        let labels = engine
            .run(&[
                "image",
                "inspect",
                "--format",
                "{{json .Config.Labels}}",
                &reference,
            ])
            .unwrap();
        assert!(labels.contains("0.1.0-dev"), "{image}: {labels}");
        engine.run(&["image", "rm", &reference]).unwrap();
    }
    assert!(registry.tags(names[0]).is_empty());

    // A job for each image: one leg in a file, one staged.
    let leg = |args: &[&str]| world.hoist(&clone, &[&["build", "--image-name"], args].concat());
    let main = leg(&["main", "--output", "dist/main.tar", "--json"]).json();
    let staged = leg(&["worker", "--stage"]).json();
    assert_eq!(staged["image"], "worker");
    assert_eq!(staged["staged"], serde_json::json!([worker]));
    fs::write(clone.path().join("dist/worker.json"), staged.to_string()).unwrap();
    assert!(registry.tags(names[1]).is_empty());
    world.hoist(
        &clone,
        &[
            "release",
            "--yes",
            "--from",
            "dist/main.tar",
            "dist/worker.json",
        ],
    );
    let shown = |name: &str| registry.digest(name, "latest").unwrap();
    assert_eq!(shown(names[0]), digest(&main, "main"));
    assert_eq!(shown(names[1]), staged["digest"]);
    world.hoist(&clone, &["verify", "--deep"]);
    // Nothing of it stays in the engine.
    let left = engine
        .run(&["image", "ls", "--format", "{{.Repository}}"])
        .unwrap();
    assert!(!left.contains("real-legs"), "{left}");
}
