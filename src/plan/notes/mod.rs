//! Release notes: the changes of a range, sorted by what they mean to a user, as markdown.

mod changelog;
pub mod forge;
pub mod lint;
mod markdown;
mod release_notes;
mod template;

pub use changelog::{has_section, prepend};
pub use release_notes::{NoteItem, NotesRange, ReleaseNotes, collect};
pub use template::{TEMPLATE, render};
