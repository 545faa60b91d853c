//! What the registries show: tag lists, the tags of a set, and whose the published images are.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use semver::Version;

use crate::{
    error::{Error, Result},
    io::registry::{RegistryError, RegistryErrorKind, RepositoryApi, image_tree},
    oci::{Digest, Observed, Runnable, Tag, TagOrDigest, annotation},
    plan::{
        release::ownership::PublishedTag,
        tags::{Listing, Published, TagSet},
    },
    publish,
    release::errors,
};

/// Requests under way at once, per repository.
const AT_ONCE: usize = 8;

/// The repositories of a release, in the policy's order.
pub(super) type Places = [Arc<dyn RepositoryApi>];

/// Lists every repository and looks at `tags` in each, all side by side.
pub(super) async fn published(places: &Places, tags: &[Tag]) -> Result<Vec<Published>> {
    try_join_all(places.iter().map(|place| look(place.as_ref(), tags))).await
}

/// Looks at the tags of `set` that were not looked at yet, and at those of other versions that it
/// names.
pub(super) async fn complete(
    places: &Places,
    published: &mut [Published],
    set: &TagSet,
) -> Result<()> {
    try_join_all(
        places
            .iter()
            .zip(published)
            .map(|(place, seen)| async move {
                let successors = set.tags().iter().flat_map(|planned| &planned.verdicts);
                let successors = successors
                    .filter(|verdict| verdict.repository == seen.repository)
                    .filter_map(|verdict| verdict.successor.clone());
                let missing: Vec<Tag> = set
                    .tags()
                    .iter()
                    .map(|planned| planned.tag.clone())
                    .chain(successors)
                    .filter(|tag| !seen.shows.contains_key(tag))
                    .collect();
                seen.shows.extend(heads(place.as_ref(), &missing).await?);
                Ok::<(), Error>(())
            }),
    )
    .await
    .map(drop)
}

/// The list of a repository's tags; `None` where the registry refuses to give it.
pub(super) async fn list(place: &dyn RepositoryApi) -> Result<Option<Vec<Tag>>> {
    match place.tags().await {
        Ok(tags) => Ok(Some(tags)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(unreadable(place, &error)),
    }
}

async fn look(place: &dyn RepositoryApi, tags: &[Tag]) -> Result<Published> {
    let (listing, shows) = tokio::join!(place.tags(), heads(place, tags));
    let shows = shows?;
    let tags = match listing {
        Ok(tags) => Listing::Known(tags),
        // A wrong password looks like a list that nobody may read. A release needs the push right
        // anyway, and that tells them apart.
        Err(error) if is_refusal(&error) => {
            let push = place.check_push().await;
            push.map_err(|error| publish::push_error(place.repository(), &error))?;
            Listing::Refused
        }
        Err(error) => return Err(unreadable(place, &error)),
    };
    let labels = match tags {
        Listing::Refused => version_labels(place, &shows).await?,
        Listing::Known(_) | Listing::NotAsked => BTreeMap::new(),
    };
    Ok(Published {
        repository: place.repository().clone(),
        tags,
        shows,
        labels,
    })
}

pub(super) async fn heads(
    place: &dyn RepositoryApi,
    tags: &[Tag],
) -> Result<BTreeMap<Tag, Observed>> {
    let look = |tag: &Tag| {
        let tag = tag.clone();
        async move {
            match place.head(&TagOrDigest::Tag(tag.clone())).await {
                Ok(Some(found)) => Ok((tag, Observed::At(found.digest))),
                Ok(None) => Ok((tag, Observed::Absent)),
                // A repository that the push will create can hide itself until then.
                Err(error) if is_refusal(&error) => Ok((tag, Observed::Unknown)),
                Err(error) => Err(unreadable(place, &error)),
            }
        }
    };
    stream::iter(tags.iter().map(look))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Where the list is refused, the version label behind a tag says which version it shows.
async fn version_labels(
    place: &dyn RepositoryApi,
    shows: &BTreeMap<Tag, Observed>,
) -> Result<BTreeMap<Tag, Version>> {
    let mut labels = BTreeMap::new();
    for (tag, before) in shows {
        let Observed::At(digest) = before else {
            continue;
        };
        // A broken image says nothing.
        let images = images_behind(place, digest).await?.unwrap_or_default();
        let label = images
            .first()
            .and_then(|image| image.labels.get(annotation::VERSION));
        if let Some(version) = label.and_then(|label| label.parse().ok()) {
            labels.insert(tag.clone(), version);
        }
    }
    Ok(labels)
}

/// The version tags of `set` that show something, with what they say about their origin.
pub(super) async fn claims(
    places: &Places,
    published: &[Published],
    set: &TagSet,
) -> Result<Vec<PublishedTag>> {
    let mut claims = Vec::new();
    for (place, seen) in places.iter().zip(published) {
        for planned in set.tags().iter().filter(|planned| planned.is_version) {
            let Some(Observed::At(digest)) = seen.shows.get(&planned.tag) else {
                continue;
            };
            claims.push(PublishedTag {
                repository: seen.repository.clone(),
                tag: planned.tag.clone(),
                variant: planned.variant.clone(),
                digest: digest.clone(),
                images: images_behind(place.as_ref(), digest).await?,
                earlier: false,
            });
        }
    }
    Ok(claims)
}

/// Every image behind `digest` that can run, or why that cannot be told: what the registry shows is broken.
///
/// # Errors
/// Failed (exit 6) where the registry does not answer.
async fn images_behind(
    place: &dyn RepositoryApi,
    digest: &Digest,
) -> Result<std::result::Result<Vec<Runnable>, String>> {
    let what = TagOrDigest::Digest(digest.clone());
    let read = async {
        match image_tree::tree(place, &what).await? {
            Some(tree) => image_tree::runnable(place, &tree).await.map(Some),
            None => Ok(None),
        }
    };
    match read.await {
        Ok(Some(images)) => Ok(Ok(images)),
        Ok(None) => Ok(Err(GONE.to_owned())),
        Err(error) => content_problem(place, error).map(Err),
    }
}

/// Said of a tag or an index whose manifest the registry does not have.
pub(super) const GONE: &str = "its manifest is gone";

/// An answer that says the content is wrong is a finding; no answer is a failure.
pub(super) fn content_problem(place: &dyn RepositoryApi, error: RegistryError) -> Result<String> {
    match error.kind {
        RegistryErrorKind::BadAnswer
        | RegistryErrorKind::NotFound
        | RegistryErrorKind::BlobsMissing(_) => {
            Ok(error.detail.unwrap_or_else(|| error.request.clone()))
        }
        _ => Err(unreadable(place, &error)),
    }
}

fn is_refusal(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::Unauthorized
            | RegistryErrorKind::NoCredentials(_)
            | RegistryErrorKind::Denied
            | RegistryErrorKind::Refused
    )
}

fn unreadable(place: &dyn RepositoryApi, error: &RegistryError) -> Error {
    errors::registry(&format!("cannot read `{}`", place.repository()), error)
}
