//! Whether the run that has a transaction is alive.

use serde::Serialize;

use crate::publish::{
    protocol::replay::{self, Replayed},
    world::World,
};

/// Whether the run that has a release is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunState {
    /// Its process runs on this machine.
    Running,
    /// Its process or its CI job has ended.
    Ended,
    /// It belongs to another machine, from where nothing can be known.
    Unknown,
}

/// Whether the run that has the transaction is alive, as far as can be known here.
pub(super) fn run_state(world: &World, replayed: &Replayed) -> RunState {
    if may_run(world, replayed) {
        RunState::Running
    } else if replay::abandoned(&replayed.owner, &world.owner, world.alive).is_some() {
        RunState::Ended
    } else {
        RunState::Unknown
    }
}

/// Whether the run that has the transaction is alive on this machine.
pub(super) fn may_run(world: &World, replayed: &Replayed) -> bool {
    let (owner, me) = (&replayed.owner, &world.owner);
    let is_here = owner.host == me.host && owner.boot == me.boot;
    is_here && owner != me && (world.alive)(owner)
}
