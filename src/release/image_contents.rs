//! Reads what an image on disk or in a registry holds, for `inspect`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, Result},
    event::Events,
    io::{
        layout::{self, Store, WantedImage},
        registry::{RegistryError, RepositoryApi, image_tree},
    },
    oci::{Contents, Descriptor, Digest, Image, Index, Platform, Reference, Runnable, TagOrDigest},
    plan::inspect::ReferrerReport,
    release::{errors, facade::Release, referrers::about},
    text::sanitize_line,
};

/// Blobs on their way at once.
const AT_ONCE: usize = 4;

impl Release {
    /// What an image holds, and what its registry lists as being about it.
    pub(super) async fn look_at(&self, image: &str, which: Which<'_>) -> Result<LookedAt> {
        let path = PathBuf::from(image);
        if path.exists() {
            let contents = match which.compared {
                true => compared_on_disk(&path, which.shown)?,
                false => on_disk(&path, which.shown)?,
            };
            return Ok(LookedAt {
                others: others_of(&contents),
                contents,
                referrers: Vec::new(),
            });
        }
        let reference: Reference = image.parse().map_err(|error| {
            Error::usage(format!("`{image}` is neither a file nor an image")).because(&error)
        })?;
        self.events.note(format!("reading {reference}"));
        let api = self
            .apis(std::slice::from_ref(&reference.repository))?
            .remove(0);
        let what = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest.clone().into(),
            (None, Some(tag)) => tag.clone().into(),
            (None, None) => "latest".parse().expect("it is a tag"),
        };
        let failed = format!("cannot read {reference}");
        let pulled = pulled(api.as_ref(), &what, which, &failed).await?;
        let wanted = which.shown.platform.as_ref().filter(|_| !which.compared);
        if wanted.is_some() && of_platform(&pulled.contents[..1], wanted).is_none() {
            let found = [platforms(&pulled.contents[..1]), pulled.others.join(", ")];
            let found: Vec<String> = found.into_iter().filter(|it| !it.is_empty()).collect();
            return Err(without_platform(image, which.shown, &found.join(", ")));
        }
        let mut referrers = Vec::new();
        for subject in &pulled.digests {
            match about(api.as_ref(), subject).await {
                Ok(found) => referrers.extend(found),
                // The image itself was read, and that is what was asked for.
                Err(error) => self
                    .events
                    .note(format!("what is about the image cannot be read: {error}")),
            }
        }
        Ok(LookedAt {
            contents: pulled.contents,
            others: pulled.others,
            referrers,
        })
    }
}

/// Which image is shown where there are several.
#[derive(Debug, Clone, Default)]
pub struct ShownImage {
    /// That for this platform; unset: for this machine's, else the first.
    pub platform: Option<Platform>,
    /// Of a layout the image of this name: the layout's, that of the policy which it is a leg of, or its digest.
    pub name: Option<String>,
}

/// What is in a file, that which is shown first.
pub(super) fn on_disk(path: &Path, shown: &ShownImage) -> Result<Vec<Contents>> {
    let all = read(path, shown, true)?;
    match shown.platform.is_some() && of_platform(&all, shown.platform.as_ref()).is_none() {
        true => Err(without_platform(
            &path.display().to_string(),
            shown,
            &platforms(&all),
        )),
        false => Ok(all),
    }
}

/// What is in the file that another image is compared with, which may hold one image of whatever name.
pub(super) fn compared_on_disk(path: &Path, shown: &ShownImage) -> Result<Vec<Contents>> {
    read(path, shown, false)
}

fn read(path: &Path, shown: &ShownImage, is_named: bool) -> Result<Vec<Contents>> {
    let folder = temporary()?;
    let cancel = CancellationToken::new();
    let store = Store::new(folder.path());
    let wanted = WantedImage {
        looks_at: Some(path.display().to_string()),
        references: shown.name.iter().cloned().collect(),
        is_named: is_named && shown.name.is_some(),
        ..WantedImage::default()
    };
    let image = layout::adopt(path, &store, &wanted, &Events::none(), &cancel)?;
    runnable(layout::contents(&image)?, shown)
}

/// There is no image for the platform that was asked for.
fn without_platform(image: &str, shown: &ShownImage, found: &str) -> Error {
    let wanted = shown.platform.as_ref().map(Platform::in_full);
    let error = Error::refused(format!(
        "`{}` has no image for {}",
        sanitize_line(image, 300),
        wanted.unwrap_or_default()
    ))
    .state("nothing was shown");
    match found {
        "" => error,
        found => error.cause(format!("it has one for {found}")),
    }
}

fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir()
        .map_err(|error| Error::failed("cannot make a temporary folder").because(&error))
}

/// Which images are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'p> {
    pub(super) shown: &'p ShownImage,
    /// Those of all platforms, that which is shown first.
    pub(super) all: bool,
    /// Another image is compared with it: it may lack the platform, and have another name.
    pub(super) compared: bool,
}

/// Puts that which is shown first: the image for the platform that is wanted, else for this machine's.
fn shown_first<T>(
    all: &mut [T],
    wanted: Option<&Platform>,
    platform: impl Fn(&T) -> Option<&Platform>,
) {
    // One of which nobody knows whether it runs is the last that is shown.
    all.sort_by_key(|one| {
        (
            !platform(one).is_some_and(Platform::is_native),
            platform(one).is_none(),
        )
    });
    let places = 0..all.len();
    if let Some(place) = wanted.and_then(|it| it.nearest(places, |place| platform(&all[*place]))) {
        all[..=place].rotate_right(1);
    }
}

/// The image for a platform. One that names none is for every platform.
pub(super) fn of_platform<'c>(
    all: &'c [Contents],
    wanted: Option<&Platform>,
) -> Option<&'c Contents> {
    let Some(wanted) = wanted else {
        return all.first();
    };
    let near = wanted.nearest(all, |one| one.platform.as_ref());
    near.or_else(|| all.iter().find(|one| one.platform.is_none()))
}

/// The platforms of images, for a sentence.
pub(super) fn platforms(all: &[Contents]) -> String {
    let names = all.iter().filter_map(|one| one.platform.as_ref());
    let names: Vec<_> = names.map(Platform::in_full).collect();
    names.join(", ")
}

/// An image on disk or in a registry.
pub(super) struct LookedAt {
    /// Its platforms' images that were read, at least one unless one platform was asked for: that which is shown is
    /// first.
    pub(super) contents: Vec<Contents>,
    /// The platforms that are not shown.
    pub(super) others: Vec<String>,
    /// What its registry lists as being about it.
    pub(super) referrers: Vec<ReferrerReport>,
}

/// The platforms behind the first.
pub(super) fn others_of(all: &[Contents]) -> Vec<String> {
    let others = all.iter().skip(1).filter_map(|one| one.platform.as_ref());
    others.map(Platform::in_full).collect()
}

/// At least one image, that which is shown first.
fn runnable(mut all: Vec<Contents>, shown: &ShownImage) -> Result<Vec<Contents>> {
    shown_first(&mut all, shown.platform.as_ref(), |one| {
        one.platform.as_ref()
    });
    match all.is_empty() {
        true => Err(Error::refused("it is not an image that runs")),
        false => Ok(all),
    }
}

/// Images of one index, or one that stands alone.
struct Pulled {
    /// That which is shown is the first.
    contents: Vec<Contents>,
    /// The platforms of the index but for the first.
    others: Vec<String>,
    /// What was asked for, and the images of the platforms where those are other ones.
    digests: Vec<Digest>,
}

/// Pulls the images of some platforms into a temporary folder and reads what is in them.
async fn pulled(
    api: &dyn RepositoryApi,
    what: &TagOrDigest,
    which: Which<'_>,
    failed: &str,
) -> Result<Pulled> {
    let told = |error| errors::registry(failed, &error);
    let gone = || Error::refused(failed).cause("the registry does not have it");
    let top = api.manifest(what).await.map_err(told)?.ok_or_else(gone)?;
    let mut children: Vec<Descriptor> = if top.media_type.is_index() {
        let index: Index = serde_json::from_slice(&top.bytes)
            .map_err(|error| Error::failed(failed).because(&error))?;
        let mut children = Vec::new();
        for child in index.manifests {
            children.extend(with_platform(api, child).await);
        }
        let wanted = which.shown.platform.as_ref();
        shown_first(&mut children, wanted, |child| child.platform.as_ref());
        children
    } else {
        vec![top.descriptor()]
    };
    let others = children.iter().skip(1).map(|child| match &child.platform {
        Some(platform) => platform.in_full(),
        None => format!("no platform ({})", child.digest),
    });
    let mut others: Vec<String> = others.collect();
    match &which.shown.platform {
        _ if which.all => {}
        Some(wanted) if which.compared => {
            let fits =
                |child: &Descriptor| child.platform.as_ref().is_none_or(|has| has.is_for(wanted));
            children.retain(fits);
        }
        Some(_) | None => children.truncate(1),
    }
    let mut digests = vec![top.digest().clone()];
    let mut contents = Vec::new();
    for child in children {
        if child.digest != digests[0] {
            digests.push(child.digest.clone());
        }
        let tree = image_tree::tree(api, &child.digest.into()).await;
        let tree = tree.map_err(told)?.ok_or_else(gone)?;
        let found = contents_of(api, tree, which.shown).await?.map_err(told)?;
        if contents.is_empty() {
            // An index in the index.
            others.extend(others_of(&found));
        }
        contents.extend(found);
    }
    if contents.is_empty() && !which.compared {
        return Err(gone());
    }
    Ok(Pulled {
        contents,
        others,
        digests,
    })
}

/// An entry of an index, if it may be an image that runs. Where it names no platform, the image's configuration does;
/// where that cannot be read, or names several, it stays without one.
async fn with_platform(api: &dyn RepositoryApi, mut child: Descriptor) -> Option<Descriptor> {
    if child.is_attestation() {
        return None;
    }
    if child.platform.is_none()
        && let Ok(Some(tree)) = image_tree::tree(api, &child.digest.clone().into()).await
        && let Ok(images) = image_tree::runnable(api, &tree).await
    {
        let mut platforms = images.iter().filter_map(Runnable::platform);
        match (platforms.next(), platforms.next()) {
            (Some(one), None) => child.platform = Some(one.clone()),
            // Nothing in it runs.
            (None, _) if images.is_empty() => return None,
            (Some(_), Some(_)) | (None, _) => {}
        }
    }
    Some(child)
}

/// Pulls an image into a temporary folder and reads what is in it.
async fn contents_of(
    api: &dyn RepositoryApi,
    tree: image_tree::ImageTree,
    shown: &ShownImage,
) -> Result<std::result::Result<Vec<Contents>, RegistryError>> {
    let folder = temporary()?;
    let image = Image {
        dir: folder.path().to_owned(),
        manifest: tree.manifest,
        children: tree.children,
        blobs: tree.blobs,
        listed: std::collections::BTreeMap::new(),
        of_layout: std::collections::BTreeMap::new(),
    };
    fs::create_dir_all(folder.path().join("blobs/sha256"))
        .map_err(|error| Error::failed("cannot make a temporary folder").because(&error))?;
    let fetch = |blob| api.fetch_blob(blob, image.blob_path(&blob.digest));
    let blobs: Vec<_> = image.blobs.iter().map(fetch).collect();
    let fetched = futures_util::stream::iter(blobs).buffer_unordered(AT_ONCE);
    match fetched.try_collect::<()>().await {
        Ok(()) => Ok(Ok(runnable(layout::contents(&image)?, shown)?)),
        Err(error) => Ok(Err(error)),
    }
}
