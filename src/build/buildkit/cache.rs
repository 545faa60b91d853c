//! Entries of `cache-from` and `cache-to`. Pure.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1::CacheOptionsEntry;

use crate::{
    error::{Error, Result},
    io::environment::Environment,
    text::sanitize_line,
};

/// What GitHub's cache needs, and the variables in which a job has it.
const GITHUB: &[(&str, &[&str])] = &[
    ("token", &["ACTIONS_RUNTIME_TOKEN"]),
    ("url", &["ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL"]),
    ("url_v2", &["ACTIONS_RESULTS_URL"]),
];
/// Kinds that the builder reaches by itself.
const REMOTE: &[&str] = &["registry", "s3", "azblob"];

/// The image whose layers an entry of `cache-from` offers: named plainly, or as buildx names it
/// (`type=registry,ref=acme/api:cache`). `None` for a cache of another kind.
pub(crate) fn cache_image(entry: &str) -> Option<&str> {
    if !entry.contains('=') {
        return Some(entry.trim()).filter(|image| !image.is_empty());
    }
    let mut image = None;
    for pair in entry.split(',') {
        match pair.trim().split_once('=')? {
            ("type", "registry") => {}
            ("ref", name) if image.is_none() && !name.is_empty() => image = Some(name),
            _ => return None,
        }
    }
    image
}

/// Whether an entry of `cache-to` puts the cache into the image itself.
pub(crate) fn is_inline(entry: &str) -> bool {
    entry.trim() == "type=inline"
}

/// Entries of the key `key`, as BuildKit takes them.
///
/// # Errors
/// BuildKit or a session of ours cannot do one of them, or it needs what is not there.
pub(crate) fn entries(
    key: &str,
    texts: &[String],
    environment: &Environment,
) -> Result<Vec<CacheOptionsEntry>> {
    let mut entries = Vec::new();
    for text in texts {
        let refuse = |why: &str| {
            Error::refused(format!(
                "`image.build.{key} = [\"{}\"]` cannot be used",
                sanitize_line(text, 200)
            ))
            .cause(why)
        };
        let mut attrs = attributes(text).ok_or_else(|| {
            refuse("it is neither an image nor a list of `name=value` with commas between them")
        })?;
        let kind = attrs.remove("type").unwrap_or_else(|| "registry".into());
        match kind.as_str() {
            "registry" if !attrs.contains_key("ref") => {
                return Err(refuse("`ref` is missing, the image that holds the cache"));
            }
            "inline" if key == "cache-to" => {}
            "inline" => {
                return Err(refuse(
                    "an inline cache is a part of an image: name the image, `type=registry,ref=IMAGE`",
                ));
            }
            "gha" => fill_from_github(&mut attrs, environment).map_err(|name| {
                refuse(&format!("`{name}` is not set, which GitHub gives to actions and not to `run` steps"))
                    .hint("a step before this one can export it: `actions/github-script` with `core.exportVariable`; or use `type=registry`")
            })?,
            kind if REMOTE.contains(&kind) => {}
            "local" => {
                return Err(refuse("a cache in a directory needs a store of content, which hoist does not offer to the builder")
                    .hint("`type=registry,ref=IMAGE` keeps the cache beside the image"));
            }
            _ => {
                return Err(refuse(
                    "BuildKit has caches of type registry, inline, gha, s3 and azblob",
                ));
            }
        }
        entries.push(CacheOptionsEntry {
            r#type: kind,
            attrs: attrs.into_iter().collect(),
        });
    }
    Ok(entries)
}

fn attributes(text: &str) -> Option<BTreeMap<String, String>> {
    if !text.contains('=') {
        let image = cache_image(text)?;
        return Some([("ref".to_owned(), image.to_owned())].into());
    }
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    text.split(',').map(pair).collect()
}

/// The error is the variable that is missing.
fn fill_from_github(
    attrs: &mut BTreeMap<String, String>,
    environment: &Environment,
) -> Result<(), &'static str> {
    for (name, variables) in GITHUB {
        if attrs.contains_key(*name) {
            continue;
        }
        let value = variables
            .iter()
            .find_map(|variable| environment.get(variable));
        let value = value.ok_or(variables[0])?;
        attrs.insert((*name).to_owned(), value.to_owned());
    }
    if environment.get("ACTIONS_CACHE_SERVICE_V2").is_some() {
        let version = attrs.entry("version".to_owned());
        version.or_insert_with(|| "2".to_owned());
    }
    Ok(())
}

/// The entries as the Dockerfile's frontend takes them, in one text of JSON.
pub(crate) fn as_json(entries: &[CacheOptionsEntry]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| {
            let attrs: BTreeMap<_, _> = entry.attrs.iter().collect();
            serde_json::json!({ "Type": entry.r#type, "Attrs": attrs })
        })
        .collect();
    serde_json::Value::Array(entries).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_an_image_or_refused() {
        for (entry, image) in [
            ("acme/api:latest", Some("acme/api:latest")),
            ("type=registry,ref=acme/api:cache", Some("acme/api:cache")),
            ("ref=acme/api", Some("acme/api")),
            ("type=gha", None),
            ("type=registry", None),
            ("type=registry,ref=", None),
            ("type=registry,ref=a,mode=max", None),
            ("type=registry,ref=a,ref=b", None),
            ("type=local,src=x", None),
            ("x=y", None),
            ("", None),
        ] {
            assert_eq!(cache_image(entry), image, "{entry}");
        }
    }

    #[test]
    fn entries_are_taken_as_buildx_has_them() {
        let environment: Environment = [
            ("ACTIONS_RUNTIME_TOKEN", "t"),
            ("ACTIONS_RESULTS_URL", "u"),
            ("ACTIONS_CACHE_SERVICE_V2", "true"),
        ]
        .into_iter()
        .collect();
        for (key, text, expected) in [
            (
                "cache-from",
                "acme/api:cache",
                r#"[{"Type":"registry","Attrs":{"ref":"acme/api:cache"}}]"#,
            ),
            (
                "cache-to",
                "type=registry, ref=acme/api:cache, mode=max",
                r#"[{"Type":"registry","Attrs":{"mode":"max","ref":"acme/api:cache"}}]"#,
            ),
            (
                "cache-to",
                "type=inline",
                r#"[{"Type":"inline","Attrs":{}}]"#,
            ),
            (
                "cache-from",
                "type=gha,scope=main",
                r#"[{"Type":"gha","Attrs":{"scope":"main","token":"t","url":"u","url_v2":"u","version":"2"}}]"#,
            ),
            (
                "cache-from",
                "type=s3,region=eu,bucket=b",
                r#"[{"Type":"s3","Attrs":{"bucket":"b","region":"eu"}}]"#,
            ),
        ] {
            let entries = entries(key, &[text.to_owned()], &environment);
            let entries = entries.unwrap_or_else(|error| panic!("{text}: {error:#}"));
            assert_eq!(as_json(&entries), expected);
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_its_name() {
        for (key, text, why) in [
            ("cache-from", "type=registry", "`ref` is missing"),
            ("cache-from", "type=inline", "name the image"),
            ("cache-to", "type=local,dest=x", "a cache in a directory"),
            ("cache-to", "type=gha", "`ACTIONS_RUNTIME_TOKEN` is not set"),
            ("cache-to", "type=tape", "BuildKit has caches of type"),
            ("cache-from", "type=registry,acme", "neither an image nor"),
        ] {
            let error = entries(key, &[text.to_owned()], &Environment::default()).expect_err(text);
            let told = format!("{error:#}");
            assert!(told.contains(why) && told.contains(key), "{told}");
        }
    }
}
