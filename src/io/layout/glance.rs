//! A layout that lies there, looked at without taking it: of its blobs, documents alone are read.

use std::{collections::BTreeMap, path::Path};

use tokio_util::sync::CancellationToken;

use super::{
    blobs::Blobs,
    error::disk,
    form::{LayoutForm, LayoutFormat, located},
    gather::documents,
    runnable::runnable,
    select::WantedImage,
    source::{LayoutOrigin, Source},
};
use crate::{
    error::Result,
    event::Events,
    oci::{Digest, Runnable},
};

/// What a layout tells of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageAtHand {
    /// The manifest or index that would be published.
    pub digest: Digest,
    /// Each image that can run.
    pub runnable: Vec<Runnable>,
    /// The annotations of its entry in `index.json`.
    pub listed: BTreeMap<String, String>,
}

/// Looks at the OCI layout in the directory `path`. `None`: there is none, or its image is known only when
/// it was taken: an archive, or what an engine saved.
///
/// # Errors
/// It cannot be used; the error is the one of [`super::adopt`].
pub fn glance(path: &Path, wanted: &WantedImage) -> Result<Option<ImageAtHand>> {
    if !path.join("index.json").is_file() {
        return Ok(None);
    }
    let mut form = LayoutForm::default();
    look(path, wanted, &mut form).map_err(|error| located(error, path, form))
}

fn look(path: &Path, wanted: &WantedImage, form: &mut LayoutForm) -> Result<Option<ImageAtHand>> {
    let place = tempfile::tempdir().map_err(|e| disk("write into", &std::env::temp_dir(), &e))?;
    let blobs = Blobs::create(place.path(), CancellationToken::new())?;
    let source = Source::new(LayoutOrigin::Directory(path.to_owned()), blobs);
    let format = source.format()?;
    form.format = Some(format);
    if format != LayoutFormat::Oci {
        return Ok(None);
    }
    let top = source.top_of_layout(wanted, &Events::none())?;
    let image = documents(&source, &top)?;
    Ok(Some(ImageAtHand {
        digest: image.manifest.digest().clone(),
        runnable: runnable(&image)?,
        listed: image.listed,
    }))
}
