//! Which credentials a request carries: by repository, by registry, by what the run is for.

use hoist::{
    io::registry::{
        Registries, RegistryError, RegistryErrorKind as Kind, Settings, credentials::login_advice,
    },
    oci::Repository,
};

use super::{
    server::{Auth, PASSWORD, Personality, TestRegistry, Tokens, USER},
    settings,
};

fn asking(auth: Auth) -> TestRegistry {
    TestRegistry::start(Personality {
        auth,
        ..Personality::default()
    })
}

/// Every way to ask for credentials.
fn ways() -> [Auth; 2] {
    let tokens = Tokens {
        anonymous_pull: false,
        ..Tokens::default()
    };
    [Auth::Basic, Auth::Bearer(tokens)]
}

fn registries(variables: &[(&str, &str)], publishes: bool, places: &[Repository]) -> Registries {
    let settings = Settings {
        environment: variables.iter().copied().collect(),
        publishes,
        ..settings()
    };
    Registries::new(settings, places)
}

async fn push(registries: &Registries, place: &Repository) -> Result<(), RegistryError> {
    registries.open(place).unwrap().check_push().await
}

fn was_told_a_secret(registry: &TestRegistry) -> bool {
    let log = registry.log();
    log.iter().any(|seen| {
        let sent = seen.credentials.as_deref().unwrap_or_default();
        sent.starts_with("Basic")
    })
}

const PAIR: [(&str, &str); 2] = [
    ("HOIST_REGISTRY_USERNAME", USER),
    ("HOIST_REGISTRY_PASSWORD", PASSWORD),
];

#[tokio::test]
async fn a_run_that_only_looks_does_not_give_the_unnamed_pair_away() {
    for auth in ways() {
        let registry = asking(auth);
        let place = registry.repository("acme/api");
        let one = std::slice::from_ref(&place);
        let looking = registries(&PAIR, false, one);
        let error = push(&looking, &place).await.unwrap_err();
        assert_eq!(
            error.kind,
            Kind::NoCredentials(login_advice(place.registry()))
        );
        assert!(
            error.to_string().contains("`HOIST_REGISTRY_HOST`"),
            "{error}"
        );
        assert!(!was_told_a_secret(&registry));

        // The same run, from when on it publishes.
        looking.publish();
        push(&looking, &place).await.unwrap();
        assert!(was_told_a_secret(&registry));

        // With the host it may look, too; with another host it may not even publish.
        let host = registry.address().to_string();
        let named = [&PAIR[..], &[("HOIST_REGISTRY_HOST", &*host)]].concat();
        push(&registries(&named, false, one), &place).await.unwrap();
        let other = asking(Auth::Basic);
        let place = other.repository("acme/api");
        let stranger = registries(&named, true, std::slice::from_ref(&place));
        let error = push(&stranger, &place).await.unwrap_err();
        assert!(error.to_string().contains(&host), "{error}");
        assert!(!was_told_a_secret(&other));
    }
}

#[tokio::test]
async fn with_several_registries_the_named_host_gets_the_pair_and_the_other_does_not() {
    let (one, two) = (asking(Auth::Basic), asking(Auth::Basic));
    let places = [one.repository("acme/api"), two.repository("acme/api")];
    let host = one.address().to_string();
    let named = [&PAIR[..], &[("HOIST_REGISTRY_HOST", &*host)]].concat();
    let both = registries(&named, true, &places);
    push(&both, &places[0]).await.unwrap();
    push(&both, &places[1]).await.unwrap_err();
    assert!(was_told_a_secret(&one) && !was_told_a_secret(&two));
}

#[tokio::test]
async fn each_repository_has_the_credentials_of_its_longest_key() {
    for auth in ways() {
        let registry = asking(auth);
        let host = registry.address();
        let config = format!(
            r#"{{"auths":{{
                "{host}":{{"username":"{USER}","password":"wrong"}},
                "http://{host}/v2/":{{"username":"{USER}","password":"wrong"}},
                "{host}/acme":{{"username":"{USER}","password":"{PASSWORD}"}},
                "{host}/acme/old":{{"username":"{USER}","password":"wrong"}},
                "{host}/acme/empty":{{"auth":""}}}}}}"#
        );
        let names = ["acme/api", "acme/empty", "acme/old", "acme2/api"];
        let places = names.map(|name| registry.repository(name));
        let all = registries(&[("DOCKER_AUTH_CONFIG", &config)], false, &places);
        for (place, is_right) in places.iter().zip([true, true, false, false]) {
            let pushed = push(&all, place).await;
            assert_eq!(pushed.is_ok(), is_right, "{place}");
            let kind = pushed.err().map(|error| error.kind);
            assert!(is_right || kind == Some(Kind::Unauthorized), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_file_with_a_line_break_after_the_password_logs_in() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let registry = asking(Auth::Basic);
    let place = registry.repository("acme/api");
    let mut auth = STANDARD.encode(format!("{USER}:{PASSWORD}\n"));
    auth.insert_str(8, "\\n");
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{auth}\n"}}}}}}"#,
        registry.address()
    );
    let one = std::slice::from_ref(&place);
    let all = registries(&[("DOCKER_AUTH_CONFIG", &config)], false, one);
    push(&all, &place).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_said_to_be_an_answer() {
    let registry = asking(Auth::Basic);
    let place = registry.repository("acme/api");
    let one = std::slice::from_ref(&place);
    for (config, words) in [
        (
            "{",
            "`DOCKER_AUTH_CONFIG`: it is not JSON (line 1, column 1)",
        ),
        (
            r#"{"credsStore":"of-nobody"}"#,
            "`DOCKER_AUTH_CONFIG`: the credential helper `docker-credential-of-nobody` is not installed",
        ),
    ] {
        let all = registries(&[("DOCKER_AUTH_CONFIG", config)], false, one);
        let error = push(&all, &place).await.unwrap_err();
        assert!(matches!(error.kind, Kind::Credentials(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(words) && !text.contains("no answer"),
            "{text}"
        );
        assert!(error.remedy().unwrap().contains("`DOCKER_AUTH_CONFIG`"));
    }
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let registry = asking(ways()[1].clone());
    let place = registry.repository("acme/api");
    let host = registry.address();
    let config = format!(r#"{{"auths":{{"{host}":{{"registrytoken":"of-the-registry"}}}}}}"#);
    let one = std::slice::from_ref(&place);
    let all = registries(&[("DOCKER_AUTH_CONFIG", &config)], false, one);
    // This registry does not know it.
    let error = push(&all, &place).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthorized);
    assert!(!format!("{error} {error:?}").contains("of-the-registry"));
    let log = registry.log();
    let sent = |seen: &str| seen == "Bearer";
    assert!(
        log.iter()
            .any(|seen| seen.credentials.as_deref().is_some_and(sent))
    );
    // No token service was asked, so it can only be this one.
    assert!(log.iter().all(|seen| !seen.target.starts_with("/token")));
}
