//! What a plan is made for: how much of it may be written.

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be looked at: nothing is written anywhere.
    Show,
    /// To be tried without being carried out: the release commit is an object of this clone.
    Try,
    /// To be carried out: version tags that only the remote has are brought here, too.
    Do,
}

impl Purpose {
    /// Whether the release commit's objects are kept.
    pub(super) fn keeps(self) -> bool {
        self != Self::Show
    }
}
