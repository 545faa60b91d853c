//! A run that has come to rest.

use crate::{
    error::Error,
    oci::{Repository, Tag},
    publish::{protocol::state::Transaction, remarks::Remarks, run::Run},
};

/// All that a report is made from.
#[derive(Clone, Copy)]
pub(in crate::publish) struct Ending<'a> {
    pub(in crate::publish) run: &'a Run,
    pub(in crate::publish) txn: &'a Transaction,
    /// Everything that was learnt on the way.
    pub(in crate::publish) remarks: &'a Remarks,
}

impl<'a> Ending<'a> {
    /// A tag and its repository.
    pub(super) fn tag(self, index: usize) -> (&'a Tag, &'a Repository) {
        let tag = &self.run.prepared.tags[index];
        (&tag.tag, self.run.prepared.repository(tag))
    }
}

/// An error with its cause, where that is known.
pub(super) fn because(error: Error, cause: Option<impl Into<String>>) -> Error {
    match cause {
        Some(cause) => error.cause(cause),
        None => error,
    }
}
