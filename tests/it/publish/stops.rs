//! A run that is stopped at any instant and goes on after others have worked: Ctrl-Z, a laptop that
//! sleeps. And a lock that vanishes, journals from another clone's past, requests that land late.
//! After each the world is as the last one left it, and what is reported is what is there.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use hoist::{
    oci::{Digest, Observed},
    outcome::{Outcome, OutcomeKind},
    policy::PublishPolicy,
    publish::{
        self, GitTagObject, LockJournal, Publication, Recovery, TakeoverCheck, World,
        protocol::state::Goal,
    },
    testing::{FakeJournals, Fault, MultiTag, Personality},
};
use tokio::sync::Notify;

use super::scene::{Scene, Setting, image};

/// Which way the successor of a run leads its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Forward,
    Back,
}

/// The world as a process of another machine sees it, whose clone has no journal.
pub fn elsewhere(scene: &Scene, pid: u32) -> World {
    let mut world = scene.world(pid);
    world.owner.boot = format!("machine {pid}");
    world.journals = Arc::new(FakeJournals::new(&scene.faults));
    world
}

pub async fn recover(world: &World, scene: &Scene, way: Way) -> Option<Outcome> {
    let recovered = match way {
        Way::Forward => publish::resume(world, &scene.scope(), Recovery::TakeOver).await,
        Way::Back => publish::rollback(world, &scene.scope(), Recovery::TakeOver).await,
    };
    recovered.unwrap()
}

/// The release after this one, planned by what the tags show now.
pub fn next_release(scene: &Scene) -> Publication {
    let now = scene.snapshot().tags;
    let mut next = scene.publication.clone();
    next.version = "1.4.0".parse().unwrap();
    next.commit = "9876543210987654321098765432109876543210".parse().unwrap();
    next.images = vec![image(scene.dir.path(), "next")];
    next.git_tag = Some(GitTagObject {
        name: "refs/tags/v1.4.0".parse().unwrap(),
        object: b"object 9876\ntype commit\ntag v1.4.0\n".to_vec(),
    });
    for target in &mut next.targets {
        for tag in &mut target.tags {
            let name = tag.tag.as_str();
            let name = name
                .replace("1.3", "1.4")
                .replace("sha-0123456", "sha-9876543");
            tag.tag = name.parse().unwrap();
            let shown = now.get(&target.repository.tag(&tag.tag));
            tag.before = Observed::from(shown.cloned());
        }
    }
    next
}

/// Each tag in the list shows what the list says.
pub fn check_list(what: &str, outcome: &Outcome, world: &BTreeMap<String, Digest>) {
    for tag in &outcome.tags {
        let name = tag.repository.tag(&tag.tag);
        if tag.now == Observed::Unknown {
            continue;
        }
        assert_eq!(
            tag.now.digest(),
            world.get(&name),
            "{what}: {name} in the list of {:?}",
            outcome.kind
        );
    }
    match outcome.kind {
        OutcomeKind::Published => assert!(
            outcome.tags.iter().all(|tag| !tag.is_as_before()),
            "{what}: published"
        ),
        OutcomeKind::RolledBack => assert!(
            outcome.tags.iter().all(|tag| tag.is_as_before()),
            "{what}: rolled back"
        ),
        _ => {}
    }
}

pub fn settings() -> Vec<(&'static str, Setting)> {
    let one = |personality| Setting {
        repositories: 1,
        personality,
        ..Setting::default()
    };
    let whole = Personality {
        multi_tag: MultiTag::Whole,
        ..Personality::default()
    };
    vec![
        ("plain", one(Personality::default())),
        ("several tags in a request", one(whole)),
        ("two repositories", Setting::default()),
    ]
}

/// How many operations a release has that goes well, or that is refused and goes back.
async fn operations(setting: &Setting, refused: bool) -> u64 {
    let scene = Scene::new(setting);
    refuse(&scene, refused);
    scene.run(1).await.unwrap();
    scene.faults.log().len() as u64
}

/// Lets the release fail at a moving tag, so that it goes back.
pub fn refuse(scene: &Scene, refused: bool) {
    if refused {
        let latest = "latest".parse().unwrap();
        scene.registries[0].become_like(|registry| registry.refused = vec![latest]);
    }
}

/// One arrangement: how the world is set up, whether the release is refused, which way it is led, and the
/// operation that is struck.
struct Case {
    what: String,
    setting: Setting,
    refused: bool,
    way: Way,
    n: u64,
}

/// Every operation of every setting, refused or not, led either way.
async fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, setting) in settings() {
        for refused in [false, true] {
            let count = operations(&setting, refused).await;
            for way in [Way::Forward, Way::Back] {
                cases.extend((0..count).map(|n| Case {
                    what: format!("{name}, refused {refused}, {way:?}, operation {n}"),
                    setting: setting.clone(),
                    refused,
                    way,
                    n,
                }));
            }
        }
    }
    cases
}

/// A run is stopped before operation n; another machine takes it over and ends it, and releases the
/// next version. Then the first one goes on.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_stopped_holder_writes_nothing_after_its_successor() {
    let mut ran = 0;
    for case in cases().await {
        ran += usize::from(stopped(&case).await);
    }
    eprintln!("{ran} runs stopped, taken over and let go on");
    // Some strikes meet a write to the journal, during which nothing else happens anyway.
    assert!(ran > 250, "{ran}");
}

/// Whether the run was stopped at all.
async fn stopped(case: &Case) -> bool {
    let Case {
        what,
        setting,
        refused,
        way,
        n,
    } = case;
    let (refused, way, n) = (*refused, *way, *n);
    let scene = Scene::new(setting);
    refuse(&scene, refused);
    let told = Arc::new(Notify::new());
    scene.faults.strike("", n, 1, Fault::Stop(told.clone()));
    let (world, publication) = (scene.world(1), scene.publication.clone());
    let mut first = Box::pin(publish::publish(&world, &publication));
    tokio::select! {
        biased;
        _ = &mut first => return false,
        () = told.notified() => {}
    }
    let at_stop = scene.snapshot();
    scene.registries[0].become_like(|registry| registry.refused.clear());
    let second = elsewhere(&scene, 2);
    if let Some(outcome) = recover(&second, &scene, way).await {
        check_list(what, &outcome, &scene.snapshot().tags);
    }
    let next = next_release(&scene);
    let third = publish::publish(&elsewhere(&scene, 3), &next).await;
    let between = scene.snapshot();
    check_list(what, &third, &between.tags);
    let outcome = first.await;
    let now = scene.snapshot();
    // It had given its lock back before it was stopped: what it tells is what was there then.
    let was_over = at_stop.locks == 0 && scene.requests("git swap").len() > 1;
    let is_end = matches!(
        outcome.kind,
        OutcomeKind::Published | OutcomeKind::RolledBack
    );
    if was_over && is_end {
        check_list(what, &outcome, &at_stop.tags);
        return true;
    }
    check_list(what, &outcome, &now.tags);
    if third.kind == OutcomeKind::Published {
        // The next release came to its end: nothing of it was written over.
        assert_eq!(now.tags, between.tags, "{what}: {outcome:#?}");
        assert_ne!(outcome.kind, OutcomeKind::RolledBack, "{what}");
    }
    true
}

/// Lets every lock pass.
struct Any(PublishPolicy);

#[async_trait]
impl TakeoverCheck for Any {
    async fn fits(&self, _: LockJournal<'_>) -> hoist::Result<()> {
        Ok(())
    }

    async fn agrees(&self, _: LockJournal<'_>, _: Goal) -> hoist::Result<()> {
        Ok(())
    }

    fn policy(&self) -> &PublishPolicy {
        &self.0
    }

    fn image_directory(&self, _: &Digest) -> PathBuf {
        PathBuf::new()
    }
}

/// A run is stopped before operation n, and its lock is discarded; then the next version is released, and
/// the first one goes on: it writes nothing any more.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_discarded_lock_keeps_its_former_holder_from_writing() {
    let (mut ran, mut waited) = (0, 0);
    for (name, setting) in settings() {
        for refused in [false, true] {
            for n in 0..operations(&setting, refused).await {
                let what = format!("{name}, refused {refused}, operation {n}");
                let scene = Scene::new(&setting);
                refuse(&scene, refused);
                let told = Arc::new(Notify::new());
                scene.faults.strike("", n, 1, Fault::Stop(told.clone()));
                let (world, publication) = (scene.world(1), scene.publication.clone());
                let mut first = Box::pin(publish::publish(&world, &publication));
                tokio::select! {
                    biased;
                    _ = &mut first => continue,
                    () = told.notified() => {}
                }
                let at_stop = scene.snapshot();
                scene.registries[0].become_like(|registry| registry.refused.clear());
                let second = elsewhere(&scene, 2);
                let check = Any(PublishPolicy::default());
                let locks = publish::find_locks(&second, &scene.scope(), &check).await;
                let locks = locks.unwrap();
                assert_eq!(locks.len(), at_stop.locks, "{what}");
                let begun = tokio::time::Instant::now();
                publish::discard_locks(&second, &locks).await.unwrap();
                waited += usize::from(begun.elapsed() >= Duration::from_secs(45));
                assert_eq!(
                    scene.snapshot().tags,
                    at_stop.tags,
                    "{what}: a tag has moved"
                );
                assert_eq!(scene.snapshot().locks, 0, "{what}");
                let third = publish::publish(&elsewhere(&scene, 3), &next_release(&scene)).await;
                check_list(&what, &third, &scene.snapshot().tags);
                let between = scene.snapshot();
                let outcome = first.await;
                if third.kind == OutcomeKind::Published && at_stop.locks > 0 {
                    assert_eq!(scene.snapshot().tags, between.tags, "{what}: {outcome:#?}");
                    check_list(&what, &outcome, &between.tags);
                }
                ran += usize::from(at_stop.locks > 0);
            }
        }
    }
    eprintln!("{ran} discarded locks, {waited} waits");
    assert!(ran > 100 && waited == ran, "{ran} {waited}");
}

/// The lock's refs are deleted before operation n: a mirror push, a clean-up. The run ends with a true
/// list, and a recovery in this clone ends it all the same.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_lock_that_vanishes_takes_no_way_back_along() {
    let mut ran = 0;
    for case in cases().await {
        ran += usize::from(vanished(&case).await);
    }
    eprintln!("{ran} vanished locks");
    assert!(ran > 300, "{ran}");
}

/// Whether there was a lock that could vanish.
async fn vanished(case: &Case) -> bool {
    let Case {
        what,
        setting,
        refused,
        way,
        n,
    } = case;
    let (refused, way, n) = (*refused, *way, *n);
    let scene = Scene::new(setting);
    let (before, after) = (scene.snapshot(), scene.after());
    refuse(&scene, refused);
    let remote = scene.remote.clone();
    let vanished = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&vanished);
    let delete = move || {
        for name in remote.all_refs().into_keys() {
            if name.as_str().starts_with("refs/hoist/") {
                remote.remove(name.as_str());
                gone.store(true, Ordering::Relaxed);
            }
        }
    };
    scene
        .faults
        .strike("", n, 1, Fault::First(Arc::new(delete)));
    let outcome = scene.run(1).await.unwrap();
    check_list(what, &outcome, &scene.snapshot().tags);
    scene.registries[0].become_like(|registry| registry.refused.clear());
    if let Some(outcome) = recover(&scene.world(2), &scene, way).await {
        check_list(what, &outcome, &scene.snapshot().tags);
    }
    let now = scene.snapshot();
    assert!(
        now.tags == before.tags || now.tags == after.tags,
        "{what}: mixed after {outcome:#?}"
    );
    assert_eq!(now.locks, 0, "{what}");
    // Nothing is open any more.
    tokio::time::sleep(Duration::from_secs(61)).await;
    let open = publish::refuse_unfinished(&scene.world(3), &scene.scope()).await;
    assert!(open.is_ok(), "{what}: {open:?}");
    vanished.load(Ordering::Relaxed)
}

/// Whoever takes a lock over waits for what its former holder may have sent. A policy whose deadline is
/// shorter than that wait stops no recovery.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_shorter_than_the_lease_stops_no_recovery() {
    let mut recovered = 0;
    let setting = Setting::default();
    for refused in [false, true] {
        let count = operations(&setting, refused).await;
        for way in [Way::Forward, Way::Back] {
            for n in 0..count {
                let what = format!("refused {refused}, {way:?}, operation {n}");
                let mut scene = Scene::new(&setting);
                scene.publication.policy.deadline = Duration::from_secs(8);
                refuse(&scene, refused);
                scene.faults.strike("", n, 1, Fault::CrashBefore);
                if scene.run(1).await.is_some() {
                    continue;
                }
                scene.faults.clear();
                scene.registries[0].become_like(|registry| registry.refused.clear());
                let Some(outcome) = recover(&elsewhere(&scene, 2), &scene, way).await else {
                    continue;
                };
                assert_ne!(
                    outcome.kind,
                    OutcomeKind::NeedsHuman,
                    "{what}: {outcome:#?}"
                );
                check_list(&what, &outcome, &scene.snapshot().tags);
                recovered += 1;
            }
        }
    }
    assert!(recovered > 200, "{recovered}");
}

/// A run dies at operation n and its lock is deleted, or another clone finishes its release; then the next
/// version is released. `rollback --take-over` in the first clone moves nothing back that the next release
/// has moved, and says so.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_way_back_leaves_a_later_release_alone() {
    let (mut undone, mut finished) = (0, 0);
    for (name, setting) in settings() {
        for is_finished in [false, true] {
            for n in 0..operations(&setting, false).await {
                let what = format!("{name}, finished {is_finished}, operation {n}");
                let scene = Scene::new(&setting);
                let before = scene.snapshot().tags;
                scene.faults.strike("", n, 1, Fault::CrashBefore);
                if scene.run(1).await.is_some() {
                    continue;
                }
                scene.faults.clear();
                let at_death = scene.snapshot();
                if is_finished {
                    recover(&elsewhere(&scene, 2), &scene, Way::Forward).await;
                } else {
                    for name in scene.remote.all_refs().into_keys() {
                        if name.as_str().starts_with("refs/hoist/") {
                            scene.remote.remove(name.as_str());
                        }
                    }
                }
                if scene.snapshot().tags == before && !is_finished {
                    // No tag had moved: a recovery only closes the journal.
                    continue;
                }
                let next = next_release(&scene);
                let third = publish::publish(&elsewhere(&scene, 3), &next).await;
                assert_eq!(third.kind, OutcomeKind::Published, "{what}: {third:#?}");
                let between = scene.snapshot();
                let Some(outcome) = recover(&scene.world(4), &scene, Way::Back).await else {
                    assert_eq!(at_death.locks, 0, "{what}: nobody had begun");
                    continue;
                };
                let now = scene.snapshot();
                check_list(&what, &outcome, &now.tags);
                let released = next.images[0].manifest.digest();
                for (tag, shown) in &between.tags {
                    if shown == released {
                        assert_eq!(now.tags.get(tag), Some(shown), "{what}: {tag}");
                    }
                }
                if between.git_tag {
                    // It was published, and nothing is taken back of that.
                    assert_eq!(now.tags, between.tags, "{what}: {outcome:#?}");
                    let told = told(&outcome);
                    assert!(
                        told.contains("was finished from another place"),
                        "{what}: {told}"
                    );
                    assert!(told.contains("moved on since"), "{what}: {told}");
                    finished += 1;
                } else {
                    assert_eq!(
                        outcome.kind,
                        OutcomeKind::NeedsHuman,
                        "{what}: {outcome:#?}"
                    );
                    let told = told(&outcome);
                    assert!(told.contains("have moved on since"), "{what}: {told}");
                    assert!(told.contains("`hoist repair`"), "{what}: {told}");
                    let ours = scene.publication.images[0].manifest.digest();
                    assert!(!now.tags.values().any(|shown| shown == ours), "{what}");
                    undone += 1;
                }
            }
        }
    }
    eprintln!("{undone} undone past a later release, {finished} finished before it");
    assert!(undone > 20 && finished > 20, "{undone} {finished}");
}

/// The error of an outcome, with its hints.
fn told(outcome: &Outcome) -> String {
    let error = outcome
        .error
        .as_ref()
        .expect("it is not what was asked for");
    format!("{error:#} {:?}", error.hints())
}

/// A run dies at operation n; another clone ends its release, perhaps with the next version after it.
/// The journal of the first clone is from the past: recoveries there look, and change nothing.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_journal_from_the_past_is_not_believed() {
    let mut rounds = 0;
    let setting = Setting::default();
    for refused in [false, true] {
        let count = operations(&setting, refused).await;
        for there in [Way::Forward, Way::Back] {
            for here in [Way::Forward, Way::Back] {
                for next in [false, true] {
                    for n in 0..count {
                        let what = format!(
                            "refused {refused}, {there:?}, then {here:?}, next {next}, operation {n}"
                        );
                        let ran = from_the_past(&what, &setting, refused, (there, here), next, n);
                        rounds += usize::from(ran.await);
                    }
                }
            }
        }
    }
    eprintln!("{rounds} journals from the past");
    assert!(rounds > 300, "{rounds}");
}

/// Whether there was a journal from the past.
async fn from_the_past(
    what: &str,
    setting: &Setting,
    refused: bool,
    (there, here): (Way, Way),
    next: bool,
    n: u64,
) -> bool {
    let scene = Scene::new(setting);
    refuse(&scene, refused);
    scene.faults.strike("", n, 1, Fault::CrashBefore);
    if scene.run(1).await.is_some() {
        return false;
    }
    scene.faults.clear();
    scene.registries[0].become_like(|registry| registry.refused.clear());
    let taken = recover(&elsewhere(&scene, 2), &scene, there).await;
    if taken.is_none() {
        // It had no lock yet: nobody else knows of it.
        return false;
    }
    if next {
        let third = publish::publish(&elsewhere(&scene, 3), &next_release(&scene)).await;
        assert_eq!(third.kind, OutcomeKind::Published, "{what}: {third:#?}");
    }
    let between = scene.snapshot();
    // Until now a request of the dead run could have been carried out.
    tokio::time::sleep(Duration::from_secs(61)).await;
    let open = publish::refuse_unfinished(&scene.world(4), &scene.scope()).await;
    assert!(open.is_ok(), "{what}: overtaken, and yet {open:?}");
    if let Some(outcome) = recover(&scene.world(5), &scene, here).await {
        check_list(what, &outcome, &scene.snapshot().tags);
    }
    assert_eq!(scene.snapshot(), between, "{what}");
    true
}

/// The answer to a request that moves a tag is lost, and it is carried out later, while the run goes on
/// or in the next release.
#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_request_that_lands_late_is_waited_for() {
    let mut rounds = 0;
    for (name, setting) in settings() {
        for refused in [false, true] {
            for tag in 0..8 {
                for seconds in [1, 3, 10, 30, 59] {
                    let what = format!("{name}, refused {refused}, request {tag}, {seconds} s");
                    let scene = Scene::new(&setting);
                    refuse(&scene, refused);
                    let late = Fault::Late(Duration::from_secs(seconds));
                    scene
                        .faults
                        .strike("PUT 127.0.0.1:5001/acme/api:", tag, 1, late);
                    let outcome = scene.run(1).await.unwrap();
                    check_list(&what, &outcome, &scene.snapshot().tags);
                    scene.registries[0].become_like(|registry| registry.refused.clear());
                    let third =
                        publish::publish(&elsewhere(&scene, 3), &next_release(&scene)).await;
                    let between = scene.snapshot();
                    tokio::time::sleep(Duration::from_secs(300)).await;
                    if outcome.kind != OutcomeKind::NeedsHuman {
                        assert_eq!(third.kind, OutcomeKind::Published, "{what}: {third:#?}");
                        assert_eq!(scene.snapshot(), between, "{what}: it has landed");
                    }
                    rounds += 1;
                }
            }
        }
    }
    eprintln!("{rounds} requests that landed late");
    assert!(rounds > 100, "{rounds}");
}
