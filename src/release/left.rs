//! What a publication has brought to the repositories, and leaves there where it ends before its lock.

use crate::{publish::Publication, release::facade::Release};

impl Release {
    /// Names what a release that ends before its lock leaves in the repositories.
    pub(super) fn tell_left(&self, publication: &Publication) {
        for left in staged(publication).iter().chain(&attached(publication)) {
            let text = format!("{left} stays in its repository; this release has given it no tag");
            self.events.detail(text);
        }
    }
}

/// What a publication has brought to the repositories as being about an image.
fn attached(publication: &Publication) -> Vec<String> {
    let mut all = Vec::new();
    for target in &publication.targets {
        let here = publication.referrers_of(target);
        all.extend(here.map(|referrer| target.repository.digest(&referrer.entry.digest)));
    }
    all
}

/// Each image that a publication has brought to a repository: with its digest, as one name.
pub(super) fn staged(publication: &Publication) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for target in &publication.targets {
        for tag in &target.tags {
            let digest = publication.images[tag.image].digest();
            let name = target.repository.digest(digest);
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}
