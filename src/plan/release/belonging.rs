//! Whose a tag of a release is, and what follows for what it shows.

use serde::Serialize;

use crate::{
    oci::{Digest, Observed},
    plan::release::drift::{Drift, DriftState},
};

/// How a tag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// It shows the release.
    Right,
    /// It is not there.
    Missing,
    /// It shows another image.
    Wrong,
    /// The registry did not show it.
    Unreadable,
    /// A moving tag that another version has.
    Kept,
    /// A moving tag of which no version alone tells what it should show.
    Unjudged,
    /// The repositories show different images under a tag that is not the release's.
    Differs,
}

impl CheckState {
    /// The name of the state in JSON documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Unreadable => "unreadable",
            Self::Kept => "kept",
            Self::Unjudged => "unjudged",
            Self::Differs => "differs",
        }
    }

    /// Whether nothing is wrong with the tag.
    #[must_use]
    pub fn is_good(self) -> bool {
        match self {
            Self::Right | Self::Kept | Self::Unjudged => true,
            Self::Missing | Self::Wrong | Self::Unreadable | Self::Differs => false,
        }
    }
}

/// Whose a tag is.
pub(super) enum Belonging<'a> {
    /// The release should have it.
    Own(String),
    /// The release need not have it, because nobody asked for it then.
    Later(String),
    /// The versions that are not withdrawn tell what it should show, for this reason.
    Judged(&'a Drift, String),
    /// Another version has it.
    Others(String),
    /// The release must not have it any more.
    Withdrawn(String),
    /// Nothing tells.
    Open(String),
}

impl Belonging<'_> {
    /// How the tag stands, and why. `want` is the image of the release.
    pub(super) fn judge(&self, want: Option<&Digest>, shown: &Observed) -> (CheckState, String) {
        let shows_it = matches!((shown, want), (Observed::At(shown), Some(want)) if shown == want);
        match self {
            Self::Own(why) => (judge(want, shown), why.clone()),
            Self::Later(why) if *shown == Observed::Absent => (CheckState::Unjudged, why.clone()),
            Self::Later(_) => (judge(want, shown), String::new()),
            Self::Judged(drift, why) => {
                let state = match &drift.state {
                    DriftState::Right if shows_it => CheckState::Right,
                    DriftState::Right => CheckState::Kept,
                    DriftState::Missing => CheckState::Missing,
                    DriftState::Wrong(_) => CheckState::Wrong,
                    DriftState::Unreadable => CheckState::Unreadable,
                };
                let why = match drift.why.contains(" is withdrawn, ") {
                    true => drift.why.clone(),
                    false => format!("{why}, and {}", drift.why),
                };
                (state, why)
            }
            Self::Others(why) => (CheckState::Kept, why.clone()),
            Self::Withdrawn(why) if shows_it => (CheckState::Wrong, why.clone()),
            Self::Withdrawn(why) => (CheckState::Kept, why.clone()),
            Self::Open(why) if shows_it => (
                CheckState::Unjudged,
                format!("{why}; it shows this release"),
            ),
            Self::Open(why) => {
                let what = match shown {
                    Observed::At(_) => "it shows another image",
                    Observed::Absent => "it is not there",
                    Observed::Unknown => "it cannot be read",
                };
                (CheckState::Unjudged, format!("{why}; {what}"))
            }
        }
    }
}

fn judge(want: Option<&Digest>, shown: &Observed) -> CheckState {
    match shown {
        Observed::At(digest) if Some(digest) == want => CheckState::Right,
        Observed::At(_) => CheckState::Wrong,
        Observed::Absent => CheckState::Missing,
        Observed::Unknown => CheckState::Unreadable,
    }
}
