//! What a release stands on while programs of the project run: a hook can move tags, make the git tag, or go
//! to another commit. What it has changed is told, and what is said of the tags is asked.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    error::{Error, ErrorKind, Result},
    git::CommitId,
    io::git::remote::{RefPattern, Remote as _},
    oci::{Observed, Tag},
    plan::{Plan, PlannedMove, tags::TagAction},
    regular_file,
    release::{facade::Release, observe::heads},
};

/// How long it is asked what has moved.
const LOOK: Duration = Duration::from_secs(60);
/// How many tags that have moved are named.
const NAMED: usize = 5;

/// What a program of the project may change in this clone beside what it is run for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Footing {
    head: Option<CommitId>,
    /// The commit that the release's git tag names in this clone.
    git_tag: Option<CommitId>,
    policy: Option<Vec<u8>>,
}

impl Release {
    /// Runs programs of the project, which `who` names. What they have changed in this clone is told; where
    /// they end the release, it is asked whether tags have moved. `nothing_moved`: the state where none has;
    /// unset: as the error says.
    pub(super) async fn watched<T>(
        &self,
        plan: &Plan,
        who: &str,
        nothing_moved: Option<&str>,
        programs: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let before = self.footing(plan);
        let ended = programs.await;
        for change in changes(&before, &self.footing(plan), plan, self.policy_name()) {
            self.events.warning(format!("while {who} ran, {change}"));
        }
        let error = match ended {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let nothing = |error: Error| match nothing_moved {
            Some(state) => error.state(state),
            None => error,
        };
        // Whoever has sent a signal does not wait for a look.
        if error.kind() == ErrorKind::Interrupted {
            return Err(nothing(error));
        }
        let moved = timeout(LOOK, self.or_signal(self.moved(plan))).await;
        Err(match moved {
            Ok(Ok(moved)) if moved.is_empty() => nothing(error),
            Ok(Ok(moved)) => error
                .state(format!(
                    "this release has moved nothing; while {who} ran, {}",
                    listed(&moved)
                ))
                .hint("`hoist status` shows what is under way"),
            Ok(Err(_)) | Err(_) => error.state(format!(
                "this release has moved nothing; whether anything moved while {who} ran could not be read"
            )),
        })
    }

    fn policy_name(&self) -> &str {
        self.project().policy_path().unwrap_or("the policy file")
    }

    fn footing(&self, plan: &Plan) -> Footing {
        let git = self.project().git();
        let git_tag = git.tagged(plan.git_tag.name.short()).ok().flatten();
        let file = self.project().policy_file();
        Footing {
            head: git.head().ok(),
            git_tag: git_tag.map(|tag| tag.commit),
            policy: file.and_then(|file| regular_file::read(file).ok()),
        }
    }

    /// The tags that the plan would move and that show something else now than when it was made, and its git
    /// tag on the remote.
    async fn moved(&self, plan: &Plan) -> Result<Vec<String>> {
        let mut moved = Vec::new();
        for repository in &plan.repositories {
            let is_here =
                |tag: &&PlannedMove| tag.repository == *repository && tag.action != TagAction::Keep;
            let planned: Vec<&PlannedMove> = plan.tags.iter().filter(is_here).collect();
            let tags: Vec<Tag> = planned.iter().map(|tag| tag.tag.clone()).collect();
            let api = self.apis(std::slice::from_ref(repository))?.remove(0);
            let now = heads(api.as_ref(), &tags).await?;
            for tag in planned {
                moved.extend(now.get(&tag.tag).and_then(|now| change_of(tag, now)));
            }
        }
        if plan.git_tag.create && self.policy().git.push && self.remote_url.is_some() {
            let names = RefPattern::names([&plan.git_tag.name]);
            let there = self.git_remote().refs(&names).await;
            let there = there.map_err(|error| {
                Error::failed("cannot read the git tags of the remote").because(&error)
            })?;
            if !there.is_empty() {
                let (tag, remote) = (plan.git_tag.name.short(), &self.policy().git.remote);
                moved.insert(0, format!("git tag `{tag}` was pushed to `{remote}`"));
            }
        }
        Ok(moved)
    }
}

/// How a tag has changed since the plan was made; `None`: not at all, or nobody knows what it was.
fn change_of(planned: &PlannedMove, now: &Observed) -> Option<String> {
    let name = planned.repository.tag(&planned.tag);
    match (&planned.before, now) {
        (Observed::Unknown, _) | (_, Observed::Unknown) => None,
        (before, now) if before == now => None,
        (_, Observed::At(digest)) => Some(format!("`{name}` came to show {}", digest.short())),
        (_, Observed::Absent) => Some(format!("`{name}` was deleted")),
    }
}

fn listed(moved: &[String]) -> String {
    let named = moved[..moved.len().min(NAMED)].join(", ");
    match moved.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more changed"),
    }
}

fn changes(before: &Footing, after: &Footing, plan: &Plan, policy: &str) -> Vec<String> {
    let mut all = Vec::new();
    if before.head != after.head {
        let now = after
            .head
            .map_or_else(|| "nowhere".to_owned(), |head| head.short().to_string());
        all.push(format!(
            "HEAD of this clone moved to {now}; the release is of {}",
            plan.commit.short()
        ));
    }
    if before.git_tag != after.git_tag {
        let tag = plan.git_tag.name.short();
        all.push(match (after.git_tag, plan.git_tag.create) {
            (Some(_), true) => {
                format!("git tag `{tag}` was made in this clone, and is not this release's own")
            }
            (Some(_), false) => format!("git tag `{tag}` was moved in this clone"),
            (None, _) => format!("git tag `{tag}` was deleted in this clone"),
        });
    }
    if before.policy != after.policy {
        all.push(format!(
            "`{policy}` was changed; the release goes by what it said before"
        ));
    }
    all
}
