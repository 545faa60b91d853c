//! Who the client says that it is, and how often it asks for a token.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hoist::io::lease::Permit;
use hoist::{
    io::registry::{
        BlobPushed, BlobSource, Deletion, Registries, RegistryErrorKind as Kind, RepositoryApi,
        Settings, credentials::login_advice,
    },
    oci::TagOrDigest,
};

use super::{
    client,
    conformance::{push_blobs, sample, tag},
    open,
    server::{Auth, Fault, On, PASSWORD, Personality, Rights, TestRegistry, Tokens, USER, What},
    settings,
};

const PATH: &str = "acme/api";

fn with(tokens: Tokens) -> TestRegistry {
    TestRegistry::start(Personality {
        auth: Auth::Bearer(tokens),
        ..Personality::default()
    })
}

fn asked_for_tokens() -> On {
    On::any().with("/token")
}

fn latest() -> TagOrDigest {
    tag("latest").into()
}

#[tokio::test]
async fn one_token_serves_a_whole_release() {
    let registry = with(Tokens::default());
    let client = client(&registry, PATH);
    client.check_push().await.unwrap();
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    client.tags().await.unwrap();
    assert_eq!(registry.count(&asked_for_tokens()), 1);
    let unanswered = registry
        .log()
        .iter()
        .filter(|seen| seen.status == Some(401))
        .count();
    assert_eq!(
        unanswered, 1,
        "only the first request goes out without a token"
    );
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn tasks_that_need_the_same_token_ask_for_it_once() {
    let registry = with(Tokens::default());
    let client = client(&registry, PATH);
    let reads = (0..20).map(|_| client.tags());
    for read in futures_util::future::join_all(reads).await {
        read.unwrap();
    }
    assert_eq!(registry.count(&asked_for_tokens()), 1);
}

#[tokio::test]
async fn reading_asks_for_no_more_than_reading() {
    let registry = with(Tokens::default());
    let client = open(
        &registry.repository(PATH),
        Settings {
            push: false,
            ..settings()
        },
    );
    client.tags().await.unwrap();
    client.head(&latest()).await.unwrap();
    let scope =
        |rights: &str| asked_for_tokens().with(format!("scope=repository%3Aacme%2Fapi%3A{rights}"));
    assert_eq!(registry.count(&scope("pull")), 1);
    assert_eq!(registry.count(&scope("pull%2Cpush")), 0);
    client.check_push().await.unwrap();
    assert_eq!(registry.count(&scope("pull%2Cpush")), 1);
}

#[tokio::test]
async fn row_3_a_silently_smaller_token_shows_at_the_push_check() {
    for rights in [Rights::Pull, Rights::Nothing] {
        let registry = with(Tokens {
            rights,
            ..Tokens::default()
        });
        let client = client(&registry, PATH);
        let error = client.check_push().await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        let needed = "needed: `repository:acme/api:pull,push`";
        assert!(error.to_string().contains(needed), "{error}");
        assert!(!error.is_transient() && !error.is_ambiguous());
    }
}

#[tokio::test]
async fn row_3_a_service_that_refuses_what_is_too_much_is_asked_for_less() {
    let registry = with(Tokens {
        rights: Rights::Pull,
        refuses_more: true,
        ..Tokens::default()
    });
    let client = client(&registry, PATH);
    assert_eq!(client.tags().await, Ok(vec![]));
    assert_eq!(client.check_push().await.unwrap_err().kind, Kind::Denied);
}

#[tokio::test]
async fn row_3_a_wrong_password_is_named_and_not_shown() {
    let wrong = "wrong battery staple";
    for auth in [Auth::Basic, Auth::Bearer(Tokens::default())] {
        let registry = TestRegistry::start(Personality {
            auth,
            ..Personality::default()
        });
        let environment = [
            ("HOIST_REGISTRY_USERNAME", "robot"),
            ("HOIST_REGISTRY_PASSWORD", wrong),
        ];
        let environment = environment.into_iter().collect();
        let client = open(
            &registry.repository(PATH),
            Settings {
                environment,
                ..settings()
            },
        );
        let error = client.check_push().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unauthorized);
        assert!(
            error.to_string().contains("repository:acme/api:pull,push"),
            "{error}"
        );
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains(wrong) && !shown.contains("Basic "),
            "{shown}"
        );
    }
}

/// A helper's password has expired since it was asked: it is asked once more before the registry's no is
/// believed, and then not for each further no.
#[tokio::test]
async fn row_3_a_helper_is_asked_once_more_before_a_refusal_is_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let tokens = Tokens {
        anonymous_pull: false,
        uses: Some(1),
        ..Tokens::default()
    };
    for auth in [Auth::Basic, Auth::Bearer(tokens)] {
        let registry = TestRegistry::start(Personality {
            auth: auth.clone(),
            ..Personality::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let holds = |password: &str| {
            let answer = format!(r#"{{"Username":"{USER}","Secret":"{password}"}}"#);
            std::fs::write(at("login"), answer).unwrap();
        };
        let helper = at("docker-credential-late");
        let script = "#!/bin/sh\ncd \"${0%/*}\" && echo >>asked && exec cat login\n";
        std::fs::write(&helper, script).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&helper, mode).unwrap();
        let asked = || std::fs::read_to_string(at("asked")).unwrap().len();
        let path = format!(
            "{}:{}",
            folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        let environment = [
            ("DOCKER_AUTH_CONFIG", r#"{"credsStore":"late"}"#),
            ("PATH", &*path),
        ];
        let settings = Settings {
            environment: environment.into_iter().collect(),
            ..settings()
        };
        let client = open(&registry.repository(PATH), settings);
        let what = format!("{auth:?}");
        holds(PASSWORD);
        client.check_push().await.unwrap();
        assert_eq!(asked(), 1, "{what}");
        // Another login, which is wrong: the one that was read is still good.
        holds("wrong");
        client.check_push().await.unwrap();
        assert_eq!(asked(), 1, "{what}");
        // A new run with it: its no is believed, for it was looked up for this request.
        let settings = Settings {
            environment: environment.into_iter().collect(),
            ..super::settings()
        };
        let client = open(&registry.repository(PATH), settings);
        let error = client.check_push().await.unwrap_err();
        assert_eq!((error.kind, asked()), (Kind::Unauthorized, 2), "{what}");
        // It is right by now: the next request finds that out.
        holds(PASSWORD);
        client.check_push().await.unwrap();
        assert_eq!(asked(), 3, "{what}");
    }
}

/// After a long build the helper is asked again. Where it fails then, it is named beside the no to what it gave
/// before.
#[tokio::test]
async fn a_helper_that_fails_late_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let tokens = Tokens {
        anonymous_pull: false,
        ..Tokens::default()
    };
    for auth in [Auth::Basic, Auth::Bearer(tokens)] {
        let registry = TestRegistry::start(Personality {
            auth: auth.clone(),
            ..Personality::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let helper = folder.path().join("docker-credential-late");
        let writes = |script: String| {
            let new = folder.path().join("new");
            std::fs::write(&new, script).unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&new, mode).unwrap();
            std::fs::rename(&new, &helper).unwrap();
        };
        let path = format!(
            "{}:{}",
            folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        let environment = [
            ("DOCKER_AUTH_CONFIG", r#"{"credsStore":"late"}"#),
            ("PATH", &*path),
        ];
        let settings = Settings {
            environment: environment.into_iter().collect(),
            ..settings()
        };
        let client = open(&registry.repository(PATH), settings);
        writes(format!(
            "#!/bin/sh\necho '{{\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n"
        ));
        client.check_push().await.unwrap();
        writes("#!/bin/sh\necho 'the session has ended' >&2; exit 9\n".to_owned());
        let refusal = What::Status(401, "UNAUTHORIZED");
        registry.fault(Fault::always(On::any().with("/tags/"), refusal));
        let error = client.tags().await.unwrap_err().to_string();
        for words in [
            "the credentials were sent; they were found before, and not again for 127.0.0.1:",
            "the credential helper `docker-credential-late` failed (exit status: 9): the session has ended",
        ] {
            assert!(error.contains(words), "{auth:?}: {error}");
        }
    }
}

/// A registry, or a proxy before it, that repeats what it was given.
#[tokio::test]
async fn credentials_that_come_back_are_not_shown() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Basic,
        ..Personality::default()
    });
    let client = client(&registry, PATH);
    client.check_push().await.unwrap();
    let basic = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let percent: String = PASSWORD
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let half = &PASSWORD[..PASSWORD.len() - 2];
    for written in [PASSWORD, &basic, &percent, half] {
        let message = format!("you have sent {written}, which is no good");
        let json = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
        for body in [json, message] {
            let answer = What::Answer(403, Vec::new(), body.into());
            registry.heal();
            registry.fault(Fault::always(On::any().with("/tags/"), answer));
            let error = client.tags().await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("you have sent ***"), "{written}: {shown}");
            assert!(shown.contains("which is no good"), "{written}: {shown}");
            assert!(!shown.contains(written), "{written}: {shown}");
        }
    }
}

#[tokio::test]
async fn row_3_a_token_that_allows_less_names_what_is_missing() {
    let registry = with(Tokens {
        rights: Rights::Pull,
        ..Tokens::default()
    });
    let error = client(&registry, PATH).check_push().await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    let words =
        "the token service gave less than was asked for: `repository:acme/api:push` is missing";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn row_3_without_credentials_it_says_so() {
    let registry = with(Tokens::default());
    let client = open(
        &registry.repository(PATH),
        Settings {
            environment: Default::default(),
            ..settings()
        },
    );
    assert_eq!(client.tags().await, Ok(vec![]));
    let error = client.check_push().await.unwrap_err();
    assert_eq!(
        error.kind,
        Kind::NoCredentials(login_advice(registry.repository(PATH).registry()))
    );
    assert!(
        error.to_string().contains("no credentials were found"),
        "{error}"
    );
}

#[tokio::test]
async fn row_3_a_token_service_in_trouble_is_asked_again() {
    let registry = with(Tokens::default());
    let client = client(&registry, PATH);
    registry.fault(Fault::always(asked_for_tokens(), What::Status(503, "")).times(3));
    client.check_push().await.unwrap();
    registry.fault(Fault::always(asked_for_tokens(), What::Status(500, "")));
    let other = super::client(&registry, "acme/web");
    let error = other
        .put_tag(&tag("latest"), &sample("x").manifest, &Permit::always())
        .await
        .unwrap_err();
    // The PUT itself was never sent with a token.
    assert!(error.is_transient() && !error.is_ambiguous(), "{error}");
}

#[tokio::test]
async fn row_10_an_upload_goes_on_with_a_new_token() {
    // Each token is good for two requests: every blob of several requests sees one expire.
    let registry = with(Tokens {
        uses: Some(2),
        ..Tokens::default()
    });
    let client = client(&registry, PATH);
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5u8 {
        let content = vec![number; 300_000];
        let (descriptor, content) = super::conformance::blob("application/x", content);
        let file = folder.path().join("blob");
        std::fs::write(&file, content).unwrap();
        let pushed = client
            .push_blob(&descriptor, BlobSource::File(file), &|_| {})
            .await;
        assert_eq!(pushed, Ok(BlobPushed::Sent(300_000)));
    }
    assert!(registry.count(&asked_for_tokens()) > 5);
}

#[tokio::test]
async fn row_21_a_tag_is_put_with_a_new_token() {
    let registry = with(Tokens::default());
    let client = client(&registry, PATH);
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    // From here on every token is good for one request.
    registry.behave(|rules| {
        rules.auth = Auth::Bearer(Tokens {
            uses: Some(1),
            ..Tokens::default()
        })
    });
    for name in ["1.2.3", "1.2", "1"] {
        client
            .put_tag(&tag(name), &sample.manifest, &Permit::always())
            .await
            .unwrap();
    }
    assert_eq!(registry.tags(PATH).len(), 3);
}

#[tokio::test]
async fn mounting_asks_for_the_right_to_read_the_source() {
    let registry = with(Tokens {
        anonymous_pull: false,
        ..Tokens::default()
    });
    let place = registry.repository(PATH);
    let registries = Registries::new(settings(), std::slice::from_ref(&place));
    let from: Arc<dyn RepositoryApi> = registries.open(&registry.repository("acme/base")).unwrap();
    let to = registries.open(&place).unwrap();
    let sample = sample("base");
    push_blobs(&*from, &sample).await;
    let source = BlobSource::Mount {
        from: from.repository().clone(),
        or: None,
    };
    let pushed = to.push_blob(&sample.blobs[0].0, source, &|_| {}).await;
    assert_eq!(pushed, Ok(BlobPushed::Mounted));
}

#[tokio::test]
async fn deleting_asks_for_the_right_to_delete_and_takes_no_for_an_answer() {
    for (rights, refuses_more, expected) in [
        (Rights::Delete, false, Deletion::Accepted),
        (Rights::Push, false, Deletion::Refused),
        (Rights::Push, true, Deletion::Refused),
    ] {
        let registry = with(Tokens {
            rights,
            refuses_more,
            ..Tokens::default()
        });
        let client = client(&registry, PATH);
        let sample = sample("release");
        push_blobs(&*client, &sample).await;
        client
            .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        let asked = asked_for_tokens().with("delete");
        assert_eq!(registry.count(&asked), 0);
        assert_eq!(
            client.delete(&latest(), &Permit::always()).await,
            Ok(expected)
        );
        assert_eq!(registry.count(&asked), 1);
    }
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let registry = with(Tokens {
        identity: Some("identity".into()),
        anonymous_pull: false,
        ..Tokens::default()
    });
    let config = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"identity"}}}}}}"#,
        registry.address()
    );
    let environment = [("DOCKER_AUTH_CONFIG", config)].into_iter().collect();
    let client = open(
        &registry.repository(PATH),
        Settings {
            environment,
            ..settings()
        },
    );
    client.check_push().await.unwrap();
    assert_eq!(registry.count(&On::method("POST").with("/token")), 1);
}

#[tokio::test]
async fn a_credential_helper_that_is_not_there_is_an_error() {
    let registry = TestRegistry::start(Personality {
        auth: Auth::Basic,
        ..Personality::default()
    });
    let config = r#"{"credsStore":"of-nobody-at-all"}"#;
    let environment = [("DOCKER_AUTH_CONFIG", config)].into_iter().collect();
    let client = open(
        &registry.repository(PATH),
        Settings {
            environment,
            ..settings()
        },
    );
    let error = client.check_push().await.unwrap_err();
    assert!(matches!(error.kind, Kind::Credentials(_)), "{error:?}");
    let words = "`DOCKER_AUTH_CONFIG`: the credential helper `docker-credential-of-nobody-at-all` \
                 is not installed";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_password_for_no_host_in_particular_goes_to_an_only_registry() {
    let [one, two] = [(), ()].map(|()| {
        TestRegistry::start(Personality {
            auth: Auth::Basic,
            ..Personality::default()
        })
    });
    let places = [one.repository(PATH), two.repository(PATH)];
    let registries = Registries::new(settings(), &places);
    for (registry, place) in [&one, &two].into_iter().zip(&places) {
        let error = registries
            .open(place)
            .unwrap()
            .check_push()
            .await
            .unwrap_err();
        assert_eq!(
            error.kind,
            Kind::NoCredentials(login_advice(place.registry()))
        );
        let variable = format!(
            "HOIST_REGISTRY_USERNAME_127_0_0_1_{}",
            registry.address().port()
        );
        assert!(error.to_string().contains(&variable), "{error}");
        assert!(registry.log().iter().all(|seen| seen.credentials.is_none()));
    }
    Registries::new(settings(), &places[..1])
        .open(&places[0])
        .unwrap()
        .check_push()
        .await
        .unwrap();
}
