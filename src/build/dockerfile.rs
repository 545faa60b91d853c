//! What a Dockerfile says of itself: its stages and instructions. Pure. Only what every frontend agrees on is read.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    error::{Error, Result},
    text::sanitize_line,
};

/// How many stages a refusal names.
const NAMED: usize = 8;

/// Refuses a target that is not a stage of the Dockerfile. `name` is the Dockerfile's name.
///
/// A Dockerfile for a frontend other than Docker's own is left to that frontend, and so is one in
/// which no stage is found.
///
/// # Errors
/// Refused (exit 4), with the stages that there are.
pub(crate) fn check_target(text: &str, name: &str, target: Option<&str>) -> Result<()> {
    let Some(target) = target else {
        return Ok(());
    };
    if foreign_frontend(text) {
        return Ok(());
    }
    let stages = stages(text);
    let by_number = target
        .parse()
        .is_ok_and(|number: usize| number < stages.len());
    let named = || stages.iter().flatten();
    if stages.is_empty() || by_number || named().any(|stage| stage.eq_ignore_ascii_case(target)) {
        return Ok(());
    }
    let target = sanitize_line(target, 100);
    let error = Error::refused(format!(
        "`target = \"{target}\"` is not a stage of `{}`",
        sanitize_line(name, 200)
    ))
    .state("nothing was built or published");
    let distance = |stage: &&String| strsim::damerau_levenshtein(&stage.to_lowercase(), &target);
    Err(
        match named()
            .min_by_key(distance)
            .filter(|stage| distance(stage) <= 2)
        {
            Some(near) => error.hint(format!("did you mean `{}`?", sanitize_line(near, 100))),
            None => error.hint(hint(named())),
        },
    )
}

fn hint<'a>(named: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = named
        .take(NAMED)
        .map(|name| format!("`{}`", sanitize_line(name, 100)))
        .collect();
    if names.is_empty() {
        "its stages have no names: `FROM … AS NAME` gives one a name".to_owned()
    } else {
        format!("its stages are {}", names.join(", "))
    }
}

/// One instruction of a Dockerfile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// On one line: continued lines are joined, comments are left out.
    pub(crate) text: String,
    /// Its first and last line, from 1. A here-document belongs to its instruction.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The index of its stage; `None` before the first `FROM`.
    pub(crate) stage: Option<usize>,
    /// The name of its stage.
    pub(crate) stage_name: Option<String>,
    /// Its number in the file, from 1.
    pub(crate) number: usize,
    /// Its number in its stage, from 1: `FROM` is the first.
    pub(crate) stage_number: usize,
    /// Its number in its stage among those that bring or change files, as BuildKit counts.
    pub(crate) file_number: Option<usize>,
}

impl Instruction {
    /// `RUN`, as it is written.
    pub(crate) fn keyword(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or_default()
    }

    fn is(&self, keyword: &str) -> bool {
        self.keyword().eq_ignore_ascii_case(keyword)
    }

    /// What follows the keyword, without options.
    fn arguments(&self) -> impl Iterator<Item = &str> {
        let words = self.text.split_whitespace().skip(1);
        words.filter(|word| !word.starts_with("--"))
    }

    /// The name that a `FROM` gives to its stage.
    fn names_stage(&self) -> Option<String> {
        let mut words = self.arguments().skip(1);
        let keyword = words.next()?;
        let name = words.next()?;
        keyword.eq_ignore_ascii_case("as").then(|| name.to_owned())
    }
}

/// The names of the stages in order; a stage without one is `None`.
fn stages(text: &str) -> Vec<Option<String>> {
    let instructions = instructions(text);
    let from = instructions.iter().filter(|it| it.is("FROM"));
    from.map(Instruction::names_stage).collect()
}

/// The instructions in order.
pub(crate) fn instructions(text: &str) -> Vec<Instruction> {
    let mut all: Vec<Instruction> = Vec::new();
    let mut names: Vec<Option<String>> = Vec::new();
    let (mut stage_number, mut file_number) = (0, 0);
    for (text, first, last) in logical_lines(text) {
        let mut it = Instruction {
            text,
            first,
            last,
            stage: None,
            stage_name: None,
            number: all.len() + 1,
            stage_number: 0,
            file_number: None,
        };
        let brings_files = if it.is("FROM") {
            let base = it.arguments().next().unwrap_or_default();
            let is_stage = names
                .iter()
                .flatten()
                .any(|name| name.eq_ignore_ascii_case(base));
            let brings_files = !is_stage && base != "scratch";
            names.push(it.names_stage());
            (stage_number, file_number) = (0, 0);
            brings_files
        } else {
            ["RUN", "COPY", "ADD", "WORKDIR"]
                .iter()
                .any(|name| it.is(name))
        };
        stage_number += 1;
        if brings_files {
            file_number += 1;
            it.file_number = Some(file_number);
        }
        it.stage = names.len().checked_sub(1);
        it.stage_name = names.last().cloned().flatten();
        it.stage_number = stage_number;
        all.push(it);
    }
    all
}

/// Each instruction on one line, with its first and last line.
fn logical_lines(text: &str) -> Vec<(String, usize, usize)> {
    let escape = directive(text, "escape").filter(|value| value == "`");
    let escape = if escape.is_some() { '`' } else { '\\' };
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let mut all = Vec::new();
    let (mut current, mut first) = (String::new(), None);
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let begun = *first.get_or_insert(index);
        if let Some(part) = line.strip_suffix(escape) {
            current.push_str(part);
            current.push(' ');
            continue;
        }
        current.push_str(line);
        index = after_here_documents(&current, &lines, index);
        all.push((std::mem::take(&mut current), begun, index));
        first = None;
    }
    if let Some(begun) = first {
        all.push((current, begun, lines.len()));
    }
    all
}

/// The index of the line after the here-documents that `instruction` begins; the first of their lines has
/// the index `next`. Something that only looks like a here-document has no line that ends it.
fn after_here_documents(instruction: &str, lines: &[&str], next: usize) -> usize {
    static BEGIN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:^|[^<])<<(-?)(?:"([A-Za-z_]\w*)"|'([A-Za-z_]\w*)'|([A-Za-z_]\w*))"#)
            .expect("it is fixed")
    });
    let keyword = instruction.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"]
        .iter()
        .any(|name| keyword.eq_ignore_ascii_case(name))
    {
        return next;
    }
    let mut after = next;
    for found in BEGIN.captures_iter(instruction) {
        let tabs = !found[1].is_empty();
        let word = (2..=4).find_map(|group| found.get(group));
        let ends = |line: &&str| {
            let line = if tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            word.is_some_and(|word| line.trim_end_matches('\r') == word.as_str())
        };
        match lines[after..].iter().position(ends) {
            Some(length) => after += length + 1,
            None => return next,
        }
    }
    after
}

/// `# syntax=` names a frontend that is not Docker's: its language may be another one.
fn foreign_frontend(text: &str) -> bool {
    directive(text, "syntax").is_some_and(|image| {
        let image = image.split(['@']).next().unwrap_or_default();
        let name = image.rsplit('/').next().unwrap_or_default();
        let name = name.split(':').next().unwrap_or_default();
        !matches!(name, "dockerfile" | "dockerfile-upstream")
    })
}

/// The value of `# name=value` among the comments at the very top.
fn directive(text: &str, name: &str) -> Option<String> {
    let text = text.trim_start_matches('\u{feff}');
    text.lines()
        .map_while(|line| line.trim().strip_prefix('#'))
        .filter_map(|comment| comment.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::build::dockerfile::*;

    #[test]
    fn stages_are_found_however_they_are_written() {
        let text = "# escape=`\nARG X\nFROM --platform=$BUILDPLATFORM rust:1 AS build\nRUN true `\n  # a comment\n\n  && from x as fake\nfrom debian `\n  as `\n  Runtime\n\tFROM scratch\n";
        assert_eq!(
            stages(text),
            [Some("build".into()), Some("Runtime".into()), None]
        );
        assert_eq!(stages("\u{feff}FROM a AS b"), [Some("b".into())]);
        assert_eq!(stages("FROM a \\\r\n AS b\r\n"), [Some("b".into())]);
    }

    #[test]
    fn a_target_that_is_not_a_stage_is_refused_with_what_there_is() {
        let text = "FROM a AS build\nFROM b AS runtime\nFROM c\n";
        let refusal =
            |text: &str, target: &str| match check_target(text, "Dockerfile", Some(target)) {
                Ok(()) => String::new(),
                Err(error) => format!("{} | {}", error.message(), error.hints().join(" ")),
            };
        for good in ["build", "RUNTIME", "0", "2"] {
            assert_eq!(refusal(text, good), "", "{good}");
        }
        assert!(refusal(text, "runtme").ends_with("did you mean `runtime`?"));
        assert!(refusal(text, "zzz").ends_with("its stages are `build`, `runtime`"));
        assert!(refusal(text, "3").contains("is not a stage of `Dockerfile`"));
        assert!(refusal("FROM a\n", "x").contains("have no names"));
        assert_eq!(refusal("", "x"), "");
        for frontend in [
            "docker/dockerfile:1",
            "corp.example:5000/mirror/dockerfile@sha256:0",
        ] {
            let text = format!("# syntax = {frontend}\n{text}");
            assert!(
                refusal(&text, "zzz").contains("is not a stage"),
                "{frontend}"
            );
        }
        assert_eq!(refusal(&format!("#syntax=acme/mocker\n{text}"), "zzz"), "");
        assert!(check_target(text, "Dockerfile", None).is_ok());
    }

    proptest! {
        /// Whatever the text, a stage that it has is found.
        #[test]
        fn a_stage_is_found_in_any_text(before in "(.*\n){0,4}", name in "[a-z][a-z0-9_.-]{0,8}") {
            // A line that continues would take the stage in.
            prop_assume!(!before.trim_end().ends_with(['\\', '`']));
            let text = format!("{before}\nFROM x AS {name}\n");
            prop_assert!(check_target(&text, "Dockerfile", Some(&name)).is_ok());
        }
    }
}
