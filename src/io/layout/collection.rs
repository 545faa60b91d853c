//! A place where the parts of one image are put together: from several layouts and archives, and from
//! registries. What is put there is hashed, and becomes an image of the store when all is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    archive::Archive,
    blobs::Blobs,
    cache::LayerCache,
    document::parse,
    error::disk,
    files::private_dir,
    form::{LayoutForm, LayoutFormat, located},
    gather::gather,
    remove_stale,
    select::WantedImage,
    settle,
    source::{LayoutOrigin, Source},
};
use crate::{
    error::{Error, ErrorCode, Result},
    event::Events,
    oci::{Descriptor, Digest, Image, Index, Manifest},
    regular_file,
};

/// Content from several places on its way into the store.
pub struct Collection {
    store: Store,
    staging: TempDir,
    blobs: Blobs,
    cache: LayerCache,
    cancel: CancellationToken,
}

/// One image of a layout.
pub struct TakenImage {
    /// The entry of the layout's `index.json`.
    pub entry: Descriptor,
    /// The image, verified, with its blobs in the collection.
    pub image: Image,
}

impl Collection {
    /// An empty collection on the disk of `store`.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn begin(store: &Store, cancel: &CancellationToken) -> Result<Self> {
        let images = &store.images;
        private_dir(images)?;
        remove_stale(images);
        let staging = super::staging_in(images).map_err(|e| disk("write into", images, &e))?;
        Ok(Self {
            blobs: Blobs::create(staging.path(), cancel.clone())?,
            cache: LayerCache::new(&store.root.join("layers"))?,
            store: store.clone(),
            cancel: cancel.clone(),
            staging,
        })
    }

    /// Takes the images of the layout or archive at `path` that have the annotation `mark`, or where
    /// none has it the one that `wanted` decides for. Blocks.
    ///
    /// # Errors
    /// As [`adopt`](super::adopt), but for the platforms: those are for whoever puts the parts together.
    pub fn take(
        &self,
        path: &Path,
        wanted: &WantedImage,
        mark: &str,
        events: &Events,
    ) -> Result<Vec<TakenImage>> {
        let mut form = LayoutForm::default();
        let taken = self.take_from(path, wanted, mark, events, &mut form);
        taken.map_err(|error| located(error, path, form))
    }

    fn take_from(
        &self,
        path: &Path,
        wanted: &WantedImage,
        mark: &str,
        events: &Events,
        form: &mut LayoutForm,
    ) -> Result<Vec<TakenImage>> {
        let missing = |e: &std::io::Error| {
            Error::failed(format!("cannot read the image at `{}`", path.display()))
                .with_code(ErrorCode::ImageUnusable)
                .because(e)
                .state("nothing was published")
        };
        let origin = match fs::metadata(path).map_err(|e| missing(&e))?.is_dir() {
            true => LayoutOrigin::Directory(path.to_owned()),
            false => {
                let file = regular_file::open(path).map_err(|e| missing(&e))?;
                let archive = Archive::read(file, &self.blobs, &mut form.packing)?;
                LayoutOrigin::Archive(archive)
            }
        };
        let mut source = Source::new(origin, self.blobs.clone());
        let format = source.format()?;
        form.format = Some(format);
        let mut entries = match format {
            LayoutFormat::Saved => Vec::new(),
            LayoutFormat::Oci | LayoutFormat::SavedOci => marked(&source, mark)?,
        };
        if entries.is_empty() {
            entries.push(source.top(format, wanted, &self.cache, events)?);
        }
        let take = |entry: Descriptor| {
            let collected = gather(&source, entry.clone())?;
            let image = collected.image;
            Ok(TakenImage { entry, image })
        };
        entries.into_iter().map(take).collect()
    }

    /// Puts a document into the collection.
    ///
    /// # Errors
    /// The disk cannot take it.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        Ok(self.blobs.put(bytes)?.digest)
    }

    /// The file into which whoever fetches this blob writes it. Its content has to be checked then.
    #[must_use]
    pub fn room_for(&self, digest: &Digest) -> PathBuf {
        self.blobs.path(digest)
    }

    /// A document of the collection.
    ///
    /// # Errors
    /// It is not there, or is too long for a document.
    pub fn document(&self, digest: &Digest) -> Result<Vec<u8>> {
        let stored = self.blobs.find(digest);
        let stored =
            stored.ok_or_else(|| super::error::broken(format!("blob {digest} is missing")))?;
        self.blobs.document(&stored)
    }

    /// Makes an image of the store from what is here. Blobs that registries hold need not be here.
    /// Blocks.
    ///
    /// # Errors
    /// The disk cannot take it.
    pub fn finish(
        self,
        manifest: Manifest,
        children: Vec<Manifest>,
        blobs: Vec<Descriptor>,
    ) -> Result<Image> {
        for document in children.iter().chain([&manifest]) {
            self.put(&document.bytes)?;
        }
        let image = Image {
            dir: self.staging.path().to_owned(),
            manifest,
            children,
            blobs,
            listed: BTreeMap::new(),
            of_layout: BTreeMap::new(),
        };
        settle(
            &self.store,
            self.staging.path(),
            &self.blobs,
            image,
            &self.cancel,
        )
    }
}

/// The entries of a layout's `index.json` that have the annotation, each image once.
fn marked(source: &Source, mark: &str) -> Result<Vec<Descriptor>> {
    let Some(index) = source.document("index.json")? else {
        return Ok(Vec::new());
    };
    let index: Index = parse(&index, "`index.json`")?;
    let mut entries = index.manifests;
    entries.retain(|entry| entry.annotations.contains_key(mark));
    Ok(entries)
}
