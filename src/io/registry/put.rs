//! Puts manifests: under a digest, under a tag, under many tags at once.

use crate::{
    io::{
        http::{HeaderValue, Method, Response, header},
        lease::Permit,
        registry::{
            PutAnswer, RegistryError, RegistryErrorKind, RepositoryApi as _,
            described::CONTENT_DIGEST,
            header as parse,
            profile::Difference,
            request::{Client, RegistryRequest, RequestBody},
            response,
            retry::Repeat,
            scope::Access,
        },
    },
    oci::{Manifest, Tag, TagOrDigest},
    text::bytes,
};

/// How many tags one `?tag=` request names: as many as the specification asks registries to take.
const TAGS_PER_REQUEST: usize = 10;
/// The header that names the manifest which the registry lists an accepted one as being about.
const SUBJECT: &str = "oci-subject";

impl Client {
    pub(super) async fn put(
        &self,
        reference: &TagOrDigest,
        manifest: &Manifest,
        tags: &[Tag],
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        let mut url = self.url(&format!("manifests/{reference}"));
        if !tags.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(tags.iter().map(|tag| ("tag", tag.as_str())));
        }
        let content_type = HeaderValue::from_str(manifest.media_type.as_str());
        let moves_tags = !tags.is_empty() || matches!(reference, TagOrDigest::Tag(_));
        let request = RegistryRequest {
            method: Method::PUT,
            url,
            scope: self.scope(Access::Push),
            headers: vec![(
                header::CONTENT_TYPE,
                content_type.expect("a media type is ASCII"),
            )],
            body: RequestBody::Manifest(manifest),
            // After every answer but a clear one, a look at lock and tag tells what to do.
            repeat: if moves_tags {
                Repeat::Once(permit.clone())
            } else {
                Repeat::Always
            },
        };
        let of_reference = match reference {
            TagOrDigest::Tag(tag) => Some(tag),
            TagOrDigest::Digest(_) => None,
        };
        if moves_tags {
            // Whatever the answer is, it may be done.
            self.memory.may_have_put(tags.iter().chain(of_reference));
        }
        let answer = self.send(&request).await?;
        if !matches!(answer.status(), 200..=204) {
            return Err(self.refused_manifest(&request, answer, manifest).await);
        }
        if let Some(took) = answer.header(CONTENT_DIGEST)
            && took != manifest.digest().as_str()
            && !self.has_it_after_all(reference, manifest).await
        {
            let rule = format!(
                "sent `{}`, the registry made `{took}` of it",
                manifest.digest()
            );
            return Err(response::bad(
                response::describe(&request.method, &request.url),
                answer.status(),
                rule,
            ));
        }
        let taken = parse::accepted_tags(answer.all("oci-tag"));
        let subject = answer.header(SUBJECT).and_then(|text| text.parse().ok());
        let moved = taken.iter().filter(|tag| tags.contains(tag));
        self.memory
            .has_put(manifest.digest(), moved.chain(of_reference));
        Ok(PutAnswer {
            multi_tag: !taken.is_empty(),
            tags: taken.into_iter().filter(|tag| tags.contains(tag)).collect(),
            subject,
        })
    }

    /// Whether only the header of an accepted put is wrong: the content of a digest proves itself.
    async fn has_it_after_all(&self, reference: &TagOrDigest, manifest: &Manifest) -> bool {
        let TagOrDigest::Digest(digest) = reference else {
            return false;
        };
        let what = digest.clone().into();
        let found = self.get(&what, manifest.bytes.len() as u64).await;
        let is_there = matches!(found, Ok(Some(_)));
        if is_there {
            self.session
                .differences
                .learn(Difference::WrongDigestHeader);
        }
        is_there
    }

    /// The error of a manifest that was refused, which names it where its size is the reason.
    async fn refused_manifest(
        &self,
        request: &RegistryRequest<'_>,
        answer: Response,
        manifest: &Manifest,
    ) -> RegistryError {
        let mut error = self.refused(request, answer).await;
        if error.kind == RegistryErrorKind::TooLarge {
            let size = bytes(manifest.bytes.len() as u64);
            error.explain(format!(
                "the manifest `{}` has {size}, more than the registry, or a proxy before it, takes",
                manifest.digest()
            ));
        }
        error
    }

    /// Puts a manifest under its digest. Where a registry refuses it but shows it afterwards (some do
    /// so for a manifest that they have already), it counts as put.
    async fn put_by_digest(&self, manifest: &Manifest) -> Result<PutAnswer, RegistryError> {
        let what = TagOrDigest::Digest(manifest.digest().clone());
        match self.put(&what, manifest, &[], &Permit::always()).await {
            Err(error)
                if matches!(
                    error.kind,
                    RegistryErrorKind::Refused | RegistryErrorKind::Denied
                ) && matches!(self.head(&what).await, Ok(Some(_))) =>
            {
                Ok(PutAnswer::default())
            }
            other => other,
        }
    }

    /// Puts a manifest under its digest and asks for `tags`, in as many requests as they need. A
    /// registry that has not taken several tags in one request is not asked again during the run.
    pub(super) async fn put_with_tags(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        if tags.is_empty() || self.takes_single_tags_only() {
            return self.put_by_digest(manifest).await;
        }
        let what = TagOrDigest::Digest(manifest.digest().clone());
        let mut taken = PutAnswer::default();
        for batch in tags.chunks(TAGS_PER_REQUEST) {
            match self.put(&what, manifest, batch, permit).await {
                Ok(receipt) => {
                    taken.multi_tag |= receipt.multi_tag;
                    taken.tags.extend(receipt.tags);
                    taken.subject = taken.subject.or(receipt.subject);
                    if !receipt.multi_tag {
                        self.session.differences.learn(Difference::SingleTagsOnly);
                        break;
                    }
                }
                Err(error) if is_form_refused(&error) => {
                    self.put_by_digest(manifest).await?;
                    self.session.differences.learn(Difference::SingleTagsOnly);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

/// Whether this is a 4xx that may be about the `?tag=` form and not about the manifest.
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
