//! Events as a person sees them: step lines with a verb column, live lines on a terminal, one line a
//! step elsewhere, JSON lines when asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anstyle::Style;

use super::{
    live::{LiveStep, LiveTransfer},
    policy_file::PolicyFile,
    render::{BACK, BUSY, Terminal, VERB},
    step_text::{result, subject, subject_of, verb_of, verb_of_done},
    wait_text,
};
use crate::event::{Awaited, Event, Events, Finished, LongWait, Started, Step};

/// Where a verb shows long work. One screen serves all images of a run.
pub(super) struct Screen {
    terminal: Terminal,
    throttle: Arc<Throttle>,
}

impl Screen {
    /// What was asked for, on this process's terminal.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            throttle: Arc::default(),
        }
    }

    /// A listener to the events of one image.
    pub(super) fn events(&self, file: PolicyFile<'_>) -> Events {
        if self.terminal.json {
            let (terminal, config) = (self.terminal.clone(), file.config().map(str::to_owned));
            let throttle = self.throttle.clone();
            return Events::new(move |event| {
                if throttle.admits(&event)
                    && let Some(line) = json_line(&event, config.as_deref())
                {
                    terminal.json(&line);
                }
            });
        }
        if self.terminal.quiet {
            return Events::none();
        }
        let printer = Arc::new(self.printer(file));
        Events::new(move |event| printer.print(event))
    }

    /// A listener for a verb whose standard output is one document: the progress is on standard error.
    pub(super) fn beside_document(&self, file: PolicyFile<'_>) -> Events {
        if self.terminal.quiet {
            return Events::none();
        }
        let printer = Arc::new(self.printer(file));
        Events::new(move |event| printer.print(event))
    }

    /// A listener for a verb that only looks. It writes to standard error, in JSON mode too.
    pub(super) fn remarks(&self, file: PolicyFile<'_>) -> Events {
        if self.terminal.quiet {
            return Events::none();
        }
        let printer = Arc::new(self.printer(file));
        Events::new(move |event| {
            if concerns_looking(&event) {
                printer.print(event);
            }
        })
    }

    fn printer(&self, file: PolicyFile<'_>) -> Printer {
        Printer {
            about: file
                .short()
                .map_or(String::new(), |short| format!("{short}: ")),
            terminal: self.terminal.clone(),
            running: Mutex::default(),
            told: Mutex::default(),
            said: Mutex::default(),
        }
    }
}

/// Whether it concerns a verb that only looks, too: what its answer is worth, and why it takes long.
fn concerns_looking(event: &Event) -> bool {
    matches!(
        event,
        Event::Waiting(_) | Event::Detail { .. } | Event::Warning { .. }
    )
}

/// One event as a JSON line: `{"v":1,"type":…}`; with several images, `{"v":1,"config":…,"type":…}`.
/// A step that starts or finishes also has its text, `what`.
fn json_line(event: &Event, config: Option<&str>) -> Option<serde_json::Value> {
    let serde_json::Value::Object(mut fields) = serde_json::to_value(event).ok()? else {
        return None;
    };
    let what = match event {
        Event::Started(started) => Some(subject(started)),
        Event::Finished(finished) => Some(result(finished)),
        Event::Waiting(wait) => Some(wait_text::text(wait)),
        _ => None,
    };
    let mut line = serde_json::Map::from_iter([("v".to_owned(), 1.into())]);
    line.extend(config.map(|config| ("config".to_owned(), config.into())));
    for key in ["type", "step"] {
        line.extend(
            fields
                .shift_remove(key)
                .map(|field| (key.to_owned(), field)),
        );
    }
    line.extend(what.map(|what| ("what".to_owned(), what.into())));
    line.extend(fields);
    Some(line.into())
}

/// How many steps of a release have a number.
const STEPS: u8 = 8;

/// The place of a step among those of a release. Hooks and the way back have none.
fn number(step: Step) -> Option<u8> {
    match step {
        Step::Plan => Some(1),
        Step::Preflight => Some(2),
        Step::Build => Some(3),
        Step::Stage => Some(4),
        Step::Lock => Some(5),
        Step::Commit => Some(6),
        Step::Verify => Some(7),
        Step::Finish => Some(8),
        Step::Hooks | Step::Sign | Step::Draft | Step::Observe | Step::RollBack | Step::Forge => {
            None
        }
    }
}

/// Lets a progress line through once a second.
#[derive(Default)]
struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    fn admits(&self, event: &Event) -> bool {
        if !matches!(event, Event::Progress { .. }) {
            return true;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1));
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

/// The steps and transfers that are under way.
#[derive(Default)]
struct UnderWay {
    steps: Vec<(Step, String, LiveStep)>,
    transfers: HashMap<String, (Step, LiveTransfer)>,
}

impl UnderWay {
    /// Ends one step, and what was transferred for it.
    fn end(&mut self, step: Step, subject: Option<&str>) {
        self.steps
            .retain(|(one, of, _)| *one != step || subject.is_some_and(|subject| of != subject));
        if self.steps.iter().all(|(one, ..)| *one != step) {
            self.transfers.retain(|_, (of, _)| *of != step);
        }
    }
}

/// A wait that is told of again within this time is another one for the same.
const SAME_WAIT: Duration = Duration::from_secs(10);

struct Printer {
    /// Begins every text where there are several images.
    about: String,
    terminal: Terminal,
    running: Mutex<UnderWay>,
    /// Waits that were told of lately.
    told: Mutex<Vec<(Awaited, Instant)>>,
    /// The texts of all waits so far.
    said: Mutex<Vec<String>>,
}

impl Printer {
    fn print(&self, event: Event) {
        match event {
            Event::Started(started) => self.started(&started),
            Event::Finished(finished) => self.finished(&finished),
            Event::Ended { step } => self.lock().end(step, None),
            Event::Progress {
                id,
                label,
                done,
                total,
            } => self.progress(id, &label, done, total),
            Event::Output { line } => self.output(&line),
            Event::Tagged {
                repository,
                tag,
                digest,
            } => {
                let text = format!("{repository}:{tag} {}", digest.short());
                match self.is_verbose() {
                    true => self.line(VERB, "Tagged", &text),
                    false => self.hear(Step::Commit, &format!("{tag} moved")),
                }
            }
            Event::Restored {
                repository,
                tag,
                digest,
            } => {
                let now = digest
                    .as_ref()
                    .map_or("gone again", |digest| digest.short());
                self.line(BACK, "Put back", &format!("{repository}:{tag} {now}"));
            }
            Event::Waiting(wait) => self.waiting(&wait),
            Event::Detail { text } => {
                if self.is_verbose() {
                    self.line(BUSY, "detail", &text);
                }
            }
            Event::Note { text } => self.line(BUSY, "note", &text),
            Event::Warning { text } => self.warning(&text),
        }
    }

    /// Tells of a wait. In a log each line is a sign of life; on a terminal the first one stays in sight, and the
    /// live line goes on.
    fn waiting(&self, wait: &LongWait) {
        if !self.is_news(&wait.awaited) {
            return;
        }
        let text = wait_text::text(wait);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if self.terminal.live.is_shown() && said.contains(&text) {
            let until = wait.until.map_or(String::new(), |until| {
                format!(" until {}", until.format("%H:%M:%S UTC"))
            });
            for (.., live) in &self.lock().steps {
                live.hear(&format!("waiting{until}"));
            }
            return;
        }
        self.line(BACK, "waiting", &text);
        said.push(text);
    }

    /// Whether the same wait was not told of just now, by work that goes on side by side.
    fn is_news(&self, awaited: &Awaited) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(_, at)| at.elapsed() < SAME_WAIT);
        let is_news = told.iter().all(|(one, _)| one != awaited);
        if is_news {
            told.push((awaited.clone(), Instant::now()));
        }
        is_news
    }

    fn is_verbose(&self) -> bool {
        self.terminal.verbose > 0
    }

    fn warning(&self, text: &str) {
        self.line(BACK, "warning", text);
        if let Some(line) = self.terminal.ci.warning(text) {
            self.terminal.progress_line(&line);
        }
    }

    fn started(&self, started: &Started) {
        let (step, what) = (started.step(), subject(started));
        if step == Step::RollBack {
            self.line(BACK, "Rolling back", &what);
        } else if !self.terminal.live.is_shown() && matches!(step, Step::Build | Step::Stage) {
            self.line(BUSY, verb_of(started), &what);
        }
        let number = number(step).map_or(String::new(), |number| format!("{number}/{STEPS} "));
        let text = format!("{number}{}{what}", self.about);
        let live = self.terminal.live.step(verb_of(started), text);
        self.lock().steps.push((step, what, live));
    }

    fn finished(&self, finished: &Finished) {
        let step = finished.step();
        self.lock().end(step, subject_of(finished).as_deref());
        // Nobody waits for a look: only its failure is news. The end is told with all that was done,
        // but where several images end one after the other.
        let is_told = match step {
            Step::Observe => self.is_verbose(),
            // A question has shown it.
            Step::Plan => !self.terminal.has_agreed() || self.is_verbose(),
            Step::Finish | Step::RollBack => self.is_verbose() || !self.about.is_empty(),
            _ => true,
        };
        if is_told {
            self.line(VERB, verb_of_done(finished), &result(finished));
        }
    }

    fn progress(&self, id: String, label: &str, done: u64, total: Option<u64>) {
        let mut running = self.lock();
        let is_over = total.is_some_and(|total| done >= total);
        // What has no content, such as a name that the builder gives, is not a transfer.
        if is_over || done == 0 {
            running.transfers.remove(&id);
            return;
        }
        if let Some((_, transfer)) = running.transfers.get(&id) {
            return transfer.set(done);
        }
        let Some(step) = running.steps.last().map(|(step, ..)| *step) else {
            return;
        };
        if let Some(transfer) = self.terminal.live.transfer(label, total) {
            transfer.set(done);
            running.transfers.insert(id, (step, transfer));
        }
    }

    fn output(&self, line: &str) {
        // Where nobody looks on, it is the only record of what happened.
        if self.is_verbose() || !self.terminal.live.is_shown() {
            let text = format!("             {}{line}", self.about);
            self.terminal.progress_line(&text);
        } else if let Some(line) = live_output(line) {
            for step in [Step::Build, Step::Hooks] {
                self.hear(step, line);
            }
        }
    }

    /// The last thing that was heard of a step that is under way.
    fn hear(&self, step: Step, line: &str) {
        for (_, _, live) in self.lock().steps.iter().filter(|(one, ..)| *one == step) {
            live.hear(line);
        }
    }

    fn line(&self, style: Style, verb: &str, what: &str) {
        let what = format!("{}{what}", self.about);
        self.terminal.step(style, verb, &what);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UnderWay> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a builder's line says of the work that goes on: nothing where it tells what is over.
fn live_output(line: &str) -> Option<&str> {
    let numbered = line.strip_prefix('#').and_then(|rest| {
        let (number, text) = rest.split_once(' ')?;
        number
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(text)
    });
    let text = numbered.unwrap_or(line).trim();
    let is_over = [
        "DONE",
        "CACHED",
        "Successfully ",
        "--->",
        "Removing intermediate",
    ]
    .iter()
    .any(|words| text.starts_with(words));
    (!is_over && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LongWait;

    #[test]
    fn an_event_is_one_json_line_with_its_version_first() {
        let remote = "origin".to_owned();
        let event = Event::Finished(Finished::Lock { remote });
        let line = json_line(&event, None).expect("an event is an object");
        assert_eq!(
            line.to_string(),
            r#"{"v":1,"type":"finished","step":"lock","what":"origin","remote":"origin"}"#
        );
        let line = json_line(&event, Some("api/release.toml")).expect("an event is an object");
        assert_eq!(
            line.to_string(),
            r#"{"v":1,"config":"api/release.toml","type":"finished","step":"lock","what":"origin","remote":"origin"}"#
        );
    }

    #[test]
    fn the_line_of_a_wait_is_the_one_in_the_documents() {
        let time = |text: &str| text.parse().expect("a valid time");
        let event = Event::Waiting(LongWait {
            awaited: Awaited::TagsShow { tags: 2 },
            why: None,
            since: time("2026-11-23T12:03:21Z"),
            until: Some(time("2026-11-23T12:04:21Z")),
        });
        let line = json_line(&event, None).expect("an event is an object");
        let page = include_str!("../../docs/ci.md");
        assert!(page.contains(&format!("\n{line}\n")), "{line}");
    }

    #[test]
    fn progress_is_told_once_a_second() {
        let throttle = Throttle::default();
        let progress = |done| Event::Progress {
            id: "a".to_owned(),
            label: "a".to_owned(),
            done,
            total: None,
        };
        let told = (0..500).filter(|done| throttle.admits(&progress(*done)));
        assert!(told.count() <= 2);
        let note = Event::Note {
            text: "a".to_owned(),
        };
        assert!(throttle.admits(&note) && throttle.admits(&note));
    }

    #[test]
    fn a_builders_line_is_heard_while_its_work_goes_on() {
        for (line, heard) in [
            ("#7 [build 4/4] RUN make", Some("[build 4/4] RUN make")),
            ("#7   compiling a", Some("compiling a")),
            ("Step 3/7 : RUN make", Some("Step 3/7 : RUN make")),
            ("#7 DONE 8.0 s", None),
            ("#7 CACHED", None),
            ("Successfully tagged acme/api:1", None),
            (" ---> 1a2b3c4d5e6f", None),
            ("#not a number", Some("#not a number")),
        ] {
            assert_eq!(live_output(line), heard, "{line}");
        }
    }

    #[test]
    fn a_step_that_ends_leaves_the_others() {
        let live = crate::cli::live::Live::default();
        let mut running = UnderWay::default();
        for repository in ["a", "b"] {
            let step = live.step("Staging", repository.to_owned());
            running
                .steps
                .push((Step::Stage, repository.to_owned(), step));
        }
        running.end(Step::Stage, Some("a"));
        assert!(running.steps.len() == 1 && live.is_busy());
        running.end(Step::Stage, None);
        assert!(running.steps.is_empty() && !live.is_busy());
    }
}
