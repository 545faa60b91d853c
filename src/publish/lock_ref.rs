//! The names of the refs that lock repositories.

use crate::oci::{Digest, Repository};

/// The lock's ref for a repository: its name hashed, since a name with `:` is no legal ref.
#[must_use]
pub fn lock_ref(prefix: &str, repository: &Repository) -> String {
    let name = Digest::of(repository.to_string().as_bytes());
    format!("{}/publish/{}", prefix.trim_end_matches('/'), name.hex())
}
