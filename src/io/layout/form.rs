//! The form of what somebody hands over: directory or archive, its packing, and whose format it is.
//! Refusals name it.

use std::{fmt, path::Path};

use super::{
    error::{THE_IMAGE, UNREADABLE, UNUSABLE},
    unpack::Packing,
};
use crate::error::{Error, ErrorCode};

/// In which of the known formats an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayoutFormat {
    /// An OCI layout.
    Oci,
    /// What `docker save` writes since Docker 25: an OCI layout with the older `manifest.json`
    /// beside it. The engine makes its OCI manifest up while it saves.
    SavedOci,
    /// What `docker save` wrote before, and what other tools call `docker-archive`.
    Saved,
}

/// What is known of the form so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LayoutForm {
    /// How the archive is packed; `None` for a directory.
    pub(super) packing: Option<Packing>,
    pub(super) format: Option<LayoutFormat>,
}

impl fmt::Display for LayoutForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.format {
            Some(LayoutFormat::Oci) => "OCI layout",
            Some(LayoutFormat::SavedOci | LayoutFormat::Saved) => "`docker save` archive",
            None => "unknown format",
        })?;
        f.write_str(match self.packing {
            None => ", directory",
            Some(Packing::Plain) => ", tar",
            Some(Packing::Gzip) => ", tar with gzip",
            Some(Packing::Zstd) => ", tar with zstd",
        })
    }
}

/// The same error about the image at `place`, with its form, the state and a hint.
pub(super) fn located(error: Error, place: &Path, form: LayoutForm) -> Error {
    let of_image = error.message().strip_prefix(THE_IMAGE);
    if error.code() != ErrorCode::ImageUnusable && of_image.is_none() {
        return error;
    }
    let message = match error.message() {
        UNUSABLE => format!("the image at `{}` ({form}) cannot be used", place.display()),
        UNREADABLE => format!("cannot read the image at `{}` ({form})", place.display()),
        other => match of_image {
            Some(rest) => format!("{THE_IMAGE}at `{}` {rest}", place.display()),
            None => other.to_owned(),
        },
    };
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let is_named = message.contains(&*name);
    let mut located = Error::new(error.kind(), message).with_code(error.code());
    if !is_named {
        located = located.cause(format!("the image is that at `{}`", place.display()));
    }
    for cause in error.causes() {
        located = located.cause(cause);
    }
    located = located.state(error.state_now().unwrap_or("nothing was published"));
    for hint in error.hints() {
        located = located.hint(hint.clone());
    }
    let of_image = matches!(error.message(), UNUSABLE | UNREADABLE);
    if of_image && error.hints().is_empty() {
        located = located
            .hint("remove it, let its builder make it again, and run the same command again");
    }
    located
}
