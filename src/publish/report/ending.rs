//! A run that has come to rest.

use crate::{
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
