//! The outside world of a transaction: registries, the git remote, journals, this process.

use std::{path::PathBuf, sync::Arc};

use chrono::Utc;
use futures_util::future::join_all;

use crate::{
    error::Result,
    io::{
        ci,
        git::remote::{GitRemote, LocalOnly, Remote},
        journal_file::JournalDirectory,
        lease::{LeaseClock, LeaseTimes},
        process::{self, ProcessIdentity},
        registry::RepositoryApi,
    },
    oci::Repository,
    publish::{CiJob, Clock, Connect, Owner, Scope, World},
    release::{errors, facade::Release},
};

fn ci_job(job: ci::Job) -> CiJob {
    CiJob {
        server: job.server,
        repository: job.repository,
        run: job.run,
        job: job.name,
        attempt: job.attempt,
    }
}

impl Release {
    /// Everything that the transaction touches.
    pub(super) fn world(&self) -> World {
        let host = ProcessIdentity::current();
        World {
            connect: self.connect(),
            remote: self.remote(),
            forge: self.forge(),
            journals: Arc::new(JournalDirectory::new(
                self.state_directory().join("journal"),
            )),
            events: self.events.clone(),
            cancel: self.cancel.clone(),
            owner: Owner {
                host: host.name,
                boot: host.boot,
                pid: host.pid,
                pid_started: host.started,
                ci: ci::job(self.environment()).map(ci_job),
                run: ci::run_url(self.environment()),
                nonce: process::random_name(),
            },
            alive: |owner| ProcessIdentity::runs(owner.pid, owner.pid_started),
            clock: Clock::new(Utc::now()),
            lease_clock: LeaseClock::Boot,
            lease_times: LeaseTimes::of_process(),
        }
    }

    /// Which unfinished releases concern this policy.
    pub(super) fn scope(&self) -> Result<Scope> {
        Ok(Scope {
            repositories: self.repositories()?,
            lock_refs: self.policy().git.lock_refs.clone(),
            check: None,
        })
    }

    /// Where this clone keeps journals and images: in git's common directory, the same for all
    /// linked work trees.
    pub(super) fn state_directory(&self) -> PathBuf {
        self.project().common_directory().join("hoist")
    }

    /// The repositories' clients, in the policy's order.
    pub(super) fn apis(&self, repositories: &[Repository]) -> Result<Vec<Arc<dyn RepositoryApi>>> {
        let connect = self.connect();
        repositories
            .iter()
            .map(|repository| connect(repository))
            .collect()
    }

    /// Gives up the uploads that have proven the right to push and that no blob has used.
    pub(super) async fn close_pushes(&self) {
        let apis = self.apis(&self.policy().repositories()).unwrap_or_default();
        join_all(apis.iter().map(|api| api.close_push())).await;
    }

    pub(super) fn remote(&self) -> Arc<dyn Remote> {
        let git = &self.policy().git;
        if git.push {
            self.git_remote()
        } else {
            Arc::new(LocalOnly::new(
                self.top(),
                self.state_directory().join("lock"),
            ))
        }
    }

    /// The git remote that the policy names.
    pub(super) fn git_remote(&self) -> Arc<GitRemote> {
        let make = || {
            let remote = GitRemote::new(self.top(), &self.policy().git.remote);
            Arc::new(remote.telling(self.events.clone()))
        };
        self.remote_memory.remote.get_or_init(make).clone()
    }

    fn connect(&self) -> Connect {
        let registries = self.registries.clone();
        Arc::new(move |repository| {
            registries
                .open(repository)
                .map_err(|error| errors::registry(&format!("cannot reach `{repository}`"), &error))
        })
    }
}
