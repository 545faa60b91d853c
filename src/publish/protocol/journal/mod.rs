//! What is written down, so that any machine can finish or undo a release.
//!
//! A journal is text, one record a line: `{"v":1,"sum":"…","record":{…}}`, where `sum` is the
//! beginning of the record's SHA-256. Records are only ever added. Each [`Record::Step`] holds the
//! whole of what is known, so a reader needs the first record and the last whole one, and a line
//! that was cut by a crash or a full disk is simply not there.
//!
//! No credential is ever part of a record.

mod check;
mod records;
mod text;

pub use records::{
    BranchMove, GitTagRecord, ImageRecord, JournaledManifest, Owner, Prepared, Record,
    RepositoryRecord, TagRecord, name,
};
pub use text::{FORMAT, ReadError, decode, encode};
