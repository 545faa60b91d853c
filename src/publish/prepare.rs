//! The journal's first record: all that is needed to finish or undo the release.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::try_join_all;

use crate::{
    error::Result,
    io::registry::RepositoryApi,
    oci::{Digest, Manifest, Observed},
    policy::OnFailure,
    publish::{
        errors::registry_error,
        lock_ref::lock_ref,
        protocol::journal::{
            GitTagRecord, ImageRecord, JournaledManifest, MarkRecord, Owner, Prepared,
            ReferrerRecord, RepositoryRecord, TagRecord,
        },
        publication::{Publication, PublishedImage, TagMove, Target},
        world::World,
    },
};

type Apis = [Arc<dyn RepositoryApi>];

/// What the tags showed, and the manifests that would be put back.
pub(super) struct Old {
    /// One a tag, targets in order.
    before: Vec<Option<Digest>>,
    documents: Vec<Manifest>,
}

/// Reads again what could not be read in preflight, and every manifest that may have to be put
/// back.
pub(super) async fn read_old(world: &World, publication: &Publication, apis: &Apis) -> Result<Old> {
    let befores = publication
        .targets
        .iter()
        .zip(apis)
        .flat_map(|(target, api)| {
            target.tags.iter().map(move |tag| async move {
                match &tag.before {
                    Observed::Absent => Ok(None),
                    Observed::At(digest) => Ok(Some(digest.clone())),
                    // The push has made the repository by now, so only 200 or 404 counts.
                    Observed::Unknown => match api.head(&tag.tag.clone().into()).await {
                        Ok(shown) => Ok(shown.map(|descriptor| descriptor.digest)),
                        Err(error) => {
                            let what =
                                format!("cannot read tag `{}` of `{}`", tag.tag, target.repository);
                            Err(registry_error(&what, &error).state("no tag has moved"))
                        }
                    },
                }
            })
        });
    let before = try_join_all(befores).await?;
    let mut needed: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut all = before.iter();
    for (index, target) in publication.targets.iter().enumerate() {
        for tag in &target.tags {
            if let Some(Some(digest)) = all.next()
                && digest != publication.images[tag.image].digest()
            {
                needed.entry(digest.clone()).or_insert(index);
            }
        }
    }
    let documents = needed
        .iter()
        .map(|(digest, index)| read_one(world, &apis[*index], digest));
    let documents = try_join_all(documents)
        .await?
        .into_iter()
        .flatten()
        .collect();
    Ok(Old { before, documents })
}

async fn read_one(
    world: &World,
    api: &Arc<dyn RepositoryApi>,
    digest: &Digest,
) -> Result<Option<Manifest>> {
    // The bytes behind a digest are always the same.
    if let Some(manifest) = api.shown(digest) {
        return Ok(Some(manifest));
    }
    match api.manifest(&digest.clone().into()).await {
        Ok(Some(manifest)) => Ok(Some(manifest)),
        Ok(None) => {
            world.events.warning(format!(
                "`{}` shows {} but does not have it: a tag that points there cannot be put back",
                api.repository(),
                digest.short()
            ));
            Ok(None)
        }
        Err(error) => {
            let what = format!(
                "cannot read {} of `{}`, which a roll back would put back",
                digest.short(),
                api.repository()
            );
            Err(registry_error(&what, &error).state("no tag has moved"))
        }
    }
}

/// The record. `tag_first`: targets that take no manifest without a tag, which makes them strict.
pub(super) fn prepare(
    world: &World,
    publication: &Publication,
    old: Old,
    (git_tag, mark): (Option<GitTagRecord>, Option<MarkRecord>),
    tag_first: &[usize],
) -> Prepared {
    let milliseconds =
        |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Prepared {
        version: publication.version.clone(),
        promotes: publication.promotes.clone(),
        commit: publication.commit,
        instant: publication.instant,
        started: world.clock.now(),
        owner: Owner::clone(&world.owner),
        repositories: repositories(publication, tag_first),
        tags: tags(publication, old.before),
        images: images(publication),
        attachments: attachments(publication),
        signatures: Vec::new(),
        documents: documents(publication, old.documents),
        git_tag,
        mark,
        branch: publication.branch.clone(),
        forge: None,
        lock_refs: publication
            .targets
            .iter()
            .map(|target| lock_ref(&publication.lock_refs, &target.repository))
            .collect(),
        hold: publication.policy.on_failure == OnFailure::Hold,
        verify_timeout: milliseconds(publication.policy.verify_timeout),
        deadline: milliseconds(publication.policy.deadline),
        grace: milliseconds(publication.policy.grace),
    }
}

fn repositories(publication: &Publication, tag_first: &[usize]) -> Vec<RepositoryRecord> {
    let is_strict = |index: usize| publication.targets[index].strict || tag_first.contains(&index);
    let any_strict = (0..publication.targets.len()).any(is_strict);
    let targets = publication.targets.iter().enumerate();
    let record = |(index, target): (usize, &Target)| RepositoryRecord {
        repository: target.repository.clone(),
        // The strictest alone first, the others after it, together.
        group: u8::from(any_strict && !is_strict(index)),
    };
    targets.map(record).collect()
}

/// `before`: what each tag showed, targets in order.
fn tags(publication: &Publication, before: Vec<Option<Digest>>) -> Vec<TagRecord> {
    let targets = publication.targets.iter().enumerate();
    let tags = targets.flat_map(|(index, target)| target.tags.iter().map(move |tag| (index, tag)));
    let record = |((repository, tag), before): ((usize, &TagMove), _)| TagRecord {
        repository,
        tag: tag.tag.clone(),
        kind: tag.kind,
        image: tag.image,
        before,
    };
    tags.zip(before).map(record).collect()
}

fn images(publication: &Publication) -> Vec<ImageRecord> {
    // A journal of the main image alone is one that an older hoist can read.
    let is_named = publication.images.iter().any(|it| !it.name.is_main());
    let record = |published: &PublishedImage| {
        let PublishedImage {
            name,
            platforms,
            image,
        } = published;
        let children = image.children.iter();
        ImageRecord {
            name: is_named.then(|| name.name().to_owned()),
            variant: name.variant().map(str::to_owned),
            platforms: match is_named {
                true => platforms.iter().map(ToString::to_string).collect(),
                false => Vec::new(),
            },
            dir: image.dir.clone(),
            manifest: image.manifest.digest().clone(),
            children: children.map(|child| child.digest().clone()).collect(),
            blobs: image.blobs.clone(),
        }
    };
    publication.images.iter().map(record).collect()
}

fn attachments(publication: &Publication) -> Vec<ReferrerRecord> {
    let targets = publication.targets.iter().enumerate();
    let all = targets.flat_map(|(repository, target)| {
        publication
            .referrers_of(target)
            .map(move |referrer| ReferrerRecord {
                repository,
                digest: referrer.entry.digest.clone(),
                artifact_type: referrer.artifact_type().to_owned(),
                subject: referrer.subject.clone(),
            })
    });
    all.collect()
}

/// Every manifest once.
fn documents(publication: &Publication, old: Vec<Manifest>) -> Vec<JournaledManifest> {
    let new = publication
        .images
        .iter()
        .map(|published| &published.image)
        .flat_map(|image| image.children.iter().chain([&image.manifest]));
    let mut all: BTreeMap<Digest, Manifest> = BTreeMap::new();
    for manifest in new.cloned().chain(old) {
        all.insert(manifest.digest().clone(), manifest);
    }
    all.into_values().map(JournaledManifest).collect()
}
