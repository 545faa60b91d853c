//! Reads what a CI service says about its run in the environment variables.

mod services;

use crate::{
    git::CommitId,
    io::{
        ci::services::{RunFor, services},
        environment::Environment,
    },
};

/// The pull or merge request whose pipeline this is, as a person would name it.
///
/// Sources: the services' documented variables. In such a run some of them name the branch that the request
/// is to be merged into, so a request that any service tells of counts.
#[must_use]
pub fn pull_request(environment: &Environment) -> Option<String> {
    services(environment).find_map(|(_, run_for)| match run_for {
        RunFor::PullRequest(name) => Some(name),
        RunFor::Branch(_) | RunFor::Other => None,
    })
}

/// The request that is open from the branch that this run is for, as a person would name it.
///
/// The run is the branch's all the same: what a branch releases is the policy's to say.
#[must_use]
pub fn request_of_branch(environment: &Environment) -> Option<String> {
    branch(environment)?;
    services::request_of_branch(environment)
}

/// The branch that a run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiBranch {
    /// The branch.
    pub name: String,
    /// The commit that the run is for, where the service tells: what is checked out can be another one.
    pub commit: Option<CommitId>,
}

/// The branch that this run is for, where the service says that it is a branch and not a tag or a pull
/// request.
#[must_use]
pub fn branch(environment: &Environment) -> Option<CiBranch> {
    if pull_request(environment).is_some() {
        return None;
    }
    services(environment).find_map(|(service, run_for)| match run_for {
        RunFor::Branch(name) => Some(CiBranch {
            name,
            commit: environment
                .get(service.commit)
                .and_then(|id| id.parse().ok()),
        }),
        RunFor::PullRequest(_) | RunFor::Other => None,
    })
}

/// A job of a CI service, as its service counts attempts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The address of the service.
    pub server: String,
    /// The repository or project that the run is for.
    pub repository: String,
    /// The run or pipeline.
    pub run: String,
    /// The job within the run.
    pub name: String,
    /// Counts the attempts of the job: a later one is larger, and begins when the earlier one is over.
    pub attempt: u64,
}

/// The job that this process belongs to, where its service tells of attempts.
///
/// Sources: the documented variables of GitHub Actions (a run is attempted again only when it is
/// completed) and of GitLab (a retried job gets a new, larger id).
#[must_use]
pub fn job(environment: &Environment) -> Option<Job> {
    let of = |server, repository, run, name, attempt| {
        Some(Job {
            server: environment.get(server)?.to_owned(),
            repository: environment.get(repository)?.to_owned(),
            run: environment.get(run)?.to_owned(),
            name: environment.get(name)?.to_owned(),
            attempt: environment.get(attempt)?.parse().ok()?,
        })
    };
    of(
        "GITHUB_SERVER_URL",
        "GITHUB_REPOSITORY",
        "GITHUB_RUN_ID",
        "GITHUB_JOB",
        "GITHUB_RUN_ATTEMPT",
    )
    .or_else(|| {
        of(
            "CI_SERVER_URL",
            "CI_PROJECT_PATH",
            "CI_PIPELINE_ID",
            "CI_JOB_NAME",
            "CI_JOB_ID",
        )
    })
}

/// The URL of this CI run, for the owner of a lock.
#[must_use]
pub fn run_url(environment: &Environment) -> Option<String> {
    let get = |name| environment.get(name);
    if let (Some(server), Some(repository), Some(run)) = (
        get("GITHUB_SERVER_URL"),
        get("GITHUB_REPOSITORY"),
        get("GITHUB_RUN_ID"),
    ) {
        return Some(format!("{server}/{repository}/actions/runs/{run}"));
    }
    [
        "CI_JOB_URL",
        "BUILDKITE_BUILD_URL",
        "CIRCLE_BUILD_URL",
        "BUILD_URL",
        "DRONE_BUILD_LINK",
    ]
    .into_iter()
    .find_map(get)
    .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    #[test]
    fn a_pull_request_is_seen_where_there_is_one() {
        let seen = |variables: &[(&str, &str)]| pull_request(&environment(variables));
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[("BUILDKITE_PULL_REQUEST", "false")]), None);
        assert_eq!(
            seen(&[("BUILDKITE_PULL_REQUEST", "12")]).as_deref(),
            Some("#12")
        );
        assert_eq!(
            seen(&[("CI_MERGE_REQUEST_IID", "3")]).as_deref(),
            Some("!3")
        );
        let github = |event| {
            seen(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_EVENT_NAME", event),
                ("GITHUB_REF_NAME", "7/merge"),
            ])
        };
        assert_eq!(github("pull_request").as_deref(), Some("7/merge"));
        assert_eq!(github("push"), None);
    }

    #[test]
    fn a_branch_is_named_only_where_it_is_one() {
        let named =
            |variables: &[(&str, &str)]| branch(&environment(variables)).map(|branch| branch.name);
        let github = |reference| named(&[("GITHUB_ACTIONS", "true"), ("GITHUB_REF", reference)]);
        assert_eq!(named(&[]), None);
        assert_eq!(github("refs/heads/1.x").as_deref(), Some("1.x"));
        assert_eq!(github("refs/tags/v1.0.0"), None);
        assert_eq!(github("refs/pull/7/merge"), None);
        let by_type = |kind| named(&[("GITHUB_REF_NAME", "main"), ("GITHUB_REF_TYPE", kind)]);
        assert_eq!(by_type("branch").as_deref(), Some("main"));
        assert_eq!(by_type("tag"), None);
        for (name, tag) in [
            ("CI_COMMIT_BRANCH", "CI_COMMIT_TAG"),
            ("BUILDKITE_BRANCH", "BUILDKITE_TAG"),
            ("CIRCLE_BRANCH", "CIRCLE_TAG"),
            ("BITBUCKET_BRANCH", "BITBUCKET_TAG"),
        ] {
            assert_eq!(named(&[(name, "main")]).as_deref(), Some("main"), "{name}");
            assert_eq!(named(&[(name, "v1"), (tag, "v1")]), None, "{name}");
        }
        assert_eq!(
            named(&[("BUILD_SOURCEBRANCH", "refs/heads/a/b")]).as_deref(),
            Some("a/b")
        );
        assert_eq!(named(&[("BRANCH_NAME", "main")]), None);
        let jenkins = ("JENKINS_URL", "https://ci");
        assert_eq!(
            named(&[jenkins, ("GIT_BRANCH", "origin/main")]).as_deref(),
            Some("main")
        );
        assert_eq!(
            named(&[("BITBUCKET_BRANCH", "topic"), ("BITBUCKET_PR_ID", "3")]),
            None
        );
    }

    /// Each service on a branch, for a tag and for a request into `main`, by the variables that it documents.
    #[test]
    fn every_service_tells_a_branch_from_a_tag_and_a_request() {
        type Set = &'static [(&'static str, &'static str)];
        const COMMIT: &str = "00000000000000000000000000000000000000ab";
        let services: [(&str, Set, Set, Set); 12] = [
            (
                "GITHUB_SHA",
                &[("GITHUB_REF", "refs/heads/main")],
                &[("GITHUB_REF", "refs/tags/v1")],
                &[
                    ("GITHUB_ACTIONS", "true"),
                    ("GITHUB_EVENT_NAME", "pull_request_target"),
                    ("GITHUB_REF", "refs/heads/main"),
                ],
            ),
            (
                "CI_COMMIT_SHA",
                &[
                    ("CI_COMMIT_BRANCH", "main"),
                    ("CI_PIPELINE_EVENT", "manual"),
                ],
                &[("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_TAG", "v1")],
                &[
                    ("CI_COMMIT_BRANCH", "main"),
                    ("CI_PIPELINE_EVENT", "pull_request_closed"),
                ],
            ),
            (
                "BUILDKITE_COMMIT",
                &[
                    ("BUILDKITE_BRANCH", "main"),
                    ("BUILDKITE_PULL_REQUEST", "false"),
                ],
                &[("BUILDKITE_BRANCH", "v1"), ("BUILDKITE_TAG", "v1")],
                &[
                    ("BUILDKITE_BRANCH", "main"),
                    ("BUILDKITE_PULL_REQUEST", "7"),
                    ("BUILDKITE_REPO", "git@github.com:acme/api.git"),
                    (
                        "BUILDKITE_PULL_REQUEST_REPO",
                        "git://github.com/fork/api.git",
                    ),
                ],
            ),
            (
                "CIRCLE_SHA1",
                &[("CIRCLE_BRANCH", "main")],
                &[("CIRCLE_TAG", "v1")],
                &[
                    ("CIRCLE_BRANCH", "pull/7"),
                    ("CIRCLE_PULL_REQUEST", "https://github.com/acme/api/pull/7"),
                ],
            ),
            (
                "BUILD_SOURCEVERSION",
                &[("BUILD_SOURCEBRANCH", "refs/heads/main")],
                &[("BUILD_SOURCEBRANCH", "refs/tags/v1")],
                &[
                    ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                    ("SYSTEM_PULLREQUEST_TARGETBRANCH", "main"),
                ],
            ),
            (
                "BITBUCKET_COMMIT",
                &[("BITBUCKET_BRANCH", "main")],
                &[("BITBUCKET_TAG", "v1")],
                &[("BITBUCKET_BRANCH", "topic"), ("BITBUCKET_PR_ID", "7")],
            ),
            (
                "TRAVIS_COMMIT",
                &[("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST", "false")],
                &[("TRAVIS_BRANCH", "v1"), ("TRAVIS_TAG", "v1")],
                &[("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST", "7")],
            ),
            (
                "DRONE_COMMIT_SHA",
                &[("DRONE_BRANCH", "main"), ("DRONE_BUILD_EVENT", "push")],
                &[("DRONE_BRANCH", "main"), ("DRONE_BUILD_EVENT", "tag")],
                &[
                    ("DRONE_BRANCH", "main"),
                    ("DRONE_BUILD_EVENT", "pull_request"),
                ],
            ),
            (
                "SEMAPHORE_GIT_SHA",
                &[
                    ("SEMAPHORE_GIT_BRANCH", "main"),
                    ("SEMAPHORE_GIT_REF_TYPE", "branch"),
                ],
                &[
                    ("SEMAPHORE_GIT_BRANCH", "main"),
                    ("SEMAPHORE_GIT_REF_TYPE", "tag"),
                ],
                &[
                    ("SEMAPHORE_GIT_BRANCH", "main"),
                    ("SEMAPHORE_GIT_REF_TYPE", "pull-request"),
                ],
            ),
            (
                "CIRRUS_CHANGE_IN_REPO",
                &[("CIRRUS_BRANCH", "main")],
                &[("CIRRUS_BRANCH", "main"), ("CIRRUS_TAG", "v1")],
                &[("CIRRUS_BRANCH", "pull/7"), ("CIRRUS_PR", "7")],
            ),
            (
                "APPVEYOR_REPO_COMMIT",
                &[
                    ("APPVEYOR_REPO_BRANCH", "main"),
                    ("APPVEYOR_REPO_TAG", "false"),
                ],
                &[
                    ("APPVEYOR_REPO_BRANCH", "main"),
                    ("APPVEYOR_REPO_TAG", "True"),
                ],
                &[
                    ("APPVEYOR_REPO_BRANCH", "main"),
                    ("APPVEYOR_PULL_REQUEST_NUMBER", "7"),
                ],
            ),
            (
                "CODEBUILD_RESOLVED_SOURCE_VERSION",
                &[("CODEBUILD_WEBHOOK_TRIGGER", "branch/main")],
                &[("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1")],
                &[
                    ("CODEBUILD_WEBHOOK_TRIGGER", "pr/7"),
                    ("CODEBUILD_WEBHOOK_BASE_REF", "refs/heads/main"),
                    ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/main"),
                ],
            ),
        ];
        for (commit, on_branch, on_tag, request) in services {
            let mut set = on_branch.to_vec();
            set.push((commit, COMMIT));
            let told = branch(&environment(&set)).expect(commit);
            assert_eq!(told.name, "main", "{commit}");
            assert_eq!(told.commit, COMMIT.parse().ok(), "{commit}");
            assert_eq!(pull_request(&environment(&set)), None, "{commit}");
            for other in [on_tag, request] {
                assert_eq!(branch(&environment(other)), None, "{other:?}");
            }
            assert_eq!(pull_request(&environment(on_tag)), None, "{on_tag:?}");
            assert!(pull_request(&environment(request)).is_some(), "{request:?}");
        }
    }

    /// These services name the request that a commit belongs to on pushes to a branch, too: where a request is
    /// open from it, and where it has got the commits of one.
    #[test]
    fn a_push_to_a_branch_is_the_branchs_whatever_request_its_commit_belongs_to() {
        let seen = |variables: &[(&str, &str)]| {
            let environment = environment(variables);
            let name = branch(&environment).map(|branch| branch.name);
            (
                name,
                pull_request(&environment),
                request_of_branch(&environment),
            )
        };
        let (main, request) = (Some("main".to_owned()), Some("#7".to_owned()));
        let pushed = (main.clone(), None, request.clone());
        let page = "https://github.com/acme/api/pull/7";
        let circle = [
            ("CIRCLE_BRANCH", "main"),
            ("CIRCLE_PULL_REQUEST", page),
            ("CIRCLE_PULL_REQUESTS", page),
            // Merged without a merge commit, the commits are those of the fork.
            ("CIRCLE_PR_NUMBER", "7"),
            ("CIRCLE_PR_USERNAME", "fork"),
        ];
        assert_eq!(seen(&circle), pushed);
        let buildkite = |from, merged| {
            seen(&[
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_PULL_REQUEST", "7"),
                ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "production"),
                ("BUILDKITE_REPO", "git@github.com:acme/api.git"),
                ("BUILDKITE_PULL_REQUEST_REPO", from),
                ("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC", merged),
            ])
        };
        for own in [
            "git://github.com/acme/api.git",
            "https://github.com/Acme/api",
            "ssh://git@github.com/acme/api.git/",
        ] {
            assert_eq!(buildkite(own, "false"), pushed, "{own}");
        }
        let of_request = (None, request, None);
        for from in ["git://github.com/fork/api.git", ""] {
            assert_eq!(buildkite(from, "false"), of_request, "{from}");
        }
        assert_eq!(
            buildkite("git://github.com/acme/api.git", "true"),
            of_request
        );
        let alone = [
            ("BUILDKITE_BRANCH", "main"),
            ("BUILDKITE_PULL_REQUEST", "false"),
        ];
        assert_eq!(seen(&alone), (main, None, None));
    }

    #[test]
    fn what_can_be_a_tag_or_a_commit_is_no_branch() {
        let named =
            |variables: &[(&str, &str)]| branch(&environment(variables)).map(|branch| branch.name);
        let build = |version| named(&[("CODEBUILD_SOURCE_VERSION", version)]);
        assert_eq!(build("refs/heads/a/b^{8c4f}").as_deref(), Some("a/b"));
        assert_eq!(build("main"), None);
        assert!(pull_request(&environment(&[("CODEBUILD_SOURCE_VERSION", "pr/7")])).is_some());
        let jenkins = ("JENKINS_URL", "https://ci");
        for (name, branch) in [
            ("origin/a/b", Some("a/b")),
            ("refs/heads/main", Some("main")),
            ("detached", None),
            ("refs/tags/v1", None),
        ] {
            assert_eq!(named(&[jenkins, ("GIT_BRANCH", name)]).as_deref(), branch);
        }
        let request = [jenkins, ("GIT_BRANCH", "main"), ("ghprbPullId", "7")];
        assert_eq!(named(&request), None);
    }

    #[test]
    fn a_run_has_an_address() {
        let github = environment(&[
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/api"),
            ("GITHUB_RUN_ID", "9"),
        ]);
        assert_eq!(
            run_url(&github).as_deref(),
            Some("https://github.com/acme/api/actions/runs/9")
        );
        assert_eq!(run_url(&environment(&[])), None);
    }
}
