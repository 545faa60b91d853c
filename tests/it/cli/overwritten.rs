//! Somebody overwrites every tag that a run has moved, before the run looks at them again: it has moved
//! tags, whatever they show now.

use std::{collections::BTreeMap, sync::Arc};

use hoist::oci::{Digest, Tag};
use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, Stale, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// 1.0.0 and 1.1.0 are out.
fn two_releases<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    clone
}

/// Runs the binary while somebody overwrites each tag right after it has moved.
fn overwritten(
    world: &World<'_>,
    registry: &TestRegistry,
    clone: &Clone<'_>,
    args: &[&str],
) -> Run {
    let before: BTreeMap<String, Digest> = registry.tags(NAME);
    registry.fault(Fault::always(
        On::put_tag(),
        What::After(Arc::new(move |state| {
            for (tag, digest) in state.store.tags(NAME) {
                if before.get(&tag) != Some(&digest) {
                    state.store.foreign_push(NAME, &tag, &foreign());
                }
            }
        })),
    ));
    let run = world.run(clone, args);
    registry.heal();
    run
}

/// `latest` shows 1.0.0 again.
fn misplace_latest(registry: &TestRegistry) {
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    let from = "1.0.0".parse::<Tag>().unwrap().into();
    let manifest = contents.find(&from, Stale::Never).unwrap();
    contents.put(Some("latest"), manifest);
}

#[test]
fn rows_27_and_30_a_run_whose_tags_are_all_overwritten_has_moved_them() {
    for args in [
        &["repair", "--yes"][..],
        &["rollback", "1.1.0", "--yes"],
        &["release", "--yes"],
    ] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = two_releases(&world);
        match args[0] {
            "repair" => misplace_latest(&registry),
            "release" => drop(world.change(&clone, "feat: even more")),
            _ => {}
        }
        let run = overwritten(&world, &registry, &clone, args);
        run.expect(8);
        run.says("it changed while this release was running");
        assert!(!run.to_string().contains("moved no tag"), "{run}");
        let theirs = foreign().digest().to_string();
        assert_eq!(world.shows("latest"), Some(theirs), "{run}");
        world.assert_unlocked();
    }
}

/// Somebody pushes `latest` while the run moves its tags: the hint names the command that mends it.
#[test]
fn the_hint_of_each_verb_names_the_command_that_takes_up_what_is_left() {
    for (args, hint) in [
        (&["repair", "--yes"][..], "`hoist repair --yes` takes up"),
        (
            &["rollback", "1.1.0", "--yes"],
            "`hoist rollback 1.1.0`, then `hoist repair --yes`, takes up",
        ),
        (
            &["promote", "1.2.0-rc.1", "--yes"],
            "`hoist promote 1.2.0-rc.1` takes up",
        ),
        (
            &["release", "--yes"],
            "`hoist release` of the same commit takes up",
        ),
    ] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = two_releases(&world);
        match args[0] {
            "repair" => misplace_latest(&registry),
            "rollback" => {}
            _ => drop(world.change(&clone, "feat: even more")),
        }
        if args[0] == "promote" {
            world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
        }
        let latest = On::put_tag().with("/manifests/latest");
        registry.fault(Fault::always(
            latest,
            What::After(Arc::new(|state| {
                state.store.foreign_push(NAME, "latest", &foreign());
            })),
        ));
        let run = world.run(&clone, args);
        registry.heal();
        run.expect(8);
        run.says(hint);
        world.hoist(&clone, args);
        if args[0] == "rollback" {
            world.hoist(&clone, &["repair", "--yes"]);
        }
        let wanted = match args[0] {
            "repair" => "1.1.0",
            "rollback" => "1.0.0",
            _ => "1.2.0",
        };
        assert_eq!(world.shows("latest"), world.shows(wanted), "{args:?}");
        assert!(!world.remote.refs().contains("refs/hoist/publish"));
    }
}
