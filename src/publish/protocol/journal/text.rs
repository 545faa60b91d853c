//! A journal as text: one record a line, each with its format and its sum.

use serde::{Deserialize, Serialize};

use crate::{
    oci::Digest,
    publish::protocol::{
        journal::{
            check::{fits, is_consistent},
            forge_record::ForgeRecord,
            records::Record,
        },
        lock_way::LockWay,
    },
};

/// The newest version of the format. A reader refuses a newer one; a record says the oldest one that
/// can hold it, so that an older hoist still takes up what it knows.
pub const JOURNAL_FORMAT: u64 = 6;

/// What version 6 brought: files in a package or a draft that is not the release's own by its name alone.
const WITH_HOLDER: u64 = 6;

/// What version 5 brought: the release on a forge.
const WITH_FORGE: u64 = 5;

/// What version 4 brought: the mark of a version that is taken back.
const WITH_MARK: u64 = 4;

/// What version 3 brought: the lease, the last look, and the names of images.
const WITH_LEASE: u64 = 3;

/// What version 2 brought: a release commit.
const WITH_BRANCH: u64 = 2;

/// Records that the first version can hold.
const FIRST: u64 = 1;

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Written by a later hoist.
    #[error("it has format {0}, which is newer than this hoist knows ({JOURNAL_FORMAT})")]
    Newer(String),
    /// Records follow, but the first one is missing or makes no sense.
    #[error("its first record is missing or damaged")]
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct Line<R> {
    v: u64,
    sum: String,
    record: R,
}

/// The version of a line, whatever else is in it.
#[derive(Deserialize)]
struct Version {
    v: serde_json::Number,
}

fn sum(record: &str) -> String {
    Digest::of(record.as_bytes()).hex()[..16].to_owned()
}

/// A record as one line, newline included.
#[must_use]
pub fn encode(record: &Record) -> String {
    let body = serde_json::to_string(record).expect("a record is plain data");
    let format = format(record);
    format!(
        "{{\"v\":{format},\"sum\":\"{}\",\"record\":{body}}}\n",
        sum(&body)
    )
}

/// The oldest version that can hold a record.
fn format(record: &Record) -> u64 {
    match record {
        Record::Prepared(prepared)
            if prepared
                .forge
                .as_ref()
                .is_some_and(ForgeRecord::is_of_format_6) =>
        {
            WITH_HOLDER
        }
        Record::Step { txn, .. } if txn.is_of_format_6() => WITH_HOLDER,
        Record::Prepared(prepared) if prepared.forge.is_some() => WITH_FORGE,
        Record::Step { txn, .. } if txn.is_of_format_5() => WITH_FORGE,
        Record::Directed {
            way: LockWay::Done, ..
        } => WITH_FORGE,
        Record::Prepared(prepared) if prepared.mark.is_some() => WITH_MARK,
        Record::Prepared(prepared) if prepared.is_of_format_3() => WITH_LEASE,
        Record::TakenOver { owner, .. } if owner.is_known_further() => WITH_LEASE,
        Record::Step { txn, .. } if txn.is_of_format_3() => WITH_LEASE,
        Record::Directed { .. } => WITH_LEASE,
        Record::Prepared(prepared) if prepared.branch.is_some() => WITH_BRANCH,
        Record::Prepared(_) | Record::Step { .. } | Record::TakenOver { .. } => FIRST,
    }
}

/// The whole records of a journal, in order. Lines that are cut or damaged are left out.
///
/// # Errors
/// The journal is of a newer format, its first record is missing while later ones are there or holds
/// something that is not valid, or a record names a tag that the first one does not have.
pub fn decode(text: &[u8]) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        match decode_line(line)? {
            Some(Whole::Record(record)) => records.push(*record),
            // It was written whole, so something may have been done.
            Some(Whole::Invalid) if records.is_empty() => return Err(ReadError::Damaged),
            Some(Whole::Invalid) | None => {}
        }
    }
    match records.first() {
        None => Ok(records),
        Some(Record::Prepared(prepared)) if is_consistent(prepared) => {
            let tags = prepared.tags.len();
            if records.iter().all(|record| fits(record, tags)) {
                Ok(records)
            } else {
                Err(ReadError::Damaged)
            }
        }
        Some(
            Record::Prepared(_)
            | Record::Step { .. }
            | Record::Directed { .. }
            | Record::TakenOver { .. },
        ) => Err(ReadError::Damaged),
    }
}

/// A line that nothing is missing of.
enum Whole {
    Record(Box<Record>),
    /// It holds something that is not valid, such as an id that is not one.
    Invalid,
}

/// `None`: the line is cut or damaged.
fn decode_line(line: &[u8]) -> Result<Option<Whole>, ReadError> {
    // The version first: a later one may have another sum, or none.
    let Ok(version) = serde_json::from_slice::<Version>(line) else {
        return Ok(None);
    };
    let known = version
        .v
        .as_u64()
        .filter(|version| *version <= JOURNAL_FORMAT);
    if known.is_none() {
        return Err(ReadError::Newer(version.v.to_string()));
    }
    let Ok(line) = serde_json::from_slice::<Line<serde_json::Value>>(line) else {
        return Ok(None);
    };
    // Written again by the writer's own serialiser, the text is the same, and so is its sum.
    if sum(&line.record.to_string()) != line.sum {
        return Ok(None);
    }
    let record = serde_json::from_value(line.record);
    Ok(Some(record.map_or(Whole::Invalid, |record| {
        Whole::Record(Box::new(record))
    })))
}
