//! From candidate to release between two private registries: the same bytes, counted.

use hoist::oci::Digest;
use serde_json::{Value, json};
use testkit::sandbox::{Clone, PASSWORD, Registry, RegistryOptions, USER};

use crate::support::{
    self, Run, World,
    history::History,
    layout::{Layout, noise},
};

const NAME: &str = "promoted/api";

fn policy(repositories: &[&Registry]) -> String {
    let names: Vec<_> = repositories.iter().map(|r| r.repository(NAME)).collect();
    format!(
        "[image]\nrepositories = {names:?}\n\
         [image.build]\nlayout = \"dist/oci\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [tags]\nfixed = [\"{{version}}\"]\nmoving = [\"{{major}}.{{minor}}\", \"{{major}}\", \"latest\"]\n"
    )
}

/// Two platforms and an attestation of each, as BuildKit lays them out. Gives back the index, and
/// how many blobs of how many bytes lie below it.
pub(super) fn candidate(clone: &Clone<'_>, commit: &str) -> (Digest, u64, u64) {
    let mut layout = Layout::new(&clone.path().join("dist/oci"));
    let labels = json!({
        "org.opencontainers.image.version": "1.3.0-rc.2",
        "org.opencontainers.image.revision": commit,
    });
    let amd64 = layout.image("amd64", &labels, &noise("amd64", 70_000));
    let arm64 = layout.image("arm64", &labels, &noise("arm64", 50_001));
    let about = [&amd64, &arm64].map(|image| layout.attestation(image));
    let mut all = vec![amd64, arm64];
    all.extend(about);
    let top = layout.index(&all);
    let blobs = layout.blobs.clone();
    let bytes = blobs.iter().map(|(_, size)| size).sum();
    (layout.finish(&top), blobs.len() as u64, bytes)
}

/// With the password of every registry: none of them can be read without.
fn run(world: &World<'_>, clone: &Clone<'_>, registries: &[&Registry], args: &[&str]) -> Run {
    let mut command = world.command(clone, args);
    for registry in registries {
        let place = registry.address().to_string().replace(['.', ':'], "_");
        command.env(format!("HOIST_REGISTRY_USERNAME_{place}"), USER);
        command.env(format!("HOIST_REGISTRY_PASSWORD_{place}"), PASSWORD);
    }
    let run = Run::of(&mut command);
    assert!(!format!("{run}").contains(PASSWORD));
    run
}

/// Every manifest below `digest`, itself included, as this registry has it.
fn tree(registry: &Registry, digest: &str) -> Vec<(String, String, Vec<u8>)> {
    let (media_type, bytes) = registry.get(NAME, &format!("manifests/{digest}"));
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let mut all = vec![(digest.to_owned(), media_type, bytes)];
    for child in document["manifests"].as_array().into_iter().flatten() {
        all.extend(tree(registry, child["digest"].as_str().unwrap()));
    }
    all
}

fn of<'v>(moved: &'v Value, registry: &Registry) -> &'v Value {
    let name = registry.repository(NAME);
    let all = moved.as_array().unwrap();
    all.iter().find(|one| one["repository"] == name).unwrap()
}

#[test]
fn an_index_with_attestations_is_promoted_into_a_second_private_registry() {
    let Some(packages) = support::packages() else {
        return;
    };
    let options = RegistryOptions {
        auth: true,
        ..RegistryOptions::default()
    };
    let first = Registry::start(packages, &options).unwrap();
    let second = Registry::start(packages, &options).unwrap();
    let world = World::new(&first, &[NAME]);
    let clone = world.remote.clone("a", &[]);
    clone.write(".gitignore", "/dist\n");
    clone.write("release.toml", policy(&[&first]));
    clone.commit("feat: begin");
    clone.git(&["tag", "--annotate", "v1.2.0", "--message", "v1.2.0"]);
    let commit = clone.commit("feat: more");
    clone.push();
    let (index, blobs, bytes) = candidate(&clone, &commit);
    let released = run(
        &world,
        &clone,
        &[&first],
        &["release", "--version", "1.3.0-rc.2", "--yes", "--json"],
    );
    released.expect(0);
    let outcome = released.outcome();
    assert_eq!(outcome["images"][0]["digest"], index.to_string());
    assert_eq!(
        of(&outcome["moved"], &first)["sent"],
        json!({"blobs": blobs, "bytes": bytes})
    );

    let both = [&first, &second];
    // From here on nothing could be built: the layout is gone, HEAD is another commit's.
    std::fs::remove_dir_all(clone.path().join("dist")).unwrap();
    clone.write("release.toml", policy(&both));
    clone.commit("feat: not in the candidate");
    clone.push();
    let promoted = run(
        &world,
        &clone,
        &both,
        &["promote", "1.3.0-rc.2", "--yes", "--json"],
    );
    promoted.expect(0);
    let outcome = promoted.outcome();
    let all = json!({"blobs": blobs, "bytes": bytes});
    let none = json!({"blobs": 0, "bytes": 0});
    let moved = |registry, what: &str| of(&outcome["moved"], registry)[what].clone();
    assert_eq!(moved(&first, "fetched"), all, "{promoted}");
    assert_eq!(moved(&first, "sent"), none);
    assert_eq!(moved(&second, "sent"), all);
    assert_eq!(moved(&second, "fetched"), none);

    let expected = tree(&first, &index.to_string());
    assert_eq!(expected.len(), 5, "the index, two images, two attestations");
    assert_eq!(tree(&second, &index.to_string()), expected);
    for registry in both {
        for tag in ["1.3.0", "1.3", "1", "latest"] {
            let shown = registry.digest(NAME, tag);
            assert_eq!(shown, Some(index.to_string()), "`{tag}`");
        }
    }
    // Nothing else has a name: neither a platform nor an attestation.
    let all = ["1", "1.3", "1.3.0", "1.3.0-rc.2", "latest", "rc"];
    assert_eq!(first.tags(NAME), all);
    assert_eq!(second.tags(NAME), ["1", "1.3", "1.3.0", "latest"]);
    assert_eq!(clone.git(&["rev-parse", "v1.3.0^{commit}"]), commit);
    let notes = clone.git(&["tag", "--list", "--format=%(contents)", "v1.3.0"]);
    assert!(
        notes.contains("- more") && !notes.contains("not in the candidate"),
        "{notes}"
    );
    world.assert_unlocked();
    let verified = run(&world, &clone, &both, &["verify", "1.3.0", "--deep"]);
    verified.expect(0);

    // Once more there is nothing to move, and a person is told so in decimal units.
    let again = run(&world, &clone, &both, &["promote", "1.3.0-rc.2", "--yes"]);
    again.expect(0);
    assert!(!again.stderr.contains("sent"), "{again}");
    let third = Registry::start(packages, &options).unwrap();
    clone.write("release.toml", policy(&[&first, &second, &third]));
    clone.commit("chore: a third registry");
    clone.push();
    let third_time = run(
        &world,
        &clone,
        &[&first, &second, &third],
        &["promote", "1.3.0-rc.2", "--yes"],
    );
    third_time.expect(0);
    let tenths = (bytes + 50) / 100;
    third_time.says(&format!(
        "{}.{} kB in {blobs} blobs sent",
        tenths / 10,
        tenths % 10
    ));
    assert_eq!(third.digest(NAME, "latest"), Some(index.to_string()));
}

#[test]
fn mistakes_are_told_before_anybody_is_asked() {
    let mut history = History::new();
    history.write(
        "release.toml",
        "[image]\nrepository = \"127.0.0.1:1/acme/api\"\n",
    );
    let commit = history.say("feat: begin");
    history.branch("main", commit);
    for (args, code, words) in [
        (
            &["promote", "1.0.0", "--yes"][..],
            2,
            "is not a pre-release",
        ),
        (
            &["promote", "v1.0.0-rc.1", "--yes"],
            2,
            "is not a valid version",
        ),
        (&["promote", "1.0.0-rc.1", "--yes"], 4, "git.push = false"),
        (&["release", "--yes"], 4, "git.push = false"),
        (&["repair", "--yes", "--image", "x y"], 2, "x y"),
    ] {
        let run = Run::of(history.hoist().args(args));
        run.expect(code);
        run.says(words);
    }
    history.write("release.toml", "");
    for format in ["refs", "bake"] {
        let run = Run::of(
            history
                .hoist()
                .args(["tags", "--offline", "--format", format]),
        );
        run.expect(2);
        run.says("image.repository");
    }
}
