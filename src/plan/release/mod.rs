//! What a release does with a version and its tags: the plan document and the decisions around it.

pub mod belonging;
pub mod detached;
mod differing;
pub mod document;
pub mod drift;
pub mod exchanged;
pub mod forge;
pub mod gone;
pub mod held;
pub mod image_check;
pub mod inputs;
pub mod labels;
pub mod lock_images;
pub mod lock_journal;
pub mod oddities;
mod open_tags;
pub mod origin;
pub mod ownership;
pub mod places;
pub mod preconditions;
pub mod promote;
pub mod receipt;
pub mod rollback;
pub mod tag_check;
pub mod verify;
pub mod withdrawal;
