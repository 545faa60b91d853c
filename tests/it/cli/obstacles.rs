//! What one verb knows of what stands in the way, the others say.

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";

/// A release that is held in the middle by the policy of `publish.on-failure`.
fn unfinished<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.released();
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write(
        "release.toml",
        policy + "\n[publish]\non-failure = \"hold\"\nverify-timeout = \"2s\"\n",
    );
    clone.commit("feat: held");
    clone.push();
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    world.run(&clone, &["release", "--yes"]).expect(8);
    registry.heal();
    clone
}

#[test]
fn an_unpushed_head_is_told_before_a_release_refuses() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    clone.commit("fix: not pushed");
    let words = "`hoist release` would refuse: `origin` does not have HEAD";
    let plan = world.hoist(&clone, &["plan"]);
    plan.says(words);
    plan.says("`git push origin HEAD`");
    let document = world.hoist(&clone, &["plan", "--json"]).json();
    let messages = document["messages"].as_array().unwrap();
    assert!(
        messages
            .iter()
            .any(|text| text.as_str().unwrap().starts_with(words)),
        "{document}"
    );
    let check = world.run(&clone, &["check"]);
    check.expect(4);
    check.says("problem  git remote");
    clone.push();
    assert!(
        !world
            .hoist(&clone, &["plan"])
            .stderr
            .contains("would refuse")
    );
    // Uncommitted files are told, too.
    clone.write("greet.sh", "echo not committed\n");
    world.hoist(&clone, &["plan"]).says("uncommitted changes");
}

#[test]
fn an_unfinished_release_is_seen_by_every_verb_that_looks() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let first = unfinished(&world, &registry);
    // The release of that commit goes on with it; any other is refused.
    world
        .hoist(&first, &["plan"])
        .says("an earlier run has begun to release 1.1.0 of this commit");
    world.change(&first, "fix: later");
    // Another clone sees it by its lock alone.
    let second = world.remote.clone("b", &[]);
    for clone in [&first, &second] {
        let check = world.run(clone, &["check"]);
        check.expect(5);
        check.says("problem  other releases");
        let json = world.run(clone, &["check", "--json"]).json();
        let finding = json["findings"].as_array().unwrap().iter();
        let finding = finding
            .clone()
            .find(|one| one["what"] == "other releases")
            .unwrap();
        assert_eq!(
            (&finding["ok"], &finding["error"]["exit"]),
            (&false.into(), &5.into()),
            "{json}"
        );
        world.run(clone, &["plan"]).says("1.1.0 is unfinished");
        let verify = world.run(clone, &["verify", "1.0.0"]);
        verify.says("1.1.0");
        verify.says("hoist resume");
        let json = world.run(clone, &["verify", "1.0.0", "--json"]).json();
        assert!(
            json["unfinished"].as_str().unwrap().contains("1.1.0"),
            "{json}"
        );
        let dry = world.run(clone, &["release", "--dry-run"]);
        dry.expect(5);
        world.run(clone, &["rollback", "1.0.0", "--yes"]).expect(5);
    }
    world.hoist(&first, &["rollback"]);
    for clone in [&first, &second] {
        let check = world.run(clone, &["check"]);
        check.says("ok       other releases: none is unfinished");
        let verify = world.hoist(clone, &["verify", "1.0.0", "--json"]).json();
        assert_eq!(verify["unfinished"], serde_json::Value::Null);
        assert!(
            !world
                .hoist(clone, &["plan"])
                .stderr
                .contains("would refuse")
        );
    }
}

/// The question comes after the look.
#[cfg(target_os = "linux")]
#[test]
fn nobody_is_asked_about_a_release_that_would_be_refused() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    clone.commit("fix: not pushed");
    let run = crate::cli::questions::on_terminal(&clone, "release", &["y\n"]);
    run.expect(4);
    run.says("does not have HEAD");
    assert!(!run.stdout.contains("[y/N]"), "{run}");
}
