//! Repositories as people have them: cut off, partial, linked, bare, detached, odd. Made with the
//! real `git`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::history::{Commit, History};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What a run of hoist said.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap().trim().to_owned(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn hoist(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    Command::new(env!("CARGO_BIN_EXE_hoist"))
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// 1.0.0, a feature, 1.1.0, a fix.
fn history() -> History {
    let mut history = History::new();
    let first = history.say("feat: one");
    history.tag("v1.0.0", first, true);
    let second = history.say("feat: two");
    history.tag("v1.1.0", second, false);
    let last = history.say("fix: three");
    history.branch("main", last);
    history
}

/// A clone beside the original.
fn clone(history: &History, arguments: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", history.path().display());
    let mut all = vec!["clone", "--quiet"];
    all.extend(arguments);
    all.extend([&*url, "clone"]);
    git(folder.path(), &all);
    let path = folder.path().join("clone");
    (folder, path)
}

#[test]
fn stdout_is_the_version_and_nothing_else() {
    let history = history();
    let said = hoist(history.path(), &["next", "--explain"], &[]);
    assert_eq!((said.code, &*said.stdout), (0, "1.1.1"), "{}", said.stderr);
    for words in [
        "1.1.0 → 1.1.1, because",
        "base: `v1.1.0`",
        "patch fix: three",
        "a `feat` since `v1.1.0` would make it 1.2.0",
        "a breaking change since `v1.1.0` would make it 2.0.0",
    ] {
        assert!(said.stderr.contains(words), "{words}\n{}", said.stderr);
    }
    let json = hoist(history.path(), &["next", "--json"], &[]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["v"], 1);
    assert_eq!(json["range_from"], "1.1.0");
    assert_eq!(json["branch"], "main");
    assert_eq!(json["commits"][0]["bump"], "patch");
}

#[test]
fn nothing_to_release_lists_what_was_seen() {
    let mut history = History::new();
    let first = history.say("docs: words");
    history.branch("main", first);
    let said = hoist(history.path(), &["next"], &[]);
    assert_eq!((said.code, &*said.stdout), (0, ""));
    for words in [
        "nothing to release",
        "docs: words  (`docs` releases nothing)",
        "--version",
    ] {
        assert!(said.stderr.contains(words), "{words}\n{}", said.stderr);
    }
    assert_eq!(hoist(history.path(), &["-q", "next"], &[]).stderr, "");
}

#[test]
fn no_repository_and_no_commit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = hoist(folder.path(), &["next"], &[]);
    assert_eq!(said.code, 4);
    assert!(
        said.stderr.contains("not in a git repository"),
        "{}",
        said.stderr
    );
    git(folder.path(), &["init", "--quiet"]);
    let said = hoist(folder.path(), &["next"], &[]);
    assert_eq!(said.code, 4);
    assert!(said.stderr.contains("no commits yet"), "{}", said.stderr);
}

#[test]
fn a_detached_head_has_the_branch_that_ci_names() {
    let history = history();
    history.detach(history.id("c2"));
    let next = |environment: &[(&str, &str)]| hoist(history.path(), &["next"], environment).stdout;
    assert_eq!(next(&[]), "1.1.1");
    assert_eq!(next(&[("GITHUB_REF", "refs/heads/next")]), "1.1.1-rc.1");
    assert_eq!(next(&[("CI_COMMIT_BRANCH", "beta/x")]), "1.1.1-beta.1");
    assert_eq!(next(&[("GITHUB_REF", "refs/tags/v1.1.0")]), "1.1.1");
    // HEAD's own branch is asked first.
    history.head("main");
    assert_eq!(next(&[("GITHUB_REF", "refs/heads/next")]), "1.1.1");
}

#[test]
fn a_branch_is_named_as_people_name_it() {
    let history = history();
    let id = history.id("c2");
    history
        .git
        .remote("origin", "https://127.0.0.1:1/acme/api.git")
        .unwrap();
    history
        .git
        .reference("refs/remotes/origin/next", id, true, "")
        .unwrap();
    let next = |branch: &str| hoist(history.path(), &["next", "--branch", branch], &[]);
    for name in [
        "next",
        "refs/heads/next",
        "origin/next",
        "refs/remotes/origin/next",
    ] {
        assert_eq!(next(name).stdout, "1.1.1-rc.1", "{name}");
    }
    // A branch that is called like this may be meant, and so is one that nobody has fetched.
    assert_eq!(next("origin/other").stdout, "1.1.1");
    for empty in ["", " "] {
        let said = next(empty);
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(
            said.stderr.contains("leave `--branch` out"),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn linked_worktrees_bare_repositories_and_folders_inside_one() {
    let history = history();
    let folder = tempfile::tempdir().unwrap();
    let linked = folder.path().join("linked");
    let path = linked.to_str().unwrap();
    git(
        history.path(),
        &["worktree", "add", "--quiet", "-b", "next", path, "main"],
    );
    assert_eq!(hoist(&linked, &["next"], &[]).stdout, "1.1.1-rc.1");
    let (_guard, bare) = clone(&history, &["--bare"]);
    assert_eq!(hoist(&bare, &["next"], &[]).stdout, "1.1.1");
    let inside = history.path().join("a/b");
    std::fs::create_dir_all(&inside).unwrap();
    assert_eq!(hoist(&inside, &["next"], &[]).stdout, "1.1.1");
    let elsewhere = hoist(
        folder.path(),
        &["-C", inside.to_str().unwrap(), "next"],
        &[],
    );
    assert_eq!(elsewhere.stdout, "1.1.1");
}

#[test]
fn a_shallow_clone_is_refused_unless_it_holds_the_range() {
    let history = history();
    let (_guard, shallow) = clone(&history, &["--depth=1"]);
    let said = hoist(&shallow, &["next"], &[]);
    assert_eq!(said.code, 4, "{}", said.stdout);
    assert!(
        said.stderr.contains("git fetch --unshallow --tags"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("fetch-depth: 0"), "{}", said.stderr);
    // The base's own parents are not needed.
    let (_guard, enough) = clone(&history, &["--depth=2", "--no-single-branch"]);
    git(
        &enough,
        &["fetch", "--quiet", "--depth=2", "origin", "tag", "v1.1.0"],
    );
    let said = hoist(&enough, &["next"], &[]);
    assert_eq!((said.code, &*said.stdout), (0, "1.1.1"), "{}", said.stderr);
}

#[test]
fn a_clone_without_tags_says_so() {
    let history = history();
    let (_guard, path) = clone(&history, &["--no-tags"]);
    let said = hoist(&path, &["next"], &[]);
    assert_eq!(said.stdout, "0.1.0");
    assert!(said.stderr.contains("no tags at all"), "{}", said.stderr);
}

#[test]
fn a_partial_clone_is_enough_where_directories_are_there() {
    let mut history = History::new();
    let tree = history.tree(&[("api/a", "1"), ("web/a", "1")]);
    let commit = |message, tree| Commit {
        message,
        tree: Some(tree),
        ..Commit::default()
    };
    let first = history.commit("first", &commit(b"feat: start", tree));
    history.tag("v1.0.0", first, true);
    let tree = history.tree(&[("api/a", "2"), ("web/a", "1")]);
    history.commit("api", &commit(b"fix: api", tree));
    let tree = history.tree(&[("api/a", "2"), ("web/a", "2")]);
    let last = history.commit("web", &commit(b"feat: web", tree));
    history.branch("main", last);
    git(
        history.path(),
        &["config", "uploadpack.allowFilter", "true"],
    );
    for (filter, paths, code) in [
        ("blob:none", true, 0),
        ("tree:0", false, 0),
        ("tree:0", true, 4),
    ] {
        let argument = format!("--filter={filter}");
        let (_guard, path) = clone(&history, &["--no-checkout", "--bare", &argument]);
        // The original is out of reach, so nothing can be fetched behind the scenes.
        git(&path, &["remote", "set-url", "origin", "/nowhere"]);
        let mut arguments = vec!["next"];
        std::fs::write(path.join("api.toml"), "[version]\npaths = [\"api\"]\n").unwrap();
        if paths {
            arguments.extend(["--config", "api.toml"]);
        }
        let said = hoist(&path, &arguments, &[]);
        assert_eq!(said.code, code, "{filter}: {}", said.stderr);
        match (code, paths) {
            (0, true) => assert_eq!(said.stdout, "1.0.1"),
            (0, false) => assert_eq!(said.stdout, "1.1.0"),
            _ => assert!(said.stderr.contains("blob:none"), "{}", said.stderr),
        }
    }
}

#[test]
fn formats_that_cannot_be_read_are_refused_by_name() {
    for (argument, word) in [
        ("--object-format=sha256", "SHA-256"),
        ("--ref-format=reftable", "reftable"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let init = Command::new("git")
            .current_dir(folder.path())
            .args(["init", "--quiet", argument])
            .output()
            .unwrap();
        if !init.status.success() {
            // An older git does not know the format, so nobody here can have such a repository.
            let stderr = String::from_utf8_lossy(&init.stderr);
            assert!(stderr.contains("unknown"), "{stderr}");
            continue;
        }
        let said = hoist(folder.path(), &["next"], &[]);
        assert_eq!(said.code, 4);
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
}

#[test]
fn replaced_commits_are_read_as_they_were() {
    let history = history();
    let (head, first) = (history.id("c2").to_string(), history.id("c0").to_string());
    git(history.path(), &["replace", "--graft", &head, &first]);
    let said = hoist(history.path(), &["next"], &[]);
    assert_eq!(said.stdout, "1.1.1");
    assert!(said.stderr.contains("refs/replace"), "{}", said.stderr);
}

#[test]
fn tags_are_followed_to_commits_and_nothing_else_is_a_base() {
    let history = history();
    let path = history.path();
    git(path, &["tag", "-a", "-m", "x", "inner", "main~1"]);
    git(path, &["tag", "-a", "-m", "x", "v1.1.5", "inner"]);
    std::fs::write(path.join("file"), "x").unwrap();
    let blob = git(path, &["hash-object", "-w", "file"]);
    git(path, &["tag", "v9.0.0", &blob]);
    git(path, &["tag", "-a", "-m", "x", "v8.0.0", &blob]);
    let said = hoist(path, &["next", "--explain"], &[]);
    assert_eq!(said.stdout, "1.1.6", "{}", said.stderr);
    assert!(
        said.stderr.contains("2 that do not point at a commit"),
        "{}",
        said.stderr
    );
    // Such a tag still has the name.
    git(path, &["tag", "v1.1.6", &blob]);
    let said = hoist(path, &["next"], &[]);
    assert_eq!(said.code, 4);
    assert!(said.stderr.contains("`v1.1.6`"), "{}", said.stderr);
    // Packed refs say the same.
    git(path, &["tag", "-d", "v1.1.6"]);
    git(path, &["pack-refs", "--all"]);
    assert_eq!(hoist(path, &["next"], &[]).stdout, "1.1.6");
}

#[test]
fn several_images_of_one_repository_have_tags_and_paths_of_their_own() {
    let mut history = History::new();
    let files = |api: &str, web: &str, docs: &str| {
        [
            ("services/api/main.rs".to_owned(), api.to_owned()),
            ("services/api/README.md".to_owned(), docs.to_owned()),
            ("services/web/main.ts".to_owned(), web.to_owned()),
        ]
    };
    let step = |history: &mut History, message: &str, files: [(String, String); 3]| {
        let files: Vec<_> = files
            .iter()
            .map(|(p, t)| (p.as_str(), t.as_str()))
            .collect();
        let tree = Some(history.tree(&files));
        let commit = Commit {
            message: message.as_bytes(),
            tree,
            ..Commit::default()
        };
        history.commit(message, &commit)
    };
    let first = step(&mut history, "feat: start", files("1", "1", "1"));
    history.tag("api-v1.0.0", first, true);
    history.tag("web-v4.0.0", first, true);
    step(&mut history, "feat!: web", files("1", "2", "1"));
    step(&mut history, "feat: words", files("1", "2", "2"));
    let last = step(&mut history, "fix: api", files("2", "2", "2"));
    history.branch("main", last);
    for (folder, paths) in [
        ("api", r#"["services/api", "!**/*.md"]"#),
        ("web", r#"["services/web/**"]"#),
    ] {
        let text = format!("[version]\ntag = \"{folder}-v{{version}}\"\npaths = {paths}\n");
        std::fs::create_dir_all(history.path().join("services").join(folder)).unwrap();
        history.write(&format!("services/{folder}/release.toml"), &text);
    }
    let next = |config: &str| {
        let said = hoist(history.path(), &["next", "--config", config], &[]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        said.stdout
    };
    assert_eq!(next("services/api/release.toml"), "1.0.1");
    assert_eq!(next("services/web/release.toml"), "5.0.0");
}

#[test]
fn a_merge_touches_what_it_changes_against_every_parent() {
    let mut history = History::new();
    let step = |history: &mut History,
                name: &str,
                message: &str,
                api: &str,
                web: &str,
                parents: Option<&[&str]>| {
        let tree = Some(history.tree(&[("api/a", api), ("web/a", web)]));
        let parents = parents.map(|names| names.iter().map(|n| history.id(n)).collect());
        let commit = Commit {
            message: message.as_bytes(),
            tree,
            parents,
            ..Commit::default()
        };
        history.commit(name, &commit)
    };
    let first = step(&mut history, "first", "feat: start", "1", "1", None);
    history.tag("v1.0.0", first, true);
    step(&mut history, "api", "docs: api", "2", "1", None);
    step(&mut history, "web", "feat: web", "1", "2", Some(&["first"]));
    // Takes both sides as they are, then one that mends something while merging.
    step(
        &mut history,
        "clean",
        "feat: all of web",
        "2",
        "2",
        Some(&["api", "web"]),
    );
    history.branch("clean", history.id("clean"));
    step(
        &mut history,
        "evil",
        "fix: while merging",
        "3",
        "2",
        Some(&["api", "web"]),
    );
    history.branch("evil", history.id("evil"));
    history.write(
        "release.toml",
        "[version]\npaths = [\"api\"]\n[branches]\nstable = [\"*\"]\n",
    );
    history.head("clean");
    let said = hoist(history.path(), &["next"], &[]);
    assert_eq!((said.code, &*said.stdout), (0, ""), "{}", said.stderr);
    history.head("evil");
    assert_eq!(hoist(history.path(), &["next"], &[]).stdout, "1.0.1");
}

#[test]
fn notes_of_what_is_next_what_was_and_what_lies_between() {
    let mut history = history();
    let last = history.say("feat(api)!: four\n\nBREAKING CHANGE: call `open` first");
    history.branch("main", last);
    let path = history.path();
    git(
        path,
        &["remote", "add", "origin", "git@github.com:acme/api.git"],
    );
    let short = &last.to_string()[..7];
    let notes = hoist(path, &["changelog"], &[]).stdout;
    assert!(
        notes.starts_with("## [2.0.0](https://github.com/acme/api/compare/v1.1.0...v2.0.0) - 2"),
        "{notes}"
    );
    assert!(notes.contains(&format!("- **api:** four ([{short}](https://github.com/acme/api/commit/{last}))\n  call `open` first")), "{notes}");
    assert!(notes.find("### Breaking changes").unwrap() < notes.find("### Fixes").unwrap());
    let old = hoist(path, &["changelog", "1.1.0", "--json"], &[]).stdout;
    let old: Value = serde_json::from_str(&old).unwrap();
    assert_eq!(old["previous"], "1.0.0");
    assert_eq!(old["date"], "2024-01-01");
    assert_eq!(old["features"][0]["description"], "two");
    let first = hoist(path, &["changelog", "1.0.0"], &[]).stdout;
    assert!(first.contains("one") && !first.contains("two"), "{first}");
    let range = hoist(path, &["changelog", "v1.0.0..v1.1.0", "--no-heading"], &[]).stdout;
    assert!(range.starts_with("### Features\n\n- two"), "{range}");
    assert_eq!(hoist(path, &["changelog", "7.0.0"], &[]).code, 4);
    assert_eq!(hoist(path, &["changelog", "nonsense..HEAD"], &[]).code, 2);
    for _ in 0..2 {
        assert_eq!(hoist(path, &["changelog", "--write"], &[]).code, 0);
    }
    let written = std::fs::read_to_string(path.join("CHANGELOG.md")).unwrap();
    assert_eq!(written.matches("## [2.0.0]").count(), 1, "{written}");
    history.write(
        "own.jinja",
        "{{ title }}: {{ breaking | length }} of {{ authors | join }}",
    );
    history.write("release.toml", "[notes]\ntemplate = \"own.jinja\"\n");
    assert_eq!(
        hoist(history.path(), &["changelog"], &[]).stdout,
        "2.0.0: 1 of Ada"
    );
}

#[test]
fn messages_are_checked_in_a_range_and_in_a_hook() {
    let mut history = history();
    let good = hoist(history.path(), &["check", "--commits", "v1.0.0..HEAD"], &[]);
    assert_eq!((good.code, &*good.stdout), (0, ""), "{}", good.stderr);
    history.say("feature: four");
    let last = history.say("Five");
    history.branch("main", last);
    let said = hoist(history.path(), &["check", "--commits", "v1.1.0.."], &[]);
    assert_eq!(said.code, 4);
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.stdout);
    assert!(
        lines[0].starts_with(&format!("{} error:", &last.to_string()[..7])),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains("warning:") && lines[1].contains("`feat`"),
        "{}",
        lines[1]
    );
    history.write("MESSAGE", "# comment\nfix: it\n# comment\n");
    assert_eq!(
        hoist(history.path(), &["check", "--commit-msg", "MESSAGE"], &[]).code,
        0
    );
    history.write("MESSAGE", "fix it\n");
    let said = hoist(
        history.path(),
        &["check", "--commit-msg", "MESSAGE", "--json"],
        &[],
    );
    assert_eq!(said.code, 4);
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["findings"][0]["severity"], "error");
    assert_eq!(
        hoist(history.path(), &["check", "--commits", "none..HEAD"], &[]).code,
        2
    );
}
