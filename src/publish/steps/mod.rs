//! What one run does outside: each file carries out one action of the protocol and reports what it
//! saw.

pub(in crate::publish) mod answer;
pub(in crate::publish) mod branch;
pub(in crate::publish) mod commit;
pub(in crate::publish) mod forge;
pub(in crate::publish) mod lock;
pub(in crate::publish) mod observe;
pub(in crate::publish) mod recheck;
pub(in crate::publish) mod refs_seen;
pub(in crate::publish) mod restage;
pub(in crate::publish) mod right;
pub(in crate::publish) mod rollback;
pub(in crate::publish) mod send;
pub(in crate::publish) mod stage;
pub(in crate::publish) mod stand_in;
pub(in crate::publish) mod tag;
pub(in crate::publish) mod unlisted;
