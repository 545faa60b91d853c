//! Journals: from a disk that tore them, or a git remote that others write to.
//!
//! Input that begins with `{` is a journal as it stands. In any other input each line after the
//! first byte is a record, and gets the sum that no fuzzer would guess.

use hoist::{
    oci::Digest,
    publish::protocol::{
        action::action,
        journal::{Record, decode, encode},
        replay::{self, Replayed},
        state::{Cause, Goal},
    },
};

/// What is read can be written, cut, and worked with.
pub fn journal(data: &[u8]) {
    let text = match data.split_first() {
        Some((first, records)) if *first != b'{' => with_sums(records),
        _ => data.to_vec(),
    };
    let Ok(records) = decode(&text) else { return };
    let written: String = records.iter().map(encode).collect();
    assert_eq!(decode(written.as_bytes()).as_ref(), Ok(&records));
    cut(&written, &records);
    if let Some(replayed) = replay::replay(records) {
        can_be_recovered(&replayed);
    }
}

fn with_sums(records: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in records.split(|byte| *byte == b'\n') {
        // As the reader will see it: compact, keys in their order.
        let Ok(record) = serde_json::from_slice::<serde_json::Value>(line) else {
            text.extend_from_slice(line);
            text.push(b'\n');
            continue;
        };
        let record = record.to_string();
        let digest = Digest::of(record.as_bytes());
        let sum = &digest.hex()[..16];
        text.extend(format!("{{\"v\":1,\"sum\":\"{sum}\",\"record\":{record}}}\n").into_bytes());
    }
    text
}

/// A journal that was cut anywhere holds the records before the cut and no others.
fn cut(written: &str, records: &[Record]) {
    // Every place in short ones; in long ones as many, spread out.
    let step = written.len() / 64 + 1;
    let lines = written.match_indices('\n').map(|(at, _)| at);
    let places = (0..written.len()).step_by(step).chain(lines);
    for place in places {
        let whole = written[..place].matches('\n').count();
        // The last line needs no newline to be whole.
        let whole = whole + usize::from(written[place..].starts_with('\n'));
        let read = decode(&written.as_bytes()[..place]);
        assert_eq!(read.as_deref(), Ok(&records[..whole]), "cut at {place}");
    }
}

/// Whatever it names is there, in the state that it tells and in those that recovery begins with.
fn can_be_recovered(replayed: &Replayed) {
    let prepared = &replayed.prepared;
    let spec = prepared.spec();
    assert!(!prepared.tags.is_empty());
    for tag in &prepared.tags {
        let _ = prepared.repository(tag);
        assert!(prepared.document(prepared.wanted(tag)).is_some());
    }
    for document in &prepared.documents {
        assert_eq!(*document.0.digest(), Digest::of(&document.0.bytes));
    }
    let cause = replayed.txn.cause;
    if let Some(Cause::Refused(index) | Cause::Foreign(index) | Cause::Unclear(index)) = cause {
        assert!(index < prepared.tags.len(), "{cause:?}");
    }
    let _ = action(&spec, &replayed.txn);
    for goal in [Goal::Forward, Goal::Back] {
        let _ = action(&spec, &replay::recover(replayed.txn.clone(), goal));
    }
    let _ = action(&spec, &replay::suspect_all(prepared));
}
