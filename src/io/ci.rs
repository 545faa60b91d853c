//! Reads what a CI service says about its run in the environment variables.

use crate::io::environment::Environment;

/// The pull or merge request whose pipeline this is, as a person would name it.
///
/// Sources: the services' documented variables (GitHub Actions, GitLab, Buildkite, CircleCI,
/// Jenkins' multibranch plug-in, Azure Pipelines, Bitbucket, Travis, Drone and Woodpecker).
#[must_use]
pub fn pull_request(environment: &Environment) -> Option<String> {
    let get = |name| environment.get(name);
    if get("GITHUB_ACTIONS").is_some()
        && get("GITHUB_EVENT_NAME").is_some_and(|event| event.starts_with("pull_request"))
    {
        return Some(
            get("GITHUB_REF_NAME")
                .unwrap_or("a GitHub pull request")
                .to_owned(),
        );
    }
    if let Some(iid) = get("CI_MERGE_REQUEST_IID") {
        return Some(format!("!{iid}"));
    }
    let number = [
        "BUILDKITE_PULL_REQUEST",
        "CIRCLE_PULL_REQUEST",
        "CHANGE_ID",
        "SYSTEM_PULLREQUEST_PULLREQUESTID",
        "BITBUCKET_PR_ID",
        "TRAVIS_PULL_REQUEST",
        "DRONE_PULL_REQUEST",
        "CI_COMMIT_PULL_REQUEST",
    ]
    .into_iter()
    .find_map(get)?;
    // Buildkite and Travis say `false` where there is none.
    (number != "false").then(|| format!("#{number}"))
}

/// The branch that this run is for, where the service says that it is a branch and not a tag or a pull
/// request.
#[must_use]
pub fn branch(environment: &Environment) -> Option<String> {
    let get = |name: &'static str| environment.get(name);
    if pull_request(environment).is_some() {
        return None;
    }
    let heads = |name| get(name).and_then(|full| full.strip_prefix("refs/heads/"));
    let unless = |tag, name| get(name).filter(|_| get(tag).is_none());
    let github = || match get("GITHUB_REF") {
        Some(_) => heads("GITHUB_REF"),
        None => get("GITHUB_REF_NAME").filter(|_| get("GITHUB_REF_TYPE") == Some("branch")),
    };
    github()
        .or_else(|| get("CI_COMMIT_BRANCH").filter(|_| get("CI_COMMIT_TAG").is_none()))
        .or_else(|| unless("BUILDKITE_TAG", "BUILDKITE_BRANCH"))
        .or_else(|| unless("CIRCLE_TAG", "CIRCLE_BRANCH"))
        .or_else(|| heads("BUILD_SOURCEBRANCH"))
        .or_else(|| unless("BITBUCKET_TAG", "BITBUCKET_BRANCH"))
        .or_else(|| unless("TAG_NAME", "BRANCH_NAME").filter(|_| jenkins(environment)))
        .or_else(|| {
            let name = unless("TAG_NAME", "GIT_BRANCH").filter(|_| jenkins(environment))?;
            Some(name.strip_prefix("origin/").unwrap_or(name))
        })
        .map(str::to_owned)
}

/// Whether this is Jenkins: `BRANCH_NAME` and `GIT_BRANCH` are common names, which others set too.
fn jenkins(environment: &Environment) -> bool {
    environment.get("JENKINS_URL").is_some()
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
        let named = |variables: &[(&str, &str)]| branch(&environment(variables));
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
