//! What a tag or digest shows.
//!
//! One answer proves little. Registries answer HEAD with 404, 405, another digest or none; answer 403
//! for what is not there; and show for a while what was there before. So HEAD is held against GET
//! where it matters, and a 404 against the list of tags (`absence`).

use tokio::time::Instant;

use crate::{
    io::{
        http::{HeaderValue, Method, Response, header},
        registry::{
            RegistryError, RegistryErrorKind,
            absence::Absence,
            described::{CONTENT_DIGEST, content_type, described, digest_of, names},
            memory::Deed,
            profile::{Difference, RegistryProfile},
            request::{Client, RegistryRequest},
            response,
        },
    },
    oci::{Descriptor, Digest, Manifest, MediaType, TagOrDigest},
};

/// Largest manifest that is read, in bytes: twice what the specification asks registries to take.
pub(super) const LARGEST_MANIFEST: u64 = 8 * 1024 * 1024;

/// What one request showed.
enum TagReading<T> {
    Shown(T),
    /// 404.
    Missing,
    /// 403, which some registries answer for what is not there.
    Forbidden(RegistryError),
}

impl Client {
    pub(super) fn read_manifest(
        &self,
        method: Method,
        what: &TagOrDigest,
    ) -> RegistryRequest<'static> {
        let mut request = self.read(method, self.url(&format!("manifests/{what}")));
        let types = HeaderValue::from_str(&MediaType::ALL.join(", ")).expect("types are ASCII");
        request.headers.push((header::ACCEPT, types));
        request
    }

    /// What a tag or digest shows, without its content.
    pub(super) async fn look(
        &self,
        what: &TagOrDigest,
    ) -> Result<Option<Descriptor>, RegistryError> {
        let mut pauses = self.retry.pauses();
        loop {
            let asked = Instant::now();
            let unseen = match self.look_once(what).await? {
                TagReading::Shown(found) => return Ok(Some(found)),
                TagReading::Missing => None,
                TagReading::Forbidden(error) => Some(error),
            };
            if self.is_absent(what, unseen, asked, &mut pauses).await? {
                return Ok(None);
            }
        }
    }

    /// The content behind a tag or digest, of at most `limit` bytes.
    pub(super) async fn get(
        &self,
        what: &TagOrDigest,
        limit: u64,
    ) -> Result<Option<Manifest>, RegistryError> {
        let mut pauses = self.retry.pauses();
        loop {
            let asked = Instant::now();
            let unseen = match self.get_once(what, limit).await? {
                TagReading::Shown(found) => return Ok(Some(found)),
                TagReading::Missing => None,
                TagReading::Forbidden(error) => Some(error),
            };
            if self.is_absent(what, unseen, asked, &mut pauses).await? {
                return Ok(None);
            }
        }
    }

    /// The first look at a tag is a GET, where those are not counted; later ones are HEADs, which are
    /// held against what GET has shown. Of a tag that this run has put, the content is read.
    async fn look_once(&self, what: &TagOrDigest) -> Result<TagReading<Descriptor>, RegistryError> {
        if self.session.differences.reads_by_get() {
            return self.look_by_get(what).await;
        }
        let TagOrDigest::Tag(tag) = what else {
            return match self.head_or_get(what).await? {
                // There is no list of digests to hold it against.
                (head @ TagReading::Missing, false) => match self.look_by_get(what).await {
                    Ok(get) => self.weigh(what, head, get).await,
                    Err(_) => Ok(head),
                },
                (shown, _) => Ok(shown),
            };
        };
        let deed = self.memory.deed(tag);
        let counts_gets = RegistryProfile::of(&self.session.registry).counts_gets();
        if deed.is_none()
            && self.memory.is_new(tag)
            && !counts_gets
            && let Ok(first @ (TagReading::Shown(_) | TagReading::Missing)) =
                self.look_by_get(what).await
        {
            return Ok(first);
        }
        if let Some(Deed::Put(put)) = &deed {
            if !counts_gets || self.memory.take_sample(true) {
                return self.look_at_put(what, put).await;
            }
        } else if self.memory.seen(tag).is_none() && self.memory.take_sample(false) {
            // A HEAD of what GET has shown already is held against that, below.
            return self.sample(what).await;
        }
        let (head, by_get) = self.head_or_get(what).await?;
        let is_doubtful = match (&head, &deed) {
            // An accepted put that does not show, and a tag that shows what nobody has put there.
            (TagReading::Shown(found), Some(Deed::Put(put))) => found.digest != *put,
            (TagReading::Shown(found), None) => match self.memory.seen(tag) {
                Some(seen) => seen.as_ref() != Some(&found.digest),
                None => self.memory.has_staged(&found.digest),
            },
            (TagReading::Shown(_), Some(Deed::Deleted)) => false,
            (TagReading::Missing, Some(Deed::Deleted)) => false,
            // GET has shown it, so the list of tags is no better witness.
            (TagReading::Missing, None) if matches!(self.memory.seen(tag), Some(Some(_))) => true,
            (TagReading::Missing, _) => {
                !matches!(self.absence(tag, Instant::now()).await?, Absence::Certain)
            }
            (TagReading::Forbidden(_), _) => false,
        };
        if by_get || !is_doubtful {
            return Ok(head);
        }
        match self.look_by_get(what).await {
            Ok(get) => self.weigh(what, head, get).await,
            // HEAD has answered, and GET cannot tell better.
            Err(_) => Ok(head),
        }
    }

    /// What a tag shows that this run has put. The content proves itself; HEAD can tell what the registry
    /// was sent, and not what it keeps.
    async fn look_at_put(
        &self,
        what: &TagOrDigest,
        put: &Digest,
    ) -> Result<TagReading<Descriptor>, RegistryError> {
        let shows_put = |shown: &TagReading<Descriptor>| match shown {
            TagReading::Shown(found) => found.digest == *put,
            TagReading::Missing | TagReading::Forbidden(_) => false,
        };
        let get = match self.look_by_get(what).await {
            Ok(get) if shows_put(&get) => return Ok(get),
            Ok(get) => get,
            // Whoever may not read the content, or no more of it today, can still be told the digest.
            Err(error)
                if error.is_refused()
                    || matches!(error.kind, RegistryErrorKind::TooManyRequests(_)) =>
            {
                return Ok(self.head_or_get(what).await?.0);
            }
            Err(error) => return Err(error),
        };
        let (head, by_get) = self.head_or_get(what).await?;
        if by_get {
            return Ok(head);
        }
        if !matches!(head, TagReading::Shown(_)) {
            self.memory.give_sample_back(true);
        }
        if !shows_put(&head) {
            return self.weigh(what, head, get).await;
        }
        // It can have landed between the two.
        let get = self.look_by_get(what).await?;
        self.weigh(what, head, get).await
    }

    /// One look by HEAD and by GET, at a tag that GET has not shown yet.
    async fn sample(&self, what: &TagOrDigest) -> Result<TagReading<Descriptor>, RegistryError> {
        // Side by side, so that it costs no time.
        let (head, get) = tokio::join!(self.head_or_get(what), self.look_by_get(what));
        let (head, by_get) = head?;
        if !matches!(head, TagReading::Shown(_)) {
            self.memory.give_sample_back(false);
        }
        match get {
            Ok(get) if !by_get => self.weigh(what, head, get).await,
            Ok(_) | Err(_) => Ok(head),
        }
    }

    /// GET is believed where HEAD and GET disagree, unless the tag has moved between them.
    async fn weigh(
        &self,
        what: &TagOrDigest,
        head: TagReading<Descriptor>,
        get: TagReading<Descriptor>,
    ) -> Result<TagReading<Descriptor>, RegistryError> {
        let differences = &self.session.differences;
        match (head, get) {
            (TagReading::Shown(head), TagReading::Shown(get)) if head.digest == get.digest => {
                Ok(TagReading::Shown(head))
            }
            (TagReading::Shown(_), get @ (TagReading::Shown(_) | TagReading::Missing)) => {
                let again = self.head_or_get(what).await?.0;
                let moved = match (&again, &get) {
                    (TagReading::Shown(again), TagReading::Shown(get)) => {
                        again.digest == get.digest
                    }
                    (TagReading::Missing, TagReading::Missing) => true,
                    _ => false,
                };
                if !moved {
                    differences.learn(Difference::HeadDisagrees);
                }
                Ok(get)
            }
            (TagReading::Missing, TagReading::Shown(get)) => {
                // One that was just made may show to the later of two requests only.
                if !matches!(self.head_or_get(what).await?.0, TagReading::Shown(_)) {
                    differences.learn(Difference::HeadHides);
                }
                Ok(TagReading::Shown(get))
            }
            (head, TagReading::Forbidden(_)) => Ok(head),
            (_, get) => Ok(get),
        }
    }

    async fn look_by_get(
        &self,
        what: &TagOrDigest,
    ) -> Result<TagReading<Descriptor>, RegistryError> {
        let shown = match self.get_once(what, LARGEST_MANIFEST).await? {
            TagReading::Shown(manifest) => TagReading::Shown(manifest.descriptor()),
            TagReading::Missing => TagReading::Missing,
            TagReading::Forbidden(error) => return Ok(TagReading::Forbidden(error)),
        };
        if let TagOrDigest::Tag(tag) = what {
            let digest = match &shown {
                TagReading::Shown(found) => Some(&found.digest),
                TagReading::Missing | TagReading::Forbidden(_) => None,
            };
            self.memory.has_seen(tag, digest);
        }
        Ok(shown)
    }

    /// By HEAD; by GET where HEAD is refused or does not say enough. Whether it was by GET, too.
    async fn head_or_get(
        &self,
        what: &TagOrDigest,
    ) -> Result<(TagReading<Descriptor>, bool), RegistryError> {
        let differences = &self.session.differences;
        let answer = match self.follow(self.read_manifest(Method::HEAD, what)).await {
            Ok(answer) => answer,
            Err(error) if error.is_refused() => {
                // Some take the credentials for GET only; where GET is refused, too, that counts.
                let get = self.look_by_get(what).await?;
                differences.learn(Difference::RefusesHead);
                return Ok((get, true));
            }
            Err(error) => return Err(error),
        };
        match answer.status() {
            200 => {}
            404 => return Ok((TagReading::Missing, false)),
            429 => return Err(self.refused_read(Method::HEAD, what, answer).await),
            status => {
                let failed = self.refused_read(Method::HEAD, what, answer).await;
                let get = match self.look_by_get(what).await {
                    // The registry is in trouble, not HEAD.
                    Err(_) if status >= 500 && status != 501 => return Err(failed),
                    other => other?,
                };
                if matches!(get, TagReading::Shown(_)) || matches!(status, 405 | 501) {
                    differences.learn(Difference::RefusesHead);
                }
                return Ok((get, true));
            }
        }
        if let Some(found) = described(&answer)
            && names(what, &found.digest)
        {
            return Ok((TagReading::Shown(found), false));
        }
        let get = self.look_by_get(what).await?;
        if let TagReading::Shown(found) = &get {
            let named = digest_of(&answer);
            differences.learn(if named.is_some_and(|named| named != found.digest) {
                Difference::HeadDisagrees
            } else {
                Difference::HeadWithoutDigest
            });
        }
        Ok((get, true))
    }

    async fn refused_read(
        &self,
        method: Method,
        what: &TagOrDigest,
        answer: Response,
    ) -> RegistryError {
        self.refused(&self.read_manifest(method, what), answer)
            .await
    }

    /// The content, whose digest is what its bytes hash to.
    async fn get_once(
        &self,
        what: &TagOrDigest,
        limit: u64,
    ) -> Result<TagReading<Manifest>, RegistryError> {
        let request = self.read_manifest(Method::GET, what);
        let name = response::describe(&request.method, &request.url);
        let answer = self.follow(request).await?;
        match answer.status() {
            200 => {}
            404 => return Ok(TagReading::Missing),
            status => {
                let error = self.refused_read(Method::GET, what, answer).await;
                return match status {
                    403 => Ok(TagReading::Forbidden(error)),
                    _ => Err(error),
                };
            }
        }
        let named = answer.header(CONTENT_DIGEST).map(ToOwned::to_owned);
        let media_type = content_type(&answer);
        let bytes = self
            .retry
            .document(answer, limit.min(LARGEST_MANIFEST), &name)
            .await?;
        let Some(media_type) = media_type.or_else(|| MediaType::stated_in(&bytes)) else {
            let rule = "the answer is not a manifest of a known type";
            return Err(response::bad(name, 200, rule));
        };
        let manifest = Manifest::new(media_type, bytes);
        if let TagOrDigest::Digest(asked) = what
            && asked != manifest.digest()
        {
            let rule = format!("expected `{asked}`, the content is `{}`", manifest.digest());
            return Err(response::bad(name, 200, rule));
        }
        // A digest of another algorithm says nothing about this one.
        if named.is_some_and(|named| {
            named.parse::<Digest>().is_ok() && named != manifest.digest().as_str()
        }) {
            self.session
                .differences
                .learn(Difference::WrongDigestHeader);
        }
        self.memory.has_shown(&manifest);
        Ok(TagReading::Shown(manifest))
    }
}
