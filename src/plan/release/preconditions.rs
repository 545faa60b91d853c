//! Whether this commit may be released from here: the checks of `release` that `next` and `plan`
//! only mention: pull request, policy file, branch, dirty tree, unpushed HEAD.

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::ImageName,
    plan::release::detached::DetachedHead,
    policy::{Policy, SourceFiles},
    text::shell_word,
};

/// The policy file in use is not the one that HEAD has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncommittedPolicy {
    /// The file, as a person names it.
    pub file: String,
    /// The file, as git takes it from where the person stands.
    pub pathspec: String,
    /// What sets it apart.
    pub change: PolicyChange,
    /// Where HEAD's policy releases to, and where this one does, if those differ.
    pub destinations: Option<(String, String)>,
}

/// What sets the policy file in use apart from HEAD's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyChange {
    /// It says something else.
    Changed,
    /// HEAD has no such file.
    Untracked,
    /// HEAD has one, the working tree has none.
    Deleted,
}

impl UncommittedPolicy {
    /// The fact, as the message of a refusal.
    fn fact(&self) -> String {
        let file = &self.file;
        match self.change {
            PolicyChange::Changed => format!("`{file}` has changes that no commit holds"),
            PolicyChange::Untracked => format!("`{file}` is in no commit"),
            PolicyChange::Deleted => format!("`{file}` is in HEAD, but not in the working tree"),
        }
    }

    fn refusal(&self, is_tagged: bool) -> Error {
        let file = shell_word(&self.pathspec);
        let mut error = Error::refused(self.fact())
            .with_code(ErrorCode::PolicyNotCommitted)
            .cause("the policy decides where a release goes and which tags it moves");
        if let Some((committed, now)) = &self.destinations {
            let place = |name: &str| match name.is_empty() {
                true => "names no repository".to_owned(),
                false => format!("releases to {name}"),
            };
            let (committed, now) = (place(committed), place(now));
            error = error.cause(format!("HEAD's {committed}, this one {now}"));
        }
        let remedy = match self.change {
            PolicyChange::Changed => format!("git commit -m 'chore: release policy' -- {file}"),
            PolicyChange::Untracked => {
                format!("git add {file} && git commit -m 'chore: release policy' -- {file}")
            }
            PolicyChange::Deleted => format!("git checkout HEAD -- {file}"),
        };
        let error = error.state("nothing was built or pushed");
        match is_tagged {
            true => error.hint(
                "`--allow-dirty` completes the version with the policy as it is; a commit of the policy would no longer be the one that is tagged",
            ),
            false => error
                .hint(remedy)
                .hint("`--allow-dirty` releases with the policy as it is"),
        }
    }
}

/// What the checks look at.
#[derive(Debug, Clone)]
pub struct Preconditions {
    /// The branch, when it has a name that the policy does not list.
    pub unlisted_branch: Option<String>,
    /// HEAD, where it has no branch and nothing proves that one which is released from holds it.
    pub detached: Option<DetachedHead>,
    /// The pull request whose pipeline this is, as its CI names it.
    pub pull_request: Option<String>,
    /// `--version` or `--pre` was given, so that an unlisted branch is meant.
    pub explicit: bool,
    /// The version that is asked for is tagged on HEAD: another commit would not do.
    pub is_tagged: bool,
    /// The policy in use, where it is not the one of HEAD.
    pub policy: Option<UncommittedPolicy>,
    /// Paths that differ from HEAD, a few of them.
    pub dirty: Vec<String>,
    /// `--allow-dirty`
    pub allow_dirty: bool,
    /// Whether the remote has HEAD; `None` where there is no remote to ask.
    pub pushed: Option<bool>,
    /// A detached HEAD, and the branch that it may be pushed to, where one is known: git itself finds none.
    pub push_to: Option<Option<String>>,
    /// Whether git is set up to sign every annotated tag here: `tag.gpgSign`.
    pub git_signs_tags: bool,
    /// HEAD, for the refusal.
    pub head: CommitId,
}

/// What the checks have found.
#[derive(Debug, Default)]
pub struct PreconditionFindings {
    /// What a person should know where the release may go on.
    pub notes: Vec<String>,
    /// What stands in the way, the most important first.
    pub refusals: Vec<Error>,
}

impl PreconditionFindings {
    /// The notes, where nothing stands in the way.
    ///
    /// # Errors
    /// Refused (exit 4) with what stands in the way and the command that removes it.
    pub fn passed(self) -> Result<Vec<String>> {
        match self.refusals.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(self.notes),
        }
    }
}

impl Preconditions {
    /// Everything that the checks find.
    #[must_use]
    pub fn findings(&self, policy: &Policy) -> PreconditionFindings {
        let mut found = PreconditionFindings::default();
        if let Some(request) = &self.pull_request {
            found.refusals.push(
                Error::refused(format!("a pull request is not released: {request}"))
                    .with_code(ErrorCode::PullRequest)
                    .state("nothing was built or pushed")
                    .hint("`hoist plan` shows what a release after the merge would do"),
            );
        }
        match &self.policy {
            Some(uncommitted) if self.allow_dirty => {
                found
                    .notes
                    .push(format!("{}, and is used as it is", uncommitted.fact()));
            }
            Some(uncommitted) => found.refusals.push(uncommitted.refusal(self.is_tagged)),
            None => {}
        }
        if let (Some(branch), false) = (&self.unlisted_branch, self.explicit) {
            found.refusals.push(Error::refused(format!("cannot release from branch `{branch}`: `[branches]` does not name it")).with_code(ErrorCode::BranchNotReleased)
                .state("nothing was built or pushed")
                .hint("add it to `branches.stable`, `maintenance` or `prerelease`, or name the version with `--version` or `--pre`"));
        }
        // The branch of a pull request is the merge's business.
        let detached = self.detached.as_ref();
        if let (Some(detached), false, None) = (detached, self.explicit, &self.pull_request) {
            found.refusals.push(detached.refusal());
        }
        self.tree(policy, &mut found);
        if self.git_signs_tags && !policy.git.sign {
            found.notes.push(
                "git is set to sign tags here (`tag.gpgSign`), and hoist signs its own only with `git.sign = true`"
                    .to_owned(),
            );
        }
        if self.pushed == Some(false) && policy.git.require_pushed {
            found.refusals.push(self.not_pushed(policy));
        }
        found
    }

    fn not_pushed(&self, policy: &Policy) -> Error {
        let target = match (&self.push_to, &self.unlisted_branch) {
            (Some(branch), _) => {
                let branch = branch.as_deref().unwrap_or("BRANCH");
                shell_word(&format!("HEAD:refs/heads/{branch}"))
            }
            (None, Some(branch)) => shell_word(&format!("HEAD:{branch}")),
            (None, None) => "HEAD".to_owned(),
        };
        let remote = &policy.git.remote;
        Error::refused(format!("`{remote}` does not have HEAD ({})", self.head))
            .with_code(ErrorCode::NotPushed)
            .cause("a released tag would point at a commit that nobody else can see")
            .state("nothing was built or pushed")
            .hint(format!("git push {remote} {target}"))
    }

    fn tree(&self, policy: &Policy, found: &mut PreconditionFindings) {
        if self.dirty.is_empty() {
            return;
        }
        let files = self.dirty.join(", ");
        let is_committed = |image: ImageName| {
            let build = policy.image_policy(&image).build;
            build.files == SourceFiles::Commit && build.image_source.command().is_none()
        };
        if policy.all_images().all(is_committed) {
            let note = format!("not in this release, because not committed: {files}");
            found.notes.push(note);
        } else if self.allow_dirty {
            found
                .notes
                .push(format!("built from uncommitted files: {files}"));
        } else {
            found.refusals.push(
                Error::refused("the working tree has uncommitted changes")
                    .with_code(ErrorCode::DirtyTree)
                    .cause(files)
                    .state("nothing was built or pushed")
                    .hint(match self.is_tagged {
                        true => "stash them, or go on with them as they are with `--allow-dirty`; a commit would no longer be the one that is tagged",
                        false => "commit or stash them, or release them as they are with `--allow-dirty`",
                    }),
            );
        }
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
            detached: None,
            pull_request: None,
            explicit: false,
            is_tagged: false,
            policy: None,
            dirty: Vec::new(),
            allow_dirty: false,
            pushed: None,
            push_to: None,
            git_signs_tags: false,
            head: CommitId::new([0xab; 20]),
        }
    }

    fn refusal(preconditions: &Preconditions, text: &str) -> Option<String> {
        preconditions
            .findings(&policy(text))
            .passed()
            .err()
            .map(|error| error.message().to_owned())
    }

    #[test]
    fn a_tag_that_git_would_sign_and_hoist_does_not_is_told() {
        let signs = Preconditions {
            git_signs_tags: true,
            ..clean()
        };
        let notes = |text| signs.findings(&policy(text)).notes.concat();
        assert!(notes("").contains("`git.sign = true`"));
        assert_eq!(notes("[git]\nsign = true\n"), "");
        assert!(clean().findings(&policy("")).notes.is_empty());
    }

    #[test]
    fn the_push_that_is_named_is_one_that_git_takes() {
        for (push_to, unlisted, command) in [
            (None, None, "git push origin HEAD"),
            (None, Some("wip"), "git push origin HEAD:wip"),
            (
                Some(Some("main")),
                None,
                "git push origin HEAD:refs/heads/main",
            ),
            (Some(None), None, "git push origin HEAD:refs/heads/BRANCH"),
        ] {
            let preconditions = Preconditions {
                pushed: Some(false),
                explicit: true,
                push_to: push_to.map(|branch: Option<&str>| branch.map(str::to_owned)),
                unlisted_branch: unlisted.map(str::to_owned),
                ..clean()
            };
            let error = preconditions.findings(&policy("")).passed();
            let error = error.expect_err("HEAD is not pushed");
            assert_eq!(error.first_hint(), Some(command));
        }
    }

    #[test]
    fn a_clean_pushed_head_passes() {
        let preconditions = Preconditions {
            pushed: Some(true),
            ..clean()
        };
        assert_eq!(
            preconditions.findings(&policy("")).passed().ok(),
            Some(vec![])
        );
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
    fn a_head_that_no_branch_vouches_for_needs_a_word() {
        let preconditions = Preconditions {
            detached: Some(DetachedHead {
                head: CommitId::new([0xab; 20]),
                stable: Some("main".into()),
                holder: None,
                pipeline: None,
            }),
            ..clean()
        };
        assert!(refusal(&preconditions, "").is_some_and(|m| m.contains("detached HEAD")));
        let explicit = Preconditions {
            explicit: true,
            ..preconditions
        };
        assert_eq!(refusal(&explicit, ""), None);
    }

    #[test]
    fn a_dirty_tree_matters_only_where_its_files_are_built() {
        let preconditions = Preconditions {
            dirty: vec!["a.txt".into()],
            ..clean()
        };
        assert_eq!(
            preconditions
                .findings(&policy(""))
                .passed()
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

    #[test]
    fn a_policy_that_no_commit_holds_is_refused_or_told() {
        for (change, fact, remedy) in [
            (PolicyChange::Changed, "has changes", "git commit -m"),
            (
                PolicyChange::Untracked,
                "is in no commit",
                "git add 'a b.toml' &&",
            ),
            (
                PolicyChange::Deleted,
                "not in the working tree",
                "git checkout HEAD -- 'a b.toml'",
            ),
        ] {
            let preconditions = Preconditions {
                policy: Some(UncommittedPolicy {
                    file: "a b.toml".into(),
                    pathspec: "a b.toml".into(),
                    change,
                    destinations: Some(("`ghcr.io/a/b`".into(), "`ghcr.io/c/d`".into())),
                }),
                ..clean()
            };
            let error = preconditions
                .findings(&policy(""))
                .passed()
                .expect_err("it is refused");
            assert_eq!(error.code(), ErrorCode::PolicyNotCommitted);
            assert!(error.message().contains(fact), "{error:#}");
            assert!(format!("{error:#}").contains("ghcr.io/c/d"), "{error:#}");
            let hint = error.first_hint().unwrap_or_default();
            assert!(hint.contains(remedy), "{hint}");
            let allowed = Preconditions {
                allow_dirty: true,
                ..preconditions
            };
            let notes = allowed
                .findings(&policy(""))
                .passed()
                .expect("it is allowed");
            assert!(notes.iter().any(|note| note.contains(fact)), "{notes:?}");
        }
    }

    #[test]
    fn everything_that_stands_in_the_way_is_found() {
        let preconditions = Preconditions {
            unlisted_branch: Some("wip".into()),
            pull_request: Some("#7".into()),
            pushed: Some(false),
            dirty: vec!["a.txt".into()],
            ..clean()
        };
        let found = preconditions.findings(&policy("[image.build]\nsource = \"worktree\""));
        let codes: Vec<_> = found.refusals.iter().map(Error::code).collect();
        assert_eq!(
            codes,
            [
                ErrorCode::PullRequest,
                ErrorCode::BranchNotReleased,
                ErrorCode::DirtyTree,
                ErrorCode::NotPushed
            ]
        );
    }
}
