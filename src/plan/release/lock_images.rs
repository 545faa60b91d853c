//! The images that a journal from the lock names, held against what labels, receipts and the published
//! versions tell of them. Whoever may push the lock's refs can name any image that a repository has.

use semver::Version;

use crate::{
    oci::{Digest, ImageName, Repository, Tag},
    plan::release::{
        lock_journal::{ClaimedTag, JournalClaim},
        ownership::ImageOwner,
        receipt::receipts,
    },
};

/// What is known of the images that a claim names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// The images that the claim's version is to have.
    pub images: Vec<ImageFact>,
    /// What is known of each moving tag of the claim.
    pub moving: Vec<MovingTagFacts>,
    /// What the exact tags of the claim's version show now.
    pub own: Vec<Digest>,
    /// Whether git has the version's tag, and the claim does not push it.
    pub is_tagged: bool,
}

/// One image that the claim's version is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFact {
    /// The image that its tags say it is.
    pub image: ImageName,
    /// The manifest or index.
    pub digest: Digest,
    /// Whose it is; `None`: no repository has it any more.
    pub origin: Option<ImageOwner>,
}

/// What is known of one moving tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingTagFacts {
    /// The repository of the tag.
    pub repository: Repository,
    /// The name of the tag.
    pub tag: Tag,
    /// The image that the tag belongs to, where the policy gives the tag to the claim's version.
    pub image: Option<ImageName>,
    /// What it shows now.
    pub shown: Option<Digest>,
    /// Whether the published versions alone tell what it should show.
    pub follows: bool,
    /// The images that it may show by what is published now.
    pub due: Vec<Digest>,
    /// The same, as if the claim's version were not published.
    pub due_without: Vec<Digest>,
    /// Images of the repository that receipts in git tags name.
    pub recorded: Vec<Digest>,
}

/// What nothing proves, for the person who decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubts {
    /// What this release is said to be, and nothing proves.
    pub unproven: Vec<String>,
    /// What a way back would leave that the published versions do not explain.
    pub back: Vec<String>,
}

/// What is doubtful about the images of a claim that goes `forward`, or back.
///
/// # Errors
/// Why one of them is not what the policy would publish.
pub fn judge_images(
    claim: &JournalClaim,
    facts: &ImageFacts,
    forward: bool,
) -> Result<Doubts, String> {
    let mut doubts = Doubts::default();
    if !claim.is_release() {
        for tag in &claim.tags {
            repaired(tag, claim, facts, &mut doubts)?;
        }
        return Ok(doubts);
    }
    for fact in &facts.images {
        released(fact, facts, forward, &mut doubts)?;
    }
    for tag in claim.moving() {
        let known = facts.of(tag);
        let is_own = |fact: &ImageFact| {
            let same = known.and_then(|known| known.image.as_ref());
            fact.digest == tag.wanted && same.is_none_or(|image| *image == fact.image)
        };
        let due = known.is_some_and(|known| known.due.contains(&tag.wanted));
        if !due && !facts.images.iter().any(is_own) {
            return Err(format!(
                "`{}` is to show {}, which is neither the image of {} nor that of another version that has the tag",
                tag.shown(),
                tag.wanted.short(),
                claim.version
            ));
        }
        doubts.back.extend(undone(tag, known, &claim.version));
    }
    if facts.is_tagged {
        doubts.back.push(format!(
            "git has the tag of {} already, so it may be published: a way back takes its tags away",
            claim.version
        ));
    }
    receipt(claim, facts)?;
    Ok(doubts)
}

fn released(
    fact: &ImageFact,
    facts: &ImageFacts,
    forward: bool,
    doubts: &mut Doubts,
) -> Result<(), String> {
    let short = fact.digest.short();
    let mut others = facts.images.iter();
    let same = |other: &&ImageFact| other.image == fact.image && other.digest != fact.digest;
    if let Some(other) = others.find(same) {
        return Err(format!(
            "it names two images for the version, {short} and {}",
            other.digest.short()
        ));
    }
    match &fact.origin {
        Some(ImageOwner::Own) => Ok(()),
        Some(ImageOwner::Unknown(why)) => {
            let line = format!("nothing tells whose image {short} is: {why}");
            doubts.unproven.push(line);
            Ok(())
        }
        Some(ImageOwner::Other(why)) => Err(format!("image {short} is not of this release: {why}")),
        None if forward => Err(format!(
            "no repository has image {short} any more, so nothing tells whose it is"
        )),
        // No tag shows it, so there is nothing to take back.
        None => Ok(()),
    }
}

/// A tag of a `repair`, which goes to the version that should have it, or of a `rollback VERSION`, which
/// goes to the version before.
fn repaired(
    tag: &ClaimedTag,
    claim: &JournalClaim,
    facts: &ImageFacts,
    doubts: &mut Doubts,
) -> Result<(), String> {
    let known = facts.of(tag);
    let has = |digests: fn(&MovingTagFacts) -> &Vec<Digest>, digest: &Digest| {
        known.is_some_and(|known| digests(known).contains(digest))
    };
    // The version has the tag, and gives it to the one before.
    let is_taken_back = facts.own.iter().any(|own| has(|known| &known.due, own))
        && has(|known| &known.due_without, &tag.wanted);
    if !is_taken_back && !has(|known| &known.due, &tag.wanted) {
        return Err(format!(
            "`{}` is to show {}, which is not the image of the version that the tag belongs to",
            tag.shown(),
            tag.wanted.short()
        ));
    }
    let before = tag.before.as_ref();
    let shows_it = known.is_some_and(|known| known.shown == tag.before);
    let was_own = is_taken_back && before.is_some_and(|before| facts.own.contains(before));
    if !shows_it && !was_own {
        doubts.back.push(went_back(tag, &claim.version));
    }
    Ok(())
}

/// What is odd about where a moving tag of a release goes back to.
fn undone(tag: &ClaimedTag, known: Option<&MovingTagFacts>, version: &Version) -> Option<String> {
    let before = tag.before.as_ref();
    let explained = before == Some(&tag.wanted)
        || known.is_some_and(|known| {
            let due = match known.follows {
                true => &known.due_without,
                false => &known.recorded,
            };
            known.shown == tag.before
                || match before {
                    Some(before) => due.contains(before),
                    None => !known.follows || due.is_empty(),
                }
        });
    (!explained).then(|| went_back(tag, version))
}

fn went_back(tag: &ClaimedTag, version: &Version) -> String {
    match &tag.before {
        Some(before) => format!(
            "`{}` goes back to {}, which is not the image of the version that has the tag without {version}",
            tag.shown(),
            before.short()
        ),
        None => format!(
            "`{}` is deleted, and the published versions do not tell why it was not there before {version}",
            tag.shown()
        ),
    }
}

/// The receipt in the git tag names the images of the version, and no other.
fn receipt(claim: &JournalClaim, facts: &ImageFacts) -> Result<(), String> {
    let Some(tag) = &claim.git_tag else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&tag.object);
    let message = text.split_once("\n\n").map_or("", |(_, message)| message);
    let own = |digest: &Digest| {
        facts.own.contains(digest) || facts.images.iter().any(|fact| fact.digest == *digest)
    };
    let mut all = receipts(message).into_iter();
    match all.find(|receipt| !own(&receipt.digest)) {
        None => Ok(()),
        Some(odd) => Err(format!(
            "the receipt in its git tag names {} of `{}`, which is not an image of {}",
            odd.digest.short(),
            odd.repository,
            claim.version
        )),
    }
}

impl ImageFacts {
    fn of(&self, tag: &ClaimedTag) -> Option<&MovingTagFacts> {
        let mut all = self.moving.iter();
        all.find(|known| known.repository == tag.repository && known.tag == tag.tag)
    }
}
