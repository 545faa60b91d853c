//! Seeded mistakes: each is refused, and the refusal names the leg.

use serde_json::{Value, json};

use crate::{
    build::join::{
        index::join,
        tests::{
            COMMIT, Made, Mistake, OTHER, TREE, described, document, expected, joined, made,
            statements::mistakes_of_statements,
        },
    },
    error::ErrorCode,
    oci::{Digest, Index, Manifest, MediaType},
};

fn mistakes_of_descriptions() -> Vec<Mistake> {
    let good = || described("dist/amd64", "linux/amd64").leg();
    let bad = |field: &str, value: Value| {
        let leg = described("dist/arm64", "linux/arm64").claims(field, value);
        vec![good(), leg.leg()]
    };
    vec![
        (
            "commit",
            &["another commit", COMMIT, OTHER],
            bad("commit", json!(OTHER)),
        ),
        (
            "version",
            &["another version", "expected 1.3.0", "1.2.9"],
            bad("version", json!("1.2.9")),
        ),
        (
            "a pre-release",
            &["another version", "1.3.0-rc.1"],
            bad("version", json!("1.3.0-rc.1")),
        ),
        (
            "build metadata",
            &["another version", "1.3.0+x"],
            bad("version", json!("1.3.0+x")),
        ),
        (
            "tree",
            &["another tree", TREE, OTHER],
            bad("tree", json!(OTHER)),
        ),
        (
            "policy",
            &["another policy", "sha256:"],
            bad("policy", json!(Digest::of(b"other"))),
        ),
        (
            "another image",
            &["another image", "`main`", "`worker`"],
            bad("image", json!("worker")),
        ),
        (
            "a variant",
            &["another image", "`main/alpine`"],
            bad("variant", json!("alpine")),
        ),
        (
            "elsewhere",
            &["points elsewhere", "ghcr.io/evil/api"],
            bad("staged", json!(["docker.io/acme/api", "ghcr.io/evil/api"])),
        ),
        (
            "digest",
            &["cannot be used", "hashes to"],
            bad("digest", json!(Digest::of(b"other"))),
        ),
        (
            "size",
            &["cannot be used", "expected 3 bytes"],
            bad("size", json!(3)),
        ),
        (
            "type",
            &["cannot be used", "expected the type"],
            bad("mediaType", json!(MediaType::OCI_INDEX)),
        ),
        (
            "platform",
            &[
                "not for the platform that it says",
                "linux/s390x",
                "linux/arm64",
            ],
            bad("platforms", json!(["linux/s390x"])),
        ),
        (
            "platform more",
            &["lacks a platform", "linux/s390x"],
            bad("platforms", json!(["linux/arm64", "linux/s390x"])),
        ),
        (
            "no platform",
            &["not for the platform that it says", "none"],
            bad("platforms", json!([])),
        ),
        (
            "a word for a platform",
            &["lacks a platform", "arm"],
            bad("platforms", json!(["linux/arm64", "arm"])),
        ),
    ]
}

fn mistakes_of_content() -> Vec<Mistake> {
    let good = || made("dist/amd64", "linux/amd64").leg();
    let arm = || made("dist/arm64", "linux/arm64");
    let with = |leg: Made| vec![good(), leg.leg()];
    let mut tampered = arm().leg();
    for bytes in tampered.configs.values_mut() {
        bytes.push(b' ');
    }
    let mut lost_config = arm().leg();
    lost_config.configs.clear();
    let mut lost_child = arm().nested(1).leg();
    lost_child.children.clear();
    let mut orphan = arm().attested().leg();
    let index: Index = serde_json::from_slice(&orphan.manifest.bytes).expect("an index");
    let alone = Index::new(index.manifests[1..].to_vec());
    orphan.manifest = alone.to_manifest();
    let mut of_nothing = Index::new(index.manifests.clone());
    of_nothing.manifests[1]
        .annotations
        .remove("vnd.docker.reference.digest");
    let mut unsubjected = arm().attested().leg();
    unsubjected.manifest = of_nothing.to_manifest();
    let mut lost_subject = index.clone();
    lost_subject.manifests[1].annotations.insert(
        "vnd.docker.reference.digest".to_owned(),
        Digest::of(b"gone").to_string(),
    );
    let mut strays = arm().attested().leg();
    strays.manifest = lost_subject.to_manifest();
    let mut short = index.clone();
    short.manifests[0].size -= 1;
    let mut resized = arm().attested().leg();
    resized.manifest = short.to_manifest();
    let mut empty = arm().leg();
    empty.manifest = document(
        MediaType::OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": []}),
    );
    let mut chart = arm().leg();
    chart.manifest = document(
        MediaType::OCI_MANIFEST,
        &json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": Digest::of(b""), "size": 0}, "layers": []}),
    );
    let mut broken = arm().leg();
    broken.manifest = Manifest::new(
        MediaType::OCI_MANIFEST.into(),
        &b"{\"schemaVersion\":2,\"config\""[..],
    );
    let mut artifacts = arm().leg();
    artifacts.manifest = document(
        MediaType::OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "artifactType": "application/vnd.acme.sbom", "manifests": []}),
    );
    let of_many = |count: usize| {
        let mut many = arm().leg();
        let entries = vec![many.manifest.descriptor(); count];
        many.children.push(many.manifest.clone());
        many.manifest = Index::new(entries).to_manifest();
        vec![good(), many]
    };
    // What is just below the limits is joined.
    joined(&with(arm().nested(8)), &[]);
    joined(&of_many(999), &[]);
    let mut lies = arm().nested(1);
    lies.listed = json!({"os": "linux", "architecture": "s390x"});
    let mut older = arm().nested(1);
    older.config["variant"] = json!("v8");
    older.listed = json!({"os": "linux", "architecture": "arm64", "variant": "v9"});
    let windows = |file| {
        let leg = made(file, "windows/amd64");
        leg.config("os.version", json!("10.0.20348.1")).leg()
    };
    let mut unlike =
        made("dist/arm64", "windows/amd64").config("os.version", json!("10.0.17763.1"));
    unlike.listed = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"});
    vec![
        (
            "label: commit",
            &["another revision", OTHER, COMMIT, "linux/arm64"],
            with(arm().label("revision", json!(OTHER))),
        ),
        (
            "label: too short",
            &["another revision", COMMIT],
            with(arm().label("revision", json!(&COMMIT[..6]))),
        ),
        (
            "label: a branch",
            &["another revision", "main"],
            with(arm().label("revision", json!("main"))),
        ),
        (
            "label: version",
            &["another version", "1.2.0"],
            with(arm().label("version", json!("1.2.0"))),
        ),
        (
            "a trial",
            &["is a trial build", "1.3.0-dev"],
            with(arm().label("version", json!("1.3.0-dev"))),
        ),
        (
            "a trial of a pre-release",
            &["is a trial build", "1.3.0-rc.1-dev"],
            with(arm().label("version", json!("1.3.0-rc.1-dev"))),
        ),
        (
            "tampered",
            &["cannot be used", "hashes to"],
            vec![good(), tampered],
        ),
        (
            "lost configuration",
            &["cannot be used", "does not have"],
            vec![good(), lost_config],
        ),
        (
            "lost manifest",
            &["cannot be used", "does not have"],
            vec![good(), lost_child],
        ),
        (
            "attestation alone",
            &["expected an image"],
            vec![good(), orphan],
        ),
        (
            "attestation of nothing",
            &["names no image"],
            vec![good(), unsubjected],
        ),
        (
            "attestation of what is gone",
            &["an image that is not there"],
            vec![good(), strays],
        ),
        (
            "size in the index",
            &["cannot be used", "bytes for"],
            vec![good(), resized],
        ),
        ("empty index", &["expected an image"], vec![good(), empty]),
        ("a chart", &["is not an image", "helm"], vec![good(), chart]),
        (
            "an index of artifacts",
            &["is not an image", "an index of artifacts"],
            vec![good(), artifacts],
        ),
        (
            "indexes in indexes",
            &["cannot be used", "nested too deeply"],
            with(arm().nested(9)),
        ),
        (
            "more entries than anybody builds",
            &["cannot be used", "list too much"],
            of_many(1_000),
        ),
        ("not JSON", &["cannot be read"], vec![good(), broken]),
        (
            "index and configuration",
            &["contradicts itself", "linux/s390x", "linux/arm64"],
            with(lies.nested(1)),
        ),
        (
            "variants",
            &["contradicts itself", "linux/arm64/v9"],
            with(older),
        ),
        (
            "os.version in the index",
            &["contradicts itself", "17763", "20348"],
            with(unlike.nested(1)),
        ),
        (
            "twice",
            &["`dist/amd64` and `dist/arm64`", "each platform once"],
            vec![good(), made("dist/arm64", "linux/amd64").leg()],
        ),
        (
            "twice by another name",
            &["`dist/arm64`", "`dist/new`", "one platform for an engine"],
            vec![
                good(),
                arm().leg(),
                made("dist/new", "linux/arm64/v8").leg(),
            ],
        ),
        (
            "the same leg twice",
            &["`dist/arm64`", "each platform once"],
            vec![good(), arm().leg(), arm().leg()],
        ),
        (
            "os.version twice",
            &["`dist/arm64`", "os.version 10.0.20348.1"],
            vec![windows("dist/arm64"), windows("dist/amd64")],
        ),
        (
            "os.features of one alone",
            &["`dist/arm64`", "os.features", "one platform for an engine"],
            with(made("dist/arm64", "linux/amd64").config("os.features", json!(["gpu"]))),
        ),
        (
            "os.version of one alone",
            &["`dist/arm64`", "one platform for an engine"],
            vec![
                windows("dist/arm64"),
                made("dist/amd64", "windows/amd64").leg(),
            ],
        ),
        (
            "label: version with a letter",
            &["`dist/arm64`", "9.9.9"],
            with(arm().label("version", json!("v9.9.9"))),
        ),
        (
            "no platform",
            &["does not say what it runs on"],
            with(arm().config("os", json!(""))),
        ),
    ]
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the count is the result of a run by hand"
)]
fn every_mistake_is_refused_and_names_the_leg() {
    let mistakes = [
        mistakes_of_descriptions(),
        mistakes_of_content(),
        mistakes_of_statements(),
    ]
    .concat();
    assert!(mistakes.len() >= 64, "{}", mistakes.len());
    eprintln!("{} mistakes", mistakes.len());
    for (what, words, legs) in mistakes {
        let Err(error) = join(&legs, Some(&expected(&[]))) else {
            panic!("{what} was joined");
        };
        let text = format!("{error:#}");
        assert_eq!(error.exit_code(), 4, "{what}: {text}");
        assert_eq!(error.code(), ErrorCode::LegUnfit, "{what}: {text}");
        assert!(text.contains("dist/arm64"), "{what}: {text}");
        assert!(
            text.contains("expected") || text.contains("says"),
            "{what}: {text}"
        );
        assert!(
            error.state_now().is_some() && error.first_hint().is_some(),
            "{what}"
        );
        for word in words {
            assert!(text.contains(word), "{what}: `{word}` is not in {text}");
        }
    }
}
