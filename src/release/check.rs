//! Everything that could stop a release, looked at without one.

use futures_util::future::join_all;

use crate::{
    build::{self, BuildRequest, TargetRepositories},
    error::{Error, ErrorCode, Result},
    io::registry::RegistryError,
    oci::Repository,
    plan::Plan,
    policy::BuildPolicy,
    publish,
    release::{
        facade::Release,
        lock_check::LockCheck,
        purpose::Purpose,
        request::{Planned, ReleaseRequest},
        sample_tags::check_sample_tags,
    },
};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    /// What: `branch and tree`, `policy file`, `git remote`, `plan`, `other releases`, `locks`, a repository
    /// (or all of a registry that lack its login, separated by commas), `builder`, `hooks`, `signatures`,
    /// `attachments`, `forge`, `announcements`, `budget`.
    pub what: String,
    /// How it is, or what would stop a release.
    pub result: Result<String>,
    /// What a person should know beside that: whatever `plan` says of it.
    pub notes: Vec<String>,
}

impl Check {
    fn new(what: impl Into<String>, result: Result<String>) -> Self {
        Self {
            what: what.into(),
            result,
            notes: Vec::new(),
        }
    }

    fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

impl Release {
    /// Looks at branch and tree, plan, other releases, registries and builder. One finding for each, good
    /// or bad.
    pub async fn check(&self, locks: LockCheck) -> Vec<Check> {
        let ask = ReleaseRequest::default();
        // The right to push is proven in each repository.
        self.registries.push_follows();
        let mut all = self.check_each_precondition(&ask).await;
        if let Err(error) = self.repositories() {
            // Whatever else is asked needs to know where a release goes.
            all.push(Check::new("policy file", Err(error)));
            return all;
        }
        if let Err(error) = check_sample_tags(self.policy()) {
            all.push(Check::new("policy file", Err(error)));
        }
        if !self.policy().git.push {
            let here = "`git.push = false`: git tags and the lock stay in this clone".to_owned();
            all.push(Check::new("git remote", Ok(here)));
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
        let open = self.other_releases(&ask).await;
        all.push(self.check_plan(planned));
        all.push(Check::new("other releases", open));
        if locks == LockCheck::Push {
            all.push(Check::new("locks", self.push_lock_probe().await));
        }
        all.extend(self.check_registries().await);
        all.push(Check::new("builder", builder));
        if !self.policy().hooks.is_empty() {
            all.push(Check::new("hooks", self.check_hooks()));
        }
        if let Some(sign) = &self.policy().sign {
            all.push(Check::new("signatures", self.check_signing(sign)));
        }
        if !self.policy().attach.is_empty() {
            let checked = self.check_attachments();
            all.push(Check::new("attachments", checked));
        }
        if self.policy().forge.is_some() {
            let checked = match self.check_release_files() {
                Ok(()) => self.check_forge().await,
                Err(error) => Err(error),
            };
            all.push(Check::new("forge", checked));
        }
        if !self.policy().announce.is_empty() {
            all.push(Check::new("announcements", announcements));
        }
        for image in self.policy().image_names() {
            let budget = self.policy().image_policy(&image).budget;
            if !budget.is_unset() {
                let what = match image.is_main() {
                    true => "budget".to_owned(),
                    false => format!("budget of `{image}`"),
                };
                all.push(Check::new(&what, Ok(budget.to_string())));
            }
        }
        all
    }

    /// What a release would publish, with all that the plan says.
    fn check_plan(&self, planned: Result<Planned>) -> Check {
        let planned = match planned {
            Ok(planned) => planned,
            Err(error) => return Check::new("plan", Err(error)),
        };
        let refused = self.refuse_without_image(&planned);
        let (how, notes) = match planned {
            Planned::Release(plan) => (format!("{} is next", plan.version), plan.messages),
            Planned::NothingToRelease(nothing) => {
                let how = format!("nothing to release: {}", nothing.why);
                (how, nothing.messages)
            }
        };
        Check::new("plan", refused.map(|()| how)).with_notes(notes)
    }

    /// Branch, policy file, working tree, and whether HEAD is pushed: one finding for each that would
    /// stop a release, or one for all.
    async fn check_each_precondition(&self, ask: &ReleaseRequest) -> Vec<Check> {
        let what = "branch and tree";
        let found = match self.precondition_findings(ask).await {
            Ok(found) if found.refusals.is_empty() => {
                let result = Ok(match found.notes.is_empty() {
                    true => "as a release needs them".into(),
                    false => found.notes.join("; "),
                });
                return vec![Check::new(what, result)];
            }
            Ok(found) => found,
            Err(error) => return vec![Check::new(what, Err(error))],
        };
        let finding = |error: Error| {
            let what = match error.code() {
                ErrorCode::PolicyNotCommitted => "policy file",
                ErrorCode::NotPushed => "git remote",
                _ => what,
            };
            Check::new(what, Err(error))
        };
        let mut all: Vec<Check> = found.refusals.into_iter().map(finding).collect();
        if let Some(first) = all.first_mut() {
            first.notes = found.notes;
        }
        all
    }

    /// The right to push, proven in each repository.
    async fn check_registries(&self) -> Vec<Check> {
        let repositories = self.policy().repositories();
        let apis = match self.apis(&repositories) {
            Ok(apis) => apis,
            Err(error) => {
                return vec![Check::new("registries", Err(error))];
            }
        };
        let look = apis
            .iter()
            .map(|api| async move { (api.repository(), api.check_push().await) });
        let looked = join_all(look).await;
        let mut all = Vec::new();
        for (place, (repository, pushed)) in looked.iter().enumerate() {
            let Err(error) = pushed else {
                let right = Ok("may be pushed to".into());
                all.push(Check::new(repository.to_string(), right));
                continue;
            };
            // A login that is missing is told once, with all repositories that lack it.
            let lack = |(other, pushed): &(&Repository, std::result::Result<(), RegistryError>)| {
                let is_same = |other: &RegistryError| publish::is_one_login(error, other);
                other.registry() == repository.registry() && pushed.as_ref().is_err_and(is_same)
            };
            if looked[..place].iter().any(lack) {
                continue;
            }
            let mut lacking = vec![*repository];
            let others = looked[place + 1..].iter().filter(|other| lack(other));
            lacking.extend(others.map(|(other, _)| *other));
            let names = lacking.iter().map(ToString::to_string);
            let what = names.collect::<Vec<_>>().join(", ");
            let told = publish::push_error_of(&lacking, error);
            all.push(Check::new(what, Err(told)));
        }
        all
    }

    /// Who would build, and whether everything for it is there: each image of the policy.
    async fn check_builder(&self) -> Result<String> {
        let mut builders = Vec::new();
        for image in self.policy().all_images() {
            let policy = self.policy().image_policy(&image).build;
            let request = self.check_request(policy)?;
            let source = build::choose(&request, self.environment());
            builders.push((image, source.check().await?.to_string()));
        }
        let first = builders.first().map(|(_, who)| who.clone());
        if builders.iter().all(|(_, who)| Some(who) == first.as_ref()) {
            return Ok(first.unwrap_or_default());
        }
        let each = builders
            .iter()
            .map(|(image, who)| format!("{image}: {who}"));
        Ok(each.collect::<Vec<_>>().join("; "))
    }

    /// The same, and that an image which lies there already is of the plan's commit.
    async fn check_builder_for(&self, plan: &Plan, ask: &ReleaseRequest) -> Result<String> {
        let who = self.check_builder().await?;
        let options = self.image_options(ask)?;
        self.refuse_shared_layouts(plan, &options)?;
        self.check_at_hand(plan, &options).await?;
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
