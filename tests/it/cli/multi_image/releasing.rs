//! Releases of several images: side by side, one failing, one after another.

use hoist::{
    Cancel, Environment, ErrorCode, Events, Location, Planned, ProjectSet, ReleaseRequest,
    ReleaseResult, blocking::ReleaseSet,
};
use serde_json::Value;

use super::services::{
    API, NAMES, WEB, commit, extend_policies, lines, monorepo, policy, registry, released,
};
use crate::{
    registry::server::{Fault, On, What},
    support::{self, Shelf, World},
};

#[test]
fn one_image_fails_and_the_other_is_published() {
    let Some(registry) = support::registry() else {
        return;
    };
    let names = ["several/api", "several/web"];
    let world = World::new(registry, &names);
    let clone = monorepo(&world, registry, names);
    commit(&clone, "libs/log.rs", "feat: one log for all");
    // Both have the very same image, and one of them a layer that nobody can make.
    let broken =
        policy("web", &registry.repository("several/web"), "").replace("image.sh", "no.sh");
    clone.write(WEB, broken);
    clone.commit("ci: web has another script");
    clone.push();

    let run = world.run(&clone, &["release", "--all", "--yes"]);
    run.expect(6);
    run.says("`services/web/release.toml`: `sh no.sh` failed");
    let digest = registry.digest("several/api", "0.1.0").unwrap();
    let printed = format!("{}@{digest}\n", registry.repository("several/api"));
    assert_eq!(run.stdout, printed, "{run}");
    assert!(registry.tags("several/web").is_empty());
    let refs = world.remote.refs();
    assert!(
        refs.contains("refs/tags/api-v0.1.0 ") && !refs.contains("web-v"),
        "{refs}"
    );
    world.assert_unlocked();

    clone.write(WEB, policy("web", &registry.repository("several/web"), ""));
    clone.commit("ci: web has the script of all");
    clone.push();
    let run = world.hoist(&clone, &["release", "--all", "--yes", "--json"]);
    let outcomes: Vec<_> = lines(&run)
        .into_iter()
        .filter(|line| line["type"] == "outcome")
        .map(|line| {
            (
                line["config"].clone(),
                line["outcome"].clone(),
                line["exit"].clone(),
            )
        })
        .collect();
    let named = |config: &str, outcome: &str| (config.into(), outcome.into(), 0.into());
    assert_eq!(
        outcomes,
        [
            named(API, "nothing"),
            named(WEB, "published"),
            (Value::Null, "published".into(), 0.into())
        ],
        "{run}"
    );
    assert_eq!(registry.digest("several/web", "0.1.0").unwrap().len(), 71);
    world.assert_unlocked();
    world
        .hoist(&clone, &["next", "--all"])
        .says("nothing to release");
}

/// The same bytes for both, at the same time, from one clone: locks, journals and images on disk
/// are apart. Several rounds, so that they meet in many ways.
#[test]
fn two_releases_at_once_do_not_disturb_each_other() {
    for push in [true, false] {
        let registry = registry();
        let world = World::new(&registry, &NAMES);
        let clone = monorepo(&world, &registry, NAMES);
        extend_policies(&clone, &registry, &format!("\n[git]\npush = {push}\n"));
        clone.commit("ci: where the lock is");
        clone.push();
        for round in 1..=8 {
            commit(&clone, "libs/log.rs", &format!("feat: round {round}"));
            let run = world.hoist(&clone, &["release", "--all", "--yes", "--json"]);
            let version = format!("0.{round}.0");
            let whole = run.outcome();
            for (image, config) in [API, WEB].into_iter().enumerate() {
                let entry = &whole["releases"][image];
                assert_eq!(entry["config"], config, "{run}");
                assert_eq!(entry["outcome"], "published", "{run}");
                assert_eq!(entry["version"], version.as_str(), "{run}");
            }
            for name in NAMES {
                let tags = Shelf::tags(&registry, name);
                let shows = |tag: &str| tags.iter().find(|(name, _)| name == tag).map(|(_, d)| d);
                assert!(shows(&version).is_some(), "{name} {tags:?}");
                assert_eq!(shows("latest"), shows(&version), "{name}");
            }
            let tags = clone.git(&["tag", "--list", &format!("*-v{version}")]);
            assert_eq!(tags, format!("api-v{version}\nweb-v{version}"));
            world
                .hoist(&clone, &["status", "--all"])
                .says("no release is unfinished");
        }
        world.assert_unlocked();
        let images = clone.path().join(".git/hoist/images");
        for folder in std::fs::read_dir(images).unwrap() {
            let left = std::fs::read_dir(folder.unwrap().path()).unwrap().count();
            assert_eq!(left, 0, "what is over needs no image on disk");
        }
    }
}

#[test]
fn a_roll_back_of_one_leaves_the_other_and_decides_the_exit_code() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = released(&world, &registry);
    let before = Shelf::tags(&registry, "acme/web");
    commit(&clone, "libs/log.rs", "feat: a better log");
    let latest = On::put_manifest().with("/acme/web/manifests/latest");
    registry.fault(Fault::once(latest, What::Status(403, "DENIED")));
    let run = world.run(&clone, &["release", "--all", "--yes", "--json"]);
    run.expect(7);
    let whole = run.outcome();
    assert_eq!(whole["outcome"], "rolled-back", "{run}");
    let ends: Vec<_> = [0, 1]
        .map(|image| whole["releases"][image]["exit"].clone())
        .into();
    assert_eq!(ends, [0, 7], "{run}");
    assert_eq!(Shelf::tags(&registry, "acme/web"), before);
    assert!(
        Shelf::tags(&registry, "acme/api")
            .iter()
            .any(|(tag, _)| tag == "0.2.0")
    );
    for line in lines(&run).split_last().unwrap().1 {
        assert!(line["config"] == API || line["config"] == WEB, "{line}");
    }
    world.assert_unlocked();
}

/// Each moves the branch that the next one starts from, so they go one after another.
#[test]
fn images_that_make_a_commit_are_released_one_after_another() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    extend_policies(&clone, &registry, "\n[notes]\nchangelog = true\n");
    commit(&clone, "libs/log.rs", "feat: one log for all");
    world.hoist(&clone, &["release", "--all", "--yes"]);
    for (service, name) in ["api", "web"].into_iter().zip(NAMES) {
        let tags = Shelf::tags(&registry, name);
        assert!(
            tags.iter().any(|(tag, _)| tag == "0.1.0"),
            "{name} {tags:?}"
        );
        let file = format!("main:services/{service}/CHANGELOG.md");
        let text = world.remote.git(&["show", &file]);
        assert!(text.contains("one log for all"), "{text}");
    }
    let commits = world.remote.git(&["log", "-2", "--format=%s", "main"]);
    assert_eq!(commits, "chore(release): 0.1.0\nchore(release): 0.1.0");
    world.assert_unlocked();
    let run = world.hoist(&clone, &["next", "--all"]);
    assert_eq!(run.stdout, "", "{run}");
}

/// What a person has seen and said yes to, through the library: the answer needs a terminal.
#[test]
fn plans_that_were_shown_are_carried_out_or_refused() {
    let registry = registry();
    let world = World::new(&registry, &NAMES);
    let clone = monorepo(&world, &registry, NAMES);
    extend_policies(&clone, &registry, "\n[notes]\nchangelog = true\n");
    clone.commit("chore: changelogs");
    clone.push();
    commit(&clone, "libs/log.rs", "feat: one log for all");

    let set = || {
        let location = Location {
            directory: clone.path().to_owned(),
            ..Location::default()
        };
        let projects = ProjectSet::all(&location, &Environment::default()).unwrap();
        ReleaseSet::new(projects, &Cancel::new(), |_| Events::none()).unwrap()
    };
    let request = ReleaseRequest::default();
    let stale = set().plan(&request);
    let shown = set().plan(&request);
    let Ok(Planned::Release(first)) = &shown[0].result else {
        panic!("{shown:?}");
    };
    let first = first.commit.to_string();
    for image in set().execute(shown, &request) {
        let Ok(ReleaseResult::Ended(outcome)) = &image.result else {
            panic!("{image:?}");
        };
        assert_eq!(outcome.exit_code(), 0, "{outcome:#?}");
    }
    // The first commit is the one that was shown; the second stands on it.
    assert_eq!(
        world.remote.git(&["rev-parse", "api-v0.1.0^{commit}"]),
        first
    );
    assert_eq!(
        world.remote.git(&["rev-parse", "web-v0.1.0^{commit}~1"]),
        first
    );

    for image in set().execute(stale, &request) {
        let error = image.result.expect_err("the plan is out of date");
        assert_eq!(error.code(), ErrorCode::PlanOutOfDate, "{error:?}");
        assert_eq!(error.exit_code(), 4);
    }
    world.assert_unlocked();
}
