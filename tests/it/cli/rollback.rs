//! A release that is taken back, and the list of all of them.

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    cli::{
        locks::{changed, lock, plant},
        refusal::die_between_two_tags_of,
    },
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, Stale, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// 1.0.0, and 1.1.0 after it.
fn two<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.released();
    world.hoist(&clone, &["release", "--yes"]);
    clone
}

/// Replaces a part of the policy, and releases by it from then on.
fn with_policy(clone: &Clone<'_>, change: impl Fn(String) -> String) {
    let policy = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", change(policy));
    clone.commit("chore: policy");
}

/// The marks of the remote, and what one of them says.
fn marks(world: &World<'_>) -> Vec<String> {
    let refs = world.remote.refs();
    let names = refs.lines().filter_map(|line| line.split(' ').next());
    let below = names.filter_map(|name| name.strip_prefix("refs/hoist/withdrawn/"));
    below.map(str::to_owned).collect()
}

#[test]
fn a_release_is_taken_back_and_the_next_one_goes_on() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let (old, new) = (world.shows("1.0.0"), world.shows("1.1.0"));
    let before = world.tags();
    for (args, exit, words) in [
        (&["1.1.0"][..], 2, "hoist rollback 1.1.0 --yes"),
        (&["7.7.7", "--yes"], 4, "7.7.7"),
        // There is nothing to agree to.
        (&["7.7.7"], 4, "no repository has 7.7.7"),
        (&["v1.1.0", "--yes"], 2, "1.1.0"),
        (&["--undo"], 2, "VERSION"),
        (&["1.1.0", "--undo"], 4, "1.1.0 is not withdrawn"),
    ] {
        let run = world.run(&clone, &[&["rollback"], args].concat());
        run.expect(exit);
        run.says(words);
    }
    assert_eq!((world.tags(), marks(&world)), (before, Vec::new()));

    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    for words in [
        "acme/api:1.1         stays",
        "no other version of its line is published",
        "1.0.0 is the highest of its line without 1.1.0",
        "1.0.0 is of the same day",
        " Rolled back 1.1.0 in ",
        ": 3 tags show 1.0.0 in 127.0.0.1:",
    ] {
        run.says(words);
    }
    for (tag, shown) in [
        ("1", &old),
        ("latest", &old),
        ("1.1.0", &new),
        ("1.1", &new),
    ] {
        assert_eq!(world.shows(tag), *shown, "`{tag}`");
    }
    assert_eq!(marks(&world), ["1.1.0"]);
    assert!(!world.remote.refs().contains("refs/hoist/publish"));
    // There is nothing more to take back, and the older one moves nothing.
    let again = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    again.says("no moving tag goes back from 1.1.0, which is withdrawn already");
    let back = world.tags();
    world.change(&clone, "fix: what was wrong");
    world.hoist(&clone, &["release", "--yes"]);
    for tag in ["1.1", "1", "latest"] {
        assert_eq!(world.shows(tag), world.shows("1.1.1"), "`{tag}`");
    }
    // No tag shows 1.0.0 any more, and yet it can be withdrawn.
    let moved = world.tags();
    assert_ne!(moved, back);
    let run = world.hoist(&clone, &["rollback", "1.0.0", "--yes"]);
    run.says("Withdrawn 1.0.0: no moving tag had to go back");
    assert_eq!(
        (world.tags(), marks(&world)),
        (moved, vec!["1.0.0".to_owned(), "1.1.0".to_owned()])
    );
}

/// Every verb passes over it, in a clone that has just been made, until it is put in its place again.
#[test]
fn a_withdrawn_version_is_known_to_every_verb_of_every_clone() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let before = world.tags();
    world.hoist(
        &clone,
        &["rollback", "1.1.0", "--yes", "--why", "it loses mail"],
    );
    let back = world.tags();
    for clone in [&clone, &world.remote.clone("b", &[])] {
        let verified = world.hoist(clone, &["verify"]);
        verified.says("1.1.0 was withdrawn on ");
        verified.says(": it loses mail; no moving tag belongs to it");
        let document = world.hoist(clone, &["verify", "--json"]).json();
        assert_eq!(
            document["withdrawn"][0]["why"], "it loses mail",
            "{document}"
        );
        world.hoist(clone, &["repair"]);
        world.hoist(clone, &["repair", "--yes"]);
        let log = world.hoist(clone, &["log"]);
        log.says("it loses mail");
        let log = world.hoist(clone, &["log", "--json"]).json();
        assert_eq!(log["releases"][0]["withdrawn"]["version"], "1.1.0", "{log}");
        assert_eq!(log["releases"][1]["withdrawn"], Value::Null, "{log}");
        let note = "1.1.0 is withdrawn, so moving tags pass over it";
        world.hoist(clone, &["next"]).says(note);
        world.hoist(clone, &["plan"]).says(note);
        let refused = world.run(clone, &["release", "--version", "1.1.0", "--yes"]);
        refused.expect(4);
        refused.says("hoist rollback 1.1.0 --undo");
        assert_eq!(world.tags(), back);
    }
    // A backport takes the tags that the withdrawn one would hold.
    clone.git(&["checkout", "-q", "-b", "1.0.x", "v1.0.0"]);
    clone.write("greet.sh", "echo backport\n");
    clone.commit("fix: a backport");
    clone.git(&["push", "-q", "origin", "HEAD"]);
    world.hoist(&clone, &["release", "--yes"]);
    for tag in ["1", "latest"] {
        assert_eq!(world.shows(tag), world.shows("1.0.1"), "`{tag}`");
    }

    let undone = world.hoist(&clone, &["rollback", "1.1.0", "--undo"]);
    undone.says("Undone 1.1.0 is no longer withdrawn");
    undone.says("hoist repair");
    assert_eq!(marks(&world), Vec::<String>::new());
    let other = world.remote.clone("c", &[]);
    world.run(&other, &["repair"]).expect(9);
    world.hoist(&other, &["repair", "--yes"]);
    for tag in ["1", "latest"] {
        assert_eq!(world.shows(tag), world.shows("1.1.0"), "`{tag}`");
    }
    let log = world.hoist(&clone, &["log"]);
    assert!(!log.stdout.contains("withdrawn"), "{log}");
    drop(before);
}

#[test]
fn latest_goes_back_where_the_branch_decides_about_it() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    with_policy(&clone, |policy| policy + "\n[tags]\nlatest = \"branch\"\n");
    clone.push();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    for (place, why) in [
        ("a", "1.0.0 is what it showed before"),
        ("elsewhere", "1.0.0 is the highest stable version before it"),
    ] {
        let other = world.remote.clone(&format!("{place}-2"), &[]);
        let clone = if place == "a" { &clone } else { &other };
        let run = world.hoist(clone, &["rollback", "1.1.0", "--yes"]);
        run.says(why);
        assert_eq!(world.shows("latest"), world.shows("1.0.0"));
        world.hoist(clone, &["rollback", "1.1.0", "--undo"]);
        // What the branch decided, `release` alone puts right again.
        world.hoist(clone, &["release", "--version", "1.1.0", "--yes"]);
        assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    }
}

#[test]
fn a_taking_back_that_fails_moves_nothing() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let before = world.tags();
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let run = world.run(&clone, &["rollback", "1.1.0", "--yes", "--json"]);
    run.expect(7);
    assert_eq!(run.outcome()["outcome"], "rolled-back");
    assert_eq!(world.tags(), before);
    world.assert_unlocked();
    registry.heal();
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes", "--json"]);
    let outcome = run.outcome();
    assert_eq!(
        (&outcome["outcome"], &outcome["withdrawn"]),
        (&"published".into(), &"1.1.0".into())
    );
    let line: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["type"], &line["action"]),
        (&"tag".into(), &"back".into()),
        "{run}"
    );
    // Put in its place again, what is published decides.
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--undo", "--json"]);
    assert_eq!(run.outcome()["outcome"], "undone");
    world.run(&clone, &["repair"]).expect(9);
    world.hoist(&clone, &["repair", "--yes"]);
    // The day's tag has no version of its own to show.
    let day = |line: &String| !line.contains(":20");
    let without_day = |lines: Vec<String>| lines.into_iter().filter(day).collect::<Vec<_>>();
    assert_eq!(without_day(world.tags()), without_day(before));
}

/// Its process dies between two tags; whoever finishes it makes the mark, whoever undoes it makes none.
#[test]
fn a_taking_back_that_died_is_finished_or_undone_from_another_clone() {
    for forward in [true, false] {
        let registry = TestRegistry::that_deletes(Delete::Digest(400));
        let world = World::new(&registry, &[NAME]);
        let clone = two(&world);
        let before = world.tags();
        let args = ["rollback", "1.1.0", "--yes", "--why", "it loses mail"];
        die_between_two_tags_of(&world, &registry, &clone, &args);
        assert_eq!(marks(&world), Vec::<String>::new());
        let other = world.remote.clone("other", &[]);
        for args in [&args[..], &["rollback", "1.1.0", "--undo"]] {
            let run = world.run(&other, args);
            run.expect(5);
            run.says("the release 1.1.0 is unfinished");
        }
        let verb = if forward { "resume" } else { "rollback" };
        world.hoist(&other, &[verb, "--yes", "--take-over"]);
        match forward {
            true => {
                assert_eq!(world.shows("latest"), world.shows("1.0.0"));
                assert_eq!(marks(&world), ["1.1.0"]);
                world
                    .hoist(&other, &["verify", "1.1.0"])
                    .says("it loses mail");
            }
            false => {
                assert_eq!(world.tags(), before);
                assert_eq!(marks(&world), Vec::<String>::new());
            }
        }
        if forward {
            world.hoist(&clone, &["status"]);
            continue;
        }
        // Whether or not a request of the dead run may still arrive: nothing is to be finished or undone.
        let run = world.run(&clone, &["status"]);
        assert!(matches!(run.code, Some(0 | 5)), "{run}");
        run.says("1.1.0 was rolled back from another place");
        assert!(!run.to_string().contains("hoist resume"), "{run}");
    }
}

/// A lock's journal that marks another version, or says something else of this one.
#[test]
fn a_planted_mark_is_refused() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    die_between_two_tags_of(&world, &registry, &clone, &["rollback", "1.1.0", "--yes"]);
    let (name, text) = lock(&world);
    let (before, other) = (world.tags(), world.remote.clone("other", &[]));
    for (path, value, words) in [
        (
            "name",
            "refs/heads/main",
            "`refs/heads/main` is not the mark of 1.1.0",
        ),
        (
            "name",
            "refs/hoist/withdrawn/1.0.0",
            "is not the mark of 1.1.0",
        ),
        (
            "id",
            "1111111111111111111111111111111111111111",
            "is not the mark of 1.1.0",
        ),
    ] {
        let planted = changed(&text, |prepared| prepared["mark"][path] = value.into());
        plant(&clone, &name, &planted.replacen("\"v\":1", "\"v\":4", 1));
        for verb in ["resume", "rollback"] {
            let run = world.run(&other, &[verb, "--yes", "--take-over"]);
            run.expect(4);
            run.says(words);
        }
    }
    assert_eq!(world.tags(), before);
}

#[test]
fn without_a_remote_the_clone_itself_remembers() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    with_policy(&clone, |policy| {
        policy + "\n[git]\npush = false\nrequire-pushed = false\n"
    });
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    clone.write("greet.sh", "echo more\n");
    clone.commit("feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["rollback", "1.1.0", "--yes", "--why", "no mail"]);
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
    let mark = clone.git(&["log", "-1", "--format=%B", "refs/hoist/withdrawn/1.1.0"]);
    assert!(mark.starts_with("hoist: 1.1.0 is withdrawn\n"), "{mark}");
    assert_eq!(marks(&world), Vec::<String>::new());
    world.hoist(&clone, &["verify"]).says("no mail");
    world.hoist(&clone, &["log"]).says("no mail");
    world.hoist(&clone, &["repair"]);
    world.hoist(&clone, &["rollback", "1.1.0", "--undo"]);
    let refs = clone.git(&["for-each-ref", "refs/hoist"]);
    assert_eq!(refs, "");
    world.run(&clone, &["repair"]).expect(9);
}

/// Where the git server takes nothing outside branches and tags, the mark is a branch.
#[test]
fn the_mark_is_where_the_locks_are() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    with_policy(&clone, |policy| {
        policy + "\n[git]\nlock-refs = \"refs/heads/hoist\"\n"
    });
    clone.push();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    assert!(
        world
            .remote
            .refs()
            .contains("refs/heads/hoist/withdrawn/1.1.0")
    );
    let other = world.remote.clone("b", &[]);
    world
        .hoist(&other, &["verify"])
        .says("1.1.0 was withdrawn on ");
    // No branch of a clone is made for it.
    let branches = clone.git(&["branch", "--list"]);
    assert!(!branches.contains("hoist"), "{branches}");
    world.hoist(&other, &["rollback", "1.1.0", "--undo"]);
    assert!(!world.remote.refs().contains("withdrawn"));
}

#[test]
fn past_releases_are_listed_with_what_they_are() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    clone.git(&["tag", "v0.9.0", "HEAD~1"]);
    clone.git(&["tag", "something-else"]);
    let log = world.hoist(&clone, &["log", "--json"]).json();
    let releases = log["releases"].as_array().unwrap();
    let of = |key: &str| -> Vec<&Value> { releases.iter().map(|one| &one[key]).collect() };
    assert_eq!(of("version"), ["1.1.0", "1.0.0", "0.9.0"]);
    assert_eq!(
        releases[0]["commit"],
        clone.git(&["rev-parse", "v1.1.0^{commit}"])
    );
    let image = &releases[0]["images"][0];
    assert_eq!(image["digest"].as_str(), world.shows("1.1.0").as_deref());
    assert_eq!(image["repository"], registry.repository(NAME).to_string());
    assert!(releases[0]["run"].as_str().unwrap().starts_with("process "));
    assert_eq!(releases[2]["images"], Value::Array(Vec::new()));

    let text = world.hoist(&clone, &["log", "-n", "2"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let short = &world.shows("1.1.0").unwrap()["sha256:".len()..][..12];
    assert!(
        lines[0].starts_with("1.1.0  20") && lines[0].contains(short),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");
}

/// Each moving tag is told with its reason, and two registries that show different images are exit 9.
#[test]
fn every_moving_tag_is_listed_with_its_reason() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME, "acme/mirror"]);
    let clone = world.project("a");
    with_policy(&clone, |policy| policy + "\n[tags]\nlatest = \"branch\"\n");
    clone.push();
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    let verified = world.hoist(&clone, &["verify", "1.0.0"]);
    for words in [
        "kept   ",
        "1.1.0 is newer",
        "unjudged",
        "`tags.latest` is \"branch\"; it shows another image",
        "1.1.0 is of the same day",
        "1.0.0 is the highest of its line",
    ] {
        verified.says(words);
    }
    let repair = world.hoist(&clone, &["repair"]);
    for words in [
        "1.1.0 is the highest of its line",
        "1.1.0 is the newest of that day",
        "shows 1.1.0",
        "no version says where it belongs",
    ] {
        repair.says(words);
    }
    // By hand, in one of them: no version says which is right, and that they differ is said.
    registry.foreign_push("acme/mirror", "latest", &foreign());
    let verified = world.run(&clone, &["verify"]);
    verified.expect(9);
    verified.says("differs");
    let repair = world.run(&clone, &["repair"]);
    repair.expect(9);
    repair.says("the repositories show different images under `latest`");
    let lines = world.run(&clone, &["repair", "--json"]);
    lines.expect(9);
    assert_eq!(lines.outcome()["outcome"], "disagree");
    // A day later nothing is wrong with the tag of the day.
    world.hoist(&clone, &["release", "--version", "1.1.0", "--yes"]);
    let mut later = world.command(&clone, &["plan"]);
    let run = Run::of(later.env("SOURCE_DATE_EPOCH", "1893456000"));
    run.expect(0);
    assert!(!run.to_string().contains("does not show"), "{run}");
}

/// The version's git tag tells of which day it is, so it is fetched first.
#[test]
fn a_clone_that_lacks_the_git_tag_takes_the_tag_of_the_day_back_as_well() {
    let registry = TestRegistry::that_deletes(Delete::Digest(400));
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let other = world.remote.clone("elsewhere", &[]);
    world.hoist(&other, &["release", "--yes"]);
    let old = world.shows("1.0.0");
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    run.says("fetched from `origin`: v1.1.0");
    run.says(": 3 tags show 1.0.0 in 127.0.0.1:");
    let day = registry
        .tags(NAME)
        .into_keys()
        .find(|tag| tag.as_str().starts_with("20"));
    let day = day.expect("the tag of the day");
    assert_eq!(world.shows(day.as_str()), old, "{run}");
}

/// A version's tag that somebody has put elsewhere leads no moving tag there: the git tag knows the image.
#[test]
fn a_foreign_image_under_a_version_is_not_spread() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    registry.foreign_push(NAME, "1.1.0", &foreign());
    let before = world.tags();
    let run = world.hoist(&clone, &["repair", "--yes"]);
    run.says("every moving tag shows what it should");
    assert_eq!(world.tags(), before);
    world.run(&clone, &["verify"]).expect(9);
}

#[test]
fn a_way_back_leads_to_the_image_that_was_released() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let first = world.shows("1.0.0");
    registry.foreign_push(NAME, "1.0.0", &foreign());
    world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    assert_eq!(world.shows("latest"), first);
}

/// The image that was released goes back, and so does what the version's tag shows now; of putting the image
/// there again a withdrawn version is told nothing.
#[test]
fn a_version_whose_tag_was_overwritten_is_taken_back() {
    for is_of_another_version in [true, false] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = two(&world);
        let first = world.shows("1.0.0");
        if is_of_another_version {
            let from = registry.tags(NAME)["1.0.0"].clone().into();
            let mut state = registry.state();
            let contents = state.store.contents(NAME).unwrap();
            let first = contents.find(&from, Stale::Never).unwrap();
            contents.put(Some("1.1.0"), first);
        } else {
            registry.foreign_push(NAME, "1.1.0", &foreign());
            registry.foreign_push(NAME, "1", &foreign());
        }
        let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
        for tag in ["1", "latest"] {
            assert_eq!(world.shows(tag), first, "`{tag}` {run}");
        }
        assert_eq!(marks(&world), ["1.1.0"]);
        let verified = world.run(&clone, &["verify", "1.1.0"]);
        verified.expect(9);
        verified.says("1.1.0 was withdrawn on ");
        assert!(!verified.stderr.contains("there again"), "{verified}");
        world.hoist(&clone, &["repair"]);
    }
}

/// A plan job that found nothing to release is followed by a release job that does nothing.
#[test]
fn a_plan_without_a_release_is_carried_out_by_doing_nothing() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let plan = world.hoist(&clone, &["plan", "--json"]).json();
    assert!(plan["version"].is_null());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let before = world.tags();
    let run = world.hoist(&clone, &["release", "--plan", file, "--yes"]);
    run.says("nothing to release");
    let run = world.hoist(&clone, &["release", "--plan", file, "--yes", "--json"]);
    assert_eq!(run.outcome()["outcome"], "nothing");
    let required = ["release", "--plan", file, "--yes", "--require-release"];
    world.run(&clone, &required).expect(3);
    assert_eq!(world.tags(), before);
}
