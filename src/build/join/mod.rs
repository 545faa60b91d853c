//! Joining: what several machines made for one image becomes one index.
//!
//! A *leg* is what one machine contributes: a layout, an archive, or content that was staged by digest.
//! [`index::join`] is pure: from the documents of the legs to the documents of the image, or a refusal that
//! names the leg, the file and what was expected. The bytes of the index depend on the legs alone, and
//! not on their order, the machine or the time. [`LegsSource`] reads the legs and puts the result into
//! the store.

mod annotations;
mod belongs;
mod command;
mod content;
mod described;
mod expected;
mod gone;
mod index;
mod judged;
mod leg;
mod leg_text;
mod part;
mod parts;
mod platform_refusal;
mod platforms;
mod read;
mod refusal;
mod source;
mod staged;
#[cfg(test)]
mod tests;

pub(crate) use described::{content, described};
pub use expected::{Expected, LegPolicy};
pub(crate) use index::join;
pub(crate) use judged::{judge, judge_listed};
pub use leg::{LEG_FORMAT, Leg, LegBase};
pub(crate) use platforms::same_platform;
pub(crate) use read::{is_archive, is_described};
pub(crate) use source::{LegInput, LegsSource};
