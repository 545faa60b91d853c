//! The sandbox itself: what is started here works, and is gone afterwards.

use std::{fs, path::Path};

use xtask::sandbox::{self, Engine, GitRemote, Packages, Registry, RegistryOptions};

const DOCKERFILE: &str = r#"FROM scratch AS build
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox echo built >/result"]
FROM scratch
COPY --from=build /bin/busybox /bin/busybox
COPY --from=build /result /result
CMD ["/bin/busybox", "cat", "/result"]
"#;

#[test]
fn an_engine_builds_pushes_pulls_runs_and_leaves_nothing() {
    if sandbox::without_engine() {
        return;
    }
    let packages = Packages::fetch().expect("packages");
    let registry = Registry::start(&packages, &RegistryOptions::default()).expect("a registry");
    let engine = Engine::start(&packages).expect("an engine");
    let socket = engine.host().replace("unix://", "");

    let context = tempfile::tempdir().expect("a folder");
    let busybox = packages.busybox().expect("busybox");
    fs::copy(busybox, context.path().join("busybox")).expect("copied");
    fs::write(context.path().join("Dockerfile"), DOCKERFILE).expect("written");
    let image = format!("{}:1", registry.repository("acme/api"));
    let docker = |args: &[&str]| engine.run(args).expect("docker works");
    docker(&["build", "-t", &image, &context.path().display().to_string()]);
    docker(&["push", &image]);
    docker(&["rmi", &image]);
    docker(&["pull", &image]);
    assert_eq!(docker(&["run", "--rm", &image]), "built\n");

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
