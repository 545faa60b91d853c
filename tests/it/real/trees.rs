//! Ugly trees: what `docker build` puts into an image and what hoist puts into one, file by file,
//! with both builders of a real engine.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
};

use flate2::read::MultiGzDecoder;
use hoist::{
    build::{BuildRequest, choose},
    event::Events,
    io::{environment::Environment, layout::Store},
    oci::{Image, MediaType},
    policy::{BuildPolicy, Builder},
};
use testkit::sandbox::{Engine, GitRemote};
use tokio_util::sync::CancellationToken;

use crate::support;

const COPY_ALL: &str = "FROM scratch\nCOPY . /c/\n";

/// One entry of a tree.
enum Node {
    File(Vec<u8>),
    Program,
    Link(Vec<u8>),
}

/// A tree, and where the build begins in it.
struct Tree {
    name: &'static str,
    context: &'static str,
    /// Seen from the context.
    dockerfile: &'static str,
    nodes: Vec<(Vec<u8>, Node)>,
    /// Whether Docker's classic builder has the same rules. It knows no `Dockerfile.dockerignore`.
    classic: bool,
}

/// A file of an image: its type, its mode where it is a file, its content or target.
type Files = BTreeMap<Vec<u8>, (char, u32, Vec<u8>)>;

impl Tree {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            context: ".",
            dockerfile: "Dockerfile",
            nodes: Vec::new(),
            classic: true,
        }
    }

    fn file(mut self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let node = Node::File(content.as_ref().to_vec());
        self.nodes.push((path.as_ref().to_vec(), node));
        self
    }

    /// Files whose content is their own path.
    fn files(self, paths: &[&str]) -> Self {
        paths.iter().fold(self, |tree, path| tree.file(path, path))
    }

    fn program(mut self, path: &str) -> Self {
        self.nodes.push((path.into(), Node::Program));
        self
    }

    fn link(mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        let node = Node::Link(target.as_ref().to_vec());
        self.nodes.push((path.as_ref().to_vec(), node));
        self
    }

    /// With a Dockerfile in its usual place and these patterns.
    fn ignoring(self, patterns: impl AsRef<[u8]>) -> Self {
        self.file("Dockerfile", COPY_ALL)
            .file(".dockerignore", patterns)
    }

    fn at(mut self, context: &'static str, dockerfile: &'static str) -> Self {
        (self.context, self.dockerfile) = (context, dockerfile);
        self
    }

    fn buildkit_alone(mut self) -> Self {
        self.classic = false;
        self
    }

    fn write(&self, top: &Path) {
        for (path, node) in &self.nodes {
            let path = top.join(OsStr::from_bytes(path));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match node {
                Node::File(content) => fs::write(path, content).unwrap(),
                Node::Program => {
                    fs::write(&path, "#!/bin/sh\n").unwrap();
                    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
                }
                Node::Link(target) => symlink(OsStr::from_bytes(target), path).unwrap(),
            }
        }
    }
}

fn corpus() -> Vec<Tree> {
    let mut trees = odd_names();
    trees.extend(ignore_files());
    trees.extend(patterns());
    trees.extend(dockerfiles());
    trees
}

fn odd_names() -> Vec<Tree> {
    let long = "n".repeat(255);
    let deep = ["d".repeat(100).as_str(); 9].join("/");
    vec![
        Tree::new("modes, links and empty files")
            .file("Dockerfile", COPY_ALL)
            .program("bin/run")
            .file("empty", "")
            .file("zero", b"a\0b\r\n\xff")
            .link("to-file", "bin/run")
            .link("to-dir", "bin")
            .link("bin/up", "../zero")
            .link("absolute", "/etc/passwd")
            .link("out", "../../../etc")
            .link("gone", "no/such//file/.")
            .link("round", "trip")
            .link("trip", "round"),
        Tree::new("names that are not UTF-8")
            .file("Dockerfile", COPY_ALL)
            .file(b"caf\xe9", "latin 1")
            .file(b"d\xff\xfe/\x80", "bytes")
            .link(b"l\xe9", b"caf\xe9")
            .file("café", "composed")
            .file("cafe\u{301}", "decomposed"),
        Tree::new("names that are hard to write")
            .file("Dockerfile", COPY_ALL)
            .files(&[
                "a\nb",
                "tab\there",
                " lead",
                "trail ",
                "-rf",
                "--",
                "*",
                "?",
                "[a]",
                "back\\slash",
                "\"quoted\"",
                "'single'",
                "$HOME",
                "~",
                "#hash",
                "!bang",
                "a:b",
                "CON",
                "\u{1b}[31m",
                "\u{202e}rtl",
                "\u{1f600}",
                ".hidden",
                "...",
                "a b/c d",
            ]),
        Tree::new("names that sort differently as directories")
            .file("Dockerfile", COPY_ALL)
            .files(&[
                "a/x", "a-b", "a.b", "a0", "A", "a b", "ab/x", "a.c/x", "B/x", "b",
            ]),
        Tree::new("long names")
            .file("Dockerfile", COPY_ALL)
            .file(&long, "255 bytes")
            .file(format!("{deep}/f"), "909 bytes")
            .link("long-target", deep.repeat(3)),
        Tree::new("what git's attributes say")
            .file("Dockerfile", COPY_ALL)
            .file(
                ".gitattributes",
                "secret export-ignore\n*.txt export-subst\n",
            )
            .file("secret", "exported")
            .file("version.txt", "$Format:%H$\n")
            .file(
                "pointer",
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            ),
    ]
}

fn ignore_files() -> Vec<Tree> {
    let secrets = ["a.key", "secrets/token", "app", "sub/b.key"];
    vec![
        Tree::new("the ignore file is a link")
            .file("Dockerfile", COPY_ALL)
            .file("ignore.list", "*.key\nsecrets\n")
            .link(".dockerignore", "ignore.list")
            .files(&secrets),
        Tree::new("the ignore file is a link to a link through a directory")
            .file("Dockerfile", COPY_ALL)
            .file("conf/real/list", "*.key\nsecrets\nconf\n")
            .link("conf/now", "real/")
            .link("ignore", "./conf//now/list")
            .link(".dockerignore", "ignore")
            .files(&secrets),
        Tree::new("the ignore file is empty")
            .ignoring("")
            .files(&secrets),
        Tree::new("an ignore file of the Dockerfile's own stands alone")
            .ignoring("app\n")
            .file("Dockerfile.dockerignore", "*.key\nsecrets\n")
            .files(&secrets)
            .buildkit_alone(),
        Tree::new("an ignore file of the Dockerfile's own is a link")
            .ignoring("app\n")
            .link("Dockerfile.dockerignore", "secrets/list")
            .file(
                "secrets/list",
                "**/*.key\nsecrets\nDockerfile*\n.dockerignore\n",
            )
            .files(&secrets)
            .buildkit_alone(),
    ]
}

fn patterns() -> Vec<Tree> {
    let files = [
        "a",
        "b",
        "c.log",
        "src/a.rs",
        "src/c.log",
        "src/deep/d.rs",
        "src/deep/e.o",
        "docs/README.md",
        "docs/x.md",
        "node_modules/m/index.js",
        "sub/node_modules/m/index.js",
        "#not",
        "x y",
    ];
    let tree = |name, patterns: &[u8]| Tree::new(name).ignoring(patterns).files(&files);
    vec![
        tree(
            "the Dockerfile and the ignore file are ignored",
            b"Dockerfile\n.dockerignore\n",
        ),
        tree("the Dockerfile alone is ignored", b"Dockerfile\n"),
        tree("the ignore file alone is ignored", b".dockerignore\n"),
        tree("all is ignored but one", b"*\n!a\n"),
        tree("a directory is brought back", b"*\n!src\n"),
        tree("files are brought back", b"*\n!src/*.rs\n"),
        tree(
            "files are brought back and taken again",
            b"docs/*\n!docs/README.md\nsrc/**\n!src/deep\nsrc/deep/e.o\n",
        ),
        tree(
            "a mark, line ends and comments",
            b"\xef\xbb\xbf# comment\r\n\r\n  a  \r\n#not\r\n\t/b\r\nsrc/deep/\r\n./c.log",
        ),
        tree("two stars", b"**/node_modules\n**/*.log\n"),
        tree("slashes and dots", b"/docs/\nsrc/../a\n./b/.\n.\n/\n"),
        tree(
            "escapes, classes and question marks",
            b"\\#not\n[ab]\n?.log\nx\\ y\nsrc/[^a].rs\n",
        ),
        tree("out of the context", b"../a\n/../b\n..\n"),
        Tree::new("patterns that are not UTF-8")
            .ignoring(b"caf\xe9\nd?\n*\xfe\n")
            .file(b"caf\xe9", "")
            .file("café", "")
            .file(b"d\xff", "")
            .file(b"x\xfe", "")
            .file("dé", "")
            .files(&["dd", "ddd"]),
    ]
}

fn dockerfiles() -> Vec<Tree> {
    vec![
        Tree::new("outside the context")
            .file("docker/Dockerfile", COPY_ALL)
            .files(&["app/a", "app/b/c", "other"])
            .at("app", "../docker/Dockerfile"),
        Tree::new("outside the context, with patterns in it")
            .file("docker/Dockerfile", COPY_ALL)
            .file("app/.dockerignore", ".dockerignore\na\n")
            .files(&["app/a", "app/b/a"])
            .at("app", "../docker/Dockerfile"),
        Tree::new("outside the context, with patterns beside it")
            .file("docker/Dockerfile", COPY_ALL)
            .file("docker/Dockerfile.dockerignore", "a\n")
            .file("app/.dockerignore", "b\n")
            .files(&["app/a", "app/b/a"])
            .at("app", "../docker/Dockerfile")
            .buildkit_alone(),
        Tree::new("a link inside the context")
            .file("docker/real", COPY_ALL)
            .link("Dockerfile", "docker/real")
            .files(&["a"]),
        Tree::new("a link to an ignored file")
            .file("docker/real", COPY_ALL)
            .link("Dockerfile", "docker/real")
            .file(".dockerignore", "docker\n")
            .files(&["a", "docker/b"]),
        Tree::new("in an ignored directory")
            .file("build/api.Dockerfile", COPY_ALL)
            .file(".dockerignore", "build\n")
            .files(&["a", "build/b"])
            .at(".", "build/api.Dockerfile"),
        Tree::new("under a name of its own, beside another")
            .file("Dockerfile", "FROM nowhere\n")
            .file("api 1.df", COPY_ALL)
            .files(&["a"])
            .at(".", "api 1.df"),
    ]
}

/// An image's files from its layers, lowest first.
fn read_layer(layer: impl Read, files: &mut Files) {
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path_bytes().into_owned();
        let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        let mode = entry.header().mode().unwrap() & 0o7777;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let file = match entry.header().entry_type() {
            tar::EntryType::Directory => ('d', 0, Vec::new()),
            tar::EntryType::Symlink => ('l', 0, entry.link_name_bytes().unwrap().into_owned()),
            _ => ('f', mode, content),
        };
        files.insert(path, file);
    }
}

/// What `docker build` makes of the files in `top`.
fn by_docker(engine: &Engine, tree: &Tree, top: &Path, builder: Builder) -> Result<Files, String> {
    let context = top.join(tree.context);
    let name = format!(
        "trees.invalid/docker:{}",
        if builder == Builder::Classic { 0 } else { 1 }
    );
    let mut build = engine.docker();
    build
        .env(
            "DOCKER_BUILDKIT",
            if builder == Builder::Classic {
                "0"
            } else {
                "1"
            },
        )
        .args(["build", "--quiet", "--force-rm", "--tag", &name, "--file"])
        .arg(context.join(tree.dockerfile))
        .arg(&context);
    let output = build.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let saved = engine.docker().args(["save", &name]).output().unwrap();
    assert!(saved.status.success(), "{saved:?}");
    engine.run(&["image", "rm", "--force", &name]).unwrap();
    let mut files = Files::new();
    let mut layers = BTreeMap::new();
    let mut manifest = serde_json::Value::Null;
    for entry in tar::Archive::new(&*saved.stdout).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if path == "manifest.json" {
            manifest = serde_json::from_slice(&content).unwrap();
        } else {
            layers.insert(path, content);
        }
    }
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        read_layer(&*layers[layer.as_str().unwrap()], &mut files);
    }
    Ok(files)
}

fn request(tree: &Tree, repository: &Path, commit: &str, builder: Builder) -> BuildRequest {
    BuildRequest {
        policy: BuildPolicy {
            builder: Some(builder),
            context: tree.context.parse().unwrap(),
            dockerfile: tree.dockerfile.parse().unwrap(),
            ..BuildPolicy::default()
        },
        args: BTreeMap::new(),
        repository: repository.to_owned(),
        commit: commit.parse().unwrap(),
        time: 1_700_000_000,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        references: Vec::new(),
        variables: Vec::new(),
        targets: Default::default(),
        expected: None,
    }
}

/// What hoist makes of the commit; else the error with its causes and hints.
fn by_hoist(
    engine: &Engine,
    tree: &Tree,
    repository: &Path,
    commit: &str,
    builder: Builder,
) -> Result<Files, String> {
    by_hoist_with(engine, tree, repository, commit, builder, true)
}

fn by_hoist_with(
    engine: &Engine,
    tree: &Tree,
    repository: &Path,
    commit: &str,
    builder: Builder,
    pull: bool,
) -> Result<Files, String> {
    let mut request = request(tree, repository, commit, builder);
    request.policy.pull = pull;
    let environment: Environment = [("DOCKER_HOST", engine.host())].into_iter().collect();
    let store = tempfile::tempdir().unwrap();
    let source = choose(&request, &environment);
    let produced = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(source.produce(
            &Store::new(store.path()),
            &Events::none(),
            &CancellationToken::new(),
        ));
    produced
        .map(|image| of_image(&image))
        .map_err(|error| format!("{error:#}; {}", error.hints().join("; ")))
}

fn of_image(image: &Image) -> Files {
    let mut files = Files::new();
    for blob in &image.blobs {
        if blob.media_type.as_str() == MediaType::OCI_LAYER_GZIP {
            let file = File::open(image.blob_path(&blob.digest)).unwrap();
            read_layer(MultiGzDecoder::new(file), &mut files);
        }
    }
    files
}

/// How the images differ, a line each.
fn differences(docker: &Files, hoist: &Files) -> Vec<String> {
    let mut all: Vec<_> = docker.keys().chain(hoist.keys()).collect();
    all.sort();
    all.dedup();
    let same = |path: &[u8]| match (docker.get(path), hoist.get(path)) {
        // The classic builder finds a Dockerfile inside the context alone. Where that is none of its
        // own, the CLI and hoist hide it with a line at the end of an ignore file that is seen.
        (Some((_, _, docker)), Some((_, _, hoist))) if path == b"c/.dockerignore" => {
            hoist.starts_with(docker)
        }
        (docker, hoist) => docker == hoist,
    };
    let show = |files: &Files, path: &[u8]| match files.get(path) {
        None => "nothing".to_owned(),
        Some((kind, mode, content)) => {
            format!("{kind} {mode:o} {:?}", String::from_utf8_lossy(content))
        }
    };
    all.into_iter()
        .filter(|path| !same(path))
        .map(|path| {
            let name = String::from_utf8_lossy(path);
            format!(
                "  {name:?}: docker {}, hoist {}",
                show(docker, path),
                show(hoist, path)
            )
        })
        .collect()
}

#[test]
fn an_image_has_the_files_that_docker_build_puts_into_one() {
    let Some(engine) = support::engine() else {
        return;
    };
    let mut problems = Vec::new();
    let mut compared = 0;
    for tree in corpus() {
        let remote = GitRemote::new();
        let clone = remote.clone("project", &[]);
        tree.write(clone.path());
        let commit = clone.commit("feat: all");
        // Docker gets the files alone, without `.git`.
        let checkout = tempfile::tempdir().unwrap();
        let prefix = format!("--prefix={}/", checkout.path().display());
        clone.git(&["checkout-index", "--all", &prefix]);
        for builder in [Builder::Classic, Builder::Buildkit] {
            let hoist = by_hoist(engine, &tree, clone.path(), &commit, builder.clone());
            // Where Docker's classic builder has other rules, hoist has one rule for both builders.
            let like = if tree.classic {
                builder.clone()
            } else {
                Builder::Buildkit
            };
            let docker = by_docker(engine, &tree, checkout.path(), like);
            let lines = match (&docker, &hoist) {
                (Ok(docker), Ok(hoist)) => {
                    assert!(docker.len() > 1, "{}: {docker:?}", tree.name);
                    differences(docker, hoist)
                }
                (docker, hoist) => vec![format!("  docker {docker:?}, hoist {hoist:?}")],
            };
            compared += 1;
            if !lines.is_empty() {
                problems.push(format!(
                    "{} ({builder:?}):\n{}",
                    tree.name,
                    lines.join("\n")
                ));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {compared}:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(compared > 60, "{compared}");
}

/// A base image whose one file says which it is.
fn base(engine: &Engine, name: &str, text: &str) {
    let context = tempfile::tempdir().unwrap();
    fs::write(
        context.path().join("Dockerfile"),
        "FROM scratch\nCOPY base /\n",
    )
    .unwrap();
    fs::write(context.path().join("base"), text).unwrap();
    let directory = context.path().to_str().unwrap();
    engine
        .run(&["build", "--quiet", "--tag", name, directory])
        .unwrap();
}

#[test]
fn a_release_is_not_built_on_an_old_base_that_the_engine_still_has() {
    let (Some(engine), Some(registry)) = (support::engine(), support::registry()) else {
        return;
    };
    let name = format!("{}:1", registry.repository("trees/base"));
    base(engine, &name, "old");
    engine.run(&["push", "--quiet", &name]).unwrap();
    engine.run(&["tag", &name, "trees.invalid/old:1"]).unwrap();
    base(engine, &name, "new");
    engine.run(&["push", "--quiet", &name]).unwrap();
    let old = || engine.run(&["tag", "trees.invalid/old:1", &name]).unwrap();

    let remote = GitRemote::new();
    let clone = remote.clone("project", &[]);
    let commit_on = |base: &str| {
        clone.write("Dockerfile", format!("FROM {base}\nCOPY Dockerfile /\n"));
        clone.commit("feat: all")
    };
    let tree = Tree::new("on a base");
    let build = |commit: &str, builder, pull| {
        by_hoist_with(engine, &tree, clone.path(), commit, builder, pull)
    };
    let commit = commit_on(&name);
    for builder in [Builder::Classic, Builder::Buildkit] {
        for (pull, expected) in [(false, "old"), (true, "new")] {
            old();
            let files = build(&commit, builder.clone(), pull).unwrap();
            let text = String::from_utf8_lossy(&files[&b"base"[..]].2).into_owned();
            assert_eq!(text, expected, "{builder:?}, pull = {pull}");
        }
    }
    // A base image that no registry has needs the key, and the refusal says so.
    let commit = commit_on("trees.invalid/old:1");
    for builder in [Builder::Classic, Builder::Buildkit] {
        let refused = build(&commit, builder.clone(), true).unwrap_err();
        assert!(
            refused.contains("image.build.pull = false"),
            "{builder:?}: {refused}"
        );
        let files = build(&commit, builder.clone(), false).unwrap();
        assert_eq!(files[&b"base"[..]].2, b"old", "{builder:?}");
    }
    engine
        .run(&["image", "rm", "--force", "trees.invalid/old:1", &name])
        .unwrap();
}

#[test]
fn a_file_that_is_not_committed_is_named_where_a_step_wants_it() {
    let Some(engine) = support::engine() else {
        return;
    };
    let remote = GitRemote::new();
    let clone = remote.clone("project", &[]);
    clone.write("Dockerfile", "FROM scratch\nCOPY src/extra /\n");
    clone.write("src/a", "");
    let commit = clone.commit("feat: all");
    clone.write("src/extra", "not committed");
    let tree = Tree::new("a file is missing");
    for builder in [Builder::Classic, Builder::Buildkit] {
        let refused = by_hoist(engine, &tree, clone.path(), &commit, builder.clone()).unwrap_err();
        assert!(
            refused.contains("`src/extra` is in the working directory"),
            "{builder:?}: {refused}"
        );
    }
}

#[test]
fn a_target_that_the_dockerfile_lacks_is_refused_before_the_build() {
    let Some(engine) = support::engine() else {
        return;
    };
    let remote = GitRemote::new();
    let clone = remote.clone("project", &[]);
    clone.write("Dockerfile", "FROM scratch AS runtime\nCOPY . /\n");
    let commit = clone.commit("feat: all");
    let mut request = request(
        &Tree::new("a target"),
        clone.path(),
        &commit,
        Builder::Buildkit,
    );
    request.policy.target = Some("runtme".to_owned());
    let environment: Environment = [("DOCKER_HOST", engine.host())].into_iter().collect();
    let source = choose(&request, &environment);
    let error = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(source.check())
        .unwrap_err();
    assert!(error.message().contains("`target = \"runtme\"`"), "{error}");
    assert_eq!(error.first_hint(), Some("did you mean `runtime`?"));
}
