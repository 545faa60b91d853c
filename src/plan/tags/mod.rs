//! The tag set of a version: coherent, forward only, explained.
//!
//! *Fixed* tags never move. *Moving* tags move forward only: a tag moves to a version only if that
//! is the highest of the tag's line among the versions that are published: the exact tags that any
//! repository of the policy has, and what the moving tag itself shows. A version that git alone knows
//! counts only where no list of tags can be had. A version that was withdrawn holds nothing back. Each variant has lines of its own.

mod candidates;
mod context;
mod decide;
#[cfg(test)]
mod laws;
mod of_the_day;
mod planned;
mod published;
mod roles;
mod rules;
mod set;
mod tag_line;
mod target;
#[cfg(test)]
mod tests;
mod unlisted;
mod unmoved;
mod unpublished;
mod version_tags;

pub use candidates::Explained;
pub use context::TagContext;
pub use of_the_day::{KnownVersions, Origins, ReleaseOrigin, day_unknown};
pub use planned::{PlannedTag, TagKind};
pub use published::{Listing, Published, TagAction, Verdict};
pub use rules::{ImageRule, TagRules};
pub(crate) use set::compute_for_release;
pub use set::{TagSet, compute};
pub use tag_line::{TagLine, channel};
pub use target::TagTarget;
pub use unlisted::UnlistedVersion;
pub use unmoved::unmoved;
pub use unpublished::{Unpublished, unpublished_notes, unpublished_versions};
pub use version_tags::{ExactTag, ExactTags};
