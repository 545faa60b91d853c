//! What a Dockerfile says of itself: its stages. Pure. Only what every frontend agrees on is read.

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
        "`image.build.target = \"{target}\"` is not a stage of `{}`",
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

/// The names of the stages in order; a stage without one is `None`. What looks like a stage inside a
/// here-document is one too many, which does no harm.
fn stages(text: &str) -> Vec<Option<String>> {
    let from = |words: &Vec<&str>| {
        words
            .first()
            .is_some_and(|w| w.eq_ignore_ascii_case("FROM"))
    };
    let logical = instructions(text);
    let lines = logical.iter().map(|line| line.split_whitespace().collect());
    lines
        .filter(from)
        .map(|words| {
            let words: Vec<_> = words[1..].iter().filter(|w| !w.starts_with("--")).collect();
            match &*words {
                [_, keyword, name, ..] if keyword.eq_ignore_ascii_case("as") => {
                    Some((**name).to_owned())
                }
                _ => None,
            }
        })
        .collect()
}

/// The instructions, each on one line: continued lines are joined, comments are left out.
fn instructions(text: &str) -> Vec<String> {
    let escape = directive(text, "escape").filter(|value| value == "`");
    let escape = if escape.is_some() { '`' } else { '\\' };
    let mut all = Vec::new();
    let mut current = String::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim();
        if line.starts_with('#') || (line.is_empty() && !current.is_empty()) {
            continue;
        }
        match line.strip_suffix(escape) {
            Some(part) => {
                current.push_str(part);
                current.push(' ');
            }
            None => {
                current.push_str(line);
                all.push(std::mem::take(&mut current));
            }
        }
    }
    all.push(current);
    all
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
