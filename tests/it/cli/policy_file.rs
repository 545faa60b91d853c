//! The policy file decides where a release goes, so a commit has to hold it.

use std::fs;

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";
const OTHER: &str = "elsewhere/api";

fn policy(clone: &Clone<'_>) -> String {
    fs::read_to_string(clone.path().join("release.toml")).unwrap()
}

/// A change of the policy that no commit holds, and what is said of it.
type Case = (&'static str, fn(&Clone<'_>), &'static str, &'static str);

/// Another repository, more tags, no file, a file that git does not know, a link to another one.
const CASES: [Case; 5] = [
    (
        "another repository",
        |clone| clone.write("release.toml", policy(clone).replace(NAME, OTHER)),
        "`release.toml` has changes that no commit holds",
        "git commit -m 'chore: release policy' -- release.toml",
    ),
    (
        "more tags, staged",
        |clone| {
            let more = "\n[tags]\nmoving = [\"latest\", \"stable\"]\n";
            clone.write("release.toml", policy(clone) + more);
            clone.git(&["add", "release.toml"]);
        },
        "`release.toml` has changes that no commit holds",
        "git commit -m 'chore: release policy' -- release.toml",
    ),
    (
        "hidden from `git status`",
        |clone| {
            clone.git(&["update-index", "--assume-unchanged", "release.toml"]);
            clone.write("release.toml", policy(clone).replace(NAME, OTHER));
        },
        "`release.toml` has changes that no commit holds",
        "git commit -m 'chore: release policy' -- release.toml",
    ),
    (
        "in no commit",
        |clone| {
            clone.write(".gitignore", "/dist\n/release.toml\n");
            clone.git(&["rm", "--quiet", "--cached", "release.toml"]);
            clone.commit("chore: without");
            clone.push();
        },
        "`release.toml` is in no commit",
        "git add release.toml && git commit",
    ),
    (
        "a link to another one",
        |clone| {
            clone.write("other.toml", policy(clone).replace(NAME, OTHER));
            clone.commit("chore: another policy");
            clone.push();
            fs::remove_file(clone.path().join("release.toml")).unwrap();
            std::os::unix::fs::symlink("other.toml", clone.path().join("release.toml")).unwrap();
        },
        "`release.toml` has changes that no commit holds",
        "git commit -m 'chore: release policy' -- release.toml",
    ),
];

#[test]
fn a_release_by_a_policy_that_no_commit_holds_is_refused() {
    for (what, change, fact, remedy) in CASES {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME, OTHER]);
        let clone = world.project("a");
        clone.write(
            "release.toml",
            policy(&clone).replace(&format!(", \"{}\"", registry.repository(OTHER)), ""),
        );
        clone.commit("chore: one repository");
        clone.push();
        world.change(&clone, "feat: more");
        change(&clone);
        for args in [
            &["release", "--version", "1.0.0", "--yes"][..],
            &["release", "--version", "1.0.0", "--dry-run"],
        ] {
            let run = world.run(&clone, args);
            run.expect(4);
            run.says(fact);
            run.says(remedy);
        }
        let json = world.run(
            &clone,
            &["release", "--version", "1.0.0", "--yes", "--json"],
        );
        assert_eq!(
            json.outcome()["error"]["code"],
            "policy-not-committed",
            "{what}: {json}"
        );
        assert_eq!(world.tags(), Vec::<String>::new(), "{what}");
        // The verbs that only look say it and go on.
        let plan = world.hoist(&clone, &["plan", "--version", "1.0.0"]);
        plan.says(&format!("`hoist release` would refuse: {fact}"));
        let check = world.run(&clone, &["check"]);
        check.expect(4);
        check.says("problem  policy file");
        check.says(remedy);
        let allowed = world.hoist(
            &clone,
            &["release", "--version", "1.0.0", "--yes", "--allow-dirty"],
        );
        allowed.says(&format!("{fact}, and is used as it is"));
        assert!(!world.tags().is_empty(), "{what}");
    }
}

#[test]
fn what_says_the_same_is_the_same_policy() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "feat: more");
    let same = format!("# A comment.\r\n{}", policy(&clone).replace('\n', "\r\n"));
    clone.write("release.toml", same);
    let args = ["release", "--version", "1.0.0", "--yes", "--allow-dirty"];
    let run = world.hoist(&clone, &args);
    assert!(
        !run.stderr.contains("changes that no commit holds"),
        "{run}"
    );
    run.says("built from uncommitted files: release.toml");
    clone.git(&["checkout", "--quiet", "release.toml"]);
    // A file that is named and lies elsewhere is its owner's choice, and told.
    let outside = clone.path().with_file_name("outside.toml");
    fs::write(&outside, policy(&clone)).unwrap();
    world.change(&clone, "feat: still more");
    let run = world.hoist(
        &clone,
        &["--config", outside.to_str().unwrap(), "release", "--yes"],
    );
    run.says("is outside of this repository, so that no commit holds it");
}

#[test]
fn a_policy_that_is_gone_from_the_working_tree_is_missed() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "feat: more");
    fs::remove_file(clone.path().join("release.toml")).unwrap();
    let run = world.run(&clone, &["plan"]);
    run.expect(2);
    run.says("git checkout HEAD -- release.toml");
    let image = registry.repository(NAME).to_string();
    let run = world.run(
        &clone,
        &["--image", &image, "release", "--version", "1.0.0", "--yes"],
    );
    run.expect(4);
    run.says("`release.toml` is in HEAD, but not in the working tree");
    assert_eq!(world.tags(), Vec::<String>::new());
}

#[test]
fn a_promotion_and_a_repair_know_it_too() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "feat: more");
    world.hoist(&clone, &["release", "--version", "1.0.0-rc.1", "--yes"]);
    let tags = world.tags();
    clone.write(
        "release.toml",
        policy(&clone) + "\n[tags]\nmoving = [\"newest\"]\n",
    );
    let run = world.run(&clone, &["promote", "1.0.0-rc.1", "--yes"]);
    run.expect(4);
    run.says("`release.toml` has changes that no commit holds");
    assert_eq!(world.tags(), tags);
    world.hoist(&clone, &["promote", "1.0.0-rc.1", "--yes", "--allow-dirty"]);
    assert!(world.shows("newest").is_some());
    registry
        .state()
        .store
        .contents(NAME)
        .unwrap()
        .tags
        .remove("newest");
    world
        .hoist(&clone, &["repair", "--yes"])
        .says("`release.toml` has changes that no commit holds");
}

/// The nearest policy, from where one stands upwards; another tool's file of that name is passed by.
#[test]
fn the_nearest_policy_is_meant() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let nearer = policy(&clone).replace(NAME, OTHER) + "\n[version]\ntag = \"web-v{version}\"\n";
    clone.write("services/web/release.toml", nearer);
    clone.write("services/web/src/lib/a.txt", "a");
    clone.write("crates/one/release.toml", "sign-commit = true\n");
    clone.commit("feat: two images");
    clone.push();
    for (folder, image) in [
        (".", NAME),
        ("services", NAME),
        ("services/web", OTHER),
        ("services/web/src/lib", OTHER),
        ("crates/one", NAME),
    ] {
        let run = world.hoist(
            &clone,
            &["-C", folder, "plan", "--version", "1.0.0", "--json"],
        );
        assert_eq!(
            run.json()["repositories"][0],
            registry.repository(image).to_string(),
            "{folder}"
        );
    }
    let folder = clone.path().join("services/web");
    let mut command = world.command(&clone, &["plan", "--version", "1.0.0"]);
    let run = crate::support::Run::of(command.current_dir(folder));
    run.expect(0);
    run.says("web-v1.0.0");
}

/// Each dead end names the file that was read, and a way on that works.
#[test]
fn a_policy_without_a_repository_leads_on() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    world.change(&clone, "feat: more");
    for (file, text, cause, hint) in [
        (
            "release.toml",
            "[image]\n# repository = \"docker.io/acme/api\"\n",
            "line 2 is commented out: `# repository = \"docker.io/acme/api\"`",
            "into line 2 of `release.toml`",
        ),
        (
            "release.toml",
            "[image]\n",
            "`[image]` in line 1 has no `repository`",
            "below line 1",
        ),
        (
            "hoist.toml",
            "[version]\n",
            "it has no table `[image]`",
            "of `hoist.toml`",
        ),
        (
            "ci/hoist.toml",
            "",
            "it has no table `[image]`",
            "of `ci/hoist.toml`",
        ),
    ] {
        clone.write(file, text);
        for (verb, exit) in [
            ("plan", 2),
            ("check", 4),
            ("verify 1.0.0", 2),
            ("repair", 2),
        ] {
            let words: Vec<&str> = verb.split(' ').collect();
            let run = world.run(&clone, &[&["--config", file][..], &words].concat());
            assert_eq!(run.code, Some(exit), "{file} {verb}: {run}");
            assert_eq!(run.stderr.matches("does not say where").count(), 1, "{run}");
            run.says(&format!("`{file}` does not say where the image goes"));
            run.says(cause);
            run.says(hint);
            assert!(!run.stderr.contains("hoist init"), "{run}");
        }
    }
    // No file at all: what is nearest to one is named.
    clone.git(&["rm", "--quiet", "-f", "release.toml"]);
    clone.commit("chore: gone");
    clone.push();
    world.run(&clone, &["plan"]).says("`hoist init` writes one");
    clone.git(&["branch", "--quiet", "--force", "master", "HEAD~1"]);
    world
        .run(&clone, &["plan"])
        .says("git checkout master -- release.toml");
    clone.git(&["branch", "--quiet", "-D", "master"]);
    clone.write(
        "services/web/release.toml",
        "[image]\nrepository = \"docker.io/acme/web\"\n",
    );
    clone.commit("chore: deeper");
    world
        .run(&clone, &["plan"])
        .says("the same command with `--config services/web/release.toml`");
}

/// It is not passed over, for then the one further up would be taken without a word.
#[test]
fn the_nearest_policy_is_refused_where_it_is_no_text() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let words: Vec<u8> = policy(&clone)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    clone.write("service/release.toml", [&[0xff, 0xfe][..], &words].concat());
    let run = world.run(&clone, &["-C", "service", "plan"]);
    run.expect(2);
    run.says("release.toml` is not text in UTF-8");
}
