//! What the tables are made of: a scene, what strikes it, and how the release must end.

use std::sync::Arc;

use hoist::{
    error::ErrorKind,
    oci::{Digest, Manifest, Observed, Tag},
    outcome::{Outcome, OutcomeKind},
    testing::{FakeRegistry, Fault, MultiTag, Personality},
};

use crate::publish::scene::{Scene, Setting, Snapshot, foreign, repository};

/// One run of the release under the given faults.
pub(super) struct Row {
    /// The row's number and words, as a test would be named.
    pub(super) name: &'static str,
    pub(super) setting: Setting,
    /// What else is different, before the release starts.
    pub(super) arrange: fn(&mut Scene),
    pub(super) strikes: Vec<Strike>,
    /// The outcome's kind, and the world after it.
    pub(super) ends: (OutcomeKind, Now),
    /// The whole message of the error, where a row holds it.
    pub(super) message: &'static str,
    /// Words of the error or its causes.
    pub(super) says: Vec<String>,
    /// Words of what the error says about the state.
    pub(super) state: &'static [&'static str],
    /// How many operations of the log contain these words.
    pub(super) counts: &'static [(&'static str, usize)],
}

/// The world after a run.
#[derive(Clone, Copy)]
pub(super) enum Now {
    Before,
    After,
    /// As before, but for one tag of the first repository, and the outcome lists exactly this tag.
    But(&'static str, Shown),
}

/// What the tag shows that could not be put back.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    Ours,
    Theirs,
    Nothing,
}

impl Shown {
    fn digest(self, scene: &Scene) -> Option<Digest> {
        match self {
            Self::Ours => Some(ours(scene)),
            Self::Theirs => Some(foreign().digest().clone()),
            Self::Nothing => None,
        }
    }
}

/// What happens to the operations that contain `on`: after `skip` of them, `times` in a row.
pub(super) struct Strike {
    on: &'static str,
    skip: u64,
    times: u64,
    deed: Deed,
}

#[derive(Clone)]
enum Deed {
    Fault(Fault),
    Meanwhile(fn(&FakeRegistry)),
}

/// The first such operation fails in this way.
pub(super) fn once(on: &'static str, fault: Fault) -> Strike {
    Strike {
        on,
        skip: 0,
        times: 1,
        deed: Deed::Fault(fault),
    }
}

/// Every such operation fails in this way.
pub(super) fn always(on: &'static str, fault: Fault) -> Strike {
    Strike {
        times: u64::MAX,
        ..once(on, fault)
    }
}

/// Somebody does this to the first registry just before the first such operation.
pub(super) fn meanwhile(on: &'static str, deed: fn(&FakeRegistry)) -> Strike {
    Strike {
        on,
        skip: 0,
        times: 1,
        deed: Deed::Meanwhile(deed),
    }
}

impl Strike {
    fn arm(&self, scene: &Scene) {
        match self.deed.clone() {
            Deed::Fault(fault) => scene.faults.strike(self.on, self.skip, self.times, fault),
            Deed::Meanwhile(deed) => {
                let registry = scene.registries[0].clone();
                happens(scene, self.on, self.skip, move || deed(&registry));
            }
        }
    }

    /// Leaves out the first `skip` operations.
    pub(super) fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }
}

impl Row {
    /// A row of two plain repositories that ends as if nothing had struck.
    pub(super) fn two() -> Self {
        Self {
            name: "",
            setting: Setting::default(),
            arrange: |_| {},
            strikes: Vec::new(),
            ends: (OutcomeKind::Published, Now::After),
            message: "",
            says: Vec::new(),
            state: &[],
            counts: &[],
        }
    }

    /// The same with one repository of this personality.
    pub(super) fn one(personality: Personality) -> Self {
        Self {
            setting: Setting {
                repositories: 1,
                personality,
                ..Setting::default()
            },
            ..Self::two()
        }
    }

    async fn check(self) {
        let name = self.name;
        let mut scene = Scene::new(&self.setting);
        (self.arrange)(&mut scene);
        let (before, after) = (scene.snapshot(), scene.after());
        for strike in &self.strikes {
            strike.arm(&scene);
        }
        let outcome = scene.run(1).await.unwrap();
        assert_eq!(outcome.kind, self.ends.0, "{name}: {outcome:#?}");
        match self.ends.1 {
            Now::Before => assert_eq!(scene.snapshot(), before, "{name}"),
            Now::After => assert_eq!(scene.snapshot(), after, "{name}"),
            Now::But(left, shown) => {
                let shown = shown.digest(&scene);
                assert_eq!(scene.snapshot(), but(before, left, shown.clone()), "{name}");
                let shown = shown.map_or(Observed::Absent, Observed::At);
                assert_eq!(not_as_before(&outcome), [(left, &shown)], "{name}");
            }
        }
        self.check_words(&outcome);
        for &(what, count) in self.counts {
            let requests = scene.requests(what);
            assert_eq!(requests.len(), count, "{name}: {requests:#?}");
        }
    }

    /// What the outcome's error says, where it has one.
    fn check_words(&self, outcome: &Outcome) {
        let (name, kind) = (self.name, self.ends.0);
        let Some(error) = &outcome.error else {
            assert_eq!(kind, OutcomeKind::Published, "{name}: no error");
            return;
        };
        let failed = error.kind() == ErrorKind::Failed;
        assert_eq!(failed, kind == OutcomeKind::Failed, "{name}: {error}");
        if !self.message.is_empty() {
            assert_eq!(error.message(), self.message, "{name}");
        }
        let (message, state) = text(outcome);
        for words in &self.says {
            assert!(message.contains(words), "{name}: `{words}`: {message}");
        }
        for words in self.state {
            assert!(state.contains(words), "{name}: `{words}`: {state}");
        }
    }
}

/// Checks every row and names those that fail; what each of them misses is printed before.
pub(super) async fn check(rows: Vec<Row>) {
    let mut failed = Vec::new();
    for row in rows {
        let name = row.name;
        if tokio::spawn(row.check()).await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "rows that fail: {failed:#?}");
}

/// The first repository loses all blobs, and the manifests that no tag shows.
pub(super) fn sweep(registry: &FakeRegistry) {
    registry.sweep(&repository(0));
}

/// Somebody else moves a tag of the first repository.
pub(super) fn compete(registry: &FakeRegistry, name: &str) {
    registry.set_tag(&repository(0), &tag(name), &foreign());
}

/// `deed` happens just before the operation that contains `on`, after `skip` of them.
pub(super) fn happens(scene: &Scene, on: &str, skip: u64, deed: impl Fn() + Send + Sync + 'static) {
    let deed = Fault::First(Arc::new(deed));
    scene.faults.strike(on, skip, 1, deed);
}

/// A snapshot with another answer for a tag of the first repository.
fn but(mut snapshot: Snapshot, tag_name: &str, shown: Option<Digest>) -> Snapshot {
    let name = repository(0).tag(&tag(tag_name));
    match shown {
        Some(digest) => snapshot.tags.insert(name, digest),
        None => snapshot.tags.remove(&name),
    };
    snapshot
}

pub(super) fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

/// A registry of the plain kind that refuses this tag.
pub(super) fn refusing(name: &str) -> Personality {
    Personality {
        refused: vec![tag(name)],
        ..Personality::default()
    }
}

/// The same, and it deletes tags.
pub(super) fn deleting_and_refusing(name: &str) -> Personality {
    Personality {
        delete_tags: true,
        ..refusing(name)
    }
}

/// A registry that answers in this way to several tags in one request.
pub(super) fn tagging(multi_tag: MultiTag) -> Personality {
    Personality {
        multi_tag,
        ..Personality::default()
    }
}

/// A scene of one repository.
pub(super) fn one(personality: Personality) -> Scene {
    Scene::new(&Row::one(personality).setting)
}

/// The manifest that the release publishes.
pub(super) fn new(scene: &Scene) -> Manifest {
    scene.publication.images[0].image.manifest.clone()
}

pub(super) fn ours(scene: &Scene) -> Digest {
    new(scene).digest().clone()
}

/// The first repository's version tag shows the release already, and the plan saw it.
pub(super) fn adopt(scene: &mut Scene) {
    let image = new(scene);
    scene.registries[0].set_tag(&repository(0), &tag("1.3.0"), &image);
    scene.publication.targets[0].tags[0].before = Observed::At(image.digest().clone());
}

/// The error with its causes, and what it says about the state.
pub(super) fn text(outcome: &Outcome) -> (String, String) {
    let error = outcome.error.as_ref().unwrap();
    (format!("{error:#}"), error.state_now().unwrap().to_owned())
}

/// The tags that are not as before, and what they show now.
pub(super) fn not_as_before(outcome: &Outcome) -> Vec<(&str, &Observed)> {
    let left = outcome.tags.iter().filter(|tag| !tag.is_as_before());
    left.map(|tag| (tag.tag.as_str(), &tag.now)).collect()
}

/// Published, and the world agrees.
pub(super) async fn published(scene: &Scene) {
    let after = scene.after();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Published, "{outcome:#?}");
    assert_eq!(scene.snapshot(), after);
}

/// Rolled back, and the world is as before.
pub(super) async fn rolled_back(scene: &Scene) -> Outcome {
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(scene.snapshot(), before);
    outcome
}
