//! What one verb knows of what stands in the way, the others say.

use testkit::sandbox::Clone;

use crate::{
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::{Run, World},
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
    world
        .run(&first, &["check"])
        .says("ok       other releases: an earlier run has begun to release 1.1.0 of this commit");
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

/// Whoever names something that is close to what is there is answered with what is there.
#[test]
fn hints_have_the_names_at_hand() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--pre", "rc", "--yes"]);
    for (args, exit, words) in [
        (
            &["promote", "1.1.0"][..],
            2,
            "`hoist promote 1.1.0-rc.1` publishes that image as 1.1.0",
        ),
        (&["inspect", "9.9.9"], 4, "no repository has 9.9.9"),
        (
            &["-C", "/not/there", "plan"],
            4,
            "`/not/there` does not exist",
        ),
    ] {
        let run = world.run(&clone, args);
        run.expect(exit);
        run.says(words);
    }
    for name in ["1.0.0", "v1.0.0"] {
        world
            .hoist(&clone, &["inspect", name])
            .says("acme/api:1.0.0");
    }
    world
        .hoist(&clone, &["inspect", "1.1.0-rc.1", "--since", "1.0.0"])
        .says("acme/api:1.1.0-rc.1");
}

/// A history without conventional headers has a way on.
#[test]
fn where_no_commit_counts_they_are_listed_with_the_ways_on() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "more of everything");
    for args in [&["plan"][..], &["release", "--yes"]] {
        let run = world.hoist(&clone, args);
        run.says("more of everything");
        run.says("`--bump patch` releases them all the same");
        run.says("version.unconventional = \"patch\"");
    }
    clone.git(&["checkout", "-q", "-b", "1.0.x", "v1.0.0"]);
    clone.write("greet.sh", "echo new\n");
    clone.commit("feat: new");
    let refused = world.run(&clone, &["plan"]);
    refused.expect(4);
    refused.says("`--bump patch` releases them as 1.0.1 all the same");
    assert_eq!(
        world.hoist(&clone, &["next", "--bump", "patch"]).stdout,
        "1.0.1\n"
    );
}

#[test]
fn a_machine_without_git_is_told_what_is_missing() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let mut command = world.command(&clone, &["release", "--yes"]);
    let run = Run::of(command.env("PATH", "/nonexistent"));
    run.expect(6);
    run.says("there is no program `git` in `PATH`");
    run.says("hint: install git");
}

/// A tag that somebody made here by mistake decides no release without a word.
#[test]
fn a_tag_that_the_remote_does_not_have_is_told_where_it_decides() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "fix: small");
    clone.git(&["tag", "v5.0.0", "HEAD~1"]);
    let words = "the version is counted from `v5.0.0`, which `origin` does not have: `git push origin refs/tags/v5.0.0`";
    world.hoist(&clone, &["plan"]).says(words);
    world.hoist(&clone, &["release", "--yes"]).says(words);
    world.change(&clone, "fix: smaller");
    let next = world.hoist(&clone, &["release", "--yes"]);
    assert!(!next.stderr.contains("counted from"), "{next}");
}

#[test]
fn a_version_below_what_is_published_is_told_by_every_verb() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    clone.git(&["push", "--quiet", "origin", ":refs/tags/v1.0.0"]);
    clone.git(&["tag", "-d", "v1.0.0"]);
    let words = "0.1.0 is below 1.0.0, which `";
    world.hoist(&clone, &["plan"]).says(words);
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says(words);
    assert!(!run.stderr.contains("no tags at all"), "{run}");
}

/// A git tag that names a version, and no image of it.
#[test]
fn a_version_without_an_image_is_completed_by_release_alone() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    clone.git(&["tag", "v1.0.0"]);
    clone.git(&["push", "--quiet", "origin", "v1.0.0"]);
    let verify = world.run(&clone, &["verify"]);
    verify.expect(9);
    verify.says("note: `hoist release --version 1.0.0` at its commit completes 1.0.0\n");
    let repair = world.hoist(&clone, &["repair"]);
    repair.says("no moving tag was looked at");
    let tags = world.run(&clone, &["tags", "--require-release"]);
    tags.expect(3);
    tags.says("nothing to release");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    registry.foreign_push(NAME, "latest", &foreign());
    let verify = world.run(&clone, &["verify"]);
    verify.expect(9);
    verify.says("note: `hoist repair` mends moving tags\n");
    // The commit is part of this branch: there is nothing to merge.
    world.change(&clone, "fix: more");
    let taken = world.run(&clone, &["plan", "--version", "1.0.0"]);
    taken.expect(4);
    taken.says("hint: name a version that is free: `--version 1.0.1`");
}

#[test]
fn one_reason_is_told_once_and_ways_on_name_what_there_is() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    clone.git(&["remote", "rename", "origin", "upstream"]);
    let plan = world.run(&clone, &["plan"]);
    plan.expect(4);
    plan.says("hint: set `git.remote = \"upstream\"`, or `git.push = false`, in release.toml");
    let check = world.run(&clone, &["check"]);
    check.expect(4);
    check.says("other releases: for the reason told at `plan`");
    clone.git(&["remote", "rename", "upstream", "origin"]);
    clone.git(&["checkout", "-q", "--orphan", "empty"]);
    let check = world.run(&clone, &["check"]);
    check.expect(4);
    check.says("plan: for the reason told at `branch and tree`");
    assert_eq!(check.stderr.matches("no commits yet").count(), 1, "{check}");
    // What is no version is refused before anybody is asked.
    let words = world.run(&clone, &["release", "--version", "latest"]);
    words.expect(2);
    words.says("`latest` is not a valid version");
    let file = world.run(&clone, &["--config", "nope.toml", "plan"]);
    file.expect(2);
    file.says("hint: `hoist --config nope.toml init` writes it");
}

/// Everything that `plan` says, `check` says, too: it is the one command before a release.
#[test]
fn check_leaves_out_nothing_that_plan_says() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let said = |words: &str| {
        let plan = world.hoist(&clone, &["plan", "--json"]).json();
        let messages = plan["messages"].as_array().unwrap().clone();
        let all = format!("{messages:?}");
        assert!(all.contains(words), "{words}: {plan}");
        let document = world.run(&clone, &["check", "--json"]).json();
        let findings = document["findings"].as_array().unwrap().clone();
        let notes = |one: &serde_json::Value| one["notes"].as_array().unwrap().clone();
        let notes: Vec<_> = findings.iter().flat_map(notes).collect();
        let shown = world.run(&clone, &["check"]).stderr;
        for message in &messages {
            assert!(notes.contains(message), "{message}: {document}");
            let text = message.as_str().unwrap();
            assert!(shown.contains(text), "{text}: {shown}");
        }
    };
    // A higher version on another branch, of which there is no image.
    clone.git(&["checkout", "--quiet", "-b", "aside", "HEAD~1"]);
    clone.commit("feat: aside");
    clone.git(&["tag", "v3.0.0"]);
    clone.git(&["push", "--quiet", "origin", "v3.0.0"]);
    clone.git(&["checkout", "--quiet", "main"]);
    said("3.0.0");
    // Nothing to release, and a tag that shows something else.
    world.hoist(&clone, &["release", "--yes"]);
    registry.foreign_push(NAME, "latest", &foreign());
    said("does not show 1.1.0 under `latest`");
    // Commits that do not count.
    world.change(&clone, "reworked by hand");
    said("reworked by hand");
}

/// One cause, told in the same words by each verb.
#[test]
fn check_and_release_tell_a_refused_push_alike() {
    for (status, code, words) in [
        (403, "DENIED", "no right to push to"),
        (404, "NAME_UNKNOWN", "there is no repository"),
        (404, "NOT_FOUND", "takes no image for"),
    ] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = world.released();
        let upload = On::method("POST").with("/blobs/uploads/");
        registry.fault(Fault::always(upload, What::Status(status, code)));
        let hint = |run: &Run| {
            let mut lines = run.stderr.lines();
            let hint = lines.find(|line| line.starts_with("hint:"));
            hint.unwrap_or_default().to_owned()
        };
        let check = world.run(&clone, &["check"]);
        check.expect(6);
        check.says(words);
        let release = world.run(&clone, &["release", "--yes"]);
        release.expect(6);
        release.says(words);
        assert_eq!(hint(&check), hint(&release));
        assert!(
            !check.stderr.contains("the credentials are known"),
            "{check}"
        );
    }
}

/// git finds no branch for a commit by itself: the push that is named has one.
#[test]
fn a_detached_head_is_pushed_to_a_branch_by_name() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    clone.git(&["checkout", "--quiet", "--detach"]);
    clone.commit("fix: not pushed");
    let run = world.run(&clone, &["release", "--branch", "main", "--yes"]);
    run.expect(4);
    let hint = "git push origin HEAD:refs/heads/main";
    run.says(hint);
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    clone.git(&words);
    world.hoist(&clone, &["release", "--branch", "main", "--yes"]);
}
