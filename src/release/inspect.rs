//! `inspect`: an image from a registry or from disk, laid open and compared with another.

use std::{
    fs,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt};
use semver::Version;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorCode, Result},
    event::Events,
    io::{
        layout::{self, Store, WantedImage},
        registry::{RepositoryApi, image_tree},
    },
    oci::{
        Contents, Descriptor, Digest, Image, ImageName, Index, Platform, Reference, Repository,
        Tag, TagOrDigest,
    },
    plan::{
        inspect::{Before, PastSize, ReferrerReport, Report, budget::judge, inspect},
        tags::{ExactTags, TagRules},
    },
    release::{
        errors, facade::Release, image_size::published_layers, inspected::meant, referrers::about,
    },
};

/// What is looked at where nothing is named.
static MAIN: ImageName = ImageName::main();

/// Blobs on their way at once.
const AT_ONCE: usize = 4;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// A version, a reference, an OCI layout or archive on disk, or the name of an image of the policy; unset:
    /// the last release of the main image.
    pub image: Option<String>,
    /// What to compare it with, the same; unset: of a version, the release before it.
    pub since: Option<String>,
    /// Judge the image by `[image.budget]`; an image on disk is then compared with the last release.
    pub budget: bool,
    /// Read the sizes of so many past releases.
    pub past: usize,
}

/// Looks at images on disk alone; needs no repository.
///
/// # Errors
/// Usage or failed: a path is not an image that can be read.
pub fn inspect_path(path: &Path, since: Option<&Path>) -> Result<Report> {
    let name = |path: &Path| path.display().to_string();
    let contents = on_disk(path)?;
    let other = since.map(|path| Ok::<_, Error>((name(path), on_disk(path)?)));
    let other = other.transpose()?;
    let other = other.as_ref().map(|(name, other)| (&**name, other));
    Ok(inspect(&name(path), &contents, other))
}

impl Release {
    /// Looks at an image and compares it with another.
    ///
    /// # Errors
    /// An image cannot be read, or nothing was released yet.
    pub async fn inspect(&self, look: &InspectOptions) -> Result<Report> {
        self.or_signal(self.report(look)).await
    }

    async fn report(&self, look: &InspectOptions) -> Result<Report> {
        if let Some(since) = &look.since {
            meant(self.policy(), since)?;
        }
        let (image, name) = match &look.image {
            Some(text) => self.meant_reference(text).await?,
            None => (self.last_release(&MAIN).await?, ImageName::main()),
        };
        let (contents, referrers) = self.contents(&image).await?;
        let since = match &look.since {
            Some(since) => Some(self.meant_reference(since).await?.0),
            None if look.budget && Path::new(&image).exists() => self.any_release(&name).await?,
            None => self.release_before(&image).await?,
        };
        let other = match since {
            Some(since) => Some((since.clone(), self.contents(&since).await?.0)),
            None => None,
        };
        let other = other.as_ref().map(|(name, other)| (&**name, other));
        let mut report = inspect(&image, &contents, other);
        report.referrers = referrers;
        if look.past > 0 {
            report.past = self
                .past(&image, contents.platform.as_ref(), look.past)
                .await?;
        }
        if look.budget {
            let before = other.map(|(name, other)| before(name, other));
            let budget = self.policy().image_policy(&name).budget;
            report.over_budget = judge(&budget, &report, before.as_ref(), None);
        }
        Ok(report)
    }

    /// The sizes of the newest releases below the image's version, or of all, the oldest first.
    async fn past(
        &self,
        image: &str,
        platform: Option<&Platform>,
        count: usize,
    ) -> Result<Vec<PastSize>> {
        let on_disk = Path::new(image).exists();
        let reference = image.parse::<Reference>().ok().filter(|_| !on_disk);
        let repository = match &reference {
            Some(reference) => Some(reference.repository.clone()),
            None => self.policy().repositories().into_iter().next(),
        };
        let Some(repository) = repository else {
            return Ok(Vec::new());
        };
        let now = reference.and_then(|reference| version(reference.tag.as_ref()?));
        let mut versions = self.versions(&repository).await?;
        versions.retain(|(one, _)| one.pre.is_empty() && now.as_ref().is_none_or(|now| one < now));
        versions.sort_by(|a, b| b.0.cmp(&a.0));
        versions.dedup_by(|a, b| a.0 == b.0);
        versions.truncate(count);
        let api = self.apis(std::slice::from_ref(&repository))?.remove(0);
        let mut all = Vec::new();
        for (version, tag) in versions.into_iter().rev() {
            let found = published_layers(api.as_ref(), &tag.clone().into(), platform).await;
            let failed = || format!("cannot read {}", repository.tag(&tag));
            let found = found.map_err(|error| errors::registry(&failed(), &error))?;
            all.extend(found.map(|found| PastSize {
                name: version.to_string(),
                size: found.size,
            }));
        }
        Ok(all)
    }

    /// The last release, where there is one.
    async fn any_release(&self, image: &ImageName) -> Result<Option<String>> {
        match self.last_release(image).await {
            Ok(release) => Ok(Some(release)),
            Err(error) if error.code() == ErrorCode::NotReleased => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an image holds, and what its registry lists as being about it.
    async fn contents(&self, image: &str) -> Result<(Contents, Vec<ReferrerReport>)> {
        let path = PathBuf::from(image);
        if path.exists() {
            return Ok((on_disk(&path)?, Vec::new()));
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
        let pulled = pulled(api.as_ref(), &what, &failed).await?;
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
        Ok((pulled.contents, referrers))
    }

    /// The highest version of an image that its first repository shows.
    pub(super) async fn last_release(&self, image: &ImageName) -> Result<String> {
        let repositories = self.policy().repositories_of(&image.plain());
        let repository = repositories.into_iter().next();
        let repository = repository.ok_or_else(|| {
            Error::usage("no image is named, and there is no `image.repository`")
                .with_code(ErrorCode::NoRepository)
                .hint("hoist inspect docker.io/acme/api:1.2.3")
        })?;
        let mut versions = self.versions(&repository).await?;
        if image.variant().is_some() {
            let rules = TagRules::in_repository(self.policy(), &repository);
            let reader = ExactTags::new(&rules, []);
            let own = |tag: &Tag| {
                reader
                    .read(tag.as_str())
                    .is_some_and(|(read, _)| read == image)
            };
            versions.retain(|(_, tag)| own(tag));
        }
        match versions
            .into_iter()
            .max_by(|a, b| order(&a.0).cmp(&order(&b.0)))
        {
            Some((_, tag)) => Ok(repository.tag(&tag)),
            None => Err(Error::refused(format!("{repository} has no release yet"))
                .with_code(ErrorCode::NotReleased)),
        }
    }

    /// The plain version below the one that `image` is tagged with, if it is one.
    async fn release_before(&self, image: &str) -> Result<Option<String>> {
        let Ok(reference) = image.parse::<Reference>() else {
            return Ok(None);
        };
        let version = reference.tag.as_ref().and_then(version);
        let Some(version) = version.filter(|_| !Path::new(image).exists()) else {
            return Ok(None);
        };
        let versions = self.versions(&reference.repository).await?;
        let before = versions
            .into_iter()
            .filter(|(other, _)| other.pre.is_empty() && *other < version)
            .max_by(|a, b| a.0.cmp(&b.0));
        Ok(before.map(|(_, tag)| reference.repository.tag(&tag)))
    }

    pub(super) async fn versions(&self, repository: &Repository) -> Result<Vec<(Version, Tag)>> {
        let api = self.apis(std::slice::from_ref(repository))?.remove(0);
        let tags = api.tags().await;
        let tags = tags.map_err(|error| {
            errors::registry(&format!("cannot list the tags of {repository}"), &error)
        })?;
        Ok(tags
            .into_iter()
            .filter_map(|tag| Some((version(&tag)?, tag)))
            .collect())
    }
}

/// Plain versions before pre-releases.
fn order(version: &Version) -> (bool, &Version) {
    (version.pre.is_empty(), version)
}

fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str();
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

fn before(name: &str, other: &Contents) -> Before {
    let report = inspect(name, other, None);
    Before {
        name: name.to_owned(),
        size: report.size,
        layers: report
            .layers
            .into_iter()
            .map(|layer| layer.digest)
            .collect(),
    }
}

fn on_disk(path: &Path) -> Result<Contents> {
    let folder = temporary()?;
    let cancel = CancellationToken::new();
    let store = Store::new(folder.path());
    let image = layout::adopt(
        path,
        &store,
        &WantedImage::default(),
        &Events::none(),
        &cancel,
    )?;
    runnable(layout::contents(&image)?)
}

fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir()
        .map_err(|error| Error::failed("cannot make a temporary folder").because(&error))
}

/// Of several platforms this machine's, else the first.
fn runnable(all: Vec<Contents>) -> Result<Contents> {
    let own = all
        .iter()
        .position(|one| one.platform.as_ref().is_some_and(Platform::is_native));
    all.into_iter()
        .nth(own.unwrap_or(0))
        .ok_or_else(|| Error::refused("it is not an image that runs"))
}

/// One platform's image.
struct Pulled {
    contents: Contents,
    /// What was asked for, and the image of the platform where that is another one.
    digests: Vec<Digest>,
}

/// Pulls one platform's image into a temporary folder and reads what is in it.
async fn pulled(api: &dyn RepositoryApi, what: &TagOrDigest, failed: &str) -> Result<Pulled> {
    let told = |error| errors::registry(failed, &error);
    let gone = || Error::refused(failed).cause("the registry does not have it");
    let top = api.manifest(what).await.map_err(told)?.ok_or_else(gone)?;
    let digest: Digest = if top.media_type.is_index() {
        let index: Index = serde_json::from_slice(&top.bytes)
            .map_err(|error| Error::failed(failed).because(&error))?;
        let runs = |child: &&Descriptor| !child.platform.as_ref().is_some_and(Platform::is_unknown);
        let own = |child: &&Descriptor| child.platform.as_ref().is_some_and(Platform::is_native);
        let child = index
            .manifests
            .iter()
            .find(own)
            .or_else(|| index.manifests.iter().find(runs));
        child.ok_or_else(gone)?.digest.clone()
    } else {
        top.digest().clone()
    };
    let mut digests = vec![top.digest().clone()];
    if digest != digests[0] {
        digests.push(digest.clone());
    }
    let tree = image_tree::tree(api, &digest.into())
        .await
        .map_err(told)?
        .ok_or_else(gone)?;
    let folder = temporary()?;
    let image = Image {
        dir: folder.path().to_owned(),
        manifest: tree.manifest,
        children: tree.children,
        blobs: tree.blobs,
    };
    fs::create_dir_all(folder.path().join("blobs/sha256"))
        .map_err(|error| Error::failed("cannot make a temporary folder").because(&error))?;
    let fetch = |blob| api.fetch_blob(blob, image.blob_path(&blob.digest));
    let blobs: Vec<_> = image.blobs.iter().map(fetch).collect();
    futures_util::stream::iter(blobs)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
        .map_err(told)?;
    Ok(Pulled {
        contents: runnable(layout::contents(&image)?)?,
        digests,
    })
}
