//! Whether this commit may be released from here: the checks of `release` that `next` and `plan`
//! only mention: branch, pull request, dirty tree, unpushed HEAD.

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    policy::{Policy, SourceFiles},
};

/// What the checks look at.
#[derive(Debug, Clone)]
pub struct Preconditions {
    /// The branch, when it has a name that the policy does not list.
    pub unlisted_branch: Option<String>,
    /// The pull request whose pipeline this is, as its CI names it.
    pub pull_request: Option<String>,
    /// `--version` or `--pre` was given, so that an unlisted branch is meant.
    pub explicit: bool,
    /// Paths that differ from HEAD, a few of them.
    pub dirty: Vec<String>,
    /// `--allow-dirty`
    pub allow_dirty: bool,
    /// Whether the remote has HEAD; `None` where there is no remote to ask.
    pub pushed: Option<bool>,
    /// HEAD, for the refusal.
    pub head: CommitId,
}

impl Preconditions {
    /// Notes for a person where the release may go on.
    ///
    /// # Errors
    /// Refused (exit 4) with what stands in the way and the command that removes it.
    pub fn check(&self, policy: &Policy) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if let Some(request) = &self.pull_request {
            return Err(
                Error::refused(format!("a pull request is not released: {request}"))
                    .with_code(ErrorCode::PullRequest)
                    .state("nothing was built or pushed")
                    .hint("`hoist plan` shows what a release after the merge would do"),
            );
        }
        if let (Some(branch), false) = (&self.unlisted_branch, self.explicit) {
            return Err(Error::refused(format!("cannot release from branch `{branch}`: `[branches]` does not name it")).with_code(ErrorCode::BranchNotReleased)
                .state("nothing was built or pushed")
                .hint("add it to `branches.stable`, `maintenance` or `prerelease`, or name the version with `--version` or `--pre`"));
        }
        self.tree(policy, &mut notes)?;
        if self.pushed == Some(false) && policy.git.require_pushed {
            let target = self
                .unlisted_branch
                .as_deref()
                .map_or("HEAD".to_owned(), |b| format!("HEAD:{b}"));
            return Err(Error::refused(format!(
                "`{}` does not have HEAD ({})",
                policy.git.remote, self.head
            ))
            .with_code(ErrorCode::NotPushed)
            .cause("a released tag would point at a commit that nobody else can see")
            .state("nothing was built or pushed")
            .hint(format!("git push {} {target}", policy.git.remote)));
        }
        Ok(notes)
    }

    fn tree(&self, policy: &Policy, notes: &mut Vec<String>) -> Result<()> {
        if self.dirty.is_empty() {
            return Ok(());
        }
        let files = self.dirty.join(", ");
        let build = &policy.image.build;
        let has_command = build.image_source.command().is_some();
        if build.files == SourceFiles::Commit && !has_command {
            notes.push(format!(
                "not in this release, because not committed: {files}"
            ));
            return Ok(());
        }
        if self.allow_dirty {
            notes.push(format!("built from uncommitted files: {files}"));
            return Ok(());
        }
        Err(Error::refused("the working tree has uncommitted changes")
            .with_code(ErrorCode::DirtyTree)
            .cause(files)
            .state("nothing was built or pushed")
            .hint("commit or stash them, or release them as they are with `--allow-dirty`"))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::release::preconditions::*;

    fn policy(text: &str) -> Policy {
        Policy::parse(text, "release.toml").expect("a good policy")
    }

    fn clean() -> Preconditions {
        Preconditions {
            unlisted_branch: None,
            pull_request: None,
            explicit: false,
            dirty: Vec::new(),
            allow_dirty: false,
            pushed: None,
            head: CommitId::new([0xab; 20]),
        }
    }

    fn refusal(preconditions: &Preconditions, text: &str) -> Option<String> {
        preconditions
            .check(&policy(text))
            .err()
            .map(|error| error.message().to_owned())
    }

    #[test]
    fn a_clean_pushed_head_passes() {
        let preconditions = Preconditions {
            pushed: Some(true),
            ..clean()
        };
        assert_eq!(preconditions.check(&policy("")).ok(), Some(vec![]));
    }

    #[test]
    fn a_pull_request_is_refused_even_with_a_version() {
        let preconditions = Preconditions {
            pull_request: Some("#7".into()),
            explicit: true,
            ..clean()
        };
        assert!(refusal(&preconditions, "").is_some_and(|m| m.contains("#7")));
    }

    #[test]
    fn an_unlisted_branch_needs_a_word() {
        let preconditions = Preconditions {
            unlisted_branch: Some("wip".into()),
            ..clean()
        };
        assert!(refusal(&preconditions, "").is_some_and(|m| m.contains("`wip`")));
        assert_eq!(
            refusal(
                &Preconditions {
                    explicit: true,
                    ..preconditions
                },
                ""
            ),
            None
        );
    }

    #[test]
    fn a_dirty_tree_matters_only_where_its_files_are_built() {
        let preconditions = Preconditions {
            dirty: vec!["a.txt".into()],
            ..clean()
        };
        assert_eq!(
            preconditions
                .check(&policy(""))
                .map(|notes| notes.len())
                .ok(),
            Some(1)
        );
        let worktree = "[image.build]\nsource = \"worktree\"";
        assert!(refusal(&preconditions, worktree).is_some());
        assert!(
            refusal(
                &preconditions,
                "[image.build]\nlayout = \"x\"\ncommand = [\"make\"]"
            )
            .is_some()
        );
        assert_eq!(
            refusal(
                &Preconditions {
                    allow_dirty: true,
                    ..preconditions
                },
                worktree
            ),
            None
        );
    }

    #[test]
    fn an_unpushed_head_is_refused_unless_policy_allows_it() {
        let preconditions = Preconditions {
            pushed: Some(false),
            ..clean()
        };
        assert!(refusal(&preconditions, "").is_some_and(|m| m.contains("does not have HEAD")));
        assert_eq!(
            refusal(&preconditions, "[git]\nrequire-pushed = false"),
            None
        );
    }
}
