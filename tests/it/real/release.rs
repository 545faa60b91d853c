//! Whole releases on a real registry, a real git remote and, where said, a real engine.

use crate::support::{self, World};

/// Six tags of one release: the date is today's, so it is left out where a name is needed.
const MOVING: [&str; 3] = ["1.3", "1", "latest"];

#[test]
fn one_build_one_digest_every_tag_in_both_repositories() {
    let (Some(registry), Some(engine)) = (support::registry(), support::engine()) else {
        return;
    };
    let names = ["two/api", "two/mirror"];
    let world = World::new(registry, &names).with_engine(engine);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.2.3", "--yes"]);
    let sha = world.change(&clone, "feat: accept device codes");
    let run = world.hoist(&clone, &["release", "--yes"]);

    let digest = world.shows("1.3.0").unwrap();
    // One platform is one manifest: no attestation makes an index of it.
    let (media_type, _) = registry.get(names[0], "manifests/1.3.0");
    assert!(media_type.contains("manifest.v"), "{media_type}");
    let sha = format!("sha-{}", &sha[..7]);
    for name in names {
        let tags = registry.tags(name);
        let date = tags
            .iter()
            .find(|tag| tag.starts_with("20"))
            .expect("a date");
        for tag in ["1.3.0", &sha, date].into_iter().chain(MOVING) {
            assert_eq!(
                registry.digest(name, tag).as_ref(),
                Some(&digest),
                "{name}:{tag}"
            );
        }
        let printed = format!("{}@{digest}", registry.repository(name));
        assert!(run.stdout.contains(&printed), "{run}");
        assert_ne!(registry.digest(name, "1.2.3").unwrap(), digest);
    }
    let refs = world.remote.refs();
    assert!(
        refs.lines()
            .any(|r| r.starts_with("refs/tags/v1.3.0 ") && r.ends_with(" tag")),
        "{refs}"
    );
    world.assert_unlocked();

    let local = engine
        .run(&["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .unwrap();
    assert!(!local.contains("two/"), "{local}");
    let image = format!("{}:1.3", registry.repository("two/mirror"));
    engine.run(&["pull", "--quiet", &image]).unwrap();
    let said = engine.run(&["run", "--rm", &image]).unwrap();
    engine.run(&["rmi", &image]).unwrap();
    assert_eq!(said, "feat: accept device codes 1.3.0\n");
}

#[test]
fn a_backport_moves_its_own_line_and_nothing_else() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["backport/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.2.3", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    let before = world.tags();

    clone.git(&["switch", "--quiet", "--create", "1.2.x", "v1.2.3"]);
    world.change(&clone, "fix: a hole");
    let plan = world.hoist(&clone, &["plan"]);
    plan.says("1.2.4");
    for kept in ["keep", "1.3.0"] {
        plan.says(kept);
    }
    world.hoist(&clone, &["release", "--yes"]);

    let after = world.tags();
    let new = world.shows("1.2.4").unwrap();
    assert_eq!(world.shows("1.2"), Some(new.clone()));
    let moved: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    assert!(
        matches!(moved[..], [line] if line.starts_with("backport/api:1.2 ")),
        "{moved:?}"
    );
    let created: Vec<_> = after.iter().filter(|line| line.ends_with(&new)).collect();
    assert_eq!(created.len(), 3, "1.2.4, 1.2 and the commit: {created:?}");
    world.assert_unlocked();
}

#[test]
fn a_second_run_has_nothing_to_do_and_names_what_is_missing() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["again/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    let before = world.tags();
    world
        .hoist(&clone, &["release", "--yes"])
        .says("nothing to release");
    assert_eq!(world.tags(), before);

    registry.untag("again/api", "1");
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says("nothing to release");
    run.says("`1`");
    run.says("hoist release --version 1.0.0");
    assert_eq!(world.shows("1"), None);
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
}

#[test]
fn a_tag_pushed_by_hand_gets_its_image_and_stays_as_it_is() {
    let Some(registry) = support::registry() else {
        return;
    };
    let world = World::new(registry, &["byhand/api"]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.3.0", "--yes"]);
    world.change(&clone, "feat: by hand");
    clone.git(&["tag", "--annotate", "v1.4.0", "--message", "by hand"]);
    clone.push();
    let refs = world.remote.refs();
    world.hoist(&clone, &["release", "--version", "1.4.0", "--yes"]);
    assert_eq!(world.remote.refs(), refs);
    let digest = world.shows("1.4.0");
    assert!(digest.is_some());
    for tag in ["1.4", "1", "latest"] {
        assert_eq!(world.shows(tag), digest, "{tag}");
    }
}
