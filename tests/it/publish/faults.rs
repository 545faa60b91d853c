//! Every operation of a release fails in every way, once and for good; then recovery goes both
//! ways, here and from another machine. After it the world is as before **or** as after, or the
//! outcome lists exactly what is where. Nothing third.

use std::time::Duration;

use hoist::{
    error::ErrorKind,
    event::Event,
    oci::Observed,
    outcome::{Outcome, OutcomeKind},
    policy::ForgeService,
    publish::{self, Recovery},
    testing::{FakeForge, Fault, MultiTag, Personality, Referrers},
};

use super::scene::{BY_HAND, Scene, Setting, Snapshot};

const FAULTS: [(&str, Fault, &[u64]); 7] = [
    ("refused", Fault::Refused, &[1, u64::MAX]),
    ("not found", Fault::NotFound, &[1, u64::MAX]),
    ("unreachable", Fault::Unreachable, &[1, u64::MAX]),
    ("failed", Fault::Failed, &[1, u64::MAX]),
    ("done, answer lost", Fault::Lost, &[1, u64::MAX]),
    ("crash before", Fault::CrashBefore, &[1]),
    ("crash after", Fault::CrashAfter, &[1]),
];

/// How an interrupted release is taken up again.
#[derive(Debug, Clone, Copy)]
struct Way {
    forward: bool,
    elsewhere: bool,
}

const HERE_FORWARD: Way = way(true, false);
const ELSEWHERE_BACK: Way = way(false, true);
const WAYS: [Way; 4] = [
    HERE_FORWARD,
    way(false, false),
    way(true, true),
    ELSEWHERE_BACK,
];

const fn way(forward: bool, elsewhere: bool) -> Way {
    Way { forward, elsewhere }
}

/// What came of all runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) runs: usize,
    pub(super) complete: usize,
    pub(super) as_before: usize,
    pub(super) listed: usize,
    /// What the listed ones are.
    git_tag_missing: usize,
    hidden: usize,
    /// Drafts that stay until the next release is public.
    drafts_left: usize,
}

/// The outcome must tell the truth about the world, whatever it says.
fn check_claims(
    what: &str,
    outcome: &Outcome,
    now: &Snapshot,
    before: &Snapshot,
    after: &Snapshot,
) {
    match outcome.kind {
        OutcomeKind::Published => assert_eq!(now, after, "{what}: published"),
        OutcomeKind::RolledBack | OutcomeKind::Failed | OutcomeKind::Busy => {
            assert_eq!(now.tags, before.tags, "{what}: {:?}", outcome.kind);
            assert_eq!(now.branch, before.branch, "{what}: {:?}", outcome.kind);
        }
        OutcomeKind::Held | OutcomeKind::NeedsHuman | OutcomeKind::Interrupted => {
            for tag in &outcome.tags {
                let name = tag.repository.tag(&tag.tag);
                match &tag.now {
                    Observed::At(digest) => {
                        assert_eq!(now.tags.get(&name), Some(digest), "{what}: {name}")
                    }
                    Observed::Absent => assert_eq!(now.tags.get(&name), None, "{what}: {name}"),
                    // The registry could not be asked; the list says that, too.
                    Observed::Unknown => {}
                }
            }
            assert!(
                outcome
                    .error
                    .as_ref()
                    .is_some_and(|e| e.state_now().is_some()),
                "{what}"
            );
        }
    }
}

/// Runs the release under one fault and recovers. Returns how it ended, and whether the way of
/// recovering mattered.
async fn one(
    setting: &Setting,
    (on, n): (&str, u64),
    fault: &(&str, Fault, &[u64]),
    times: u64,
    way: Way,
    tally: &mut Tally,
) -> bool {
    let mut scene = Scene::new(setting);
    let (before, after) = (scene.snapshot(), scene.after());
    let what = format!("operation {n} {on} {} ×{times}, {way:?}", fault.0);
    scene.faults.strike(on, n, times, fault.1.clone());
    let last = scene.run(1).await;
    if let Some(outcome) = &last {
        check_claims(&what, outcome, &scene.snapshot(), &before, &after);
    }
    scene.faults.clear();
    if way.elsewhere {
        scene.elsewhere();
    }
    settle(&what, &scene, way, last, (&before, &after), tally).await
}

/// Recovers until nothing is open, without faults; whether anything was.
async fn settle(
    what: &str,
    scene: &Scene,
    way: Way,
    mut last: Option<Outcome>,
    (before, after): (&Snapshot, &Snapshot),
    tally: &mut Tally,
) -> bool {
    let mut recovered = false;
    let mut pid = 2;
    loop {
        let next = if way.forward {
            scene.resume(pid).await
        } else {
            scene.rollback(pid).await
        };
        let Some(outcome) = next else { break };
        check_claims(what, &outcome, &scene.snapshot(), before, after);
        recovered = true;
        last = Some(outcome);
        pid += 1;
        assert!(pid < 5, "{what}: recovery does not end");
    }
    let mut now = scene.snapshot();
    if let Some(forge) = &scene.forge {
        assert_eq!(forge.made_tags(), [""; 0], "{what}: public before its tag");
        check_files(what, scene, forge, &now);
    }
    scene.check_referrers(what, now == *after);
    if now.theirs != before.theirs && now.theirs.is_some() && now.tags == before.tags {
        // What could not be taken out of the draft of a person is named.
        check_left(what, scene);
        tally.drafts_left += 1;
        now.theirs.clone_from(&before.theirs);
    }
    if now.drafts > 0 && now.public == 0 && !now.git_tag {
        // Nobody sees it. Whether its run is alive the next release cannot know, and so it goes when that one is public.
        tally.drafts_left += 1;
        if now.tags == before.tags && now.branch == before.branch {
            let again = scene.run(9).await;
            let again = again.unwrap_or_else(|| panic!("{what}: the next one died"));
            let then = scene.snapshot();
            match again.kind {
                OutcomeKind::Published => assert_eq!(then, *after, "{what}: the next release"),
                // It deletes its own, and nobody else's.
                OutcomeKind::RolledBack => {
                    assert_eq!(scene.drafts_of(9), 0, "{what}: the next release");
                    assert_eq!(then.drafts, now.drafts, "{what}: the next release");
                }
                _ => panic!("{what}: {again:#?}"),
            }
        }
        now.drafts = 0;
        if now == *before {
            tally.runs += 1;
            tally.as_before += 1;
            return recovered;
        }
    }
    tally.runs += 1;
    assert_eq!(now.locks, 0, "{what}: a lock is left, {last:#?}");
    // A version is marked exactly where its roll back was done.
    assert!(!now.mark || now == *after, "{what}: {now:#?}");
    if now == *after {
        tally.complete += 1;
    } else if now == *before {
        tally.as_before += 1;
    } else {
        let outcome = last.unwrap_or_else(|| panic!("{what}: a third state, and nobody says so"));
        assert_eq!(
            outcome.kind,
            OutcomeKind::NeedsHuman,
            "{what}: {now:#?} {outcome:#?}"
        );
        // Every tag is right, and git's server refused the tag again and again; or a registry did
        // not let go of new tags.
        if now.tags == after.tags && now.git_tag && now.public < after.public {
            // Git has the tag, and the forge refused again and again.
            let forge = outcome.forge.as_ref().unwrap();
            assert_eq!(forge.public, Some(false), "{what}: {outcome:#?}");
            tally.hidden += 1;
        } else if now.tags == after.tags {
            tally.git_tag_missing += 1;
        } else if now.tags == before.tags && now.branch != before.branch {
            // Git's server did not let the release commit be taken back.
            let branch = outcome.branch.as_ref().unwrap();
            assert_eq!(branch.pushed, Some(true), "{what}: {outcome:#?}");
            let state = outcome.error.as_ref().and_then(|error| error.state_now());
            assert!(
                state.is_some_and(|state| state.contains(&branch.commit.to_string())),
                "{what}"
            );
        } else {
            let left = outcome.tags.iter().filter(|tag| !tag.is_as_before());
            assert!(left.clone().count() > 0, "{what}: {outcome:#?}");
            assert!(
                left.clone().all(|tag| tag.now != Observed::Unknown),
                "{what}: {outcome:#?}"
            );
        }
        tally.listed += 1;
    }
    recovered
}

/// A warning names what is left in the draft of a person.
fn check_left(what: &str, scene: &Scene) {
    let events = scene.events.lock().unwrap();
    let names = |event: &Event| match event {
        Event::Warning { text } => text.contains("may still have what hoist has added (the line"),
        _ => false,
    };
    assert!(events.iter().any(names), "{what}: {:#?}", scene.snapshot());
}

/// A release that everybody sees has all of its files, and what a person has written in its draft.
fn check_files(what: &str, scene: &Scene, forge: &FakeForge, now: &Snapshot) {
    for release in forge.stored().into_iter().filter(|one| one.is_public) {
        let mut files = vec!["api.tar.gz", "SHA256SUMS"];
        if scene.on_forge().use_draft {
            files.insert(0, "manual.pdf");
            assert!(release.text.starts_with(BY_HAND), "{what}: {release:#?}");
            assert_eq!(release.title.as_deref(), Some("Spring"), "{what}");
        }
        assert_eq!(release.files, files, "{what}");
        assert!(release.latest, "{what}");
        assert!(now.git_tag, "{what}");
    }
}

/// Where a release of one repository dies.
#[derive(Debug, Clone, Copy)]
struct Death {
    on: &'static str,
    skip: u64,
    forge: Option<ForgeService>,
}

impl Death {
    /// Two of the moving tags are there, two are not.
    const fn midway(forge: Option<ForgeService>) -> Self {
        Self {
            on: "PUT 127.0.0.1:5001/acme/api:",
            skip: 4,
            forge,
        }
    }

    /// Git has the tag, and nobody sees the release on the forge.
    const fn unrevealed(forge: ForgeService) -> Self {
        Self {
            on: "forge publish",
            skip: 0,
            forge: Some(forge),
        }
    }
}

/// A release that died, here or on another machine; its recovery fails in operation `n`, and is taken up
/// again. Returns how many operations the recovery had.
async fn recovery(
    death: Death,
    n: u64,
    fault: &(&str, Fault),
    times: u64,
    way: Way,
    tally: &mut Tally,
) -> u64 {
    let mut scene = Scene::new(&Setting {
        repositories: 1,
        forge: death.forge,
        ..Setting::default()
    });
    let (before, after) = (scene.snapshot(), scene.after());
    let what = format!(
        "{death:?}, operation {n} of a recovery {} ×{times}, {way:?}",
        fault.0
    );
    let crash = match death.skip {
        0 => Fault::CrashBefore,
        _ => Fault::CrashAfter,
    };
    scene.faults.strike(death.on, death.skip, 1, crash);
    assert!(scene.run(1).await.is_none(), "{what}");
    scene.faults.clear();
    scene.faults.forget();
    if way.elsewhere {
        scene.elsewhere();
    }
    scene.faults.strike("", n, times, fault.1.clone());
    let (world, scope) = (scene.world(2), scene.scope());
    let run = async {
        if way.forward {
            publish::resume(&world, &scope, Recovery::TakeOver).await
        } else {
            publish::rollback(&world, &scope, Recovery::TakeOver).await
        }
    };
    let last = tokio::select! {
        biased;
        () = scene.faults.crashed() => None,
        outcome = run => match outcome {
            Ok(outcome) => outcome,
            // Nothing was done: it could not be found out what there is, or it could not be taken.
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Failed | ErrorKind::Busy), "{what}: {error}");
                None
            }
        },
    };
    if let Some(outcome) = &last {
        check_claims(&what, outcome, &scene.snapshot(), &before, &after);
    }
    let operations = scene.faults.log().len() as u64;
    scene.faults.clear();
    settle(&what, &scene, way, last, (&before, &after), tally).await;
    operations
}

async fn exhaust_recovery(death: Death, ways: &[Way]) -> Tally {
    let mut tally = Tally::default();
    for way in ways {
        for (name, fault, times) in FAULTS {
            for &times in times {
                for n in 0.. {
                    let fault = (name, fault.clone());
                    if recovery(death, n, &fault, times, *way, &mut tally).await <= n {
                        break;
                    }
                }
            }
        }
    }
    tally
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_of_a_recovery() {
    let death = Death::midway(None);
    let tally = exhaust_recovery(death, &[HERE_FORWARD, ELSEWHERE_BACK]).await;
    print("1 repository × 6 tags, recovered", &tally);
    assert!(tally.complete > 200 && tally.as_before > 500);
}

/// With a draft on the forge: the recovery makes it public or deletes it, whatever fails.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_of_a_recovery_with_a_forge() {
    for service in [ForgeService::GitHub, ForgeService::GitLab] {
        let death = Death::midway(Some(service));
        let tally = exhaust_recovery(death, &[HERE_FORWARD, ELSEWHERE_BACK]).await;
        print(
            &format!("1 repository × 6 tags, {service}, recovered"),
            &tally,
        );
        assert!(tally.complete > 200 && tally.as_before > 500);
        // From here there is no way back.
        let death = Death::unrevealed(service);
        let tally = exhaust_recovery(death, &[HERE_FORWARD, way(true, true)]).await;
        print(&format!("the git tag is out, {service}, recovered"), &tally);
        assert!(tally.complete > 100 && tally.as_before == 0);
    }
}

/// By hand, as below.
#[tokio::test(start_paused = true)]
#[ignore = "takes long; a part of it runs each time"]
async fn every_personality_recovers_in_every_way() {
    let tally = exhaust_recovery(Death::midway(None), &WAYS).await;
    print("1 repository × 6 tags, recovered in every way", &tally);
}

pub(super) async fn exhaust(setting: Setting) -> Tally {
    exhaust_on("", setting).await
}

/// The same with the operations whose description contains `on`.
pub(super) async fn exhaust_on(on: &'static str, setting: Setting) -> Tally {
    exhaust_each(on, 1, setting).await
}

/// The same with one operation of `step`.
async fn exhaust_each(on: &'static str, step: usize, setting: Setting) -> Tally {
    let clean = Scene::new(&setting);
    clean.run(1).await.unwrap();
    let operations = clean.requests(on).len() as u64;
    let mut tally = Tally::default();
    for n in (0..operations).step_by(step) {
        for fault in &FAULTS {
            for &times in fault.2 {
                for way in WAYS {
                    let mattered = one(&setting, (on, n), fault, times, way, &mut tally).await;
                    if !mattered {
                        break;
                    }
                }
            }
        }
    }
    tally
}

#[expect(clippy::print_stdout, reason = "the figures are the point")]
pub(super) fn print(name: &str, tally: &Tally) {
    println!("{name}: {tally:?}");
    assert_eq!(tally.runs, tally.complete + tally.as_before + tally.listed);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_git_operation_without_atomic_pushes() {
    let setting = Setting {
        atomic: false,
        ..Setting::default()
    };
    let tally = exhaust_on("git", setting).await;
    print("2 repositories × 6 tags, no atomic pushes", &tally);
    assert!(tally.runs > 100 && tally.complete > 20 && tally.as_before > 20);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation() {
    let tally = exhaust(Setting::default()).await;
    print("2 repositories × 6 tags", &tally);
    assert!(tally.runs > 1000 && tally.complete > 100 && tally.as_before > 100);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_with_tags_in_one_request() {
    let personality = Personality {
        multi_tag: MultiTag::Whole,
        delete_tags: true,
        ..Personality::default()
    };
    let tally = exhaust(Setting {
        personality,
        ..Setting::default()
    })
    .await;
    print("2 repositories × 6 tags, several in one request", &tally);
    assert!(tally.runs > 500 && tally.complete > 50 && tally.as_before > 50);
}

/// The last tag is refused, so each run rolls back: faults strike the roll back, too.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_of_a_roll_back() {
    let personality = Personality {
        refused: vec!["2026-11-23".parse().unwrap()],
        ..Personality::default()
    };
    let tally = exhaust(Setting {
        repositories: 1,
        personality,
        ..Setting::default()
    })
    .await;
    print("1 repository × 6 tags, rolled back", &tally);
    assert!(tally.runs > 500 && tally.complete == 0 && tally.as_before > 500);
}

/// Several images with variants and repositories of their own, forward and back. A part of the operations
/// each time; all of them by hand, below.
#[tokio::test(start_paused = true)]
async fn faults_in_a_release_of_three_images_with_variants() {
    for (setting, name, is_published) in three_images() {
        let tally = exhaust_each("", 23, setting).await;
        print(name, &tally);
        assert!(tally.runs > 100 && tally.as_before > 10, "{name}");
        assert_eq!(tally.complete > 0, is_published, "{name}");
    }
}

/// Every operation of both, by hand as below.
#[tokio::test(start_paused = true)]
#[ignore = "takes long; a part of it runs each time"]
async fn every_fault_at_every_operation_of_three_images_with_variants() {
    for (setting, name, is_published) in three_images() {
        let tally = exhaust(setting).await;
        print(name, &tally);
        assert!(tally.as_before > 100, "{name}");
        assert_eq!(tally.complete > 0, is_published, "{name}");
    }
}

/// Three images × two variants × two registries: one that is published, and one that is rolled back,
/// because the last tag of the last image is refused; and whether any run of it ends complete. No run that is rolled
/// back does.
fn three_images() -> [(Setting, &'static str, bool); 2] {
    let setting = Setting {
        images: 3,
        variants: true,
        ..Setting::default()
    };
    let mut refused = setting.clone();
    refused.personality.refused = vec!["2026-11-23-alpine".parse().unwrap()];
    [
        (setting, "3 images × 2 variants × 2 registries", true),
        (
            refused,
            "3 images × 2 variants × 2 registries, rolled back",
            false,
        ),
    ]
}

/// Attachments and signatures are content: no fault takes an entry out of a list, and a release that is
/// complete has all of its own.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_with_attachments_and_a_signer() {
    for referrers in [Referrers::Ignored, Referrers::Strict] {
        let personality = Personality {
            referrers,
            ..Personality::default()
        };
        let tally = exhaust(Setting {
            repositories: 1,
            referrers: true,
            personality,
            ..Setting::default()
        })
        .await;
        let name = format!("1 repository × 6 tags, attachments and signatures, {referrers:?}");
        print(&name, &tally);
        assert!(tally.runs > 500 && tally.complete > 50 && tally.as_before > 50);
    }
}

/// All of it in one transaction: a release commit, attachments, signatures and a draft. It is published,
/// and it is rolled back because the last tag is refused.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_with_all_that_a_release_can_have() {
    let mut setting = Setting {
        repositories: 1,
        commits: true,
        referrers: true,
        forge: Some(ForgeService::GitHub),
        ..Setting::default()
    };
    let tally = exhaust(setting.clone()).await;
    print("1 repository × 6 tags, commit, referrers, draft", &tally);
    assert!(tally.runs > 500 && tally.complete > 100 && tally.as_before > 100);
    setting.personality.refused = vec!["2026-11-23".parse().unwrap()];
    let tally = exhaust_each("", 11, setting).await;
    print("the same, rolled back", &tally);
    assert!(tally.runs > 100 && tally.complete == 0);
}

/// A release on a forge that has drafts and on one that has none: registries, git and forge agree.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_with_a_release_on_a_forge() {
    for service in [ForgeService::GitHub, ForgeService::GitLab] {
        let tally = exhaust(Setting {
            repositories: 1,
            forge: Some(service),
            ..Setting::default()
        })
        .await;
        print(
            &format!("1 repository × 6 tags, a release on {service}"),
            &tally,
        );
        assert!(tally.runs > 500 && tally.complete > 100 && tally.as_before > 100);
    }
}

/// The same where the last tag is refused, so that each run rolls back and deletes what the forge has.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_of_a_roll_back_with_a_draft() {
    let personality = Personality {
        refused: vec!["2026-11-23".parse().unwrap()],
        ..Personality::default()
    };
    let mut setting = Setting {
        repositories: 1,
        forge: Some(ForgeService::GitHub),
        personality,
        ..Setting::default()
    };
    let tally = exhaust_on("forge", setting.clone()).await;
    print("1 repository × 6 tags, a draft, rolled back", &tally);
    assert!(tally.runs > 50 && tally.complete == 0 && tally.as_before > 50);
    setting.atomic = false;
    let tally = exhaust_on("git", setting).await;
    print("1 repository × 6 tags, a draft, no atomic pushes", &tally);
    assert!(tally.runs > 50 && tally.complete == 0);
}

/// The draft of a person becomes the release, or is as it was, whatever fails: in a release that is published, and in
/// one that is rolled back because the last tag is refused.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_operation_with_the_draft_of_a_person() {
    let mut setting = Setting {
        repositories: 1,
        forge: Some(ForgeService::GitHub),
        use_draft: true,
        ..Setting::default()
    };
    let tally = exhaust(setting.clone()).await;
    print("1 repository × 6 tags, the draft of a person", &tally);
    assert!(tally.runs > 500 && tally.complete > 100 && tally.as_before > 100);
    setting.personality.refused = vec!["2026-11-23".parse().unwrap()];
    let tally = exhaust_on("forge", setting.clone()).await;
    print("the same, rolled back", &tally);
    assert!(tally.runs > 50 && tally.complete == 0 && tally.as_before > 50);
    setting.atomic = false;
    let tally = exhaust_on("git", setting).await;
    print("the same, no atomic pushes", &tally);
    assert!(tally.runs > 50 && tally.complete == 0);
}

/// A git server without atomic pushes.
#[tokio::test(start_paused = true)]
async fn every_fault_at_every_git_operation_with_a_forge_and_without_atomic_pushes() {
    let setting = Setting {
        forge: Some(ForgeService::GitHub),
        atomic: false,
        ..Setting::default()
    };
    let tally = exhaust_on("git", setting).await;
    print("2 repositories × 6 tags, a forge, no atomic pushes", &tally);
    assert!(tally.runs > 100 && tally.complete > 20 && tally.as_before > 20);
}

/// The large run, by hand: `cargo test --release -- --ignored every_personality --nocapture`.
#[tokio::test(start_paused = true)]
#[ignore = "takes long; a part of it runs each time"]
async fn every_personality_with_three_registries_and_variants() {
    use MultiTag::{First, FirstThenFails, Ignored, Refused, Whole};
    for multi_tag in [Ignored, Whole, First(3), FirstThenFails(3), Refused] {
        for (delete_tags, delete_digests) in [(true, true), (false, true), (false, false)] {
            let setting = Setting {
                repositories: 3,
                images: 1,
                variants: true,
                commits: false,
                takes_back: false,
                referrers: false,
                forge: None,
                use_draft: false,
                atomic: true,
                personality: Personality {
                    multi_tag,
                    delete_tags,
                    delete_digests,
                    ..Personality::default()
                },
            };
            let name =
                format!("{multi_tag:?}, deletes tags {delete_tags}, digests {delete_digests}");
            print(&name, &exhaust(setting).await);
        }
    }
}

/// The other ways in which registries differ, by hand as above.
#[tokio::test(start_paused = true)]
#[ignore = "takes long; a part of it runs each time"]
async fn every_personality_of_another_kind() {
    type Change = fn(&mut Personality);
    let kinds: [(&str, Change); 5] = [
        ("lags by five seconds", |it| it.lag = Duration::from_secs(5)),
        ("deletes only what has no tag", |it| {
            it.delete_untagged_only = true
        }),
        ("takes manifests with a tag only", |it| {
            it.digest_puts = false
        }),
        ("409 to what is there", |it| {
            it.conflict_on_second_put = true
        }),
        ("the version tag is immutable", |it| {
            it.immutable = vec!["1.3.0".parse().unwrap()]
        }),
    ];
    for (name, change) in kinds {
        let mut setting = Setting::default();
        change(&mut setting.personality);
        print(name, &exhaust(setting).await);
    }
}
