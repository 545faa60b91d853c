//! Everything that is about an image, and what is about that, read from one repository so that it can
//! be put into another.

use std::collections::HashSet;

use crate::{
    io::registry::{
        RegistryError, RepositoryApi,
        image_tree::{self, ImageTree},
        referrer_list::referrers,
    },
    oci::{Digest, referrer},
    text::bytes,
};

/// How long a chain of referrers may be: what is about an image is at 1.
const MAX_DEPTH: usize = 4;
/// Most referrers of one image.
const MAX_REFERRERS: usize = 200;
/// Most bytes of all referrers of one image.
const MAX_BYTES: u64 = 200_000_000;

/// Why what is about an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReferrerTreeError {
    /// A request failed, or a manifest is broken.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is more than is copied.
    #[error("{0}")]
    TooMuch(String),
}

/// What is about any of `subjects`, which are the manifests of one image, and what is about that: each
/// once, and before what is about it. What a list names and the repository does not have is left out.
///
/// # Errors
/// A request failed; or it is deeper, more or larger than what is copied.
pub async fn referrer_tree(
    api: &dyn RepositoryApi,
    subjects: &[Digest],
) -> Result<Vec<ImageTree>, ReferrerTreeError> {
    let mut found: Vec<ImageTree> = Vec::new();
    let mut known: HashSet<Digest> = subjects.iter().cloned().collect();
    let mut level = subjects.to_vec();
    let mut size = 0_u64;
    for depth in 1.. {
        let mut next = Vec::new();
        for subject in level {
            for entry in referrers(api, &subject).await? {
                if !known.insert(entry.digest.clone()) {
                    continue;
                }
                let name = api.repository().digest(&subject);
                if depth > MAX_DEPTH {
                    let why = format!("a chain of what is about it is longer than {MAX_DEPTH}");
                    return Err(ReferrerTreeError::TooMuch(format!("{name}: {why}")));
                }
                let Some(tree) = image_tree::tree(api, &entry.digest.into()).await? else {
                    continue;
                };
                // A list says what it likes; the manifest says what it is about.
                let about = referrer::referrer(&tree.manifest);
                if about.is_none_or(|(of, _)| of != subject) {
                    continue;
                }
                size = size.saturating_add(size_of(&tree));
                if found.len() == MAX_REFERRERS || size > MAX_BYTES {
                    let most = bytes(MAX_BYTES);
                    return Err(ReferrerTreeError::TooMuch(format!(
                        "{name}: more than {MAX_REFERRERS} manifests or {most} are about the image"
                    )));
                }
                next.push(tree.manifest.digest().clone());
                for child in &tree.children {
                    if known.insert(child.digest().clone()) {
                        next.push(child.digest().clone());
                    }
                }
                found.push(tree);
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    Ok(found)
}

fn size_of(tree: &ImageTree) -> u64 {
    let manifests = tree.children.iter().chain([&tree.manifest]);
    let manifests = manifests.map(|manifest| manifest.bytes.len() as u64);
    manifests
        .chain(tree.blobs.iter().map(|blob| blob.size))
        .fold(0, u64::saturating_add)
}
