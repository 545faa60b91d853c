//! The files of the working directory.

use std::{
    fs::{self, FileType},
    io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    build::context::{
        entry::{ContextEntry, EntryKind, FileTree, OpenFile},
        path::TreePath,
    },
    error::{Error, Result},
    regular_file,
    text::sanitize_line,
};

/// The files of a directory.
pub(crate) struct Worktree {
    root: PathBuf,
    leave_out: Option<PathBuf>,
}

fn cannot(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let message = format!(
        "cannot {doing} `{}`",
        sanitize_line(&path.to_string_lossy(), 300)
    );
    move |error| Error::failed(message).because(&error)
}

impl Worktree {
    /// The files below `root`, the repository's working directory.
    pub(crate) fn open(root: PathBuf, leave_out: Option<PathBuf>) -> Self {
        Self { root, leave_out }
    }

    /// `None` for sockets, pipes and devices, which are left out.
    fn kind(&self, path: &Path, file_type: FileType) -> Result<Option<EntryKind>> {
        Ok(if file_type.is_dir() {
            Some(EntryKind::Directory)
        } else if file_type.is_symlink() {
            let target = fs::read_link(path).map_err(cannot("read", path))?;
            Some(EntryKind::Link {
                target: target.as_os_str().as_bytes().to_vec(),
            })
        } else if file_type.is_file() {
            let mode = fs::metadata(path)
                .map_err(cannot("read", path))?
                .permissions()
                .mode();
            Some(EntryKind::File {
                executable: mode & 0o111 != 0,
                id: String::new(),
            })
        } else {
            None
        })
    }
}

impl FileTree for Worktree {
    fn list(&self, directory: &TreePath) -> Result<Vec<ContextEntry>> {
        let folder = self.root.join(directory.as_path());
        let mut entries = Vec::new();
        for found in fs::read_dir(&folder).map_err(cannot("list", &folder))? {
            let found = found.map_err(cannot("list", &folder))?;
            let path = found.path();
            if self.leave_out.as_ref().is_some_and(|own| path == *own) {
                continue;
            }
            let file_type = found.file_type().map_err(cannot("read", &path))?;
            if let Some(kind) = self.kind(&path, file_type)? {
                let path = directory.join(found.file_name().as_bytes());
                entries.push(ContextEntry { path, kind });
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn size(&self, path: &TreePath, _: &EntryKind) -> Result<u64> {
        let path = self.root.join(path.as_path());
        let metadata = fs::metadata(&path).map_err(cannot("read", &path))?;
        Ok(metadata.len())
    }

    fn open(&self, path: &TreePath, _: &EntryKind) -> Result<OpenFile> {
        let path = self.root.join(path.as_path());
        let file = regular_file::open(&path).map_err(cannot("read", &path))?;
        let size = file.metadata().map_err(cannot("read", &path))?.len();
        Ok((size, Box::new(file)))
    }

    fn name(&self) -> String {
        format!("`{}`", self.root.display())
    }

    fn missing_hint(&self, _: &TreePath) -> Option<String> {
        None
    }
}
