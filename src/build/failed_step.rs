//! Which step of a Dockerfile failed, shown with its lines and the end of its output. Pure.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    build::dockerfile::{Instruction, instructions},
    error::Error,
    io::last_lines::LastLines,
};

/// How many lines of the Dockerfile are shown before and after the step.
const AROUND: usize = 2;
/// How many lines of a long instruction are shown.
const OF_INSTRUCTION: usize = 12;

/// The step that failed, as the engine names it, and the end of its output.
#[derive(Debug)]
pub(crate) struct FailedStep {
    pub(crate) name: String,
    pub(crate) last: LastLines,
}

/// Adds to `error` what a person needs to understand it: where the step is in `dockerfile`, which is the
/// text of the file `path`, and what it printed last.
pub(crate) fn show(error: Error, failed: FailedStep, path: &str, dockerfile: &str) -> Error {
    let instructions = instructions(dockerfile);
    let found = StepName::read(&failed.name).and_then(|step| step.find(&instructions));
    let error = match found {
        Some(instruction) => error.excerpt(
            title(path, instruction),
            excerpt(dockerfile, instruction.first, instruction.last),
        ),
        // The engine numbers its own steps, and those of another frontend's language, as it likes.
        None => error.excerpt("the failing step", vec![failed.name]),
    };
    error.excerpt(
        failed.last.title("of the step's output"),
        failed.last.into_lines(),
    )
}

fn title(path: &str, instruction: &Instruction) -> String {
    let lines = match (instruction.first, instruction.last) {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first} to {last}"),
    };
    match &instruction.stage_name {
        Some(stage) => format!("`{path}`, {lines}, in stage `{stage}`"),
        None => format!("`{path}`, {lines}"),
    }
}

/// Lines `first` to `last`, marked, and those around them, each with its number.
fn excerpt(text: &str, first: usize, last: usize) -> Vec<String> {
    let from = first.saturating_sub(AROUND).max(1);
    let shown_last = last.min(first + OF_INSTRUCTION - 1);
    let width = (last + AROUND).to_string().len();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if number == shown_last + 1 && shown_last < last {
            lines.push(format!(
                "  {:width$} | ({} more lines)",
                "…",
                last - shown_last
            ));
        }
        let inside = (first..=shown_last).contains(&number);
        let around =
            (from..first).contains(&number) || (last + 1..=last + AROUND).contains(&number);
        if inside || around {
            let mark = if inside { '>' } else { ' ' };
            lines.push(
                format!("{mark} {number:width$} | {line}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines
}

/// A step as the builders name it.
#[derive(Debug, PartialEq, Eq)]
struct StepName<'a> {
    stage: StageName<'a>,
    /// Its number, from 1.
    number: usize,
    instruction: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
enum StageName<'a> {
    /// BuildKit: a stage by its name. Its steps are the instructions that change files.
    Named(&'a str),
    /// BuildKit: the only stage that is built.
    Only,
    /// Podman: a stage by its index. Its steps are its instructions.
    Index(usize),
    /// The classic builder: steps are counted through the file.
    WholeFile,
}

impl<'a> StepName<'a> {
    fn read(name: &'a str) -> Option<Self> {
        static CLASSIC: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^Step (\d+)/\d+ : (.*)$").expect("it is fixed"));
        static PODMAN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:\[(\d+)/\d+\] )?STEP (\d+)/\d+: (.*)$").expect("it is fixed")
        });
        static BUILDKIT: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^\[(?:([^\]]*) )?(\d+)/\d+\] (.*)$").expect("it is fixed")
        });
        let name = name.trim();
        let text = |found: &regex::Captures<'a>, group| found.get(group).map(|part| part.as_str());
        let number = |found: &regex::Captures<'a>, group| text(found, group)?.parse().ok();
        if let Some(found) = CLASSIC.captures(name) {
            return Some(Self {
                stage: StageName::WholeFile,
                number: number(&found, 1)?,
                instruction: text(&found, 2)?,
            });
        }
        if let Some(found) = PODMAN.captures(name) {
            let stage: usize = number(&found, 1).unwrap_or(1);
            return Some(Self {
                stage: StageName::Index(stage.checked_sub(1)?),
                number: number(&found, 2)?,
                instruction: text(&found, 3)?,
            });
        }
        let found = BUILDKIT.captures(name)?;
        // A platform can stand before the stage: `linux/arm64 build`.
        let stage = text(&found, 1)
            .and_then(|label| label.rsplit(' ').next())
            .filter(|label| !label.contains('/'));
        Some(Self {
            stage: stage.map_or(StageName::Only, StageName::Named),
            number: number(&found, 2)?,
            instruction: text(&found, 3)?,
        })
    }

    /// The instruction that it is. Its text decides; where it occurs twice, or the builder has put values
    /// into it, its number does.
    fn find<'i>(&self, all: &'i [Instruction]) -> Option<&'i Instruction> {
        let here = || {
            all.iter()
                .filter(|instruction| self.is_in_stage(instruction))
        };
        let same = here().filter(|it| words(&it.text).eq(words(self.instruction)));
        let same: Vec<_> = same.collect();
        let counted = |it: &&&Instruction| self.number_of(it) == Some(self.number);
        match &*same {
            [one] => Some(one),
            [] => {
                let keyword = words(self.instruction).next()?;
                here()
                    .filter(|it| self.number_of(it) == Some(self.number))
                    .find(|it| it.keyword().eq_ignore_ascii_case(keyword))
            }
            several => several.iter().find(counted).copied(),
        }
    }

    fn is_in_stage(&self, instruction: &Instruction) -> bool {
        match self.stage {
            StageName::Named(name) => {
                let own = instruction.stage_name.as_deref();
                let index = name.strip_prefix("stage-").and_then(|n| n.parse().ok());
                own.is_some_and(|own| own.eq_ignore_ascii_case(name))
                    || (own.is_none() && index.is_some() && instruction.stage == index)
            }
            StageName::Only => true,
            StageName::Index(index) => instruction.stage == Some(index),
            StageName::WholeFile => true,
        }
    }

    fn number_of(&self, instruction: &Instruction) -> Option<usize> {
        match self.stage {
            StageName::Named(_) | StageName::Only => instruction.file_number,
            StageName::Index(_) => Some(instruction.stage_number),
            StageName::WholeFile => Some(instruction.number),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM ${BASE} AS build
WORKDIR /src
ENV A=1
COPY . .
RUN cargo build \\
    # a comment
    --release
RUN true

FROM scratch
RUN true
COPY --from=build /src/app /app
RUN <<EOF
FROM nothing
exit 3
EOF
ENTRYPOINT [\"/app\"]
";

    fn lines_of(name: &str) -> Option<(usize, usize)> {
        let all = instructions(TEXT);
        let found = StepName::read(name)?.find(&all)?;
        Some((found.first, found.last))
    }

    #[test]
    fn the_step_of_each_builder_is_found() {
        for (name, lines) in [
            ("[build 4/5] RUN cargo build     --release", Some((7, 9))),
            (
                "[linux/arm64 build 4/5] RUN cargo build --release",
                Some((7, 9)),
            ),
            ("[build 5/5] RUN true", Some((10, 10))),
            ("[stage-1 1/3] RUN true", Some((13, 13))),
            ("[stage-1 3/3] RUN <<EOF (FROM nothing...)", Some((15, 18))),
            ("[build 1/5] FROM docker.io/library/alpine", Some((3, 3))),
            // The number is another one where a base image has triggers.
            ("[build 7/9] COPY . .", Some((6, 6))),
            ("[linux/amd64 4/5] RUN cargo build --release", Some((7, 9))),
            ("Step 6/14 : RUN cargo build     --release", Some((7, 9))),
            ("Step 7/14 : RUN true", Some((10, 10))),
            ("Step 9/14 : RUN true", Some((13, 13))),
            (
                "[1/2] STEP 4/5: RUN cargo build     --release",
                Some((7, 9)),
            ),
            ("[2/2] STEP 2/5: RUN true", Some((13, 13))),
            ("[internal] load build context", None),
            ("[build 4/5] COPY . /elsewhere", None),
            ("exporting to image", None),
            ("[other 1/5] RUN true", None),
            ("Step 99999999999999999999999/1 : RUN true", None),
        ] {
            assert_eq!(lines_of(name), lines, "{name}");
        }
    }

    #[test]
    fn the_step_is_shown_with_its_lines_and_its_output() {
        let mut last = LastLines::default();
        last.push("   Compiling app");
        last.push("error: no");
        let failed = FailedStep {
            name: "[build 4/5] RUN cargo build --release".into(),
            last,
        };
        let error = show(
            Error::failed("the build failed"),
            failed,
            "Dockerfile",
            TEXT,
        );
        let [lines, output] = error.excerpts() else {
            panic!("{error:?}");
        };
        assert_eq!(lines.title, "`Dockerfile`, lines 7 to 9, in stage `build`");
        assert_eq!(
            lines.lines,
            [
                "   5 | ENV A=1",
                "   6 | COPY . .",
                ">  7 | RUN cargo build \\",
                ">  8 |     # a comment",
                ">  9 |     --release",
                "  10 | RUN true",
                "  11 |",
            ]
        );
        assert_eq!(output.title, "all 2 lines of the step's output");
        assert_eq!(output.lines, ["   Compiling app", "error: no"]);
    }

    #[test]
    fn a_long_instruction_is_cut_and_one_that_is_not_found_is_named() {
        let text = format!("FROM a\nRUN {}true\n", "x && \\\n ".repeat(20));
        let show = |name: &str| {
            let failed = FailedStep {
                name: name.into(),
                last: LastLines::default(),
            };
            show(Error::failed("no"), failed, "d/Dockerfile", &text).excerpts()[0].clone()
        };
        let cut = show("[2/2] RUN something else");
        assert_eq!(cut.title, "`d/Dockerfile`, lines 2 to 22");
        assert_eq!(cut.lines.len(), 1 + OF_INSTRUCTION + 1);
        assert!(
            cut.lines
                .last()
                .expect("a line")
                .ends_with("(9 more lines)")
        );
        let named = show("[internal] load metadata");
        assert_eq!(named.title, "the failing step");
        assert_eq!(named.lines, ["[internal] load metadata"]);
    }
}
