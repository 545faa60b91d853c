//! Packed layers of earlier releases, so that a layer that did not change is not packed again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    blobs::{Blobs, Stored},
    error::{disk, read_error},
    files::{buffered, private_dir},
};
use crate::{
    error::Result,
    oci::{Digest, Hasher},
};

/// The most bytes that are kept. The layers that were used last stay.
const MAX_BYTES: u64 = 4 << 30;

/// `DIR/<diff id>-<digest of the packed layer>`: hard links to blobs, checked when they are used.
#[derive(Debug)]
pub(super) struct LayerCache {
    dir: PathBuf,
}

impl LayerCache {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        private_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Copies the packed form of this layer to `blobs`, if it is cached and undamaged.
    pub(super) fn find(&self, diff_id: &Digest, blobs: &Blobs) -> Result<Option<Stored>> {
        let prefix = format!("{}-", diff_id.hex());
        let entries = fs::read_dir(&self.dir).map_err(|e| disk("list", &self.dir, &e))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(hex) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
                continue;
            };
            let path = entry.path();
            let Some(file) = if_found(fs::File::open(&path)).map_err(|e| read_error(&e))? else {
                continue;
            };
            let mut hasher = Hasher::default();
            let size = std::io::copy(&mut buffered(file), &mut hasher);
            let size = size.map_err(|e| read_error(&e))?;
            let digest = hasher.finish();
            if digest.hex() != hex {
                let _ = fs::remove_file(&path);
                continue;
            }
            let target = blobs.path(&digest);
            if fs::hard_link(&path, &target).is_err() && !target.exists() {
                let copied = if_found(fs::copy(&path, &target));
                if copied.map_err(|e| disk("write", &target, &e))?.is_none() {
                    continue;
                }
            }
            // The modification time is the time of the last use, which pruning looks at.
            let _ = fs::File::open(&path).and_then(|f| f.set_modified(SystemTime::now()));
            return Ok(Some(Stored { digest, size }));
        }
        Ok(None)
    }

    /// Caches a packed layer. Errors are ignored: without the cache the next release only takes longer.
    pub(super) fn keep(&self, diff_id: &Digest, packed: &Stored, blobs: &Blobs) {
        let name = format!("{}-{}", diff_id.hex(), packed.digest.hex());
        let _ = fs::hard_link(blobs.path(&packed.digest), self.dir.join(name));
        self.prune(MAX_BYTES);
    }

    fn prune(&self, max: u64) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        let mut total = 0;
        for (_, size, path) in files {
            total += size;
            if total > max {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// `None` if the file is not there: another release may have pruned the layer since it was listed.
fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn a_packed_layer_comes_back_and_a_damaged_one_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let blobs = |name: &str| {
            Blobs::create(&dir.path().join(name), CancellationToken::new()).expect("blobs")
        };
        let (first, second, third) = (blobs("1"), blobs("2"), blobs("3"));
        let cache = LayerCache::new(&dir.path().join("layers")).expect("a cache");
        let diff_id = Digest::of(b"plain");
        let packed = first.put(b"packed").expect("it is written");
        cache.keep(&diff_id, &packed, &first);

        let found = cache.find(&diff_id, &second).expect("it can be read");
        assert_eq!(found.as_ref(), Some(&packed));
        assert_eq!(second.find(&packed.digest), Some(packed));

        let entry = fs::read_dir(&cache.dir)
            .expect("a list")
            .next()
            .expect("one");
        let path = entry.expect("an entry").path();
        fs::remove_file(&path).expect("it goes");
        fs::write(&path, b"other").expect("it is written");
        assert_eq!(cache.find(&diff_id, &third).expect("it can be read"), None);
        assert!(!path.exists());
    }

    #[test]
    fn the_layers_used_last_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = LayerCache::new(dir.path()).expect("a cache");
        for (name, age) in [("old", 20), ("new", 10)] {
            let path = dir.path().join(name);
            fs::write(&path, [0; 100]).expect("it is written");
            let then = SystemTime::now() - std::time::Duration::from_secs(age);
            fs::File::open(&path)
                .and_then(|file| file.set_modified(then))
                .expect("it has a time");
        }
        cache.prune(150);
        assert!(dir.path().join("new").exists());
        assert!(!dir.path().join("old").exists());
    }
}
