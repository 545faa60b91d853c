//! The protocol of the transaction as a pure machine, without IO.
//!
//! In each [`state::State`] there is exactly one thing to do ([`action::action`]). Its answer is an
//! [`observation::Observation`], and [`transitions::next`] says where that leads. A state is written
//! to the journal *before* its action is performed, so the journal's last record always names what
//! may have happened since: entering [`state::State::Committing`] is the intent to put that round's
//! tags.
//!
//! Promises, checked over all reachable states by a test: [`state::End::Published`] only when every
//! tag showed the release, [`state::End::RolledBack`] only when every tag was put back; from every
//! state both directions end.

pub mod action;
mod forge;
pub mod journal;
pub mod lock_way;
pub mod lockless;
pub mod observation;
mod recovery;
pub mod replay;
pub(in crate::publish) mod rollback;
pub mod state;
pub mod transitions;
pub mod verdict;
