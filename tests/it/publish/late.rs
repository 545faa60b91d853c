//! A request whose answer is lost is carried out at each later instant at which anything happens: while
//! its run goes on, while another one takes it over, and in the next release.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use hoist::{
    outcome::OutcomeKind,
    publish,
    testing::{Fault, Faults},
};
use tokio::time::Instant;

use super::{
    scene::{Scene, Setting},
    stops::{Way, check_list, elsewhere, next_release, recover, refuse, settings},
};

/// Requests that write a tag of the first repository.
const WRITES: &str = "PUT 127.0.0.1:5001/acme/api:";

/// What becomes of the run whose request is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// It goes on.
    GoesOn,
    /// It dies at its next operation, and another machine takes over.
    Dies(Way),
}

/// When each operation happened but those that a fault struck.
#[derive(Clone, Default)]
struct Timeline(Arc<Mutex<Vec<Instant>>>);

impl Timeline {
    fn of(&self, faults: &Faults) {
        let times = self.0.clone();
        let record = move || times.lock().unwrap().push(Instant::now());
        faults.strike("", 0, u64::MAX, Fault::First(Arc::new(record)));
    }
}

/// One write whose answer is lost.
struct LateWrite<'a> {
    setting: &'a Setting,
    refused: bool,
    /// Which of the writes it is.
    write: u64,
    /// Its place among all operations.
    place: u64,
    sender: Sender,
}

impl LateWrite<'_> {
    /// Plays everything that happens in one world: the first run, who takes it over, the next release.
    /// False: there was no such write, or nobody who could die.
    async fn play(&self, what: &str, delay: Duration, timeline: &Timeline) -> bool {
        let scene = Scene::new(self.setting);
        refuse(&scene, self.refused);
        scene
            .faults
            .strike(WRITES, self.write, 1, Fault::Late(delay));
        let outcome = match self.sender {
            Sender::GoesOn => {
                timeline.of(&scene.faults);
                scene.run(1).await
            }
            Sender::Dies(way) => {
                let next = self.place + 1;
                scene.faults.strike("", next, 1, Fault::CrashBefore);
                timeline.of(&scene.faults);
                if scene.run(1).await.is_some() {
                    return false;
                }
                scene.faults.clear();
                timeline.of(&scene.faults);
                scene.registries[0].become_like(|registry| registry.refused.clear());
                recover(&elsewhere(&scene, 2), &scene, way).await
            }
        };
        if let Some(outcome) = &outcome {
            check_list(what, outcome, &scene.snapshot().tags);
        }
        scene.registries[0].become_like(|registry| registry.refused.clear());
        let next = publish::publish(&elsewhere(&scene, 3), &next_release(&scene)).await;
        let between = scene.snapshot();
        check_list(what, &next, &between.tags);
        tokio::time::sleep(Duration::from_secs(300)).await;
        // Who could not tell how it ended has left its lock, and the next release has not begun.
        if outcome.is_none_or(|outcome| outcome.kind != OutcomeKind::NeedsHuman) {
            assert_eq!(next.kind, OutcomeKind::Published, "{what}: {next:#?}");
            assert_eq!(scene.snapshot(), between, "{what}: it has landed");
        }
        true
    }

    /// How much later than the write anything happens, as long as a registry may take.
    async fn delays(&self) -> BTreeSet<Duration> {
        let timeline = Timeline::default();
        let never = Duration::from_secs(24 * 3600);
        if !self.play("the timeline", never, &timeline).await {
            return BTreeSet::new();
        }
        let times = timeline.0.lock().unwrap().clone();
        let place = usize::try_from(self.place).unwrap();
        // The write itself is not recorded; what comes before it happens at the same instant.
        let sent = times[place - 1];
        let later = times[place..].iter().map(|time| *time - sent);
        let moment = Duration::from_millis(1);
        later
            .flat_map(|delay| [delay.saturating_sub(moment), delay, delay + moment])
            .filter(|delay| *delay > Duration::ZERO && *delay < Duration::from_secs(60))
            .collect()
    }
}

/// The place of each write among all operations of the first run.
async fn places(setting: &Setting, refused: bool) -> Vec<u64> {
    let scene = Scene::new(setting);
    refuse(&scene, refused);
    scene.run(1).await.unwrap();
    let log = scene.faults.log();
    let writes = log
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains(WRITES));
    writes.map(|(place, _)| place as u64).collect()
}

#[tokio::test(start_paused = true)]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
async fn a_request_may_land_at_any_later_instant() {
    let (mut worlds, mut writes) = (0, 0);
    for (name, setting) in settings() {
        for refused in [false, true] {
            let places = places(&setting, refused).await;
            for (write, place) in places.into_iter().enumerate() {
                let senders = [
                    Sender::GoesOn,
                    Sender::Dies(Way::Forward),
                    Sender::Dies(Way::Back),
                ];
                for sender in senders {
                    let late = LateWrite {
                        setting: &setting,
                        refused,
                        write: write as u64,
                        place,
                        sender,
                    };
                    for delay in late.delays().await {
                        let what = format!(
                            "{name}, refused {refused}, write {write}, {sender:?}, {delay:?} later"
                        );
                        late.play(&what, delay, &Timeline::default()).await;
                        worlds += 1;
                    }
                }
                writes += 1;
            }
        }
    }
    eprintln!("{writes} writes, {worlds} worlds");
    assert!(writes > 20 && worlds > 500, "{writes} {worlds}");
}
