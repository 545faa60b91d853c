//! What the lock's object tells of its holder.

use serde::{Deserialize, Serialize};

use crate::publish::protocol::state::Goal;

/// Where the holder of a lock leads the tags, as the lock's object tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockWay {
    /// To the release's digest.
    Forward,
    /// To what was before.
    Back,
    /// Nowhere: the release is complete but for the forge.
    Done,
}

impl LockWay {
    /// The way of what may still be under way.
    #[must_use]
    pub fn goal(self) -> Goal {
        match self {
            Self::Forward | Self::Done => Goal::Forward,
            Self::Back => Goal::Back,
        }
    }
}

impl From<Goal> for LockWay {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Forward => Self::Forward,
            Goal::Back => Self::Back,
        }
    }
}
