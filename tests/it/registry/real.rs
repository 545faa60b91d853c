//! The suite against a registry that somebody else wrote.

use hoist::{
    io::{
        environment::Environment,
        registry::{Registries, Settings},
    },
    oci::Repository,
};

use super::conformance;
use crate::support;

/// Debian's `docker-registry`.
#[tokio::test]
async fn debians_registry_conforms() {
    if let Some(registry) = support::registry() {
        conforms(&registry.address().to_string()).await;
    }
}

/// `HOIST_TEST_REGISTRY=host[:port][/path]` names a registry to which the suite may push.
#[tokio::test]
async fn the_registry_that_the_environment_names_conforms() {
    if let Ok(place) = std::env::var("HOIST_TEST_REGISTRY") {
        conforms(place.trim_end_matches('/')).await;
    }
}

async fn conforms(place: &str) {
    let run = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let name =
        |part: &str| -> Repository { format!("{place}/hoist-{run}/{part}").parse().unwrap() };
    let settings = Settings {
        environment: Environment::from_process(),
        push: true,
        ..Settings::default()
    };
    let registries = Registries::new(settings, &[name("any")]);
    conformance::suite(&|part| registries.open(&name(part)).unwrap()).await;
}
