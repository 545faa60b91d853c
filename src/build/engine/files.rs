//! The files of this machine, where an engine is looked for.

use std::{os::unix::fs::FileTypeExt, path::Path};

use crate::{build::engine::host::HostFiles, regular_file};

/// The files of this machine.
pub(crate) struct RealFiles;

impl HostFiles for RealFiles {
    fn read(&self, path: &Path) -> Option<String> {
        regular_file::read_text(path).ok()
    }

    fn is_socket(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    }
}
