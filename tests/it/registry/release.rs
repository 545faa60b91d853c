//! Whole releases over real HTTP: the transaction and the client together, against every
//! personality, with a fault at every single request.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hoist::io::lease::{LeaseClock, LeaseTimes};
use hoist::{
    event::Events,
    io::registry::Registries,
    oci::{Digest, ImageName, Observed, Repository},
    outcome::{Outcome, OutcomeKind},
    policy::PublishPolicy,
    publish::{
        Clock, GitTagObject, Publication, PublishedImage, TagClass, TagMove, Target, World, publish,
    },
    testing::{FakeJournals, FakeRemote, Faults},
};
use tokio_util::sync::CancellationToken;

use super::{
    server::{
        Auth, Fault, MultiTag, On, Personality, Rights, Stale, TestRegistry, Tokens, Wait, What,
    },
    settings,
};
use crate::publish::scene::{foreign, image, owner};

const PATHS: [&str; 2] = ["acme/api", "acme/mirror"];
/// The tags, in the order in which they stand in a release; those that exist before.
const TAGS: [(&str, TagClass, bool); 6] = [
    ("1.3.0", TagClass::Version, false),
    ("sha-0123456", TagClass::Fixed, false),
    ("1.3", TagClass::Moving, false),
    ("1", TagClass::Moving, true),
    ("latest", TagClass::Moving, true),
    ("2026-11-23", TagClass::Moving, false),
];

pub type Tags = BTreeMap<String, Digest>;

/// A registry with two repositories that hold the release before.
pub struct Place {
    pub registry: TestRegistry,
    pub before: [Tags; 2],
}

impl Place {
    pub fn new(personality: &Personality) -> Self {
        let registry = TestRegistry::start(personality.clone());
        for path in PATHS {
            for (tag, ..) in TAGS.iter().filter(|(.., exists)| *exists) {
                registry.foreign_push(path, tag, &foreign());
            }
            registry.state().store.create(path);
        }
        // What was there before is old: nothing lags about it.
        registry.state().store.settle();
        let before = PATHS.map(|path| registry.tags(path));
        Self { registry, before }
    }

    pub fn now(&self) -> [Tags; 2] {
        PATHS.map(|path| self.registry.tags(path))
    }

    pub async fn release(&self) -> Outcome {
        // The defaults: time-outs that a slow machine meets would look like a registry that lags.
        self.release_with(PublishPolicy::default()).await
    }

    async fn release_with(&self, policy: PublishPolicy) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let image = image(folder.path(), "new");
        let repositories = PATHS.map(|path| self.registry.repository(path));
        let targets = repositories
            .iter()
            .zip(&self.before)
            .map(|(repository, before)| Target {
                repository: repository.clone(),
                strict: false,
                tags: TAGS
                    .iter()
                    .map(|(tag, kind, _)| TagMove {
                        tag: tag.parse().unwrap(),
                        kind: *kind,
                        image: 0,
                        before: before
                            .get(*tag)
                            .cloned()
                            .map_or(Observed::Absent, Observed::At),
                    })
                    .collect(),
            });
        let publication = Publication {
            promotes: None,
            branch: None,
            version: "1.3.0".parse().unwrap(),
            commit: "0123456789012345678901234567890123456789".parse().unwrap(),
            instant: "2026-11-23T12:00:00Z".parse().unwrap(),
            images: vec![PublishedImage::new(ImageName::main(), image)],
            referrers: Vec::new(),
            targets: targets.collect(),
            git_tag: Some(GitTagObject {
                name: "refs/tags/v1.3.0".parse().unwrap(),
                object: b"tag".to_vec(),
            }),
            mark: None,
            recheck: None,
            lock_refs: "refs/hoist".parse().unwrap(),
            policy,
        };
        publish(
            &world(Registries::new(settings(), &repositories)),
            &publication,
        )
        .await
    }

    /// All as after a release, all as before it, or listed as it is.
    fn judge(&self, outcome: &Outcome, told: &str) {
        let now = self.now();
        let of = |index: usize, tag: &str| now[index].get(tag);
        let repository =
            |name: &Repository| PATHS.iter().position(|path| name.path() == *path).unwrap();
        for tag in &outcome.tags {
            let found = of(repository(&tag.repository), tag.tag.as_str());
            match &tag.now {
                Observed::At(digest) => assert_eq!(found, Some(digest), "{told}: {tag:?}"),
                Observed::Absent => assert_eq!(found, None, "{told}: {tag:?}"),
                // Nobody looks again where nothing has moved.
                Observed::Unknown => {
                    assert_ne!(outcome.kind, OutcomeKind::Published, "{told}: {tag:?}")
                }
            }
        }
        match outcome.kind {
            OutcomeKind::Published => assert!(outcome.tags.iter().all(|t| t.is_ours()), "{told}"),
            OutcomeKind::NeedsHuman => assert_eq!(outcome.tags.len(), 12, "{told}"),
            OutcomeKind::RolledBack | OutcomeKind::Failed => assert_eq!(now, self.before, "{told}"),
            kind => panic!("{told}: {kind:?}"),
        }
    }
}

/// These registries, and a git remote and a journal in memory.
pub fn world(registries: Registries) -> World {
    let faults = Faults::default();
    World {
        connect: Arc::new(move |repository| Ok(registries.open(repository).unwrap())),
        remote: Arc::new(FakeRemote::new(&faults)),
        forge: Err("there is none".to_owned()),
        journals: Arc::new(FakeJournals::new(&faults)),
        events: Events::none(),
        cancel: CancellationToken::new(),
        owner: owner(1),
        alive: |_| false,
        clock: Clock::new("2026-11-23T12:00:00Z".parse().unwrap()),
        lease_clock: LeaseClock::Runtime,
        lease_times: LeaseTimes::default(),
    }
}

#[tokio::test]
async fn a_release_ends_well_in_every_personality() {
    for (name, personality) in Personality::all() {
        let place = Place::new(&personality);
        let outcome = place.release().await;
        assert_eq!(outcome.kind, OutcomeKind::Published, "{name}: {outcome:#?}");
        place.judge(&outcome, name);
    }
}

/// What a registry may do that none of the personalities does.
fn further() -> Vec<(&'static str, Personality)> {
    let with = |change: fn(&mut Personality)| {
        let mut personality = Personality::default();
        change(&mut personality);
        personality
    };
    let tokens = |change: fn(&mut Tokens)| {
        let mut tokens = Tokens::default();
        change(&mut tokens);
        Personality {
            auth: Auth::Bearer(tokens),
            ..Personality::default()
        }
    };
    vec![
        (
            "some tags at once",
            with(|it| it.multi_tag = MultiTag::Partial(2)),
        ),
        (
            "some tags at once, then 500",
            with(|it| it.multi_tag = MultiTag::PartialThen500(3)),
        ),
        (
            "414 for tags at once",
            with(|it| it.multi_tag = MultiTag::TooLong),
        ),
        (
            "tags at once, named in one line",
            with(|it| it.multi_tag = MultiTag::WholeInOneLine),
        ),
        (
            "late reads",
            with(|it| it.stale = Stale::For(Duration::from_millis(300))),
        ),
        (
            "409 for what is there",
            with(|it| it.conflict_on_second_put = true),
        ),
        ("no digest PUTs", with(|it| it.no_digest_puts = true)),
        ("no Location", with(|it| it.no_location = true)),
        (
            "reads without a digest",
            with(|it| it.names_digests = false),
        ),
        ("no mounts", with(|it| it.mounts = false)),
        (
            "tokens for twenty requests",
            tokens(|it| it.uses = Some(20)),
        ),
        ("tokens of unknown life", tokens(|it| it.life = None)),
        (
            "tokens for no more than pushing",
            tokens(|it| it.rights = Rights::Push),
        ),
        (
            "refused scopes",
            tokens(|it| {
                it.rights = Rights::Push;
                it.refuses_more = true;
            }),
        ),
    ]
}

#[tokio::test]
async fn a_release_ends_well_whatever_the_registry_is_like() {
    for (name, personality) in further() {
        let place = Place::new(&personality);
        let outcome = place.release().await;
        assert_eq!(outcome.kind, OutcomeKind::Published, "{name}: {outcome:#?}");
        place.judge(&outcome, name);
    }
}

/// What a 429 asks for is waited for, in each of its forms, and the tags move all the same.
#[tokio::test]
async fn row_13_a_release_waits_where_it_is_asked_to() {
    for wait in [
        Wait::Unsaid,
        Wait::Seconds(1),
        Wait::Date(2),
        Wait::Epoch(2),
    ] {
        let place = Place::new(&Personality::default());
        let on = On::put_manifest().with("/manifests/latest");
        place.registry.fault(Fault::once(on, What::TooMany(wait)));
        let outcome = place.release().await;
        assert_eq!(
            outcome.kind,
            OutcomeKind::Published,
            "{wait:?}: {outcome:#?}"
        );
    }
}

/// A tag that exists and is answered with 404 once: nobody is blamed for it once tags have moved.
#[tokio::test]
async fn row_29_a_404_for_a_tag_that_exists_is_looked_at_again() {
    let (mut published, mut stopped) = (0, 0);
    for n in 1.. {
        let place = Place::new(&Personality::distribution());
        let look = On::method("GET").with("/manifests/latest");
        let what = What::Status(404, "MANIFEST_UNKNOWN");
        place.registry.fault(Fault::nth(n, look.clone(), what));
        let outcome = place.release().await;
        if place.registry.count(&look) < n {
            break;
        }
        match outcome.kind {
            OutcomeKind::Published => {
                place.judge(&outcome, &format!("look {n}"));
                published += 1;
            }
            // Before the commit a change since the plan means another writer.
            OutcomeKind::Failed => {
                assert_eq!(place.now(), place.before, "look {n}");
                stopped += 1;
            }
            kind => panic!("look {n}: {kind:?} {outcome:#?}"),
        }
    }
    // A single 404 is held against the list and against GET, so none of them stops a release.
    assert!(published >= 2 && stopped == 0, "{published} {stopped}");
}

/// A registry that answers 201, stores nothing, and tells in HEAD what it was sent: the content decides.
#[tokio::test]
async fn a_tag_that_only_head_shows_has_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    let new = image(folder.path(), "new").manifest;
    let headers = vec![
        ("content-type", new.media_type.to_string()),
        ("docker-content-digest", new.digest().to_string()),
    ];
    for (tag, ..) in TAGS {
        let place = Place::new(&Personality::default());
        let target = format!("{}/manifests/{tag}", PATHS[1]);
        for (method, status, body) in [("PUT", 201, "".into()), ("HEAD", 200, new.bytes.clone())] {
            let what = What::Answer(status, headers.clone(), body);
            let on = On::method(method).with(&target);
            place.registry.fault(Fault::always(on, what));
        }
        let policy = PublishPolicy {
            verify_timeout: Duration::from_millis(500),
            ..PublishPolicy::default()
        };
        let outcome = place.release_with(policy).await;
        assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{tag}: {outcome:#?}");
        place.judge(&outcome, tag);
    }
}

/// Another pusher at every request in turn: what is theirs stays theirs, or is listed.
#[tokio::test]
async fn rows_27_and_30_another_pusher_at_any_request_is_seen() {
    let theirs = crate::registry::conformance::sample("theirs").manifest;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for n in (1..).step_by(3) {
        let place = Place::new(&Personality::zot());
        let foreign = theirs.clone();
        let push = move |state: &mut super::server::State| {
            state.store.foreign_push(PATHS[1], "latest", &foreign);
        };
        place
            .registry
            .fault(Fault::nth(n, On::any(), What::Before(Arc::new(push))));
        let outcome = place.release().await;
        if place.registry.log().len() < n {
            break;
        }
        let now = place.now();
        let told = format!("request {n}: {outcome:#?}");
        *ends.entry(format!("{:?}", outcome.kind)).or_default() += 1;
        match outcome.kind {
            // Theirs came before our PUT and after the last look, which nothing can see.
            OutcomeKind::Published => {
                assert!(outcome.tags.iter().all(|tag| tag.is_ours()), "{told}")
            }
            OutcomeKind::Failed | OutcomeKind::NeedsHuman => {
                let mut expected = place.before.clone();
                expected[1].insert("latest".into(), theirs.digest().clone());
                assert_eq!(now, expected, "{told}");
            }
            kind => panic!("{kind:?} {told}"),
        }
    }
    assert!(ends["Failed"] > 3, "{ends:?}");
}

/// What can strike one request.
fn faults() -> Vec<(&'static str, What)> {
    vec![
        ("refused", What::Status(403, "DENIED")),
        ("done but 500", What::DoneBut(500)),
        ("dropped", What::Dropped),
        ("500", What::Status(500, "UNKNOWN")),
        ("done but lost", What::AnswerLost),
        ("cut", What::Cut(10)),
    ]
}

/// The first so many faults at request 1, 2, … until a release sees none; returns how many runs that
/// were, by end.
async fn everywhere(
    name: &str,
    personality: &Personality,
    kinds: usize,
) -> BTreeMap<String, usize> {
    let kinds = faults()
        .into_iter()
        .take(kinds)
        .map(|(fault, what)| async move {
            let mut ends = Vec::new();
            for n in 1.. {
                let place = Place::new(personality);
                place.registry.fault(Fault::nth(n, On::any(), what.clone()));
                let outcome = place.release().await;
                if place.registry.log().len() < n {
                    break;
                }
                place.judge(&outcome, &format!("{name}, request {n} {fault}"));
                // What a person must do is worth a name.
                let why = outcome
                    .error
                    .as_ref()
                    .filter(|_| outcome.kind == OutcomeKind::NeedsHuman);
                let place = place.registry.address().to_string();
                let why = why.map(|error| {
                    format!(
                        " after {fault}: {}",
                        error.message().replace(&place, "registry")
                    )
                });
                ends.push(format!("{:?}{}", outcome.kind, why.unwrap_or_default()));
            }
            ends
        });
    let mut ends = BTreeMap::new();
    for end in futures_util::future::join_all(kinds)
        .await
        .into_iter()
        .flatten()
    {
        *ends.entry(end).or_default() += 1;
    }
    ends
}

#[tokio::test]
async fn a_fault_at_any_request_leaves_all_or_nothing_or_a_list() {
    let ends = everywhere("zot", &Personality::zot(), 3).await;
    assert!(ends["Published"] > 50, "{ends:?}");
    assert!(
        !ends.contains_key("NeedsHuman"),
        "tags can be deleted there: {ends:?}"
    );
}

/// By hand: `cargo test --test it in_any_personality -- --ignored --nocapture`.
#[ignore = "some thousand releases: by hand"]
#[tokio::test]
async fn a_fault_at_any_request_in_any_personality_leaves_all_or_nothing_or_a_list() {
    let all = Personality::all();
    let chosen = std::env::var("HOIST_TEST_PERSONALITY").ok();
    let all = all
        .into_iter()
        .filter(|(name, _)| chosen.as_ref().is_none_or(|chosen| chosen == name));
    let all: Vec<_> = all.collect();
    let runs = all
        .iter()
        .map(async |(name, personality)| (name, everywhere(name, personality, 6).await));
    #[expect(clippy::print_stderr, reason = "the figures are the point")]
    for (name, ends) in futures_util::future::join_all(runs).await {
        eprintln!(
            "{name}, {} releases: {ends:#?}",
            ends.values().sum::<usize>()
        );
    }
}
