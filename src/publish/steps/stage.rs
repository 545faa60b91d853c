//! Everything but the tags: blobs, manifests below an index, the manifest by digest. Nothing here
//! has a name yet, so all of it may be repeated without end and left as it is.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::{join_all, try_join_all},
    stream,
};

use crate::{
    event::{Finished, Running, Started},
    io::lease::Permit,
    io::registry::{BlobSource, PutAnswer, RegistryError, RegistryErrorKind, RepositoryApi},
    oci::{Descriptor, Digest, Image, Manifest, Registry, TagOrDigest, referrer},
    publish::{
        destination::{Destination, StageError},
        steps::unlisted::ReferrersToList,
        transfers::Transfers,
    },
};

/// Blobs at once for each registry: so many are looked for. How many are sent at once is the registry
/// client's business.
const AT_ONCE: usize = 32;

/// Images that go to several repositories.
#[derive(Clone, Copy)]
pub(in crate::publish) struct Staging<'a> {
    pub(in crate::publish) transfers: &'a Transfers,
    pub(in crate::publish) destinations: &'a [Destination<'a>],
}

/// Makes all images present at all destinations: registries side by side. The answer names the destinations (by index) that take no manifest without a
/// tag: theirs arrives with its first tag.
pub(in crate::publish) async fn stage(staging: Staging<'_>) -> Result<Vec<usize>, StageError> {
    let mut registries: BTreeMap<&Registry, Vec<(usize, Running)>> = BTreeMap::new();
    for (index, destination) in staging.destinations.iter().enumerate() {
        let repository = destination.api.repository();
        let step = staging.transfers.events.start(Started::Stage {
            repository: repository.clone(),
        });
        let members = registries.entry(repository.registry()).or_default();
        members.push((index, step));
    }
    let one = registries
        .into_values()
        .map(|members| staging.stage_registry(members));
    Ok(try_join_all(one).await?.into_iter().flatten().collect())
}

impl Staging<'_> {
    async fn stage_registry(
        self,
        members: Vec<(usize, Running)>,
    ) -> Result<Vec<usize>, StageError> {
        // Looked for beside the blobs, so that it takes no time: what is there is not put again.
        let found = self.find_manifests(&members);
        // An adopted or resumed image may have no files here; where its manifest is, its blobs are.
        let mut work: BTreeMap<&Digest, Vec<(usize, &Image, &Descriptor)>> = BTreeMap::new();
        for &(member, _) in &members {
            let destination = &self.destinations[member];
            for image in destination.all() {
                if is_shown(destination.api, image)
                    || !has_files(image) && is_there(destination.api, &image.manifest).await?
                {
                    continue;
                }
                for blob in &image.blobs {
                    let places = work.entry(&blob.digest).or_default();
                    places.push((member, image, blob));
                }
            }
        }
        // The closures' futures are boxed: the compiler cannot name their lifetimes in a stream.
        let blobs: Vec<_> = work
            .into_values()
            .map(|places| Box::pin(self.place_blob(places)))
            .collect();
        let sent = stream::iter(blobs)
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>();
        let (found, sent) = tokio::join!(found, sent);
        sent?;
        let mut tag_first = Vec::new();
        for (member, step) in members {
            let destination = &self.destinations[member];
            let mut unlisted = ReferrersToList::default();
            let there = |manifest: &Manifest| found.contains(&(member, manifest.digest().clone()));
            for image in &destination.images {
                if there(&image.manifest) {
                    continue;
                }
                if !self.put_manifests(member, image, &mut unlisted).await? {
                    tag_first.push(member);
                }
            }
            // Some registries refuse what is about a manifest that they do not have.
            for referrer in &destination.referrers {
                self.put_referrer(member, referrer, &mut unlisted).await?;
            }
            unlisted.list(destination.api, self.transfers).await?;
            let repository = destination.api.repository();
            let transfer = self.transfers.of([repository]).remove(0);
            step.finish(Finished::Stage {
                repository: transfer.repository,
                sent: transfer.sent,
                mounted: transfer.mounted,
            });
        }
        Ok(tag_first)
    }

    /// The images whose manifest is there, each with its destination.
    async fn find_manifests(self, members: &[(usize, Running)]) -> BTreeSet<(usize, Digest)> {
        let images = members.iter().flat_map(|&(member, _)| {
            let images = self.destinations[member].images.iter();
            images.map(move |image| (member, image))
        });
        let find = images.map(|(member, image)| async move {
            let api = self.destinations[member].api;
            let digest = image.manifest.digest();
            let is_there = is_shown(api, image)
                || !is_about_another(image) && has_files(image) && api.has_manifest(digest).await;
            is_there.then(|| (member, digest.clone()))
        });
        join_all(find).await.into_iter().flatten().collect()
    }

    /// One blob to all repositories of one registry: sent to the first, mounted into the others.
    async fn place_blob(self, places: Vec<(usize, &Image, &Descriptor)>) -> Result<(), StageError> {
        let mut holder = None;
        let mut done: Vec<usize> = Vec::new();
        for (member, image, blob) in places {
            if done.contains(&member) {
                continue;
            }
            let api = self.destinations[member].api;
            let path = image.blob_path(&blob.digest);
            let file = path.is_file().then(|| path.clone());
            let source = match (&holder, file) {
                (Some(from), file) => BlobSource::Mount {
                    from: Clone::clone(from),
                    or: file,
                },
                (None, Some(file)) => BlobSource::File(file),
                (None, None) => {
                    if !api.has_blob(&blob.digest).await? {
                        self.transfers.fetch(self.destinations, image, blob).await?;
                    }
                    BlobSource::File(path.clone())
                }
            };
            self.transfers.send(api, blob, source).await?;
            holder = Some(api.repository().clone());
            done.push(member);
        }
        Ok(())
    }

    /// Children before the index that names them. False: the registry takes manifests with a tag
    /// only.
    pub(in crate::publish) async fn put_manifests(
        self,
        member: usize,
        image: &Image,
        unlisted: &mut ReferrersToList,
    ) -> Result<bool, StageError> {
        let api = self.destinations[member].api;
        let put = |child| self.put_manifest(member, image, child);
        let answers = join_all(image.children.iter().map(put)).await;
        for (child, answer) in image.children.iter().zip(answers) {
            match answer {
                Ok(answer) => unlisted.put(child, &answer),
                Err(StageError::Registry(error)) if takes_no_digests(&error) => {
                    if !is_there(api, child).await? {
                        return Err(StageError::NoDigests(error));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        match self.put_manifest(member, image, &image.manifest).await {
            Ok(answer) => {
                unlisted.put(&image.manifest, &answer);
                Ok(true)
            }
            // Some refuse a manifest that they have, others every manifest without a tag: reading
            // it tells which.
            Err(StageError::Registry(error)) if takes_no_digests(&error) => {
                Ok(is_there(api, &image.manifest).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// A manifest that is about another one: it is never put under a tag.
    async fn put_referrer(
        self,
        member: usize,
        referrer: &Image,
        unlisted: &mut ReferrersToList,
    ) -> Result<(), StageError> {
        let api = self.destinations[member].api;
        for manifest in referrer.children.iter().chain([&referrer.manifest]) {
            let answer = match self.put_manifest(member, referrer, manifest).await {
                Ok(answer) => answer,
                Err(StageError::Registry(error)) if takes_no_digests(&error) => {
                    if !is_there(api, manifest).await? {
                        return Err(error.into());
                    }
                    PutAnswer::default()
                }
                Err(error) => return Err(error),
            };
            unlisted.put(manifest, &answer);
        }
        Ok(())
    }

    async fn put_manifest(
        self,
        member: usize,
        image: &Image,
        manifest: &Manifest,
    ) -> Result<PutAnswer, StageError> {
        let api = self.destinations[member].api;
        match api.put_manifest(manifest, &[], &Permit::always()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => match &error.kind {
                RegistryErrorKind::BlobsMissing(missing) => {
                    self.resend(member, image, missing).await?;
                }
                _ => return Err(error.into()),
            },
        }
        Ok(api.put_manifest(manifest, &[], &Permit::always()).await?)
    }

    /// Sends what a registry says it lacks, whatever it said when it was asked before. `missing` can
    /// name blobs and manifests; where it names nothing, all of the image's blobs are sent.
    pub(in crate::publish) async fn resend(
        self,
        member: usize,
        image: &Image,
        missing: &[Digest],
    ) -> Result<(), StageError> {
        let api = self.destinations[member].api;
        for blob in &image.blobs {
            if !missing.is_empty() && !missing.contains(&blob.digest) {
                continue;
            }
            let path = image.blob_path(&blob.digest);
            if !path.is_file() {
                self.transfers.fetch(self.destinations, image, blob).await?;
            }
            self.transfers
                .send(api, blob, BlobSource::File(path))
                .await?;
        }
        for child in &image.children {
            if missing.contains(child.digest()) {
                api.put_manifest(child, &[], &Permit::always()).await?;
            }
        }
        Ok(())
    }
}

/// Whether the registry has shown the image during this run; where its manifest is, everything else is.
fn is_shown(api: &dyn RepositoryApi, image: &Image) -> bool {
    !is_about_another(image) && api.shown(image.manifest.digest()).is_some()
}

/// Whether a part of an image is about another manifest: then what the registry answers to its put
/// tells whether it is listed.
fn is_about_another(image: &Image) -> bool {
    let mut parts = image.children.iter().chain([&image.manifest]);
    parts.any(|part| referrer::referrer(part).is_some())
}

fn has_files(image: &Image) -> bool {
    image
        .blobs
        .iter()
        .all(|blob| image.blob_path(&blob.digest).is_file())
}

async fn is_there(api: &dyn RepositoryApi, manifest: &Manifest) -> Result<bool, RegistryError> {
    let digest = TagOrDigest::Digest(manifest.digest().clone());
    Ok(api.head(&digest).await?.is_some())
}

fn takes_no_digests(error: &RegistryError) -> bool {
    match &error.kind {
        // What is refused as content is refused under every name.
        _ if error.is_about_content() => false,
        // The right to push is proven by now, so 403 is about the form.
        RegistryErrorKind::Refused | RegistryErrorKind::Denied | RegistryErrorKind::NotFound => {
            true
        }
        RegistryErrorKind::Unauthorized
        | RegistryErrorKind::NoCredentials(_)
        | RegistryErrorKind::NameUnknown
        | RegistryErrorKind::BlobsMissing(_)
        | RegistryErrorKind::TooManyRequests(_)
        | RegistryErrorKind::Server
        | RegistryErrorKind::Lost
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::BadAnswer
        | RegistryErrorKind::TooLarge
        | RegistryErrorKind::NoChallenge
        | RegistryErrorKind::ProxyUnreachable
        | RegistryErrorKind::ProxyRefused
        | RegistryErrorKind::Unclear
        | RegistryErrorKind::Setup
        | RegistryErrorKind::Credentials(_)
        | RegistryErrorKind::File
        | RegistryErrorKind::NotPermitted => false,
    }
}
