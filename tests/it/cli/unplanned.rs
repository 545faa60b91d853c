//! What nobody has planned: somebody's hands, programs and servers get in between while a release is under way.
//! Whatever comes of it is whole, and said.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use hoist::oci::{Digest, MediaType, Tag, referrer};
use serde_json::json;
use testkit::sandbox::Clone;

use super::forge::{Scene, registry};
use crate::{
    registry::server::{
        Auth, Fault, On, PASSWORD, Personality, Referrers, State, TestRegistry, Tokens, USER, What,
    },
    support::{
        Run, World,
        forge::{TOKEN, TestForge},
        signer::SIGNER,
        web::Answer,
    },
};

const NAME: &str = "acme/api";

/// Something happens once, right before the first tag is put.
fn before_the_tags(registry: &TestRegistry, happens: impl Fn() + Send + Sync + 'static) {
    let happens = Arc::new(move |_: &mut State| happens());
    registry.fault(Fault::once(On::put_tag(), What::Before(happens)));
}

fn signing() -> TestRegistry {
    TestRegistry::start(Personality {
        // The signer sends no configuration.
        checks_blobs: false,
        ..Personality::default()
    })
}

/// A project that is signed by this script of bash, with `$image` and `ask` of the test's signer at hand.
fn signed<'w>(world: &'w World<'_>, script: &str, more: &str) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let sign = "[sign]\nrun = [\"bash\", \"sign.sh\", \"{image}\"]\n";
    clone.write("release.toml", format!("{policy}\n{more}\n{sign}"));
    clone.write("sign.sh", format!("set -e\n{script}"));
    clone.commit("chore: signatures");
    clone.push();
    clone
}

fn release(world: &World<'_>, clone: &Clone<'_>) -> Run {
    world.run(clone, &["release", "--version", "1.0.0", "--yes"])
}

#[track_caller]
fn nothing_moved(registry: &TestRegistry, world: &World<'_>, run: &Run) {
    let tags = registry.tags(NAME).into_keys();
    let mut released = tags.filter(|tag| {
        let tag: Tag = tag.parse().unwrap();
        !referrer::is_about_digest(&tag)
    });
    assert_eq!(released.next(), None, "{run}");
    assert!(!world.remote.refs().contains("v1.0.0"), "{run}");
    world.assert_unlocked();
}

#[test]
fn the_forge_stumbles_when_the_tag_is_out() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    scene.forge.fault("PATCH ", 3, Answer::text(503, "unicorn"));
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
}

#[test]
fn the_token_expires_between_draft_and_page() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    let words = json!({ "message": "Bad credentials" });
    scene
        .forge
        .fault("PATCH ", usize::MAX, Answer::json(401, &words));
    let run = scene.release(&clone);
    run.expect(8);
    run.says("Bad credentials");
    run.says("`hoist release --version 1.0.0` completes it");
    scene.world.assert_unlocked();
    scene.forge.state().faults.clear();
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
}

#[test]
fn the_draft_is_deleted_by_hand_in_between() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    let state = scene.forge.shared();
    before_the_tags(&registry, move || state.lock().unwrap().releases.clear());
    let run = scene.release(&clone);
    run.expect(8);
    run.says("the draft is gone");
    scene.world.assert_unlocked();
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
}

#[test]
fn the_draft_is_made_public_by_hand_in_between() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let state = scene.forge.shared();
    before_the_tags(&registry, move || {
        state.lock().unwrap().releases[0]["draft"] = json!(false);
    });
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
}

/// And then the registry refuses: the page that somebody has made public is not deleted, and not passed over.
#[test]
fn a_page_that_is_public_by_hand_is_told_of_by_a_roll_back() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let state = scene.forge.shared();
    before_the_tags(&registry, move || {
        state.lock().unwrap().releases[0]["draft"] = json!(false);
    });
    let latest = On::put_tag().with("/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let run = scene.release(&clone);
    run.expect(7);
    run.says("is public");
    assert_eq!(scene.forge.releases(), [("v1.0.0".to_owned(), false)]);
}

#[test]
fn somebody_else_publishes_the_page_in_between() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab());
    let clone = scene.project("");
    let state = scene.forge.shared();
    before_the_tags(&registry, move || {
        let theirs = json!({ "tag_name": "v1.0.0", "draft": false, "description": "by hand" });
        state.lock().unwrap().releases.push(theirs);
    });
    let run = scene.release(&clone);
    run.expect(8);
    run.says("somebody else has made a release of this tag");
    scene.world.assert_unlocked();
    scene.release(&clone).expect(0);
}

/// Files that somebody takes away are not linked by a page that everybody sees.
#[test]
fn the_files_vanish_before_the_page_links_them() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab());
    let clone = scene.project("assets = [\"files/*\"]");
    let state = scene.forge.shared();
    before_the_tags(&registry, move || state.lock().unwrap().packages.clear());
    let run = scene.release(&clone);
    run.expect(8);
    run.says("is gone");
    scene.world.assert_unlocked();
    assert_eq!(scene.forge.releases(), []);
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    assert_eq!(scene.forge.state().packages.len(), 3);
}

/// A file that nobody knows is in the draft that is taken over.
#[test]
fn a_file_of_somebody_else_stays_in_the_draft_that_is_taken_over() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("use-draft = true\nassets = [\"files/*\"]");
    let asset = |id: u64, name: &str| {
        json!({ "id": id, "name": name, "size": 3, "state": "uploaded",
                "digest": Digest::of(b"old").to_string() })
    };
    let theirs = json!({
        "id": 5, "tag_name": "v1.0.0", "draft": true, "body": "own words",
        "assets": [asset(2, "theirs.pdf")],
    });
    scene.forge.state().releases.push(theirs);
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let release = scene.forge.state().releases[0].clone();
    let mut names: Vec<_> = release["assets"].as_array().unwrap().iter().collect();
    names.sort_by_key(|asset| asset["name"].to_string());
    let names: Vec<_> = names
        .iter()
        .map(|asset| asset["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["SHA256SUMS", "api.tar.gz", "api.txt", "theirs.pdf"]);
    let text = Digest::of(b"a text").to_string();
    let assets = release["assets"].as_array().unwrap();
    assert!(assets.iter().any(|asset| asset["digest"] == text));
}

/// More files than a forge lists at once, and one of them is there from a try before.
#[test]
fn more_files_than_one_page_lists() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"many/*\"]");
    for number in 0..120 {
        clone.write(&format!("many/{number:03}.txt"), format!("{number}"));
    }
    clone.commit("chore: many files");
    clone.push();
    scene.forge.state().lost.push((
        "POST /api/uploads/repos/acme/api/releases/101/assets?name=119",
        1,
    ));
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
    let release = scene.forge.state().releases[0].clone();
    assert_eq!(release["assets"].as_array().unwrap().len(), 121);
}

/// The server of git refuses the tag: no page is public, and the forge makes no tag by itself.
#[test]
fn a_protected_tag_leaves_no_page() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("assets = [\"files/*\"]");
    let hook = scene.world.remote.path().join("hooks/update");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\ncase $1 in refs/tags/*) echo protected by a rule >&2; exit 1;; esac\n";
    write_program(&hook, script);
    let run = scene.release(&clone);
    assert_ne!(run.code, Some(0), "{run}");
    run.says("protected by a rule");
    let public = scene.forge.releases().into_iter().any(|(_, draft)| !draft);
    assert!(!public, "{run}");
    assert!(scene.forge.state().made_tags.is_empty(), "{run}");
    scene.world.assert_unlocked();
    fs::remove_file(hook).unwrap();
    let run = scene.release(&clone);
    run.expect(0);
    scene.is_complete(&run);
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A forge of one's own, with an authority of its own.
#[test]
fn a_forge_with_a_certificate_of_its_own_authority() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::gitlab_behind_tls());
    let clone = scene.project("assets = [\"files/*\"]");
    let run = scene.run(&clone, &["check"]);
    run.expect(6);
    run.says("forge.ca-file");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    for (authority, code) in [
        ("stranger.pem", 6),
        ("missing.pem", 6),
        ("authority.pem", 0),
    ] {
        let known = format!("[forge]\nca-file = \"{authority}\"\n");
        clone.write("release.toml", policy.replace("[forge]\n", &known));
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/registry/tls");
        if let Ok(pem) = fs::read(from.join(authority)) {
            clone.write(authority, pem);
        }
        clone.commit("chore: an authority");
        clone.push();
        let run = scene.release(&clone);
        run.expect(code);
        if code != 0 {
            scene.is_as_before(&run);
        } else {
            scene.is_complete(&run);
        }
    }
}

#[test]
fn a_forge_that_warns_is_heard_once() {
    let registry = registry();
    let scene = Scene::new(&registry, TestForge::github());
    let clone = scene.project("");
    let project = json!({ "full_name": "acme/api", "permissions": { "push": true } });
    let warns = Answer::json(200, &project).with("warning", r#"299 - "the token ends tomorrow""#);
    scene.forge.fault("GET /api/v3/repos/acme/api", 1, warns);
    let run = scene.release(&clone);
    run.expect(0);
    let told = format!("{} says: the token ends tomorrow", scene.forge.host());
    assert_eq!(run.stderr.matches(&told).count(), 1, "{run}");
}

#[test]
fn a_registry_that_warns_is_heard_once() {
    let registry = TestRegistry::start(Personality {
        warning: Some(r#"299 - "this account ends tomorrow""#),
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let clone = world.project_that_settles("a");
    let run = release(&world, &clone);
    run.expect(0);
    let told = format!("{} says: this account ends tomorrow", registry.address());
    assert_eq!(run.stderr.matches(&told).count(), 1, "{run}");
}

#[test]
fn a_signer_that_signs_another_image_signs_nothing() {
    let registry = signing();
    let world = World::new(&registry, &[NAME]);
    let other = Digest::of(b"another image");
    let script = format!("set -- \"${{1%@*}}@{other}\"\n{SIGNER}");
    let clone = signed(&world, &script, "");
    let run = release(&world, &clone);
    run.expect(4);
    run.says("has no new signature");
    nothing_moved(&registry, &world, &run);
}

/// A signer that also gives the image a name: somebody else has moved a tag, and the release says so.
#[test]
fn a_signer_that_moves_a_tag_is_a_writer_like_any_other() {
    let registry = signing();
    let world = World::new(&registry, &[NAME]);
    let theirs = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}"#;
    let script =
        format!("{SIGNER}\nask PUT \"/v2/$path/manifests/latest\" '{theirs}' >/dev/null\n");
    let clone = signed(&world, &script, "");
    let run = release(&world, &clone);
    run.expect(6);
    run.says("latest");
    assert_eq!(world.shows("1.0.0"), None, "{run}");
    assert!(!world.remote.refs().contains("v1.0.0"), "{run}");
    world.assert_unlocked();
}

/// It is signed, then refused, then signed once more with another signature: both are kept.
#[test]
fn a_second_signature_of_the_same_image_is_added() {
    let registry = signing();
    let world = World::new(&registry, &[NAME]);
    let proof = SIGNER.replace("'the key %s'", "\"the key %s $RANDOM$RANDOM\"");
    let clone = signed(&world, &proof, "");
    let latest = On::put_tag().with("/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    let run = release(&world, &clone);
    run.expect(7);
    nothing_moved(&registry, &world, &run);
    registry.heal();
    release(&world, &clone).expect(0);
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    let own = message
        .lines()
        .filter(|line| line.starts_with("Hoist-Signature: "));
    assert_eq!(own.count(), 1, "{message}");
    let digest: Digest = world.shows("1.0.0").unwrap().parse().unwrap();
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    let about = contents.manifests.values().filter_map(referrer::referrer);
    assert_eq!(about.filter(|(of, _)| *of == digest).count(), 2);
}

/// What cosign 2 does is a signature, and no tag of a release.
#[test]
fn a_signature_under_a_tag_is_one() {
    let registry = signing();
    let world = World::new(&registry, &[NAME]);
    let script = format!(
        "{SIGNER}\nask PUT \"/v2/$path/manifests/sha256-${{digest#sha256:}}.sig\" \"$body\" >/dev/null\n"
    );
    let unlisted = script.replace("\"subject\":", "\"about\":");
    let clone = signed(&world, &unlisted, "");
    release(&world, &clone).expect(0);
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    assert!(message.contains("Hoist-Signature: "), "{message}");
    for verb in [&["verify"][..], &["plan"], &["tags"], &["repair"]] {
        let run = world.run(&clone, verb);
        assert!(!run.stdout.contains(".sig"), "{run}");
    }
}

/// A list of referrers that comes one entry at a time.
#[test]
fn a_list_of_referrers_with_pages_is_read_to_its_end() {
    let registry = TestRegistry::start(Personality {
        checks_blobs: false,
        referrers_page: 1,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let parts: String = (0..5)
        .map(|number| format!("[[attach]]\nfile = \"{number}.txt\"\ntype = \"text/x-{number}\"\n"))
        .collect();
    let clone = signed(&world, SIGNER, &parts);
    for number in 0..5 {
        clone.write(&format!("{number}.txt"), format!("{number}"));
    }
    clone.commit("chore: parts");
    clone.push();
    release(&world, &clone).expect(0);
    world.hoist(&clone, &["verify"]);
    let image = format!("{}:1.0.0", registry.repository(NAME));
    let report = world.hoist(&clone, &["inspect", &image, "--json"]).json();
    assert_eq!(report["referrers"].as_array().unwrap().len(), 6);

    // Its second page is not there any more.
    world.change(&clone, "feat: more");
    let page = On::method("GET").with("/referrers/").with("from=");
    registry.fault(Fault::always(page, What::Status(404, "NOT_FOUND")));
    let before = world.tags();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(6);
    assert_eq!(world.tags(), before, "{run}");
    world.assert_unlocked();
}

/// The gate takes the very image away that it looks at, on a registry that knows what signatures are about.
#[test]
fn the_image_vanishes_between_staging_and_its_signature() {
    let registry = TestRegistry::start(Personality {
        checks_blobs: false,
        knows_subjects_only: true,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let gate = "[hooks]\nafter-stage = [{ run = [\"bash\", \"gate.sh\"] }]\n";
    let clone = signed(&world, SIGNER, gate);
    let vanish = format!(
        "set -- \"$HOIST_IMAGE\"\n{}\nask DELETE \"/v2/$path/manifests/$digest\" '' | head -1\n",
        SIGNER.split("proof=").next().unwrap()
    );
    clone.write("gate.sh", vanish);
    clone.commit("chore: a gate that takes away");
    clone.push();
    let run = release(&world, &clone);
    run.expect(6);
    nothing_moved(&registry, &world, &run);
    clone.write("gate.sh", "exit 0\n");
    clone.commit("chore: a gate that looks");
    clone.push();
    release(&world, &clone).expect(0);
    world.hoist(&clone, &["verify"]);
}

/// Tokens that are good for a few requests only, with everything that a release can have.
#[test]
fn tokens_that_wear_out_in_the_middle() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Bearer(Tokens {
            uses: Some(25),
            ..Tokens::default()
        }),
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME, "acme/mirror"]);
    let clone = world.project_that_settles("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let attach = "\n[[attach]]\nfile = \"notice.txt\"\ntype = \"text/plain\"\n";
    clone.write("release.toml", policy + attach);
    clone.write("notice.txt", "for everybody\n");
    clone.commit("chore: a notice");
    clone.push();
    let place = registry.address().to_string().replace(['.', ':'], "_");
    let mut command = world.command(&clone, &["release", "--version", "1.0.0", "--yes"]);
    command
        .env(format!("HOIST_REGISTRY_USERNAME_{place}"), USER)
        .env(format!("HOIST_REGISTRY_PASSWORD_{place}"), PASSWORD);
    let run = Run::of(&mut command);
    run.expect(0);
    assert!(!run.to_string().contains(PASSWORD));
}

/// An image goes under the tag where the list of referrers has its place.
#[test]
fn an_image_where_the_list_of_referrers_should_be() {
    let registry = TestRegistry::start(Personality {
        referrers: Referrers::Unknown,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let clone = world.project_that_settles("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let attach = "\n[[attach]]\nfile = \"notice.txt\"\ntype = \"text/plain\"\n";
    clone.write("release.toml", policy + attach);
    clone.write("notice.txt", "for everybody\n");
    clone.commit("chore: a notice");
    clone.push();
    let theirs = hoist::oci::Manifest::new(MediaType::OCI_MANIFEST.into(), "{\"layers\":[]}");
    let in_the_way = theirs.clone();
    let happens = move |state: &mut State| {
        let contents = state.store.contents(NAME).unwrap();
        let digests: Vec<Digest> = contents.manifests.keys().cloned().collect();
        for digest in digests {
            let tag = referrer::referrers_tag(&digest);
            state.store.foreign_push(NAME, tag.as_str(), &in_the_way);
        }
    };
    let list = On::method("GET").with("/manifests/sha256-");
    registry.fault(Fault::once(list, What::Before(Arc::new(happens))));
    let run = release(&world, &clone);
    run.expect(6);
    run.says("does not show a list of referrers");
    nothing_moved(&registry, &world, &run);
    // What somebody has put there stays.
    let tags = registry.tags(NAME);
    assert!(tags.values().any(|shown| shown == theirs.digest()));
}

/// Two clones release the same version at once: there is one page, and its files are there.
#[test]
fn two_releases_at_once_make_one_page() {
    for forge in [TestForge::github(), TestForge::gitlab()] {
        let registry = registry();
        let scene = Scene::new(&registry, forge);
        let first = scene.project("assets = [\"files/*\"]");
        let second = scene.world.remote.clone("b", &[]);
        let runs = Mutex::new(Vec::new());
        let commands = [&first, &second]
            .map(|clone| scene.command(clone, &["release", "--version", "1.0.0", "--yes"]));
        std::thread::scope(|scope| {
            for mut command in commands {
                let runs = &runs;
                scope.spawn(move || {
                    let output = command.output().unwrap();
                    runs.lock().unwrap().push(output);
                });
            }
        });
        let runs: Vec<Run> = runs
            .into_inner()
            .unwrap()
            .into_iter()
            .map(Run::from)
            .collect();
        let told = format!("{}\n{}", runs[0], runs[1]);
        assert!(!told.contains(TOKEN));
        // One of them may have taken the other's draft over before there was a lock.
        let last = scene.run(&first, &["release", "--version", "1.0.0", "--yes"]);
        assert_eq!(last.code, Some(0), "{last}\n{told}");
        scene.is_complete(&last);
        let state = scene.forge.state();
        let files = match state.is_gitlab {
            true => state.packages.len(),
            false => state.releases[0]["assets"].as_array().unwrap().len(),
        };
        assert!(files >= 3, "{files} files\n{told}");
    }
}
