//! The example workspace releases through the library.

use std::{fs, path::Path, process::Command};

use crate::support::{self, Run, World};

#[test]
fn the_example_plans_and_releases_through_the_library() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["example/app"]);
    let clone = world.project("a");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&root.join("examples/xtask"), clone.path(), &|text| {
        text.replace("../../..", &root.display().to_string())
    });
    // The versions that this package is tested with are there without a network.
    fs::copy(root.join("Cargo.lock"), clone.path().join("Cargo.lock")).unwrap();
    // The example's Dockerfile needs images from the network; the layout needs nothing.
    clone.write(
        "release.toml",
        format!(
            "[image]\nrepository = \"{}\"\n\n[image.build]\ncommand = [\"sh\", \"image.sh\"]\nlayout = \"dist/oci\"\n",
            registry.repository("example/app")
        ),
    );
    clone.write(".gitignore", "/dist\n/Cargo.lock\n");
    world.change(&clone, "feat: begin");

    let xtask = |args: &[&str]| {
        let mut command = clone.command(env!("CARGO"));
        command
            .args(["run", "--quiet", "--offline", "--package", "xtask", "--"])
            .args(args);
        // The compiler's own settings count here, git's and Docker's do not. A test must never
        // make rustup install or update anything.
        let own = |name: &str| name.starts_with("RUST") || name.starts_with("CARGO");
        let settings = std::env::vars().filter(|(name, _)| name == "HOME" || own(name));
        command.envs(settings).env("RUSTUP_AUTO_INSTALL", "0");
        command.env("CARGO_TARGET_DIR", root.join("target/example"));
        Run::of(&mut command)
    };
    let plan = xtask(&["release", "--dry-run"]);
    plan.expect(0);
    assert!(plan.stdout.starts_with("0.1.0: "), "{plan}");
    plan.says("example/app:latest");
    assert!(world.tags().is_empty());

    let released = xtask(&["release"]);
    released.expect(0);
    let digest = world.shows("0.1.0").expect("released");
    let printed = format!("{}@{digest}\n", registry.repository("example/app"));
    assert_eq!(released.stdout, printed);

    // Exit codes are those of the program.
    for verb in ["resume", "rollback"] {
        let ended = xtask(&[verb]);
        ended.expect(0);
        ended.says("no release is unfinished");
    }
    let status = xtask(&["status"]);
    status.expect(0);
    assert_eq!(status.stdout, "", "{status}");
    xtask(&["publish"]).expect(2);
    clone.write("release.toml", "[image]\nrepositry = \"acme/app\"\n");
    let refused = xtask(&["release"]);
    refused.expect(2);
    refused.says("repositry");
}

#[test]
fn the_program_that_embeds_hoist_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    copy(&root.join("examples/embed"), folder.path(), &|text| {
        text.replace("\"../..\"", &format!("{:?}", root.display().to_string()))
    });
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["check", "--quiet", "--offline"])
        .current_dir(folder.path())
        .env("RUSTUP_AUTO_INSTALL", "0")
        .env("CARGO_TARGET_DIR", root.join("target/example"));
    Run::of(&mut command).expect(0);
}

/// Copies a folder's text files, changed.
fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            if entry.file_name() != "target" {
                fs::create_dir_all(&to).unwrap();
                copy(&from, &to, change);
            }
        } else {
            fs::write(to, change(fs::read_to_string(from).unwrap())).unwrap();
        }
    }
}
