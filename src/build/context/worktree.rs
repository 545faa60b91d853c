//! The files of the working directory.

use std::{
    fs::{self, File, FileType},
    io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    build::context::entry::{ContextEntry, EntryKind, FileTree, OpenEntry, OpenFile},
    error::{Error, Result},
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
    pub(crate) fn open(root: PathBuf, leave_out: Option<PathBuf>) -> Result<Self> {
        if !root.is_dir() {
            return Err(
                Error::failed(format!("`{}` is not a directory", root.display()))
                    .hint("`image.build.context` is a directory inside the repository"),
            );
        }
        Ok(Self { root, leave_out })
    }

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
            // Sockets, pipes and devices are left out.
            None
        })
    }
}

impl FileTree for Worktree {
    fn list(&self, directory: &str) -> Result<Vec<ContextEntry>> {
        let folder = self.root.join(directory);
        let mut entries = Vec::new();
        for found in fs::read_dir(&folder).map_err(cannot("list", &folder))? {
            let found = found.map_err(cannot("list", &folder))?;
            let path = found.path();
            if self.leave_out.as_ref().is_some_and(|own| path == *own) {
                continue;
            }
            let name = found.file_name().into_string().map_err(|name| {
                let name = sanitize_line(&name.to_string_lossy(), 200);
                Error::failed(format!("the name of the file `{name}` is not valid UTF-8"))
            })?;
            let file_type = found.file_type().map_err(cannot("read", &path))?;
            if let Some(kind) = self.kind(&path, file_type)? {
                let path = if directory.is_empty() {
                    name
                } else {
                    format!("{directory}/{name}")
                };
                entries.push(ContextEntry { path, kind });
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn text(&self, path: &str) -> Result<Option<String>> {
        match fs::read(self.root.join(path)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(cannot("read", &self.root.join(path))(error)),
        }
    }

    fn name(&self) -> String {
        format!("`{}`", self.root.display())
    }

    fn missing_hint(&self, _path: &str) -> Option<String> {
        None
    }
}

impl OpenEntry for Worktree {
    fn open(&self, entry: &ContextEntry) -> Result<OpenFile> {
        let path = self.root.join(&entry.path);
        let file = File::open(&path).map_err(cannot("read", &path))?;
        let size = file.metadata().map_err(cannot("read", &path))?.len();
        Ok((size, Box::new(file)))
    }
}
