//! Contexts of small real repositories, read back from the tar stream.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{Arc, Mutex},
};

use git2::{Repository, Signature, Time};

use crate::{
    build::context::{tar_stream::ExactLength, *},
    event::Event,
};

const WHEN: i64 = 1_700_000_000;

struct World {
    dir: tempfile::TempDir,
    request: ContextRequest,
}

/// An entry of the stream: type, mode, content or target.
type Sent = BTreeMap<String, (char, u32, String)>;

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Repository::init(dir.path()).expect("a repository");
        let request = ContextRequest {
            repository: dir.path().to_owned(),
            files: ContextFiles::Worktree,
            context: ".".into(),
            dockerfile: "Dockerfile".into(),
            time: WHEN,
            leave_out: None,
        };
        let world = Self { dir, request };
        for (path, text) in files {
            world.write(path, text);
        }
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        fs::write(path, text).expect("it is written");
    }

    /// Commits everything that lies there.
    fn commit(mut self) -> Self {
        let id = commit(self.dir.path());
        self.request.files = ContextFiles::Commit {
            id,
            submodules: false,
        };
        self
    }

    fn stream(&self) -> Vec<u8> {
        let context = BuildContext::open(&self.request, &Events::none()).expect("it can be sent");
        let mut out = Vec::new();
        context.write(&mut out).expect("it is sent");
        out
    }

    fn sent(&self) -> Sent {
        let mut sent = BTreeMap::new();
        for entry in tar::Archive::new(&*self.stream()).entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").to_string_lossy().into_owned();
            let mode = entry.header().mode().expect("a mode");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            let kind = match entry.header().entry_type() {
                tar::EntryType::Directory => 'd',
                tar::EntryType::Symlink => {
                    let link = entry.link_name().expect("a link").expect("a target");
                    text = link.to_string_lossy().into_owned();
                    'l'
                }
                _ => 'f',
            };
            sent.insert(path, (kind, mode, text));
        }
        sent
    }

    fn names(&self) -> Vec<String> {
        self.sent().into_keys().collect()
    }

    fn error(&self) -> Error {
        match BuildContext::open(&self.request, &Events::none()) {
            Ok(_) => panic!("it should be refused"),
            Err(error) => error,
        }
    }
}

fn commit(dir: &Path) -> CommitId {
    let repository = Repository::open(dir).expect("a repository");
    let mut index = repository.index().expect("an index");
    index
        .add_all(["*"], git2::IndexAddOption::FORCE, None)
        .expect("added");
    index.write().expect("written");
    let tree = index.write_tree().expect("a tree");
    let tree = repository.find_tree(tree).expect("a tree");
    let who = Signature::new("a", "a@example.org", &Time::new(WHEN, 0)).expect("a person");
    repository
        .commit(Some("HEAD"), &who, &who, "all", &tree, &[])
        .expect("a commit")
        .to_string()
        .parse()
        .expect("git's ids are commit ids")
}

fn file(mode: u32, text: &str) -> (char, u32, String) {
    ('f', mode, text.to_owned())
}

#[test]
fn exactly_the_commit_is_sent() {
    let world = World::new(&[
        ("Dockerfile", "FROM scratch"),
        ("bin/run", "#!/bin/sh"),
        ("src/deep/er/a.txt", "a"),
    ]);
    let root = world.dir.path().to_owned();
    fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o700)).expect("mode");
    symlink("../src//deep/er", root.join("bin/link")).expect("a link");
    let world = world.commit();
    // What is not committed does not count.
    world.write("Dockerfile", "FROM changed");
    world.write("stray", "x");
    fs::remove_file(root.join("src/deep/er/a.txt")).expect("it goes");

    let sent = world.sent();
    let directory = ('d', 0o755, String::new());
    let expected: Sent = [
        ("Dockerfile", file(0o644, "FROM scratch")),
        ("bin/", directory.clone()),
        ("bin/link", ('l', 0o777, "../src//deep/er".to_owned())),
        ("bin/run", file(0o755, "#!/bin/sh")),
        ("src/", directory.clone()),
        ("src/deep/", directory.clone()),
        ("src/deep/er/", directory),
        ("src/deep/er/a.txt", file(0o644, "a")),
    ]
    .map(|(name, entry)| (name.to_owned(), entry))
    .into();
    assert_eq!(sent, expected);
    let stream = world.stream();
    assert_eq!(stream, world.stream());
    for entry in tar::Archive::new(&*stream).entries().expect("a tar") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.header().mtime().expect("a time"), WHEN as u64);
    }
}

#[test]
fn ignored_files_stay_behind_and_the_dockerfile_never_does() {
    let world = World::new(&[
        ("Dockerfile", "FROM scratch"),
        (".dockerignore", "*\n!src/**/*.rs\nsrc/secret/*"),
        ("a", ""),
        ("docs/b", ""),
        ("src/a.rs", ""),
        ("src/x/b.rs", ""),
        ("src/x/b.o", ""),
        ("src/secret/c.rs", ""),
    ])
    .commit();
    assert_eq!(
        world.names(),
        [
            ".dockerignore",
            "Dockerfile",
            "src/",
            "src/a.rs",
            "src/x/",
            "src/x/b.rs"
        ]
    );
}

#[test]
fn a_dockerfile_in_an_ignored_directory_is_sent_with_its_own_ignore_file() {
    let mut world = World::new(&[
        (".dockerignore", "a"),
        ("build/api.Dockerfile", "FROM scratch"),
        ("build/api.Dockerfile.dockerignore", "build\nb"),
        ("build/other", ""),
        ("a", ""),
        ("b", ""),
    ]);
    world.request.dockerfile = "./build/api.Dockerfile".into();
    assert_eq!(
        world.commit().names(),
        [
            ".dockerignore",
            "a",
            "build/",
            "build/api.Dockerfile",
            "build/api.Dockerfile.dockerignore"
        ]
    );
}

#[test]
fn the_context_can_be_a_directory_of_the_repository() {
    let mut world = World::new(&[
        ("Dockerfile", "FROM outside"),
        ("api/Dockerfile", "FROM scratch"),
        ("api/src/a", "a"),
    ]);
    world.request.context = "api/".into();
    let world = world.commit();
    assert_eq!(world.names(), ["Dockerfile", "src/", "src/a"]);
    let mut world = world;
    world.request.files = ContextFiles::Worktree;
    assert_eq!(world.names(), ["Dockerfile", "src/", "src/a"]);
}

#[test]
fn the_worktree_is_sent_as_it_lies() {
    let mut world = World::new(&[("Dockerfile", "FROM scratch"), ("a", "old")]).commit();
    world.write("a", "new");
    world.write("stray", "x");
    world.write(".git/hoist/big", "x");
    fs::create_dir(world.dir.path().join("empty")).expect("a directory");
    world.write(".dockerignore", ".git/*\n!.git/hoist\n!.git/HEAD");
    world.request.files = ContextFiles::Worktree;
    world.request.leave_out = Some(world.dir.path().join(".git/hoist"));
    let sent = world.sent();
    assert_eq!(sent["a"], file(0o644, "new"));
    assert_eq!(
        world.names(),
        [
            ".dockerignore",
            ".git/",
            ".git/HEAD",
            "Dockerfile",
            "a",
            "empty/",
            "stray"
        ]
    );
}

#[test]
fn what_cannot_be_built_is_refused_with_what_helps() {
    let world = World::new(&[("a", "")]).commit();
    assert_eq!(
        world.error().message().split(" of ").next(),
        Some("`Dockerfile` is not in the tree")
    );
    world.write("Dockerfile", "FROM scratch");
    let error = world.error();
    let hint = error.first_hint().unwrap_or_default();
    assert!(hint.contains("not committed"), "{hint}");

    let mut world = World::new(&[("Dockerfile", ""), (".dockerignore", "ok\n[a")]).commit();
    let error = world.error();
    assert!(error.causes()[0].starts_with("line 2: `[a`"), "{error}");
    world.request.context = "none".into();
    assert!(
        world
            .error()
            .message()
            .contains("`none` is not a directory")
    );
    for outside in ["../x", "/etc", "a/../../b"] {
        world.request.context = outside.into();
        assert_eq!(
            world.error().kind(),
            crate::error::ErrorKind::Usage,
            "{outside}"
        );
    }
}

#[test]
fn pointers_of_large_files_are_named() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n";
    let world = World::new(&[
        ("Dockerfile", "FROM scratch"),
        (".gitattributes", "*.bin filter=lfs"),
        ("model.bin", pointer),
        ("other.bin", pointer),
    ])
    .commit();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let events = Events::new({
        let heard = heard.clone();
        move |event| heard.lock().expect("a list").push(event)
    });
    BuildContext::open(&world.request, &events).expect("it can be sent");
    let heard = heard.lock().expect("a list");
    assert!(
        matches!(&**heard, [Event::Warning { text }] if text.starts_with("`model.bin` and 1 more")),
        "{heard:?}"
    );
}

#[test]
fn the_files_of_submodules_come_along_when_wanted() {
    let library = World::new(&[("lib.c", "int x;"), ("deep/y", "y")]);
    commit(library.dir.path());
    let mut world = World::new(&[("Dockerfile", "FROM scratch")]);
    let repository = Repository::open(world.dir.path()).expect("a repository");
    let url = library.dir.path().to_str().expect("a path");
    let mut submodule = repository
        .submodule(url, Path::new("vendor/lib"), true)
        .expect("a submodule");
    submodule.clone(None).expect("a clone");
    submodule.add_finalize().expect("it is added");
    world = world.commit();
    let plain = world.names();
    assert!(plain.contains(&"vendor/lib/".to_owned()), "{plain:?}");
    assert!(!plain.contains(&"vendor/lib/lib.c".to_owned()), "{plain:?}");

    let ContextFiles::Commit { submodules, .. } = &mut world.request.files else {
        panic!("it is a commit");
    };
    *submodules = true;
    let sent = world.sent();
    assert_eq!(sent["vendor/lib/lib.c"], file(0o644, "int x;"));
    assert_eq!(sent["vendor/lib/deep/y"], file(0o644, "y"));

    fs::remove_dir_all(world.dir.path().join(".git/modules")).expect("it goes");
    fs::remove_dir_all(world.dir.path().join("vendor")).expect("it goes");
    let error = world.error();
    assert!(error.message().contains("`vendor/lib`"), "{error}");
    assert!(
        error
            .first_hint()
            .is_some_and(|hint| hint.contains("submodule update"))
    );
}

#[test]
fn a_file_that_shrinks_meanwhile_breaks_the_stream() {
    let content = ExactLength {
        content: Box::new(&b"abc"[..]),
        left: 5,
    };
    let error = io::copy(&mut { content }, &mut io::sink()).expect_err("too short");
    assert!(format!("{error:#}").contains("shorter"));
}
