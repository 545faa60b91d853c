//! What a crash leaves, and who may take it up: journals cut at any byte, locks of the living and
//! the dead, two recoveries at once, lost leases, other writers.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use hoist::{
    error::ErrorKind,
    event::{Awaited, Event},
    io::journal_file::JournalStore as _,
    oci::{Digest, ImageName},
    outcome::OutcomeKind,
    policy::{OnFailure, PublishPolicy},
    publish::{
        self, CiJob, Owner, Preflight, Recovery,
        protocol::{
            journal::{ReadError, Record, decode, encode},
            replay::{Abandoned, abandoned, replay},
            state::{Cause, Round, RoundStep, State, TagProgress},
        },
    },
    testing::{Fault, Personality},
};
use serde_json::Value;

use super::scene::{Scene, Setting, foreign, owner, repository};

/// A release that died after `puts` PUTs of tags.
async fn died(puts: u64) -> Scene {
    let scene = Scene::new(&Setting::default());
    scene
        .faults
        .strike("/acme/api:", 12 + puts, 1, Fault::CrashAfter);
    assert!(scene.run(1).await.is_none(), "the process died");
    scene.faults.clear();
    scene
}

#[tokio::test(start_paused = true)]
async fn a_journal_cut_at_any_byte_is_finished_or_undone() {
    let whole = died(5).await;
    let (name, text) = whole.journals.files().pop_first().unwrap();
    let mut known = HashSet::new();
    let mut recovered = 0;
    for cut in 0..=text.len() {
        let replayed = replay(decode(&text[..cut]).unwrap());
        // Recovering depends on nothing but what was replayed.
        if !known.insert(replayed.map(|replayed| (replayed.txn, replayed.since))) {
            continue;
        }
        for forward in [true, false] {
            let scene = died(5).await;
            let (before, after) = (Scene::new(&Setting::default()).snapshot(), scene.after());
            scene.journals.set(&name, &text[..cut]);
            let outcome = if forward {
                scene.resume(2).await
            } else {
                scene.rollback(2).await
            };
            let outcome = outcome.unwrap_or_else(|| panic!("cut at {cut}: the lock was not found"));
            assert!(outcome.error.is_none(), "cut at {cut}: {outcome:#?}");
            assert_eq!(
                scene.snapshot(),
                if forward { after } else { before },
                "cut at {cut}"
            );
            recovered += 1;
        }
    }
    assert!(recovered >= 10, "{recovered} different journals");
}

/// A registry that lags longer than `verify-timeout` costs a roll back that time, and not its deadline.
#[tokio::test(start_paused = true)]
async fn a_roll_back_waits_no_longer_than_the_registry_has_to_show_it() {
    let scene = Scene::new(&Setting {
        personality: Personality {
            lag: Duration::from_secs(300),
            ..Personality::default()
        },
        ..Setting::default()
    });
    let before = scene.snapshot();
    scene.faults.strike("/acme/api:", 17, 1, Fault::CrashAfter);
    tokio::time::advance(Duration::from_secs(700)).await;
    assert!(scene.run(1).await.is_none(), "the process died");
    scene.faults.clear();
    tokio::time::advance(Duration::from_secs(700)).await;
    let begun = tokio::time::Instant::now();
    let outcome = scene.rollback(2).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    assert!(took < PublishPolicy::default().deadline, "{took:?}");
    // What was accepted shows in the end.
    tokio::time::advance(Duration::from_secs(700)).await;
    assert!(scene.rollback(3).await.unwrap().error.is_none());
    assert_eq!(scene.snapshot(), before);
}

/// Deletions that meet leave tags that the list names and that show nothing: they are taken away all the
/// same, by the run that made them and by one that takes over from it.
#[tokio::test(start_paused = true)]
async fn tags_that_show_nothing_are_taken_away() {
    for dies in [false, true] {
        let scene = Scene::new(&Setting {
            personality: Personality {
                delete_half: true,
                ..Personality::default()
            },
            ..Setting::default()
        });
        let before = scene.snapshot();
        scene.faults.strike("/acme/api:", 17, 1, Fault::CrashAfter);
        assert!(scene.run(1).await.is_none(), "the process died");
        scene.faults.clear();
        if dies {
            // The first deletion that takes a tag along: the one of a new tag that moved.
            scene.faults.strike("DELETE ", 1, 1, Fault::CrashAfter);
            let died = tokio::select! {
                biased;
                () = scene.faults.crashed() => true,
                _ = scene.rollback(2) => false,
            };
            assert!(died);
            scene.faults.clear();
        }
        let begun = tokio::time::Instant::now();
        let outcome = scene.rollback(3).await.unwrap();
        assert!(outcome.error.is_none(), "{dies}: {outcome:#?}");
        assert_eq!(scene.snapshot(), before, "{dies}");
        let took = begun.elapsed();
        assert!(
            took < 3 * PublishPolicy::default().verify_timeout,
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_is_left_out_and_a_newer_format_refused() {
    let scene = died(5).await;
    let (name, text) = scene.journals.files().pop_first().unwrap();
    let text = String::from_utf8(text).unwrap();
    let whole = decode(text.as_bytes()).unwrap();
    let mut lines: Vec<_> = text.lines().map(String::from).collect();
    lines[2] = lines[2].replacen("\"state\"", "\"sTate\"", 1);
    assert_eq!(
        decode(lines.join("\n").as_bytes()).unwrap().len(),
        whole.len() - 1
    );
    assert_eq!(
        decode(lines[1..].join("\n").as_bytes()),
        Err(ReadError::Damaged)
    );
    let newer = text.replace("{\"v\":1,", "{\"v\":9,");
    assert_eq!(decode(newer.as_bytes()), Err(ReadError::Newer("9".into())));
    scene.journals.set(&name, newer.as_bytes());
    let error = publish::resume(&scene.world(2), &scene.scope(), Recovery::TakeOver)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(
        error
            .first_hint()
            .unwrap()
            .contains("use the hoist that wrote it")
    );
}

/// The journal's first record with `value` at `place`, and a sum that fits.
fn forged(text: &[u8], place: &str, value: Value) -> String {
    let line = text.split(|byte| *byte == b'\n').next().unwrap();
    let mut line: Value = serde_json::from_slice(line).unwrap();
    *line["record"]["prepared"].pointer_mut(place).unwrap() = value;
    let record = line["record"].to_string();
    let digest = Digest::of(record.as_bytes());
    let sum = &digest.hex()[..16];
    format!("{{\"v\":1,\"sum\":\"{sum}\",\"record\":{record}}}\n")
}

/// The ids and refs of a journal become arguments of `git`. A record that was written whole says that
/// something may have been done, so it is never taken for one that was not written.
#[tokio::test(start_paused = true)]
async fn a_first_record_with_an_illegal_id_or_ref_is_damage_and_stops_a_release() {
    let setting = Setting {
        commits: true,
        ..Setting::default()
    };
    let scene = Scene::new(&setting);
    scene.faults.strike("/acme/api:", 17, 1, Fault::CrashAfter);
    assert!(scene.run(1).await.is_none(), "the process died");
    scene.faults.clear();
    let (name, text) = scene.journals.files().pop_first().unwrap();
    let digits = "0123456789012345678901234567890123456789";
    let legal = forged(&text, "/commit", digits.into());
    assert_eq!(decode(legal.as_bytes()).unwrap().len(), 1);
    for (place, value) in [
        ("/commit", "--upload-pack=x"),
        ("/commit", "HEAD"),
        ("/commit", &digits[..39]),
        ("/git_tag/id", ""),
        ("/git_tag/id", "z123456789012345678901234567890123456789"),
        ("/git_tag/name", "-d"),
        ("/git_tag/name", "v1 2"),
        ("/lock_refs/0", "--exec=x"),
        ("/lock_refs/0", "refs/heads/../main"),
        ("/branch/before", "main"),
        ("/branch/name", "main"),
        ("/branch/name", "refs/tags/main"),
        ("/branch/name", "refs/heads/-f"),
    ] {
        let forged = forged(&text, place, value.into());
        let read = decode(forged.as_bytes());
        assert_eq!(read, Err(ReadError::Damaged), "{place}: {value}");
        scene.journals.set(&name, forged.as_bytes());
        // The lock has a copy that is whole.
        let known = publish::status(&scene.world(2), &scene.scope())
            .await
            .unwrap();
        assert!(!known[0].here && known[0].locked, "{place}: {known:#?}");
        let outcome = scene.run(2).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Busy, "{place}: {outcome:#?}");
    }
    // Without the lock nothing tells what the journal said.
    let refs = scene.remote.all_refs().into_keys();
    for lock in refs.filter(|name| name.as_str().starts_with("refs/hoist/")) {
        scene.remote.remove(lock.as_str());
    }
    let error = publish::status(&scene.world(2), &scene.scope())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.message().contains(&name), "{error}");
    let outcome = scene.run(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Busy, "{outcome:#?}");
}

/// A journal whose first line is damaged is mended from the lock's copy by whoever takes it up.
#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_mended_from_the_lock() {
    for forward in [true, false] {
        let scene = died(5).await;
        let (before, after) = (Scene::new(&Setting::default()).snapshot(), scene.after());
        let (name, text) = scene.journals.files().pop_first().unwrap();
        scene.journals.set(&name, &text[40..]);
        let outcome = if forward {
            scene.resume(2).await.unwrap()
        } else {
            scene.rollback(2).await.unwrap()
        };
        assert!(outcome.error.is_none(), "{outcome:#?}");
        let wanted = if forward { after.tags } else { before.tags };
        assert_eq!(scene.snapshot().tags, wanted);
        let open = publish::status(&scene.world(3), &scene.scope())
            .await
            .unwrap();
        assert!(open.is_empty(), "{open:#?}");
    }
}

/// A lock's journal comes from a remote that others write to. What it names must be there before
/// anything is said of it.
#[tokio::test(start_paused = true)]
async fn a_record_that_names_a_tag_which_is_not_there_is_damage() {
    let scene = died(5).await;
    let (_, text) = scene.journals.files().pop_first().unwrap();
    let mut records = decode(&text).unwrap();
    let Some(Record::Prepared(prepared)) = records.first() else {
        panic!("a journal begins with what was prepared");
    };
    let tags = prepared.tags.len();
    for (index, readable) in [(tags - 1, true), (tags, false)] {
        for cause in [
            Cause::Refused(index),
            Cause::Foreign(index),
            Cause::Unclear(index),
        ] {
            let Some(Record::Step { txn, .. }) = records.last_mut() else {
                panic!("the last record is a step");
            };
            txn.cause = Some(cause);
            let written: String = records.iter().map(encode).collect();
            let read = decode(written.as_bytes());
            assert_eq!(read.is_ok(), readable, "{cause:?}");
        }
    }
}

/// Written by the first hoist that kept journals.
#[test]
fn a_journal_of_the_first_format_is_read_as_it_was_meant() {
    let records = decode(include_bytes!("journal-v1.jsonl")).unwrap();
    assert_eq!(records.len(), 4);
    let replayed = replay(records).unwrap();
    let round = Round {
        group: 0,
        step: RoundStep::Version,
    };
    assert_eq!(replayed.txn.state, State::Committing(round));
    assert_eq!(
        replayed.txn.progress,
        [TagProgress::Intended, TagProgress::Untouched]
    );
    assert_eq!((&*replayed.owner.host, replayed.owner.pid), ("laptop", 7));
    let prepared = replayed.prepared;
    assert_eq!(prepared.branch, None);
    let old = prepared.tags[1].before.as_ref().unwrap();
    assert_eq!(prepared.document(old).unwrap().bytes, r#"{"old":"latest"}"#);
}

/// The second format brought a release commit. Its image is the main one.
#[test]
fn a_journal_of_the_second_format_is_read_as_it_was_meant() {
    let replayed = replay(decode(include_bytes!("journal-v2.jsonl")).unwrap()).unwrap();
    let prepared = replayed.prepared;
    assert_eq!(prepared.branch.as_ref().unwrap().short(), "main");
    assert_eq!(prepared.images[0].image_name(), None);
    assert_eq!(prepared.image_name(&prepared.tags[0]), ImageName::main());
}

/// The third format names images, where there are more than the main one.
#[test]
fn a_journal_of_the_third_format_names_its_images() {
    let text = include_str!("journal-v3.jsonl");
    let replayed = replay(decode(text.as_bytes()).unwrap()).unwrap();
    let prepared = replayed.prepared;
    let worker = ImageName::named("worker").with_variant("alpine");
    assert_eq!(prepared.image_name(&prepared.tags[1]), worker);
    assert_eq!(prepared.images[1].platforms, ["linux/amd64"]);
    // A name is shown to people, so it is text that can be shown.
    let plain = Record::Prepared(Box::new(prepared.clone()));
    assert!(encode(&plain).starts_with("{\"v\":3,"));
    let mut odd = prepared;
    odd.images[1].variant = Some("a\u{1b}[31m".to_owned());
    let odd = encode(&Record::Prepared(Box::new(odd)));
    assert_eq!(decode(odd.as_bytes()).unwrap_err(), ReadError::Damaged);
}

/// What is written is of the oldest format that can hold it.
#[tokio::test(start_paused = true)]
async fn a_release_of_several_images_is_journaled_by_their_names() {
    for (images, format) in [(1, 1), (3, 3)] {
        let scene = Scene::new(&Setting {
            images,
            ..Setting::default()
        });
        let put = "PUT 127.0.0.1:5002/acme/api:";
        scene.faults.strike(put, 2, 1, Fault::CrashAfter);
        assert!(scene.run(1).await.is_none());
        scene.faults.clear();
        let (_, text) = scene.journals.files().pop_first().unwrap();
        let text = String::from_utf8(text).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["v"], format, "{first}");
        let outcome = scene.resume(2).await.unwrap();
        let named = outcome.images.iter().map(|image| image.image.to_string());
        let named: BTreeSet<_> = named.collect();
        let expected: &[&str] = match images {
            1 => &["main"],
            _ => &["main", "web", "worker"],
        };
        assert_eq!(
            named.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
        assert_eq!(outcome.images.len(), 2 * images);
    }
}

/// A journal travels in a git ref that others read. What it may hold is listed here, so that a new
/// field is a decision: no credential and nothing of the environment.
#[tokio::test(start_paused = true)]
async fn a_journal_holds_nothing_but_what_is_listed() {
    let scene = died(5).await;
    let (_, text) = scene.journals.files().pop_first().unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        keys(&serde_json::from_str(line).unwrap(), &mut found);
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(
        found.join(" "),
        "at before blobs boot bytes children commit committing deadline digest dir documents \
         forward git_tag grace group guarding hold host id image images instant kind lock_refs \
         manifest marks mediaType media_type name nonce object owner pid prepared record \
         repositories repository size started state step sum tag tags txn v verify_timeout version"
    );
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                keys(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn a_lock_is_free_when_its_owner_is_dead_here_or_its_job_is_over() {
    let (me, mut other) = (owner(1), owner(2));
    assert_eq!(abandoned(&other, &me, |_| false), Some(Abandoned::Dead));
    assert_eq!(abandoned(&other, &me, |_| true), None, "it runs");
    assert_eq!(
        abandoned(&me, &me, |_| true),
        Some(Abandoned::Dead),
        "this process"
    );
    let mut reused = me.clone();
    reused.pid_started = Some(1);
    assert_eq!(
        abandoned(&reused, &me, |_| false),
        Some(Abandoned::Dead),
        "another one had its id"
    );
    other.boot = "another boot".into();
    assert_eq!(
        abandoned(&other, &me, |_| false),
        None,
        "a process id says nothing there"
    );
    let job = |attempt| {
        Some(CiJob {
            server: "https://ci".into(),
            repository: "acme/api".into(),
            run: "9".into(),
            job: "release".into(),
            attempt,
        })
    };
    let tried = |owner: Option<CiJob>, me: Option<CiJob>| {
        let owner = Owner {
            ci: owner,
            ..other.clone()
        };
        let me = Owner {
            ci: me,
            ..self::owner(1)
        };
        abandoned(&owner, &me, |_| true)
    };
    assert_eq!(tried(job(1), job(2)), Some(Abandoned::JobOver));
    assert_eq!(tried(job(2), job(2)), None, "the same attempt");
    assert_eq!(tried(job(3), job(2)), None, "a later attempt");
    assert_eq!(tried(job(1), None), None);
    let elsewhere = job(1).map(|job| CiJob {
        run: "8".into(),
        ..job
    });
    assert_eq!(tried(elsewhere, job(2)), None, "another run");
}

#[tokio::test(start_paused = true)]
async fn what_may_still_run_is_taken_on_the_users_word_only() {
    let mut scene = died(5).await;
    scene.elsewhere();
    let mut world = scene.world(2);
    world.owner.host = "laptop".into();
    let half = scene.snapshot();
    let error = publish::resume(&world, &scene.scope(), Recovery::IfAbandoned)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(
        error.causes()[0].starts_with("held by process 1 on ci-1 since 2026-11-23"),
        "{error}"
    );
    assert!(error.first_hint().unwrap().contains("--take-over"));
    assert_eq!(scene.snapshot(), half);
    let outcome = publish::resume(&world, &scene.scope(), Recovery::TakeOver)
        .await
        .unwrap();
    assert_eq!(outcome.unwrap().kind, OutcomeKind::Published);
}

#[tokio::test(start_paused = true)]
async fn status_names_an_unfinished_release_from_another_clone() {
    let mut scene = died(5).await;
    scene.elsewhere();
    let open = publish::status(&scene.world(2), &scene.scope())
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].version.to_string(), "1.3.0");
    assert_eq!(open[0].owner, "process 1 on ci-1");
    assert!(open[0].locked && !open[0].here);
    let ours = open[0].tags.iter().filter(|tag| tag.is_ours()).count();
    assert!(ours > 0 && ours < 12, "{ours} tags have moved");
    let asked = Preflight {
        branch: None,
        mark: None,
        shown: Vec::new(),
        repositories: vec![(repository(0), Vec::new())],
        git_tag: None,
        commit: scene.publication.commit,
        lock_refs: "refs/hoist".parse().unwrap(),
    };
    let error = publish::preflight(&scene.world(2), &asked)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert_eq!(error.message(), "the release 1.3.0 is unfinished");
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_journal_stops_a_new_release() {
    let scene = died(5).await;
    let half = scene.snapshot();
    let outcome = scene.run(2).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Busy, "{outcome:#?}");
    assert_eq!(scene.snapshot(), half);
}

#[tokio::test(start_paused = true)]
async fn of_two_recoveries_at_once_one_works_and_the_other_stands_back() {
    for forward in [true, false] {
        let mut scene = died(5).await;
        scene.elsewhere();
        let before = Scene::new(&Setting::default()).snapshot();
        let (one, two, scope) = (scene.world(2), scene.world(3), scene.scope());
        let second = async {
            if forward {
                publish::resume(&two, &scope, Recovery::TakeOver).await
            } else {
                publish::rollback(&two, &scope, Recovery::TakeOver).await
            }
        };
        let (first, second) =
            tokio::join!(publish::resume(&one, &scope, Recovery::TakeOver), second);
        let finished = |result: &hoist::error::Result<Option<hoist::outcome::Outcome>>| matches!(result, Ok(Some(outcome)) if outcome.error.is_none());
        assert_eq!(
            [&first, &second]
                .into_iter()
                .filter(|r| finished(r))
                .count(),
            1,
            "{first:#?} {second:#?}"
        );
        let now = scene.snapshot();
        assert!(now == scene.after() || now == before, "{now:#?}");
    }
}

/// Process 9 takes over whatever lock there is.
fn steal(scene: &Scene) -> Fault {
    let remote = scene.remote.clone();
    let taken = encode(&Record::TakenOver {
        at: "2026-11-23T12:00:01Z".parse().unwrap(),
        owner: owner(9),
    });
    Fault::First(std::sync::Arc::new(move || {
        for (name, lock) in remote.all_refs() {
            let lock = remote.object(&lock).unwrap();
            let stolen = remote.store(&[&*lock, taken.as_bytes()].concat());
            remote.set(name.as_str(), stolen.as_str());
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_changes_hands_while_it_is_read_is_read_again() {
    let mut scene = died(5).await;
    scene.elsewhere();
    scene.faults.strike("git read", 0, 1, steal(&scene));
    let open = publish::status(&scene.world(2), &scene.scope())
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].owner, "process 9 on ci-1");
}

/// Nothing shows that the release which had the lock is dead: what it was permitted to send is waited for, and told.
#[tokio::test(start_paused = true)]
async fn a_lock_that_is_gone_is_waited_for_until_nothing_can_be_under_way() {
    for forward in [true, false] {
        let scene = Scene::new(&Setting::default());
        // Locked, and no tag has moved.
        scene
            .faults
            .strike("PUT 127.0.0.1:5001/acme/api:", 0, 1, Fault::CrashBefore);
        assert!(scene.run(1).await.is_none());
        scene.faults.clear();
        let before = Scene::new(&Setting::default()).snapshot();
        let refs = scene.remote.all_refs().into_keys();
        for lock in refs.filter(|name| name.as_str().starts_with("refs/hoist/")) {
            scene.remote.remove(lock.as_str());
        }
        let mut world = scene.world(2);
        // The run that began may be alive: it is of another boot.
        world.owner.boot = "c".to_owned();
        let quiet = world.lease_times.quiet();
        let begun = tokio::time::Instant::now();
        scene.events.lock().unwrap().clear();
        let run = async {
            let scope = scene.scope();
            match forward {
                true => publish::resume(&world, &scope, Recovery::TakeOver).await,
                false => publish::rollback(&world, &scope, Recovery::TakeOver).await,
            }
        };
        let outcome = run.await.unwrap().unwrap();
        assert!(
            begun.elapsed() >= quiet,
            "{:?}: {outcome:#?}",
            begun.elapsed()
        );
        assert_eq!(scene.snapshot(), before, "{outcome:#?}");
        let events = scene.events.lock().unwrap();
        let is_told = |event: &Event| match event {
            Event::Waiting(wait) => wait.awaited == Awaited::FormerHolder && wait.until.is_some(),
            _ => false,
        };
        assert!(events.iter().any(is_told), "{events:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_a_release_has_just_ended_learns_that() {
    let mut scene = died(5).await;
    scene.elsewhere();
    let remote = scene.remote.clone();
    let end = move || {
        for name in remote.all_refs().keys() {
            remote.remove(name.as_str());
        }
    };
    let end = Fault::First(std::sync::Arc::new(end));
    scene.faults.strike("git swap", 0, 1, end);
    let error = publish::resume(&scene.world(2), &scene.scope(), Recovery::TakeOver)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(error.message(), "somebody else has just ended this release");
}

#[tokio::test(start_paused = true)]
async fn who_comes_too_late_to_take_a_release_over_learns_who_has_it() {
    let mut scene = died(5).await;
    scene.elsewhere();
    scene.faults.strike("git swap", 0, 1, steal(&scene));
    let half = scene.snapshot();
    let error = publish::resume(&scene.world(2), &scene.scope(), Recovery::TakeOver)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(
        error.causes()[0].starts_with("held by process 9 on ci-1 since "),
        "{error:#?}"
    );
    assert_eq!(scene.snapshot(), half);
}

#[tokio::test(start_paused = true)]
async fn row_40_a_lost_lease_stops_the_commit_and_nothing_is_rolled_back_over_the_new_holder() {
    // While the first round's PUT is under way, the lock goes to somebody else.
    let scene = Scene::new(&Setting::default());
    let put = "PUT 127.0.0.1:5001/acme/api:1.3.0";
    scene.faults.strike(put, 0, 1, steal(&scene));
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::NeedsHuman, "{outcome:#?}");
    let error = outcome.error.unwrap();
    assert_eq!(
        error.message(),
        "this run has lost its lock: another one has taken the release over or ended it, or somebody has deleted the lock"
    );
    assert!(
        error.causes()[0].starts_with("held by process 9 on ci-1 since "),
        "{error:#?}"
    );
    let puts = scene.requests("/acme/api:1.3.0");
    assert!(puts.iter().any(|put| put.starts_with("PUT")));
    assert!(scene.requests("PUT 127.0.0.1:5001/acme/api:sha").is_empty());
    assert!(scene.requests("DELETE").is_empty());
    assert_eq!(
        scene.shows(0, "1.3.0").as_ref(),
        Some(scene.publication.images[0].digest())
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_that_got_in_the_way_does_not_stop_a_recovery() {
    for (fault, times, resumed) in [
        (Fault::Unreachable, 2, true),
        (Fault::Lost, 1, true),
        (Fault::Unreachable, 10, false),
        (Fault::Refused, 1, false),
    ] {
        let mut scene = died(5).await;
        scene.elsewhere();
        let half = scene.snapshot();
        scene.faults.strike("git swap", 0, times, fault);
        let run = publish::resume(&scene.world(2), &scene.scope(), Recovery::TakeOver).await;
        match run {
            Ok(outcome) => {
                assert_eq!(outcome.unwrap().kind, OutcomeKind::Published);
                assert!(resumed);
            }
            Err(error) => {
                assert_eq!(error.message(), "cannot take the lock over");
                assert_eq!(scene.snapshot(), half);
                assert!(!resumed, "{error:#?}");
            }
        }
    }
}

/// Another writer moves `latest` before operation n, for every n.
#[tokio::test(start_paused = true)]
async fn another_writer_at_any_step_is_never_fought() {
    let clean = Scene::new(&Setting::default());
    clean.run(1).await.unwrap();
    let operations = clean.faults.log().len() as u64;
    let (mut stopped, mut undone, mut late) = (0, 0, 0);
    for n in 0..operations {
        let scene = Scene::new(&Setting::default());
        let (before, mut after) = (scene.snapshot(), scene.after());
        let (registry, latest) = (scene.registries[0].clone(), "latest".parse().unwrap());
        let meddle = move || registry.set_tag(&repository(0), &latest, &foreign());
        scene
            .faults
            .strike("", n, 1, Fault::First(std::sync::Arc::new(meddle)));
        let outcome = scene.run(1).await.unwrap();
        let now = scene.snapshot();
        let name = repository(0).tag(&"latest".parse().unwrap());
        match outcome.kind {
            OutcomeKind::Failed => {
                let mut expected = before.clone();
                expected.tags.insert(name, foreign().digest().clone());
                assert_eq!(now, expected, "operation {n}");
                stopped += 1;
            }
            OutcomeKind::NeedsHuman => {
                let mut expected = before.clone();
                expected.tags.insert(name, foreign().digest().clone());
                assert_eq!(now.tags, expected.tags, "operation {n}: {outcome:#?}");
                let error = outcome.error.unwrap();
                let text = error.state_now().unwrap();
                assert!(text.contains("latest"), "operation {n}: {text}");
                undone += 1;
            }
            // Between the last look and our PUT, or after everything was seen.
            OutcomeKind::Published => {
                if now != after {
                    after.tags.insert(name, foreign().digest().clone());
                    assert_eq!(now, after, "operation {n}");
                }
                late += 1;
            }
            other => panic!("operation {n}: {other:?}"),
        }
    }
    assert!(
        stopped > 10 && undone > 5 && late > 5,
        "{stopped} {undone} {late}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_held_commit_waits_for_a_decision() {
    for forward in [true, false] {
        let mut scene = Scene::new(&Setting::default());
        let before = scene.snapshot();
        scene.publication.policy.on_failure = OnFailure::Hold;
        scene.registries[1].become_like(|it| it.refused = vec!["1.3".parse().unwrap()]);
        let outcome = scene.run(1).await.unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Held, "{outcome:#?}");
        let error = outcome.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::NeedsHuman);
        assert!(error.state_now().unwrap().starts_with("held by policy; "));
        assert_eq!(scene.snapshot().locks, 2, "the lock is kept");
        scene.registries[1].become_like(|it| it.refused.clear());
        let outcome = if forward {
            scene.resume(2).await
        } else {
            scene.rollback(2).await
        };
        assert!(outcome.unwrap().error.is_none());
        assert_eq!(
            scene.snapshot(),
            if forward { scene.after() } else { before }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn resume_without_the_content_unlocks_or_names_the_way_back() {
    for (puts, kind) in [(0, OutcomeKind::Failed), (5, OutcomeKind::NeedsHuman)] {
        let mut scene = died(puts).await;
        if puts == 0 {
            // The one PUT that was made has been undone by hand.
            scene = Scene::new(&Setting::default());
            scene.faults.strike(
                "PUT 127.0.0.1:5001/acme/api:1.3.0",
                0,
                1,
                Fault::CrashBefore,
            );
            assert!(scene.run(1).await.is_none());
            scene.faults.clear();
        }
        scene.elsewhere();
        for (index, registry) in scene.registries.iter().enumerate() {
            registry.sweep(&repository(index));
        }
        std::fs::remove_dir_all(scene.dir.path().join("blobs")).unwrap();
        let outcome = scene.resume(2).await.unwrap();
        assert_eq!(outcome.kind, kind, "{outcome:#?}");
        let error = outcome.error.unwrap();
        if puts == 0 {
            assert_eq!(
                (error.kind(), scene.snapshot().locks),
                (ErrorKind::Failed, 0)
            );
        } else {
            assert!(error.first_hint().unwrap().contains("hoist rollback"));
        }
    }
}

/// What was proven before the lock is proven again: a registry can sweep what no tag names.
#[tokio::test(start_paused = true)]
async fn a_release_whose_signature_was_deleted_is_not_finished() {
    let setting = Setting {
        referrers: true,
        ..Setting::default()
    };
    for (tag, kind) in [
        ("1.3.0", OutcomeKind::Failed),
        ("latest", OutcomeKind::NeedsHuman),
    ] {
        for (here, what) in [(true, "signature"), (false, "attachment")] {
            let mut scene = Scene::new(&setting);
            let put = format!("PUT {}:{tag}", repository(0));
            scene.faults.strike(&put, 0, 1, Fault::CrashBefore);
            assert!(scene.run(1).await.is_none());
            scene.faults.clear();
            let (_, journal) = scene.journals.files().pop_first().unwrap();
            if !here {
                scene.elsewhere();
            }
            let prepared = replay(decode(&journal).unwrap()).unwrap().prepared;
            let lost = match what {
                "signature" => &prepared.signatures[0],
                _ => &prepared.attachments[0],
            };
            let place = repository(lost.repository);
            scene.registries[lost.repository].lose(&place, &lost.digest);
            let outcome = scene.resume(2).await.unwrap();
            assert_eq!(outcome.kind, kind, "{tag} {outcome:#?}");
            let told = format!("{:?}", outcome.error.unwrap());
            assert!(
                told.contains(what) && told.contains(&lost.digest.to_string()),
                "{told}"
            );
            assert!(
                scene
                    .rollback(3)
                    .await
                    .is_none_or(|outcome| outcome.kind != OutcomeKind::Published)
            );
        }
    }
}

/// A gate or a signer can take away what was attached before it ran.
#[tokio::test(start_paused = true)]
async fn an_attachment_that_is_gone_before_the_lock_stops_the_release() {
    let scene = Scene::new(&Setting {
        referrers: true,
        ..Setting::default()
    });
    let attached = scene.publication.referrers[0].entry.digest.clone();
    let registry = scene.registries[0].clone();
    let (place, lost) = (repository(0), attached.clone());
    let take = move || registry.lose(&place, &lost);
    let look = format!("HEAD {}@{}", repository(0), attached.short());
    scene
        .faults
        .strike(&look, 0, 1, Fault::First(Arc::new(take)));
    let before = scene.snapshot();
    let outcome = scene.run(1).await.unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Failed, "{outcome:#?}");
    let told = format!("{:?}", outcome.error.unwrap());
    assert!(told.contains("has lost attachment"), "{told}");
    assert_eq!(scene.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn finished_journals_are_kept_for_a_while() {
    let scene = Scene::new(&Setting::default());
    scene.run(1).await.unwrap();
    assert_eq!(scene.journals.list().unwrap().len(), 1);
    assert!(
        publish::status(&scene.world(2), &scene.scope())
            .await
            .unwrap()
            .is_empty()
    );
}
