//! The names of the refs that lock repositories.

use crate::{
    git::RefName,
    oci::{Digest, Repository},
};

/// The lock's ref for a repository: its name hashed, since a name with `:` is not a legal ref.
#[must_use]
pub fn lock_ref(prefix: &RefName, repository: &Repository) -> RefName {
    let name = Digest::of(repository.to_string().as_bytes());
    let name = format!("{prefix}/publish/{}", name.hex());
    name.parse()
        .expect("a word and hex digits can follow any ref")
}
