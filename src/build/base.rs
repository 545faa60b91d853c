//! Which image a Dockerfile builds on. Pure.

use std::collections::BTreeMap;

use super::dockerfile::{Instruction, instructions};

/// How many stages may follow on each other.
const MAX_STAGES: usize = 200;

/// The base image of the stage that is built, as the Dockerfile names it: `debian:12@sha256:…`. `None` where it is
/// `scratch`, a directory, or cannot be told.
///
/// `args` are the build arguments, `contexts` the named build contexts, which stand in for images.
pub(crate) fn base_image(
    text: &str,
    target: Option<&str>,
    args: &BTreeMap<String, String>,
    contexts: &BTreeMap<String, String>,
) -> Option<String> {
    let all = instructions(text);
    let values = global_arguments(&all, args);
    let stages: Vec<BuildStage> = all
        .iter()
        .filter(|it| it.keyword().eq_ignore_ascii_case("FROM"))
        .map(|it| BuildStage::read(it, &values))
        .collect();
    let named = |name: &str, before: usize| {
        let is = |stage: &BuildStage| {
            let own = stage.name.as_deref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        stages[..before].iter().rposition(is)
    };
    let mut at = match target {
        None => stages.len().checked_sub(1)?,
        Some(target) => named(target, stages.len())
            .or_else(|| target.parse().ok().filter(|number| *number < stages.len()))?,
    };
    for _ in 0..MAX_STAGES {
        let base = stages[at].base.as_str();
        if let Some(context) = contexts.get(base) {
            return context.strip_prefix("docker-image://").map(str::to_owned);
        }
        match named(base, at) {
            Some(earlier) => at = earlier,
            None => {
                let is_image = !base.is_empty() && !base.eq_ignore_ascii_case("scratch");
                return is_image.then(|| base.to_owned());
            }
        }
    }
    None
}

struct BuildStage {
    base: String,
    name: Option<String>,
}

impl BuildStage {
    fn read(from: &Instruction, values: &BTreeMap<String, String>) -> Self {
        let words = from.text.split_whitespace().skip(1);
        let mut words = words.filter(|word| !word.starts_with("--"));
        let base = words.next().unwrap_or_default();
        let named = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("as"));
        Self {
            base: expand(base.trim_matches(['"', '\'']), values),
            name: words.next().filter(|_| named).map(str::to_owned),
        }
    }
}

/// The arguments before the first `FROM`, with what the build gives them.
fn global_arguments(
    all: &[Instruction],
    args: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let global = all.iter().filter(|it| it.stage.is_none());
    for it in global.filter(|it| it.keyword().eq_ignore_ascii_case("ARG")) {
        for word in it.text.split_whitespace().skip(1) {
            let (name, default) = word.split_once('=').unwrap_or((word, ""));
            let default = expand(default.trim_matches(['"', '\'']), &values);
            let value = args.get(name).cloned().unwrap_or(default);
            values.insert(name.to_owned(), value);
        }
    }
    values
}

/// `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`.
fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let inner = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let (expression, next) = inner.unwrap_or_else(|| {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            after.split_at(end)
        });
        let end = expression.find(|c| !is_name(c)).unwrap_or(expression.len());
        let (name, operation) = expression.split_at(end);
        let value = values.get(name).map(String::as_str).unwrap_or_default();
        let default = operation
            .strip_prefix(":-")
            .or_else(|| operation.strip_prefix('-'));
        let other = operation
            .strip_prefix(":+")
            .or_else(|| operation.strip_prefix('+'));
        out.push_str(match (value.is_empty(), default, other) {
            (true, Some(default), _) => default,
            (false, _, Some(other)) => other,
            _ => value,
        });
        rest = next;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use crate::build::base::*;

    #[test]
    fn the_base_of_the_stage_that_is_built_is_found() {
        let pinned = "docker.io/library/debian@sha256:0000";
        for (text, target, base) in [
            ("FROM debian:12", None, "debian:12"),
            (
                "from --platform=linux/amd64 debian:12 as Build",
                None,
                "debian:12",
            ),
            (
                "FROM a AS build\nFROM scratch\nCOPY --from=build /a /",
                None,
                "",
            ),
            ("FROM a AS build\nFROM scratch", Some("build"), "a"),
            ("FROM a AS build\nFROM scratch", Some("BUILD"), "a"),
            ("FROM a AS build\nFROM b", Some("0"), "a"),
            ("FROM a AS one\nFROM one AS two\nFROM two", None, "a"),
            ("FROM a AS a\nFROM a", None, "a"),
            ("FROM a AS x\nFROM x AS x\n", Some("x"), "a"),
            ("FROM a AS build\nFROM b", Some("none"), ""),
            ("ARG TAG=12\nFROM debian:$TAG", None, "debian:12"),
            (
                "ARG TAG=12\nFROM debian:${TAG}-slim",
                None,
                "debian:12-slim",
            ),
            ("ARG BASE\nFROM ${BASE:-alpine:3}", None, "alpine:3"),
            ("ARG BASE=\"alpine:3\"\nFROM $BASE", None, "alpine:3"),
            ("ARG A=1\nARG B=x:$A\nFROM $B", None, "x:1"),
            ("ARG GIVEN=x\nFROM $GIVEN", None, "given:1"),
            ("ARG NOTHING\nFROM $NOTHING", None, ""),
            ("FROM shared", None, pinned),
            ("FROM local", None, ""),
            ("# only a comment", None, ""),
            ("", None, ""),
            ("FROM", None, ""),
        ] {
            let args = BTreeMap::from([("GIVEN".into(), "given:1".into())]);
            let contexts = BTreeMap::from([
                ("shared".into(), format!("docker-image://{pinned}")),
                ("local".into(), "../base".into()),
            ]);
            let found = base_image(text, target, &args, &contexts);
            assert_eq!(found.unwrap_or_default(), base, "{text} {target:?}");
        }
    }
}
