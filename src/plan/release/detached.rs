//! A HEAD without the name of a branch: what is said where nothing proves that a branch which releases
//! stable versions holds it.

use crate::{
    error::{Error, ErrorCode},
    git::CommitId,
    text::shell_word,
};

/// A commit that is checked out by itself, and that no fetched branch vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedHead {
    /// The commit.
    pub head: CommitId,
    /// A branch that releases stable versions.
    pub stable: Option<String>,
    /// A branch that the policy names for other versions, and that holds the commit.
    pub holder: Option<String>,
    /// The branch that the pipeline is for, and its commit, where that is another one.
    pub pipeline: Option<(String, CommitId)>,
}

impl DetachedHead {
    /// The fact, as the message of a refusal.
    fn fact(&self) -> String {
        format!(
            "cannot release from a detached HEAD: no branch that releases stable versions is known to hold {}",
            self.head.short()
        )
    }

    /// The branch that the commit may belong to.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.holder.as_deref().or(self.stable.as_deref())
    }

    /// The flag that names the branch.
    fn flag(&self) -> Option<String> {
        Some(format!("--branch {}", shell_word(self.branch()?)))
    }

    /// The refusal of `release`.
    #[must_use]
    pub fn refusal(&self) -> Error {
        let mut error = Error::refused(self.fact()).with_code(ErrorCode::BranchNotReleased);
        if let Some((branch, commit)) = &self.pipeline {
            error = error.cause(format!(
                "the pipeline is for {} of `{branch}`, and another commit is checked out",
                commit.short()
            ));
        }
        let error = match (&self.holder, &self.stable) {
            (Some(holder), _) => error.cause(format!("it is on `{holder}`")),
            (None, Some(stable)) => error.cause(format!(
                "neither HEAD nor a variable of a CI service names a branch, and `{stable}` as it was last fetched does not have it"
            )),
            (None, None) => error
                .cause("neither HEAD nor a variable of a CI service names a branch"),
        };
        let error = error.state("nothing was built or pushed");
        match (&self.holder, self.flag()) {
            (Some(holder), Some(flag)) => error.hint(format!(
                "`hoist release {flag}` releases what `{holder}` releases"
            )),
            (None, Some(flag)) => error.hint(format!(
                "`hoist release {flag}`, if that is the branch that the commit belongs to"
            )),
            (_, None) => error.hint("name the branch that the commit belongs to with `--branch`"),
        }
    }

    /// The same as a note of the verbs that only look.
    #[must_use]
    pub fn note(&self) -> String {
        let flag = self.flag().unwrap_or_else(|| "--branch".to_owned());
        format!(
            "HEAD is detached and no branch is known for it: answered as for a stable branch, but `release` would refuse; `{flag}` names one"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detached() -> DetachedHead {
        DetachedHead {
            head: CommitId::new([0xab; 20]),
            stable: Some("main".to_owned()),
            holder: None,
            pipeline: None,
        }
    }

    #[test]
    fn the_remedy_names_the_branch_that_holds_the_commit() {
        let hint = |detached: &DetachedHead| {
            let error = detached.refusal();
            error.first_hint().map(str::to_owned).unwrap_or_default()
        };
        assert!(hint(&detached()).contains("`hoist release --branch main`"));
        let line = DetachedHead {
            holder: Some("1.x".to_owned()),
            ..detached()
        };
        assert!(hint(&line).contains("`hoist release --branch 1.x`"));
        assert!(line.note().contains("`--branch 1.x`"));
        let unknown = DetachedHead {
            stable: None,
            ..detached()
        };
        assert!(hint(&unknown).contains("`--branch`"));
        let other = DetachedHead {
            pipeline: Some(("main".to_owned(), CommitId::new([1; 20]))),
            ..detached()
        };
        assert!(format!("{:#}", other.refusal()).contains("for 0101010 of `main`"));
    }
}
