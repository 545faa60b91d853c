//! The flag that `hoist resume` and `hoist rollback` share.

use crate::release::Recovery;

#[derive(Debug, clap::Args)]
pub(super) struct RecoveryArgs {
    /// Take the lock from an owner who may still be running
    #[arg(long)]
    take_over: bool,
}

impl RecoveryArgs {
    pub(super) fn recovery(&self) -> Recovery {
        match self.take_over {
            true => Recovery::TakeOver,
            false => Recovery::IfAbandoned,
        }
    }
}
