//! Programs of the project around a release: the gate stands between the image and its names, and what
//! follows a release changes nothing of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Fault, On, Personality, TestRegistry, What},
    support::{Run, World},
};

const NAME: &str = "acme/api";

/// A project with these hooks; each is a script of `sh`, and `$OUT` is a file outside the repository.
fn project<'w>(world: &'w World<'_>, hooks: &[(&str, &str, &str)]) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let out = out(world);
    let mut policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    policy.push_str("\n[hooks]\n");
    for (index, (point, script, more)) in hooks.iter().enumerate() {
        let file = format!("hook-{index}.sh");
        clone.write(&file, format!("OUT={out}\n{script}\n"));
        policy.push_str(&format!(
            "{point} = [{{ run = [\"sh\", \"{file}\"]{more} }}]\n"
        ));
    }
    clone.write("release.toml", policy);
    clone.commit("chore: hooks");
    clone.push();
    clone
}

fn out(world: &World<'_>) -> String {
    world.remote.home().join("out").display().to_string()
}

fn written(world: &World<'_>) -> String {
    fs::read_to_string(out(world)).unwrap_or_default()
}

fn registry() -> TestRegistry {
    TestRegistry::start(Personality::default())
}

fn release(world: &World<'_>, clone: &Clone<'_>) -> Run {
    world.run(clone, &["release", "--version", "1.0.0", "--yes"])
}

/// Nothing has a name: no tag, no git tag, no lock, no journal.
#[track_caller]
fn nothing_has_a_name(world: &World<'_>, registry: &TestRegistry, clone: &Clone<'_>, run: &Run) {
    assert!(registry.tags(NAME).is_empty(), "{run}");
    assert!(!world.remote.refs().contains("v1.0.0"), "{run}");
    world.assert_unlocked();
    world.run(clone, &["status"]).expect(0);
}

/// The words that a hook writes down of what it is told.
const TOLD: &str = "for name in VERB VERSION PREVIOUS_VERSION COMMIT TAG IMAGE IMAGES TAGS; do \
    eval \"echo $name=\\$HOIST_$name\"; done >>$OUT";

#[test]
fn each_point_is_told_what_it_is_about() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let repository = registry.repository(NAME).to_string();
    // The gate looks into the registry: nothing has a name, and the image is there.
    let gate = format!(
        "{TOLD}\n\
         test -s $HOIST_LAYOUT/index.json && test -s $HOIST_PLAN_FILE && test -f $HOIST_NOTES_FILE\n\
         echo \"extra=$LEVEL\" >>$OUT"
    );
    let clone = project(
        &world,
        &[
            ("before-build", "echo first >$OUT", ""),
            ("after-stage", &gate, ", env = { LEVEL = \"full\" }"),
            (
                "after-release",
                "echo after >>$OUT; cat $HOIST_OUTCOME_FILE >>$OUT",
                "",
            ),
            ("on-failure", "echo never >>$OUT", ""),
        ],
    );
    let run = release(&world, &clone);
    run.expect(0);
    run.says("Passed 1 after-stage hook");
    let digest = world.shows("1.0.0").unwrap();
    let head = clone.git(&["rev-parse", "HEAD"]);
    let head = head.trim();
    let text = written(&world);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "first");
    for line in [
        "VERB=release".to_owned(),
        "VERSION=1.0.0".to_owned(),
        format!("COMMIT={head}"),
        "TAG=v1.0.0".to_owned(),
        format!("IMAGE={repository}@{digest}"),
        format!("IMAGES={repository}@{digest}"),
        "PREVIOUS_VERSION=".to_owned(),
        "extra=full".to_owned(),
        "after".to_owned(),
    ] {
        assert!(lines.contains(&&*line), "{line}: {text}");
    }
    assert!(text.contains(&format!("{repository}:latest")), "{text}");
    let outcome: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(outcome["kind"], "published");
    assert!(!text.contains("never"));
}

#[test]
fn a_gate_that_does_not_pass_leaves_nothing_with_a_name() {
    let fork = "setsid sh -c 'echo $$ >$0; exec sleep 600' $OUT.pid & \
                while ! test -s $OUT.pid; do sleep 0.01; done; exit 1";
    let cases: [(&str, &str, i32, &str); 6] = [
        (
            "echo looked; echo bad >&2; exit 3",
            "",
            4,
            "refuses the image: exit status: 3",
        ),
        ("kill -9 $$", "", 6, "signal: 9"),
        (
            "trap '' TERM; sleep 600",
            ", timeout = \"300ms\"",
            6,
            "has not ended after",
        ),
        (
            "yes | head -c 5000000; exit 1",
            "",
            4,
            "the last 50 of 2500000 lines",
        ),
        (
            "exec ./not-there",
            "",
            4,
            "refuses the image: exit status: 127",
        ),
        (fork, "", 4, "refuses the image"),
    ];
    for (script, more, code, says) in cases {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let clone = project(
            &world,
            &[
                ("after-stage", script, more),
                ("on-failure", "echo failed $HOIST_VERSION >$OUT", ""),
            ],
        );
        let run = release(&world, &clone);
        run.expect(code);
        run.says(says);
        run.says("state: no tag has moved");
        nothing_has_a_name(&world, &registry, &clone, &run);
        assert_eq!(written(&world), "failed 1.0.0\n", "{run}");
        if let Ok(pid) = fs::read_to_string(format!("{}.pid", out(&world))) {
            let until = Instant::now() + Duration::from_secs(20);
            let alive = || fs::exists(format!("/proc/{}/fd/0", pid.trim())).unwrap_or(true);
            while alive() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(!alive(), "the daemon of the gate still runs");
        }
        // The next one passes: what was sent is there already.
        clone.write("hook-0.sh", "exit 0\n");
        clone.commit("chore: mend the gate");
        clone.push();
        release(&world, &clone).expect(0);
    }
}

#[test]
fn a_hook_that_cannot_be_run_is_named_with_its_key() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    for (point, left) in [
        ("before-build", "nothing was built or moved"),
        ("after-stage", "no tag has moved"),
    ] {
        let clone = project(&world, &[]);
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        clone.write(
            "release.toml",
            format!("{policy}{point} = [{{ run = [\"./absent\"] }}]\n"),
        );
        clone.commit("chore: a hook");
        clone.push();
        let run = release(&world, &clone);
        run.expect(6);
        run.says(&format!("cannot run `./absent` (`hooks.{point}`)"));
        run.says(&format!("state: {left}"));
        nothing_has_a_name(&world, &registry, &clone, &run);
        fs::remove_dir_all(clone.path()).unwrap();
    }
}

#[test]
fn what_follows_a_release_takes_nothing_back() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &[("after-release", "echo no >&2; exit 7", "")]);
    let run = world.run(
        &clone,
        &["release", "--version", "1.0.0", "--yes", "--json"],
    );
    run.expect(8);
    let outcome: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(outcome["outcome"], "published");
    assert_eq!(outcome["error"]["code"], "hook-failed");
    assert!(world.remote.refs().contains("v1.0.0"));
    world.assert_unlocked();
    world.run(&clone, &["status"]).expect(0);
    world.hoist(&clone, &["verify"]);

    world.change(&clone, "feat: more");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let allowed = policy.replace("\"hook-0.sh\"]", "\"hook-0.sh\"], allow-failure = true");
    clone.write("release.toml", allowed);
    clone.commit("chore: it may fail");
    clone.push();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(0);
    run.says("warning");
    run.says("failed: exit status: 7");
}

#[test]
fn a_release_that_is_put_back_is_told() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(
        &world,
        &[(
            "on-failure",
            "echo $HOIST_VERB $HOIST_VERSION >>$OUT; exit 1",
            "",
        )],
    );
    let latest = On::put_manifest().with("/manifests/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let run = release(&world, &clone);
    run.expect(7);
    run.says("warning");
    assert_eq!(written(&world), "release 1.0.0\n");
}

#[test]
fn hooks_can_be_left_out_and_the_tag_says_so() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(
        &world,
        &[
            ("before-build", "echo ran >>$OUT; exit 1", ""),
            ("after-stage", "echo ran >>$OUT; exit 1", ""),
            ("after-release", "echo ran >>$OUT; exit 1", ""),
        ],
    );
    for arguments in [
        &["plan"][..],
        &["check"],
        &["release", "--version", "1.0.0", "--dry-run"],
    ] {
        world.run(&clone, arguments);
    }
    world.hoist(
        &clone,
        &["release", "--version", "1.0.0", "--yes", "--skip-hooks"],
    );
    assert_eq!(written(&world), "");
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    assert!(
        message.contains(", without hooks\nHoist-Image: "),
        "{message}"
    );
    world.hoist(&clone, &["verify"]);
}

#[test]
fn nothing_stands_in_the_way_of_mending_and_taking_back() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(
        &world,
        &[
            (
                "after-stage",
                "echo gate $HOIST_VERB >>$OUT; test ! -e $OUT.closed",
                "",
            ),
            ("after-release", "echo after $HOIST_VERB >>$OUT", ""),
        ],
    );
    release(&world, &clone).expect(0);
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--yes"]);
    fs::write(format!("{}.closed", out(&world)), "").unwrap();
    world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    // What was taken back is not mended, until that is undone.
    world.hoist(&clone, &["rollback", "1.1.0", "--undo"]);
    world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    let told =
        "gate release\nafter release\ngate release\nafter release\nafter rollback\nafter repair\n";
    assert_eq!(written(&world), told);
}

/// A gate that releases by itself and then says no: what is said of the tags is asked, not remembered.
#[test]
fn what_a_gate_has_moved_is_told() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let hoist = env!("CARGO_BIN_EXE_hoist");
    let gate =
        format!("{hoist} release --version 1.0.0 --yes --skip-hooks >$OUT 2>&1 || exit 77\nexit 1");
    let clone = project(&world, &[("after-stage", &gate, "")]);
    let run = release(&world, &clone);
    run.expect(4);
    run.says("refuses the image: exit status: 1");
    run.says("state: this release has moved nothing; while `hooks.after-stage` ran, git tag `v1.0.0` was pushed to `origin`, `");
    run.says(":1.0.0` came to show ");
    run.says("while `hooks.after-stage` ran, git tag `v1.0.0` was made in this clone");
    assert!(!run.stderr.contains("no tag has moved"), "{run}");
    assert!(world.shows("1.0.0").is_some(), "{}", written(&world));
}

/// What a hook changes in the clone beside its work is no part of the release, and is told.
#[test]
fn what_a_hook_changes_in_the_clone_is_told() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let script = "git -c user.name=x -c user.email=x@y commit -q --allow-empty -m 'fix: more'\n\
                  echo '# more' >>release.toml";
    // What the build finds at HEAD then is not of the commit that is released.
    for (point, version, code) in [("before-build", "1.0.0", 4), ("after-stage", "1.1.0", 0)] {
        let clone = project(&world, &[(point, script, "")]);
        let head = clone.git(&["rev-parse", "HEAD"]);
        let run = world.run(&clone, &["release", "--version", version, "--yes"]);
        run.expect(code);
        run.says(&format!(
            "while `hooks.{point}` ran, HEAD of this clone moved to "
        ));
        run.says(&format!("the release is of {}", &head[..7]));
        run.says(&format!(
            "while `hooks.{point}` ran, `release.toml` was changed"
        ));
        fs::remove_dir_all(clone.path()).unwrap();
    }
}

/// What is published already has its names, whatever the gate says of it then.
#[test]
fn a_gate_that_refuses_what_is_published_says_so() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, &[("after-stage", "test ! -e $OUT.closed", "")]);
    release(&world, &clone).expect(0);
    {
        let mut state = registry.state();
        assert!(state.store.contents(NAME).unwrap().remove_tag("latest"));
    }
    let closed = format!("{}.closed", out(&world));
    fs::write(&closed, "").unwrap();
    let run = release(&world, &clone);
    run.expect(4);
    run.says("no tag has moved; what was published before stays");
    run.says("1.0.0 is published already: when the gate lets it pass, `hoist release --version 1.0.0` completes it");
    assert!(!run.to_string().contains("has no name"), "{run}");
    fs::remove_file(&closed).unwrap();
    release(&world, &clone).expect(0);
}
