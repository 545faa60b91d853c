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

/// Two that push one tag disagree about it, and hoist's own git tag may start the other one.
#[test]
fn what_pushes_the_same_tags_now_is_to_stop() {
    let workflow = |tags: &str| {
        format!(
            "on: {{push: {{tags: ['v*']}}}}\njobs:\n  docker:\n    steps:\n      - name: Build and push\n        \
             uses: docker/build-push-action@v6\n        with: {{push: true, tags: '{tags}'}}\n"
        )
    };
    let said = |tags: &str| {
        let history = repository(Some("git@github.com:Acme/Api.git"));
        history.write("Dockerfile", "FROM a\n");
        let folder = history.path().join(".github/workflows");
        std::fs::create_dir_all(folder).unwrap();
        history.write(".github/workflows/image.yml", &workflow(tags));
        text(&init(&history, &[]).stderr)
    };
    let words = "what comes next: stop step `Build and push` in job `docker` of `.github/workflows/image.yml` \
                 from pushing the same tags, or both push them; git add";
    let same = said("acme/api:${{ github.ref_name }},acme/api:latest");
    assert!(same.contains(words), "{same}");
    // One whose tags follow the commits alone may stay.
    let other = said("acme/api:nightly-${{ github.run_id }}");
    assert!(!other.contains("from pushing"), "{other}");
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
        "note: assumed: the image goes to `ghcr.io/acme/api`, after the git remote\n\
         note: what comes next: git add release.toml && git commit -m 'chore: release policy' && git push; \
         docker login ghcr.io; hoist plan; hoist release\n"
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

/// A job that makes release pages has a token for them.
#[test]
fn a_release_page_is_offered_where_a_workflow_makes_one() {
    let history = repository(Some("git@github.com:Acme/Api.git"));
    history.write("Dockerfile", "FROM a\n");
    std::fs::create_dir_all(history.path().join(".github/workflows")).unwrap();
    history.write(
        ".github/workflows/page.yml",
        "on: { push: { tags: ['v*'] } }\njobs:\n  page:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: softprops/action-gh-release@v2\n",
    );
    let output = init(&history, &[]);
    let path = text(&output.stdout);
    let written = std::fs::read_to_string(path.trim()).unwrap();
    assert!(written.contains("\n# [forge]\n"), "{written}");
    let said = text(&output.stderr);
    assert!(
        said.contains("`softprops/action-gh-release` makes a release page"),
        "{said}"
    );
    let policy = written.replace("# [forge]", "[forge]");
    let policy = hoist::policy::Policy::parse(&policy, "release.toml").unwrap();
    assert!(policy.forge.is_some());
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

const WORKFLOW: &str = r"
on: { push: { tags: ['v*'] } }
jobs:
  image:
    steps:
      - id: meta
        uses: docker/metadata-action@v5
        with:
          images: |
            acme/api
            ghcr.io/${{ github.repository }}
          tags: |
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}.{{minor}}
            type=schedule
          flavor: |
            latest=false
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: ${{ steps.meta.outputs.tags }}
";

/// A repository with a workflow and a Dockerfile.
fn with_workflow(workflow: &str) -> History {
    let history = repository(Some("https://github.com/acme/api"));
    std::fs::create_dir_all(history.path().join(".github/workflows")).unwrap();
    history.write(".github/workflows/image.yml", workflow);
    history.write("Dockerfile", "FROM a\n");
    history
}

#[test]
fn a_workflow_is_taken_over() {
    let history = with_workflow(WORKFLOW);
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
    let told = text(&output.stderr);
    for words in [
        "`type=schedule`",
        "1.2.3\n  tag",
        "1.1.9, when 1.2.3 is out\n",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_policy_that_exists_is_compared_with_the_workflow() {
    let history = with_workflow(WORKFLOW);
    let without = init(&history, &["--check"]);
    assert_eq!(without.status.code(), Some(2), "{}", text(&without.stderr));
    history.write(
        "release.toml",
        "[image]\nrepository = \"docker.io/acme/api\"\n[tags]\nfixed = [\"{version}\"]\nmoving = [\"latest\"]\n",
    );
    let output = init(&history, &["--check", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let tags = document["releases"][0]["tags"].as_array().unwrap();
    let row = |tag: &str, repository: &str| {
        let row = tags
            .iter()
            .find(|row| row["tag"] == tag && row["repositories"][0] == repository);
        row.map(|row| format!("{} {} {}", row["there"], row["here"], row["difference"]))
            .unwrap()
            .replace('"', "")
    };
    assert_eq!(row("1.2.3", "docker.io/acme/api"), "pushed unknown same");
    assert_eq!(row("1.2", "docker.io/acme/api"), "pushed no not taken over");
    assert_eq!(row("1.2.3", "ghcr.io/acme/api"), "pushed no not taken over");
    assert_eq!(row("latest", "docker.io/acme/api"), "no unknown added");
    let shown = init(&history, &["--check"]);
    assert!(
        text(&shown.stdout).contains("not taken over: no template of the policy gives it"),
        "{}",
        text(&shown.stdout)
    );
}

#[test]
fn a_named_image_goes_into_the_file() {
    let history = repository(Some("https://gitlab.example.org/acme/api"));
    history.write("Dockerfile", "FROM a\n");
    let output = init(&history, &["--image", "acme/api"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = std::fs::read_to_string(history.path().join("release.toml")).unwrap();
    assert!(
        written.contains("repository = \"docker.io/acme/api\""),
        "{written}"
    );
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

/// A folder with a Dockerfile is an image of its own; the nearest policy upwards is the one that is
/// meant.
#[test]
fn a_folder_of_several_images_gets_its_own_policy() {
    let mut history = History::new();
    let id = history.say("feat: start");
    history.branch("main", id);
    history.tag("api-v1.2.0", id, false);
    history
        .git
        .remote("origin", "https://github.com/acme/mono")
        .unwrap();
    for folder in ["services/api", "services/web/src"] {
        std::fs::create_dir_all(history.path().join(folder)).unwrap();
    }
    history.write("services/api/Dockerfile", "FROM a\n");
    history.write("services/web/Dockerfile", "FROM a\n");
    let web = history.path().join("services/web");
    let output = init(&history, &["-C", web.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = std::fs::read_to_string(web.join("release.toml")).unwrap();
    for line in [
        "repository = \"ghcr.io/acme/mono/web\"",
        "context = \"services/web\"",
        "dockerfile = \"Dockerfile\"",
        "tag = \"web-v{version}\"",
        "paths = [\"services/web/**\"]",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    let below = web.join("src");
    let tags = history
        .hoist()
        .args(["tags", "0.2.0", "--offline", "--format", "refs", "-C"])
        .arg(&below)
        .output()
        .unwrap();
    let shown = text(&tags.stdout);
    assert!(
        shown.starts_with("ghcr.io/acme/mono/web:0.2.0\n"),
        "{shown}{}",
        text(&tags.stderr)
    );
    let other = init(&history, &["--config", "services/api/release.toml"]);
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
    let written =
        std::fs::read_to_string(history.path().join("services/api/release.toml")).unwrap();
    assert!(written.contains("tag = \"api-v{version}\""), "{written}");
}

#[test]
fn a_history_without_conventional_commits_gets_a_way_on() {
    let mut history = History::new();
    let ids: Vec<_> = ["start", "add things", "mend it", "fix: one", "more"]
        .iter()
        .map(|message| history.say(message))
        .collect();
    history.branch("main", ids[4]);
    history.write("Dockerfile", "FROM a\n");
    history.write(
        "Cargo.toml",
        "[package]\nname = \"api\"\nversion = \"0.3.0\"\n",
    );
    let output = init(&history, &["--image", "acme/api"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = std::fs::read_to_string(history.path().join("release.toml")).unwrap();
    for line in [
        "unconventional = \"patch\"",
        "initial = \"0.3.0\"",
        "push = false",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    let told = text(&output.stderr);
    assert!(told.contains("no conventional header"), "{told}");
    assert!(told.contains("delete it after `git remote add`"), "{told}");
}
