//! A HEAD without the name of a branch: what is said where nothing proves that a branch which releases
//! stable versions holds it.

use crate::{
    error::{Error, ErrorCode},
    git::CommitId,
    plan::history::facts::OtherPipeline,
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
    /// The pipeline that runs here, where the commit is not of its branch.
    pub pipeline: Option<OtherPipeline>,
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
        const UNNAMED: &str = "neither HEAD nor a variable of a CI service names a branch";
        let mut error = Error::refused(self.fact()).with_code(ErrorCode::BranchNotReleased);
        if let Some(pipeline) = &self.pipeline {
            error = error.cause(told(pipeline));
        }
        let error = match (&self.holder, &self.pipeline, &self.stable) {
            (Some(holder), _, _) => error.cause(format!("it is on `{holder}`")),
            (None, Some(_), _) => error,
            (None, None, Some(stable)) => error.cause(format!(
                "{UNNAMED}, and `{stable}` as it was last fetched does not have it"
            )),
            (None, None, None) => error.cause(UNNAMED),
        };
        let error = error.state("nothing was built or pushed");
        let error = match (&self.holder, self.flag()) {
            (Some(holder), Some(flag)) => error.hint(format!(
                "`hoist release {flag}` releases what `{holder}` releases"
            )),
            (None, Some(flag)) => error.hint(format!(
                "`hoist release {flag}`, if that is the branch that the commit belongs to"
            )),
            (_, None) => error.hint("name the branch that the commit belongs to with `--branch`"),
        };
        match &self.pipeline {
            Some(OtherPipeline::OfBranch { branch, remote, .. }) => error.hint(format!(
                "`git fetch {}`, if `{branch}` has got the commit since",
                shell_word(remote)
            )),
            Some(OtherPipeline::OfCommit { .. }) | None => error,
        }
    }

    /// The same as a note of the verbs that only look.
    #[must_use]
    pub fn note(&self) -> String {
        let flag = self.flag().unwrap_or_else(|| "--branch".to_owned());
        let known = match &self.pipeline {
            Some(pipeline) => told(pipeline),
            None => "no branch is known for it".to_owned(),
        };
        format!(
            "HEAD is detached and {known}: answered as for a stable branch, but `release` would refuse; `{flag}` names one"
        )
    }
}

/// What is known against the pipeline's word.
fn told(pipeline: &OtherPipeline) -> String {
    match pipeline {
        OtherPipeline::OfCommit { branch, commit } => format!(
            "the pipeline is for {} of `{branch}`, and another commit is checked out",
            commit.short()
        ),
        OtherPipeline::OfBranch {
            branch,
            remote,
            holder,
        } => format!(
            "the pipeline is for `{branch}`, and `{remote}/{branch}` as it was last fetched does not have the commit, but `{remote}/{holder}` has"
        ),
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
        let of_another_commit = OtherPipeline::OfCommit {
            branch: "main".to_owned(),
            commit: CommitId::new([1; 20]),
        };
        let other = DetachedHead {
            pipeline: Some(of_another_commit),
            ..detached()
        };
        let text = format!("{:#}", other.refusal());
        assert!(text.contains("for 0101010 of `main`"), "{text}");
        assert!(!text.contains("names a branch"), "{text}");
    }
}
