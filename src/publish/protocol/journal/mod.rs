//! What is written down, so that any machine can finish or undo a release.
//!
//! A journal is text, one record a line: `{"v":1,"sum":"…","record":{…}}`, where `sum` is the
//! beginning of the record's SHA-256. Records are only ever added. Each [`Record::Step`] holds the
//! whole state, and a [`Record::TakenOver`] names the new owner. So a reader needs the first record,
//! the last whole step and the last take-over. A line that was cut by a crash or a full disk counts
//! as not there.
//!
//! No credential is ever part of a record.

mod base64_bytes;
mod check;
mod forge_record;
mod records;
mod text;

pub use forge_record::ForgeRecord;
pub use records::{
    BranchMove, CiJob, GitTagRecord, ImageRecord, JournaledManifest, MarkRecord, Owner, Prepared,
    Record, ReferrerRecord, RepositoryRecord, TagRecord, name,
};
pub use text::{JOURNAL_FORMAT, ReadError, decode, encode};
