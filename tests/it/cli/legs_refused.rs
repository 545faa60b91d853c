//! Legs and plans that do not fit: refused before anything is sent, and by name.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use crate::{
    registry::server::{On, Personality, TestRegistry},
    support::{
        Run, World,
        jobs::{Jobs, Machine},
        layout::Layout,
    },
};

const NAME: &str = "acme/api";

fn jobs<'w>(world: &'w World<'w>, registry: &TestRegistry) -> Jobs<'w> {
    Jobs::new(world, &[registry.repository(NAME).to_string()], "")
}

fn leg(
    machine: &Machine<'_>,
    jobs: &Jobs<'_>,
    platform: &str,
    name: &str,
    more: &[&str],
) -> String {
    let to = jobs.file(name).display().to_string();
    let args = ["build", "--platform", platform, "--output", &to];
    machine.hoist(&[&args, more].concat());
    to
}

#[track_caller]
fn refused(run: &Run, code: i32, says: &[&str]) {
    run.expect(code);
    for words in says {
        run.says(words);
    }
    run.says("state: nothing was");
    run.says("hint: ");
}

/// A leg says that no commit has its files, and the last job takes it where it is told to.
#[test]
fn a_leg_of_uncommitted_files_is_not_released_unseen() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let jobs = jobs(&world, &registry);
    let clean = jobs.machine("a", &[], &[]);
    let amd64 = leg(&clean, &jobs, "linux/amd64", "amd64", &["--allow-dirty"]);
    let machine = jobs.machine("b", &[], &[]);
    machine.clone.write("VERSION", "changed\n");
    let to = jobs.file("arm64").display().to_string();
    let build = [
        "build",
        "--platform",
        "linux/arm64",
        "--output",
        &to,
        "--json",
    ];
    machine.run(&build).expect(4);
    let run = machine.hoist(&[&build[..], &["--allow-dirty"]].concat());
    assert_eq!(run.json()["images"][0]["leg"]["dirty"], true, "{run}");
    let release = ["release", "--yes", "--from", &amd64, "--from", &to];
    for args in [
        &release[..],
        &["release", "--dry-run", "--from", &amd64, "--from", &to],
    ] {
        refused(
            &clean.run(args),
            4,
            &["arm64` was built from uncommitted files", "--allow-dirty"],
        );
    }
    assert_eq!(registry.tags(NAME), BTreeMap::new());
    let run = clean.hoist(&[&release[..], &["--allow-dirty"]].concat());
    run.says("arm64` was built from uncommitted files");
    assert!(!run.stderr.contains("amd64` was built from"), "{run}");
    // The receipt says so for good.
    let log = clean.hoist(&["log", "--json"]).json();
    let said = log["releases"][0]["uncommitted"].as_array().unwrap();
    assert_eq!(said.len(), 1, "{log}");
    let line = said[0].as_str().unwrap();
    assert!(
        line.ends_with("arm64` was built from uncommitted files"),
        "{log}"
    );
    clean.hoist(&["log", "0.1.0"]).says("arm64` was built from");
}

/// The policy and the files of the working tree that no commit holds are in the receipt, too.
#[test]
fn the_receipt_says_what_no_commit_holds() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let log = |version: &str| {
        let run = world.hoist(&clone, &["log", version, "--json"]);
        run.json()["releases"][0]["uncommitted"].clone()
    };
    world.hoist(&clone, &["release", "--version", "1.0.0", "--yes"]);
    assert_eq!(log("1.0.0"), serde_json::json!([]));
    world.change(&clone, "feat: more");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    clone.write("release.toml", policy + "\n[tags]\nzero-major = true\n");
    clone.write("stray", "x");
    let release = ["release", "--version", "1.1.0", "--allow-dirty", "--yes"];
    world.hoist(&clone, &release);
    let said = log("1.1.0");
    assert_eq!(said[0], "`release.toml` has changes that no commit holds");
    let files = said[1].as_str().unwrap();
    assert!(
        files.starts_with("built from uncommitted files: "),
        "{said}"
    );
    assert!(files.contains("stray"), "{said}");
    let tag = clone.git(&["tag", "-l", "--format=%(contents)", "v1.1.0"]);
    assert!(
        tag.contains("\nHoist-Uncommitted: built from uncommitted files: "),
        "{tag}"
    );
}

/// A layout that stands alone and says which leg it is: it is judged as where legs are joined.
#[test]
fn a_leg_in_the_place_of_a_layout_is_judged_as_a_leg() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    let policy = format!(
        "[image]\nrepository = \"{}\"\n[image.build]\nlayout = \"dist/oci\"\n",
        registry.repository(NAME)
    );
    clone.write("release.toml", policy);
    clone.commit("feat: begin");
    clone.push();
    let machine = Machine {
        clone,
        variables: Vec::new(),
    };
    let path = |name: &str| machine.clone.path().join(name);
    // A leg of a layout that others made, put into that layout's place.
    let build = |more: &[&str], indexed: bool| {
        let mut layout = Layout::new(&path("dist/oci"));
        let mut top = layout.image("amd64", &json!({}), b"x");
        if indexed {
            top = layout.index(&[top]);
        }
        layout.finish(&top);
        machine.hoist(&[&["build", "--output", "dist/leg"], more].concat());
        fs::remove_dir_all(path("dist/oci")).unwrap();
        fs::rename(path("dist/leg"), path("dist/oci")).unwrap();
    };
    let edit = |said: &str, instead: &str| {
        let list = fs::read_to_string(path("dist/oci/index.json")).unwrap();
        assert!(list.contains(said), "{list}");
        fs::write(path("dist/oci/index.json"), list.replace(said, instead)).unwrap();
    };
    let is_refused = |says: &[&str], also_planned: bool| {
        for how in ["--yes", "--dry-run"] {
            refused(&machine.run(&["release", how]), 4, says);
        }
        let plan = machine.hoist(&["plan"]);
        assert_eq!(plan.stderr.contains(says[0]), also_planned, "{plan}");
    };
    for indexed in [false, true] {
        build(&["--version", "3.0.0"], indexed);
        is_refused(&["`dist/oci` has another version", "3.0.0"], true);
        for (said, instead, says, also_planned) in [
            (
                r#"\"image\":\"main\""#,
                r#"\"image\":\"worker\""#,
                &[
                    "`dist/oci` is of another image",
                    "expected `main`",
                    "let `image.build.layout` of `main` name a layout of that image",
                ][..],
                true,
            ),
            (
                r#"\"policy\":\"sha256:"#,
                r#"\"policy\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"old\":\""#,
                &["`dist/oci` has another policy", "says sha256:0000"],
                true,
            ),
            (
                "linux/amd64",
                "linux/s390x",
                &[
                    "`dist/oci` is not for the platform that it says",
                    "linux/s390x",
                ],
                false,
            ),
        ] {
            build(&[], indexed);
            edit(said, instead);
            is_refused(says, also_planned);
        }
    }
    build(&[], false);
    machine.clone.write("more", "x");
    machine.clone.commit("feat: more");
    machine.clone.push();
    is_refused(&["`dist/oci` has another commit"], true);
    build(&[], false);
    edit("\\\"dirty\\\":false", "\\\"dirty\\\":true");
    let dirty = "`dist/oci` was built from uncommitted files";
    is_refused(&[dirty, "--allow-dirty"], true);
    assert_eq!(registry.tags(NAME), BTreeMap::new());
    // A leg of it is made where the hint says so, and says the same of itself.
    for to in [&["--output", "dist/again"][..], &["--stage"]] {
        let build = [&["build", "--json"], to].concat();
        refused(
            &machine.run(&build),
            4,
            &["was built from uncommitted files", "--allow-dirty"],
        );
        let run = machine.hoist(&[&build[..], &["--allow-dirty"]].concat());
        let told = run.json();
        // `--stage` prints the leg itself.
        let leg = match to[0] {
            "--stage" => &told,
            _ => &told["images"][0]["leg"],
        };
        assert_eq!(leg["dirty"], true, "{run}");
    }
    let run = machine.run(&["release", "--dry-run", "--from", "dist/again"]);
    refused(&run, 4, &["`dist/again` was built from uncommitted files"]);
    let run = machine.hoist(&["release", "--yes", "--allow-dirty"]);
    run.says(dirty);
}

#[test]
fn legs_that_do_not_fit_are_refused_before_anything_is_sent() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let jobs = jobs(&world, &registry);
    let machine = jobs.machine("a", &[], &[]);
    let old = machine.clone.git(&["rev-parse", "HEAD"]);
    let stale = leg(&machine, &jobs, "linux/arm64", "stale", &[]);
    fs::create_dir_all(jobs.file("empty")).unwrap();
    machine.clone.write("more", "x");
    let head = machine.clone.commit("feat: more");
    machine.clone.push();
    let amd64 = leg(&machine, &jobs, "linux/amd64", "amd64", &[]);
    let arm64 = leg(&machine, &jobs, "linux/arm64", "arm64.tar", &[]);
    let other = leg(
        &machine,
        &jobs,
        "linux/arm64",
        "other",
        &["--version", "3.0.0"],
    );
    let text = jobs.file("text.json");
    fs::write(&text, "{\"type\":\"outcome\"}").unwrap();
    let text = text.display().to_string();
    let none = jobs.file("none*").display().to_string();
    let gone = jobs.file("gone.tar").display().to_string();
    let empty = jobs.file("empty").display().to_string();
    let within = format!("{amd64}/*");
    let named = format!("worker={arm64}");
    registry.forget();
    let refs = world.remote.refs();
    let cases: [(&[&str], i32, &[&str]); 9] = [
        (
            &[&amd64],
            4,
            &["no leg is for linux/arm64", "amd64` is for linux/amd64"],
        ),
        (
            &[&amd64, &stale],
            4,
            &["stale` has another commit", &old, &head, "git checkout"],
        ),
        (
            &[&amd64, &other],
            4,
            &["other` has another version", "expected 0.1.0", "3.0.0"],
        ),
        (
            &[&amd64, &text],
            4,
            &["text.json` cannot be read", "its type is `outcome`"],
        ),
        (
            &[&amd64, &none],
            6,
            &["there is no leg at", "the pattern matches nothing"],
        ),
        (
            &[&amd64, &gone],
            6,
            &["cannot read the leg", "gone.tar", "No such file"],
        ),
        (&[&amd64, &empty], 6, &["empty", "neither `index.json`"]),
        (&[&within], 4, &["itself is a layout: name it instead"]),
        (
            &[&amd64, &named],
            2,
            &["the policy has no image `worker`", "`main`"],
        ),
    ];
    for (from, code, says) in cases {
        let from = from.iter().flat_map(|path| ["--from", path]);
        let args: Vec<&str> = ["release", "--yes"].into_iter().chain(from).collect();
        refused(&machine.run(&args), code, says);
    }
    assert_eq!(registry.tags(NAME), BTreeMap::new());
    assert_eq!(registry.count(&On::put_manifest()), 0);
    assert_eq!(world.remote.refs(), refs);
    let good = [
        "release",
        "--yes",
        "--from",
        &format!("main={amd64}"),
        &arm64,
    ];
    machine.hoist(&good);
    world.assert_unlocked();
}

#[test]
fn a_leg_is_built_by_the_rules_of_a_release() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let jobs = jobs(&world, &registry);
    let machine = jobs.machine("a", &[], &[]);
    let plan = jobs.file("plan.json");
    machine.print(&["plan", "--json"], &plan);
    let plan = plan.display().to_string();
    let to = jobs.file("leg").display().to_string();
    let build = |args: &[&str]| machine.run(&[&["build", "--output", &to], args].concat());
    refused(
        &build(&["--platform", "linux/s390x"]),
        4,
        &["does not build for `linux/s390x`"],
    );
    let run = machine.run(&["build", "--output", "leg.tar.gz"]);
    refused(&run, 2, &["not an archive that hoist writes"]);
    refused(
        &machine.run(&["build", "--plan", &plan]),
        2,
        &["nothing says where the leg goes"],
    );
    let src = machine.clone.path().join(".git").display().to_string();
    let run = machine.run(&["build", "--platform", "linux/amd64", "--output", &src]);
    refused(&run, 2, &["something else is there already"]);
    let notes = jobs.file("notes.tar");
    fs::write(&notes, "what to do").unwrap();
    let notes_tar = notes.display().to_string();
    let run = machine.run(&["build", "--platform", "linux/amd64", "--output", &notes_tar]);
    refused(&run, 2, &["something else is there already"]);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "what to do");
    assert!(machine.clone.path().join(".git/HEAD").is_file());

    // Another commit, another policy, uncommitted files, another branch, nothing to release.
    let planned = machine.clone.git(&["rev-parse", "HEAD"]);
    machine.clone.write("more", "x");
    let head = machine.clone.commit("feat: more");
    machine.clone.push();
    let run = build(&["--platform", "linux/amd64", "--plan", &plan]);
    refused(&run, 4, &["the plan is of another commit", &planned, &head]);
    machine.clone.git(&["reset", "--quiet", "--hard", &planned]);
    let policy = fs::read_to_string(machine.clone.path().join("release.toml")).unwrap();
    machine.clone.write(
        "release.toml",
        format!("{policy}\n[tags]\nzero-major = true\n"),
    );
    let run = build(&[
        "--platform",
        "linux/amd64",
        "--plan",
        &plan,
        "--allow-dirty",
    ]);
    refused(&run, 4, &["the plan is of another policy"]);
    refused(
        &build(&["--platform", "linux/amd64"]),
        4,
        &["`release.toml` has changes that no commit holds"],
    );
    machine.clone.git(&["reset", "--quiet", "--hard", &head]);
    machine.clone.git(&["checkout", "--quiet", "-b", "wip"]);
    refused(&build(&["--platform", "linux/amd64"]), 4, &["`wip`"]);
    machine.clone.git(&["checkout", "--quiet", "main"]);
    machine.hoist(&[
        "release",
        "--yes",
        "--version",
        "1.0.0",
        "--from",
        &{
            let amd64 = leg(
                &machine,
                &jobs,
                "linux/amd64",
                "one",
                &["--version", "1.0.0"],
            );
            leg(
                &machine,
                &jobs,
                "linux/arm64",
                "two",
                &["--version", "1.0.0"],
            );
            amd64
        },
        &jobs.file("two").display().to_string(),
    ]);
    refused(
        &build(&["--platform", "linux/amd64"]),
        3,
        &["nothing to build a leg of"],
    );
    machine
        .hoist(&["build", "--platform", "linux/amd64"])
        .says("labelled 1.0.0-dev");
}
