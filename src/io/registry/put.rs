//! Manifests on their way out: under a digest, under a tag, under many tags at once.

use std::sync::atomic::Ordering;

use crate::{
    io::{
        http::{HeaderValue, Method, header},
        registry::{
            PutReceipt, RegistryError, RegistryErrorKind, RepositoryApi as _,
            auth::Action,
            client::CONTENT_DIGEST,
            header as parse,
            request::{Client, RegistryRequest, RequestBody},
            response,
            retry::Repeat,
        },
    },
    oci::{Manifest, Tag, TagOrDigest},
};

/// Tags in one `?tag=` request: what the specification asks registries to take.
const TAGS: usize = 10;

impl Client {
    pub(super) async fn put(
        &self,
        reference: &TagOrDigest,
        manifest: &Manifest,
        tags: &[Tag],
    ) -> Result<PutReceipt, RegistryError> {
        let mut url = self.url(&format!("manifests/{reference}"));
        if !tags.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(tags.iter().map(|tag| ("tag", tag.as_str())));
        }
        let content_type = HeaderValue::from_str(manifest.media_type.as_str());
        let moves_tags = !tags.is_empty() || matches!(reference, TagOrDigest::Tag(_));
        let call = RegistryRequest {
            method: Method::PUT,
            url,
            scope: self.scope(Action::Push),
            headers: vec![(
                header::CONTENT_TYPE,
                content_type.expect("a media type is ASCII"),
            )],
            body: RequestBody::Manifest(manifest),
            // After an ambiguous answer to a tag only a look at it can tell what to do.
            repeat: if moves_tags {
                Repeat::IfNotDone
            } else {
                Repeat::Always
            },
        };
        let answer = self.call(&call).await?;
        if !matches!(answer.status(), 200..=204) {
            return Err(self.refused(&call, answer).await);
        }
        if let Some(took) = answer.header(CONTENT_DIGEST)
            && took != manifest.digest().as_str()
        {
            let rule = format!(
                "sent `{}`, the registry made `{took}` of it",
                manifest.digest()
            );
            return Err(response::bad(
                response::describe(&call.method, &call.url),
                answer.status(),
                rule,
            ));
        }
        let taken = parse::accepted_tags(answer.all("oci-tag"));
        Ok(PutReceipt {
            multi_tag: !taken.is_empty(),
            tags: taken.into_iter().filter(|tag| tags.contains(tag)).collect(),
        })
    }

    /// A manifest under its digest. A registry that refuses it (because it has it already, or for
    /// no good reason) but shows it afterwards has taken it.
    async fn put_plain(&self, manifest: &Manifest) -> Result<PutReceipt, RegistryError> {
        let what = TagOrDigest::Digest(manifest.digest().clone());
        match self.put(&what, manifest, &[]).await {
            Err(error)
                if matches!(
                    error.kind,
                    RegistryErrorKind::Refused | RegistryErrorKind::Denied
                ) && matches!(self.head(&what).await, Ok(Some(_))) =>
            {
                Ok(PutReceipt::default())
            }
            other => other,
        }
    }

    /// As many requests as the tags need; none of them in the plain form's place once a registry
    /// has refused the other one.
    pub(super) async fn put_with_tags(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
    ) -> Result<PutReceipt, RegistryError> {
        if tags.is_empty() || self.plain_puts_only.load(Ordering::Relaxed) {
            return self.put_plain(manifest).await;
        }
        let what = TagOrDigest::Digest(manifest.digest().clone());
        let mut taken = PutReceipt::default();
        for batch in tags.chunks(TAGS) {
            match self.put(&what, manifest, batch).await {
                Ok(receipt) => {
                    taken.multi_tag |= receipt.multi_tag;
                    taken.tags.extend(receipt.tags);
                    if !receipt.multi_tag {
                        break;
                    }
                }
                Err(error) if is_form_refused(&error) => {
                    self.put_plain(manifest).await?;
                    self.plain_puts_only.store(true, Ordering::Relaxed);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

/// A 4xx that may mean the `?tag=` form and not the manifest.
fn is_form_refused(error: &RegistryError) -> bool {
    error
        .status
        .is_some_and(|status| (400..500).contains(&status))
        && matches!(
            error.kind,
            RegistryErrorKind::Refused
                | RegistryErrorKind::Denied
                | RegistryErrorKind::NotFound
                | RegistryErrorKind::NameUnknown
        )
}
