//! What other people's programs say of a release that is signed: cosign, oras, notation and crane, on a
//! registry with the referrers API (the one of these tests, which the conformance suite holds to the
//! specification), and on Debian's, which has none.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use hoist::oci::{Manifest, MediaType};
use serde_json::{Value, json};
use testkit::sandbox::Clone;

use super::promote::candidate;
use crate::{
    registry::server::{Personality, Referrers, TestRegistry},
    support::{self, Run, Shelf, World},
};

const NAME: &str = "judged/api";
const PASSWORD: &str = "of-the-key";
const SBOM: &str = "application/spdx+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// The judges, and a project that they can look at.
struct Court<'w> {
    world: &'w World<'w>,
    clone: Clone<'w>,
    judges: PathBuf,
}

impl<'w> Court<'w> {
    /// A project whose candidate, an index of two platforms, is to be released as 1.3.0-rc.2.
    fn new(world: &'w World<'w>, judges: PathBuf, sign: &str) -> Self {
        let clone = world.remote.clone("a", &[]);
        let court = Self {
            world,
            clone,
            judges,
        };
        let clone = &court.clone;
        clone.write(".gitignore", "/dist\n/cosign.*\n");
        clone.write("parts.json", "{\"spdxVersion\":\"SPDX-2.3\"}");
        clone.write(
            "arm64.json",
            "{\"spdxVersion\":\"SPDX-2.3\",\"of\":\"arm64\"}",
        );
        clone.write("sign.toml", sign);
        clone.commit("feat: begin");
        clone.git(&["tag", "--annotate", "v1.2.0", "--message", "v1.2.0"]);
        court
    }

    /// Writes the policy for these repositories.
    fn policy(&self, repositories: &[String]) {
        let sign = fs::read_to_string(self.clone.path().join("sign.toml")).unwrap();
        let policy = format!(
            "[image]\nrepositories = {repositories:?}\n\
             [image.build]\nlayout = \"dist/oci\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
             [tags]\nfixed = [\"{{version}}\"]\nmoving = [\"{{major}}.{{minor}}\", \"latest\"]\n\
             [[attach]]\nfile = \"parts.json\"\ntype = \"{SBOM}\"\n\
             [[attach]]\nfile = \"arm64.json\"\ntype = \"{SBOM}\"\nplatform = \"linux/arm64\"\n\
             [sign]\n{sign}\n"
        );
        self.clone.write("release.toml", policy);
        self.clone.commit("feat: more");
        self.clone.push();
    }

    /// The program, as a person runs it in the project.
    fn judge(&self, args: &[&str]) -> Output {
        let mut command = self.with_judges(self.clone.command(args[0]));
        command.args(&args[1..]).output().unwrap()
    }

    #[track_caller]
    fn says(&self, args: &[&str]) -> String {
        let output = self.judge(args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn with_judges(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", self.judges.display()))
            .env("XDG_CONFIG_HOME", self.world.remote.home().join("config"))
            .env("COSIGN_PASSWORD", PASSWORD);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.with_judges(self.world.command(&self.clone, args)))
    }

    /// Releases the candidate in the first repository and promotes it into all of them. Its digest, and what was about
    /// it before the promotion, which signs it once more in each of them.
    fn release_and_promote(&self, repositories: &[String]) -> (String, About) {
        self.policy(&repositories[..1]);
        let commit = self.clone.git(&["rev-parse", "HEAD"]);
        let (index, _, _) = candidate(&self.clone, &commit);
        let run = self.run(&["release", "--version", "1.3.0-rc.2", "--yes"]);
        run.expect(0);
        fs::remove_dir_all(self.clone.path().join("dist")).unwrap();
        let about = self.discover(&format!("{}@{index}", repositories[0]));
        self.policy(repositories);
        let run = self.run(&["promote", "1.3.0-rc.2", "--yes"]);
        run.expect(0);
        self.run(&["verify", "--signatures"]).expect(0);
        (index.to_string(), about)
    }

    /// Digest and type of everything that oras finds to be about an image, and about that.
    fn discover(&self, image: &str) -> About {
        let text = self.says(&[
            "oras",
            "discover",
            "--plain-http",
            "--format",
            "json",
            image,
        ]);
        let mut all = BTreeSet::new();
        let mut left = vec![serde_json::from_str::<Value>(&text).unwrap()];
        while let Some(node) = left.pop() {
            for one in node["referrers"].as_array().into_iter().flatten() {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                all.insert((text("digest"), text("artifactType")));
                left.push(one.clone());
            }
        }
        all
    }

    fn arm64(&self, image: &str) -> String {
        let index = self.says(&["crane", "manifest", image]);
        let index: Value = serde_json::from_str(&index).unwrap();
        let all = index["manifests"].as_array().unwrap();
        let is_it = |one: &&Value| one["platform"]["architecture"] == "arm64";
        all.iter().find(is_it).unwrap()["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Digest and type of each.
type About = BTreeSet<(String, String)>;

fn types(all: &About) -> Vec<&str> {
    let mut types: Vec<_> = all.iter().map(|(_, kind)| &**kind).collect();
    types.sort_unstable();
    types
}

/// With the referrers API, or with the list that whoever pushes has to keep.
fn registry(referrers: Referrers) -> TestRegistry {
    TestRegistry::start(Personality {
        referrers,
        ..Personality::default()
    })
}

/// What the judges say of a release in `first` and its promotion into `second`.
fn cosign_and_oras(judges: PathBuf, first: &dyn Shelf, second: &dyn Shelf) {
    let world = World::new(first, &[NAME]);
    let sign = "with = \"cosign\"\nkey = \"cosign.key\"\ntlog = false";
    let court = Court::new(&world, judges, sign);
    court.says(&["cosign", "generate-key-pair"]);
    let repositories = [first.repository(NAME), second.repository(NAME)];
    let (digest, about) = court.release_and_promote(&repositories);

    let proves = |image: &str| {
        let args = [
            "verify",
            "--key",
            "cosign.pub",
            "--insecure-ignore-tlog=true",
        ];
        court.judge(&[&["cosign"], &args[..], &[image]].concat())
    };
    for repository in &repositories {
        for tag in ["1.3.0", "1.3", "latest"] {
            let proof = proves(&format!("{repository}:{tag}"));
            assert!(proof.status.success(), "{repository}:{tag}: {proof:?}");
            let proof: Value = serde_json::from_slice(&proof.stdout).unwrap();
            let named = &proof[0]["critical"]["image"]["docker-manifest-digest"];
            assert_eq!(*named, digest, "{repository}:{tag}");
        }
        court.says(&[
            "crane",
            // Not the content of layers: it takes those of an attestation, which are JSON, for packed archives.
            "validate",
            "--fast",
            "--remote",
            &format!("{repository}:1.3.0"),
        ]);
    }

    let [here, there] = repositories.each_ref().map(|it| format!("{it}@{digest}"));
    assert!(types(&about).contains(&SBOM), "{about:?}");
    assert!(types(&about).contains(&BUNDLE), "{about:?}");
    for image in [&here, &there] {
        assert!(court.discover(image).is_superset(&about), "{image}");
    }
    let arm64 = court.arm64(&here);
    for repository in &repositories {
        let about = court.discover(&format!("{repository}@{arm64}"));
        assert_eq!(types(&about), [SBOM]);
    }

    // Another program copies all of it, so all of it can be found by the rules.
    let copy = second.repository("judged/copy");
    let args = [
        "oras",
        "cp",
        "--recursive",
        "--from-plain-http",
        "--to-plain-http",
    ];
    court.says(&[&args[..], &[&here, &format!("{copy}:1.3.0")]].concat());
    assert!(
        court
            .discover(&format!("{copy}@{digest}"))
            .is_superset(&about)
    );
    assert!(proves(&format!("{copy}:1.3.0")).status.success());
    let manifest = |image: String| court.says(&["crane", "manifest", &image]);
    for (of, _) in &about {
        let bytes = manifest(format!("{}@{of}", repositories[0]));
        assert_eq!(manifest(format!("{}@{of}", repositories[1])), bytes);
        assert_eq!(manifest(format!("{copy}@{of}")), bytes);
    }
}

#[test]
fn with_the_referrers_api_cosign_and_oras_find_what_hoist_has_published() {
    let Some(judges) = support::judges() else {
        return;
    };
    let (first, second) = (registry(Referrers::Listed), registry(Referrers::Listed));
    cosign_and_oras(judges, &first, &second);
    // Whoever has the API needs no list under a tag.
    for registry in [&first, &second] {
        let tags = registry.tags(NAME);
        assert!(
            tags.keys().all(|tag| !tag.starts_with("sha256-")),
            "{tags:?}"
        );
    }
}

#[test]
fn between_a_registry_with_the_api_and_one_without_nothing_is_lost() {
    let Some(judges) = support::judges() else {
        return;
    };
    let Some(packaged) = support::registry() else {
        return;
    };
    let with_api = registry(Referrers::Listed);
    cosign_and_oras(judges, &with_api, packaged);
}

#[test]
fn the_judges_refuse_what_is_not_signed() {
    let Some(judges) = support::judges() else {
        return;
    };
    let registry = registry(Referrers::Listed);
    let world = World::new(&registry, &[NAME]);
    let sign = "with = \"cosign\"\nkey = \"cosign.key\"\ntlog = false";
    let court = Court::new(&world, judges, sign);
    court.says(&["cosign", "generate-key-pair"]);
    let repositories = [registry.repository(NAME).to_string()];

    // A key that does not open signs nothing, and nothing gets a name.
    court.policy(&repositories);
    let commit = court.clone.git(&["rev-parse", "HEAD"]);
    candidate(&court.clone, &commit);
    let args = ["release", "--version", "1.3.0-rc.2", "--yes"];
    let mut command = court.with_judges(world.command(&court.clone, &args));
    let run = Run::of(command.env("COSIGN_PASSWORD", "another"));
    run.expect(6);
    run.says("(`sign`) failed");
    assert!(registry.tags(NAME).is_empty(), "{run}");
    world.assert_unlocked();

    court.release_and_promote(&repositories);
    // Somebody moves a tag to an image that nobody has signed.
    let config = b"{}";
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": { "mediaType": MediaType::OCI_CONFIG, "size": config.len(),
                    "digest": hoist::oci::Digest::of(config) },
        "layers": [],
    });
    let image = Manifest::new(MediaType::OCI_MANIFEST.into(), document.to_string());
    registry.foreign_push(NAME, "latest", &image);
    let args = ["--key", "cosign.pub", "--insecure-ignore-tlog=true"];
    let latest = format!("{}:latest", repositories[0]);
    let proof = court.judge(&[&["cosign", "verify"], &args[..], &[&latest]].concat());
    assert!(!proof.status.success());
    court.run(&["verify", "--signatures"]).expect(9);
}

#[test]
fn notation_signs_through_its_own_line() {
    let Some(judges) = support::judges() else {
        return;
    };
    let (first, second) = (registry(Referrers::Listed), registry(Referrers::Unknown));
    let world = World::new(&first, &[NAME]);
    let sign = "run = [\"notation\", \"sign\", \"--insecure-registry\", \"{image}\"]\n\
                verify = [\"notation\", \"verify\", \"--insecure-registry\", \"{image}\"]";
    let court = Court::new(&world, judges, sign);
    court.says(&["notation", "cert", "generate-test", "--default", "tests"]);
    let trust = json!({ "version": "1.0", "trustPolicies": [{
        "name": "tests",
        "registryScopes": ["*"],
        "signatureVerification": { "level": "strict" },
        "trustStores": ["ca:tests"],
        "trustedIdentities": ["*"],
    }] });
    let folder = world.remote.home().join("config/notation");
    fs::write(folder.join("trustpolicy.json"), trust.to_string()).unwrap();
    let repositories = [
        first.repository(NAME).to_string(),
        second.repository(NAME).to_string(),
    ];
    let (digest, _) = court.release_and_promote(&repositories);
    for repository in repositories {
        let image = format!("{repository}@{digest}");
        court.says(&["notation", "verify", "--insecure-registry", &image]);
        assert!(types(&court.discover(&image)).contains(&NOTATION));
    }
}
