//! Caches of a build: those that a release can use wherever it runs.

use crate::init::{
    build_inputs::unknown,
    fields,
    push::{Build, PushedReference},
    term::is_partial,
};

/// What an entry has of its own that nobody but its owner should read.
const CREDENTIALS: [&str; 5] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "account_key",
    "token",
];

impl Build {
    /// The inputs `cache-from` and `cache-to`, an entry a line.
    pub(super) fn caches(&mut self, key: &str, value: &str) {
        for line in fields::lines(value) {
            match taken(key, &line) {
                Ok(entry) => {
                    let entries = match key {
                        "cache-from" => &mut self.cache_from,
                        _ => &mut self.cache_to,
                    };
                    if !entries.contains(&entry) {
                        entries.push(entry);
                    }
                }
                Err((shown, why)) => self.left(&format!("`{key}: {shown}`"), &why),
            }
        }
    }

    /// Gives up caches that would be exported to a tag of the release: an image is to be there.
    pub(super) fn spare_tags(&mut self, tags: &[PushedReference]) {
        let (own, others): (Vec<String>, Vec<String>) = std::mem::take(&mut self.cache_to)
            .into_iter()
            .partition(|entry| target(entry).is_some_and(|target| tags.contains(&target)));
        self.cache_to = others;
        for entry in own {
            self.left(
                &format!("`cache-to: {entry}`"),
                "the release gives that tag to the image",
            );
        }
    }
}

/// The tag that an entry of `cache-to` writes.
fn target(entry: &str) -> Option<PushedReference> {
    let pairs = fields::pairs(entry);
    let reference = match pairs.iter().find(|(key, _)| key.as_deref() == Some("ref")) {
        Some((_, reference)) => reference,
        None if !entry.contains('=') => entry,
        None => return None,
    };
    PushedReference::with_tag(reference)
}

/// The entry as the policy has it; or what is shown of it, with the reason why it is not taken.
fn taken(key: &str, line: &str) -> Result<String, (String, String)> {
    let pairs = fields::pairs(line);
    let get = |wanted: &str| {
        let found = pairs.iter().find(|(key, _)| key.as_deref() == Some(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let kind = get("type").unwrap_or("registry");
    let has_credentials = pairs
        .iter()
        .any(|(key, _)| key.as_deref().is_some_and(|key| CREDENTIALS.contains(&key)));
    let shown = match has_credentials {
        true => format!("type={kind},…"),
        false => line.to_owned(),
    };
    let refuse = |why: &str| Err((shown.clone(), why.to_owned()));
    match kind {
        "gha" => {
            return refuse(
                "GitHub opens its cache to actions and not to a `run` step, and a release anywhere else would be refused (docs/builders.md); `type=registry` works everywhere",
            );
        }
        "local" => return refuse("hoist uses no cache that lies on the machine that builds"),
        "s3" | "azblob" => {
            return refuse(&format!(
                "hoist passes no login on to it; where the builder has one of its own, `image.build.{key}` takes the entry"
            ));
        }
        _ if is_partial(line) => return Err((kind_of(kind, &shown), unknown(line))),
        "inline" if key == "cache-to" => return Ok("type=inline".into()),
        "registry" => {}
        _ => return refuse("BuildKit has no cache of this type here"),
    }
    let Some(reference) = get("ref").or_else(|| (!line.contains('=')).then_some(line)) else {
        return refuse("it does not say which image holds the cache");
    };
    if PushedReference::with_tag(reference).is_none() {
        return refuse("it does not name an image by a tag");
    }
    if !line.contains('=') {
        return Ok(line.to_owned());
    }
    let mut entry = vec!["type=registry".to_owned()];
    for (name, value) in &pairs {
        let Some(name) = name else {
            return refuse("it is not a list of `name=value`");
        };
        if value.contains([',', '"']) {
            return refuse("a value with a comma has no place in `image.build`");
        }
        if name != "type" {
            entry.push(format!("{name}={value}"));
        }
    }
    Ok(entry.join(","))
}

/// An entry whose whole text is in the reason needs no more than its kind.
fn kind_of(kind: &str, shown: &str) -> String {
    match is_partial(kind) || !shown.contains("type=") {
        true => "…".into(),
        false => format!("type={kind},…"),
    }
}
