//! Release notes: the changes of a range, sorted by what they mean to a user, as markdown.

mod announcement;
mod changelog;
mod copies;
mod engine;
pub mod forge;
pub mod lint;
mod markdown;
mod people;
mod release_notes;
mod template;

pub use announcement::{AnnouncedImage, Announcement, announcement};
pub use changelog::{has_section, prepend};
pub use copies::{copies, oldest_beside_base};
pub use release_notes::{NoteItem, NotesRange, ReleaseNotes, collect};
pub use template::{TEMPLATE, render};
