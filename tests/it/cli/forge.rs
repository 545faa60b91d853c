//! Releases on GitHub and GitLab: a draft before the tags move, public with the git tag, gone where the release
//! is rolled back; and what the forges refuse.

use std::{fs, process::Command};

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Fault, On, Personality, TestRegistry, What},
    support::{
        Run, World,
        forge::{TOKEN, TestForge},
        web::Answer,
    },
};

const NAME: &str = "acme/api";

pub(crate) struct Scene<'r> {
    pub world: World<'r>,
    pub forge: TestForge,
}

impl<'r> Scene<'r> {
    pub fn new(registry: &'r TestRegistry, forge: TestForge) -> Self {
        let world = World::new(registry, &[NAME]);
        forge.state().tags_of = Some(world.remote.path());
        Self { world, forge }
    }

    /// A project with these keys of `[forge]`, and files for its release.
    pub fn project(&self, keys: &str) -> Clone<'_> {
        let clone = self.world.project_that_settles("a");
        let mut policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let kind = match self.forge.state().is_gitlab {
            true => "gitlab",
            false => "github",
        };
        let url = self.forge.url();
        policy += &format!("\n[forge]\nkind = \"{kind}\"\nurl = \"{url}/acme/api\"\n{keys}\n");
        clone.write("release.toml", policy);
        clone.write("files/api.tar.gz", "an archive");
        clone.write("files/api.txt", "a text");
        clone.commit("chore: a forge");
        clone.push();
        clone
    }

    pub fn command(&self, clone: &Clone<'_>, args: &[&str]) -> Command {
        let mut command = self.world.command(clone, args);
        let variable = match self.forge.state().is_gitlab {
            true => "GITLAB_TOKEN",
            false => "GITHUB_TOKEN",
        };
        command
            .env(variable, TOKEN)
            .env("HOIST_FORGE_HOST", self.forge.host());
        command
    }

    pub fn run(&self, clone: &Clone<'_>, args: &[&str]) -> Run {
        let run = Run::of(&mut self.command(clone, args));
        assert!(!run.to_string().contains(TOKEN), "{run}");
        run
    }

    pub fn release(&self, clone: &Clone<'_>) -> Run {
        self.run(clone, &["release", "--version", "1.0.0", "--yes", "-vv"])
    }

    /// The whole of it is there: tags, git tag, and one release that everybody sees.
    #[track_caller]
    pub fn is_complete(&self, run: &Run) {
        assert!(self.world.shows("1.0.0").is_some(), "{run}");
        assert!(self.world.remote.refs().contains("v1.0.0"), "{run}");
        self.world.assert_unlocked();
        assert_eq!(
            self.forge.releases(),
            [("v1.0.0".to_owned(), false)],
            "{run}"
        );
        assert!(self.forge.state().made_tags.is_empty(), "{run}");
    }

    /// Nothing of it is there.
    #[track_caller]
    pub fn is_as_before(&self, run: &Run) {
        assert_eq!(self.world.shows("1.0.0"), None, "{run}");
        assert!(!self.world.remote.refs().contains("v1.0.0"), "{run}");
        self.world.assert_unlocked();
        assert_eq!(self.forge.releases(), [], "{run}");
        assert!(self.forge.state().packages.is_empty(), "{run}");
    }
}

pub(crate) fn registry() -> TestRegistry {
    TestRegistry::start(Personality::default())
}

/// `latest` is refused, so the release rolls back.
fn refusing() -> TestRegistry {
    let registry = registry();
    registry.fault(Fault::always(
        On::put_tag().with("/latest"),
        What::Status(403, "DENIED"),
    ));
    registry
}

/// The forge does not have the release's own commit when the draft is made.
#[test]
fn a_draft_names_a_commit_that_the_remote_has() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("[notes]\nchangelog = true");
    let head = clone.git(&["rev-parse", "HEAD"]);
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let log = scene.forge.log();
    let mut posts = log.iter().filter(|it| it.method == "POST");
    let draft = posts.find(|it| it.path().ends_with("/releases"));
    assert_eq!(draft.unwrap().json()["target_commitish"], head.trim());
    clone.git(&["fetch", "--quiet", "--tags"]);
    let parent = clone.git(&["rev-parse", "v1.0.0^{commit}^"]);
    assert_eq!(
        parent.trim(),
        head.trim(),
        "the release has a commit of its own"
    );
}

#[test]
fn a_draft_is_made_first_and_public_with_the_git_tag() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    let page = format!("{}/acme/api/releases/tag/v1.0.0", scene.forge.url());
    let plan = scene.run(&clone, &["plan", "--version", "1.0.0"]);
    plan.says(&format!(
        "makes {page} (a draft first; the latest; with files/*)"
    ));
    let check = scene.run(&clone, &["check"]);
    check.says("releases are made on");
    let run = scene.release(&clone);
    run.expect(0);
    run.says(&format!("Drafted {page}, 3 files"));
    run.says(&format!("Published {page}"));
    scene.is_complete(&run);
    let release = scene.forge.state().releases[0].clone();
    assert_eq!(release["make_latest"], "true");
    assert_eq!(release["prerelease"], false);
    let head = clone.git(&["rev-parse", "HEAD"]);
    assert_eq!(release["target_commitish"], head.trim());
    let digest = scene.world.shows("1.0.0").unwrap();
    let text = release["body"].as_str().unwrap();
    assert!(
        text.contains(&digest) && text.contains("## Images"),
        "{text}"
    );
    let names: Vec<_> = release["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["api.tar.gz", "api.txt", "SHA256SUMS"]);
    // The draft was there before anything had a name, and every change of it says all of it.
    let log = scene.forge.log();
    let lines: Vec<String> = log
        .iter()
        .map(|it| format!("{} {}", it.method, it.path()))
        .collect();
    let patches = log.iter().filter(|it| it.method == "PATCH");
    for patch in patches {
        let body = patch.json();
        for field in ["tag_name", "target_commitish", "name", "make_latest"] {
            assert!(body[field].is_string(), "{lines:?} {body}");
        }
    }
    // The receipt, and what a second run does: nothing.
    let told = scene.run(&clone, &["log", "1.0.0"]);
    told.says(&page);
    let again = scene.release(&clone);
    again.says("is there already");
    scene.is_complete(&again);
}

#[test]
fn the_outcome_names_the_page() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let run = scene.run(
        &clone,
        &["release", "--version", "1.0.0-rc.1", "--yes", "--json"],
    );
    run.expect(0);
    let outcome = run.outcome();
    assert_eq!(outcome["forge"]["kind"], "github");
    assert_eq!(outcome["forge"]["public"], true);
    let release = scene.forge.state().releases[0].clone();
    assert_eq!(release["prerelease"], true);
    assert_eq!(release["make_latest"], "false");
}

#[test]
fn gitlab_gets_files_first_and_the_release_last() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab());
    let clone = scene.project("assets = [\"files/*\"]");
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let release = scene.forge.state().releases[0].clone();
    let links = release["assets"]["links"].as_array().unwrap();
    assert_eq!(links.len(), 3);
    let url = links[0]["url"].as_str().unwrap();
    // Another run of this version has another package.
    let (package, file) = url.rsplit_once('/').unwrap();
    let version = package
        .rsplit_once("/api/v4/projects/acme%2Fapi/packages/generic/hoist-release/1.0.0-")
        .unwrap()
        .1;
    assert_eq!((version.len(), file), (32, "api.tar.gz"), "{url}");
    assert_eq!(scene.forge.state().packages.len(), 3);
}

#[test]
fn the_token_of_a_job_makes_releases_and_its_limits_are_told() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab());
    let clone = scene.project("assets = [\"files/*\"]");
    let with_job = |args: &[&str]| {
        let mut command = scene.world.command(&clone, args);
        command
            .env("CI_JOB_TOKEN", TOKEN)
            .env("HOIST_FORGE_HOST", scene.forge.host());
        Run::of(&mut command)
    };
    with_job(&["check"]).says("`CI_JOB_TOKEN` makes releases, and usually cannot push");
    let run = with_job(&["release", "--version", "1.0.0", "--yes"]);
    run.expect(0);
    scene.is_complete(&run);
}

#[test]
fn a_roll_back_deletes_what_the_forge_has() {
    for forge in [TestForge::github(), TestForge::gitlab()] {
        let registry = refusing();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("assets = [\"files/*\"]");
        let run = scene.release(&clone);
        run.expect(7);
        scene.is_as_before(&run);
    }
}

/// What each forge refuses before anything has a name: the release ends, and nothing is left.
#[test]
fn row_46_what_is_refused_before_the_tags_move_leaves_nothing() {
    let words = |status: u16, text: &str| Answer::json(status, &json!({ "message": text }));
    let cases: [(&str, Answer, i32, &str); 9] = [
        (
            "GET /api/v3/repos/acme/api",
            words(404, "Not Found"),
            6,
            "contents: write",
        ),
        (
            "GET /api/v3/repos/acme/api",
            words(401, "Bad credentials"),
            6,
            "Bad credentials",
        ),
        (
            "GET /api/v3/repos/acme/api",
            Answer::json(200, &json!({ "permissions": { "push": false } })),
            6,
            "may only read",
        ),
        (
            "POST /api/v3/repos/acme/api/releases",
            words(403, "Resource not accessible by integration"),
            6,
            "Resource not accessible by integration",
        ),
        (
            "POST /api/v3/repos/acme/api/releases",
            Answer::json(
                422,
                &json!({ "message": "Validation Failed", "errors": [{
                    "resource": "Release", "code": "custom", "field": "tag_name",
                    "message": "tag_name was used by an immutable release",
                }]}),
            ),
            6,
            "tag_name was used by an immutable release",
        ),
        (
            "POST /api/uploads/",
            words(422, "Cannot upload assets to an immutable release"),
            6,
            "immutable release",
        ),
        // Longer than any clock goes.
        (
            "GET /api/v3/repos/acme/api",
            words(429, "slow down").with("retry-after", u64::MAX),
            6,
            "slow down; it asks to be left alone until ",
        ),
        // The token that a proxy repeats is in no output, which each run is looked through for.
        (
            "POST /api/v3/repos/acme/api/releases",
            words(403, &format!("bad header: Bearer {TOKEN}")),
            6,
            "bad header: Bearer ***",
        ),
        (
            "POST /api/uploads/",
            Answer::text(502, "<html>Bad Gateway</html>"),
            6,
            "502",
        ),
    ];
    for (what, answer, code, says) in cases {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("assets = [\"files/*\"]");
        scene.forge.fault(what, usize::MAX, answer);
        let run = scene.release(&clone);
        run.expect(code);
        run.says(says);
        scene.is_as_before(&run);
    }
}

/// Limits on requests are waited for, as long as the forge says.
#[test]
fn a_forge_that_asks_for_fewer_requests_is_waited_for() {
    let soon = chrono::Utc::now().timestamp() + 1;
    let primary = Answer::json(
        403,
        &json!({ "message": "API rate limit exceeded for installation" }),
    )
    .with("x-ratelimit-remaining", 0)
    .with("x-ratelimit-reset", soon);
    let secondary = Answer::json(
        429,
        &json!({ "message": "You have exceeded a secondary rate limit" }),
    )
    .with("retry-after", 1);
    for (what, answer) in [
        ("GET /api/v3/repos/acme/api/releases", primary.clone()),
        ("POST /api/v3/repos/acme/api/releases", secondary.clone()),
        ("PATCH ", secondary),
        ("PATCH ", primary),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("");
        scene.forge.fault(what, 1, answer);
        let run = scene.release(&clone);
        run.expect(0);
        scene.is_complete(&run);
    }
}

/// An answer that is lost is not the end, and nothing is made twice.
#[test]
fn what_was_done_and_not_answered_is_found() {
    for what in [
        "POST /api/v3/repos/acme/api/releases",
        "PATCH ",
        "POST /api/uploads/",
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("assets = [\"files/*\"]");
        scene.forge.state().lost.push((what, 1));
        let run = scene.release(&clone);
        run.expect(0);
        scene.is_complete(&run);
    }
}

#[test]
fn row_49_refused_after_the_tag_is_out_the_next_release_completes_it() {
    for (forge, what, says) in [
        (
            TestForge::github(),
            "PATCH ",
            "Repository rule violations found",
        ),
        (
            TestForge::gitlab(),
            "POST /api/v4/projects/acme%2Fapi/releases",
            "protected",
        ),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("assets = [\"files/*\"]");
        let words = json!({ "message": format!("{says} here") });
        scene
            .forge
            .fault(what, usize::MAX, Answer::json(422, &words));
        let run = scene.release(&clone);
        run.expect(8);
        run.says(says);
        run.says("every image tag shows 1.0.0, and git has its tag");
        run.says("when the cause is gone, `hoist release --version 1.0.0` completes it");
        scene.world.assert_unlocked();
        assert!(scene.world.remote.refs().contains("v1.0.0"), "{run}");
        // However often it is refused, one draft is there, and no package.
        for _ in 0..2 {
            scene.release(&clone).expect(8);
            let is_gitlab = scene.forge.state().is_gitlab;
            let drafts = scene.forge.releases().len();
            assert_eq!(drafts, usize::from(!is_gitlab));
            assert!(scene.forge.state().packages.is_empty());
        }
        scene.forge.state().faults.clear();
        let run = scene.release(&clone);
        run.expect(0);
        scene.is_complete(&run);
        let packages = scene.forge.state().packages.len();
        assert!(packages == 0 || packages == 3, "{packages}");
    }
}

/// The page was made public, and nothing shows that: so nothing is said of it.
#[test]
fn what_was_not_seen_of_the_page_is_not_known() {
    for (forge, what) in [
        (TestForge::github(), "PATCH "),
        (
            TestForge::gitlab(),
            "POST /api/v4/projects/acme%2Fapi/releases",
        ),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("");
        scene.forge.state().lost.push((what, 1));
        scene.forge.state().refuses_after = Some(what);
        let run = scene.run(
            &clone,
            &["release", "--version", "1.0.0", "--yes", "--json"],
        );
        run.expect(8);
        let outcome = run.outcome();
        assert!(outcome["forge"]["public"].is_null(), "{outcome:#}");
        let told = outcome["error"].to_string();
        assert!(
            told.contains("releases/tag/v1.0.0 shows the release is not known")
                || told.contains("releases/v1.0.0 shows the release is not known"),
            "{told}"
        );
        assert!(!told.contains("does not show"), "{told}");
        scene.forge.state().refuses_after = None;
        let run = scene.release(&clone);
        run.expect(0);
        scene.is_complete(&run);
    }
}

/// GitHub takes no empty file, and would say so when all is built and staged.
#[test]
fn an_empty_file_is_refused_by_name_and_never_sent() {
    for forge in [TestForge::github(), TestForge::gitlab()] {
        let is_gitlab = forge.state().is_gitlab;
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("assets = [\"files/*\"]");
        clone.write("files/marker", "");
        clone.commit("chore: a marker");
        clone.push();
        let run = scene.release(&clone);
        if is_gitlab {
            run.expect(0);
            continue;
        }
        // A command makes the image, and could have filled the file: it is named when that has run, and not sent.
        run.expect(6);
        run.says("`files/marker` is empty (`forge.assets`)");
        run.says("no tag has moved");
        let sent = scene.forge.log();
        assert!(sent.iter().all(|it| it.method == "GET"), "{run}");
        scene.is_as_before(&run);
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let lines = policy.lines().filter(|line| !line.starts_with("command"));
        clone.write("release.toml", lines.collect::<Vec<_>>().join("\n"));
        clone.commit("chore: no command");
        clone.push();
        let run = scene.release(&clone);
        run.expect(6);
        run.says("`files/marker` is empty (`forge.assets`)");
        run.says("nothing was built or moved");
        scene.is_as_before(&run);
    }
}

/// Messages go out once at most; that none did is said.
#[test]
fn what_is_not_announced_is_told() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone =
        scene.project("\n[[announce]]\nurl = { env = \"ROOM\" }\ntemplate = \"room.json.jinja\"");
    clone.write("room.json.jinja", "{}");
    clone.commit("chore: a room");
    clone.push();
    let words = json!({ "message": "Repository rule violations found" });
    scene
        .forge
        .fault("PATCH ", usize::MAX, Answer::json(422, &words));
    let run = scene.release(&clone);
    run.expect(8);
    run.says("1.0.0 is published, and not announced");
    scene.forge.state().faults.clear();
    let run = scene.release(&clone);
    run.expect(0);
    run.says("this run does not announce 1.0.0");
    // A run that finds all of it done says nothing.
    let run = scene.release(&clone);
    assert!(!run.to_string().contains("announce"), "{run}");
}

/// GitHub takes such a draft, and refuses to make it public for ever.
#[test]
fn a_tag_name_of_an_immutable_release_is_told_with_what_helps() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    scene.forge.state().used_names.push("v1.0.0".to_owned());
    let run = scene.release(&clone);
    run.expect(8);
    run.says("tag_name was used by an immutable release");
    run.says("the next version has its own");
    assert!(!run.to_string().contains("completes it"), "{run}");
    let run = scene.run(&clone, &["release", "--version", "1.0.1", "--yes"]);
    run.expect(0);
    assert!(
        scene
            .forge
            .releases()
            .contains(&("v1.0.1".to_owned(), false))
    );
}

/// The forge does not answer any more when the git tag is out: the lock stays, and another clone finishes it.
#[test]
fn row_48_another_clone_makes_it_public() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        policy.replace("[publish]", "[publish]\ndeadline = \"6s\""),
    );
    clone.commit("chore: less time");
    clone.push();
    scene
        .forge
        .fault("PATCH ", usize::MAX, Answer::text(502, ""));
    let run = scene.release(&clone);
    run.expect(8);
    run.says("`hoist resume` finishes it");
    assert!(scene.world.remote.refs().contains("v1.0.0"), "{run}");
    assert!(
        scene.world.remote.refs().contains("refs/hoist/publish"),
        "{run}"
    );
    let status = scene.run(&clone, &["status"]);
    status.expect(5);
    status.says("releases/tag/v1.0.0");
    status.says("git has its tag, so it cannot be undone: `hoist resume` makes its page public");
    scene.forge.state().faults.clear();
    // Whoever asks for the way back gets no page made public.
    let other = scene.world.remote.clone("b", &[]);
    for (clone, args) in [
        (&clone, &["rollback", "--yes"] as &[&str]),
        (&other, &["rollback", "--take-over", "--yes"]),
    ] {
        let back = scene.run(clone, args);
        back.expect(4);
        back.says("1.0.0 cannot be undone: git has its tag `v1.0.0`");
        back.says("releases/tag/v1.0.0 is not public; the lock stays");
        back.says("`hoist resume` makes the page public");
        assert_eq!(
            scene.forge.releases(),
            [("v1.0.0".to_owned(), true)],
            "{back}"
        );
    }
    let there = scene.run(&other, &["status"]);
    there.says("git has its tag, so it cannot be undone");
    there.says("its release on the forge may not be public");
    let resumed = scene.run(&other, &["resume", "--take-over", "--yes"]);
    resumed.expect(0);
    scene.is_complete(&resumed);
}

/// Something between hoist and the forge says that all is well, and nothing was done; or the forge says one thing
/// and has another.
#[test]
fn an_answer_is_believed_only_where_it_shows_what_was_asked_for() {
    let page = || Answer::text(200, "<html>Please sign in</html>");
    let other = || {
        Answer::json(
            200,
            &json!({ "id": 5, "tag_name": "v0.9.0", "draft": false }),
        )
    };
    let draft = || {
        Answer::json(
            200,
            &json!({ "id": 101, "tag_name": "v1.0.0", "draft": true }),
        )
    };
    let lab = "POST /api/v4/projects/acme%2Fapi/releases";
    let put = "PUT /api/v4/projects/acme%2Fapi/packages/generic/";
    for (forge, what, answer) in [
        (TestForge::github(), "PATCH ", page()),
        (TestForge::github(), "PATCH ", draft()),
        (
            TestForge::github(),
            "POST /api/v3/repos/acme/api/releases",
            other(),
        ),
        (TestForge::github(), "POST /api/uploads/", page()),
        (TestForge::gitlab(), lab, page()),
        (TestForge::gitlab(), lab, other()),
        (TestForge::gitlab(), put, page()),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("assets = [\"files/*\"]");
        scene.forge.fault(what, 1, answer);
        let run = scene.release(&clone);
        run.expect(0);
        scene.is_complete(&run);
    }
}

/// The same for as long as it is asked: what is true is said.
#[test]
fn a_false_answer_is_an_error_that_says_what_is_true() {
    let page = || Answer::text(200, "<html>Please sign in</html>");
    let other = || {
        Answer::json(
            200,
            &json!({ "id": 5, "tag_name": "v0.9.0", "draft": false }),
        )
    };
    let draft = || {
        Answer::json(
            200,
            &json!({ "id": 101, "tag_name": "v1.0.0", "draft": true }),
        )
    };
    for (answer, says) in [
        (page(), "it answers 200, and not with JSON"),
        (
            other(),
            "it answers 200, and not with the release of `v1.0.0`",
        ),
        (
            draft(),
            "it answers 200, and the release 101 is a draft still",
        ),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("");
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        clone.write(
            "release.toml",
            policy.replace("[publish]", "[publish]\ndeadline = \"4s\""),
        );
        clone.commit("chore: less time");
        clone.push();
        scene.forge.fault("PATCH ", usize::MAX, answer);
        let run = scene.release(&clone);
        run.expect(8);
        run.says(says);
        run.says("`hoist resume` finishes it");
        assert_eq!(
            scene.forge.releases(),
            [("v1.0.0".to_owned(), true)],
            "{run}"
        );
        scene.forge.state().faults.clear();
        let run = scene.run(&clone, &["resume", "--yes"]);
        run.expect(0);
        scene.is_complete(&run);
    }
}

/// What a look shows is looked at, too: before anything moves it is an error.
#[test]
fn the_release_of_another_tag_is_not_taken_for_this_one() {
    let other = json!({ "id": 5, "tag_name": "v0.9.0", "draft": false, "body": "x" });
    for (forge, what) in [
        (
            TestForge::github(),
            "GET /api/v3/repos/acme/api/releases/tags/v1.0.0",
        ),
        (
            TestForge::gitlab(),
            "GET /api/v4/projects/acme%2Fapi/releases/v1.0.0",
        ),
    ] {
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("");
        scene.forge.fault(what, 1, Answer::json(200, &other));
        let run = scene.release(&clone);
        run.expect(6);
        run.says("not with the release of `v1.0.0`");
        scene.is_as_before(&run);
    }
}

#[test]
fn a_deletion_that_was_only_said_to_be_done_is_told() {
    for forge in [TestForge::github(), TestForge::gitlab()] {
        let registry = refusing();
        let scene = Scene::new(&registry, forge);
        let clone = scene.project("assets = [\"files/*\"]");
        scene.forge.fault(
            "DELETE ",
            usize::MAX,
            Answer::text(200, "<html>Gone</html>"),
        );
        let run = scene.release(&clone);
        run.expect(7);
        run.says("could not be deleted");
        run.says("it answers 200, and what was to be deleted is still there");
    }
}

/// Runs that died have left drafts: they are named, and go when nothing can need them any more.
#[test]
fn drafts_of_runs_that_are_over_are_named_and_deleted() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let draft = |id: u64, tag: &str, mark: &str| {
        let text = format!("what is new\n\n<!-- hoist: 1a2b {tag}{mark} -->\n");
        json!({ "id": id, "tag_name": tag, "draft": true, "body": text, "assets": [] })
    };
    let now = chrono::Utc::now()
        .format(", %Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let old = ", 2026-01-01T00:00:00Z";
    let theirs =
        json!({ "id": 15, "tag_name": "v0.7.0", "draft": true, "body": "mine", "assets": [] });
    scene.forge.state().releases.extend([
        draft(11, "v0.9.0", old),
        draft(12, "v0.9.0", &now),
        draft(13, "worker/v0.9.0", old),
        draft(14, "v0.8.0", &format!("{old}, adopted")),
        theirs,
    ]);
    let check = scene.run(&clone, &["check"]);
    check.says("a run has left the draft 11 of `v0.9.0`, which the next release deletes");
    check.says("the draft 12 of `v0.9.0`, made on ");
    assert!(!check.to_string().contains("the draft 13"), "{check}");
    assert!(!check.to_string().contains("the draft 14"), "{check}");
    let run = scene.release(&clone);
    run.expect(0);
    run.says("deleted the draft 11 of `v0.9.0`");
    let left: Vec<u64> = scene
        .forge
        .state()
        .releases
        .iter()
        .filter_map(|it| it["id"].as_u64())
        .collect();
    assert_eq!(left[..4], [12, 13, 14, 15], "{run}");
}

/// Packages of runs that have died: nothing shows them but the package registry.
#[test]
fn packages_of_runs_that_are_over_are_named_and_deleted() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab());
    let clone = scene.project("assets = [\"files/*\"]");
    let nonce = |digit: &str| digit.repeat(32);
    let old = "2026-01-01T00:00:00.000Z";
    let now = chrono::Utc::now().to_rfc3339();
    let dead = format!("0.9.0-{}", nonce("a"));
    let alive = format!("0.9.0-{}", nonce("b"));
    let linked = format!("0.8.0-rc.1+b.2-{}", nonce("c"));
    let theirs = format!("handbook-{}", nonce("d"));
    {
        let mut state = scene.forge.state();
        for (version, made) in [
            (&*dead, old),
            (&*alive, &*now),
            (&*linked, old),
            (&*theirs, old),
            ("0.7.0", old),
        ] {
            state.add_package(version, made);
        }
        let place = linked.replace('+', "%2B");
        let url =
            format!("https://h/api/v4/projects/1/packages/generic/hoist-release/{place}/api.txt");
        // A release of another policy of the project.
        state
            .releases
            .push(json!({ "tag_name": "worker/v0.8.0", "draft": false,
            "assets": { "links": [{ "name": "api.txt", "url": url }] } }));
    }
    let check = scene.run(&clone, &["check"]);
    check.says(&format!(
        "a run has left the package `{dead}`, which the next release deletes"
    ));
    check.says(&format!("the package `{alive}`, made on "));
    for version in [&linked, &theirs] {
        assert!(!check.to_string().contains(version), "{check}");
    }
    let run = scene.release(&clone);
    run.expect(0);
    run.says(&format!("deleted the package `{dead}`"));
    let state = scene.forge.state();
    let mut left: Vec<_> = state.packages.iter().map(|it| it.0.clone()).collect();
    left.dedup();
    assert_eq!(
        left[..4],
        [alive, linked, theirs, "0.7.0".to_owned()],
        "{run}"
    );
    assert_eq!(left.len(), 5, "{run}");
}

/// How old a draft is, the forge's clock tells alone: this machine's may be days off.
#[test]
fn a_wrong_clock_deletes_no_draft_of_a_run_that_is_alive() {
    for (days, is_over) in [(-30, false), (30, true)] {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("");
        // The draft is two days old by the machine's clock that this test has.
        let ahead = chrono::TimeDelta::days(days);
        scene.forge.state().ahead = ahead;
        let made = chrono::Utc::now() - chrono::TimeDelta::days(2);
        let mark = made.format("%Y-%m-%dT%H:%M:%SZ");
        let text = format!("what is new\n\n<!-- hoist: 1a2b v0.9.0, {mark} -->\n");
        let draft =
            json!({ "id": 11, "tag_name": "v0.9.0", "draft": true, "body": text, "assets": [] });
        scene.forge.state().releases.push(draft);
        let run = scene.release(&clone);
        run.expect(0);
        let is_left = scene
            .forge
            .releases()
            .contains(&("v0.9.0".to_owned(), true));
        assert_eq!(is_left, !is_over, "{days}: {run}");
        // What this run has written down is the forge's time.
        let log = scene.forge.log();
        let made = log.iter().find(|it| it.method == "POST").unwrap().json();
        let body = made["body"].as_str().unwrap();
        let day = (chrono::Utc::now() + ahead)
            .format("v1.0.0, %Y-%m-")
            .to_string();
        assert!(body.contains(&day), "{body}");
    }
}

/// A project with more releases than ten pages have: the draft of a person is the last one.
#[test]
fn a_draft_behind_many_releases_is_found() {
    for links in [true, false] {
        let registry = registry();
        let scene = Scene::new(&registry, TestForge::github());
        let clone = scene.project("");
        {
            let mut state = scene.forge.state();
            state.links_pages = links;
            for id in 1000..2350_u64 {
                state
                    .releases
                    .push(json!({ "id": id, "tag_name": format!("nightly-{id}"),
                    "draft": false, "body": "x", "assets": [] }));
            }
            state
                .releases
                .push(json!({ "id": 5, "tag_name": "v1.0.0", "draft": true,
                "body": "our own words", "assets": [] }));
        }
        let run = scene.release(&clone);
        run.expect(4);
        run.says("GitHub has a draft of `v1.0.0` that hoist has not made");
    }
}

/// A list that gives the same page for ever is an error, and not a wait.
#[test]
fn a_list_without_an_end_is_an_error() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let one = |id: u64| json!({ "id": id, "tag_name": "v0", "draft": false, "body": "x" });
    let page: Vec<_> = (0..100).map(one).collect();
    let answer = Answer::json(200, &json!(page));
    scene.forge.fault("/releases?per_page", usize::MAX, answer);
    let run = scene.release(&clone);
    run.expect(6);
    run.says("the next page is the same again");
    assert_eq!(scene.world.shows("1.0.0"), None);
}

/// A person has put a file of the same name into the draft that hoist is to take.
#[test]
fn a_file_of_a_person_in_their_draft_is_left_alone() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("use-draft = true\nassets = [\"files/*\"]");
    let asset = |id: u64, name: &str| {
        let digest = format!("sha256:{}", "0".repeat(64));
        json!({ "id": id, "name": name, "size": 3, "state": "uploaded", "digest": digest })
    };
    let theirs = json!({
        "id": 5, "tag_name": "v1.0.0", "name": "Spring", "draft": true, "body": "our own words",
        "assets": [asset(6, "manual.pdf"), asset(7, "api.txt")],
    });
    scene.forge.state().releases.push(theirs.clone());
    let run = scene.release(&clone);
    run.expect(4);
    run.says("the draft of `v1.0.0` on GitHub has another file `api.txt` than this release");
    assert_eq!(scene.forge.state().releases, [theirs]);
    assert_eq!(scene.world.shows("1.0.0"), None);
    let assets = json!([asset(6, "manual.pdf")]);
    scene.forge.state().releases[0]["assets"] = assets;
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let release = scene.forge.state().releases[0].clone();
    assert_eq!(release["name"], "Spring");
    let assets = release["assets"].as_array().unwrap();
    let names: Vec<_> = assets.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["manual.pdf", "api.tar.gz", "api.txt", "SHA256SUMS"]);
}

#[test]
fn a_draft_of_somebody_else_is_left_alone_or_taken_with_its_text() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let theirs = json!({
        "id": 5, "tag_name": "v1.0.0", "draft": true, "body": "our own words", "assets": [],
    });
    scene.forge.state().releases.push(theirs.clone());
    let run = scene.release(&clone);
    run.expect(4);
    run.says("GitHub has a draft of `v1.0.0` that hoist has not made");
    run.says("forge.use-draft");
    assert_eq!(scene.forge.state().releases, [theirs]);
    assert_eq!(scene.world.shows("1.0.0"), None);
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        policy.replace("[forge]", "[forge]\nuse-draft = true"),
    );
    clone.commit("chore: take it");
    clone.push();
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let body = scene.forge.state().releases[0]["body"].clone();
    assert!(
        body.as_str().unwrap().starts_with("our own words"),
        "{body}"
    );
}

/// `release.toml` names a host that the token is not for.
#[test]
fn the_token_is_not_sent_to_another_host() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let mut command = scene.command(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let run = Run::of(command.env("HOIST_FORGE_HOST", "git.example.org"));
    run.expect(6);
    run.says("`GITHUB_TOKEN` is not sent to");
    assert_eq!(scene.forge.log().len(), 0);
    scene.is_as_before(&run);
}

/// The journal and the lock hold no token.
#[test]
fn no_token_is_kept_anywhere() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    scene.release(&clone).expect(0);
    let journals = clone.path().join(".git/hoist/journal");
    let mut count = 0;
    for entry in fs::read_dir(journals).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(TOKEN));
        assert!(text.contains("releases/tag/v1.0.0"), "{text}");
        count += 1;
    }
    assert_eq!(count, 1);
}

#[test]
fn a_report_names_the_page() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let report = |end: &str| {
        let file = format!("../run.{end}");
        let args = ["release", "--version", "1.0.0", "--yes", "--report", &file];
        scene.run(&clone, &args).expect(0);
        fs::read_to_string(clone.path().join(file)).unwrap()
    };
    let record: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(record["forge"]["public"], true, "{record:#}");
    let page = record["forge"]["url"].as_str().unwrap();
    assert!(page.contains("v1.0.0"), "{page}");
}
