//! The names of the refs that lock repositories, and where the marks of withdrawn versions are.

use crate::{
    git::RefName,
    oci::{Digest, Repository},
    policy::marks_below,
};

/// The lock's ref for a repository: its name hashed, since a name with `:` is not a legal ref.
#[must_use]
pub fn lock_ref(prefix: &RefName, repository: &Repository) -> RefName {
    let name = Digest::of(repository.to_string().as_bytes());
    let name = format!("{}{}", locks_below(prefix), name.hex());
    name.parse()
        .expect("a word and hex digits can follow any ref")
}

/// Below which all locks are.
pub(super) fn locks_below(prefix: &RefName) -> String {
    format!("{prefix}/publish/")
}

/// Below which the marks of withdrawn versions are, beside a lock; `None`: it is not a lock.
pub(super) fn marks_beside(lock: &RefName) -> Option<String> {
    let (prefix, _) = lock.as_str().rsplit_once("/publish/")?;
    Some(marks_below(prefix))
}
