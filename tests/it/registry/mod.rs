//! The registry client, the registry that it is tested with, and the suite that all registries
//! pass.

pub mod conformance;
mod conforming;
mod credentials;
mod differences;
mod fake;
mod faults;
mod hostile;
mod hub;
mod limits;
mod real;
mod referrers;
mod release;
pub mod server;
mod tokens;
mod trips;

use std::{sync::Arc, time::Duration};

use hoist::{
    io::{
        environment::Environment,
        registry::{Registries, RepositoryApi, RetryPolicy, Settings},
    },
    oci::Repository,
};

use server::TestRegistry;

/// The settings of a run that knows the password and does not wait long.
pub fn settings() -> Settings {
    Settings {
        environment: credentials(),
        retry: RetryPolicy {
            pause: Duration::from_millis(2),
            deadline: Duration::from_secs(20),
            ..RetryPolicy::default()
        },
        push: true,
        publishes: true,
        ..Settings::default()
    }
}

/// Variables that hold the user's name and password.
pub fn credentials() -> Environment {
    [
        ("HOIST_REGISTRY_USERNAME", server::USER),
        ("HOIST_REGISTRY_PASSWORD", server::PASSWORD),
    ]
    .into_iter()
    .collect()
}

/// A client of one repository of `registry`.
pub fn client(registry: &TestRegistry, path: &str) -> Arc<dyn RepositoryApi> {
    open(&registry.repository(path), settings())
}

/// A client of a repository with settings of its own.
pub fn open(repository: &Repository, settings: Settings) -> Arc<dyn RepositoryApi> {
    Registries::new(settings, std::slice::from_ref(repository))
        .open(repository)
        .unwrap()
}
