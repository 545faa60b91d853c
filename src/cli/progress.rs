//! Events as a person sees them: step lines with a verb column, bars on a terminal, one line a
//! step elsewhere, JSON lines when asked for.

use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    ci::Ci,
    policy_file::PolicyFile,
    render::Terminal,
    step_text::{result, subject, verb_of, verb_of_done},
};
use crate::{
    event::{Event, Events, Finished, Started, Step},
    text::sanitize,
};

const VERB: Style = AnsiColor::Green.on_default().bold();
const BUSY: Style = AnsiColor::Cyan.on_default().bold();
const BACK: Style = AnsiColor::Yellow.on_default().bold();

/// Where a verb shows long work. One screen serves all images of a run.
pub(super) struct Screen {
    terminal: Terminal,
    /// On a terminal only.
    bars: Option<MultiProgress>,
}

impl Screen {
    /// What was asked for, on this process's terminal.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
        }
    }

    /// A listener to the events of one image.
    pub(super) fn events(&self, file: PolicyFile<'_>) -> Events {
        if self.terminal.json {
            let (terminal, config) = (self.terminal.clone(), file.config().map(str::to_owned));
            return Events::new(move |event| {
                if let Some(line) = json_line(&event, config.as_deref()) {
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
            bars: self.bars.clone(),
            running: Mutex::default(),
            verbose: self.terminal.verbose > 0,
            ci: self.terminal.ci.clone(),
        }
    }
}

/// Whether it concerns a verb that only looks, too: what its answer is worth, and why it takes long.
fn concerns_looking(event: &Event) -> bool {
    matches!(
        event,
        Event::Waiting { .. } | Event::Detail { .. } | Event::Warning { .. }
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

struct Printer {
    /// Begins every text where there are several images.
    about: String,
    /// On a terminal only.
    bars: Option<MultiProgress>,
    running: Mutex<HashMap<String, ProgressBar>>,
    verbose: bool,
    ci: Ci,
}

impl Printer {
    fn print(&self, event: Event) {
        match event {
            Event::Started(started) => self.started(&started),
            Event::Finished(finished) => self.finished(&finished),
            Event::Ended { .. } => self.clear(),
            Event::Progress {
                id,
                label,
                done,
                total,
            } => self.progress(id, label, done, total),
            Event::Output { line } => self.output(&line),
            Event::Tagged {
                repository,
                tag,
                digest,
            } => {
                if self.verbose {
                    self.line(
                        VERB,
                        "Tagged",
                        &format!("{repository}:{tag} {}", digest.short()),
                    );
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
            Event::Waiting { text } => self.line(BUSY, "waiting", &text),
            Event::Detail { text } => {
                if self.verbose {
                    self.line(BUSY, "detail", &text);
                }
            }
            Event::Note { text } => self.line(BUSY, "note", &text),
            Event::Warning { text } => self.warning(&text),
        }
    }

    fn warning(&self, text: &str) {
        self.line(BACK, "warning", text);
        if let Some(line) = self.ci.warning(text) {
            self.raw(&line);
        }
    }

    fn started(&self, started: &Started) {
        let (step, what) = (started.step(), subject(started));
        if step == Step::RollBack {
            self.clear();
            return self.line(BACK, "Rolling back", &what);
        }
        let Some(bars) = &self.bars else {
            if matches!(step, Step::Build | Step::Stage) {
                self.line(BUSY, verb_of(started), &what);
            }
            return;
        };
        let style = ProgressStyle::with_template("{prefix:>12.cyan.bold} {msg} {spinner}")
            .expect("the template is fixed");
        let bar = bars.add(
            ProgressBar::new_spinner()
                .with_style(style)
                .with_prefix(verb_of(started)),
        );
        bar.set_message(format!("{}{what}", self.about));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.lock().insert(format!("step {step:?}"), bar);
    }

    fn finished(&self, finished: &Finished) {
        self.clear();
        // Nobody waits for a look: only its failure is news.
        if finished.step() != Step::Observe || self.verbose {
            self.line(VERB, verb_of_done(finished), &result(finished));
        }
    }

    fn progress(&self, id: String, label: String, done: u64, total: Option<u64>) {
        let Some(bars) = &self.bars else { return };
        let mut running = self.lock();
        let bar = running.entry(id).or_insert_with(|| {
            let template = if total.is_some() {
                "{prefix:>12} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}"
            } else {
                "{prefix:>12} {decimal_bytes} {spinner}"
            };
            let style = ProgressStyle::with_template(template)
                .expect("the template is fixed")
                .progress_chars("=> ");
            bars.add(ProgressBar::new(total.unwrap_or(0)).with_style(style).with_prefix(label))
        });
        bar.set_position(done);
        if total.is_some_and(|total| done >= total) {
            bar.finish_and_clear();
        }
    }

    fn output(&self, line: &str) {
        // Where nobody looks on, it is the only record of what happened.
        if self.verbose || self.bars.is_none() {
            self.raw(&format!("             {}{line}", self.about));
        } else if let Some(bar) = self.lock().get("step Build") {
            let line: String = line.chars().take(80).collect();
            bar.set_message(format!("{}{line}", self.about));
        }
    }

    /// Ends all bars: what they showed is done or gone.
    fn clear(&self) {
        for (_, bar) in self.lock().drain() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, style: Style, verb: &str, what: &str) {
        let what = sanitize(what.to_owned());
        self.raw(&format!("{style}{verb:>12}{style:#} {}{what}", self.about));
    }

    fn raw(&self, line: &str) {
        // A closed stderr must not end a release.
        let write = || drop(writeln!(anstream::stderr(), "{line}"));
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
