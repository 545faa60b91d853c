//! Docker Hub, as documented: its names for credentials, its token service, its own API.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hoist::io::lease::Permit;
use hoist::{
    event::{Event, Events},
    io::registry::{
        Deletion, HostOptions, PullLimit, Registries, RegistryErrorKind as Kind, Settings,
    },
    oci::{Repository, TagOrDigest},
    publish::{Preflight, preflight},
};

use super::{
    conformance::{push_blobs, sample, shown, tag},
    release::world,
    server::{
        Auth, Fault, Immutable, On, PASSWORD, Personality, Refusal, Rights, TestRegistry, Tokens,
        USER, Wait, What,
    },
    settings,
};

const PATH: &str = "acme/api";

fn repository() -> Repository {
    PATH.parse().unwrap()
}

/// Docker Hub's name with this registry behind it, and the password where `docker login` keeps it.
fn at(registry: &TestRegistry) -> Registries {
    told_at(registry, Events::none())
}

fn told_at(registry: &TestRegistry, events: Events) -> Registries {
    let endpoint = format!("http://{}/", registry.address()).parse().unwrap();
    let options = HostOptions {
        endpoint: Some(endpoint),
        ..HostOptions::default()
    };
    let config = format!(
        r#"{{"auths":{{"https://index.docker.io/v1/":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#
    );
    let settings = Settings {
        hosts: [("docker.io".to_owned(), options)].into_iter().collect(),
        environment: [("DOCKER_AUTH_CONFIG", config)].into_iter().collect(),
        events,
        ..settings()
    };
    Registries::new(settings, &[repository()])
}

#[tokio::test]
async fn a_release_goes_to_docker_hub() {
    let registry = TestRegistry::start(Personality::docker_hub());
    let client = at(&registry).open(&repository()).unwrap();
    client.check_push().await.unwrap();
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    client
        .put_tag(&tag("1.2.3"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    assert_eq!(
        shown(&*client, "1.2.3").await.as_ref(),
        Some(sample.manifest.digest())
    );
}

#[tokio::test]
async fn its_rules_about_tags_are_read() {
    let registry = TestRegistry::start(Personality::docker_hub());
    let client = at(&registry).open(&repository()).unwrap();
    // Not there yet, and without rules.
    assert!(!client.immutable_tags().await.unwrap().holds(&tag("1.2.3")));
    registry.state().store.create(PATH);
    assert!(!client.immutable_tags().await.unwrap().holds(&tag("1.2.3")));
    registry.behave(|rules| {
        rules.immutable = Some(Immutable {
            tags: super::server::is_version,
            refusal: Refusal::Forbidden403,
            same_digest_too: false,
        });
    });
    let rules = client.immutable_tags().await.unwrap();
    assert!(rules.holds(&tag("1.2.3")));
    assert!(!rules.holds(&tag("latest")));
    assert_eq!(
        registry.count(&On::method("POST").with("/v2/auth/token")),
        1
    );
}

#[tokio::test]
async fn without_its_api_a_release_goes_on() {
    let registry = TestRegistry::start(Personality::docker_hub());
    for status in [401, 403, 404] {
        for place in ["/v2/namespaces", "/v2/auth/token"] {
            registry.fault(Fault::always(
                On::any().with(place),
                What::Status(status, ""),
            ));
            let said = Arc::new(Mutex::new(0));
            let events = Events::new({
                let said = said.clone();
                move |event| {
                    let refused = "`docker.io` refuses this login at its own API";
                    let is_it =
                        matches!(&event, Event::Warning { text, .. } if text.contains(refused));
                    *said.lock().unwrap() += usize::from(is_it);
                }
            });
            let client = told_at(&registry, events).open(&repository()).unwrap();
            for _ in 0..2 {
                assert!(!client.immutable_tags().await.unwrap().holds(&tag("1.2.3")));
            }
            // Once, and not for a repository that is not there.
            assert_eq!(*said.lock().unwrap(), usize::from(status != 404), "{place}");
            registry.heal();
        }
    }
}

#[tokio::test]
async fn row_33_a_new_tag_is_deleted_through_its_api() {
    let registry = TestRegistry::start(Personality::docker_hub());
    let client = at(&registry).open(&repository()).unwrap();
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    for name in ["1.2.3", "latest"] {
        client
            .put_tag(&tag(name), &sample.manifest, &Permit::always())
            .await
            .unwrap();
    }
    assert_eq!(
        client.delete(&tag("1.2.3").into(), &Permit::always()).await,
        Ok(Deletion::Accepted)
    );
    assert_eq!(
        client.delete(&tag("1.2.3").into(), &Permit::always()).await,
        Ok(Deletion::Absent)
    );
    let digest = TagOrDigest::from(sample.manifest.digest().clone());
    assert_eq!(
        client.delete(&digest, &Permit::always()).await,
        Ok(Deletion::Refused)
    );
    assert_eq!(registry.tags(PATH).keys().collect::<Vec<_>>(), ["latest"]);
    registry.fault(Fault::always(On::method("DELETE"), What::Status(403, "")));
    assert_eq!(
        client
            .delete(&tag("latest").into(), &Permit::always())
            .await,
        Ok(Deletion::Refused)
    );
}

#[tokio::test]
async fn its_pull_limit_is_told_without_a_pull() {
    let registry = TestRegistry::start(Personality::docker_hub());
    registry.foreign_push(
        "ratelimitpreview/test",
        "latest",
        &sample("preview").manifest,
    );
    let registries = at(&registry);
    let limit = registries
        .pull_limit(repository().registry())
        .await
        .unwrap();
    let window = Some(Duration::from_secs(21_600));
    assert_eq!(
        limit,
        Some(PullLimit {
            limit: 200,
            remaining: 187,
            window
        })
    );
    assert_eq!(registry.count(&On::method("GET").with("/manifests/")), 0);
    assert_eq!(registry.count(&On::any().with("push")), 0);
    registry.behave(|rules| rules.pull_limit = None);
    assert_eq!(
        registries.pull_limit(repository().registry()).await,
        Ok(None)
    );
    let elsewhere: Repository = "ghcr.io/acme/api".parse().unwrap();
    assert_eq!(registries.pull_limit(elsewhere.registry()).await, Ok(None));
}

#[tokio::test]
async fn its_pull_limit_stops_reads_of_manifests_only() {
    let registry = TestRegistry::start(Personality::docker_hub());
    let client = at(&registry).open(&repository()).unwrap();
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    registry.fault(Fault::always(
        On::method("GET").with("/manifests/"),
        What::TooMany(Wait::Unsaid),
    ));
    let error = client.manifest(&tag("latest").into()).await.unwrap_err();
    assert_eq!(error.kind, Kind::TooManyRequests(None));
    assert!(shown(&*client, "latest").await.is_some());
}

#[tokio::test]
async fn row_3_a_read_only_token_of_docker_hub_is_no_right_to_push() {
    let rules = Personality {
        auth: Auth::Bearer(Tokens {
            rights: Rights::Pull,
            ..Tokens::default()
        }),
        ..Personality::docker_hub()
    };
    let registry = TestRegistry::start(rules);
    let client = at(&registry).open(&repository()).unwrap();
    assert_eq!(client.tags().await, Ok(vec![]));
    assert_eq!(client.check_push().await.unwrap_err().kind, Kind::Denied);
}

#[tokio::test]
async fn preflight_names_the_tags_that_will_not_move() {
    let registry = TestRegistry::start(Personality {
        immutable: Some(Immutable {
            tags: super::server::is_version,
            refusal: Refusal::Forbidden403,
            same_digest_too: false,
        }),
        ..Personality::docker_hub()
    });
    for name in ["1.2.3", "latest"] {
        registry.foreign_push(PATH, name, &sample("before").manifest);
    }
    let asked = Preflight {
        branch: None,
        mark: None,
        shown: Vec::new(),
        repositories: vec![(repository(), ["1.2.3", "1.2.4", "latest"].map(tag).to_vec())],
        git_tag: None,
        commit: "0123456789012345678901234567890123456789".parse().unwrap(),
        lock_refs: "refs/hoist".parse().unwrap(),
    };
    let found = preflight(&world(at(&registry)), &asked).await.unwrap();
    assert_eq!(found[0].immutable, [tag("1.2.3")]);
    assert!(found[0].strict);
}
