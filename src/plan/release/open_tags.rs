//! `latest` where no version alone says where it belongs (`tags.latest = "branch"`): as long as a version that was
//! taken back stands above all others, the rest tells it all the same.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    oci::{Digest, ImageName, Observed, Tag},
    plan::tags::{ExactTag, ExactTags, TagRules},
    policy::Latest,
};

/// A moving tag of which no version alone says where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenTag {
    pub(super) tag: Tag,
    pub(super) image: ImageName,
    /// The stable versions, ascending. The highest gets the tag from one that is withdrawn.
    stable: Vec<ExactTag>,
    /// The exact tags of the withdrawn versions.
    withdrawn: Vec<ExactTag>,
}

impl OpenTag {
    /// The withdrawn version that stands above all others: while it does, the rest tells where the tag belongs.
    fn newest_withdrawn(&self) -> Option<&ExactTag> {
        let stable = |exact: &&ExactTag| exact.version.pre.is_empty();
        let newest = self.withdrawn.iter().rfind(stable)?;
        let highest = &self.stable.last()?.version;
        let is_above = newest.version.cmp_precedence(highest).is_gt();
        is_above.then_some(newest)
    }

    /// The tags that have to be looked at before [`OpenTag::owner`] can judge. What the git tags record need not be.
    pub(super) fn tags_to_observe(&self, recorded: &BTreeMap<Tag, Digest>) -> Vec<Tag> {
        let any = match self.newest_withdrawn() {
            Some(_) => self.stable.as_slice(),
            None => &[],
        };
        let unknown = any
            .iter()
            .filter(|exact| !recorded.contains_key(&exact.tag));
        let exact = self.stable.last().into_iter().chain(&self.withdrawn);
        let exact = exact.chain(unknown).map(|exact| exact.tag.clone());
        exact.chain([self.tag.clone()]).collect()
    }

    /// Where the tag belongs: away from a version that is withdrawn, and, while the newest one is, to one that
    /// is not. `None`: nothing tells.
    pub(super) fn owner(
        &self,
        recorded: &BTreeMap<Tag, Digest>,
        shows: &BTreeMap<Tag, Observed>,
    ) -> Option<OpenTagOwner> {
        let at = |tag: &Tag| {
            let recorded = recorded.get(tag);
            recorded.or_else(|| shows.get(tag).and_then(Observed::digest))
        };
        let owner = self.stable.last()?;
        let want = at(&owner.tag)?;
        let newest = self.newest_withdrawn();
        let (withdrawn, state) = match shows.get(&self.tag)? {
            Observed::At(shown) => self.judge(shown, want, at)?,
            Observed::Absent => (newest?, OpenTagState::Missing),
            Observed::Unknown => (newest?, OpenTagState::Unreadable),
        };
        Some(OpenTagOwner {
            owner: owner.clone(),
            want: want.clone(),
            state,
            why: format!(
                "{} is withdrawn, and {} is the highest stable version",
                withdrawn.version, owner.version
            ),
        })
    }

    /// How the tag stands that shows an image, and the withdrawn version that tells so.
    fn judge<'a>(
        &'a self,
        shown: &Digest,
        want: &Digest,
        at: impl Fn(&Tag) -> Option<&'a Digest>,
    ) -> Option<(&'a ExactTag, OpenTagState)> {
        let newest = self.newest_withdrawn();
        if want == shown {
            // Where no version is withdrawn above it, the same image was published again.
            return Some((newest?, OpenTagState::Right));
        }
        let has_it = |exact: &&ExactTag| at(&exact.tag) == Some(shown);
        if let Some(taken_back) = self.withdrawn.iter().find(has_it) {
            let version = taken_back.version.clone();
            return Some((taken_back, OpenTagState::Wrong(Some(version))));
        }
        // An older version may have it: which branch a version came from, nothing tells.
        let is_older = self.stable.iter().any(|exact| has_it(&exact));
        Some((newest.filter(|_| !is_older)?, OpenTagState::Wrong(None)))
    }
}

/// The version that such a tag belongs to after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenTagOwner {
    /// The version, and its exact tag.
    pub(super) owner: ExactTag,
    /// The image that the tag should show.
    pub(super) want: Digest,
    /// What it shows.
    pub(super) state: OpenTagState,
    /// Why that version.
    pub(super) why: String,
}

/// How such a tag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenTagState {
    /// It shows the image that it should.
    Right,
    /// It is not there.
    Missing,
    /// It cannot be read.
    Unreadable,
    /// It shows another image: that of this withdrawn version, if it is one.
    Wrong(Option<Version>),
}

/// `latest` of each image of a repository.
pub(super) fn open_tags(
    rules: &TagRules<'_>,
    reader: &ExactTags,
    (exact, withdrawn): (&BTreeMap<ImageName, Vec<ExactTag>>, &[Version]),
    tags: &[Tag],
) -> Vec<OpenTag> {
    if rules.tags.latest != Latest::Branch {
        return Vec::new();
    }
    let named = rules.latest_of_branch(reader, tags);
    let published = reader.all(tags);
    let images = rules.images.iter();
    let open = images.filter_map(|image| {
        let tag: Tag = image.latest.parse().ok()?;
        let of_image = |all: &BTreeMap<ImageName, Vec<ExactTag>>| {
            all.get(&image.name).cloned().unwrap_or_default()
        };
        let mut stable = of_image(&published);
        stable.retain(|exact| exact.version.pre.is_empty());
        let mut own = of_image(exact);
        own.retain(|exact| withdrawn.contains(&exact.version));
        (named.contains_key(&tag) && !named[&tag].is_empty()).then(|| OpenTag {
            tag,
            image: image.name.clone(),
            stable,
            withdrawn: own,
        })
    });
    open.collect()
}
