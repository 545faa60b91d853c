//! Where a walk reads its objects.

use std::path::PathBuf;

use git2::Odb;

use crate::{error::Result, io::git::read::problem};

/// After how many objects of a long walk the database is opened anew. What was read since is in memory, a few
/// hundred bytes each; the index of the pack comes back with the first of them, whatever the number.
const OBJECTS: u32 = 10_000;

/// The object database of a walk.
pub(crate) enum ObjectSource<'r> {
    /// The repository's own.
    Own(Odb<'r>),
    /// One for a long walk. libgit2 maps what it reads of a pack into memory and lets nothing of it go
    /// before the pack is closed, so it is closed from time to time.
    Renewed {
        /// The folder of the objects.
        folder: PathBuf,
        open: Option<Odb<'r>>,
        /// How many objects are read before the next renewal.
        left: u32,
    },
}

impl<'r> ObjectSource<'r> {
    /// The objects in `folder`, for a long walk.
    pub(crate) fn renewed(folder: PathBuf) -> Self {
        Self::Renewed {
            // Packs are shared by their paths; a path of their own gives this walk packs of its own.
            folder: folder.join("."),
            open: None,
            left: 0,
        }
    }

    /// Gives back what is mapped, until the next object is read.
    pub(crate) fn close(&mut self) {
        if let Self::Renewed { open, left, .. } = self {
            drop(open.take());
            *left = 0;
        }
    }

    /// The database, for the reading of one object.
    pub(crate) fn database(&mut self) -> Result<&Odb<'r>> {
        let (folder, open, left) = match self {
            Self::Own(database) => return Ok(database),
            Self::Renewed { folder, open, left } => (folder, open, left),
        };
        if *left == 0 {
            *left = OBJECTS;
            drop(open.take());
        }
        *left -= 1;
        let database = match open.take() {
            Some(database) => database,
            None => {
                let opened = Odb::new().and_then(|database| {
                    database.add_disk_alternate(&folder.to_string_lossy())?;
                    Ok(database)
                });
                opened.map_err(|error| problem("cannot open the object database", &error))?
            }
        };
        Ok(open.insert(database))
    }
}
