//! The tag set of a version: coherent, forward only, explained.
//!
//! *Fixed* tags never move. *Moving* tags move forward only: a tag moves to a version only if that
//! is the highest of the tag's line, over the git tags and the exact tags that the repository
//! already has. Each variant has lines of its own.

mod candidates;
mod context;
mod decide;
#[cfg(test)]
mod laws;
mod planned;
mod published;
mod roles;
mod rules;
mod set;
mod tag_line;
mod target;
#[cfg(test)]
mod tests;
mod version_tags;

pub use candidates::Explained;
pub use context::TagContext;
pub use planned::{PlannedTag, TagKind};
pub use published::{Listing, Published, TagAction, Verdict};
pub use rules::{TagRules, VariantRule};
pub use set::{TagSet, compute};
pub use tag_line::{TagLine, channel};
pub use target::TagTarget;
pub use version_tags::{ExactTag, ExactTags};
