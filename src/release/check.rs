//! Everything that could stop a release, looked at without one.

use futures_util::future::join_all;

use crate::{
    build::{self, BuildRequest, TargetRepositories},
    error::{Error, ErrorCode, Result},
    plan::Plan,
    policy::BuildPolicy,
    release::{
        errors,
        facade::Release,
        gather::Purpose,
        request::{Planned, ReleaseRequest},
    },
};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    /// What: `branch and tree`, `policy file`, `git remote`, `plan`, `other releases`, a repository,
    /// `builder`, `hooks`, `signatures`, `attachments`, `forge`, `announcements`, `budget`.
    pub what: String,
    /// How it is, or what would stop a release.
    pub result: Result<String>,
}

impl Release {
    /// Looks at branch and tree, plan, other releases, registries and builder. One finding for each, good
    /// or bad.
    pub async fn check(&self) -> Vec<Check> {
        let finding = |what: &str, result| Check {
            what: what.into(),
            result,
        };
        let ask = ReleaseRequest::default();
        let mut all = self.check_each_precondition(&ask).await;
        if let Err(error) = self.repositories() {
            // Whatever else is asked needs to know where a release goes.
            all.push(finding("policy file", Err(error)));
            return all;
        }
        if !self.policy().git.push {
            let here = "`git.push = false`: git tags and the lock stay in this clone".to_owned();
            all.push(finding("git remote", Ok(here)));
        }
        let planned = self.gather(&ask, Purpose::Show).await;
        let builder = match &planned {
            Ok(Planned::Release(plan)) => self.check_builder_for(plan, &ask).await,
            Ok(Planned::NothingToRelease(_)) | Err(_) => self.check_builder().await,
        };
        let announcements = match &planned {
            Ok(Planned::Release(plan)) => self.check_announcements(Some(plan)),
            Ok(Planned::NothingToRelease(_)) | Err(_) => self.check_announcements(None),
        };
        let plan = planned.and_then(|planned| {
            self.refuse_without_image(&planned)?;
            Ok(match planned {
                Planned::Release(plan) => format!("{} is next", plan.version),
                Planned::NothingToRelease(nothing) => {
                    format!("nothing to release: {}", nothing.why)
                }
            })
        });
        let open = self.other_releases(&ask).await;
        all.push(finding("plan", plan));
        all.push(finding("other releases", open));
        all.extend(self.check_registries().await);
        all.push(finding("builder", builder));
        if !self.policy().hooks.is_empty() {
            all.push(finding("hooks", self.check_hooks()));
        }
        if let Some(sign) = &self.policy().sign {
            all.push(finding("signatures", self.check_signing(sign)));
        }
        if !self.policy().attach.is_empty() {
            let checked = self.check_attachments();
            all.push(finding("attachments", checked));
        }
        if self.policy().forge.is_some() {
            let checked = match self.check_release_files() {
                Ok(()) => self.check_forge().await,
                Err(error) => Err(error),
            };
            all.push(finding("forge", checked));
        }
        if !self.policy().announce.is_empty() {
            all.push(finding("announcements", announcements));
        }
        for image in self.policy().image_names() {
            let budget = self.policy().image_policy(&image).budget;
            if !budget.is_unset() {
                let what = match image.is_main() {
                    true => "budget".to_owned(),
                    false => format!("budget of `{image}`"),
                };
                all.push(finding(&what, Ok(budget.to_string())));
            }
        }
        all
    }

    /// Branch, policy file, working tree, and whether HEAD is pushed: one finding for each that would
    /// stop a release, or one for all.
    async fn check_each_precondition(&self, ask: &ReleaseRequest) -> Vec<Check> {
        let what = "branch and tree".to_owned();
        let found = match self.precondition_findings(ask).await {
            Ok(found) if found.refusals.is_empty() => {
                let result = Ok(match found.notes.is_empty() {
                    true => "as a release needs them".into(),
                    false => found.notes.join("; "),
                });
                return vec![Check { what, result }];
            }
            Ok(found) => found,
            Err(error) => {
                return vec![Check {
                    what,
                    result: Err(error),
                }];
            }
        };
        let finding = |error: Error| Check {
            what: match error.code() {
                ErrorCode::PolicyNotCommitted => "policy file".to_owned(),
                ErrorCode::NotPushed => "git remote".to_owned(),
                _ => what.clone(),
            },
            result: Err(error),
        };
        found.refusals.into_iter().map(finding).collect()
    }

    /// The right to push, proven in each repository.
    async fn check_registries(&self) -> Vec<Check> {
        let repositories = self.policy().repositories();
        let apis = match self.apis(&repositories) {
            Ok(apis) => apis,
            Err(error) => {
                return vec![Check {
                    what: "registries".into(),
                    result: Err(error),
                }];
            }
        };
        let look = apis.iter().map(|api| async move {
            let what = api.repository().to_string();
            let pushed = api.check_push().await;
            let result = match pushed {
                Ok(()) => Ok("may be pushed to".into()),
                Err(error) => Err(errors::registry(
                    &format!("cannot push to `{what}`"),
                    &error,
                )),
            };
            Check { what, result }
        });
        join_all(look).await
    }

    /// Who would build, and whether everything for it is there: each image of the policy.
    async fn check_builder(&self) -> Result<String> {
        let mut who = String::new();
        for image in self.policy().all_images() {
            let policy = self.policy().image_policy(&image).build;
            let request = self.check_request(policy)?;
            let source = build::choose(&request, self.environment());
            who = source.check().await?.to_string();
        }
        Ok(who)
    }

    /// The same, and that an image which lies there already is of the plan's commit.
    async fn check_builder_for(&self, plan: &Plan, ask: &ReleaseRequest) -> Result<String> {
        let who = self.check_builder().await?;
        self.check_at_hand(plan, &self.image_options(ask)?).await?;
        Ok(who)
    }

    fn check_request(&self, policy: BuildPolicy) -> Result<BuildRequest> {
        Ok(BuildRequest {
            policy,
            args: Default::default(),
            repository: self.top().to_owned(),
            commit: self.project().git().head()?,
            time: 0,
            labels: Default::default(),
            annotations: Default::default(),
            references: Vec::new(),
            variables: Vec::new(),
            targets: TargetRepositories::default(),
            expected: None,
        })
    }
}

/// The first finding that would stop a release.
#[must_use]
pub fn first_problem(findings: &[Check]) -> Option<&Error> {
    findings
        .iter()
        .find_map(|finding| finding.result.as_ref().err())
}
