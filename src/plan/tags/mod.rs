//! The tag set of a version: coherent, forward only, explained.
//!
//! *Fixed* tags never move. *Moving* tags move forward only: a tag moves to a version only if that
//! is the highest of the tag's line, over the git tags and the exact tags that the repository
//! already has. Each variant has lines of its own.

mod candidates;
mod decide;
#[cfg(test)]
mod laws;
mod placeholder;
mod published;
mod roles;
mod rules;
mod set;
mod tag_line;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod version_tags;

pub use crate::plan::tags::target::TagTarget;
pub use crate::plan::tags::version_tags::{ExactTag, ExactTags};
pub use candidates::Explained;

pub use crate::plan::tags::tag_line::TagLine;
pub use placeholder::channel;
pub use published::{Action, Listing, Published, Verdict};
pub use rules::{TagRules, VariantRule};
pub use set::{BranchKind, PlannedTag, TagContext, TagKind, TagSet, compute};
pub use template::{Rendered, Template, Values};
