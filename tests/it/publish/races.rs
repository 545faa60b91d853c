//! Several releases at once, and releases over a real git remote.

use std::sync::Arc;

use hoist::{
    git::RefName,
    io::{
        git::remote::{GitRemote, NewTag, make_tag},
        journal_file::JournalDirectory,
    },
    outcome::{Outcome, OutcomeKind},
    publish::{self, GitTagObject, Publication, Recovery, World},
    testing::{FakeJournals, Fault},
};
use testkit::sandbox;

use super::scene::{Scene, Setting, image, main_image};

/// One of several releases of the same version from different commits.
struct Contender {
    publication: Publication,
    world: World,
    _dir: tempfile::TempDir,
}

fn contender(scene: &Scene, n: u32) -> Contender {
    let dir = tempfile::tempdir().unwrap();
    let mut publication = scene.publication.clone();
    publication.images = vec![main_image(image(dir.path(), &format!("build {n}")))];
    publication
        .git_tag
        .as_mut()
        .unwrap()
        .object
        .extend(format!("\n{n}\n").into_bytes());
    let mut world = scene.world(100 + n);
    world.journals = Arc::new(FakeJournals::new(&scene.faults));
    Contender {
        publication,
        world,
        _dir: dir,
    }
}

/// All tags show one image, or all are as before.
fn check(scene: &Scene, contenders: &[Contender], outcomes: &[Outcome], what: &str) {
    let winners: Vec<_> = outcomes
        .iter()
        .zip(contenders)
        .filter(|(outcome, _)| outcome.kind == OutcomeKind::Published)
        .collect();
    assert_eq!(
        winners.len(),
        1,
        "{what}: {:?}",
        outcomes.iter().map(|o| o.kind).collect::<Vec<_>>()
    );
    let digest = winners[0].1.publication.images[0].digest();
    let tags = scene.snapshot().tags;
    assert_eq!(tags.len(), 12);
    assert!(
        tags.values().all(|shown| shown == digest),
        "{what}: {tags:#?}"
    );
    for outcome in outcomes
        .iter()
        .filter(|outcome| outcome.kind != OutcomeKind::Published)
    {
        assert!(
            matches!(outcome.kind, OutcomeKind::Busy | OutcomeKind::Failed),
            "{what}: {:?}",
            outcome.kind
        );
        let error = outcome.error.as_ref().unwrap();
        let text = format!("{error:#} {}", error.first_hint().unwrap_or_default());
        assert!(
            text.contains("process 10") || text.contains("another release finished first"),
            "{what}: {text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_three_releases_at_once_one_wins_and_the_others_name_it() {
    for head_start in 0..40_u64 {
        let scene = Scene::new(&Setting::default());
        let contenders: Vec<_> = (0..3).map(|n| contender(&scene, n)).collect();
        let runs = contenders
            .iter()
            .zip(0_u64..)
            .map(|(contender, n)| async move {
                for _ in 0..n * head_start {
                    tokio::task::yield_now().await;
                }
                publish::publish(&contender.world, &contender.publication).await
            });
        let outcomes = futures_util::future::join_all(runs).await;
        check(
            &scene,
            &contenders,
            &outcomes,
            &format!("head start {head_start}"),
        );
    }
}

/// The scene's world, with a real clone in place of the fake remote and journals.
async fn real(scene: &mut Scene, clone: &sandbox::Clone<'_>, pid: u32) -> World {
    let mut world = scene.world(pid);
    world.remote = Arc::new(GitRemote::new(clone.path(), "origin"));
    world.journals = Arc::new(JournalDirectory::new(
        clone.path().join(".git/hoist/journal"),
    ));
    let commit = clone.git(&["rev-parse", "HEAD"]).parse().unwrap();
    let tag = NewTag {
        name: RefName::tag("v1.3.0").unwrap(),
        commit,
        message: format!("1.3.0 by {pid}"),
        seconds: 1_767_323_045,
        sign: false,
    };
    scene.publication.commit = commit;
    scene.publication.git_tag = Some(GitTagObject {
        name: RefName::tag("v1.3.0").unwrap(),
        object: make_tag(clone.path(), &tag).await.unwrap().object,
    });
    world
}

#[tokio::test]
async fn a_crash_is_finished_or_undone_over_a_real_remote_from_another_clone() {
    for forward in [true, false] {
        let remote = sandbox::GitRemote::new();
        let first = remote.clone("first", &[]);
        first.write("file", "content");
        first.commit("feat: begin");
        first.push();
        let mut scene = Scene::new(&Setting::default());
        // Another clone does not know which tags were touched, and waits this long for each.
        scene.publication.policy.verify_timeout = std::time::Duration::from_secs(2);
        let (before, after) = (scene.snapshot().tags, scene.after().tags);
        let world = real(&mut scene, &first, 1).await;
        scene
            .faults
            .strike("PUT 127.0.0.1:5001/acme/api:1", 2, 1, Fault::CrashAfter);
        tokio::select! {
            () = scene.faults.crashed() => {}
            outcome = publish::publish(&world, &scene.publication) => panic!("{outcome:#?}"),
        }
        // What a process holds goes with it.
        drop(world);
        scene.faults.clear();
        assert!(
            remote.refs().contains("refs/hoist/publish/"),
            "{}",
            remote.refs()
        );
        let second = remote.clone("second", &["--depth=1"]);
        let world = real(&mut scene, &second, 2).await;
        let open = publish::status(&world, &scene.scope()).await.unwrap();
        assert_eq!((open.len(), open[0].locked, open[0].here), (1, true, false));
        let scope = scene.scope();
        let outcome = if forward {
            publish::resume(&world, &scope, Recovery::TakeOver).await
        } else {
            publish::rollback(&world, &scope, Recovery::TakeOver).await
        };
        let outcome = outcome.unwrap().unwrap();
        assert!(outcome.error.is_none(), "{outcome:#?}");
        let refs = remote.refs();
        assert!(!refs.contains("refs/hoist/"), "{refs}");
        let annotated = refs
            .lines()
            .any(|line| line.starts_with("refs/tags/v1.3.0 ") && line.ends_with(" tag"));
        assert_eq!(annotated, forward, "{refs}");
        assert_eq!(scene.snapshot().tags, if forward { after } else { before });
        // The first clone's journal is stale now, and says so by itself.
        let world = real(&mut scene, &first, 3).await;
        let late = publish::resume(&world, &scope, Recovery::TakeOver)
            .await
            .unwrap()
            .unwrap();
        let kind = if forward {
            OutcomeKind::Published
        } else {
            OutcomeKind::RolledBack
        };
        assert_eq!((late.kind, late.error.is_none()), (kind, true), "{late:#?}");
        assert!(publish::status(&world, &scope).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn releases_from_several_clones_race_over_a_real_remote() {
    let remote = sandbox::GitRemote::new();
    let first = remote.clone("first", &[]);
    first.write("file", "content");
    first.commit("feat: begin");
    first.push();
    let clones: Vec<_> = (0..3)
        .map(|n| remote.clone(&format!("c{n}"), &[]))
        .collect();
    for round in 0..2 {
        let scene = Scene::new(&Setting::default());
        let mut contenders = Vec::new();
        for (clone, n) in clones.iter().zip(0..) {
            let mut contender = contender(&scene, n);
            contender.world.remote = Arc::new(GitRemote::new(clone.path(), "origin"));
            contender.publication.commit = clone.git(&["rev-parse", "HEAD"]).parse().unwrap();
            let tag = NewTag {
                name: RefName::tag("v1.3.0").unwrap(),
                commit: contender.publication.commit,
                message: format!("1.3.0 by {n}"),
                seconds: 1_767_323_045,
                sign: false,
            };
            contender.publication.git_tag.as_mut().unwrap().object =
                make_tag(clone.path(), &tag).await.unwrap().object;
            contenders.push(contender);
        }
        let runs = contenders
            .iter()
            .map(|contender| publish::publish(&contender.world, &contender.publication));
        let outcomes = futures_util::future::join_all(runs).await;
        check(&scene, &contenders, &outcomes, &format!("round {round}"));
        assert!(!remote.refs().contains("refs/hoist/"), "{}", remote.refs());
        remote.git(&["tag", "--delete", "v1.3.0"]);
    }
}
