//! Everything but the tags: blobs, manifests below an index, the manifest by digest. Nothing here
//! has a name yet, so all of it may be repeated for ever and left as it is.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};

use crate::{
    event::Step,
    io::registry::{BlobSource, RegistryError, RegistryErrorKind, RepositoryApi},
    oci::{Descriptor, Digest, Image, Manifest, Registry, TagOrDigest},
    publish::{
        deadline::Deadline,
        protocol::observation::ContentSeen,
        run::Run,
        steps::{
            destination::{Destination, StageError, Staged},
            transfer::Transfers,
        },
    },
};

/// Uploads at once for each registry.
const AT_ONCE: usize = 4;

/// Makes all images present at all destinations: registries side by side, on each of them at most
/// four blobs at once.
pub(in crate::publish) async fn stage(
    haul: &Transfers,
    destinations: &[Destination<'_>],
) -> Result<Staged, StageError> {
    let mut registries: BTreeMap<&Registry, Vec<usize>> = BTreeMap::new();
    for (index, destination) in destinations.iter().enumerate() {
        let registry = destination.api.repository().registry();
        registries.entry(registry).or_default().push(index);
    }
    let one = registries
        .into_values()
        .map(|members| stage_registry(haul, destinations, members));
    let tag_first = try_join_all(one).await?.into_iter().flatten().collect();
    Ok(Staged { tag_first })
}

async fn stage_registry(
    haul: &Transfers,
    all: &[Destination<'_>],
    members: Vec<usize>,
) -> Result<Vec<usize>, StageError> {
    // An adopted or resumed image may have no files here; where its manifest is, its blobs are.
    let mut work: BTreeMap<&Digest, Vec<(usize, &Image, &Descriptor)>> = BTreeMap::new();
    for &member in &members {
        for image in &all[member].images {
            if !has_files(image) && is_there(all[member].api, &image.manifest).await? {
                continue;
            }
            for blob in &image.blobs {
                work.entry(&blob.digest)
                    .or_default()
                    .push((member, image, blob));
            }
        }
    }
    // The closures' futures are boxed: the compiler cannot name their lifetimes in a stream.
    let blobs: Vec<_> = work
        .into_values()
        .map(|places| Box::pin(place_blob(haul, all, places)))
        .collect();
    stream::iter(blobs)
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    let mut tag_first = Vec::new();
    for &member in &members {
        for image in &all[member].images {
            if !put_manifests(haul, all, member, image).await? {
                tag_first.push(member);
            }
        }
        haul.events
            .finished(Step::Stage, haul.words(all[member].api.repository()));
    }
    Ok(tag_first)
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

/// One blob to all repositories of one registry: sent to the first, mounted into the others.
async fn place_blob(
    haul: &Transfers,
    all: &[Destination<'_>],
    places: Vec<(usize, &Image, &Descriptor)>,
) -> Result<(), StageError> {
    let mut holder = None;
    let mut done: Vec<usize> = Vec::new();
    for (member, image, blob) in places {
        if done.contains(&member) {
            continue;
        }
        let api = all[member].api;
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
                    haul.fetch(all, image, blob).await?;
                }
                BlobSource::File(path.clone())
            }
        };
        haul.send(api, blob, source).await?;
        holder = Some(api.repository().clone());
        done.push(member);
    }
    Ok(())
}

/// Children before the index that names them. False: the registry takes manifests with a tag only.
async fn put_manifests(
    haul: &Transfers,
    all: &[Destination<'_>],
    member: usize,
    image: &Image,
) -> Result<bool, StageError> {
    let api = all[member].api;
    for child in &image.children {
        match put_manifest(haul, all, member, image, child).await {
            Ok(()) => {}
            Err(StageError::Registry(error)) if takes_no_digests(&error) => {
                if !is_there(api, child).await? {
                    return Err(StageError::NoDigests(error));
                }
            }
            Err(error) => return Err(error),
        }
    }
    match put_manifest(haul, all, member, image, &image.manifest).await {
        Ok(()) => Ok(true),
        // Some refuse a manifest that they have, others every manifest without a tag: a look tells.
        Err(StageError::Registry(error)) if takes_no_digests(&error) => {
            Ok(is_there(api, &image.manifest).await?)
        }
        Err(error) => Err(error),
    }
}

fn takes_no_digests(error: &RegistryError) -> bool {
    match &error.kind {
        // The right to push is proven by now, so 403 is about the form.
        RegistryErrorKind::Refused | RegistryErrorKind::Denied | RegistryErrorKind::NotFound => {
            true
        }
        RegistryErrorKind::Unauthorized
        | RegistryErrorKind::NameUnknown
        | RegistryErrorKind::BlobsMissing(_)
        | RegistryErrorKind::TooManyRequests(_)
        | RegistryErrorKind::Server
        | RegistryErrorKind::Lost
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::BadAnswer
        | RegistryErrorKind::Credentials
        | RegistryErrorKind::File => false,
    }
}

async fn put_manifest(
    haul: &Transfers,
    all: &[Destination<'_>],
    member: usize,
    image: &Image,
    manifest: &Manifest,
) -> Result<(), StageError> {
    let api = all[member].api;
    match api.put_manifest(manifest, &[]).await {
        Ok(_) => return Ok(()),
        Err(error) => match &error.kind {
            RegistryErrorKind::BlobsMissing(missing) => {
                resend(haul, all, member, image, missing).await?;
            }
            _ => return Err(error.into()),
        },
    }
    api.put_manifest(manifest, &[]).await?;
    Ok(())
}

/// Sends what a registry says it lacks, whatever it said when it was asked before. `missing` can
/// name blobs and manifests; where it names nothing, all of the image's blobs are sent.
async fn resend(
    haul: &Transfers,
    all: &[Destination<'_>],
    member: usize,
    image: &Image,
    missing: &[Digest],
) -> Result<(), StageError> {
    let api = all[member].api;
    for blob in &image.blobs {
        if !missing.is_empty() && !missing.contains(&blob.digest) {
            continue;
        }
        let path = image.blob_path(&blob.digest);
        if !path.is_file() {
            haul.fetch(all, image, blob).await?;
        }
        haul.send(api, blob, BlobSource::File(path)).await?;
    }
    for child in &image.children {
        if missing.contains(child.digest()) {
            api.put_manifest(child, &[]).await?;
        }
    }
    Ok(())
}

impl Run {
    fn images(&self) -> Vec<Image> {
        let document = |digest: &Digest| {
            self.prepared
                .document(digest)
                .expect("a journal without its images' manifests is refused when it is read")
                .clone()
        };
        self.prepared
            .images
            .iter()
            .map(|record| Image {
                dir: record.dir.clone(),
                manifest: document(&record.manifest),
                children: record.children.iter().map(document).collect(),
                blobs: record.blobs.clone(),
            })
            .collect()
    }

    fn destinations<'a>(&'a self, images: &'a [Image]) -> Vec<Destination<'a>> {
        let wanted = |place: usize| {
            let in_use = move |image: &usize| {
                let uses = |tag: &crate::publish::protocol::journal::TagPlan| {
                    tag.repository == place && tag.image == *image
                };
                self.prepared.tags.iter().any(uses)
            };
            (0..images.len()).filter(in_use)
        };
        self.apis
            .iter()
            .enumerate()
            .map(|(place, api)| Destination {
                api: &**api,
                images: wanted(place).map(|index| &images[index]).collect(),
            })
            .collect()
    }

    /// Makes the content present again before a resumed commit goes on.
    pub(in crate::publish) async fn restage(&self) -> ContentSeen {
        let images = self.images();
        let destinations = self.destinations(&images);
        let limit = self.forward();
        match limit.run(stage(&self.haul, &destinations)).await {
            Some(Ok(_)) => ContentSeen::Ready,
            Some(Err(error)) => {
                self.notes.other(&error);
                match error {
                    StageError::Gone(_) => ContentSeen::Gone,
                    StageError::Registry(_)
                    | StageError::NoDigests(_)
                    | StageError::Directory(..) => ContentSeen::Failed,
                }
            }
            None => ContentSeen::Failed,
        }
    }

    /// Sends an image's content to one repository in mid commit; what comes of it shows at the
    /// next PUT.
    pub(in crate::publish) async fn resend(&self, place: usize, image: usize, limit: &Deadline) {
        let images = self.images();
        let destinations = self.destinations(&images);
        let haul = &self.haul;
        let work = async {
            resend(haul, &destinations, place, &images[image], &[]).await?;
            put_manifests(haul, &destinations, place, &images[image]).await
        };
        if let Some(Err(error)) = limit.run(work).await {
            self.notes.other(error);
        }
    }
}
