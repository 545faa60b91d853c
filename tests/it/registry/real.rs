//! The suite against a registry that somebody else wrote.

use std::path::{Path, PathBuf};

use hoist::{
    io::{
        environment::Environment,
        registry::{HostOptions, Registries, RegistryErrorKind, Settings},
    },
    oci::Repository,
};
use testkit::sandbox::{Registry, RegistryOptions};

use super::{conformance, open, settings};
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
#[ignore = "needs a registry that the environment names"]
async fn the_registry_that_the_environment_names_conforms() {
    let place = std::env::var("HOIST_TEST_REGISTRY").expect("`HOIST_TEST_REGISTRY` is set");
    conforms(place.trim_end_matches('/')).await;
}

async fn conforms(place: &str) {
    let settings = Settings {
        environment: Environment::from_process(),
        push: true,
        ..Settings::default()
    };
    conforms_with(place, settings).await;
}

async fn conforms_with(place: &str, settings: Settings) {
    let run = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let name =
        |part: &str| -> Repository { format!("{place}/hoist-{run}/{part}").parse().unwrap() };
    let registries = Registries::new(settings, &[name("any")]);
    conformance::suite(&|part| registries.open(&name(part)).unwrap()).await;
}

/// Certificates made for these tests: an authority, a registry's for `localhost` and `127.0.0.1`
/// that it signed, and an authority that signed nothing. Valid from 2020 to 2120.
fn certificate(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/registry/tls");
    folder.join(name)
}

/// Debian's registry with TLS and a password; `None` where the real parts are left out.
fn behind_tls() -> Option<Registry> {
    let options = RegistryOptions {
        delete: true,
        auth: true,
        tls: Some((certificate("registry.pem"), certificate("registry.key"))),
    };
    support::packages().map(|packages| Registry::start(packages, &options).unwrap())
}

fn trusting(registry: &Registry, authority: Option<&str>) -> Settings {
    let options = HostOptions {
        ca_file: authority.map(certificate),
        ..HostOptions::default()
    };
    let credentials = [
        ("HOIST_REGISTRY_USERNAME", testkit::sandbox::USER),
        ("HOIST_REGISTRY_PASSWORD", testkit::sandbox::PASSWORD),
    ];
    Settings {
        hosts: [(registry.address().to_string(), options)]
            .into_iter()
            .collect(),
        environment: credentials.into_iter().collect(),
        ..settings()
    }
}

#[tokio::test]
async fn debians_registry_conforms_behind_tls_and_a_password() {
    if let Some(registry) = behind_tls() {
        let settings = trusting(&registry, Some("authority.pem"));
        conforms_with(&registry.address().to_string(), settings).await;
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_ends_it_at_once() {
    let Some(registry) = behind_tls() else { return };
    let place: Repository = format!("{}/acme/api", registry.address()).parse().unwrap();
    let settings = trusting(&registry, Some("stranger.pem"));
    let registries = Registries::new(settings, std::slice::from_ref(&place));
    let error = registries
        .open(&place)
        .unwrap()
        .check_push()
        .await
        .unwrap_err();
    assert_eq!(error.kind, RegistryErrorKind::Unreachable);
    assert!(error.to_string().contains("certificate"), "{error}");
    // Another try cannot help, and plain HTTP is no way out.
    assert_eq!(registries.requests(), 1);
    assert!(error.request.starts_with("POST https://"), "{error}");
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_named() {
    let place: Repository = "127.0.0.1:1/acme/api".parse().unwrap();
    for (file, why) in [
        ("not-there.pem", "No such file"),
        ("registry.key", "no PEM certificate"),
    ] {
        let options = HostOptions {
            ca_file: Some(certificate(file)),
            ..HostOptions::default()
        };
        let hosts = [("127.0.0.1:1".to_owned(), options)].into_iter().collect();
        let error = open(
            &place,
            Settings {
                hosts,
                ..settings()
            },
        )
        .tags()
        .await
        .unwrap_err();
        assert_eq!(error.kind, RegistryErrorKind::File);
        assert!(
            error.to_string().contains(file) && error.to_string().contains(why),
            "{error}"
        );
    }
}
