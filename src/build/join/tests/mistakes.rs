//! Seeded mistakes: each is refused, and the refusal names the leg.

use serde_json::{Value, json};

use crate::{
    build::join::{
        Leg, LegBase,
        content::LegContent,
        index::join,
        tests::{
            COMMIT, Made, OTHER, PARENT, TREE, claims, described, document, expected, joined, made,
        },
    },
    error::ErrorCode,
    oci::{Digest, Index, Manifest, MediaType},
};

/// What is wrong with one of two legs, the words that the refusal has, and the legs.
type Mistake = (&'static str, &'static [&'static str], Vec<LegContent>);

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

/// One of the places that say something about an image.
type PlaceOf = fn(&mut Made) -> &mut Value;

/// What each place says that can name a commit and a version, but for one, which says another.
fn mistakes_of_statements() -> Vec<Mistake> {
    let good = || made("dist/amd64", "linux/amd64").leg();
    let arm = || {
        let leg = made("dist/arm64", "linux/arm64").nested(2);
        let right = json!({
            "org.opencontainers.image.revision": COMMIT,
            "org.opencontainers.image.version": "1.3.0",
        });
        Made {
            annotations: right.clone(),
            entry_annotations: right.clone(),
            index_annotations: right.clone(),
            outer_annotations: right.clone(),
            listed_annotations: right,
            ..leg
        }
    };
    joined(&[good(), arm().leg()], &[]);
    let places: [(&'static str, PlaceOf); 6] = [
        ("its label `", |leg| &mut leg.config["config"]["Labels"]),
        ("` of its manifest", |leg| &mut leg.annotations),
        ("` of its entry in an index", |leg| {
            &mut leg.entry_annotations
        }),
        ("` of its index", |leg| &mut leg.index_annotations),
        ("` of its entry in an index", |leg| {
            &mut leg.outer_annotations
        }),
        ("` of its entry in `index.json`", |leg| {
            &mut leg.listed_annotations
        }),
    ];
    let wrong: [(&str, &str, &'static str); 3] = [
        ("revision", OTHER, "another revision"),
        ("version", "9.9.9", "another version"),
        ("version", "1.3.0-dev", "is a trial build"),
    ];
    let mut all: Vec<Mistake> = Vec::new();
    for (says, place) in places {
        for (key, value, refused) in wrong {
            let mut leg = arm();
            place(&mut leg)[format!("org.opencontainers.image.{key}")] = json!(value);
            let words: &'static [&'static str] = Box::leak(Box::new([refused, says]));
            all.push((says, words, vec![good(), leg.leg()]));
        }
    }
    all
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

#[test]
fn a_platform_that_nobody_made_is_named_with_those_that_are_there() {
    let legs = [
        made("dist/amd64", "linux/amd64").leg(),
        made("dist/s390x", "linux/s390x").leg(),
    ];
    let wanted = expected(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    let error = join(&legs, Some(&wanted)).expect_err("arm64 is missing");
    let text = format!("{error:#}");
    for word in [
        "no leg is for linux/arm64",
        "`dist/amd64` is for linux/amd64",
        "`dist/s390x`",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(error.hints().concat().contains("--platform linux/arm64"));
}

#[test]
fn where_several_images_are_released_the_one_that_lacks_a_platform_is_named() {
    let mut wanted = expected(&["linux/amd64", "linux/arm64"]);
    wanted.is_one_of_several = true;
    let legs = [made("dist/amd64", "linux/amd64").leg()];
    let error = join(&legs, Some(&wanted)).expect_err("arm64 is missing");
    let text = format!("{error:#}");
    assert!(
        text.contains("no leg of the image `main` is for linux/arm64"),
        "{text}"
    );
    let hint = "`hoist build --image-name main --platform linux/arm64 --output DIR`";
    assert!(error.hints().concat().contains(hint), "{error:#}");
}

/// `arm64` of the policy is one image, though a machine could tell v8 from v9.
#[test]
fn a_platform_of_the_policy_is_one_image() {
    let leg = |file, platform| made(file, platform).leg();
    let legs = [
        leg("amd64", "linux/amd64"),
        leg("v8", "linux/arm64/v8"),
        leg("v9", "linux/arm64/v9"),
    ];
    let refused = |legs: &[LegContent], wanted: &[&str], words: &[&str]| {
        let error = join(legs, Some(&expected(wanted))).expect_err("one of two");
        let text = format!("{error:#}");
        assert_eq!(error.exit_code(), 4, "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    };
    refused(
        &legs,
        &["linux/amd64", "linux/arm64"],
        &[
            "two images are for linux/arm64",
            "`v8` (for linux/arm64/v8)",
            "`v9` (for linux/arm64/v9)",
        ],
    );
    let all = ["linux/amd64", "linux/arm64", "linux/arm64/v9"];
    joined(&legs, &all);
    joined(&legs, &[]);
    // The one for v9 is not the one for every arm64 where the policy names both.
    let without = [legs[0].clone(), legs[2].clone()];
    refused(&without, &all, &["no leg is for linux/arm64"]);
    joined(&without, &all[..2]);
}

/// The hint names what git and hoist take: a commit and never a tree, and a build that makes a leg.
#[test]
fn each_hint_has_a_command_that_makes_the_leg_agree() {
    let hints = |field: &str, value: Value, parent: Option<&str>| {
        let leg = described("dist/arm64", "linux/arm64/v8").claims(field, value);
        let mut wanted = expected(&[]);
        wanted.parent = parent.map(|parent| parent.parse().expect("a commit"));
        let error = join(&[leg.leg()], Some(&wanted)).expect_err("it differs");
        error.hints().join("\n")
    };
    let checkout = format!("`git checkout {COMMIT}`");
    let build = "`hoist build --platform linux/arm64/v8 --output DIR`";
    let versioned = "`hoist build --version 1.3.0 --platform linux/arm64/v8 --output DIR`";
    for (field, value, command) in [
        ("commit", json!(OTHER), build),
        ("version", json!("1.2.9"), versioned),
        ("tree", json!(OTHER), build),
        ("policy", json!(Digest::of(b"other")), build),
    ] {
        let told = hints(field, value.clone(), None);
        for words in [&checkout, command, "--plan plan.json"] {
            assert!(told.contains(words), "{field}: {words}: {told}");
        }
        assert!(!told.contains(TREE), "{field}: {told}");
        // No branch has a release commit yet: the plan makes it from the one below.
        let told = hints(field, value, Some(PARENT));
        let planned = "`hoist build --plan plan.json --platform linux/arm64/v8 --output DIR`";
        for words in [&format!("`git checkout {PARENT}`"), planned] {
            assert!(told.contains(words), "{field}: {words}: {told}");
        }
    }
    // What the leg says of its platform is not repeated where it could be something else.
    let odd = described("dist/arm64", "linux/arm64")
        .claims("commit", json!(OTHER))
        .claims("platforms", json!(["linux/arm64; rm x"]));
    let error = join(&[odd.leg()], Some(&expected(&[]))).expect_err("it differs");
    assert!(
        error.hints().join("").contains("--platform PLATFORM"),
        "{error:#}"
    );
}

#[test]
fn what_is_not_a_description_says_so() {
    let good = claims(
        &made("a", "linux/amd64").leg().manifest,
        &made("a", "linux/amd64").config,
        &json!({"base": [{"name": "debian:12"}]}),
    );
    let base = LegBase {
        name: "debian:12".to_owned(),
        digest: None,
    };
    assert_eq!(good.base, [base]);
    let text = serde_json::to_string(&good).expect("plain data");
    assert_eq!(Leg::parse(&text, "x").expect("what was written"), good);
    assert_eq!(
        Leg::parse_all(&format!("{text}\n{text}\n"), "x")
            .expect("two lines")
            .len(),
        2
    );
    let pretty = serde_json::to_string_pretty(&good).expect("plain data");
    assert_eq!(Leg::parse_all(&pretty, "x").expect("one leg").len(), 1);
    for (text, says) in [
        ("", "it is empty"),
        ("[]", "\"type\":\"leg\""),
        ("{}", "\"type\":\"leg\""),
        ("{\"type\":\"outcome\"}", "its type is `outcome`"),
        ("{\"v\":2,\"type\":\"leg\"}", "formats up to 1"),
        ("{\"v\":1,\"type\":\"leg\"}", "missing field"),
        ("{\"schemaVersion\":2,\"manifests\":[]}", "\"type\":\"leg\""),
        ("nonsense", "expected"),
        (&text.replace("sha256:", "sha256:zz"), "digest"),
        (&text.replace("1.3.0", "1.3"), "version"),
        (&text.replace(COMMIT, "HEAD"), "commit"),
    ] {
        let error = Leg::parse_all(text, "legs/x.json").expect_err(text);
        let told = format!("{error:#}");
        assert!(
            told.contains("legs/x.json") && told.contains(says),
            "{told}"
        );
        assert_eq!(error.exit_code(), 4);
    }
}
