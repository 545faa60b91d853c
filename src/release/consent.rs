//! Who agrees that a release goes on of which only the lock tells.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    git::CommitId,
    publish::protocol::state::Goal,
};

/// An unfinished release of which only its lock tells, for the person who decides whether it goes on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LockedRelease {
    /// The version that is being published.
    pub version: semver::Version,
    /// Its commit.
    pub commit: CommitId,
    /// The process that has it, as the lock says.
    pub owner: String,
    /// Since when its owner has it, as the lock says.
    pub since: DateTime<Utc>,
    /// What would be done: one line for each tag and ref.
    pub moves: Vec<String>,
    /// What the release is said to be, and neither labels nor receipts prove.
    pub unproven: Vec<String>,
    /// What a way back would leave, and the published versions do not explain.
    pub unexplained: Vec<String>,
}

/// Shows the release to a person, and tells whether the answer is yes.
type AskPerson = dyn Fn(&LockedRelease) -> Result<bool> + Send + Sync;

/// Who agrees that a release goes on of which only the lock tells. Whoever may push the lock's refs can
/// have written it.
#[derive(Clone, Default)]
pub enum Consent {
    /// Nobody: such a release is refused.
    #[default]
    Missing,
    /// Somebody has agreed beforehand to a release of this commit: it goes on where its images prove to be
    /// of that commit.
    GivenIfProven,
    /// Somebody has agreed beforehand, whatever it does within the policy. A way back that the published
    /// versions do not explain needs a person all the same.
    Given,
    /// This is asked.
    Ask(Arc<AskPerson>),
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::GivenIfProven => "GivenIfProven",
            Self::Given => "Given",
            Self::Ask(_) => "Ask",
        })
    }
}

impl Consent {
    /// Nothing where somebody agrees that `shown` goes on.
    pub(super) async fn agrees(&self, shown: &LockedRelease, goal: Goal) -> Result<()> {
        let agreed = match self {
            Self::GivenIfProven if !shown.unproven.is_empty() => return Err(unproven(shown)),
            Self::GivenIfProven | Self::Given if !shown.unexplained.is_empty() => {
                return Err(unexplained(shown));
            }
            Self::GivenIfProven | Self::Given => true,
            Self::Missing => return Err(not_agreed(shown, goal)),
            Self::Ask(ask) => {
                let (ask, shown) = (Arc::clone(ask), shown.clone());
                let answer = tokio::task::spawn_blocking(move || ask(&shown)).await;
                answer.map_err(|_| Error::bug("the question panicked"))??
            }
        };
        if agreed {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the release {} was not taken over: the answer was no",
            shown.version
        ))
        .state("nothing was changed"))
    }
}

/// `release --yes` agrees to a release of this commit, and nothing tells that this is one.
fn unproven(shown: &LockedRelease) -> Error {
    let error = Error::busy(format!("the release {} is unfinished", shown.version))
        .with_code(ErrorCode::UnfinishedRelease)
        .cause(format!("only the lock tells of it, by {}", shown.owner));
    let lines = shown.unproven.iter();
    lines
        .fold(error, |error, line| error.cause(line.clone()))
        .state("nothing was done")
        .hint("`hoist status` shows it; `hoist resume` shows what it would do, and asks")
}

/// `--yes` is not enough for a way back that nothing explains.
fn unexplained(shown: &LockedRelease) -> Error {
    let error = Error::new(
        ErrorKind::Usage,
        format!(
            "only the lock tells how to undo {}, so a person has to agree in a terminal",
            shown.version
        ),
    )
    .with_code(ErrorCode::NotATerminal);
    let lines = shown.unexplained.iter();
    lines
        .fold(error, |error, line| error.cause(line.clone()))
        .state("nothing was changed")
        .hint("`hoist rollback` asks in a terminal, and needs nobody in the clone that began the release")
        .hint("`hoist resume --yes` goes forward instead")
}

fn not_agreed(shown: &LockedRelease, goal: Goal) -> Error {
    let verb = match goal {
        Goal::Forward => "resume",
        Goal::Back => "rollback",
    };
    let error = Error::new(
        ErrorKind::Usage,
        format!(
            "only the lock tells of the release {}, so it needs a yes",
            shown.version
        ),
    )
    .with_code(ErrorCode::NotATerminal);
    let all = [&shown.moves, &shown.unproven, &shown.unexplained];
    let error = all
        .into_iter()
        .flatten()
        .fold(error, |error, line| error.cause(line.clone()));
    error
        .state("nothing was changed")
        .hint(format!("`hoist {verb} --yes` goes ahead"))
}
