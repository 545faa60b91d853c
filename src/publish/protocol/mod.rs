//! The protocol of the transaction, without IO: states and transitions, the journal and its replay,
//! and the verdict over a published image.

pub mod journal;
pub mod observation;
pub mod replay;
pub(in crate::publish) mod rollback;
pub mod state;
pub mod transitions;
pub mod verdict;
