//! The tag set of a version: coherent, forward only, explained.
//!
//! *Fixed* tags never move. *Moving* tags move forward only: a tag moves to a version only if that
//! is the highest of the tag's line, over the git tags and the exact tags that the repository
//! already has. Each variant has lines of its own.

mod aim;
mod candidates;
mod exact;
mod guard;
mod line;
mod placeholder;
mod published;
mod roles;
mod rules;
mod set;
mod template;

pub use aim::Aim;
pub use candidates::Explained;
pub use exact::{ExactTag, ExactTags};

pub use line::Line;
pub use placeholder::channel;
pub use published::{Action, Listing, Published, Verdict};
pub use rules::{TagRules, VariantRule};
pub use set::{BranchKind, PlannedTag, TagContext, TagKind, TagSet, compute};
pub use template::{Rendered, Template, Values};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
