//! Files of other tools: bake files, workflows, goreleaser's, Dockerfiles, legs, and what a builder pushes.

use hoist::{
    build::fuzzing as build,
    init::fuzzing as init,
    io::{push_door::fuzzing as door, registry::fuzzing},
    oci::{Digest, Repository},
    policy::Policy,
};

use super::{is_harmless, run};

const DOCKERFILE: (&str, &str) = ("Dockerfile", "FROM alpine AS runtime\nRUN true\n");

/// Whatever the files say, a valid policy is drafted from them, the same each time.
fn drafted(path: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = [DOCKERFILE, (path, &*text)];
    let (policy, notes) = init::draft(&files).expect("a policy can be drafted");
    Policy::parse(&policy, "release.toml").expect("it is a policy");
    let again = init::draft(&files).expect("a policy can be drafted");
    assert_eq!(again, (policy, notes));
}

/// The first byte says in which of the languages the rest is.
pub fn bake(bytes: &[u8]) {
    const PATHS: [&str; 4] = [
        "docker-bake.hcl",
        "docker-bake.json",
        "docker-bake.override.hcl",
        "compose.yaml",
    ];
    let (kind, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    drafted(PATHS[usize::from(*kind) % PATHS.len()], bytes);
}

pub fn workflow(bytes: &[u8]) {
    drafted(".github/workflows/release.yml", bytes);
}

pub fn goreleaser(bytes: &[u8]) {
    drafted(".goreleaser.yaml", bytes);
}

/// Legs are read, written and read again as the same, or refused by the name of their file.
pub fn leg(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match build::legs(&text, "leg.json") {
        Ok(legs) => {
            assert!(!legs.is_empty());
            let lines = legs
                .iter()
                .map(|leg| serde_json::to_string(leg).expect("it is JSON"));
            let written = lines.collect::<Vec<_>>().join("\n");
            let again = build::legs(&written, "leg.json").expect("they were just written");
            assert_eq!(again, legs);
        }
        Err(error) => {
            assert!(error.message().contains("leg.json"), "{error:?}");
            assert!(is_harmless(&format!("{error:#}")), "{error:?}");
        }
    }
}

/// Instructions lie one behind the other, and a stage that one of them begins can be a target.
pub fn dockerfile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, target) = text.rsplit_once('\0').unwrap_or((&text, "runtime"));
    let lines = text.lines().count();
    let (mut last, mut stage) = (0, None);
    for (index, it) in build::instructions(text).iter().enumerate() {
        assert!(
            last < it.lines.0 && it.lines.0 <= it.lines.1 && it.lines.1 <= lines,
            "{it:?}"
        );
        assert!(!it.text.contains('\n'), "{it:?}");
        assert_eq!(it.numbers.0, index + 1);
        assert!(it.stage >= stage && it.numbers.1 <= it.numbers.0, "{it:?}");
        (last, stage) = (it.lines.1, it.stage);
    }
    if let Some(stage) = stage {
        let number = stage.to_string();
        build::check_target(text, &number).expect("a stage can be named by its number");
    }
    if let Err(error) = build::check_target(text, target) {
        assert!(
            is_harmless(&format!("{error:#}{:?}", error.hints())),
            "{error:?}"
        );
    }
}

/// A key leads a credential to no other host than its own. The first line is the key.
pub fn credential_key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (key, name) = text
        .split_once('\n')
        .unwrap_or((&text, "registry.example.org/acme/api"));
    let Ok(repository) = name.parse::<Repository>() else {
        return;
    };
    if !fuzzing::credential_fits(key, &repository) {
        return;
    }
    let host = repository.registry().as_str();
    let host = host
        .strip_suffix(":443")
        .unwrap_or(host)
        .to_ascii_lowercase();
    let key = key.to_ascii_lowercase();
    let hub = ["docker.io", "docker.com"];
    assert!(
        key.contains(&host)
            || hub
                .iter()
                .any(|hub| host.ends_with(hub) && key.contains(hub)),
        "{key:?} fits {name:?}"
    );
    // A key without a scheme that names a path fits what is below it, and nothing beside.
    if let Some((_, path)) = key.split_once('/').filter(|_| !key.contains("://")) {
        let path = path.trim().trim_matches('/');
        let path = ["v1/", "v2/"]
            .iter()
            .fold(path, |path, api| path.strip_prefix(api).unwrap_or(path));
        let path = path.trim_matches('/');
        let is_api = matches!(path, "" | "v1" | "v2");
        assert!(
            is_api || repository.path().starts_with(path),
            "{key:?} fits {name:?}"
        );
    }
}

/// Whatever a connection carries, it is answered, and what is kept has the digest that it is kept under.
pub fn push_door(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    let talk = run(door::talk(bytes, &dir.path().join("store"))).expect("there is room");
    assert_eq!(talk.failure, None);
    let answers = String::from_utf8_lossy(&talk.answers);
    assert!(!answers.contains("HTTP/1.1 5"), "{answers}");
    for (digest, manifest) in &talk.manifests {
        assert_eq!(Digest::of(manifest), *digest);
    }
    let outside = std::fs::read_dir(dir.path()).expect("it is there");
    let names: Vec<_> = outside
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["store"]);
}
