//! The CI services by the variables that they document: what a run is for, and which commit.

use crate::io::environment::Environment;

/// What a service says that its run is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunFor {
    /// A pull or merge request, as a person would name it.
    PullRequest(String),
    /// A branch.
    Branch(String),
    /// A tag, or a commit whose branch the service does not tell.
    Other,
}

/// A CI service, by the variables that it documents.
pub(super) struct Service {
    /// The variable of the commit that the run is for.
    pub(super) commit: &'static str,
    /// What the run is for; `None`: this service has set no variables.
    run_for: fn(Variables<'_>) -> Option<RunFor>,
}

/// The services that are asked, in this order. TeamCity has no variable for the branch: its parameter
/// `%teamcity.build.branch%` is for `--branch`.
static SERVICES: [Service; 13] = [
    Service {
        commit: "GITHUB_SHA",
        run_for: github,
    },
    Service {
        commit: "CI_COMMIT_SHA",
        run_for: gitlab_or_woodpecker,
    },
    Service {
        commit: "BUILDKITE_COMMIT",
        run_for: buildkite,
    },
    Service {
        commit: "CIRCLE_SHA1",
        run_for: circle,
    },
    Service {
        commit: "BUILD_SOURCEVERSION",
        run_for: azure,
    },
    Service {
        commit: "BITBUCKET_COMMIT",
        run_for: bitbucket,
    },
    Service {
        commit: "TRAVIS_COMMIT",
        run_for: travis,
    },
    Service {
        commit: "DRONE_COMMIT_SHA",
        run_for: drone,
    },
    Service {
        commit: "SEMAPHORE_GIT_SHA",
        run_for: semaphore,
    },
    Service {
        commit: "CIRRUS_CHANGE_IN_REPO",
        run_for: cirrus,
    },
    Service {
        commit: "APPVEYOR_REPO_COMMIT",
        run_for: appveyor,
    },
    Service {
        commit: "CODEBUILD_RESOLVED_SOURCE_VERSION",
        run_for: codebuild,
    },
    // Other programs set variables of these names, too.
    Service {
        commit: "GIT_COMMIT",
        run_for: jenkins,
    },
];

/// What each service says that has set its variables.
pub(super) fn services(
    environment: &Environment,
) -> impl Iterator<Item = (&'static Service, RunFor)> {
    SERVICES.iter().filter_map(move |service| {
        let run_for = (service.run_for)(Variables(environment))?;
        Some((service, run_for))
    })
}

/// The variables of a service.
#[derive(Clone, Copy)]
struct Variables<'a>(&'a Environment);

impl<'a> Variables<'a> {
    fn get(self, name: &str) -> Option<&'a str> {
        self.0.get(name)
    }

    /// The variable's value is one that means yes.
    fn is_true(self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|it| it.eq_ignore_ascii_case("true"))
    }

    /// The variable's value begins with `start`.
    fn starts(self, name: &str, start: &str) -> bool {
        self.get(name).is_some_and(|value| value.starts_with(start))
    }

    /// The request whose number the variable has. Buildkite and Travis say `false` where there is none.
    fn request(self, name: &str) -> Option<RunFor> {
        let number = self.get(name).filter(|it| *it != "false")?;
        Some(RunFor::PullRequest(format!("#{number}")))
    }

    /// The branch of a variable that has a branch's full ref, or another ref.
    fn full(self, name: &str) -> Option<RunFor> {
        let name = self.get(name)?.strip_prefix("refs/heads/");
        Some(name.map_or(RunFor::Other, |name| RunFor::Branch(name.to_owned())))
    }

    /// The branch that a variable has, unless the other one names a tag.
    fn unless(self, tag: &str, name: &str) -> Option<RunFor> {
        if self.get(tag).is_some() {
            return Some(RunFor::Other);
        }
        Some(RunFor::Branch(self.get(name)?.to_owned()))
    }
}

/// GitHub Actions, and those of Gitea and Forgejo.
fn github(of: Variables<'_>) -> Option<RunFor> {
    if of.get("GITHUB_ACTIONS").is_some() && of.starts("GITHUB_EVENT_NAME", "pull_request") {
        let name = of.get("GITHUB_REF_NAME").unwrap_or("a GitHub pull request");
        return Some(RunFor::PullRequest(name.to_owned()));
    }
    of.full("GITHUB_REF").or_else(|| {
        let name = of.get("GITHUB_REF_NAME")?;
        Some(match of.get("GITHUB_REF_TYPE") {
            Some("branch") => RunFor::Branch(name.to_owned()),
            _ => RunFor::Other,
        })
    })
}

/// GitLab's branch is unset for a merge request; Woodpecker's is the branch that it is to be merged into.
fn gitlab_or_woodpecker(of: Variables<'_>) -> Option<RunFor> {
    if let Some(iid) = of.get("CI_MERGE_REQUEST_IID") {
        return Some(RunFor::PullRequest(format!("!{iid}")));
    }
    of.request("CI_EXTERNAL_PULL_REQUEST_IID")
        .or_else(|| of.request("CI_COMMIT_PULL_REQUEST"))
        .or_else(|| {
            of.starts("CI_PIPELINE_EVENT", "pull_request")
                .then(|| RunFor::PullRequest("a pull request".to_owned()))
        })
        .or_else(|| of.unless("CI_COMMIT_TAG", "CI_COMMIT_BRANCH"))
}

/// A push to a branch has the number of a request, too, where one is open from it. The branch of a request
/// from a fork is the fork's own, which can be called `main`, so only the branch of the pipeline's own
/// repository is believed, and only where the request is not merged for the build.
fn buildkite(of: Variables<'_>) -> Option<RunFor> {
    let is_merged = of.is_true("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC");
    let from = of.get("BUILDKITE_PULL_REQUEST_REPO").map(repository);
    let own = of.get("BUILDKITE_REPO").map(repository);
    let is_own = from.is_some() && from == own && !is_merged;
    of.request("BUILDKITE_PULL_REQUEST")
        .filter(|_| !is_own)
        .or_else(|| of.unless("BUILDKITE_TAG", "BUILDKITE_BRANCH"))
}

/// A build has the requests that its commit belongs to, and a push of merged commits has them, too. The
/// branch of a request from a fork is `pull/7`; a request from a branch of the project is built as that
/// branch.
fn circle(of: Variables<'_>) -> Option<RunFor> {
    match of.unless("CIRCLE_TAG", "CIRCLE_BRANCH")? {
        RunFor::Branch(name) => Some(match name.strip_prefix("pull/") {
            Some(number) => RunFor::PullRequest(format!("#{number}")),
            None => RunFor::Branch(name),
        }),
        run_for => Some(run_for),
    }
}

/// The host and the path of a repository's address, whatever the protocol.
fn repository(address: &str) -> String {
    let address = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest)
        .trim_end_matches('/');
    let address = address.strip_suffix(".git").unwrap_or(address);
    let address = address.split_once('@').map_or(address, |(_, rest)| rest);
    address.replacen(':', "/", 1).to_lowercase()
}

/// A request that is open from the branch that a run is for, as a person would name it, where the service
/// names one.
pub(super) fn request_of_branch(environment: &Environment) -> Option<String> {
    let of = Variables(environment);
    if let Some(RunFor::PullRequest(request)) = of.request("BUILDKITE_PULL_REQUEST") {
        return Some(request);
    }
    // The address of its page; of several ones, one that is chosen at random.
    let page = of.get("CIRCLE_PULL_REQUEST")?;
    let number = page.rsplit('/').next().unwrap_or(page);
    Some(format!("#{number}"))
}

fn azure(of: Variables<'_>) -> Option<RunFor> {
    of.request("SYSTEM_PULLREQUEST_PULLREQUESTID").or_else(|| {
        let is_request = of.get("BUILD_REASON") == Some("PullRequest");
        match of.full("BUILD_SOURCEBRANCH")? {
            RunFor::Other if is_request || of.starts("BUILD_SOURCEBRANCH", "refs/pull/") => {
                let name = of.get("BUILD_SOURCEBRANCH").unwrap_or_default();
                Some(RunFor::PullRequest(name.to_owned()))
            }
            run_for => Some(run_for),
        }
    })
}

fn bitbucket(of: Variables<'_>) -> Option<RunFor> {
    of.request("BITBUCKET_PR_ID")
        .or_else(|| of.unless("BITBUCKET_TAG", "BITBUCKET_BRANCH"))
}

fn travis(of: Variables<'_>) -> Option<RunFor> {
    of.request("TRAVIS_PULL_REQUEST")
        .or_else(|| of.unless("TRAVIS_TAG", "TRAVIS_BRANCH"))
}

fn drone(of: Variables<'_>) -> Option<RunFor> {
    if let Some(request) = of.request("DRONE_PULL_REQUEST") {
        return Some(request);
    }
    match of.get("DRONE_BUILD_EVENT") {
        Some("pull_request") => Some(RunFor::PullRequest("a pull request".to_owned())),
        Some("tag") => Some(RunFor::Other),
        _ => of.unless("DRONE_TAG", "DRONE_BRANCH"),
    }
}

fn semaphore(of: Variables<'_>) -> Option<RunFor> {
    Some(match of.get("SEMAPHORE_GIT_REF_TYPE")? {
        "pull-request" => of
            .request("SEMAPHORE_GIT_PR_NUMBER")
            .unwrap_or_else(|| RunFor::PullRequest("a pull request".to_owned())),
        "branch" => RunFor::Branch(of.get("SEMAPHORE_GIT_BRANCH")?.to_owned()),
        _ => RunFor::Other,
    })
}

fn cirrus(of: Variables<'_>) -> Option<RunFor> {
    of.request("CIRRUS_PR")
        .or_else(|| of.unless("CIRRUS_TAG", "CIRRUS_BRANCH"))
}

fn appveyor(of: Variables<'_>) -> Option<RunFor> {
    of.request("APPVEYOR_PULL_REQUEST_NUMBER")
        .or_else(|| match of.is_true("APPVEYOR_REPO_TAG") {
            true => Some(RunFor::Other),
            false => of.unless("APPVEYOR_REPO_TAG_NAME", "APPVEYOR_REPO_BRANCH"),
        })
}

/// A build that a webhook started says what for. One that was started otherwise has what it was asked
/// for: a full ref, or a name that can be a tag's or a commit's, too.
fn codebuild(of: Variables<'_>) -> Option<RunFor> {
    if let Some((kind, name)) = of
        .get("CODEBUILD_WEBHOOK_TRIGGER")
        .and_then(|trigger| trigger.split_once('/'))
    {
        return Some(match kind {
            "pr" => RunFor::PullRequest(format!("#{name}")),
            "branch" => RunFor::Branch(name.to_owned()),
            _ => RunFor::Other,
        });
    }
    if of.starts("CODEBUILD_WEBHOOK_EVENT", "PULL_REQUEST") {
        return Some(RunFor::PullRequest("a pull request".to_owned()));
    }
    if let Some(run_for) = of.full("CODEBUILD_WEBHOOK_HEAD_REF") {
        return Some(run_for);
    }
    let version = of.get("CODEBUILD_SOURCE_VERSION")?;
    if let Some(number) = version.strip_prefix("pr/") {
        return Some(RunFor::PullRequest(format!("#{number}")));
    }
    let name = version.strip_prefix("refs/heads/");
    let name = name.and_then(|name| name.split('^').next());
    Some(name.map_or(RunFor::Other, |name| RunFor::Branch(name.to_owned())))
}

/// Jenkins with the multibranch plug-in, with the git plug-in alone, and with the plug-ins for requests of
/// GitHub and GitLab.
fn jenkins(of: Variables<'_>) -> Option<RunFor> {
    if let Some(request) = of.request("CHANGE_ID") {
        return Some(request);
    }
    of.get("JENKINS_URL")?;
    let request = of
        .request("ghprbPullId")
        .or_else(|| of.request("gitlabMergeRequestIid"));
    if request.is_some() {
        return request;
    }
    if let Some(run_for) = of.unless("TAG_NAME", "BRANCH_NAME") {
        return Some(run_for);
    }
    let name = of.get("GIT_BRANCH")?;
    let name = name.strip_prefix("refs/heads/").unwrap_or(name);
    let name = name.strip_prefix("origin/").unwrap_or(name);
    Some(match name == "detached" || name.starts_with("refs/") {
        true => RunFor::Other,
        false => RunFor::Branch(name.to_owned()),
    })
}
