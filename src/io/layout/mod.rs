//! Images on disk: whatever a builder or an engine produces becomes one verified OCI layout.
//!
//! Accepted are OCI layouts (a directory or a tar archive, plain or with gzip or zstd) and `docker
//! save` archives in all their forms. A layout's manifests and layers keep their bytes, whatever
//! their types and annotations; what `docker save` or an engine's export holds without compression
//! is packed, and hoist writes its manifest. Every blob is hashed, every layer that can be unpacked
//! is unpacked once and compared with its diff id, and an image that lacks anything is refused.
//! Memory does not grow with the image.
//!
//! Every function here blocks: call it from a thread that may.

mod archive;
mod blobs;
mod cache;
mod collection;
mod contents;
mod document;
mod entries;
mod error;
mod files;
mod form;
mod gather;
mod glance;
mod hold;
mod incoming;
mod marked;
mod own_manifest;
mod pack;
mod parallel;
mod pushed;
mod role;
mod runnable;
mod select;
mod source;
#[cfg(test)]
mod tests;
mod top;
mod unknown;
mod unpack;
mod write;

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use collection::{Collection, TakenImage};
pub use contents::{contents, outlines};
pub use glance::{ImageAtHand, glance};
pub(crate) use incoming::{Incoming, IncomingBlob};
pub use marked::is_marked;
pub(crate) use pushed::{PushedBlob, PushedImage};
pub use runnable::runnable;
pub use select::WantedImage;
pub use write::{LayoutEntry, write};

use self::{
    archive::Archive,
    blobs::Blobs,
    cache::LayerCache,
    error::disk,
    files::private_dir,
    form::{LayoutForm, located},
    gather::gather,
    hold::Holds,
    source::{LayoutOrigin, Source},
};
use crate::{
    error::{Error, ErrorCode, Result},
    event::Events,
    oci::{Digest, Image, Index, Platform},
    regular_file,
};

/// What the name of a directory begins with in which an image is being collected.
const STAGING: &str = ".taking-";

/// The images on this machine: `ROOT/images/<hex of the digest>`, and packed layers of earlier
/// releases in `ROOT/layers`. Only the owner can read them.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    images: PathBuf,
    holds: Holds,
}

impl Store {
    /// A store below `root`. The directory is made when the store is first used.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            images: root.join("images"),
            root,
            holds: Holds::default(),
        }
    }

    /// The same store with its images in a folder of their own below `ROOT/images`, which other policies
    /// of this clone do not see.
    #[must_use]
    pub fn apart(mut self, folder: &str) -> Self {
        self.images.push(folder);
        self
    }

    /// The directory that holds images and layers.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the image with this digest, which need not exist.
    #[must_use]
    pub fn image_dir(&self, digest: &Digest) -> PathBuf {
        self.images.join(digest.hex())
    }

    /// Reads a stored image and verifies every byte of it.
    ///
    /// # Errors
    /// The image is not there, is not whole, or has another digest.
    pub fn open(&self, digest: &Digest, cancel: &CancellationToken) -> Result<Image> {
        let dir = self.image_dir(digest);
        if !dir.is_dir() {
            return Err(Error::failed(format!(
                "the image {} is not on this machine",
                digest.short()
            )));
        }
        let blobs = Blobs::create(&dir, cancel.clone())?;
        let source = Source::new(LayoutOrigin::InPlace, blobs);
        let top = source.top_of_layout(&WantedImage::default(), &Events::none())?;
        let collected = gather(&source, top)?;
        if collected.image.manifest.digest() != digest {
            return Err(error::broken(format!(
                "`{}` holds another image",
                dir.display()
            )));
        }
        Ok(collected.image)
    }

    /// Lets nobody remove the image with this digest, and makes its directory where there is none yet,
    /// until [`Store::let_go`]. What this store has collected is held already.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn hold(&self, digest: &Digest) -> Result<()> {
        let dir = self.image_dir(digest);
        self.holds.hold_new(&dir).map_err(|e| disk("use", &dir, &e))
    }

    /// Lets nobody remove any image that is there now, until [`Store::let_go`].
    pub fn hold_all(&self) {
        for dir in self.stored() {
            // One that cannot be held is one that somebody is removing.
            let _ = self.holds.hold(&dir);
        }
    }

    /// This process uses no image any more. Others may remove them.
    pub fn let_go(&self) {
        self.holds.let_go();
    }

    /// Removes the image with this digest, unless another process uses it.
    ///
    /// # Errors
    /// The directory cannot be removed.
    pub fn remove(&self, digest: &Digest) -> Result<()> {
        self.remove_dir(&self.image_dir(digest))
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        let failed = |e: &std::io::Error| disk("remove", dir, e);
        if !dir.is_dir() {
            return Ok(());
        }
        let gone = staging_in(&self.images).map_err(|e| failed(&e))?;
        match self.holds.retire(dir, &gone.path().join("image")) {
            Ok(true) => gone.close().map_err(|e| failed(&e)),
            Ok(false) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes the images that no process uses. Their layers stay in the cache for the next release.
    ///
    /// # Errors
    /// A directory cannot be removed.
    pub fn prune(&self, keep: &[&Digest]) -> Result<()> {
        for dir in self.stored() {
            if !keep.iter().any(|digest| dir.ends_with(digest.hex())) {
                self.remove_dir(&dir)?;
            }
        }
        Ok(())
    }

    /// The directories of all images.
    fn stored(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.images).into_iter().flatten().flatten();
        entries
            .filter(|entry| {
                let name = entry.file_name();
                !name.as_encoded_bytes().starts_with(STAGING.as_bytes())
            })
            .map(|entry| entry.path())
            .collect()
    }
}

/// Stores the image at `path`: an OCI layout directory, or an archive in any of the known forms.
///
/// # Errors
/// [`crate::error::ErrorKind::Failed`] when the image is not there, is not whole, or does not match
/// its digests; [`crate::error::ErrorKind::Refused`] when there are several images and `wanted`
/// does not decide between them, or when the image lacks a wanted platform.
pub fn adopt(
    path: &Path,
    store: &Store,
    wanted: &WantedImage,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    let missing = |e: &std::io::Error| {
        Error::failed(format!("cannot read the image at `{}`", path.display()))
            .with_code(ErrorCode::ImageUnusable)
            .because(e)
            .state("nothing was published")
            .hint("`image.build.layout` names an OCI layout or a `docker save` archive; `image.build.command` is the program that makes it")
    };
    let metadata = fs::metadata(path).map_err(|e| missing(&e))?;
    let mut form = LayoutForm::default();
    let taken = if metadata.is_dir() {
        collect(store, wanted, events, cancel, &mut form, |_, _| {
            Ok(LayoutOrigin::Directory(path.to_owned()))
        })
    } else if metadata.is_file() {
        let file = regular_file::open(path).map_err(|e| missing(&e))?;
        collect(store, wanted, events, cancel, &mut form, |blobs, form| {
            Archive::read(file, blobs, &mut form.packing).map(LayoutOrigin::Archive)
        })
    } else {
        return Err(Error::failed(format!(
            "`{}` is neither a directory nor a file",
            path.display()
        ))
        .with_code(ErrorCode::ImageUnusable)
        .state("nothing was published")
        .hint("`image.build.layout` names an OCI layout or a `docker save` archive"));
    };
    taken.map_err(|error| located(error, path, form))
}

/// Stores an image from a stream, such as an engine's export.
///
/// # Errors
/// As [`adopt`].
pub fn adopt_archive(
    archive: impl Read,
    store: &Store,
    wanted: &WantedImage,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    let mut form = LayoutForm::default();
    let taken = collect(store, wanted, events, cancel, &mut form, |blobs, form| {
        Archive::read(archive, blobs, &mut form.packing).map(LayoutOrigin::Archive)
    });
    taken.map_err(|error| match error.state_now() {
        None => error.state("nothing was published"),
        Some(_) => error,
    })
}

/// Collects an image in a temporary directory, and gives the directory its name when the image is
/// whole.
fn collect(
    store: &Store,
    wanted: &WantedImage,
    events: &Events,
    cancel: &CancellationToken,
    form: &mut LayoutForm,
    origin: impl FnOnce(&Blobs, &mut LayoutForm) -> Result<LayoutOrigin>,
) -> Result<Image> {
    let images = &store.images;
    private_dir(images)?;
    remove_stale(images);
    let staging = staging_in(images).map_err(|e| disk("write into", images, &e))?;
    let blobs = Blobs::create(staging.path(), cancel.clone())?;
    let origin = origin(&blobs, form)?;
    let mut source = Source::new(origin, blobs);
    let cache = LayerCache::new(&store.root.join("layers"))?;
    let format = source.format()?;
    form.format = Some(format);
    let top = source.top(format, wanted, &cache, events)?;
    let collected = gather(&source, top)?;
    check_platforms(&collected.platforms, &wanted.platforms)?;

    settle(
        store,
        staging.path(),
        source.blobs(),
        collected.image,
        cancel,
    )
}

/// Gives the directory in which an image was collected the image's name.
fn settle(
    store: &Store,
    staging: &Path,
    blobs: &Blobs,
    image: Image,
    cancel: &CancellationToken,
) -> Result<Image> {
    let mut keep: Vec<&Digest> = image.blobs.iter().map(|blob| &blob.digest).collect();
    keep.extend(image.children.iter().map(crate::oci::Manifest::digest));
    keep.push(image.manifest.digest());
    blobs.retain(&keep)?;
    write_layout(staging, &image)?;
    let dir = store.image_dir(image.manifest.digest());
    let open = || store.open(image.manifest.digest(), cancel).ok();
    let there = store.holds.place(staging, &dir, open);
    let there = there.map_err(|e| disk("write", &dir, &e))?;
    let there = there.map(|there| Image {
        listed: image.listed.clone(),
        of_layout: image.of_layout.clone(),
        ..there
    });
    Ok(there.unwrap_or(Image { dir, ..image }))
}

/// A directory for an image that is being collected, or removed. What a killed process leaves of it is
/// removed a day later.
fn staging_in(images: &Path) -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix(STAGING)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(images)
}

/// Removes what killed runs have left behind: directories that are older than any running build.
fn remove_stale(images: &Path) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    for entry in fs::read_dir(images).into_iter().flatten().flatten() {
        let staging = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(STAGING.as_bytes());
        let age = entry.metadata().and_then(|m| m.modified());
        if staging && age.is_ok_and(|then| then.elapsed().is_ok_and(|age| age > DAY)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The files that make a directory of blobs an OCI layout.
fn write_layout(dir: &Path, image: &Image) -> Result<()> {
    let index = Index::new(vec![image.manifest.descriptor()]);
    let layout = serde_json::json!({ "imageLayoutVersion": "1.0.0" });
    for (name, bytes) in [
        ("oci-layout", layout.to_string().into_bytes().into()),
        ("index.json", index.to_manifest().bytes),
    ] {
        let path = dir.join(name);
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|e| disk("write", &path, &e))?;
    }
    Ok(())
}

fn check_platforms(has: &[Platform], wanted: &[Platform]) -> Result<()> {
    let lacks = |wanted: &&Platform| !has.iter().any(|has| has.satisfies(wanted));
    let Some(missing) = wanted.iter().find(lacks) else {
        return Ok(());
    };
    let has: Vec<String> = has.iter().map(Platform::in_full).collect();
    Err(Error::refused(format!(
        "the image is not for `{missing}`, which `image.build.platforms` asks for"
    ))
    .cause(format!("it is for {}", has.join(", ")))
    .state("nothing was published")
    .hint("let its builder make it for that platform, too, or take the platform out of `image.build.platforms`"))
}
