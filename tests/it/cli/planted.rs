//! Journals that somebody has planted in the lock: nothing of them is done that the policy, the labels, the
//! receipts and what is published do not explain.

use std::fs;

use hoist::oci::Digest;
use serde_json::{Value, json};

use crate::{
    cli::{
        locks::{NAME, changed, dead, encoded, lock, plant, position},
        refusal::die_between_two_tags,
    },
    registry::server::{Delete, TestRegistry},
    support::World,
};

/// The same git tag object, of another commit.
fn renamed_object(prepared: &mut Value, from: &str, to: &str) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes = STANDARD.decode(prepared["git_tag"]["object"].as_str().unwrap());
    let text = String::from_utf8(bytes.unwrap())
        .unwrap()
        .replacen(from, to, 1);
    prepared["git_tag"]["object"] = json!(STANDARD.encode(text));
}

#[test]
fn a_planted_journal_does_only_what_the_policy_would() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let tip = clone.git(&["rev-parse", "HEAD"]);
    let parent = clone.git(&["rev-parse", "HEAD^"]);
    let foreign = registry.repository("acme/other").to_string();
    let other = world.remote.clone("other", &[]);
    // A commit that no branch has, with a policy that would give all of it.
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.git(&["checkout", "--quiet", "-b", "evil"]);
    let wide = "\n[tags]\nmoving = [\"stable\"]\n[version]\nfiles = [{ path = \"VERSION\" }]\n";
    clone.write("release.toml", policy + wide);
    clone.write("VERSION", "1.0.0\n");
    let evil = clone.commit("feat: evil");
    clone.git(&["push", "--quiet", "origin", "HEAD:refs/hoist/evil"]);
    clone.git(&["checkout", "--quiet", "-"]);
    let before = (
        world.tags(),
        world
            .remote
            .git(&["for-each-ref", "refs/heads", "refs/tags"]),
    );
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let table: Vec<(&str, Change<'_>)> = vec![
        (
            "does not name",
            Box::new(|p| {
                p["repositories"][0]["repository"] = json!(foreign);
            }),
        ),
        (
            "not a lock of",
            Box::new(|p| {
                p["lock_refs"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!("refs/heads/main"));
            }),
        ),
        (
            "makes no release commits",
            Box::new(|p| {
                p["branch"] = json!({"name": "refs/heads/main", "before": parent});
            }),
        ),
        (
            "makes no release commits",
            Box::new(|p| {
                p["commit"] = json!(evil);
                p["branch"] = json!({"name": "refs/heads/main", "before": tip});
            }),
        ),
        (
            "does not name commit",
            Box::new(|p| p["commit"] = json!(parent)),
        ),
        (
            "not the one that it pushes",
            Box::new(|p| renamed_object(p, &tip, &parent)),
        ),
        (
            "it pushes `refs/tags/v9.9.9`",
            Box::new(|p| p["git_tag"]["name"] = json!("v9.9.9")),
        ),
        (
            "the git tag of 9.9.9 is `v9.9.9`",
            Box::new(|p| p["version"] = json!("9.9.9")),
        ),
        (
            "does not give 1.1.0 the tag",
            Box::new(|p| {
                let latest = position(p, "latest");
                p["tags"][latest]["tag"] = json!("stable");
            }),
        ),
        // Another version's own tag, and its moving one.
        (
            "does not give 1.1.0 the tag",
            Box::new(|p| {
                let latest = position(p, "latest");
                p["tags"][latest]["tag"] = json!("1.0.0");
            }),
        ),
        (
            "does not give 1.1.0 the tag",
            Box::new(|p| {
                let line = position(p, "1.1");
                p["tags"][line]["tag"] = json!("1.0");
            }),
        ),
        (
            "by the policy, not a fixed one",
            Box::new(|p| {
                let latest = position(p, "latest");
                p["tags"][latest]["kind"] = json!("fixed");
            }),
        ),
        (
            "which never moves",
            Box::new(|p| {
                let (version, latest) = (position(p, "1.1.0"), position(p, "latest"));
                p["tags"][version]["before"] = p["tags"][latest]["before"].clone();
            }),
        ),
    ];
    for (words, change) in table {
        plant(&other, &name, &changed(&text, |prepared| change(prepared)));
        for verb in ["resume", "rollback"] {
            let run = world.run(&other, &[verb, "--take-over", "--yes"]);
            run.expect(4);
            run.says(words);
            run.says("state: nothing was changed");
        }
        let now = world
            .remote
            .git(&["for-each-ref", "refs/heads", "refs/tags"]);
        assert_eq!((world.tags(), now), before, "{words}");
    }

    // A journal that fits is shown and asked about, and its paths are those of this machine.
    let planted = world.remote.home().join("planted");
    plant(
        &other,
        &name,
        &changed(&text, |prepared| {
            prepared["images"][0]["dir"] = json!(planted.join("here"));
        }),
    );
    let run = world.run(&other, &["resume"]);
    run.expect(2);
    run.says("latest` goes from");
    run.says("git tag `v1.1.0`");
    run.says("`hoist resume --yes` goes ahead");
    let run = world.run(&other, &["rollback"]);
    run.expect(2);
    run.says("latest` goes back to");
    world.hoist(&other, &["resume", "--yes"]);
    assert!(!planted.exists(), "a path of the journal was used");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    assert_eq!(world.remote.git(&["rev-parse", "v1.1.0^{commit}"]), tip);
}

/// The clone that began the release knows what it is, whatever the lock says by now.
#[test]
fn a_clones_own_journal_is_believed_and_not_the_locks() {
    for taken_over in [false, true] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = dead(&world, &registry);
        let (name, text) = lock(&world);
        let other = world.remote.clone("other", &[]);
        let mut planted = changed(&text, |prepared| {
            let latest = position(prepared, "latest");
            prepared["tags"][latest]["tag"] = json!("stable");
            prepared["version"] = json!("9.9.9");
        });
        if taken_over {
            let record = serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap();
            let prepared = &record["record"]["prepared"];
            let mut owner = prepared["owner"].clone();
            owner["nonce"] = json!("bbbbbbbbbbbb");
            let at = &prepared["started"];
            planted += &encoded(
                &json!(1),
                &json!({"taken-over": {"at": at, "owner": owner}}),
            );
        }
        plant(&other, &name, &planted);
        world.hoist(&clone, &["resume"]);
        assert_eq!(world.shows("latest"), world.shows("1.1.0"), "{taken_over}");
        assert_eq!(world.shows("stable"), None, "{taken_over}");
        world.assert_unlocked();
    }
}

/// Where the policy at hand has changed, that of the release's own commit counts, if a branch has it.
#[test]
fn the_policy_of_a_commit_on_a_branch_counts_too() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let tip = clone.git(&["rev-parse", "HEAD"]);
    let other = world.remote.clone("other", &[]);
    let policy = fs::read_to_string(other.path().join("release.toml")).unwrap();
    other.write("release.toml", policy + "\n[tags]\nmoving = [\"stable\"]\n");
    // Without its branch the commit is one that only the lock names.
    other.git(&[
        "push",
        "--quiet",
        "--force",
        "origin",
        "HEAD^:refs/heads/main",
    ]);
    let run = world.run(&other, &["resume", "--yes"]);
    run.expect(4);
    run.says("does not give 1.1.0 the tag");
    other.git(&[
        "push",
        "--quiet",
        "origin",
        &format!("{tip}:refs/heads/topic"),
    ]);
    let run = world.run(&other, &["resume", "--yes"]);
    run.expect(4);
    run.says("does not give 1.1.0 the tag");
    other.git(&[
        "push",
        "--quiet",
        "origin",
        &format!("{tip}:refs/heads/main"),
    ]);
    let run = world.hoist(&other, &["resume", "--yes"]);
    run.says("by the policy of its own commit");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    world.assert_unlocked();
}

#[test]
fn a_planted_journal_moves_no_tag_to_an_image_of_its_choice() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let _dead = dead(&world, &registry);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    let old = world.shows("1.0.0").unwrap();
    let evil = Digest::of(b"evil").to_string();
    let before = world.tags();
    let only_latest = |p: &mut Value| {
        let latest = p["tags"][position(p, "latest")].clone();
        p["tags"] = json!([latest]);
        p["git_tag"] = json!(null);
    };
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let table: Vec<(&str, &[&str], i32, Change<'_>)> = vec![
        (
            "is not of this release",
            &["resume", "rollback", "release"],
            4,
            Box::new(|p| p["images"][0]["manifest"] = json!(old)),
        ),
        (
            "neither the image of 1.1.0 nor that of another version",
            &["resume", "rollback", "release"],
            4,
            Box::new(|p| {
                let mut image = p["images"][0].clone();
                image["manifest"] = json!(old);
                p["images"].as_array_mut().unwrap().push(image);
                let line = position(p, "1.1");
                p["tags"][line]["image"] = json!(1);
            }),
        ),
        (
            "not the image of the version that the tag belongs to",
            &["resume", "rollback"],
            4,
            Box::new(|p| {
                only_latest(p);
                p["version"] = json!("1.0.0");
                p["tags"][0]["before"] = json!(null);
                p["images"][0]["manifest"] = json!(old);
            }),
        ),
        // A way back that nothing explains is for a person alone.
        (
            "a person has to agree",
            &["rollback"],
            2,
            Box::new(|p| {
                let line = position(p, "1");
                p["tags"][line]["before"] = json!(evil);
            }),
        ),
        (
            "a person has to agree",
            &["rollback"],
            2,
            Box::new(|p| {
                only_latest(p);
                p["tags"][0]["before"] = json!(null);
            }),
        ),
        (
            "its tags of the day are of 2001",
            &["resume", "rollback"],
            4,
            Box::new(|p| {
                p["instant"] = json!("2001-01-01T00:00:00Z");
                let mut tags = p["tags"].as_array_mut().unwrap().iter_mut();
                let day = tags.find(|tag| tag["tag"].as_str().unwrap().starts_with("20"));
                day.unwrap()["tag"] = json!("2001-01-01");
            }),
        ),
    ];
    for (words, verbs, exit, change) in table {
        plant(&other, &name, &changed(&text, |prepared| change(prepared)));
        for verb in verbs {
            let args: &[&str] = match *verb {
                "release" => &["release", "--yes"],
                verb => &[verb, "--take-over", "--yes"],
            };
            let run = world.run(&other, args);
            run.expect(exit);
            run.says(words);
        }
        assert_eq!(world.tags(), before, "{words}");
    }
    let patient = changed(&text, |p| {
        for key in ["verify_timeout", "deadline", "grace"] {
            p[key] = json!(u64::MAX);
        }
    });
    plant(&other, &name, &patient);
    world.hoist(&other, &["rollback", "--yes"]);
    assert_eq!(world.shows("latest"), Some(old));
    world.assert_unlocked();
}

/// Where no label says whose the image is, only `resume --yes` agrees to it.
#[test]
fn a_release_follows_no_lock_whose_image_nothing_proves() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project_that_settles("a");
    let script = fs::read_to_string(clone.path().join("image.sh")).unwrap();
    let line = script.lines().find(|line| line.starts_with("labels="));
    clone.write("image.sh", script.replace(line.unwrap(), "labels='{}'"));
    clone.commit("chore: no labels");
    clone.push();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    die_between_two_tags(&world, &registry, &clone);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    let run = world.run(&other, &["release", "--yes"]);
    run.expect(5);
    run.says("it has no revision label");
    run.says("hoist resume");
    let old = world.shows("1.0.0").unwrap();
    let planted = changed(&text, |p| p["images"][0]["manifest"] = json!(old));
    plant(&other, &name, &planted);
    let run = world.run(&other, &["resume", "--yes"]);
    run.expect(4);
    run.says("another version published it");
    plant(&other, &name, &text);
    world.hoist(&other, &["resume", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

/// A server without atomic pushes takes the git tag first; then the lock may stay.
#[test]
fn a_lock_that_outlives_its_git_tag_is_taken_away() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    world.hoist(&clone, &["resume"]);
    let done = world.tags();
    let tag = world.remote.git(&["rev-parse", "v1.1.0"]);
    for args in [
        &["release", "--yes"][..],
        &["resume", "--take-over", "--yes"],
        &["rollback", "--take-over", "--yes"],
    ] {
        plant(&clone, &name, text.lines().next().unwrap());
        let other = world.remote.clone("other", &[]);
        let run = world.run(&other, args);
        run.expect(if args[0] == "rollback" { 4 } else { 0 });
        world.assert_unlocked();
        let tag_now = world.remote.git(&["rev-parse", "v1.1.0"]);
        assert_eq!((world.tags(), tag_now), (done.clone(), tag.clone()));
        fs::remove_dir_all(other.path()).unwrap();
    }
}
