//! Repositories that show different images under a tag that is not the release's.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    oci::{Digest, ImageName, Repository, Tag},
    plan::release::{belonging::CheckState, tag_check::TagCheck},
};

/// Tags that are not the release's show the same image in every repository of an image, whatever it is. Some are compared
/// with no other (`alone`): one that no version has there stays where it was, one that shows what its own repository
/// tells is right, and where the release has another image, other versions can have both.
pub(super) fn mark_differing(checks: &mut [TagCheck], alone: &BTreeSet<(Repository, Tag)>) {
    let place = |check: &TagCheck| (check.image.clone(), check.tag.clone());
    let mut shown: BTreeMap<(ImageName, Tag), BTreeSet<Digest>> = BTreeMap::new();
    let is_others = |check: &TagCheck| {
        let place = (check.repository.clone(), check.tag.clone());
        matches!(check.state, CheckState::Kept | CheckState::Unjudged) && !alone.contains(&place)
    };
    for check in checks.iter().filter(|check| is_others(check)) {
        let digest = check.shown.digest().cloned();
        shown.entry(place(check)).or_default().extend(digest);
    }
    for check in checks.iter_mut().filter(|check| is_others(check)) {
        let shown = shown.get(&place(check));
        if shown.is_some_and(|shown| shown.len() > 1) {
            check.state = CheckState::Differs;
            check.why = format!("the repositories show different images; {}", check.why);
        }
    }
}
