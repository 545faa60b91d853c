//! Tag sets, `verify` and `repair` against what a real registry has published.

use std::{collections::BTreeMap, process::Output, sync::Arc};

use hoist::io::lease::Permit;
use hoist::{
    io::registry::{BlobSource, Registries, RepositoryApi, Settings},
    oci::{
        Descriptor, Digest, ImageName, Manifest, MediaType, Observed, Repository, Tag, TagOrDigest,
    },
    plan::{
        tags::{ExactTags, Listing, Published, TagContext, TagRules, compute},
        version::branch::BranchKind,
    },
    policy::Policy,
};
use proptest::{
    prelude::{Just, Strategy},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use semver::Version;
use serde_json::{Value, json};
use testkit::sandbox::Registry;

use crate::support::{self, history::History};

const TAGS: &str =
    "[tags]\nfixed = [\"{version}\"]\nmoving = [\"{major}.{minor}\", \"{major}\", \"latest\"]";

/// A repository of its own on the real registry.
struct Place<'r> {
    registry: &'r Registry,
    name: String,
    api: Arc<dyn RepositoryApi>,
}

impl<'r> Place<'r> {
    fn new(registry: &'r Registry, test: &str) -> Self {
        let run = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("{test}-{run}");
        let repository: Repository = registry.repository(&name).parse().unwrap();
        let settings = Settings {
            push: true,
            ..Settings::default()
        };
        let registries = Registries::new(settings, std::slice::from_ref(&repository));
        Self {
            registry,
            api: registries.open(&repository).unwrap(),
            name,
        }
    }

    /// An image without layers, told apart by its labels.
    async fn push(&self, version: &str, commit: &str, tags: &[&str]) -> Digest {
        let labels = json!({
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.revision": commit,
        });
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}});
        let bytes = config.to_string().into_bytes();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, &bytes).unwrap();
        let config = Descriptor::new(
            MediaType::OCI_CONFIG,
            Digest::of(&bytes),
            bytes.len() as u64,
        );
        self.api
            .push_blob(&config, BlobSource::File(file), &|_| {})
            .await
            .unwrap();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config,
            "layers": [],
        });
        let manifest = Manifest::new(
            MediaType::from(MediaType::OCI_MANIFEST),
            manifest.to_string().into_bytes(),
        );
        for tag in tags {
            let tag: Tag = tag.parse().unwrap();
            self.api
                .put_tag(&tag, &manifest, &Permit::always())
                .await
                .unwrap();
        }
        manifest.digest().clone()
    }

    async fn shows(&self, tag: &str) -> Option<Digest> {
        let tag: Tag = tag.parse().unwrap();
        let found = self.api.head(&TagOrDigest::Tag(tag)).await.unwrap();
        found.map(|descriptor| descriptor.digest)
    }

    /// A clone whose policy releases to here, with these versions tagged on commits of their own.
    fn clone(&self, tags: &str, versions: &[&str]) -> History {
        let mut history = History::new();
        history.write(
            "release.toml",
            &format!(
                "[image]\nrepository = \"{}\"\n[git]\npush = false\n{tags}",
                self.registry.repository(&self.name)
            ),
        );
        let mut last = history.say("feat: start");
        for version in versions {
            last = history.say(&format!("fix: for {version}"));
            history.tag(&format!("v{version}"), last, true);
        }
        history.branch("main", last);
        history
    }
}

/// What a repository shows, read back from it.
type Shown = BTreeMap<Tag, Digest>;

impl Place<'_> {
    async fn look(&self) -> Shown {
        let tags = self.api.tags().await.unwrap();
        let shows = tags.iter().map(|tag| self.shows(tag.as_str()));
        let digests = futures_util::future::join_all(shows).await;
        let all = tags
            .iter()
            .cloned()
            .zip(digests.into_iter().map(Option::unwrap));
        all.collect()
    }

    /// Publishes every tag of the set of `version`, as a release does; gives back which.
    async fn release(&self, policy: &Policy, version: &Version) -> Vec<Tag> {
        let shows = self.look().await;
        let published = Published {
            repository: self.api.repository().clone(),
            tags: Listing::Known(shows.keys().cloned().collect()),
            shows: shows
                .into_iter()
                .map(|(t, d)| (t, Observed::At(d)))
                .collect(),
            labels: BTreeMap::new(),
            unlisted: Vec::new(),
        };
        let context = TagContext {
            version,
            commit: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3".parse().ok(),
            commit_time: chrono::DateTime::UNIX_EPOCH,
            instant: chrono::DateTime::UNIX_EPOCH,
            branch: None,
            branch_kind: &BranchKind::Stable,
            git: &[],
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        let set = compute(policy, &context, &[published]).unwrap();
        let mut written: BTreeMap<ImageName, Vec<Tag>> = BTreeMap::new();
        for planned in set.written(self.api.repository()) {
            let tags = written.entry(planned.image.clone()).or_default();
            tags.push(planned.tag.clone());
        }
        for (image, tags) in &written {
            let image = image.variant().unwrap_or_default();
            let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
            self.push(&version.to_string(), image, &tags).await;
        }
        written.into_values().flatten().collect()
    }
}

/// Plays a sequence of releases and checks the laws after each.
async fn play(place: &Place<'_>, policy: &Policy, versions: &[Version]) -> Shown {
    let rules = TagRules::of(policy, &ImageName::main());
    let reader = ExactTags::new(&rules, &[]);
    let mut has: BTreeMap<Tag, Version> = BTreeMap::new();
    for version in versions {
        for tag in place.release(policy, version).await {
            if let Some(old) = has.insert(tag.clone(), version.clone()) {
                assert!(
                    old.cmp_precedence(version).is_le(),
                    "`{tag}` went from {old} to {version}"
                );
            }
        }
        let shown = place.look().await;
        let tags: Vec<Tag> = shown.keys().cloned().collect();
        for aim in rules.targets(&reader, &[], &tags) {
            assert_eq!(
                shown[&aim.tag], shown[&aim.exact[0]],
                "`{}` after {version}",
                aim.tag
            );
        }
    }
    place.look().await
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    let pre = proptest::option::of((proptest::sample::select(vec!["rc", "beta"]), 1..3_u64));
    let one = (0..3_u64, 0..2_u64, 0..3_u64, pre).prop_map(|(major, minor, patch, pre)| {
        let pre = pre.map_or(String::new(), |(label, count)| format!("-{label}.{count}"));
        format!("{major}.{minor}.{patch}{pre}").parse().unwrap()
    });
    proptest::collection::btree_set(one, 4..8)
        .prop_flat_map(|all| Just(all.into_iter().collect::<Vec<Version>>()).prop_shuffle())
}

/// Releases, backports, pre-releases and variants in random order; then vandalism and repair.
#[tokio::test(flavor = "multi_thread")]
async fn the_laws_hold_on_a_real_registry() {
    let Some(registry) = support::registry() else {
        return;
    };
    let policy = format!("{TAGS}\n[variants.alpine]");
    let parsed: Policy = toml::from_str(&policy).unwrap();
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    for round in 0..3 {
        let order = versions().new_tree(&mut runner).unwrap().current();
        let place = Place::new(registry, &format!("laws{round}"));
        let shown = play(&place, &parsed, &order).await;

        let other = Just(order.clone())
            .prop_shuffle()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let twin = Place::new(registry, &format!("twin{round}"));
        assert_eq!(
            play(&twin, &parsed, &other).await,
            shown,
            "{order:?} and {other:?}"
        );

        vandalise(&place, &parsed, &shown, &mut runner);
        let history = place.clone(&policy, &[]);
        let (output, stderr) = run(&history, &["repair", "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{order:?}: {stderr}");
        assert_eq!(place.look().await, shown, "{order:?}");
    }
}

/// Moves and deletes moving tags at random.
fn vandalise(place: &Place<'_>, policy: &Policy, shown: &Shown, runner: &mut TestRunner) {
    let rules = TagRules::of(policy, &ImageName::main());
    let reader = ExactTags::new(&rules, &[]);
    let (exact, moving): (Vec<&Tag>, Vec<&Tag>) = shown
        .keys()
        .partition(|tag| reader.read(tag.as_str()).is_some());
    for tag in moving {
        let choice = (0..3_usize, 0..exact.len())
            .new_tree(runner)
            .unwrap()
            .current();
        match choice {
            (0, from) => place
                .registry
                .retag(&place.name, exact[from].as_str(), tag.as_str()),
            (1, _) => place.registry.untag(&place.name, tag.as_str()),
            _ => {}
        }
    }
}

fn run(history: &History, arguments: &[&str]) -> (Output, String) {
    let output = history.hoist().args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn published_versions_hold_moving_tags_back_where_git_knows_nothing() {
    let Some(registry) = support::registry() else {
        return;
    };
    let place = Place::new(registry, "guard");
    place.push("2.0.0", "", &["2.0.0", "latest", "2"]).await;
    place.push("1.2.4", "", &["1.2.4", "1.2", "1"]).await;
    let history = place.clone(TAGS, &[]);
    let (output, stderr) = run(&history, &["tags", "1.2.5"]);
    assert_eq!(stdout(&output), "1.2.5\n1.2\n1\n", "{stderr}");
    assert_eq!(stderr, "note: `latest` stays: 2.0.0 is newer (published)\n");
    let (output, _) = run(&history, &["tags", "1.2.5", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let actions: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["create", "move", "move", "keep"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_shown_mended_and_verified() {
    let Some(registry) = support::registry() else {
        return;
    };
    let place = Place::new(registry, "repair");
    let history = place.clone(TAGS, &["1.2.3", "1.2.4", "1.3.0"]);
    let commit = |name: &str| {
        let object = history
            .git
            .revparse_single(&format!("refs/tags/v{name}^{{commit}}"));
        object.unwrap().id().to_string()
    };
    let old = place.push("1.2.3", &commit("1.2.3"), &["1.2.3"]).await;
    let patch = place
        .push("1.2.4", &commit("1.2.4"), &["1.2.4", "1.2"])
        .await;
    let newest = place
        .push("1.3.0", &commit("1.3.0"), &["1.3.0", "1.3", "1", "latest"])
        .await;
    let (output, stderr) = run(&history, &["verify"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}{}", stdout(&output));
    let (output, stderr) = run(&history, &["verify", "--all", "--deep"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}{}", stdout(&output));
    let (output, stderr) = run(&history, &["repair"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");

    place.registry.retag(&place.name, "1.2.3", "latest");
    place.registry.retag(&place.name, "1.2.3", "1.2");
    place.registry.untag(&place.name, "1.3");
    assert_eq!(place.shows("latest").await, Some(old));
    let (output, stderr) = run(&history, &["verify"]);
    assert_eq!(output.status.code(), Some(9), "{stderr}");
    let (output, stderr) = run(&history, &["repair", "--json"]);
    assert_eq!(output.status.code(), Some(9), "{stderr}");
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let state = |tag: &str| lines.iter().find(|line| line["tag"] == tag).unwrap()["state"].clone();
    assert_eq!(
        [state("latest"), state("1.2"), state("1.3"), state("1")],
        ["wrong", "wrong", "missing", "right"]
    );
    assert_eq!(lines.last().unwrap()["outcome"], "disagree");

    let (output, stderr) = run(&history, &["repair", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(place.shows("latest").await, Some(newest.clone()));
    assert_eq!(place.shows("1.3").await, Some(newest));
    assert_eq!(place.shows("1.2").await, Some(patch));
    let (output, stderr) = run(&history, &["verify", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_another_commit_is_found() {
    let Some(registry) = support::registry() else {
        return;
    };
    let place = Place::new(registry, "labels");
    let history = place.clone(TAGS, &["1.0.0"]);
    let tags = ["1.0.0", "1.0", "1", "latest"];
    place
        .push("0.9.9", "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3", &tags)
        .await;
    let (output, stderr) = run(&history, &["verify", "1.0.0"]);
    assert_eq!(output.status.code(), Some(9), "{stderr}");
    assert!(stderr.contains("its label says commit 3f2a91c"), "{stderr}");
    assert!(stderr.contains("its label says version 0.9.9"), "{stderr}");
    let (output, stderr) = run(&history, &["verify", "7.7.7"]);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_a_tag_that_names_its_version_is_refused() {
    let Some(registry) = support::registry() else {
        return;
    };
    let place = Place::new(registry, "nameless");
    let history = place.clone("[tags]\nfixed = [\"sha-{sha}\"]", &[]);
    history.head("main");
    let (output, stderr) = run(&history, &["plan"]);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("`tags.fixed` has no template with `{version}`"),
        "{stderr}"
    );
    let (output, stderr) = run(&history, &["tags"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

/// An index of one platform and its attestation, as BuildKit makes them, under `tags`.
async fn push_index(place: &Place<'_>, version: &str, commit: &str, tags: &[&str]) -> Digest {
    let child = place.push(version, commit, &["child"]).await;
    let read = TagOrDigest::Digest(child.clone());
    let image = place.api.manifest(&read).await.unwrap().unwrap();
    let attestation = Manifest::new(
        MediaType::from(MediaType::OCI_MANIFEST),
        // Not as serde would write it: bytes that are parsed and written again would differ.
        String::from_utf8(image.bytes.to_vec())
            .unwrap()
            .replace("\":", "\" :")
            .into_bytes(),
    );
    place
        .api
        .put_manifest(&attestation, &[], &Permit::always())
        .await
        .unwrap();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [
            {
                "mediaType": MediaType::OCI_MANIFEST,
                "digest": child,
                "size": image.bytes.len(),
                "platform": {"os": "linux", "architecture": "amd64"},
            },
            {
                "mediaType": MediaType::OCI_MANIFEST,
                "digest": attestation.digest(),
                "size": attestation.bytes.len(),
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
            },
        ],
    });
    let text = serde_json::to_string_pretty(&index).unwrap();
    let index = Manifest::new(MediaType::from(MediaType::OCI_INDEX), text.into_bytes());
    for tag in tags {
        place
            .api
            .put_tag(&tag.parse().unwrap(), &index, &Permit::always())
            .await
            .unwrap();
    }
    place.registry.untag(&place.name, "child");
    index.digest().clone()
}

/// The candidate is in the first repository alone; the second gets the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_promoted_byte_for_byte() {
    let Some(registry) = support::registry() else {
        return;
    };
    let place = Place::new(registry, "promote");
    let second = Place::new(registry, "mirror");
    let policy = format!("{TAGS}\n[image.build]\nplatforms = [\"linux/amd64\"]");
    let mut history = place.clone(&policy, &["1.0.0", "1.1.0-rc.1"]);
    let file = std::fs::read_to_string(history.path().join("release.toml")).unwrap();
    let both = format!(
        "[image]\nrepositories = [\"{}\", \"{}\"]\n",
        registry.repository(&place.name),
        registry.repository(&second.name)
    );
    let rest = file.split_once("[git]").unwrap().1;
    history.write("release.toml", &format!("{both}[git]{rest}"));
    let commit = history
        .git
        .revparse_single("v1.1.0-rc.1^{commit}")
        .unwrap()
        .id();
    let later = history.say("feat: not in the candidate");
    history.branch("main", later);
    let digest = push_index(
        &place,
        "1.1.0-rc.1",
        &commit.to_string(),
        &["1.1.0-rc.1", "rc"],
    )
    .await;

    let (output, stderr) = run(
        &history,
        &["promote", "1.1.0-rc.2", "--yes", "--allow-dirty"],
    );
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    let (output, stderr) = run(&history, &["promote", "1.1.0-rc.1", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(place.shows("1.1.0").await, None);

    let (output, stderr) = run(
        &history,
        &["promote", "1.1.0-rc.1", "--yes", "--allow-dirty"],
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for there in [&place, &second] {
        for tag in ["1.1.0", "1.1", "1", "latest"] {
            assert_eq!(there.shows(tag).await, Some(digest.clone()), "`{tag}`");
        }
    }
    let tagged = history.git.revparse_single("v1.1.0^{commit}").unwrap().id();
    assert_eq!(tagged, commit);
    let (output, stderr) = run(&history, &["verify", "1.1.0", "--deep"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}{}", stdout(&output));
    // Once more: there is nothing left to do.
    let (output, stderr) = run(
        &history,
        &["promote", "1.1.0-rc.1", "--yes", "--allow-dirty"],
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}
