//! What must hold against a hostile surrounding: secrets stay where they belong, a lock's journal is
//! not believed, words from outside do nothing to a terminal, a full or closed disk stops in time.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::refusal::die_between_two_tags,
    publish::git::script,
    registry::server::{
        Auth, Delete, Fault, On, PASSWORD, Personality, TestRegistry, Tokens, USER, What,
    },
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// A folder for the front of `PATH`.
fn programs(world: &World<'_>) -> PathBuf {
    let folder = world.remote.home().join("programs");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Neither the password nor what is made of it, on any way out: words, JSON, command lines, journal,
/// lock, git objects.
#[test]
fn a_password_is_nowhere_to_be_found() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Bearer(Tokens {
            anonymous_pull: false,
            ..Tokens::default()
        }),
        delete: Delete::Tag,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let folder = programs(&world);
    let log = world.remote.home().join("command-lines");
    let git = String::from_utf8(
        clone
            .command("sh")
            .args(["-c", "command -v git"])
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let note = format!("printf '%s\\n' \"$0 $*\" >>'{}'", log.display());
    script(
        &folder.join("git"),
        &format!("#!/bin/sh\n{note}\nexec {} \"$@\"\n", git.trim()),
    );
    script(
        &folder.join("docker-credential-test"),
        &format!(
            "#!/bin/sh\n{note}\ncat >/dev/null\nprintf '{{\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n"
        ),
    );
    let docker = world.remote.home().join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), r#"{"credsStore":"test"}"#).unwrap();
    let run = |args: &[&str]| {
        let mut command = world.command(&clone, args);
        command.env("PATH", path_with(&folder));
        Run::of(&mut command)
    };
    let mut said = Vec::new();
    let mut expect = |code: i32, args: &[&str]| {
        let run = run(args);
        run.expect(code);
        said.push(run.to_string());
    };
    expect(0, &["check", "-v"]);
    expect(
        0,
        &["release", "--version", "1.0.0", "--yes", "-v", "--json"],
    );
    world.change(&clone, "feat: more");
    expect(0, &["plan", "--json"]);
    registry.fault(Fault::always(
        On::put_manifest().with("/manifests/latest"),
        What::Status(403, "DENIED"),
    ));
    expect(7, &["release", "--yes", "-v"]);
    registry.heal();
    registry.fault(Fault::always(On::any(), What::Status(401, "UNAUTHORIZED")));
    expect(6, &["release", "--yes", "-v", "--json"]);
    registry.heal();
    expect(0, &["release", "--yes", "-v"]);
    expect(0, &["verify", "--json"]);

    let lines = fs::read_to_string(&log).unwrap();
    assert!(lines.contains("docker-credential-test get") && lines.contains("push"));
    said.push(lines);
    for object in world
        .remote
        .git(&[
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname)",
        ])
        .lines()
    {
        said.push(world.remote.git(&["cat-file", "-p", object]));
    }
    let mut files = Vec::new();
    files_below(&clone.path().join(".git/hoist"), &mut files);
    assert!(
        files
            .iter()
            .any(|file| file.extension().is_some_and(|e| e == "jsonl"))
    );
    said.extend(
        files
            .iter()
            .map(|f| String::from_utf8_lossy(&fs::read(f).unwrap()).into_owned()),
    );
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let basic = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for text in &said {
        for secret in [PASSWORD, &basic, "Bearer "] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Journals, images and the lock file are for nobody else's eyes.
#[test]
fn what_is_kept_is_private() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    die_between_two_tags(&world, &registry, &clone);
    let state = clone.path().join(".git/hoist");
    let mut files = Vec::new();
    files_below(&state, &mut files);
    assert!(files.len() > 2, "{files:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in &files {
        assert_eq!(mode(file) & 0o077, 0, "{}", file.display());
    }
    for folder in [state.clone(), state.join("journal")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
}

/// Somebody who may push refs puts a journal into the lock whose names are options for `git`.
#[test]
fn a_locks_journal_cannot_run_programs() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    die_between_two_tags(&world, &registry, &clone);
    let other = world.remote.clone("other", &[]);
    let refs = world.remote.refs();
    let line = refs
        .lines()
        .find(|line| line.starts_with("refs/hoist"))
        .unwrap();
    let (name, lock) = {
        let mut words = line.split(' ');
        (words.next().unwrap(), words.next().unwrap())
    };
    let text = world
        .remote
        .git(&["cat-file", "blob", &format!("{lock}:journal")]);
    let canary = world.remote.home().join("canary");
    let evil = format!("--upload-pack=touch {};", canary.display());
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let before = world.tags();
    for field in ["commit", "lock_refs", "owner"] {
        let mut record = record["record"].clone();
        let prepared = &mut record["prepared"];
        match field {
            "commit" => prepared["commit"] = evil.clone().into(),
            "lock_refs" => prepared["lock_refs"][0] = evil.clone().into(),
            _ => prepared["owner"]["host"] = "a\u{1b}]0;owned\u{7}b".into(),
        }
        let body = record.to_string();
        let sum = &hoist::oci::Digest::of(body.as_bytes()).hex()[..16].to_owned();
        let line = format!("{{\"v\":1,\"sum\":\"{sum}\",\"record\":{body}}}\n");
        clone.write("journal", &line);
        let blob = clone.git(&["hash-object", "-w", "journal"]);
        clone.write("tree", format!("100644 blob {blob}\tjournal\n"));
        let tree = clone
            .command("sh")
            .args(["-c", "git mktree <tree"])
            .output()
            .unwrap();
        let tree = String::from_utf8(tree.stdout).unwrap();
        let commit = clone.git(&["commit-tree", "-m", "lock", tree.trim()]);
        clone.git(&[
            "push",
            "--quiet",
            "--force",
            "origin",
            &format!("{commit}:{name}"),
        ]);
        let status = world.run(&other, &["status"]);
        status.expect(5);
        assert!(!status.to_string().contains('\u{1b}'), "{status:?}");
        if field != "owner" {
            for verb in ["resume", "rollback"] {
                let run = world.run(&other, &[verb, "--take-over"]);
                run.expect(5);
                run.says("cannot be read");
            }
        }
        assert!(!canary.exists(), "{field}");
        assert_eq!(world.tags(), before);
    }
}

/// A commit's message, a file's name and a registry's answer are shown, and do nothing.
#[test]
fn words_from_outside_do_nothing_to_a_terminal() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    world.change(&clone, "feat: \u{1b}[2J\u{1b}]0;owned\u{7} clear \u{9b}31m");
    registry.fault(Fault::always(
        On::put_manifest().with("/manifests/latest"),
        What::Answer(
            403,
            vec![],
            r#"{"errors":[{"code":"DENIED","message":"\u001b[2Jno"}]}"#.into(),
        ),
    ));
    script(
        &world.remote.path().join("hooks/pre-receive"),
        "#!/bin/sh\nprintf '\\033[2Jgone\\n' >&2\n",
    );
    for (code, args) in [
        (0, &["next", "--explain"][..]),
        (0, &["next", "--json"]),
        (0, &["plan"]),
        (0, &["plan", "--json"]),
        (0, &["changelog"]),
        (0, &["check", "--commits", "v1.0.0..HEAD"]),
        (7, &["release", "--yes", "-v"]),
    ] {
        let run = world.run(&clone, args);
        if args[0] != "check" {
            run.expect(code);
        }
        let text = format!("{}{}", run.stdout, run.stderr);
        let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!text.contains(bad), "{args:?}: {text:?}");
    }
}

/// A server that repeats what it was sent: no token of the job and of git's configuration is shown.
#[test]
fn secrets_that_git_repeats_are_in_no_output() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    world.change(&clone, "feat: more");
    let (token, header) = (
        "ghs_S3cretOfTheJob",
        "eC1hY2Nlc3MtdG9rZW46Z2hzX0Zyb21IZWFkZXI=",
    );
    clone.git(&[
        "config",
        "http.https://git.example.org/.extraheader",
        &format!("AUTHORIZATION: basic {header}"),
    ]);
    let script_of = |words: &str| format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n");
    let hook = world.remote.path().join("hooks/update");
    script(
        &hook,
        &script_of(&format!("no: {token}, ghs_FromHeader, basic {header}")),
    );
    for args in [
        &["release", "--yes", "-vv"][..],
        &["release", "--yes", "--json"],
    ] {
        let mut command = world.command(&clone, args);
        command.env("GITHUB_TOKEN", token);
        let run = Run::of(&mut command);
        run.expect(6);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(text.contains("no: ***, ***, basic ***"), "{run}");
        for secret in [token, "ghs_FromHeader", header] {
            assert!(!text.contains(secret), "{run}");
        }
    }
}

/// Where no journal can be written, nothing begins.
#[test]
fn a_git_directory_that_takes_no_journal_stops_it_before_the_lock() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let before = world.tags();
    let journals = clone.path().join(".git/hoist/journal");
    fs::rename(&journals, journals.with_extension("away")).unwrap();
    // For root, who writes whatever the mode says, a file in the place of the folder.
    fs::write(&journals, "").unwrap();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    run.says("journal");
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
}

/// The server takes no refs outside branches and tags.
#[test]
fn a_server_that_refuses_the_locks_place_is_answered_with_another_one() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let before = world.tags();
    script(
        &world.remote.path().join("hooks/update"),
        "#!/bin/sh\ncase $1 in refs/hoist/*) echo 'no such namespace' >&2; exit 1;; esac\n",
    );
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    run.says("git.lock-refs = \"refs/heads/hoist\"");
    run.says("no tag has moved");
    assert_eq!(world.tags(), before);
    world.run(&clone, &["check"]).expect(0);
    let check = world.run(&clone, &["check", "--locks"]);
    check.expect(6);
    check.says("problem  locks");
    check.says("no such namespace");
    check.says("git.lock-refs = \"refs/heads/hoist\"");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        policy + "\n[git]\nlock-refs = \"refs/heads/hoist\"\n",
    );
    world.change(&clone, "fix: the lock's place");
    let check = world.run(&clone, &["check", "--locks"]);
    check.expect(0);
    check.says("locks: a ref below `refs/heads/hoist/` was made on `origin` and deleted");
    world.assert_unlocked();
    world.hoist(&clone, &["release", "--yes"]);
    assert!(!world.remote.refs().contains("refs/heads/hoist"));
}

/// The server lets nobody delete refs: what is left is named.
#[test]
fn a_ref_that_the_check_of_locks_cannot_delete_is_named() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let hook = world.remote.path().join("hooks/update");
    script(
        &hook,
        "#!/bin/sh
case $3 in *[!0]*) ;; *) exit 1;; esac
",
    );
    let check = world.run(&clone, &["check", "--locks"]);
    check.expect(6);
    check.says("the git remote deletes no lock");
    let refs = world.remote.refs();
    let line = refs.lines().find(|line| line.contains("/probe/"));
    let name = line.and_then(|line| line.split(' ').next());
    check.says(&format!("`{}` is left on `origin`", name.expect("a ref")));
    // However often it is checked, and where it is told.
    for _ in 0..2 {
        let again = world.run(&clone, &["check", "--locks"]);
        again.expect(6);
        again.says(&format!("`{}` is left on `origin`", name.expect("a ref")));
        assert_eq!(world.remote.refs(), refs);
    }
    fs::remove_file(hook).unwrap();
    world
        .hoist(&clone, &["check", "--locks"])
        .says("was made on `origin` and deleted");
    assert!(!world.remote.refs().contains("/probe/"));
    // Nor are two checks at once in each other's way.
    let check = || world.command(&clone, &["check", "--locks"]).spawn();
    let all: Vec<_> = (0..3).map(|_| check().unwrap()).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    assert!(!world.remote.refs().contains("/probe/"));
    // It locks nothing.
    world.change(&clone, "fix: more");
    world.hoist(&clone, &["release", "--yes"]);
}

/// A branch that takes no pushes: the lock is not left, and the error names the branch.
#[test]
fn a_protected_branch_stops_a_release_commit_before_any_tag() {
    for atomic in ["true", "false"] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        clone.write(
            "release.toml",
            policy + "\n[version]\nfiles = [{ path = \"VERSION\" }]\n",
        );
        clone.write("VERSION", "1.0.0\n");
        world.change(&clone, "feat: say it");
        let (before, main) = (world.tags(), world.remote.git(&["rev-parse", "main"]));
        world
            .remote
            .git(&["config", "receive.advertiseAtomic", atomic]);
        script(
            &world.remote.path().join("hooks/update"),
            "#!/bin/sh\ncase $1 in refs/heads/*) echo 'protected' >&2; exit 1;; esac\n",
        );
        let run = world.run(&clone, &["release", "--yes"]);
        run.expect(6);
        run.says("refs/heads/main");
        run.says("the release commit");
        assert_eq!(world.tags(), before);
        assert_eq!(world.remote.git(&["rev-parse", "main"]), main);
        world.assert_unlocked();
        world.hoist(&clone, &["status"]);
    }
}

/// A policy of somebody else, in a job with a password: what only looks does not give it away.
#[test]
fn a_password_without_a_host_goes_only_where_something_is_published() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Basic,
        delete: Delete::Tag,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let host = registry.address().to_string();
    let run = |args: &[&str], named: bool| {
        let mut command = world.command(&clone, args);
        command.env("HOIST_REGISTRY_USERNAME", USER);
        command.env("HOIST_REGISTRY_PASSWORD", PASSWORD);
        if named {
            command.env("HOIST_REGISTRY_HOST", &host);
        }
        Run::of(&mut command)
    };
    let was_sent = || registry.log().iter().any(|seen| seen.credentials.is_some());
    let release = ["release", "--version", "1.0.0", "--yes"];
    let dry = ["release", "--version", "1.0.0", "--dry-run"];
    for (args, code) in [
        (&["plan", "--version", "1.0.0"][..], 6),
        (&["check"], 6),
        (&["tags", "1.0.0"], 6),
        (&dry, 6),
    ] {
        let looked = run(args, false);
        looked.expect(code);
        let variable = format!(
            "HOIST_REGISTRY_USERNAME_127_0_0_1_{}",
            registry.address().port()
        );
        looked.says(&variable);
        looked.says("HOIST_REGISTRY_HOST");
        assert!(!was_sent(), "{looked}");
    }
    for args in [&["plan", "--version", "1.0.0"][..], &dry] {
        run(args, true).expect(0);
    }
    run(&release, false).expect(0);
    for args in [&["verify"][..], &["repair"], &["status"], &["inspect"]] {
        let before = registry.log().len();
        let looked = run(args, false);
        let log = registry.log();
        let sent = log[before..].iter().any(|seen| seen.credentials.is_some());
        assert!(!sent, "{looked}");
    }
    run(&["verify"], true).expect(0);
    run(&["repair", "--yes"], false).expect(0);
}

/// A hook or an alias runs hoist with the variables of its own repository.
#[test]
fn variables_of_another_repository_change_nothing() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let elsewhere = testkit::sandbox::GitRemote::new();
    let other = elsewhere.clone("other", &[]);
    other.write("file", "content");
    other.commit("feat: of another project");
    other.git(&["tag", "v7.0.0"]);
    other.push();
    let before = elsewhere.refs();
    let of_other = |path: &str| other.path().join(path).display().to_string();
    let git = of_other(".git");
    let variables = [
        ("GIT_DIR", git.clone()),
        ("GIT_COMMON_DIR", git.clone()),
        ("GIT_WORK_TREE", of_other("")),
        ("GIT_INDEX_FILE", of_other(".git/index")),
        ("GIT_OBJECT_DIRECTORY", of_other(".git/objects")),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", of_other(".git/objects")),
        ("GIT_QUARANTINE_PATH", of_other(".git/objects")),
        ("GIT_NAMESPACE", "other".to_owned()),
        ("GIT_CONFIG", "/dev/null".to_owned()),
        ("GIT_SHALLOW_FILE", of_other("file")),
        ("GIT_PREFIX", "sub/".to_owned()),
    ];
    let plan = |set: &[(&str, String)]| {
        let mut command = world.command(&clone, &["plan", "--json"]);
        command.envs(set.iter().map(|(name, value)| (*name, value)));
        let run = Run::of(&mut command);
        run.expect(0);
        let mut plan = run.json();
        plan.as_object_mut().unwrap().remove("instant");
        plan
    };
    let plain = plan(&[]);
    for variable in &variables {
        assert_eq!(plan(std::slice::from_ref(variable)), plain, "{variable:?}");
    }
    let mut command = world.command(&clone, &["release", "--yes"]);
    command.envs(variables.iter().map(|(name, value)| (*name, value)));
    Run::of(&mut command).expect(0);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    let refs = world.remote.refs();
    assert!(refs.contains("refs/tags/v1.1.0"), "{refs}");
    assert!(!refs.contains("refs/namespaces"), "{refs}");
    world.assert_unlocked();
    assert_eq!(elsewhere.refs(), before);
    assert_eq!(other.git(&["tag"]), "v7.0.0");
}
