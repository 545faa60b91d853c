//! Journals of this clone that cannot be read: they stop every verb, and `unlock` is the way out.

use std::{fs, path::PathBuf};

use testkit::sandbox::Clone;

use crate::{
    cli::locks::{NAME, dead, lock},
    registry::server::{Delete, TestRegistry},
    support::World,
};

/// The journal of the release that died.
fn journal(clone: &Clone<'_>) -> PathBuf {
    let directory = clone.path().join(".git/hoist/journal");
    let files = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "jsonl"));
    files.sort_by_key(|file| fs::metadata(file).unwrap().modified().unwrap());
    files.pop().expect("a journal")
}

#[test]
fn a_journal_that_cannot_be_read_is_put_aside_by_unlock() {
    for (args, newer) in [
        (&["unlock", "--yes", "--json"][..], false),
        (&["unlock", "--discard", "--yes", "--json"], false),
        (&["unlock", "--yes", "--json"], true),
    ] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = dead(&world, &registry);
        let (name, _) = lock(&world);
        world.remote.git(&["update-ref", "-d", &name]);
        let file = journal(&clone);
        let text = fs::read_to_string(&file).unwrap();
        let damaged = match newer {
            true => text.replace("{\"v\":", "{\"v\":9"),
            false => format!("X{}", &text[1..]),
        };
        fs::write(&file, &damaged).unwrap();
        let tags = world.tags();
        for verb in [&["status"][..], &["rollback"], &["release", "--yes"]] {
            let run = world.run(&clone, verb);
            run.expect(5);
            run.says("state: nothing was changed");
            run.says("`hoist unlock` saves it");
        }
        let run = world.hoist(&clone, args);
        let document = run.json();
        let found = &document["locks"][0];
        assert!(
            file.to_str()
                .unwrap()
                .contains(found["journal"].as_str().unwrap())
        );
        let saved = fs::read_to_string(found["saved"].as_str().unwrap()).unwrap();
        assert_eq!(saved, damaged);
        assert_eq!(world.tags(), tags);
        world.hoist(&clone, &["status"]);
        world.hoist(&clone, &["release", "--yes"]);
        assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    }
}

/// The lock has a copy that is whole.
#[test]
fn a_damaged_journal_is_not_said_to_be_elsewhere() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let file = journal(&clone);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("X{}", &text[1..])).unwrap();
    let run = world.run(&clone, &["status"]);
    run.expect(5);
    run.says("its journal in this clone is damaged");
    world.hoist(&clone, &["rollback", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
}
