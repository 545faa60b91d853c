//! Referrers: manifests that are about another one, such as its signature or its list of parts.
//!
//! A registry with the referrers API lists them itself. For one without it, whoever pushes a referrer
//! keeps the list: an index under a tag that is made of the subject's digest (OCI distribution
//! specification 1.1, "Referrers Tag Schema"). That tag is content, and never a tag of a release.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Descriptor, Digest, Manifest, MediaType, Tag};

/// The type of content that is empty: `{}`.
pub const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The content that is empty.
pub const EMPTY: &[u8] = b"{}";
/// What stands before the hexadecimal digits of the subject.
const PREFIX: &str = "sha256-";
/// Where cosign kept signatures before it made referrers of them.
const SIGNATURE: &str = ".sig";

/// What a manifest says of the manifest that it is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referring {
    subject: Option<SubjectField>,
    artifact_type: Option<String>,
    config: Option<ConfigField>,
    annotations: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct SubjectField {
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigField {
    media_type: Option<String>,
}

/// The tag under which the referrers of `subject` are listed where the registry has no list of its own.
#[must_use]
pub fn referrers_tag(subject: &Digest) -> Tag {
    let name = format!("{PREFIX}{}", subject.hex());
    name.parse().expect("a digest's digits make a tag")
}

/// The tag under which cosign 2 kept the signatures of `subject`.
#[must_use]
pub fn signature_tag(subject: &Digest) -> Tag {
    let name = format!("{PREFIX}{}{SIGNATURE}", subject.hex());
    name.parse().expect("a digest's digits make a tag")
}

/// Whether a tag holds what is about a digest: a list of referrers, or with an ending (`.sig`, `.att`,
/// `.sbom`) what cosign 2 kept.
#[must_use]
pub fn is_about_digest(tag: &Tag) -> bool {
    let Some((hex, ending)) = tag
        .as_str()
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_at_checked(64))
    else {
        return false;
    };
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hex.bytes().all(is_hex) && (ending.is_empty() || ending.starts_with('.'))
}

/// A manifest as the list of its subject's referrers has it, and the subject; `None`: it is not about
/// another one. The artifact's type stands in the list, or else the type of the configuration.
#[must_use]
pub fn referrer(manifest: &Manifest) -> Option<(Digest, Descriptor)> {
    let document: Referring = serde_json::from_slice(&manifest.bytes).ok()?;
    let subject = document.subject?.digest;
    let named = document.artifact_type.filter(|name| !name.is_empty());
    let configured = document.config.and_then(|config| config.media_type);
    let mut descriptor = manifest.descriptor();
    if let Some(name) = named.or(configured) {
        let name = Value::String(name);
        descriptor.other.insert("artifactType".to_owned(), name);
    }
    let annotations = document.annotations.unwrap_or_default().into_iter();
    descriptor.annotations = annotations
        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
        .collect();
    Some((subject, descriptor))
}

/// Why what a referrers tag shows cannot be added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not show an index of referrers")]
pub struct NotAListError;

/// What a referrers tag lists. Entries that hoist cannot read, such as those with a digest of another
/// algorithm, are left out.
///
/// # Errors
/// It is not an index.
pub fn listed(list: &Manifest) -> Result<Vec<Descriptor>, NotAListError> {
    let document = parse(list)?;
    let entries = document.get("manifests").and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    Ok(entries
        .filter_map(|entry| Descriptor::deserialize(entry).ok())
        .collect())
}

/// The list with `new` in it, every entry and field of others as it was; `None`: it has all of them.
///
/// # Errors
/// What the tag shows is not an index.
pub fn with(
    list: Option<&Manifest>,
    new: &[Descriptor],
) -> Result<Option<Manifest>, NotAListError> {
    let mut document = match list {
        Some(list) => parse(list)?,
        None => json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": [],
        }),
    };
    let known = match list {
        Some(list) => listed(list)?,
        None => Vec::new(),
    };
    let mut missing: Vec<&Descriptor> = Vec::new();
    for entry in new {
        let here = |other: &Descriptor| other.digest == entry.digest;
        if !known.iter().any(here) && !missing.iter().any(|other| here(other)) {
            missing.push(entry);
        }
    }
    if missing.is_empty() {
        return Ok(None);
    }
    let entries = document.as_object_mut().ok_or(NotAListError)?;
    let entries = entries.entry("manifests").or_insert_with(|| json!([]));
    if entries.is_null() {
        *entries = json!([]);
    }
    let entries = entries.as_array_mut().ok_or(NotAListError)?;
    for entry in missing {
        entries.push(serde_json::to_value(entry).expect("a descriptor is plain data"));
    }
    Ok(Some(Manifest::write(
        MediaType::OCI_INDEX.into(),
        &document,
    )))
}

/// The list without the entries of these manifests, every other entry and field as it was.
///
/// # Errors
/// It is not an index.
pub fn without(list: &Manifest, gone: &[Digest]) -> Result<Manifest, NotAListError> {
    let mut document = parse(list)?;
    let is_gone = |entry: &Value| {
        let digest = entry.get("digest").and_then(Value::as_str);
        digest.is_some_and(|digest| gone.iter().any(|one| one.as_str() == digest))
    };
    if let Some(Value::Array(entries)) = document.get_mut("manifests") {
        entries.retain(|entry| !is_gone(entry));
    }
    Ok(Manifest::write(list.media_type.clone(), &document))
}

fn parse(list: &Manifest) -> Result<Value, NotAListError> {
    if list.media_type.as_str() != MediaType::OCI_INDEX {
        return Err(NotAListError);
    }
    serde_json::from_slice(&list.bytes).map_err(|_| NotAListError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(document: &Value) -> Manifest {
        Manifest::new(MediaType::OCI_MANIFEST.into(), document.to_string())
    }

    fn subject() -> Digest {
        Digest::of(b"the image")
    }

    #[test]
    fn tags_about_digests_are_told_from_tags_of_releases() {
        let hex = subject().hex().to_owned();
        for (tag, is) in [
            (format!("sha256-{hex}"), true),
            (format!("sha256-{hex}.sig"), true),
            (format!("sha256-{hex}.att"), true),
            (format!("sha256-{hex}-alpine"), false),
            (format!("sha256-{}", &hex[1..]), false),
            (format!("sha256-{}", hex.to_uppercase()), false),
            (format!("sha-{hex}"), false),
            ("sha256-1.2.3".to_owned(), false),
            ("1.2.3".to_owned(), false),
        ] {
            let tag = tag.parse().expect("a tag");
            assert_eq!(is_about_digest(&tag), is, "{tag}");
        }
        assert!(is_about_digest(&referrers_tag(&subject())));
        assert!(is_about_digest(&signature_tag(&subject())));
    }

    #[test]
    fn the_type_of_an_entry_is_the_artifacts_or_else_the_configurations() {
        let about = json!({ "mediaType": MediaType::OCI_MANIFEST, "digest": subject(), "size": 1 });
        for (artifact, config, expected) in [
            (
                Some("application/spdx+json"),
                EMPTY_TYPE,
                "application/spdx+json",
            ),
            (
                None,
                "application/vnd.example+json",
                "application/vnd.example+json",
            ),
            (
                Some(""),
                "application/vnd.example+json",
                "application/vnd.example+json",
            ),
        ] {
            let found = referrer(&manifest(&json!({
                "schemaVersion": 2,
                "artifactType": artifact,
                "config": { "mediaType": config },
                "subject": about,
                "annotations": { "a": "b" },
            })));
            let (of, entry) = found.expect("it has a subject");
            assert_eq!(of, subject());
            assert_eq!(entry.artifact_type(), Some(expected));
            assert_eq!(entry.annotations["a"], "b");
        }
        assert_eq!(referrer(&manifest(&json!({ "config": {} }))), None);
    }

    #[test]
    fn what_others_have_listed_stays_as_it_was() {
        let ours = manifest(&json!({ "subject": { "digest": subject() } }));
        let (_, ours) = referrer(&ours).expect("it has a subject");
        let first = with(None, std::slice::from_ref(&ours));
        let first = first.expect("a list").expect("it is new");
        assert_eq!(listed(&first), Ok(vec![ours.clone()]));
        assert_eq!(with(Some(&first), std::slice::from_ref(&ours)), Ok(None));

        let others = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "x-field": [1],
            "manifests": [
                { "digest": "sha512:ab", "size": 1, "mediaType": "x/y" },
                { "digest": Digest::of(b"theirs"), "size": 1, "mediaType": "x/y", "urls": ["u"] },
            ],
            "annotations": { "k": "v" },
        });
        let theirs = Manifest::new(MediaType::OCI_INDEX.into(), others.to_string());
        let both = with(Some(&theirs), &[ours.clone(), ours.clone()]);
        let both = both.expect("a list").expect("ours is new");
        let document: Value = serde_json::from_slice(&both.bytes).expect("JSON");
        for field in ["x-field", "annotations"] {
            assert_eq!(document[field], others[field]);
        }
        let entries = document["manifests"].as_array().expect("a list");
        assert_eq!(
            entries[..2],
            others["manifests"].as_array().expect("a list")[..]
        );
        assert_eq!(entries.len(), 3);
        assert_eq!(listed(&both).map(|all| all.len()), Ok(2));
    }

    #[test]
    fn what_is_gone_is_taken_out_and_nothing_else() {
        let entry = |seed: &str| {
            let digest = Digest::of(seed.as_bytes());
            Descriptor::new(MediaType::OCI_MANIFEST, digest, 1)
        };
        let both = with(None, &[entry("a"), entry("b")]);
        let both = both.expect("a list").expect("it is new");
        let one = without(&both, &[entry("a").digest]).expect("a list");
        assert_eq!(listed(&one), Ok(vec![entry("b")]));
    }

    #[test]
    fn an_image_under_the_tag_is_not_written_over() {
        let image = manifest(&json!({ "config": {}, "layers": [] }));
        let entry = image.descriptor();
        assert_eq!(with(Some(&image), &[entry]), Err(NotAListError));
        assert_eq!(listed(&image), Err(NotAListError));
    }
}
