//! The list of a digest's referrers, wherever a registry keeps it: behind the referrers API, or in an
//! index under the tag that is made of the digest.
//!
//! Which of the two it is, the registry's answers tell: `OCI-Subject` when a referrer is put, and 404
//! where the API is asked for. The tag is content that belongs to everybody: entries are added, and
//! never taken out, and the tag is never put back.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    io::{
        lease::Permit,
        registry::{PutAnswer, RegistryError, RegistryErrorKind, RepositoryApi},
    },
    oci::{Descriptor, Digest, Manifest, TagOrDigest, referrer},
};

/// How often the list under a tag is written before another writer is believed to be stronger.
const TRIES: usize = 3;
/// How long to wait for a list that was accepted to show, before it is written again.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(600),
    Duration::from_millis(1500),
];

/// Everything that is listed as being about `subject`.
///
/// # Errors
/// A request failed, or the tag shows something else than a list.
pub async fn referrers(
    api: &dyn RepositoryApi,
    subject: &Digest,
) -> Result<Vec<Descriptor>, RegistryError> {
    if let Some(listed) = api.referrers(subject).await? {
        return Ok(listed);
    }
    match under_tag(api, subject).await? {
        Some(list) => referrer::listed(&list).map_err(|_| not_a_list(api, subject)),
        None => Ok(Vec::new()),
    }
}

/// The entry with the type that its manifest states, where the list has none, or that of the manifest's
/// empty configuration: some clients and registries write the latter.
///
/// # Errors
/// The manifest cannot be read.
pub async fn typed(
    api: &dyn RepositoryApi,
    entry: Descriptor,
) -> Result<Descriptor, RegistryError> {
    let is_told = entry
        .artifact_type()
        .is_some_and(|named| named != referrer::EMPTY_TYPE);
    if is_told {
        return Ok(entry);
    }
    let manifest = api.child(&entry).await?;
    let stated = manifest.as_ref().and_then(referrer::referrer);
    Ok(stated.map_or(entry, |(_, stated)| stated))
}

/// Whether the registry has said that it lists what was put as being about `subject`.
#[must_use]
pub fn is_listed(answer: &PutAnswer, subject: &Digest) -> bool {
    answer.subject.as_ref() == Some(subject)
}

/// Makes the list of `subject` name what was put without the registry saying that it lists it. Whether
/// the tag had to be written.
///
/// # Errors
/// A request failed; the tag shows something else than a list; or other writers took the entries out
/// again, [`TRIES`] times.
pub async fn list_under_tag(
    api: &dyn RepositoryApi,
    subject: &Digest,
    put: &[Descriptor],
) -> Result<bool, RegistryError> {
    // Where a manifest was there already, some registries answer its PUT without a header.
    if let Some(listed) = api.referrers(subject).await?
        && has_all(&listed, put)
    {
        return Ok(false);
    }
    let mut failure = None;
    let mut gone: Vec<Digest> = Vec::new();
    let mut tries = 0;
    while tries < TRIES {
        let wrong = |_| not_a_list(api, subject);
        let list = under_tag(api, subject).await?;
        let list = list.map(|list| referrer::without(&list, &gone));
        let list = list.transpose().map_err(wrong)?;
        let Some(wanted) = referrer::with(list.as_ref(), put).map_err(wrong)? else {
            return Ok(true);
        };
        let tag = referrer::referrers_tag(subject);
        match api.put_tag(&tag, &wanted, &Permit::always()).await {
            Ok(_) => failure = None,
            // The next look tells whether it was done.
            Err(error) if error.is_ambiguous() => failure = Some(error),
            Err(error) => match missing_of_others(&error, put) {
                // Some registries take no list with an entry whose manifest is not there any more.
                Some(missing) if gone.is_empty() => {
                    gone = missing;
                    continue;
                }
                _ => return Err(error),
            },
        }
        if shows(api, subject, put).await? {
            return Ok(true);
        }
        tries += 1;
    }
    Err(failure.unwrap_or_else(|| {
        let rule =
            format!("it has not kept what was added, {TRIES} times: is another writer at it?");
        broken(api, subject, rule)
    }))
}

/// The entries of others that the registry says it does not have, where it refuses a list for them alone.
fn missing_of_others(error: &RegistryError, put: &[Descriptor]) -> Option<Vec<Digest>> {
    let RegistryErrorKind::BlobsMissing(missing) = &error.kind else {
        return None;
    };
    let is_ours = |digest: &Digest| put.iter().any(|entry| entry.digest == *digest);
    (!missing.is_empty() && !missing.iter().any(is_ours)).then(|| missing.clone())
}

/// Whether the list under the tag names all of `put` now, or soon: some registries lag.
async fn shows(
    api: &dyn RepositoryApi,
    subject: &Digest,
    put: &[Descriptor],
) -> Result<bool, RegistryError> {
    for pause in LOOKS {
        sleep(pause).await;
        let list = under_tag(api, subject).await?;
        let listed = list.and_then(|list| referrer::listed(&list).ok());
        if listed.is_some_and(|listed| has_all(&listed, put)) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn under_tag(
    api: &dyn RepositoryApi,
    subject: &Digest,
) -> Result<Option<Manifest>, RegistryError> {
    let tag = TagOrDigest::Tag(referrer::referrers_tag(subject));
    api.manifest(&tag).await
}

fn has_all(listed: &[Descriptor], put: &[Descriptor]) -> bool {
    let has = |entry: &Descriptor| listed.iter().any(|other| other.digest == entry.digest);
    put.iter().all(has)
}

fn not_a_list(api: &dyn RepositoryApi, subject: &Digest) -> RegistryError {
    broken(
        api,
        subject,
        "it does not show a list of referrers".to_owned(),
    )
}

fn broken(api: &dyn RepositoryApi, subject: &Digest, rule: String) -> RegistryError {
    RegistryError {
        kind: RegistryErrorKind::BadAnswer,
        request: api.repository().tag(&referrer::referrers_tag(subject)),
        status: None,
        codes: Vec::new(),
        detail: Some(rule),
    }
}
