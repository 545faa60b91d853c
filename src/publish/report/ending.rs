//! A run that has come to rest.

use crate::publish::{protocol::state::Transaction, remarks::Remarks, run::Run};

/// All that a report is made from.
#[derive(Clone, Copy)]
pub(in crate::publish) struct Ending<'a> {
    pub(in crate::publish) run: &'a Run,
    pub(in crate::publish) txn: &'a Transaction,
    /// Everything that was learnt on the way.
    pub(in crate::publish) remarks: &'a Remarks,
}
