//! `hoist inspect` against images of real kinds, and the budget that a release is held to.

mod advice;
mod budget;
mod compared;
mod count;
mod figures;
mod images;
mod last_release;
mod odd_names;
mod platforms;
mod recipe;
