//! Registries as they are: each says something that is not so, or does not say what others say. What
//! is there must be found nevertheless, and nothing may be concluded from a single answer.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hoist::{
    event::{Event, Events},
    io::{
        lease::Permit,
        registry::{Registries, RegistryErrorKind as Kind, RepositoryApi, RetryPolicy, Settings},
    },
    oci::{Digest, MediaType, TagOrDigest},
};

use super::{
    conformance::{Sample, push_blobs, sample, shown, tag},
    server::{
        Auth, Fault, Held, On, PASSWORD, Personality, Stale, TestRegistry, Tokens, USER, What,
    },
    settings,
};

const PATH: &str = "acme/api";

/// A registry, one run against it, and what that run was told.
struct Run {
    registry: TestRegistry,
    client: Arc<dyn RepositoryApi>,
    told: Arc<Mutex<Vec<Event>>>,
}

impl Run {
    fn new(rules: Personality) -> Self {
        Self::with(rules, settings())
    }

    fn with(rules: Personality, settings: Settings) -> Self {
        Self::of(TestRegistry::start(rules), settings)
    }

    fn of(registry: TestRegistry, settings: Settings) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let told = told.clone();
            move |event| told.lock().unwrap().push(event)
        });
        let place = registry.repository(PATH);
        let settings = Settings { events, ..settings };
        let registries = Registries::new(settings, std::slice::from_ref(&place));
        let client = registries.open(&place).unwrap();
        Self {
            registry,
            client,
            told,
        }
    }

    /// A second run against the same registry.
    fn again(self) -> Self {
        Self::of(self.registry, settings())
    }

    async fn publish(&self, name: &str, seed: &str) -> Sample {
        let sample = sample(seed);
        push_blobs(&*self.client, &sample).await;
        let put = self
            .client
            .put_tag(&tag(name), &sample.manifest, &Permit::always())
            .await;
        put.unwrap();
        sample
    }

    fn fault(&self, on: On, what: What) {
        self.registry.fault(Fault::always(on, what));
    }

    /// What it was told that contains `words`, warnings and details alike.
    fn told(&self, words: &str) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let text = |event: &Event| match event {
            Event::Warning { text } | Event::Detail { text } => Some(text.clone()),
            _ => None,
        };
        let all = told.iter().filter_map(text);
        all.filter(|text| text.contains(words)).collect()
    }
}

fn manifests(method: &'static str) -> On {
    On::method(method).with("/manifests/")
}

fn not_found() -> What {
    What::Status(404, "MANIFEST_UNKNOWN")
}

fn described(digest: &Digest) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", MediaType::OCI_MANIFEST.to_owned()),
        ("docker-content-digest", digest.to_string()),
    ]
}

#[tokio::test]
async fn a_head_that_is_no_use_is_replaced_by_get_for_the_rest_of_the_run() {
    let other = sample("another");
    let wrong = What::Answer(
        200,
        described(other.manifest.digest()),
        other.manifest.bytes.clone(),
    );
    let html = vec![("content-type", "text/html".to_owned())];
    for (what, word) in [
        (not_found(), "answers HEAD with 404"),
        (What::Status(405, "UNSUPPORTED"), "does not answer HEAD"),
        (What::Status(501, ""), "does not answer HEAD"),
        (What::Status(403, "DENIED"), "does not answer HEAD"),
        (What::Status(400, ""), "does not answer HEAD"),
        (What::Status(502, ""), "does not answer HEAD"),
        (What::Answer(401, vec![], "".into()), "does not answer HEAD"),
        (What::Answer(200, vec![], "".into()), "does not tell"),
        (What::Answer(200, html, "<html>".into()), "does not tell"),
        (wrong, "GET is believed"),
    ] {
        let run = Run::new(Personality::default());
        let ours = run.publish("latest", "ours").await;
        let run = run.again();
        run.fault(manifests("HEAD"), what);
        for _ in 0..3 {
            let found = shown(&*run.client, "latest").await;
            assert_eq!(found.as_ref(), Some(ours.manifest.digest()), "{word}");
            assert_eq!(shown(&*run.client, "absent").await, None, "{word}");
        }
        assert_eq!(run.told(word).len(), 1, "{:?}", run.told(""));
        run.registry.forget();
        shown(&*run.client, "latest").await;
        assert_eq!(run.registry.count(&manifests("HEAD")), 0, "{word}");
        // The lie is told to everybody, the rest to whoever asks for more.
        let notes = run.told.lock().unwrap();
        let is_warning = notes
            .iter()
            .any(|event| matches!(event, Event::Warning { .. }));
        assert_eq!(is_warning, word == "GET is believed", "{notes:?}");
    }
}

#[tokio::test]
async fn a_head_that_lies_about_one_tag_is_found_out_before_its_tag_counts_as_moved() {
    let run = Run::new(Personality::default());
    let old = run.publish("latest", "old").await;
    let new = sample("new");
    let run = run.again();
    push_blobs(&*run.client, &new).await;
    run.client
        .put_manifest(&new.manifest, &[], &Permit::always())
        .await
        .unwrap();
    shown(&*run.client, "other").await;
    run.publish("1.2.3", "old").await;
    shown(&*run.client, "1.2.3").await;
    let lie = What::Answer(
        200,
        described(new.manifest.digest()),
        new.manifest.bytes.clone(),
    );
    run.fault(manifests("HEAD").with("/latest"), lie);
    for _ in 0..2 {
        let found = shown(&*run.client, "latest").await;
        assert_eq!(found.as_ref(), Some(old.manifest.digest()));
    }
    assert_eq!(run.told("GET is believed").len(), 1);
}

#[tokio::test]
async fn a_head_that_never_shows_what_was_put_is_found_out() {
    for what in [not_found(), What::Status(405, "")] {
        // A first release: everything is absent, so that no tag can give HEAD away before.
        let run = Run::new(Personality::default());
        run.fault(manifests("HEAD"), what);
        assert_eq!(shown(&*run.client, "1.2.3").await, None);
        let ours = run.publish("1.2.3", "ours").await;
        let found = shown(&*run.client, "1.2.3").await;
        assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    }
}

#[tokio::test]
async fn a_tag_that_moves_between_two_looks_is_not_a_lie() {
    let run = Run::new(Personality::default());
    run.publish("latest", "old").await;
    let run = run.again();
    shown(&*run.client, "latest").await;
    // What GET has shown is no longer there, so that HEAD is held against another GET.
    let first = sample("first").manifest;
    run.registry
        .state()
        .store
        .foreign_push(PATH, "latest", &first);
    let theirs = sample("theirs").manifest;
    let digest = theirs.digest().clone();
    let push = move |state: &mut super::server::State| {
        state.store.foreign_push(PATH, "latest", &theirs);
    };
    let after = Fault::once(manifests("HEAD"), What::After(Arc::new(push)));
    run.registry.fault(after);
    let found = shown(&*run.client, "latest").await;
    assert_eq!(found.as_ref(), Some(&digest));
    assert_eq!(run.told("GET is believed"), Vec::<String>::new());
}

#[tokio::test]
async fn a_put_whose_content_does_not_show_yet_is_not_a_lie() {
    let run = Run::new(Personality::default());
    let old = run.publish("latest", "old").await.manifest;
    let run = run.again();
    shown(&*run.client, "latest").await;
    let new = run.publish("latest", "new").await;
    let late = What::Answer(200, described(old.digest()), old.bytes.clone());
    run.registry.fault(Fault::once(manifests("GET"), late));
    run.registry.forget();
    let found = shown(&*run.client, "latest").await;
    assert_eq!(found.as_ref(), Some(new.manifest.digest()));
    assert_eq!(run.told("GET is believed"), Vec::<String>::new());
    // The content once more, and HEAD beside it.
    assert_eq!(run.registry.count(&manifests("GET")), 2);
    assert_eq!(run.registry.count(&manifests("HEAD")), 1);
}

#[tokio::test]
async fn a_tag_that_the_list_names_and_no_read_shows_is_unclear_and_never_absent() {
    for status in [404, 403] {
        let run = Run::new(Personality::default());
        let ours = run.publish("latest", "ours").await;
        let run = run.again();
        run.fault(
            On::any().with("/manifests/latest"),
            What::Status(status, "MANIFEST_UNKNOWN"),
        );
        let what = TagOrDigest::from(tag("latest"));
        for error in [
            run.client.head(&what).await.unwrap_err(),
            run.client.manifest(&what).await.unwrap_err(),
        ] {
            let kind = if status == 404 {
                Kind::Unclear
            } else {
                Kind::Denied
            };
            assert_eq!(error.kind, kind, "{error}");
            assert!(!error.to_string().contains("no answer"), "{error}");
        }
        run.registry.heal();
        // A replica that lags for a moment only is waited for.
        let lags = Fault::always(On::any().with("/manifests/latest"), not_found()).times(3);
        run.registry.fault(lags);
        let found = shown(&*run.client, "latest").await;
        assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    }
}

#[tokio::test]
async fn a_tag_that_somebody_deletes_is_absent_whatever_an_older_list_said() {
    let run = Run::new(Personality::default());
    run.publish("latest", "ours").await;
    let run = run.again();
    assert_eq!(run.client.tags().await.unwrap(), [tag("latest")]);
    let repository = |state: &mut super::server::State| {
        state.store.create(PATH).remove_tag("latest");
    };
    repository(&mut run.registry.state());
    assert_eq!(shown(&*run.client, "latest").await, None);
    // One that this run deletes is gone even while the list still names it.
    let run = run.again();
    run.publish("1.2.3", "ours").await;
    run.client.tags().await.unwrap();
    run.client
        .delete(&tag("1.2.3").into(), &Permit::always())
        .await
        .unwrap();
    let names = What::Answer(200, vec![], r#"{"tags":["1.2.3"]}"#.into());
    run.fault(On::method("GET").with("/tags/list"), names);
    assert_eq!(shown(&*run.client, "1.2.3").await, None);
}

#[tokio::test]
async fn a_404_without_a_list_needs_a_second_404() {
    let run = Run::new(Personality::default());
    let ours = run.publish("latest", "ours").await;
    for status in [401, 403, 405, 404] {
        let run = Run::of(TestRegistry::start(Personality::default()), settings());
        run.publish("latest", "ours").await;
        let run = run.again();
        run.fault(On::any().with("/tags/list"), What::Status(status, "DENIED"));
        run.registry.forget();
        assert_eq!(shown(&*run.client, "absent").await, None, "{status}");
        run.fault(manifests("HEAD"), not_found());
        if status != 404 {
            let found = shown(&*run.client, "latest").await;
            assert_eq!(found.as_ref(), Some(ours.manifest.digest()), "{status}");
        }
    }
    // A list that cannot be had for the moment proves nothing.
    for (status, kind) in [(500, Kind::Server), (429, Kind::TooManyRequests(None))] {
        let run = Run::with(
            Personality::default(),
            Settings {
                retry: RetryPolicy {
                    tries: 2,
                    ..settings().retry
                },
                ..settings()
            },
        );
        run.fault(On::any().with("/tags/list"), What::Status(status, ""));
        let error = run.client.head(&tag("absent").into()).await.unwrap_err();
        assert_eq!(error.kind, kind);
    }
}

#[tokio::test]
async fn a_403_is_absent_only_where_the_list_may_be_read_and_lacks_the_tag() {
    let run = Run::new(Personality::default());
    let ours = run.publish("latest", "ours").await;
    let run = run.again();
    run.fault(
        On::any().with("/manifests/1.2.3"),
        What::Status(403, "DENIED"),
    );
    assert_eq!(shown(&*run.client, "1.2.3").await, None);
    assert_eq!(run.client.manifest(&tag("1.2.3").into()).await, Ok(None));
    assert_eq!(run.told("answers 403 for a tag").len(), 1);
    let found = shown(&*run.client, "latest").await;
    assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    // An empty repository says nothing about rights.
    for status in [401, 403, 404] {
        let run = Run::new(Personality::default());
        run.fault(On::any().with("/manifests/"), What::Status(403, "DENIED"));
        run.fault(
            On::any().with("/tags/list"),
            What::Status(status, "NAME_UNKNOWN"),
        );
        let error = run.client.head(&tag("1.2.3").into()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied, "{status}");
    }
}

#[tokio::test]
async fn the_digest_is_what_the_bytes_hash_to() {
    let run = Run::new(Personality::default());
    let ours = run.publish("latest", "ours").await;
    let run = run.again();
    let another = described(sample("another").manifest.digest());
    let answer = What::Answer(200, another, ours.manifest.bytes.clone());
    run.fault(manifests("GET"), answer.clone());
    run.fault(manifests("HEAD"), answer);
    for _ in 0..2 {
        let found = shown(&*run.client, "latest").await;
        assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    }
    assert_eq!(run.told("the content is believed").len(), 1);
    // Another algorithm is not a lie.
    let run = run.again();
    let sha512 = vec![
        ("content-type", MediaType::OCI_MANIFEST.to_owned()),
        (
            "docker-content-digest",
            format!("sha512:{}", "0".repeat(128)),
        ),
    ];
    run.registry.heal();
    run.fault(
        manifests("GET"),
        What::Answer(200, sha512, ours.manifest.bytes.clone()),
    );
    let found = run.client.manifest(&tag("latest").into()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&ours.manifest));
    assert_eq!(run.told("the content is believed").len(), 0);
}

#[tokio::test]
async fn a_wrong_header_of_an_accepted_manifest_is_held_against_its_content() {
    let run = Run::new(Personality::default());
    let ours = sample("ours");
    push_blobs(&*run.client, &ours).await;
    let wrong = described(sample("another").manifest.digest());
    let put = manifests("PUT");
    run.registry
        .fault(Fault::once(put.clone(), What::DoneBut(500)));
    run.registry
        .fault(Fault::always(put, What::Answer(201, wrong, "".into())));
    // The first try stores it; the second one is answered as if something else was stored.
    run.client
        .put_manifest(&ours.manifest, &[], &Permit::always())
        .await
        .unwrap();
    assert_eq!(run.told("the content is believed").len(), 1);
    let missing = sample("missing");
    push_blobs(&*run.client, &missing).await;
    let error = run
        .client
        .put_manifest(&missing.manifest, &[], &Permit::always())
        .await;
    assert_eq!(error.unwrap_err().kind, Kind::BadAnswer);
}

#[tokio::test]
async fn blobs_are_found_without_head() {
    for (what, found_without) in [
        (What::Status(405, ""), true),
        (What::Status(501, ""), true),
        (What::Status(403, "DENIED"), true),
        (not_found(), false),
    ] {
        let run = Run::new(Personality::default());
        let ours = run.publish("latest", "ours").await;
        let run = run.again();
        run.fault(On::method("HEAD"), what);
        let digest = &ours.blobs[0].0.digest;
        assert_eq!(run.client.has_blob(digest).await, Ok(found_without));
        // Once HEAD is known to hide things, it is not asked for blobs either.
        for _ in 0..2 {
            shown(&*run.client, "latest").await;
        }
        assert_eq!(run.client.has_blob(digest).await, Ok(true));
        let absent = sample("absent").blobs[0].0.digest.clone();
        assert_eq!(run.client.has_blob(&absent).await, Ok(false));
    }
}

#[tokio::test]
async fn what_is_hidden_from_the_anonymous_is_read_again_with_credentials() {
    let hidden = || Personality {
        auth: Auth::Basic,
        ..Personality::default()
    };
    for status in [404, 403] {
        for bearer in [false, true] {
            let run = Run::new(Personality {
                auth: if bearer {
                    Auth::Bearer(Tokens::default())
                } else {
                    Auth::Basic
                },
                hides_from_anonymous: Some(status),
                ..hidden()
            });
            let ours = run.publish("latest", "ours").await;
            let run = run.again();
            run.registry.forget();
            let found = shown(&*run.client, "latest").await;
            assert_eq!(found.as_ref(), Some(ours.manifest.digest()), "{status}");
            assert_eq!(run.client.tags().await.unwrap(), [tag("latest")]);
            assert_eq!(run.told("read again with them").len(), 1);
            let log = run.registry.log();
            assert_eq!(log.iter().filter(|seen| seen.target == "/v2/").count(), 1);
        }
    }
    // Without credentials there is nothing to send, and what may be hidden is said once. Where nobody has to log
    // in, there is nothing to say.
    for (auth, is_told) in [(Auth::Basic, true), (Auth::Nobody, false)] {
        let run = Run::with(
            Personality {
                hides_from_anonymous: is_told.then_some(404),
                auth,
                ..Personality::default()
            },
            Settings {
                environment: Default::default(),
                ..settings()
            },
        );
        for _ in 0..2 {
            assert_eq!(run.client.tags().await, Ok(vec![]));
        }
        let told = run.told("may be hidden");
        assert_eq!(told.len(), usize::from(is_told), "{told:?}");
        assert!(
            told.iter().all(|text| text.contains("docker login")),
            "{told:?}"
        );
        let log = run.registry.log();
        assert!(log.iter().all(|seen| seen.method != "POST"));
    }
}

/// An answer to a request that went out before anybody knew how to log in says nothing, whenever it comes.
#[tokio::test]
async fn a_late_answer_to_the_anonymous_is_not_believed() {
    for open_base in [false, true] {
        for late in ["/tags/list", "/manifests/latest", "/manifests/1.0.0"] {
            let run = Run::new(Personality {
                auth: Auth::Basic,
                hides_from_anonymous: Some(404),
                open_base,
                ..Personality::default()
            });
            let ours = run.publish("latest", "ours").await;
            run.publish("1.0.0", "ours").await;
            let run = run.again();
            let held = Held::default();
            let on = On::method("GET").with(late);
            run.registry
                .fault(Fault::once(on, What::Hold(held.clone())));
            let client = &*run.client;
            let read = async |what: &str| match what {
                "/tags/list" => client.tags().await.unwrap().len() == 2,
                "/manifests/latest" => {
                    shown(client, "latest").await.as_ref() == Some(ours.manifest.digest())
                }
                _ => shown(client, "1.0.0").await.as_ref() == Some(ours.manifest.digest()),
            };
            let others = async {
                let came = held.clone();
                let came = tokio::task::spawn_blocking(move || came.wait(Duration::from_secs(30)));
                assert!(came.await.unwrap());
                for other in ["/tags/list", "/manifests/latest", "/manifests/1.0.0"] {
                    assert!(other == late || read(other).await, "{other} beside {late}");
                }
                held.release();
            };
            let (is_right, ()) = tokio::join!(read(late), others);
            assert!(is_right, "{late}, open base {open_base}");
        }
    }
}

/// Some answer strangers with an empty list instead of none.
#[tokio::test]
async fn an_empty_list_for_the_anonymous_is_read_again_with_credentials() {
    let run = Run::new(Personality {
        auth: Auth::Basic,
        hides_from_anonymous: Some(404),
        ..Personality::default()
    });
    run.publish("latest", "ours").await;
    let run = run.again();
    let empty = What::Answer(
        200,
        vec![("content-type", "application/json".to_owned())],
        r#"{"tags":[]}"#.into(),
    );
    let on = On::method("GET").with("/tags/list");
    run.registry.fault(Fault::once(on, empty));
    assert_eq!(run.client.tags().await.unwrap(), [tag("latest")]);
}

/// What GET has shown is there, whatever HEAD and the list of tags say.
#[tokio::test]
async fn a_tag_that_get_has_shown_is_not_absent_for_head_and_list() {
    let run = Run::new(Personality::default());
    let ours = run.publish("latest", "ours").await;
    let run = run.again();
    run.fault(manifests("HEAD"), not_found());
    run.fault(
        On::method("GET").with("/tags/list"),
        What::Status(404, "NAME_UNKNOWN"),
    );
    for _ in 0..3 {
        let found = shown(&*run.client, "latest").await;
        assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    }
}

#[tokio::test]
async fn where_a_login_is_passed_over_nothing_is_called_absent_without_a_word() {
    let hidden = || Personality {
        auth: Auth::Basic,
        hides_from_anonymous: Some(404),
        ..Personality::default()
    };
    let pair = [
        ("HOIST_REGISTRY_USERNAME", USER),
        ("HOIST_REGISTRY_PASSWORD", PASSWORD),
    ];
    let look = |publishes: bool, more: &[(&str, &str)]| {
        let variables = pair.iter().chain(more).copied();
        Settings {
            environment: variables.collect(),
            publishes,
            ..settings()
        }
    };
    let elsewhere = [("HOIST_REGISTRY_HOST", "registry.example.org")];
    for (settings, says) in [
        (look(false, &[]), Some("is used only by what publishes")),
        (
            look(true, &elsewhere),
            Some("is for `registry.example.org`"),
        ),
        (look(true, &[]), None),
    ] {
        let run = Run::with(hidden(), settings);
        for _ in 0..2 {
            assert_eq!(run.client.tags().await, Ok(vec![]));
            assert_eq!(shown(&*run.client, "latest").await, None);
        }
        let told = run.told("what it has may be hidden");
        assert_eq!(told.len(), usize::from(says.is_some()), "{told:?}");
        if let Some(says) = says {
            assert!(told[0].contains(says), "{told:?}");
        }
    }
}

#[tokio::test]
async fn where_v2_is_open_an_upload_tells_how_to_log_in() {
    let run = Run::new(Personality {
        auth: Auth::Basic,
        hides_from_anonymous: Some(404),
        open_base: true,
        ..Personality::default()
    });
    let ours = run.publish("latest", "ours").await;
    let run = run.again();
    let found = shown(&*run.client, "latest").await;
    assert_eq!(found.as_ref(), Some(ours.manifest.digest()));
    assert_eq!(run.client.tags().await.unwrap(), [tag("latest")]);
    // An open registry that needs no credentials is asked no more than once.
    let run = Run::new(Personality::default());
    for _ in 0..3 {
        assert_eq!(shown(&*run.client, "absent").await, None);
    }
    let asked = run.registry.log();
    let questions = asked
        .iter()
        .filter(|seen| seen.method == "POST" || seen.target == "/v2/");
    assert_eq!(questions.count(), 2);
    assert_eq!(run.registry.state().store.open_uploads(), 0);
}

#[tokio::test]
async fn a_401_without_a_challenge_is_explained_by_v2() {
    let bare = || What::Answer(401, vec![], "".into());
    let run = Run::new(Personality {
        auth: Auth::Basic,
        challenge_at_base_only: true,
        ..Personality::default()
    });
    run.client.check_push().await.unwrap();
    assert_eq!(run.told("says only at `/v2/`").len(), 1);

    // Nowhere a challenge: it is said, and nothing was sent.
    let run = Run::new(Personality::default());
    run.fault(On::any(), bare());
    let error = run.client.check_push().await.unwrap_err();
    assert_eq!(error.kind, Kind::NoChallenge);
    let text = error.to_string();
    assert!(text.contains("does not say how to log in"), "{text}");
    assert!(text.contains("no credentials were sent"), "{text}");
    assert!(
        run.registry
            .log()
            .iter()
            .all(|seen| seen.credentials.is_none())
    );

    // A way that is not supported is named.
    let run = Run::new(Personality::default());
    let negotiate = vec![("www-authenticate", "Negotiate".to_owned())];
    run.fault(On::any(), What::Answer(401, negotiate, "".into()));
    let error = run.client.check_push().await.unwrap_err();
    assert!(error.to_string().contains("`negotiate`"), "{error}");
    assert_eq!(error.kind, Kind::NoChallenge);

    // A token that has expired is renewed, even if the 401 does not say so.
    let run = Run::new(Personality {
        auth: Auth::Bearer(Tokens::default()),
        ..Personality::default()
    });
    run.client.check_push().await.unwrap();
    run.registry.fault(Fault::once(On::method("POST"), bare()));
    run.client.check_push().await.unwrap();
}

#[tokio::test]
async fn credentials_are_said_to_be_sent_only_where_they_were() {
    let refusal = |challenge: &str| {
        let headers = vec![("www-authenticate", challenge.to_owned())];
        What::Answer(401, headers, "".into())
    };
    let run = Run::new(Personality::default());
    run.fault(On::any(), refusal("Basic realm=x"));
    let sent = run.client.check_push().await.unwrap_err();
    assert!(
        sent.to_string().contains("the credentials were sent"),
        "{sent}"
    );
    assert!(
        run.registry
            .log()
            .iter()
            .any(|seen| seen.credentials.is_some())
    );

    let registry = TestRegistry::start(Personality::default());
    let config = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"identity"}}}}}}"#,
        registry.address()
    );
    let environment = [("DOCKER_AUTH_CONFIG", config)].into_iter().collect();
    let run = Run::of(
        registry,
        Settings {
            environment,
            ..settings()
        },
    );
    run.fault(On::any(), refusal("Basic realm=x"));
    let error = run.client.check_push().await.unwrap_err();
    assert!(!error.to_string().contains("were sent"), "{error}");
    assert!(error.to_string().contains("identity token"), "{error}");
    assert!(
        run.registry
            .log()
            .iter()
            .all(|seen| seen.credentials.is_none())
    );
}

#[tokio::test]
async fn a_life_that_cannot_be_read_does_not_cost_the_token() {
    for answer in [
        r#"{"token":"TOKEN","expires_in":"300"}"#,
        r#"{"token":"TOKEN","expires_in":300.5}"#,
        r#"{"token":"TOKEN","expires_in":-1}"#,
        r#"{"token":"TOKEN","expires_in":null}"#,
        r#"{"access_token":"TOKEN","expires_in":1e300}"#,
        r#"{"token":"","access_token":"TOKEN","expires_in":{}}"#,
    ] {
        let run = Run::new(Personality {
            auth: Auth::Bearer(Tokens {
                form: Some(answer.to_owned()),
                ..Tokens::default()
            }),
            ..Personality::default()
        });
        run.client.check_push().await.unwrap();
        let unreadable = answer.contains("-1") || answer.contains("{}");
        let told = run.told("how long its tokens live");
        assert_eq!(told.len(), usize::from(unreadable), "{answer}");
    }
}

#[tokio::test]
async fn a_list_is_read_from_the_registry_itself_wherever_its_links_lead() {
    for host in [
        "http://registry-core:8080",
        "https://registry.internal",
        "http://127.0.0.1:9",
        "http://169.254.169.254",
        "//other.example.org",
        "",
    ] {
        let run = Run::new(Personality {
            page: 2,
            link_host: host.to_owned(),
            ..Personality::default()
        });
        for name in ["a", "b", "c", "d", "e"] {
            run.publish(name, "ours").await;
        }
        let tags = run.client.tags().await.unwrap();
        assert_eq!(tags.len(), 5, "{host}");
        let told = run.told("names another host for the next page");
        assert_eq!(told.len(), usize::from(!host.is_empty()), "{host}");
    }
}

#[tokio::test]
async fn pages_without_tags_are_passed_over_and_circles_are_not() {
    let run = Run::new(Personality::default());
    let page = |last: &str, tags: &str| {
        let link = format!("</v2/{PATH}/tags/list?n=1000&last={last}>; rel=next");
        What::Answer(
            200,
            vec![("link", link)],
            format!(r#"{{"tags":{tags}}}"#).into(),
        )
    };
    let list = || On::method("GET").with("/tags/list");
    run.registry.fault(Fault::once(list(), page("a", "[]")));
    run.registry.fault(Fault::once(list(), page("b", "null")));
    run.registry
        .fault(Fault::once(list(), page("c", r#"["c"]"#)));
    run.registry
        .fault(Fault::once(list(), page("d", r#"["+"]"#)));
    let last = What::Answer(200, vec![], r#"{"tags":["d"]}"#.into());
    run.registry.fault(Fault::once(list(), last));
    assert_eq!(run.client.tags().await, Ok(vec![tag("c"), tag("d")]));
    assert_eq!(run.told("pages without tags").len(), 1);
    // A page that is named must be there: a part of a list is not a list.
    run.registry
        .fault(Fault::once(list(), page("a", r#"["a"]"#)));
    run.fault(list(), What::Status(404, "NAME_UNKNOWN"));
    let error = run.client.tags().await.unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::BadAnswer, Some(404)));
}

#[tokio::test]
async fn a_stale_registry_is_still_shown_in_the_end() {
    let run = Run::new(Personality {
        stale: Stale::For(Duration::from_millis(60)),
        ..Personality::default()
    });
    run.publish("latest", "old").await;
    let new = run.publish("latest", "new").await;
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while shown(&*run.client, "latest").await.as_ref() != Some(new.manifest.digest()) {
        assert!(std::time::Instant::now() < end);
    }
}
