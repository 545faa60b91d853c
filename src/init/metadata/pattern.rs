//! Rules that read a version: `semver`, `pep440` and `match`.

use regex::Regex;
use semver::Version;

use crate::init::{
    handlebars::render,
    metadata::{globals::global, line::MetadataRule},
    scenario::Scenario,
    term::is_partial,
};

/// The text of a tag and whether `latest` comes with it; nothing where the rule does not apply.
type RuleBody = Result<Option<(String, bool)>, String>;

/// The text that a rule reads: its own value, else the git tag. A value that only GitHub knows can
/// hardly be anything but the version that is released.
fn subject(rule: &MetadataRule, scenario: &Scenario<'_>) -> Result<Option<String>, String> {
    let value = rule.get("value").unwrap_or_default();
    let git_ref = scenario.git_ref();
    let text = match git_ref.strip_prefix("refs/tags/") {
        _ if is_partial(value) => scenario.tag(),
        _ if !value.is_empty() => render(value, &|name, arg| global(name, arg, scenario))?,
        Some(tag) => tag.to_owned(),
        None => return Ok(None),
    };
    Ok(Some(text))
}

/// The subject of a version rule, after its `match`.
fn version_text(rule: &MetadataRule, scenario: &Scenario<'_>) -> Result<Option<String>, String> {
    let Some(mut text) = subject(rule, scenario)? else {
        return Ok(None);
    };
    let pattern = rule.get("match").unwrap_or_default();
    if !pattern.is_empty() {
        let regex = javascript(pattern)?;
        if let Some(groups) = regex.captures(&text) {
            text = groups.get(1).map_or("", |group| group.as_str()).to_owned();
        }
    }
    Ok(Some(text.replace('/', "-")))
}

pub(super) fn semver(rule: &MetadataRule, scenario: &Scenario<'_>) -> RuleBody {
    let Some(text) = version_text(rule, scenario)? else {
        return Ok(None);
    };
    let Some(pattern) = rule.get("pattern") else {
        return Err("it has no pattern".into());
    };
    let Ok(version) = Version::parse({
        let text = text.trim();
        text.strip_prefix('v').unwrap_or(text)
    }) else {
        return Ok(None);
    };
    let stable = version.pre.is_empty();
    let pattern = if stable || is_raw(pattern) {
        pattern
    } else {
        "{{version}}"
    };
    let mut plain = version.clone();
    plain.build = semver::BuildMetadata::EMPTY;
    let value = |name: &str, _: Option<&str>| {
        Ok(match name {
            "raw" => text.clone(),
            "version" => plain.to_string(),
            "major" => version.major.to_string(),
            "minor" => version.minor.to_string(),
            "patch" => version.patch.to_string(),
            "prerelease" => version.pre.replace('.', ","),
            "build" => version.build.replace('.', ","),
            "loose" => "true".into(),
            _ => String::new(),
        })
    };
    Ok(Some((render(pattern, &value)?, stable)))
}

pub(super) fn pep440(rule: &MetadataRule, scenario: &Scenario<'_>) -> RuleBody {
    let Some(text) = version_text(rule, scenario)? else {
        return Ok(None);
    };
    let Some(pattern) = rule.get("pattern") else {
        return Err("it has no pattern".into());
    };
    let Some(clean) = python_version(&text) else {
        return Ok(None);
    };
    let stable = clean.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !stable {
        let text = if is_raw(pattern) { text } else { clean };
        return Ok(Some((text, false)));
    }
    let part = |at: usize| clean.split('.').nth(at).unwrap_or("0").to_owned();
    let value = |name: &str, _: Option<&str>| {
        Ok(match name {
            "raw" => text.clone(),
            "version" => clean.clone(),
            "major" => part(0),
            "minor" => part(1),
            "patch" => part(2),
            _ => String::new(),
        })
    };
    Ok(Some((render(pattern, &value)?, true)))
}

pub(super) fn matched(rule: &MetadataRule, scenario: &Scenario<'_>) -> RuleBody {
    let Some(text) = subject(rule, scenario)? else {
        return Ok(None);
    };
    let pattern = rule.get("pattern").unwrap_or_default();
    // `/expression/flags`, or the expression itself.
    let framed = pattern
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit_once('/'));
    let regex = match framed {
        Some((inner, flags)) if flags.contains('i') => javascript(&format!("(?i){inner}"))?,
        Some((inner, _)) => javascript(inner)?,
        None => javascript(pattern)?,
    };
    let group = rule.get("group").unwrap_or("0").parse::<usize>();
    let group = group.map_err(|_| "its group is not a number".to_owned())?;
    let found = regex.captures(&text).and_then(|groups| groups.get(group));
    Ok(found.map(|found| (found.as_str().to_owned(), true)))
}

/// A pattern of JavaScript, where it means the same here.
fn javascript(pattern: &str) -> Result<Regex, String> {
    // `\d` and `\w` mean ASCII there.
    let ascii = pattern
        .replace(r"\d", "[0-9]")
        .replace(r"\w", "[A-Za-z0-9_]");
    Regex::new(&ascii).map_err(|_| format!("the pattern `{pattern}` has no counterpart"))
}

/// `{{raw}}` alone, which is left as it is for pre-releases too.
fn is_raw(pattern: &str) -> bool {
    let inner = pattern
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim_matches(['{', '}', ' ']) == "raw")
}

/// A version in the normal form of PEP 440.
fn python_version(text: &str) -> Option<String> {
    const SHAPE: &str = r"(?i)^\s*v?((?:[0-9]+)(?:\.[0-9]+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]*))?(?:(?:-([0-9]+))|(?:[-_.]?(?:post|rev|r)[-_.]?([0-9]*)))?(?:[-_.]?dev[-_.]?([0-9]*))?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?\s*$";
    let shape = Regex::new(SHAPE).expect("the pattern is valid");
    let groups = shape.captures(text)?;
    let number = |at: usize| {
        let group = groups.get(at)?.as_str();
        let trimmed = group.trim_start_matches('0');
        Some(if trimmed.is_empty() {
            "0".to_owned()
        } else {
            trimmed.to_owned()
        })
    };
    let release: Vec<String> = groups[1]
        .split('.')
        .map(|part| {
            part.parse::<u64>()
                .map_or_else(|_| part.to_owned(), |n| n.to_string())
        })
        .collect();
    let mut out = release.join(".");
    if let Some(label) = groups.get(2) {
        out += match &*label.as_str().to_lowercase() {
            "alpha" | "a" => "a",
            "beta" | "b" => "b",
            _ => "rc",
        };
        out += &number(3).unwrap_or_else(|| "0".into());
    }
    if let Some(post) = number(4).or_else(|| number(5)) {
        out += &format!(".post{post}");
    }
    if let Some(dev) = number(6) {
        out += &format!(".dev{dev}");
    }
    Some(out)
}
