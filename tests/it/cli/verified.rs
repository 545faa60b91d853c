//! What `verify` judges a release by: the versions that are not withdrawn, and what was published then.

use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{
        Auth, Delete, Fault, On, PASSWORD, Personality, Rights, TestRegistry, Tokens, USER, What,
    },
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// Commits the policy with `change` made to it.
fn with_policy(clone: &Clone<'_>, change: impl Fn(String) -> String) {
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", change(policy));
    clone.commit("chore: policy");
    clone.push();
}

/// The line of a table that begins with `start`.
#[track_caller]
fn line<'r>(run: &'r Run, start: &str) -> &'r str {
    let mut lines = run.stdout.lines();
    let found = lines.find(|line| line.contains(start));
    found.unwrap_or_else(|| panic!("no line with `{start}`: {run}"))
}

#[test]
fn while_the_newest_version_is_withdrawn_latest_is_judged_by_the_others() {
    for policy in ["", "\n[tags]\nlatest = \"branch\"\n"] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.project("a");
        with_policy(&clone, |text| text + policy);
        world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
        world.change(&clone, "feat: more");
        world.hoist(&clone, &["release", "--yes"]);
        world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
        let good = world.hoist(&clone, &["verify"]);
        assert!(line(&good, ":latest").contains("kept"), "{good}");
        world.hoist(&clone, &["verify", "1.0.0"]);

        let mut state = registry.state();
        assert!(state.store.contents(NAME).unwrap().remove_tag("latest"));
        drop(state);
        let run = world.run(&clone, &["verify"]);
        run.expect(9);
        assert!(line(&run, ":latest").contains("missing"), "{policy} {run}");
        registry.foreign_push(NAME, "latest", &foreign());
        for args in [&["verify"][..], &["verify", "1.0.0"]] {
            let run = world.run(&clone, args);
            run.expect(9);
            let latest = line(&run, ":latest");
            assert!(latest.contains("wrong"), "{policy} {run}");
            let digest = world.shows("1.0.0").unwrap();
            assert!(
                latest.contains(&format!("should be {}", &digest[7..19])),
                "{policy} {run}"
            );
            run.says("hoist repair");
        }
        let json = world.run(&clone, &["verify", "--json"]).json();
        let tags = json["tags"].as_array().unwrap();
        let latest = tags.iter().find(|tag| tag["tag"] == "latest").unwrap();
        assert_eq!(
            latest["want"].as_str(),
            world.shows("1.0.0").as_deref(),
            "{json}"
        );
        world.hoist(&clone, &["repair", "--yes"]);
        assert_eq!(world.shows("latest"), world.shows("1.0.0"));
        world.hoist(&clone, &["verify"]);
        // A withdrawn version is the one image that it must not show.
        let taken_back = registry.tags(NAME)["1.1.0"].clone();
        let state = registry
            .state()
            .store
            .contents(NAME)
            .unwrap()
            .find(&taken_back.into(), crate::registry::server::Stale::Never);
        registry.foreign_push(NAME, "latest", &state.unwrap());
        world.run(&clone, &["verify", "1.0.0"]).expect(9);
    }
}

/// A repository, a variant, a platform and a template that the policy has got since are no fault of the release.
#[test]
fn an_older_release_is_judged_by_what_was_published_then() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let (old, new) = (
        registry.repository(NAME).to_string(),
        registry.repository("acme/mirror").to_string(),
    );
    with_policy(&clone, |text| {
        let text = text.replace(&format!("\"{old}\""), &format!("\"{old}\", \"{new}\""));
        text + "platforms = [\"linux/amd64\", \"linux/arm64\"]\n[tags]\n\
                fixed = [\"{version}\", \"sha-{sha}\", \"build-{version}\"]\n\
                [variants.alpine]\nlayout = \"dist/alpine\"\n"
    });
    for args in [&["verify"][..], &["verify", "1.0.0"], &["verify", "--all"]] {
        let run = world.hoist(&clone, args);
        run.says(&format!(
            "`{new}` is not judged: 1.0.0 was not published there, as its git tag records"
        ));
        run.says(&format!("`{old}` (main/alpine) is not judged"));
        assert!(!run.stdout.contains("missing"), "{run}");
        assert!(line(&run, ":build-1.0.0").contains("unjudged"), "{run}");
    }
    let json = world.hoist(&clone, &["verify", "--json"]).json();
    assert_eq!(json["ok"], true, "{json}");
    assert_eq!(json["not_judged"].as_array().unwrap().len(), 3, "{json}");

    // A repository that is out of the policy, too, is told.
    with_policy(&clone, |text| text.replace(&format!("\"{old}\", "), ""));
    let run = world.run(&clone, &["verify", "1.0.0"]);
    run.says(&format!(
        "`{old}` is not judged: 1.0.0 was published there, and the policy does not name it there any more"
    ));
}

/// Every hint after a second repository has come into the policy leads on, and the last one to its end.
#[test]
fn a_second_repository_gets_the_version_that_is_out() {
    for is_committed in [false, true] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME, "acme/mirror"]);
        let clone = world.project("a");
        let (old, new) = (
            registry.repository(NAME).to_string(),
            registry.repository("acme/mirror").to_string(),
        );
        let both = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let one = both.replace(&format!(", \"{new}\""), "");
        assert_ne!(one, both);
        with_policy(&clone, |_| one.clone());
        world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
        clone.write("release.toml", &both);
        if is_committed {
            clone.commit("chore: a second repository");
            clone.push();
        }
        let verified = world.hoist(&clone, &["verify"]);
        verified.says(&format!(
            "`{new}` is not judged: 1.0.0 was not published there"
        ));
        let lines = verified.stderr.lines();
        let mut way = lines.filter(|line| line.contains("publishes 1.0.0 there now"));
        let way = way.next().expect("a way on").split('`').nth(1).unwrap();
        match is_committed {
            false => {
                assert_eq!(way, "hoist release --version 1.0.0 --allow-dirty");
                let plan = world.hoist(&clone, &["plan"]);
                plan.says(&format!("`{way}` completes it"));
                // Without it, the way is told again, and no commit is asked for.
                let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
                run.expect(4);
                run.says("`--allow-dirty` completes the version with the policy as it is");
                assert!(!run.stderr.contains("git commit"), "{run}");
            }
            true => {
                assert!(
                    way.starts_with("git checkout v1.0.0 && git checkout main -- "),
                    "{way}"
                );
                let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
                run.expect(4);
                run.says("`git checkout v1.0.0`, then the same command, completes 1.0.0");
            }
        }
        let binary = env!("CARGO_BIN_EXE_hoist");
        let way = way.replace("hoist release", &format!("'{binary}' release --yes"));
        let done = Run::of(clone.command("sh").args(["-c", &way]));
        done.expect(0);
        let registry_tags = |name: &str| registry.tags(name);
        assert_eq!(registry_tags(NAME), registry_tags("acme/mirror"));
        if is_committed {
            clone.git(&["checkout", "--quiet", "main"]);
        }
        let verified = world.hoist(&clone, &["verify"]);
        assert!(!verified.stderr.contains("not judged"), "{verified}");
        assert!(
            verified.stdout.contains(&format!("{new}:latest")),
            "{verified}"
        );
        assert!(
            verified.stdout.contains(&format!("{old}:latest")),
            "{verified}"
        );
        world.hoist(&clone, &["repair"]);
    }
}

#[test]
fn a_tag_that_no_policy_moves_any_more_is_told_once() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    with_policy(&clone, |text| {
        text + "[tags]\nmoving = [\"{major}.{minor}\"]\n"
    });
    let told = format!(
        "`{}` has `1`, which shows 1.0.0; `latest`, which shows 1.0.0; no policy moves them",
        registry.repository(NAME)
    );
    for args in [&["verify"][..], &["plan"], &["verify", "--all"]] {
        let run = world.hoist(&clone, args);
        run.says(&told);
        assert_eq!(run.stderr.matches("no policy moves").count(), 1, "{run}");
    }
    world.hoist(&clone, &["release", "--yes"]);
    let run = world.hoist(&clone, &["plan"]);
    run.says("`latest`, which shows 1.0.0; no policy moves it");
}

/// Who may only read is told nothing of a right to push.
#[test]
fn who_only_reads_needs_no_right_to_push() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    registry.fault(Fault::always(
        On::method("GET").with("/tags/list"),
        What::Status(403, "DENIED"),
    ));
    registry.fault(Fault::always(
        On::method("POST").with("/blobs/uploads/"),
        What::Status(403, "DENIED"),
    ));
    let run = world.hoist(&clone, &["verify", "1.0.0"]);
    assert!(!run.stderr.contains("push"), "{run}");
    let run = world.run(&clone, &["repair"]);
    run.expect(4);
    run.says("the registry does not hand out its list of tags");
    assert!(!run.stderr.contains("push"), "{run}");
}

/// The right to push is proven by an upload, which is given up: after a try, after one that is refused, and
/// after a plan that is out of date.
#[test]
fn a_try_leaves_no_upload_behind() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let plan = world.hoist(&clone, &["plan", "--json"]).stdout;
    std::fs::write(&file, plan).unwrap();
    let file = file.to_str().unwrap();
    for (args, says) in [
        (&["release", "--dry-run"][..], ""),
        (&["release", "--dry-run"], "hoist-none"),
        (&["release", "--dry-run", "--plan", file], "plan"),
        (&["release", "--plan", file, "--yes"], "plan"),
    ] {
        if says == "hoist-none" {
            with_policy(&clone, |text| {
                text + "[sign]\nrun = [\"hoist-none\", \"{image}\"]\n"
            });
        }
        let uploads = |method| registry.count(&On::method(method).with("/blobs/uploads/"));
        let before = (uploads("POST"), uploads("DELETE"));
        let run = world.run(&clone, args);
        assert_eq!(run.code == Some(0), says.is_empty(), "{run}");
        run.says(says);
        let opened = uploads("POST") - before.0;
        assert_eq!(uploads("DELETE") - before.1, opened, "{args:?} {run}");
        assert!(opened > 0 || !says.is_empty(), "{run}");
    }
}

#[test]
fn a_fixed_tag_with_another_image_is_not_said_to_be_completed() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    registry.foreign_push(NAME, "1.0.0", &foreign());
    let run = world.run(&clone, &["verify"]);
    run.expect(9);
    run.says("another image is under `");
    run.says("hoist moves no fixed tag");
    assert!(!run.stderr.contains("completes"), "{run}");
    assert!(!run.stderr.contains("repair"), "{run}");
    // What it says of the way on is true.
    registry
        .state()
        .store
        .contents(NAME)
        .unwrap()
        .remove_tag("1.0.0");
    clone.git(&["checkout", "--quiet", "v1.0.0"]);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.hoist(&clone, &["verify"]);
}

/// Somebody has pushed a version's tag in order to have an image of it.
#[test]
fn a_git_tag_without_an_image_does_not_end_well() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    clone.git(&["tag", "v1.1.0"]);
    clone.git(&["push", "--quiet", "origin", "v1.1.0"]);
    for args in [
        &["release", "--yes"][..],
        &["release", "--dry-run"],
        &["release", "--yes", "--json"],
        &["check"],
    ] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("`v1.1.0` is a git tag without an image");
        run.says("`hoist release --version 1.1.0` publishes it");
    }
    world
        .hoist(&clone, &["plan"])
        .says("`hoist release --version 1.1.0` completes it");
    world.hoist(&clone, &["release", "--version", "1.1.0", "--yes"]);
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["check"]);
}

/// What runs around the build is looked for before it.
#[test]
fn a_program_that_is_not_there_is_told_before_the_build() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    for (index, (policy, says)) in [
        (
            "[hooks]\nbefore-build = [{ run = [\"hoist-none\"] }]\n",
            "the program `hoist-none` (`hooks.before-build`) is not there",
        ),
        ("[hooks]\nafter-stage = [{ run = [\"./smoke.sh\"] }]\n", ""),
        (
            "[hooks]\nafter-stage = [{ run = [\"hoist-none\"] }]\n",
            "the program `hoist-none` (`hooks.after-stage`) is not there",
        ),
        (
            "[hooks]\nafter-release = [{ run = [\"hoist-none\"] }]\n",
            "the program `hoist-none` (`hooks.after-release`) is not there",
        ),
        (
            "[sign]\nrun = [\"hoist-none\", \"{image}\"]\n",
            "the program `hoist-none` (`sign`) is not there",
        ),
        (
            "[sign]\nrun = [\"true\", \"{image}\"]\nverify = [\"hoist-none\", \"{image}\"]\n",
            "the program `hoist-none` (`sign`) is not there",
        ),
        (
            "[hooks]\nafter-release = [{ run = [\"hoist-none\"], allow-failure = true }]\n",
            "",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let clone = world.remote.clone(&format!("c{index}"), &[]);
        let clone = match index {
            0 => world.project("a"),
            _ => clone,
        };
        let first = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let first = first.split("[hooks]").next().unwrap();
        let first = first.split("[sign]").next().unwrap().to_owned();
        with_policy(&clone, |_| format!("{first}{policy}"));
        let (check, plan) = (
            world.run(&clone, &["check"]),
            world.run(&clone, &["plan", "--version", "1.0.0"]),
        );
        let dry = world.run(&clone, &["release", "--version", "1.0.0", "--dry-run"]);
        if says.is_empty() {
            assert!(!check.stderr.contains("is not there"), "{check}");
            dry.expect(0);
            continue;
        }
        check.expect(6);
        check.says(says);
        plan.expect(0);
        plan.says(&format!("`hoist release` would refuse: {says}"));
        dry.expect(6);
        let run = world.run(&clone, &["release", "--version", "1.0.0", "--yes"]);
        run.expect(6);
        run.says(says);
        run.says("nothing was built or moved");
        assert!(!run.stderr.contains("Building"), "{run}");
    }
}

/// A registry of which every read tells a token service what it is for.
#[test]
fn verbs_that_only_look_ask_for_no_right_to_push() {
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
    let run = |code: i32, args: &[&str]| {
        let mut command = world.command(&clone, args);
        command
            .env("HOIST_REGISTRY_HOST", registry.address().to_string())
            .env("HOIST_REGISTRY_USERNAME", USER)
            .env("HOIST_REGISTRY_PASSWORD", PASSWORD);
        Run::of(&mut command).expect(code);
    };
    run(0, &["release", "--version", "1.0.0", "--yes"]);
    // Whoever may only pull can look, also where more than that is refused.
    registry.behave(|rules| {
        rules.auth = Auth::Bearer(Tokens {
            anonymous_pull: false,
            rights: Rights::Pull,
            refuses_more: true,
            ..Tokens::default()
        });
    });
    world.change(&clone, "feat: more");
    let asked = |rights: &str| {
        let scope = format!("scope=repository%3Aacme%2Fapi%3A{rights}");
        registry.count(&On::any().with("/token").with(scope))
    };
    for args in [
        &["plan"][..],
        &["verify"],
        &["verify", "--all"],
        &["repair"],
        &["tags"],
        &["status"],
        &["inspect"],
    ] {
        registry.forget();
        run(0, args);
        assert_eq!(asked("pull%2Cpush"), 0, "{args:?}");
        // The lock alone tells of an unfinished release.
        assert_eq!(asked("pull") > 0, args != ["status"], "{args:?}");
    }
    registry.forget();
    run(6, &["check"]);
    assert!(asked("pull%2Cpush") > 0);
    registry.forget();
    run(6, &["release", "--yes"]);
    assert!(asked("pull%2Cpush") > 0);
}

/// A tag that no release moves is shown, and judged by nobody.
#[test]
fn latest_that_no_release_moves_is_listed() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[tags]\nlatest = \"never\"\n");
    clone.commit("feat: never");
    clone.push();
    world.hoist(&clone, &["release", "--yes"]);
    let latest = |version: &str| {
        let document = world.hoist(&clone, &["verify", version, "--json"]).json();
        let tags = document["tags"].as_array().unwrap().clone();
        let latest = tags.into_iter().find(|tag| tag["tag"] == "latest");
        let latest = latest.unwrap_or_else(|| panic!("{document}"));
        (latest["state"].clone(), latest["why"].clone())
    };
    let never = "`tags.latest` is \"never\": no release moves it; it shows";
    assert_eq!(
        latest("1.0.0"),
        ("unjudged".into(), format!("{never} this release").into())
    );
    assert_eq!(
        latest("1.1.0"),
        ("unjudged".into(), format!("{never} another image").into())
    );
    world
        .hoist(&clone, &["repair"])
        .says("`latest` (`tags.latest` is \"never\")");
}
