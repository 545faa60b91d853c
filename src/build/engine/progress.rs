//! Turns what a builder reports into events. Does no IO of its own.

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};
use regex::Regex;

use crate::{
    build::failed_step::FailedStep,
    event::{Event, Events},
    io::{last_lines::LastLines, mask::Mask, push_door::DOOR_REPOSITORY},
    text::{output_line, sanitize_line},
};

/// The repository of the names that built images get in the engine. Nobody can push one by mistake,
/// because the top-level domain `.invalid` never exists.
pub(crate) const BUILD_REPOSITORY: &str = "hoist.invalid/build";

/// Longest line of a step's output that is passed on, in characters.
const MAX_LINE: usize = 2_000;
/// Shorter secrets are not hidden, because they occur in any text.
const MIN_SECRET: usize = 4;

/// Follows one build.
pub(crate) struct Progress {
    events: Events,
    secrets: Mask,
    /// Steps by digest.
    steps: HashMap<String, BuildStep>,
    /// The digest of the step that failed.
    failed: Option<String>,
    /// The step that the classic builder or Podman is at, which is the one that fails.
    current: Option<FailedStep>,
    /// The id of the built image. The classic builder names one for each stage; the last one counts.
    image: Option<String>,
    /// Ids of the images that the classic builder made between steps.
    made: BTreeSet<String>,
}

#[derive(Default)]
struct BuildStep {
    number: usize,
    name: String,
    announced: bool,
    completed: bool,
    /// By stream, the beginning of a line whose end has not arrived yet.
    rest: HashMap<i64, String>,
    last: LastLines,
}

impl Progress {
    /// Emits `events` in which no text of `secrets` occurs.
    pub(crate) fn new<'a>(events: Events, secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let texts: Vec<_> = secrets.map(String::from_utf8_lossy).collect();
        let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
        let hidden = Mask::of_whole(lines.filter(|line| line.len() >= MIN_SECRET));
        Self {
            events,
            secrets: hidden,
            steps: HashMap::new(),
            failed: None,
            current: None,
            image: None,
            made: BTreeSet::new(),
        }
    }

    /// The built image's id.
    pub(crate) fn image(&self) -> Option<&str> {
        self.image.as_deref()
    }

    /// Every image id, whole or its beginning, that the builder mentioned.
    pub(crate) fn made(&self) -> &BTreeSet<String> {
        &self.made
    }

    /// The step that failed, where the builder has named one.
    pub(crate) fn failed_step(&mut self) -> Option<FailedStep> {
        let failed = self.failed.take();
        let step = failed.and_then(|digest| self.steps.remove(&digest));
        step.map(|step| FailedStep {
            name: self.harmless(&step.name),
            last: step.last,
        })
        .or_else(|| self.current.take())
    }

    /// Hides secrets and control characters.
    pub(crate) fn harmless(&self, text: &str) -> String {
        sanitize_line(&self.hidden(text), MAX_LINE)
    }

    /// A line of a step's output, with secrets hidden.
    fn shown(&self, line: &str) -> String {
        output_line(&self.hidden(line), MAX_LINE)
    }

    fn hidden(&self, text: &str) -> String {
        self.secrets.hide(text)
    }

    /// The builder has made an image.
    pub(crate) fn image_made(&mut self, id: Option<String>) {
        self.made.extend(id.clone());
        self.image = id;
    }

    /// A piece of the output of a builder without step ids.
    pub(crate) fn stream(&mut self, text: &str) {
        self.made.extend(image_of_step(text));
        self.remember(text);
        self.output(None, text);
    }

    /// Progress of a base image's layer that the engine pulls: of `total` bytes, where it is known, so many
    /// are there.
    pub(crate) fn pulled(
        &self,
        id: Option<String>,
        status: &str,
        current: Option<u64>,
        total: Option<u64>,
    ) {
        match (id, current) {
            (Some(id), Some(done)) => self.events.emit(Event::Progress {
                label: self.harmless(&format!("{status} {id}")),
                id: sanitize_line(&id, 100),
                done,
                total,
            }),
            (Some(id), None) => self.output(None, &format!("{id}: {status}")),
            (None, _) => self.output(None, status),
        }
    }

    /// What BuildKit says of its steps.
    pub(crate) fn buildkit(&mut self, status: StatusResponse) {
        for vertex in &status.vertexes {
            self.vertex(vertex);
        }
        for transfer in status.statuses {
            let number = self.step(&transfer.vertex).number;
            let is_over = transfer.completed.is_some();
            let (Ok(done), Ok(total)) = (
                u64::try_from(transfer.current),
                u64::try_from(transfer.total),
            ) else {
                continue;
            };
            let name = if transfer.name.is_empty() {
                &transfer.id
            } else {
                &transfer.name
            };
            if is_our_name(name) {
                continue;
            }
            let total = match (is_over, total) {
                (true, _) => Some(done),
                (false, 0) => None,
                (false, total) => Some(total),
            };
            self.events.emit(Event::Progress {
                id: format!("{}/{}", transfer.vertex, transfer.id),
                label: self.harmless(&format!("#{number} {name}")),
                done,
                total,
            });
        }
        for log in status.logs {
            let text = String::from_utf8_lossy(&log.msg).into_owned();
            self.log(&log.vertex, log.stream, &text);
        }
        for warning in status.warnings {
            let text = String::from_utf8_lossy(&warning.short).into_owned();
            self.events
                .warning(self.harmless(&format!("Dockerfile: {text}")));
        }
    }

    fn step(&mut self, digest: &str) -> &mut BuildStep {
        let next = self.steps.len() + 1;
        self.steps.entry(digest.to_owned()).or_insert(BuildStep {
            number: next,
            ..BuildStep::default()
        })
    }

    fn vertex(&mut self, vertex: &Vertex) {
        let step = self.step(&vertex.digest);
        if step.name.is_empty() {
            step.name.clone_from(&vertex.name);
        }
        let number = step.number;
        let announce = vertex.started.is_some() && !std::mem::replace(&mut step.announced, true);
        let complete = vertex.completed.is_some() && !std::mem::replace(&mut step.completed, true);
        let rest = if complete {
            std::mem::take(&mut step.rest)
        } else {
            HashMap::new()
        };
        if announce {
            self.output(Some(number), &vertex.name);
        }
        for line in rest.into_values().filter(|line| !line.is_empty()) {
            self.line(&vertex.digest, number, &line);
        }
        if !vertex.error.is_empty() {
            self.failed = Some(vertex.digest.clone());
            self.output(Some(number), &format!("ERROR {}", vertex.error));
        } else if complete {
            let took = match (&vertex.started, &vertex.completed) {
                _ if vertex.cached => "CACHED".to_owned(),
                (Some(start), Some(end)) => {
                    let tenths = (end.seconds - start.seconds) * 10
                        + i64::from((end.nanos - start.nanos) / 100_000_000);
                    format!("DONE {}.{} s", tenths / 10, tenths % 10)
                }
                _ => "DONE".to_owned(),
            };
            self.output(Some(number), &took);
        }
    }

    fn log(&mut self, digest: &str, stream: i64, text: &str) {
        let step = self.step(digest);
        let number = step.number;
        let rest = step.rest.entry(stream).or_default();
        let whole = std::mem::take(rest) + text;
        let (lines, begun) = whole
            .rsplit_once('\n')
            .map_or(("", &*whole), |(l, r)| (l, r));
        *rest = begun.chars().take(MAX_LINE).collect();
        if whole.contains('\n') {
            for line in lines.split('\n') {
                self.line(digest, number, line);
            }
        }
    }

    /// A whole line of a step's output.
    fn line(&mut self, digest: &str, number: usize, line: &str) {
        let shown = self.shown(line);
        self.step(digest).last.push(&shown);
        if !shown.is_empty() {
            self.events.emit(Event::Output {
                line: format!("#{number} {shown}"),
            });
        }
    }

    /// Keeps the output of the step that a builder without step ids is at.
    fn remember(&mut self, text: &str) {
        static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:Step \d+/\d+ : |(?:\[\d+/\d+\] )?STEP \d+/\d+: )")
                .expect("it is fixed")
        });
        for line in text.trim_end_matches('\n').split('\n') {
            let shown = self.shown(line);
            if BEGINS.is_match(&shown) {
                self.current = Some(FailedStep {
                    name: shown,
                    last: LastLines::default(),
                });
            } else if let Some(current) = &mut self.current {
                current.last.push(&shown);
            }
        }
    }

    fn output(&self, number: Option<usize>, text: &str) {
        for line in text.lines() {
            let line = self.shown(line);
            if line.is_empty() || is_our_name(&line) {
                continue;
            }
            let line = match number {
                Some(number) => format!("#{number} {line}"),
                None => line,
            };
            self.events.emit(Event::Output { line });
        }
    }
}

/// The classic builder ends each step with ` ---> 1a2b3c4d5e6f`, Podman with `--> 1a2b3c4d5e6f`.
fn image_of_step(text: &str) -> Option<String> {
    let text = text.trim();
    let id = text.strip_prefix("---> ").or(text.strip_prefix("--> "))?;
    let hex = id.len() >= 12 && id.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| format!("sha256:{id}"))
}

/// Whether a line is about a name under which the engine hands the image over, which says nothing to anybody.
fn is_our_name(line: &str) -> bool {
    line.contains(BUILD_REPOSITORY) || line.contains(DOOR_REPOSITORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_between_the_steps_are_known_by_what_the_builders_print() {
        for (line, id) in [
            (" ---> 1a2b3c4d5e6f\n", Some("sha256:1a2b3c4d5e6f")),
            ("--> 1a2b3c4d5e6f\n", Some("sha256:1a2b3c4d5e6f")),
            (" ---> Using cache\n", None),
            // It was there before.
            ("--> Using cache 1a2b3c4d5e6f\n", None),
            (" ---> Running in 1a2b3c4d5e6f\n", None),
        ] {
            assert_eq!(image_of_step(line).as_deref(), id, "{line}");
        }
    }
}
