//! Whether this commit may be released from here: the checks of `release` that `next` and `plan`
//! only mention: pull request, policy file, branch, dirty tree, unpushed HEAD.

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    oci::ImageName,
    plan::release::detached::DetachedHead,
    policy::Policy,
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
    #[must_use]
    pub fn fact(&self) -> String {
        let file = &self.file;
        match self.change {
            PolicyChange::Changed => format!("`{file}` has changes that no commit holds"),
            PolicyChange::Untracked => format!("`{file}` is in no commit"),
            PolicyChange::Deleted => format!("`{file}` is in HEAD, but not in the working tree"),
        }
    }

    fn refusal(&self, is_tagged: bool, is_detached: bool) -> Error {
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
        let error = error.state("nothing was built or pushed");
        if is_tagged {
            return error.hint(
                "`--allow-dirty` completes the version with the policy as it is; a commit of the policy would no longer be the one that is tagged",
            );
        }
        let error = match (self.change, is_detached) {
            (PolicyChange::Changed, false) => {
                error.hint(format!("git commit -m 'chore: release policy' -- {file}"))
            }
            (PolicyChange::Untracked, false) => error.hint(format!(
                "git add {file} && git commit -m 'chore: release policy' -- {file}"
            )),
            // No branch would have the commit.
            (PolicyChange::Changed, true) => error.hint(format!(
                "`git checkout HEAD -- {file}` takes the policy of HEAD, which is detached, again"
            )),
            (PolicyChange::Untracked, true) => {
                error.hint("commit it on a branch: HEAD is detached")
            }
            (PolicyChange::Deleted, _) => error.hint(format!("git checkout HEAD -- {file}")),
        };
        error.hint("`--allow-dirty` releases with the policy as it is")
    }
}

/// Whether the remote has HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushedHead {
    /// A branch of the remote has it; or nobody can tell.
    Yes,
    /// No branch of the remote has it.
    No,
    /// The branch that is released does not have it, and this one does, which is released otherwise.
    Elsewhere(String),
}

/// How HEAD gets to the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayToRemote {
    /// The branch that is checked out is pushed.
    Push,
    /// The same, once the commits are on top of those that the branch of this name has got on the remote.
    Rebase(String),
    /// A commit is checked out by itself, and goes on top of this branch, or makes it.
    Onto(String),
    /// A commit is checked out by itself, and no branch is known that it can go to.
    Unknown,
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
    /// Those of them that git does not track.
    pub untracked: Vec<String>,
    /// `--allow-dirty`
    pub allow_dirty: bool,
    /// Whether the remote has HEAD.
    pub pushed: PushedHead,
    /// How it gets there.
    pub way: WayToRemote,
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
            Some(uncommitted) => {
                let is_detached = matches!(self.way, WayToRemote::Onto(_) | WayToRemote::Unknown);
                let refusal = uncommitted.refusal(self.is_tagged, is_detached);
                found.refusals.push(refusal);
            }
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
        if policy.git.require_pushed {
            found.refusals.extend(self.not_pushed(&policy.git.remote));
        }
        found
    }

    fn not_pushed(&self, remote: &str) -> Option<Error> {
        let head = self.head;
        let error = match &self.pushed {
            PushedHead::Yes => return None,
            PushedHead::No => Error::refused(format!("`{remote}` does not have HEAD ({head})"))
                .cause("a released tag would point at a commit that nobody else can see"),
            PushedHead::Elsewhere(holder) => Error::refused(format!(
                "the branch that is released does not have HEAD ({head}) on `{remote}`"
            ))
            .cause(format!(
                "`{remote}/{holder}` has it, and is not released like that branch"
            )),
        };
        let remote = shell_word(remote);
        Some(
            error
                .with_code(ErrorCode::NotPushed)
                .state("nothing was built or pushed")
                .hint(match &self.way {
                    WayToRemote::Push => format!("git push {remote} HEAD"),
                    WayToRemote::Rebase(branch) => format!(
                        "git pull --rebase {remote} {} && git push {remote} HEAD",
                        shell_word(branch)
                    ),
                    WayToRemote::Onto(branch) => {
                        let target = format!("HEAD:refs/heads/{branch}");
                        format!("git push {remote} {}", shell_word(&target))
                    }
                    WayToRemote::Unknown => {
                        "put the commit on a branch that is released, and push that branch"
                            .to_owned()
                    }
                }),
        )
    }

    fn tree(&self, policy: &Policy, found: &mut PreconditionFindings) {
        if self.dirty.is_empty() {
            return;
        }
        let files = self.dirty.join(", ");
        let is_committed = |image: ImageName| policy.image_policy(&image).build.is_of_commit();
        if policy.all_images().all(is_committed) {
            let note = format!("not in this release, because not committed: {files}");
            found.notes.push(note);
        } else if self.allow_dirty {
            found.notes.push(built_from(&self.dirty));
        } else {
            let error = Error::refused("the working tree has uncommitted changes")
                .with_code(ErrorCode::DirtyTree)
                .cause(files)
                .state("nothing was built or pushed")
                .hint(match self.is_tagged {
                    true => "stash them, or go on with them as they are with `--allow-dirty`; a commit would no longer be the one that is tagged",
                    false => "commit or stash them, or release them as they are with `--allow-dirty`",
                });
            found.refusals.push(self.way_with_untracked(error));
        }
    }

    /// A file that no commit is to have, such as what a command was redirected into, is in the way all the same: a
    /// build may copy it.
    fn way_with_untracked(&self, error: Error) -> Error {
        if self.untracked.is_empty() {
            return error;
        }
        let (them, stash) = match &*self.untracked {
            [_] => ("it", "it"),
            _ => ("them", "such files"),
        };
        error.hint(format!(
            "git does not track {}: commit {them}, remove {them}, or name {them} in `.gitignore`; `git stash -u` stashes {stash} as well",
            self.untracked.join(", ")
        ))
    }
}

/// That an image is built from these files, which no commit holds.
#[must_use]
pub fn built_from(files: &[String]) -> String {
    format!("built from uncommitted files: {}", files.join(", "))
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
            untracked: Vec::new(),
            allow_dirty: false,
            pushed: PushedHead::Yes,
            way: WayToRemote::Push,
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
        let main = || "main".to_owned();
        for (way, command) in [
            (WayToRemote::Push, "git push origin HEAD"),
            (
                WayToRemote::Rebase(main()),
                "git pull --rebase origin main && git push origin HEAD",
            ),
            (
                WayToRemote::Onto(main()),
                "git push origin HEAD:refs/heads/main",
            ),
        ] {
            let preconditions = Preconditions {
                pushed: PushedHead::No,
                explicit: true,
                way,
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
            pushed: PushedHead::Yes,
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
            pushed: PushedHead::No,
            ..clean()
        };
        assert!(refusal(&preconditions, "").is_some_and(|m| m.contains("does not have HEAD")));
        assert_eq!(
            refusal(&preconditions, "[git]\nrequire-pushed = false"),
            None
        );
    }

    #[test]
    fn the_remedy_of_an_unpushed_head_runs_where_it_is_printed() {
        for (way, hint) in [
            (WayToRemote::Push, "git push origin HEAD"),
            (
                WayToRemote::Rebase("main".into()),
                "git pull --rebase origin main && git push origin HEAD",
            ),
            (
                WayToRemote::Onto("main".into()),
                "git push origin HEAD:refs/heads/main",
            ),
            (
                WayToRemote::Onto("it's".into()),
                r"git push origin 'HEAD:refs/heads/it'\''s'",
            ),
            (WayToRemote::Unknown, "put the commit on a branch"),
        ] {
            let preconditions = Preconditions {
                pushed: PushedHead::No,
                way,
                ..clean()
            };
            let found = preconditions.findings(&policy(""));
            let said = found.refusals[0].first_hint().unwrap_or_default();
            assert!(said.starts_with(hint), "{said}");
        }
    }

    #[test]
    fn a_commit_is_no_remedy_where_no_branch_would_have_it() {
        for change in [
            PolicyChange::Changed,
            PolicyChange::Untracked,
            PolicyChange::Deleted,
        ] {
            let preconditions = Preconditions {
                policy: Some(UncommittedPolicy {
                    file: "release.toml".into(),
                    pathspec: "release.toml".into(),
                    change,
                    destinations: None,
                }),
                way: WayToRemote::Onto("main".into()),
                ..clean()
            };
            let found = preconditions.findings(&policy(""));
            let hints = found.refusals[0].hints().join("; ");
            assert!(!hints.contains("git commit"), "{hints}");
            assert!(hints.contains("--allow-dirty"), "{hints}");
        }
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
            pushed: PushedHead::No,
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

    #[test]
    fn files_that_git_does_not_track_have_a_way_of_their_own() {
        let of_tree = "[image.build]\nsource = \"worktree\"";
        for (untracked, says) in [
            (&[][..], None),
            (
                &["leg.json"],
                Some(
                    "git does not track leg.json: commit it, remove it, or name it in `.gitignore`",
                ),
            ),
            (&["a", "b"], Some("git does not track a, b: commit them")),
        ] {
            let preconditions = Preconditions {
                dirty: ["VERSION"]
                    .iter()
                    .chain(untracked)
                    .map(|&it| it.to_owned())
                    .collect(),
                untracked: untracked.iter().map(|&it| it.to_owned()).collect(),
                ..clean()
            };
            let found = preconditions.findings(&policy(of_tree));
            let hints = found.refusals[0].hints().join("; ");
            match says {
                Some(says) => assert!(hints.contains(says), "{hints}"),
                None => assert!(!hints.contains("does not track"), "{hints}"),
            }
        }
    }
}
