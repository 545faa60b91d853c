//! What the registries show: tag lists, the tags of a set, and whose the published images are.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use semver::Version;

use crate::{
    error::{Error, Result},
    io::registry::{RegistryError, RegistryErrorKind, RepositoryApi, image_tree},
    oci::{Digest, Observed, Repository, Runnable, Tag, TagOrDigest, annotation, referrer},
    plan::{
        release::{
            drift::{Drift, DriftState},
            ownership::PublishedTag,
            receipt::Receipt,
        },
        tags::{Listing, Published, TagSet},
        version::bump::core,
    },
    publish,
    release::errors,
};

/// Requests under way at once, per repository: a tag set of usual size is read in one round trip.
const AT_ONCE: usize = 32;

/// The repositories of a release, in the policy's order.
pub(super) type RepositoryApis = [Arc<dyn RepositoryApi>];

/// What repositories are looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookPurpose {
    /// A push follows: where nothing may be read, the right to push tells why.
    Push,
    /// Nothing is pushed, and whoever looks may have no right to.
    Read,
}

/// Lists every repository and looks at the `tags` of each, all side by side.
pub(super) async fn published(
    apis: &RepositoryApis,
    purpose: LookPurpose,
    tags: impl Fn(&Repository) -> Vec<Tag>,
) -> Result<Vec<Published>> {
    let look = |api: &Arc<dyn RepositoryApi>| look(api.clone(), purpose, tags(api.repository()));
    try_join_all(apis.iter().map(look)).await
}

/// Looks at the tags of `set` that were not looked at yet, and at those of other versions that it
/// names.
pub(super) async fn complete(
    apis: &RepositoryApis,
    published: &mut [Published],
    set: &TagSet,
) -> Result<()> {
    try_join_all(apis.iter().zip(published).map(|(api, seen)| async move {
        let successors = set.tags().iter().flat_map(|planned| &planned.verdicts);
        let successors = successors
            .filter(|verdict| verdict.repository == seen.repository)
            .filter_map(|verdict| verdict.successor.clone());
        let missing: Vec<Tag> = set
            .names_in(&seen.repository)
            .cloned()
            .chain(successors)
            .filter(|tag| !seen.shows.contains_key(tag))
            .collect();
        seen.shows.extend(heads(api.as_ref(), &missing).await?);
        Ok::<(), Error>(())
    }))
    .await
    .map(drop)
}

/// The list of a repository's tags; `None` where the registry refuses to give it.
pub(super) async fn list(api: &dyn RepositoryApi) -> Result<Option<Vec<Tag>>> {
    match api.tags().await {
        Ok(tags) => Ok(Some(of_releases(tags))),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(unreadable(api, &error)),
    }
}

/// The tags without those that list what is about a digest: they are content, and nobody follows them.
fn of_releases(mut tags: Vec<Tag>) -> Vec<Tag> {
    tags.retain(|tag| !referrer::is_about_digest(tag));
    tags
}

async fn look(
    api: Arc<dyn RepositoryApi>,
    purpose: LookPurpose,
    tags: Vec<Tag>,
) -> Result<Published> {
    let api = api.as_ref();
    let (mut listing, shows) = tokio::join!(api.tags(), heads(api, &tags));
    let mut shows = shows?;
    if purpose == LookPurpose::Push && listing.as_ref().is_err_and(needs_push) {
        // Some show a repository that does not exist yet to those alone who may push to it.
        let push = api.check_push().await;
        push.map_err(|error| publish::push_error(api.repository(), &error))?;
        let hidden = |tag: &&Tag| shows.get(tag) == Some(&Observed::Unknown);
        let hidden: Vec<Tag> = tags.iter().filter(hidden).cloned().collect();
        let (listed, shown) = tokio::join!(api.tags(), heads(api, &hidden));
        listing = listed;
        shows.extend(shown?);
    }
    if lacks(&listing, &shows) {
        // One that was made meanwhile is in a list that is read now.
        listing = api.tags().await;
    }
    let is_lacking = lacks(&listing, &shows);
    let tags = match listing {
        // A list without what can be read says nothing about the rest.
        Ok(_) if is_lacking => Listing::Refused,
        Ok(tags) => Listing::Known(of_releases(tags)),
        // Nobody has logged in, so no right is to be proven.
        Err(error) if matches!(error.kind, RegistryErrorKind::NoCredentials(_)) => {
            return Err(unreadable(api, &error));
        }
        // A wrong password looks like a list that nobody may read, but it shows no tag either.
        Err(error) if is_refusal(&error) && purpose == LookPurpose::Read => {
            let is_shown = shows.values().any(|shown| shown.digest().is_some());
            // Nor does a repository that is not this account's.
            let is_hidden = shows.values().all(|shown| *shown == Observed::Unknown);
            if (error.kind == RegistryErrorKind::Unauthorized && !is_shown)
                || (is_hidden && !shows.is_empty())
            {
                return Err(unreadable(api, &error));
            }
            Listing::Refused
        }
        // The right to push was proven.
        Err(error) if is_refusal(&error) => Listing::Refused,
        Err(error) => return Err(unreadable(api, &error)),
    };
    let labels = match tags {
        Listing::Refused => version_labels(api, &shows).await?,
        Listing::Known(_) | Listing::NotAsked => BTreeMap::new(),
    };
    Ok(Published {
        repository: api.repository().clone(),
        tags,
        shows,
        labels,
        unlisted: Vec::new(),
    })
}

/// Whether a list of tags does not have one that shows an image.
fn lacks(listing: &Result<Vec<Tag>, RegistryError>, shows: &BTreeMap<Tag, Observed>) -> bool {
    let Ok(tags) = listing else { return false };
    let mut shown = shows.iter().filter(|(_, shown)| shown.digest().is_some());
    shown.any(|(tag, _)| !tags.contains(tag))
}

pub(super) async fn heads(
    api: &dyn RepositoryApi,
    tags: &[Tag],
) -> Result<BTreeMap<Tag, Observed>> {
    let look = |tag: &Tag| {
        let tag = tag.clone();
        async move {
            match api.head(&TagOrDigest::Tag(tag.clone())).await {
                Ok(Some(found)) => Ok((tag, Observed::At(found.digest))),
                Ok(None) => Ok((tag, Observed::Absent)),
                // A repository that the push will create can hide itself until then.
                Err(error) if is_refusal(&error) => Ok((tag, Observed::Unknown)),
                Err(error) => Err(unreadable(api, &error)),
            }
        }
    };
    stream::iter(tags.iter().map(look))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Whether a tag is to show an image that the repository does not have: the exact tag shows another one, and what
/// the git tag records is gone.
pub(super) async fn is_gone(
    api: &dyn RepositoryApi,
    drift: &Drift,
    shows: &BTreeMap<Tag, Observed>,
) -> Result<bool> {
    let is_shown = shows.get(&drift.from).and_then(Observed::digest) == Some(&drift.want);
    if is_shown || drift.state == DriftState::Right {
        return Ok(false);
    }
    match api.head(&TagOrDigest::Digest(drift.want.clone())).await {
        Ok(found) => Ok(found.is_none()),
        // Then nothing tells, and whoever moves the tag finds out.
        Err(error) if is_refusal(&error) => Ok(false),
        Err(error) => Err(unreadable(api, &error)),
    }
}

/// Where the list is refused, the version label behind a tag says which version it shows.
async fn version_labels(
    api: &dyn RepositoryApi,
    shows: &BTreeMap<Tag, Observed>,
) -> Result<BTreeMap<Tag, Version>> {
    let mut labels = BTreeMap::new();
    for (tag, before) in shows {
        let Observed::At(digest) = before else {
            continue;
        };
        if let Some(version) = version_label(api, digest).await? {
            labels.insert(tag.clone(), version);
        }
    }
    Ok(labels)
}

/// A version that git alone knows is published all the same where a moving tag shows its image: by the
/// receipt in its git tag, or by the version label.
pub(super) async fn look_behind(
    apis: &RepositoryApis,
    published: &mut [Published],
    set: &TagSet,
    receipts: &[(Version, Receipt)],
) -> Result<()> {
    for (api, seen) in apis.iter().zip(published) {
        let mut labels: BTreeMap<Digest, Option<Version>> = BTreeMap::new();
        let of_it = set.unpublished().iter();
        for unpublished in of_it.filter(|one| set.is_in(&one.image, &seen.repository)) {
            let Some(Observed::At(digest)) = seen.shows.get(&unpublished.tag) else {
                continue;
            };
            if seen.labels.contains_key(&unpublished.tag) {
                continue;
            }
            let recorded = receipts.iter().rev().find(|(_, receipt)| {
                receipt.digest == *digest && receipt.image == unpublished.image
            });
            let version = match (recorded, labels.get(digest)) {
                (Some((version, _)), _) => Some(version.clone()),
                (None, Some(known)) => known.clone(),
                (None, None) => {
                    let found = version_label(api.as_ref(), digest).await?;
                    labels.insert(digest.clone(), found.clone());
                    found
                }
            };
            // A label that git does not know can be a base image's.
            let of_git = |version: &Version| {
                let mut all = unpublished.versions.iter();
                all.any(|git| git == version || *git == core(version))
            };
            if let Some(version) = version.filter(of_git) {
                seen.labels.insert(unpublished.tag.clone(), version);
            }
        }
    }
    Ok(())
}

/// The version tags of `set` that show something, with what they say about their origin.
pub(super) async fn claims(
    apis: &RepositoryApis,
    published: &[Published],
    set: &TagSet,
) -> Result<Vec<PublishedTag>> {
    let mut claims = Vec::new();
    for (api, seen) in apis.iter().zip(published) {
        let own = set.tags().iter();
        for planned in own.filter(|planned| planned.is_version && planned.is_for(&seen.repository))
        {
            let Some(Observed::At(digest)) = seen.shows.get(&planned.tag) else {
                continue;
            };
            claims.push(PublishedTag {
                repository: seen.repository.clone(),
                tag: planned.tag.clone(),
                image: planned.image.clone(),
                digest: digest.clone(),
                images: images_behind(api.as_ref(), digest).await?,
                earlier: false,
                recorded: false,
            });
        }
    }
    Ok(claims)
}

async fn version_label(api: &dyn RepositoryApi, digest: &Digest) -> Result<Option<Version>> {
    // A broken image says nothing.
    let images = images_behind(api, digest).await?.unwrap_or_default();
    let mut labels = images
        .iter()
        .filter_map(|image| image.labels.get(annotation::VERSION));
    Ok(labels.find_map(|label| annotation::labelled_version(label)))
}

/// Every image behind `digest` that can run, or why that cannot be told: what the registry shows is broken.
///
/// # Errors
/// Failed (exit 6) where the registry does not answer.
pub(super) async fn images_behind(
    api: &dyn RepositoryApi,
    digest: &Digest,
) -> Result<std::result::Result<Vec<Runnable>, String>> {
    let what = TagOrDigest::Digest(digest.clone());
    let read = async {
        match image_tree::tree(api, &what).await? {
            Some(tree) => image_tree::runnable(api, &tree).await.map(Some),
            None => Ok(None),
        }
    };
    match read.await {
        Ok(Some(images)) => Ok(Ok(images)),
        Ok(None) => Ok(Err(GONE.to_owned())),
        Err(error) => content_problem(api, error).map(Err),
    }
}

/// Said of a tag or an index whose manifest the registry does not have.
pub(super) const GONE: &str = "its manifest is gone";

/// An answer that says the content is wrong is a finding; no answer is a failure.
pub(super) fn content_problem(api: &dyn RepositoryApi, error: RegistryError) -> Result<String> {
    match error.kind {
        RegistryErrorKind::BadAnswer
        | RegistryErrorKind::NotFound
        | RegistryErrorKind::BlobsMissing(_) => {
            Ok(error.detail.unwrap_or_else(|| error.request.clone()))
        }
        _ => Err(unreadable(api, &error)),
    }
}

/// Whether the right to push tells what a refused list means: a release needs it anyway.
fn needs_push(error: &RegistryError) -> bool {
    is_refusal(error) && !matches!(error.kind, RegistryErrorKind::NoCredentials(_))
}

/// Whether a registry has refused to answer.
pub(super) fn is_refusal(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::Unauthorized
            | RegistryErrorKind::NoCredentials(_)
            | RegistryErrorKind::Denied
            | RegistryErrorKind::Refused
    )
}

pub(super) fn unreadable(api: &dyn RepositoryApi, error: &RegistryError) -> Error {
    errors::registry(&format!("cannot read `{}`", api.repository()), error)
}
