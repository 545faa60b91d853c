//! Whether what is about the images is still in place: a registry can sweep what no tag names, and others
//! write the same lists.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    io::registry::{RegistryError, RepositoryApi, referrer_list},
    publish::protocol::journal::{Prepared, ReferrerRecord},
    text::sanitize_line,
};

/// Pauses between looks at a list that does not have an attachment: it may lag.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// An attachment or a signature that is gone, in words.
pub(super) async fn lost(
    apis: &[Arc<dyn RepositoryApi>],
    prepared: &Prepared,
) -> Result<Option<String>, RegistryError> {
    let attachments = prepared.attachments.iter().map(|one| (one, "attachment"));
    let signatures = prepared.signatures.iter().map(|one| (one, "signature"));
    for (one, kind) in attachments.chain(signatures) {
        let api = &apis[one.repository];
        if api.head(&one.digest.clone().into()).await?.is_none() {
            return Ok(Some(words(api.as_ref(), one, "has lost", kind)));
        }
    }
    Ok(None)
}

/// An attachment that its repository does not list with its subject, in words.
pub(super) async fn unlisted(
    apis: &[Arc<dyn RepositoryApi>],
    prepared: &Prepared,
) -> Result<Option<String>, RegistryError> {
    for one in &prepared.attachments {
        let api = apis[one.repository].as_ref();
        let mut pauses = PAUSES.iter();
        loop {
            let listed = referrer_list::referrers(api, &one.subject).await?;
            if listed.iter().any(|entry| entry.digest == one.digest) {
                break;
            }
            match pauses.next() {
                Some(pause) => sleep(*pause).await,
                None => return Ok(Some(words(api, one, "does not list", "attachment"))),
            }
        }
    }
    Ok(None)
}

fn words(api: &dyn RepositoryApi, one: &ReferrerRecord, what: &str, kind: &str) -> String {
    format!(
        "`{}` {what} {kind} {} ({}) of {}",
        api.repository(),
        one.digest,
        sanitize_line(&one.artifact_type, 200),
        one.subject
    )
}
