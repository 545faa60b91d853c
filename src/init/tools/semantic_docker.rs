//! Plugins of semantic-release that push images, as far as their options are data.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::init::{
    handlebars,
    notes::{NoteKind, Notes},
    push::{Build, Push, PushedReference, joined, plain_path},
    scenario::Scenario,
    tools::semantic_release::plugin_of,
    yaml,
};

/// What the plugins of a file push in a release.
pub(in crate::init) fn pushes(
    file: &str,
    text: &str,
    scenario: &Scenario<'_>,
    notes: &mut Notes,
) -> Vec<Push> {
    let is_its_own = file.starts_with(".releaserc") || file.ends_with("package.json");
    if !is_its_own || super::CODE.contains(&file) {
        return Vec::new();
    }
    let settings = match file.ends_with("package.json") {
        true => serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|all| all.get("release").cloned()),
        false => yaml::parse(text),
    };
    let plugins = settings
        .as_ref()
        .and_then(|settings| settings["plugins"].as_array());
    let mut pushes = Vec::new();
    for (at, plugin) in plugins.into_iter().flatten().enumerate() {
        let (name, options) = plugin_of(plugin);
        if !name.contains("docker") {
            continue;
        }
        let read = match name {
            "@codedependant/semantic-release-docker" => codedependant(options, scenario),
            "@semantic-release-plus/docker" | "semantic-release-docker" => named(options, scenario),
            "@eclass/semantic-release-docker" => eclass(options, scenario),
            _ => {
                notes.add(
                    NoteKind::NotTaken,
                    format!("found, not read: plugin `{name}` of `{file}`"),
                );
                continue;
            }
        };
        match read {
            Ok((tags, build)) => pushes.push(Push {
                file: file.to_owned(),
                place: format!("plugin `{name}` of `{file}`"),
                key: format!("{file}#{at}"),
                references: tags
                    .iter()
                    .filter_map(|text| PushedReference::parse(text))
                    .collect(),
                build,
                by_digest: false,
                digest_repositories: Vec::new(),
                sources: Vec::new(),
                matrix: BTreeMap::new(),
            }),
            Err(why) => notes.add(
                NoteKind::NotTaken,
                format!("plugin `{name}` of `{file}`: {why}"),
            ),
        }
    }
    pushes
}

type Read = Result<(Vec<String>, Option<Build>), String>;

fn text<'a>(options: &'a Value, key: &str) -> Option<&'a str> {
    options[key].as_str().filter(|text| !text.is_empty())
}

/// The version, and the channel or `latest`; the image is built by somebody else.
fn named(options: &Value, scenario: &Scenario<'_>) -> Read {
    let name = options["name"]
        .as_str()
        .or_else(|| options["name"]["repository"].as_str());
    let name = name.ok_or("it does not name the image")?;
    let name = match text(options, "registry") {
        Some(registry) if registry != "docker.io" => format!("{registry}/{name}"),
        _ => name.to_owned(),
    };
    let version = scenario.version;
    let moving = if version.pre.is_empty() {
        "latest"
    } else {
        version.pre.split('.').next().unwrap_or_default()
    };
    Ok((
        vec![format!("{name}:{version}"), format!("{name}:{moving}")],
        None,
    ))
}

fn eclass(options: &Value, scenario: &Scenario<'_>) -> Read {
    let mut tags = vec![scenario.version.to_string()];
    if scenario.version.pre.is_empty() {
        tags.push("latest".into());
    }
    tags.extend(yaml::lines(options.get("additionalTags")));
    let mut out = Vec::new();
    for registry in options["registries"].as_array().into_iter().flatten() {
        let image = text(registry, "imageName").ok_or("it does not name the image")?;
        let host = text(registry, "url").filter(|host| *host != "docker.io");
        // The name can begin with the host.
        let image = match host {
            Some(host) if !image.starts_with(host) => format!("{host}/{image}"),
            _ => image.to_owned(),
        };
        out.extend(tags.iter().map(|tag| format!("{image}:{tag}")));
    }
    Ok((out, None))
}

fn codedependant(options: &Value, scenario: &Scenario<'_>) -> Read {
    let image = text(options, "dockerImage");
    let project = text(options, "dockerProject");
    let own = scenario.repository.and_then(|name| name.split('/').nth(1));
    let image = image.or(own).ok_or("it does not name the image")?;
    let parts = [text(options, "dockerRegistry"), project, Some(image)];
    let name: Vec<&str> = parts.into_iter().flatten().collect();
    let name = name.join("/");
    let templates = yaml::lines(options.get("dockerTags"));
    let tags = if templates.is_empty() {
        usual(scenario)
    } else {
        rendered(&templates, scenario)?
    };
    let context = plain_path(text(options, "dockerContext").unwrap_or("."));
    let dockerfile = text(options, "dockerFile").unwrap_or("Dockerfile");
    let mut build = Build {
        dockerfile: joined(".", dockerfile).unwrap_or_default(),
        context: Some(context),
        target: text(options, "dockerTarget")
            .or(text(options, "dockerBuildTarget"))
            .map(str::to_owned),
        platforms: yaml::lines(options.get("dockerPlatform")),
        ..Build::default()
    };
    for (name, value) in options["dockerArgs"].as_object().into_iter().flatten() {
        match value {
            Value::String(value) => {
                let value = rendered(std::slice::from_ref(value), scenario)?
                    .pop()
                    .unwrap_or_default();
                build.args.insert(name.clone(), value);
            }
            _ => build.left_out.push(format!(
                "build argument `{name}`: its value comes from the environment of the build"
            )),
        }
    }
    for key in [
        "dockerBuildFlags",
        "dockerCacheFrom",
        "dockerNetwork",
        "dockerVerifyCmd",
        "dockerLogin",
        "dockerPublish",
    ] {
        if let Some(value) = options
            .get(key)
            .filter(|value| **value != Value::Bool(true))
        {
            build
                .left_out
                .push(format!("`{key}: {value}`: it has no key here"));
        }
    }
    Ok((
        tags.iter().map(|tag| format!("{name}:{tag}")).collect(),
        Some(build),
    ))
}

/// The plugin's own default.
fn usual(scenario: &Scenario<'_>) -> Vec<String> {
    let version = scenario.version;
    let (major, minor) = (version.major, version.minor);
    match version
        .pre
        .split('.')
        .next()
        .filter(|label| !label.is_empty())
    {
        Some(label) => vec![
            label.into(),
            format!("{major}-{label}"),
            format!("{major}.{minor}-{label}"),
            version.to_string(),
        ],
        None => vec![
            "latest".into(),
            format!("{major}-latest"),
            format!("{major}.{minor}-latest"),
            version.to_string(),
        ],
    }
}

fn rendered(templates: &[String], scenario: &Scenario<'_>) -> Result<Vec<String>, String> {
    let version = scenario.version;
    let label = version.pre.split('.').next().unwrap_or_default();
    let value = |name: &str, _: Option<&str>| {
        Ok(match name {
            "version" | "next.version" => version.to_string(),
            "major" | "next.major" => version.major.to_string(),
            "minor" | "next.minor" => version.minor.to_string(),
            "patch" | "next.patch" => version.patch.to_string(),
            "next.gitTag" | "gitTag" => scenario.tag(),
            "git_sha" | "gitHead" | "next.gitHead" => "{sha:full}".into(),
            "channel" => label.to_owned(),
            other => return Err(format!("`{{{{{other}}}}}` is not read")),
        })
    };
    templates
        .iter()
        .map(|template| handlebars::render(&branches(template, label), &value))
        .filter(|tag| tag.as_ref().is_ok_and(|tag| !tag.is_empty()) || tag.is_err())
        .collect()
}

/// `{{#if prerelease.[0]}}a{{else}}b{{/if}}`
fn branches(template: &str, label: &str) -> String {
    let mut out = template.to_owned();
    while let Some(start) = out.find("{{#if prerelease.[0]}}") {
        let Some(end) = out[start..].find("{{/if}}").map(|end| start + end) else {
            break;
        };
        let inner = &out[start + "{{#if prerelease.[0]}}".len()..end];
        let (then, otherwise) = inner.split_once("{{else}}").unwrap_or((inner, ""));
        let chosen = if label.is_empty() { otherwise } else { then };
        out = format!("{}{chosen}{}", &out[..start], &out[end + "{{/if}}".len()..]);
    }
    out.replace("{{prerelease.[0]}}", label)
}
