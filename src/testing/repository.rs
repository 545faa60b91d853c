//! One repository of a registry in memory, with the ways in which real ones differ.

use std::path::PathBuf;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{
    io::lease::Permit,
    io::registry::{
        BlobPushed, BlobSource, Deletion, PutAnswer, RegistryError, RegistryErrorCode,
        RegistryErrorKind as Kind, RepositoryApi,
    },
    oci::{Descriptor, Digest, Manifest, Repository, Tag, TagOrDigest, referrer},
    testing::{
        Order, open,
        personality::{MultiTag, Personality, Referrers, RepositoryContent, read_blob, suffix},
        registry::FakeRegistry,
    },
};

/// One repository of a [`FakeRegistry`].
#[derive(Clone)]
pub struct FakeRepository {
    name: Repository,
    registry: FakeRegistry,
}

impl FakeRegistry {
    /// One of its repositories.
    #[must_use]
    pub fn repository(&self, repository: &Repository) -> FakeRepository {
        FakeRepository {
            name: repository.clone(),
            registry: self.clone(),
        }
    }
}

impl FakeRepository {
    fn error(&self, method: &str, kind: Kind, status: Option<u16>, code: &str) -> RegistryError {
        RegistryError {
            kind,
            request: format!("{method} {}", self.name),
            status,
            codes: vec![RegistryErrorCode {
                code: code.into(),
                message: String::new(),
            }],
            detail: None,
        }
    }

    fn outcome(&self, method: &str, order: Order) -> Result<(), RegistryError> {
        match order {
            Order::Do | Order::DoAndCrash => Ok(()),
            Order::Refuse => Err(self.error(method, Kind::Denied, Some(403), "DENIED")),
            Order::NotFound => {
                Err(self.error(method, Kind::NotFound, Some(404), "MANIFEST_UNKNOWN"))
            }
            Order::NoConnection => Err(self.error(method, Kind::Unreachable, None, "")),
            Order::Fail => Err(self.error(method, Kind::Server, Some(500), "UNKNOWN")),
            Order::DoAndLose | Order::DoLate(_) => Err(self.error(method, Kind::Lost, None, "")),
        }
    }

    /// One operation: a fault may keep it from being done, or its answer from arriving.
    async fn operate<T>(
        &self,
        method: &str,
        what: &str,
        work: impl FnOnce(&mut RepositoryContent, &Personality) -> Result<T, RegistryError> + Send,
    ) -> Result<T, RegistryError> {
        let faults = &self.registry.faults;
        let order = faults.ask(format!("{method} {}{what}", self.name)).await;
        let done = match order {
            Order::Do | Order::DoAndLose | Order::DoAndCrash | Order::DoLate(_) => {
                let personality = open(&self.registry.personality).clone();
                let mut repositories = open(&self.registry.repositories);
                let content = repositories.entry(self.name.clone()).or_default();
                content.land();
                let tags = content.tags.clone();
                let done = work(content, &personality);
                if let Order::DoLate(delay) = order {
                    content.put_off(tags, delay);
                }
                Some(done)
            }
            Order::Refuse | Order::NotFound | Order::NoConnection | Order::Fail => None,
        };
        faults.finish(order).await;
        self.outcome(method, order)?;
        done.unwrap_or_else(|| Err(self.error(method, Kind::Server, Some(500), "")))
    }

    /// A real client sends nothing without a permit.
    fn not_permitted(&self, method: &str) -> RegistryError {
        self.error(method, Kind::NotPermitted, None, "")
    }

    fn store(
        &self,
        content: &mut RepositoryContent,
        personality: &Personality,
        manifest: &Manifest,
    ) -> Result<Option<Digest>, RegistryError> {
        let missing = content.missing(manifest);
        if !missing.is_empty() {
            let kind = Kind::BlobsMissing(missing);
            return Err(self.error("PUT", kind, Some(400), "MANIFEST_BLOB_UNKNOWN"));
        }
        let subject = match personality.referrers {
            Referrers::Ignored => None,
            Referrers::Listed | Referrers::Strict => referrer::referrer(manifest).map(|(of, _)| of),
        };
        if personality.referrers == Referrers::Strict
            && subject
                .as_ref()
                .is_some_and(|of| !content.manifests.contains_key(of))
        {
            return Err(self.error("PUT", Kind::NotFound, Some(404), "MANIFEST_UNKNOWN"));
        }
        content
            .manifests
            .insert(manifest.digest().clone(), manifest.clone());
        Ok(subject)
    }

    /// A rule of this registry against changing a tag.
    fn refusal(
        &self,
        content: &RepositoryContent,
        personality: &Personality,
        tag: &Tag,
    ) -> Option<RegistryError> {
        let there = content.shows(tag, None).is_some();
        (personality.refused.contains(tag) || (there && personality.immutable.contains(tag)))
            .then(|| self.error("PUT", Kind::Denied, Some(403), "DENIED"))
    }
}

#[async_trait]
impl RepositoryApi for FakeRepository {
    fn repository(&self) -> &Repository {
        &self.name
    }

    async fn check_push(&self) -> Result<(), RegistryError> {
        self.operate("POST", " upload", |_, _| Ok(())).await
    }

    async fn head(&self, what: &TagOrDigest) -> Result<Option<Descriptor>, RegistryError> {
        self.operate("HEAD", &suffix(what), |content, personality| {
            let digest = match what {
                TagOrDigest::Digest(digest) => Some(digest.clone()),
                TagOrDigest::Tag(tag) => {
                    content.shows(tag, Instant::now().checked_sub(personality.lag))
                }
            };
            let manifest = digest.as_ref().map(|digest| content.manifests.get(digest));
            match (what, manifest) {
                // What the client makes of a tag that is listed and does not show.
                (TagOrDigest::Tag(_), Some(None)) => {
                    Err(self.error("HEAD", Kind::Unclear, None, ""))
                }
                (_, manifest) => Ok(manifest.flatten().map(Manifest::descriptor)),
            }
        })
        .await
    }

    async fn manifest(&self, what: &TagOrDigest) -> Result<Option<Manifest>, RegistryError> {
        self.operate("GET", &suffix(what), |content, _| {
            let digest = match what {
                TagOrDigest::Digest(digest) => Some(digest.clone()),
                TagOrDigest::Tag(tag) => content.shows(tag, None),
            };
            Ok(digest.and_then(|digest| content.manifests.get(&digest).cloned()))
        })
        .await
    }

    async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        self.operate("GET", " tags", |content, _| {
            let tags = content
                .tags
                .keys()
                .filter(|tag| content.shows(tag, None).is_some());
            Ok(tags.cloned().collect())
        })
        .await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let what = format!(" referrers@{}", subject.short());
        self.operate("GET", &what, |content, personality| {
            let listed = personality.referrers != Referrers::Ignored;
            Ok(listed.then(|| content.about(subject)))
        })
        .await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        self.operate("HEAD", " blob", |content, _| {
            Ok(content.blobs.get(digest).map(|blob| blob.len() as u64))
        })
        .await
    }

    async fn fetch_blob(&self, blob: &Descriptor, to: PathBuf) -> Result<(), RegistryError> {
        let found = self
            .operate("GET", " blob", |content, _| {
                Ok(content.blobs.get(&blob.digest).cloned())
            })
            .await?;
        let missing = || self.error("GET", Kind::NotFound, Some(404), "BLOB_UNKNOWN");
        let bytes = found.ok_or_else(missing)?;
        std::fs::write(to, bytes).map_err(|_| self.error("GET", Kind::File, None, ""))
    }

    async fn push_blob(
        &self,
        blob: &Descriptor,
        from: BlobSource,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<BlobPushed, RegistryError> {
        let (mount, file) = match from {
            BlobSource::File(file) => (None, Some(file)),
            BlobSource::Mount { from, or } => (Some(from), or),
        };
        let other = mount.and_then(|from| {
            let repositories = open(&self.registry.repositories);
            repositories.get(&from)?.blobs.get(&blob.digest).cloned()
        });
        let read = file.map(|file| read_blob(blob, &file)).transpose();
        let read = read.map_err(|(kind, status)| self.error("PUT", kind, status, ""))?;
        let pushed = self
            .operate("POST", " blob", |content, _| {
                if content.blobs.contains_key(&blob.digest) {
                    return Ok(BlobPushed::Existed);
                }
                let (bytes, how) = match (other, read) {
                    (Some(bytes), _) => (bytes, BlobPushed::Mounted),
                    (None, Some(bytes)) => (bytes, BlobPushed::Sent(blob.size)),
                    (None, None) => {
                        let missing = Kind::BlobsMissing(vec![blob.digest.clone()]);
                        return Err(self.error("POST", missing, None, ""));
                    }
                };
                content.blobs.insert(blob.digest.clone(), bytes);
                Ok(how)
            })
            .await?;
        progress(blob.size);
        Ok(pushed)
    }

    async fn put_manifest(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        let names: Vec<_> = tags.iter().map(Tag::as_str).collect();
        let what = format!("@{} {}", manifest.digest().short(), names.join(","));
        self.operate("PUT", &what, |content, personality| {
            if !tags.is_empty() {
                permit.check().map_err(|_| self.not_permitted("PUT"))?;
            }
            let known = content.manifests.contains_key(manifest.digest());
            let conflict = known && personality.conflict_on_second_put;
            if !personality.digest_puts || conflict {
                return Err(self.error("PUT", Kind::Refused, Some(409), "CONFLICT"));
            }
            if personality.multi_tag == MultiTag::Refused && !tags.is_empty() {
                return Err(self.error("PUT", Kind::Refused, Some(400), "UNSUPPORTED"));
            }
            let subject = self.store(content, personality, manifest)?;
            let take = match personality.multi_tag {
                MultiTag::Ignored | MultiTag::Refused => 0,
                MultiTag::Whole => tags.len(),
                MultiTag::First(count) | MultiTag::FirstThenFails(count) => count.min(tags.len()),
            };
            let mut receipt = PutAnswer {
                subject,
                ..PutAnswer::default()
            };
            for tag in &tags[..take] {
                // A registry that takes several skips those that its rules refuse.
                if self.refusal(content, personality, tag).is_none() {
                    content.point(tag, Some(manifest.digest().clone()));
                    receipt.tags.push(tag.clone());
                }
            }
            if matches!(personality.multi_tag, MultiTag::FirstThenFails(_)) && !tags.is_empty() {
                return Err(self.error("PUT", Kind::Server, Some(500), "UNKNOWN"));
            }
            receipt.multi_tag = !receipt.tags.is_empty();
            Ok(receipt)
        })
        .await
    }

    async fn put_tag(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        permit: &Permit,
    ) -> Result<PutAnswer, RegistryError> {
        self.operate("PUT", &format!(":{tag}"), |content, personality| {
            permit.check().map_err(|_| self.not_permitted("PUT"))?;
            if let Some(refusal) = self.refusal(content, personality, tag) {
                return Err(refusal);
            }
            let subject = self.store(content, personality, manifest)?;
            content.point(tag, Some(manifest.digest().clone()));
            Ok(PutAnswer {
                subject,
                ..PutAnswer::default()
            })
        })
        .await
    }

    async fn delete(&self, what: &TagOrDigest, permit: &Permit) -> Result<Deletion, RegistryError> {
        let permitted = || permit.check().map_err(|_| self.not_permitted("DELETE"));
        self.operate("DELETE", &suffix(what), |content, personality| match what {
            _ if permitted().is_err() => permitted().map(|()| Deletion::Refused),
            TagOrDigest::Tag(tag) => {
                if !personality.delete_tags || personality.immutable.contains(tag) {
                    return Ok(Deletion::Refused);
                }
                if content.shows(tag, None).is_none() {
                    return Ok(Deletion::Absent);
                }
                content.point(tag, None);
                Ok(Deletion::Accepted)
            }
            TagOrDigest::Digest(digest) => {
                let tags: Vec<_> = content.tags.keys().cloned().collect();
                let on_it = |tag: &&Tag| content.shows(tag, None).as_ref() == Some(digest);
                let on_it: Vec<_> = tags.iter().filter(on_it).cloned().collect();
                if !personality.delete_digests
                    || (personality.delete_untagged_only && !on_it.is_empty())
                {
                    return Ok(Deletion::Refused);
                }
                if content.manifests.remove(digest).is_none() {
                    return Ok(Deletion::Absent);
                }
                let is_half = personality.delete_half
                    && !on_it.is_empty()
                    && content.half_deleted.insert(digest.clone());
                if is_half {
                    return Err(self.error("DELETE", Kind::Server, Some(500), "UNKNOWN"));
                }
                for tag in on_it {
                    content.point(&tag, None);
                }
                Ok(Deletion::Accepted)
            }
        })
        .await
    }
}
