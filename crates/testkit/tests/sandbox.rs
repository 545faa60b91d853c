//! The sandbox itself: what is started here works, and is gone afterwards.

use std::{fs, path::Path};

use testkit::{
    project::{self, Builder},
    sandbox::{self, Engine, GitRemote, Packages, Registry, RegistryOptions},
};

#[test]
fn an_engine_builds_pushes_pulls_runs_and_leaves_nothing() {
    if sandbox::without_engine() {
        return;
    }
    let packages = Packages::fetch().expect("packages");
    let options = RegistryOptions {
        delete: true,
        ..RegistryOptions::default()
    };
    let registry = Registry::start(&packages, &options).expect("a registry");
    let engine = Engine::start(&packages).expect("an engine");
    let remote = GitRemote::new();
    let clone = remote.clone("project", &[]);
    let busybox = packages.busybox().expect("busybox");
    project::write(&clone, &busybox, Builder::Engine, &[]);

    let image = format!("{}:1", registry.repository("acme/api"));
    let docker = |args: &[&str]| engine.run(args).expect("docker works");
    let context = clone.path().display().to_string();
    docker(&[
        "build",
        "--build-arg",
        "APP_VERSION=1.0",
        "-t",
        &image,
        &context,
    ]);
    docker(&["push", &image]);
    docker(&["rmi", &image]);
    docker(&["pull", &image]);
    assert_eq!(docker(&["run", "--rm", &image]), "hello from 1.0\n");

    registry.retag("acme/api", "1", "2");
    assert_eq!(registry.tags("acme/api"), ["1", "2"]);
    let digest = registry.digest("acme/api", "1");
    assert!(digest.is_some());
    registry.untag("acme/api", "1");
    assert_eq!(registry.digest("acme/api", "1"), None);
    assert_eq!(registry.digest("acme/api", "2"), digest);

    let socket = engine.host().replace("unix://", "");
    let links = || fs::read_dir("/sys/class/net").expect("links").count();
    let before = links();
    drop(engine);
    let folder = Path::new(&socket).parent().expect("a folder");
    assert!(!folder.exists(), "{} is left", folder.display());
    assert!(links() < before, "the bridge is left");
}

#[test]
fn clones_see_what_others_push() {
    let remote = GitRemote::new();
    let ours = remote.clone("ours", &[]);
    ours.write("src/file", "1");
    let head = ours.commit("feat: begin");
    ours.git(&["tag", "-a", "v1.0.0", "-m", "first"]);
    ours.push();
    let theirs = remote.clone("theirs", &["--depth=1"]);
    assert_eq!(theirs.git(&["rev-parse", "HEAD"]), head);
    assert!(remote.refs().contains("refs/tags/v1.0.0"));
    let shown = ["log", "-1", "--format=%an %aI"];
    assert_eq!(theirs.git(&shown), ours.git(&shown));
}

#[test]
fn the_script_makes_the_same_layout_twice() {
    let remote = GitRemote::new();
    let clone = remote.clone("project", &[]);
    project::write(&clone, Path::new("/bin/sh"), Builder::Script, &[]);
    clone.commit("feat: begin");
    let index = || {
        let status = clone.command("sh").arg("image.sh").status().expect("sh");
        assert!(status.success());
        let index = fs::read(clone.path().join("dist/oci/index.json")).expect("an index");
        serde_json::from_slice::<serde_json::Value>(&index).expect("JSON")
    };
    let first = index();
    let digest = first["manifests"][0]["digest"].as_str().expect("a digest");
    let blob = digest.replace("sha256:", "dist/oci/blobs/sha256/");
    let manifest = fs::read(clone.path().join(blob)).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(index(), first);
}
