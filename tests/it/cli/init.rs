//! `hoist init` in real repositories.

use std::process::Output;

use crate::support::history::History;

fn repository(remote: Option<&str>) -> History {
    let mut history = History::new();
    let id = history.say("feat: start");
    history.branch("main", id);
    history.tag("v1.4.2", id, true);
    history.tag("v1.10.0", id, false);
    if let Some(url) = remote {
        history.git.remote("origin", url).unwrap();
    }
    history
}

fn init(history: &History, arguments: &[&str]) -> Output {
    history
        .hoist()
        .arg("init")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_file_that_hoist_itself_reads_and_what_was_assumed() {
    let history = repository(Some("git@github.com:Acme/Api.git"));
    history.write("Dockerfile", "FROM a AS build\nFROM b AS runtime\n");
    let output = init(&history, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let path = text(&output.stdout);
    let written = std::fs::read_to_string(path.trim()).unwrap();
    let policy = hoist::policy::Policy::parse(&written, "release.toml").unwrap();
    assert_eq!(policy.image.all()[0].to_string(), "ghcr.io/acme/api");
    assert!(policy.git.push);
    assert!(written.contains("1.10.0"), "{written}");
    assert_eq!(
        text(&output.stderr),
        "note: assumed: the image goes to `ghcr.io/acme/api`, after the git remote\n"
    );
    let tags = history
        .hoist()
        .args(["tags", "1.11.0", "--offline"])
        .output()
        .unwrap();
    assert!(
        text(&tags.stdout).starts_with("1.11.0\n"),
        "{}",
        text(&tags.stderr)
    );
}

#[test]
fn nothing_is_ever_overwritten() {
    let history = repository(None);
    history.write("release.toml", "# mine\n");
    let output = init(&history, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("exists already"));
    assert!(output.stdout.is_empty());
    let kept = std::fs::read_to_string(history.path().join("release.toml")).unwrap();
    assert_eq!(kept, "# mine\n");
}

#[test]
fn cargo_releases_file_is_recognised_and_its_settings_heeded() {
    let history = repository(None);
    history.write(
        "release.toml",
        "tag-prefix = \"api-\"\nallow-branch = [\"trunk\"]\n",
    );
    let output = init(&history, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        text(&output.stderr).contains("cargo-release"),
        "{}",
        text(&output.stderr)
    );
    let output = init(&history, &["--config", "hoist.toml", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["v"], 1);
    let written = std::fs::read_to_string(history.path().join("hoist.toml")).unwrap();
    let policy = hoist::policy::Policy::parse(&written, "hoist.toml").unwrap();
    assert_eq!(policy.branches.stable, ["trunk".parse().unwrap()]);
    // The git tags that are there say more than another tool's settings.
    assert_eq!(policy.version.tag.to_string(), "v{version}");
    assert!(!policy.git.push, "there is no remote");
}

#[test]
fn a_workflow_is_taken_over() {
    let history = repository(Some("https://github.com/acme/api"));
    std::fs::create_dir_all(history.path().join(".github/workflows")).unwrap();
    history.write(
        ".github/workflows/image.yml",
        "jobs:\n  image:\n    steps:\n      - uses: docker/metadata-action@v5\n        with:\n          images: |\n            acme/api\n            ghcr.io/${{ github.repository }}\n          tags: |\n            type=semver,pattern={{version}}\n            type=semver,pattern={{major}}.{{minor}}\n            type=schedule\n          flavor: |\n            latest=false\n",
    );
    let output = init(&history, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let tags = history
        .hoist()
        .args(["tags", "1.11.0", "--offline", "--format", "refs"])
        .output()
        .unwrap();
    assert_eq!(
        text(&tags.stdout),
        "docker.io/acme/api:1.11.0\ndocker.io/acme/api:1.11\n\
         ghcr.io/acme/api:1.11.0\nghcr.io/acme/api:1.11\n"
    );
    assert!(text(&output.stderr).contains("`type=schedule`"));
}

#[test]
fn outside_a_repository_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hoist"))
        .args(["init", "-C"])
        .arg(folder.path())
        .env("GIT_CEILING_DIRECTORIES", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("not in a git repository"));
}
