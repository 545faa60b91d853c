//! Locks that others have written: what is in them is compared with the policy, shown and asked about; a
//! lock that nobody can use is deleted; a running release is waited for.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::{Value, json};
use testkit::sandbox::Clone;

use crate::{
    cli::refusal::die_between_two_tags,
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

pub const NAME: &str = "acme/api";

/// 1.0.0 is released, and 1.1.0 has died between two tags in the clone that is returned.
pub fn dead<'w>(world: &'w World<'_>, registry: &TestRegistry) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    world.change(&clone, "feat: more");
    die_between_two_tags(world, registry, &clone);
    clone
}

/// The lock's ref, and the journal that it holds.
pub fn lock(world: &World<'_>) -> (String, String) {
    let refs = world.remote.refs();
    let line = refs.lines().find(|line| line.starts_with("refs/hoist"));
    let mut words = line.expect("a lock").split(' ');
    let (name, id) = (words.next().unwrap(), words.next().unwrap());
    let text = world
        .remote
        .git(&["cat-file", "blob", &format!("{id}:journal")]);
    (name.to_owned(), text)
}

/// Puts `text` into the lock, as whoever may push its refs can.
pub fn plant(clone: &Clone<'_>, name: &str, text: &str) {
    clone.write("journal", text);
    let blob = clone.git(&["hash-object", "-w", "journal"]);
    clone.write("tree", format!("100644 blob {blob}\tjournal\n"));
    let tree = clone
        .command("sh")
        .args(["-c", "git mktree <tree"])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let commit = clone.git(&["commit-tree", "-m", "lock", tree.trim()]);
    let edit = format!("{commit}:{name}");
    clone.git(&["push", "--quiet", "--force", "origin", &edit]);
    for file in ["journal", "tree"] {
        fs::remove_file(clone.path().join(file)).unwrap();
    }
}

/// A journal's first record, changed, with a sum that fits.
pub fn changed(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let line = text.lines().next().unwrap();
    let line = serde_json::from_str::<Value>(line).unwrap();
    let mut record = line["record"].clone();
    change(&mut record["prepared"]);
    encoded(&line["v"], &record)
}

/// A record as a line of a journal of this format.
pub fn encoded(format: &Value, record: &Value) -> String {
    let body = record.to_string();
    let digest = hoist::oci::Digest::of(body.as_bytes());
    let sum = &digest.hex()[..16];
    format!("{{\"v\":{format},\"sum\":\"{sum}\",\"record\":{body}}}\n")
}

pub fn position(prepared: &Value, tag: &str) -> usize {
    let tags = prepared["tags"].as_array().unwrap();
    tags.iter().position(|one| one["tag"] == tag).unwrap()
}

#[test]
fn a_lock_that_nobody_can_use_is_deleted_by_unlock() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    let tags = world.tags();
    // One that can be used is left to those who can.
    let run = world.run(&other, &["unlock", "--yes"]);
    run.expect(5);
    run.says("hoist resume");

    let newer = text.replace("{\"v\":", "{\"v\":9");
    let unfit = changed(&text, |prepared| prepared["version"] = json!("9.9.9"));
    for (journal, why) in [
        ("not a journal\n", "holds no journal"),
        ("", "holds no journal"),
        (&*newer, "newer"),
        (&*unfit, "the git tag of 9.9.9"),
    ] {
        plant(&clone, &name, journal);
        for verb in [
            &["release", "--yes"][..],
            &["resume", "--take-over", "--yes"],
            &["status"],
        ] {
            let run = world.run(&other, verb);
            assert!(matches!(run.code, Some(4 | 5)), "{run}");
            assert!(!run.to_string().contains("--delete"), "{run}");
        }
        let run = world.run(&other, &["unlock"]);
        run.expect(2);
        run.says("`hoist unlock --yes` goes ahead");
        let run = world.hoist(&other, &["unlock", "--yes", "--json"]);
        let document = run.json();
        assert_eq!(document["deleted"], true, "{run}");
        let lock = &document["locks"][0];
        assert_eq!(lock["ref"], json!(name));
        assert!(lock["why"].as_str().unwrap().contains(why), "{run}");
        let saved = fs::read(lock["saved"].as_str().unwrap()).unwrap();
        assert_eq!(saved, journal.as_bytes());
        assert!(
            document["tags"]
                .as_array()
                .is_some_and(|tags| !tags.is_empty())
        );
        world.assert_unlocked();
        assert_eq!(world.tags(), tags);
    }
    world
        .hoist(&other, &["unlock", "--yes"])
        .says("there is no lock");
}

/// A lock that fits the policy, and that nobody wants to follow: it is given up, and no tag moves. The
/// clone that began the release keeps its way back.
#[test]
fn a_lock_that_fits_is_discarded_on_request() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    let tags = world.tags();
    let run = world.run(&other, &["unlock", "--yes"]);
    run.expect(5);
    run.says("`hoist unlock --discard`");
    let run = world.run(&other, &["unlock", "--discard"]);
    run.expect(2);
    run.says("`hoist unlock --discard --yes` goes ahead");
    let run = world.run(&clone, &["unlock", "--discard", "--yes"]);
    run.expect(5);
    run.says("was begun in this clone");
    let running = changed(&text, |prepared| {
        let owner = prepared["owner"].as_object_mut().unwrap();
        owner.insert("pid".to_owned(), json!(std::process::id()));
        owner.remove("pid_started");
    });
    plant(&other, &name, &running);
    let run = world.run(&other, &["unlock", "--discard", "--yes"]);
    run.expect(5);
    run.says("1.1.0 is running");
    plant(&other, &name, &text);
    assert_eq!(lock(&world).1, text.trim_end());

    #[cfg(target_os = "linux")]
    for (args, words) in [
        ("resume", "`hoist unlock --discard` deletes the lock"),
        ("unlock --discard", "the lock was not deleted"),
    ] {
        let run = super::questions::on_terminal(&other, args, &["n\n"]);
        run.expect(130);
        run.says("latest` goes from");
        run.says(words);
        assert_eq!(lock(&world).1, text.trim_end());
    }

    let run = world.hoist(&other, &["unlock", "--discard", "--yes", "--json"]);
    let document = run.json();
    assert_eq!(document["deleted"], true, "{run}");
    let found = &document["locks"][0];
    assert_eq!(found["release"]["version"], "1.1.0", "{run}");
    assert_eq!(found["why"], Value::Null, "{run}");
    let lines = |key: &str| found["release"][key].as_array().unwrap().len();
    assert_eq!(lines("moves"), tags_of(&text) + 1, "{run}");
    // It has died between two tags.
    assert!(
        lines("moved") > 0 && lines("moved") < tags_of(&text),
        "{run}"
    );
    let saved = fs::read_to_string(found["saved"].as_str().unwrap()).unwrap();
    assert_eq!(saved.trim_end(), text.trim_end());
    world.assert_unlocked();
    assert_eq!(world.tags(), tags);

    world.hoist(&clone, &["rollback"]);
    assert_eq!(world.shows("latest"), world.shows("1.0.0"));
    assert_eq!(world.shows("1.1.0"), None);
    world.assert_unlocked();
}

fn tags_of(journal: &str) -> usize {
    let line = journal.lines().next().unwrap();
    let record = serde_json::from_str::<Value>(line).unwrap();
    record["record"]["prepared"]["tags"]
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn a_damaged_lock_file_is_an_error_and_unlock_is_the_way_out() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[git]\npush = false\n");
    clone.commit("chore: no remote");
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    clone.write("greet.sh", "echo more\n");
    clone.commit("feat: more");
    let file = clone.path().join(".git/hoist/lock.json");
    fs::write(&file, "{\"refs\":{\"refs/ho").unwrap();
    for verb in [
        &["release", "--yes"][..],
        &["status"],
        &["resume"],
        &["rollback"],
    ] {
        let run = world.run(&clone, verb);
        run.expect(5);
        run.says("hoist unlock");
        run.says("state: ");
    }
    let run = world.hoist(&clone, &["unlock", "--yes"]);
    run.says("damaged");
    world.hoist(&clone, &["release", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

#[test]
fn a_release_goes_on_with_its_own_that_died() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    // Another version is another release.
    world
        .run(&clone, &["release", "--version", "2.0.0", "--yes"])
        .expect(5);
    // Only the lock tells another clone of it, so that one needs a yes.
    let other = world.remote.clone("other", &[]);
    for clone in [&clone, &other] {
        fs::remove_dir_all(clone.path().join("dist")).ok();
    }
    let run = world.hoist(&other, &["release", "--yes", "--json"]);
    run.says("1.1.0");
    assert_eq!(run.outcome()["outcome"], "published");
    assert!(!other.path().join("dist").exists(), "it was built again");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    world.assert_unlocked();

    // In its own clone, and a later commit is another release.
    world.change(&clone, "feat: still more");
    die_between_two_tags(&world, &registry, &clone);
    world.change(&clone, "fix: later");
    world.run(&clone, &["release", "--yes"]).expect(5);
    clone.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says("going on with it");
    assert_eq!(world.shows("latest"), world.shows("1.2.0"));
    world.assert_unlocked();
}

#[test]
fn a_running_release_is_waited_for() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    // Nobody here can know whether it is dead.
    let elsewhere = changed(&text, |prepared| {
        prepared["owner"]["host"] = json!("elsewhere");
        prepared["owner"]["nonce"] = json!("aaaaaaaaaaaa");
    });
    plant(&clone, &name, &elsewhere);
    let other = world.remote.clone("other", &[]);
    world.run(&other, &["release", "--yes"]).expect(5);
    let run = world.run(&other, &["release", "--yes", "--wait", "1s"]);
    run.expect(5);
    run.says("for the release 1.1.0");
    run.says("on elsewhere");
    run.says("waited for 1 s");
    world
        .run(&other, &["release", "--yes", "--wait", "soon"])
        .expect(2);

    let mut child = world
        .command(&other, &["release", "--yes", "--wait", "10m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("waiting until")));
    world.remote.git(&["update-ref", "-d", &name]);
    let rest: Vec<_> = said.map(Result::unwrap).collect();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{rest:#?} {run}");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    world.assert_unlocked();
}

/// What the one that was waited for has left is looked at anew.
#[test]
fn a_release_that_waited_for_its_own_version_has_nothing_to_do() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let elsewhere = changed(&text, |prepared| {
        prepared["owner"]["host"] = json!("elsewhere");
        prepared["owner"]["nonce"] = json!("aaaaaaaaaaaa");
    });
    plant(&clone, &name, &elsewhere);
    let other = world.remote.clone("other", &[]);
    let mut child = world
        .command(&other, &["release", "--yes", "--wait", "10m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("waiting until")));
    // The one that runs elsewhere ends: its git tag is out, and its lock is gone.
    clone.git(&["tag", "--message", "1.1.0", "v1.1.0"]);
    clone.git(&["push", "--quiet", "origin", "v1.1.0"]);
    world.remote.git(&["update-ref", "-d", &name]);
    let rest: Vec<_> = said.map(Result::unwrap).collect();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{rest:#?} {run}");
    let is_told = |line: &String| line.contains("nothing to release");
    assert!(rest.iter().any(is_told), "{rest:#?} {run}");
    world.assert_unlocked();
}

/// The loser of a race is told that the winner runs, where this machine can know.
#[test]
fn a_release_that_runs_is_called_running() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = dead(&world, &registry);
    let (name, text) = lock(&world);
    let other = world.remote.clone("other", &[]);
    for (pid, host, message, hint, state) in [
        (
            Some(std::process::id()),
            None,
            "is running",
            "--wait",
            "running",
        ),
        (
            None,
            Some("elsewhere"),
            "is running, or was interrupted",
            "--take-over",
            "unknown",
        ),
        (
            None,
            None,
            "is unfinished",
            "`hoist resume` finishes it",
            "ended",
        ),
    ] {
        let planted = changed(&text, |prepared| {
            let owner = prepared["owner"].as_object_mut().unwrap();
            if let Some(pid) = pid {
                owner.insert("pid".to_owned(), json!(pid));
                owner.remove("pid_started");
            }
            if let Some(host) = host {
                owner.insert("host".to_owned(), json!(host));
            }
        });
        plant(&clone, &name, &planted);
        let run = world.run(&other, &["release", "--version", "2.0.0", "--yes"]);
        run.expect(5);
        run.says(&format!("1.1.0 {message}"));
        run.says("held by process");
        run.says(hint);
        let status = world.run(&other, &["status"]);
        status.expect(5);
        assert!(status.stdout.contains(&format!(" {message}: ")), "{status}");
        status.says(hint);
        let status = world.run(&other, &["status", "--json"]);
        let document: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(document["unfinished"][0]["run"], state, "{status}");
    }
    // Nor is a version called published that this release is about to publish.
    world.change(&other, "fix: later");
    let run = world.run(&other, &["plan", "--version", "1.1.0"]);
    run.expect(5);
    run.says("1.1.0 is unfinished");
}

/// No hint leads around the lease.
#[test]
fn no_hint_deletes_a_lock_by_hand() {
    fn look(folder: &std::path::Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path);
            } else {
                let text = fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&text);
                for words in ["push --delete", "--delete refs", "--delete {"] {
                    assert!(!text.contains(words), "{words}: {}", path.display());
                }
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    look(&root.join("src"));
    look(&root.join("docs"));
}
