//! Contexts of small real repositories, read back from the tar stream.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    sync::{Arc, Mutex},
};

use git2::{Repository, Signature, Time};

use crate::{
    build::context::*,
    error::Error,
    event::{Event, Events},
    git::CommitId,
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
            dockerfile: Some("Dockerfile".into()),
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
        let files = context.classic().expect("it can be read");
        context.write(&files, &mut out).expect("it is sent");
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
    let head = repository.head().and_then(|head| head.peel_to_commit());
    let parents: Vec<_> = head.iter().collect();
    let who = Signature::new("a", "a@example.org", &Time::new(WHEN, 0)).expect("a person");
    repository
        .commit(Some("HEAD"), &who, &who, "all", &tree, &parents)
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
    world.request.dockerfile = Some("./build/api.Dockerfile".into());
    assert_eq!(
        world.commit().names(),
        [".dockerignore", "a", "build/api.Dockerfile",]
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
}

#[test]
fn files_that_git_stores_in_another_form_are_refused_by_name() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n";
    let attributes = "*.bin filter=lfs\nsecret/** filter=git-crypt\n*.big filter=annex\n";
    for (path, content, words) in [
        ("model.bin", pointer, "is a Git LFS pointer"),
        ("deep/er/model.bin", pointer, "is a Git LFS pointer"),
        ("secret/key", "\0GITCRYPT\0abc", "is encrypted by git-crypt"),
        (
            "film.big",
            "/annex/objects/MD5--1",
            "is a git-annex pointer",
        ),
    ] {
        let world = World::new(&[
            ("Dockerfile", "FROM scratch"),
            (path, content),
            ("other.txt", pointer),
        ])
        .commit();
        // Without the attribute it is a file like any other.
        assert_eq!(world.sent()[path], file(0o644, content));

        world.write("other.txt", "x");
        world.write("sub/.gitattributes", attributes);
        let mut world = world.commit();
        let error = world.error();
        let message = error.message();
        assert!(
            message.contains(&format!("`{path}` in the commit {words}")),
            "{message}"
        );
        assert!(
            error
                .first_hint()
                .is_some_and(|hint| hint.contains("worktree"))
        );

        // What the builder does not see may be stored in any form.
        world.write(".dockerignore", path);
        world = world.commit();
        assert!(!world.names().contains(&path.to_owned()));
    }
    // A file that steers the build is never stored otherwise, whatever the attributes say.
    for (path, content) in [
        (".dockerignore", pointer),
        ("Dockerfile.dockerignore", "\0GITCRYPT\0abc"),
        ("Dockerfile", pointer),
    ] {
        let world = World::new(&[("Dockerfile", "FROM scratch"), (path, content)]);
        let mut world = world.commit();
        for files in [world.request.files.clone(), ContextFiles::Worktree] {
            world.request.files = files;
            let error = world.error();
            assert!(
                error.message().starts_with(&format!("`{path}` is")),
                "{error}"
            );
        }
    }
    let world = World::new(&[("Dockerfile", "FROM scratch")]);
    symlink("../.git/annex/objects/a/b", world.dir.path().join("film")).expect("a link");
    assert!(
        world
            .commit()
            .error()
            .message()
            .contains("a link of git-annex")
    );
}

#[test]
fn a_linked_ignore_file_counts_as_if_it_lay_there() {
    for (link, target) in [
        (".dockerignore", "conf/list"),
        (".dockerignore", "./conf//../conf/list"),
        (".dockerignore", "linked-dir/list"),
        (".dockerignore", "first"),
        ("Dockerfile.dockerignore", "conf/list"),
    ] {
        let world = World::new(&[
            ("Dockerfile", "FROM scratch"),
            ("conf/list", "*.key\n.git\n"),
            ("a.key", "secret"),
            ("app", ""),
        ]);
        let at = |name: &str| world.dir.path().join(name);
        symlink(target, at(link)).expect("a link");
        symlink("conf/list", at("first")).expect("a link");
        symlink("conf/", at("linked-dir")).expect("a link");
        let world = world.commit();
        let names = world.names();
        assert!(!names.contains(&"a.key".to_owned()), "{target}: {names:?}");
        assert!(names.contains(&"app".to_owned()), "{target}: {names:?}");
        let mut world = world;
        world.request.files = ContextFiles::Worktree;
        assert!(
            !world.names().contains(&"a.key".to_owned()),
            "{target} on disk"
        );
    }
}

#[test]
fn an_ignore_file_outside_the_context_is_followed_inside_the_repository() {
    let mut world = World::new(&[
        ("shared.ignore", "*.key\n.git\n"),
        ("api/Dockerfile", "FROM scratch"),
        ("api/a.key", "secret"),
        ("api/app", ""),
    ]);
    symlink(
        "../shared.ignore",
        world.dir.path().join("api/.dockerignore"),
    )
    .expect("a link");
    world.request.context = "api".into();
    let mut world = world.commit();
    assert_eq!(world.names(), [".dockerignore", "Dockerfile", "app"]);
    world.request.files = ContextFiles::Worktree;
    assert_eq!(world.names(), [".dockerignore", "Dockerfile", "app"]);
}

#[test]
fn a_link_that_leads_nowhere_or_out_is_refused_before_the_build() {
    let outside = tempfile::tempdir().expect("a directory");
    let target = outside.path().join("list");
    fs::write(&target, "*.key").expect("it is written");
    let absolute = target.to_str().expect("a path");
    for (link, target, words) in [
        (".dockerignore", "gone", "leads nowhere"),
        (".dockerignore", "Dockerfile/x", "leads nowhere"),
        (".dockerignore", "../outside", "leads out of the repository"),
        (".dockerignore", "a/../../..", "leads out of the repository"),
        (".dockerignore", absolute, "leads out of the repository"),
        (".dockerignore", ".dockerignore", "leads round in a circle"),
        (".dockerignore", "a", "is a directory"),
        ("Dockerfile.dockerignore", "gone", "leads nowhere"),
        (
            "Dockerfile.dockerignore",
            "/etc/hosts",
            "leads out of the repository",
        ),
        ("a/Dockerfile", "../gone", "leads nowhere"),
        ("a/Dockerfile", "/etc/hosts", "leads out of the repository"),
        ("c", "gone", "leads nowhere"),
        ("c", "/", "leads out of the repository"),
    ] {
        let mut world = World::new(&[("Dockerfile", "FROM scratch"), ("a/b", ""), ("a.key", "")]);
        symlink(target, world.dir.path().join(link)).expect("a link");
        if link == "a/Dockerfile" {
            world.request.dockerfile = Some(link.into());
        } else if link == "c" {
            world.request.context = link.into();
        }
        let mut world = world.commit();
        for files in [world.request.files.clone(), ContextFiles::Worktree] {
            world.request.files = files;
            let error = world.error();
            assert_eq!(
                error.kind(),
                crate::error::ErrorKind::Refused,
                "{link} {target}: {error}"
            );
            assert!(error.message().contains(words), "{link} {target}: {error}");
        }
    }
    let world = World::new(&[("Dockerfile", ""), (".dockerignore/a", "")]).commit();
    assert!(
        world
            .error()
            .message()
            .contains("`.dockerignore` is a directory")
    );
}

#[test]
fn a_dockerfile_may_lie_outside_its_context() {
    let mut world = World::new(&[
        ("docker/Dockerfile", "FROM scratch"),
        ("docker/Dockerfile.dockerignore", "*.key"),
        ("app/.dockerignore", "app"),
        ("app/a.key", ""),
        ("app/app", ""),
    ]);
    world.request.context = "app".into();
    world.request.dockerfile = Some("docker/Dockerfile".into());
    let mut world = world.commit();
    let hint = world.error().first_hint().unwrap_or_default().to_owned();
    assert!(hint.contains("\"../docker/Dockerfile\""), "{hint}");

    world.request.dockerfile = Some("../docker/Dockerfile".into());
    let context = BuildContext::open(&world.request, &Events::none()).expect("it can be sent");
    assert_eq!(context.dockerfile_content(), b"FROM scratch");
    let paths: Vec<_> = context
        .entries()
        .iter()
        .map(|e| e.path.to_string())
        .collect();
    assert_eq!(paths, [".dockerignore", "app"]);

    // In an archive the Dockerfile needs a place, and what hides it there.
    let files = context.classic().expect("it can be read");
    let sent = world.sent();
    assert_eq!(sent[&files.dockerfile].2, "FROM scratch");
    let ignore = &sent[".dockerignore"].2;
    assert_eq!(
        *ignore,
        format!("app\n!.dockerignore\n{}\n", files.dockerfile)
    );
}

#[test]
fn an_ignored_dockerfile_travels_with_what_hides_it() {
    let hidden = |ignore: &[(&str, &str)]| {
        let mut files = vec![("Dockerfile", "FROM scratch"), ("a", "")];
        files.extend_from_slice(ignore);
        let world = World::new(&files).commit();
        let context = BuildContext::open(&world.request, &Events::none()).expect("it can be sent");
        let entries = context.entries().iter().map(|e| e.path.to_string());
        (entries.collect::<Vec<_>>(), world.sent())
    };
    let (entries, sent) = hidden(&[(".dockerignore", "Dockerfile\n.dockerignore")]);
    assert_eq!(entries, ["a"]);
    assert_eq!(sent[".dockerignore"].2, "Dockerfile\n.dockerignore");
    assert!(sent.contains_key("Dockerfile"));
    let (entries, sent) = hidden(&[("Dockerfile.dockerignore", "Dockerfile*")]);
    assert_eq!(entries, ["a"]);
    assert_eq!(sent[".dockerignore"].2, ".dockerignore\nDockerfile\n");
    let (entries, sent) = hidden(&[(".dockerignore", "b")]);
    assert_eq!(entries, [".dockerignore", "Dockerfile", "a"]);
    assert_eq!(sent.len(), 3);
}

/// A tree that git would not write: entries are mode, name and object, as they are.
fn raw_tree(repository: &Repository, entries: &[(&str, &[u8], git2::Oid)]) -> git2::Oid {
    let mut data = Vec::new();
    for (mode, name, id) in entries {
        data.extend_from_slice(mode.as_bytes());
        data.push(b' ');
        data.extend_from_slice(name);
        data.push(0);
        data.extend_from_slice(id.as_bytes());
    }
    let objects = repository.odb().expect("objects");
    objects
        .write(git2::ObjectType::Tree, &data)
        .expect("a tree")
}

/// The context of a commit that has a Dockerfile and these entries.
fn context_of(entries: &[(&str, &[u8], &[u8])]) -> Result<Vec<String>, String> {
    let world = World::new(&[]);
    let repository = Repository::open(world.dir.path()).expect("a repository");
    let blob = |content: &[u8]| repository.blob(content).expect("a blob");
    let mut all = vec![("100644", &b"Dockerfile"[..], blob(b"FROM scratch"))];
    all.extend(entries.iter().map(|(mode, name, content)| {
        let id = match *mode {
            "40000" => raw_tree(&repository, &[("100644", content, blob(b""))]),
            "100600" => git2::Oid::from_bytes(&[7; 20]).expect("an id"),
            _ => blob(content),
        };
        (*mode, *name, id)
    }));
    let tree = raw_tree(&repository, &all);
    let who = "a <a@example.org> 1700000000 +0000";
    let text = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nx\n");
    let objects = repository.odb().expect("objects");
    let id = objects
        .write(git2::ObjectType::Commit, text.as_bytes())
        .expect("a commit");
    let files = ContextFiles::Commit {
        id: id.to_string().parse().expect("a commit id"),
        submodules: false,
    };
    let request = ContextRequest {
        files,
        ..world.request.clone()
    };
    let context = BuildContext::open(&request, &Events::none());
    let context = context.map_err(|error| format!("{error:#}"))?;
    Ok(context
        .entries()
        .iter()
        .map(|e| e.path.to_string())
        .collect())
}

#[test]
fn names_are_bytes_and_arrive_as_they_are() {
    let names: &[&[u8]] = &[
        b"caf\xe9",
        b"\xff\xfe",
        b" ",
        b"a\nb",
        b"\x1b[31m",
        b"-",
        b"...",
    ];
    let entries: Vec<_> = names
        .iter()
        .map(|name| ("100644", *name, &b""[..]))
        .collect();
    let shown = context_of(&entries).expect("it can be sent");
    assert_eq!(shown.len(), names.len() + 1);
    assert!(shown.contains(&"caf\\xe9".to_owned()), "{shown:?}");

    let world = World::new(&[("Dockerfile", "FROM scratch")]);
    let name = std::ffi::OsStr::from_bytes(b"d\xff");
    fs::create_dir(world.dir.path().join(name)).expect("a directory");
    fs::write(world.dir.path().join(name).join("\u{e9}"), "").expect("it is written");
    let mut world = world.commit();
    let mut streams = Vec::new();
    for files in [world.request.files.clone(), ContextFiles::Worktree] {
        world.request.files = files;
        world.write(".dockerignore", ".git\n.dockerignore\n");
        let stream = world.stream();
        let mut archive = tar::Archive::new(&*stream);
        let entries = archive.entries().expect("a tar");
        let paths = entries.map(|entry| entry.expect("an entry").path_bytes().into_owned());
        streams.push(paths.collect::<Vec<_>>());
    }
    assert_eq!(streams[0], streams[1]);
    assert!(
        streams[0].contains(&b"d\xff/\xc3\xa9".to_vec()),
        "{streams:?}"
    );
}

#[test]
fn what_no_engine_can_take_is_refused_by_name() {
    let long = [b'n'; 256];
    let far = [b't'; 4096];
    for (entry, words) in [
        (
            ("100644", &b".."[..], &b""[..]),
            "`..` in the commit has a name that no file can have",
        ),
        (("100644", b".", b""), "has a name that no file can have"),
        (("40000", b".git", b"x"), "has a name that no file can have"),
        (("100644", b"a/b", b""), "`a/b` in the commit has a name"),
        (("40000", b"d", b".."), "`d/..` in the commit"),
        (
            ("100644", b"Dockerfile", b""),
            "is there twice in its directory",
        ),
        (("100644", &long, b""), "has a name of more than 255 bytes"),
        (("120000", b"l", b""), "is a symbolic link without a target"),
        (("120000", b"l", b"a\0b"), "has a zero byte"),
        (("120000", b"l", &far), "more than 4095 bytes"),
        (
            ("100600", b"lost", b""),
            "`lost` in the commit has no content in this clone",
        ),
    ] {
        let error = context_of(&[entry]).expect_err(words);
        assert!(error.contains(words), "{words}: {error}");
    }
    // Modes that git wrote once, and those of others, mean what git makes of them.
    let shown = context_of(&[("100664", b"a", b"x"), ("100755", b"b", b"y")]);
    assert_eq!(shown.expect("it can be sent"), ["Dockerfile", "a", "b"]);
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
    let heard = Arc::new(Mutex::new(Vec::new()));
    let events = Events::new({
        let heard = heard.clone();
        move |event| heard.lock().expect("a list").push(event)
    });
    BuildContext::open(&world.request, &events).expect("it can be sent");
    assert!(
        matches!(&**heard.lock().expect("a list"), [Event::Warning { text }]
            if text.starts_with("`vendor/lib` is a submodule")),
        "{heard:?}"
    );
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
    let content = ExactLength::new((5, Box::new(&b"abc"[..])));
    let error = io::copy(&mut { content }, &mut io::sink()).expect_err("too short");
    assert!(format!("{error:#}").contains("shorter"));
}

#[test]
fn a_named_context_has_its_own_ignore_file_and_no_dockerfile() {
    let mut world = World::new(&[
        ("shared/one", "1"),
        ("shared/two", "2"),
        ("shared/.dockerignore", "two\n"),
        (".dockerignore", "*\n"),
    ]);
    world.request.context = "shared".into();
    world.request.dockerfile = None;
    let context = BuildContext::open(&world.request, &Events::none()).expect("a context");
    let names = context.entries().iter().map(|entry| entry.path.to_string());
    assert_eq!(names.collect::<Vec<_>>(), [".dockerignore", "one"]);
}
