//! A registry that means harm: it must not get credentials carried elsewhere, make the client visit
//! what it was not asked to, or fill its memory.

use hoist::io::lease::Permit;
use hoist::{
    io::registry::{BlobSource, RegistryErrorKind as Kind},
    oci::{Digest, Manifest, MediaType, TagOrDigest},
};

use super::{
    client,
    conformance::{blob, push_blobs, sample, tag},
    server::{Auth, Fault, On, PASSWORD, Personality, TestRegistry, Tokens, What},
};

const PATH: &str = "acme/api";

fn private() -> TestRegistry {
    TestRegistry::start(Personality {
        auth: Auth::Basic,
        ..Personality::default()
    })
}

fn latest() -> TagOrDigest {
    tag("latest").into()
}

fn redirect(to: String) -> What {
    What::Answer(307, vec![("location", to)], "".into())
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let (registry, other) = (private(), TestRegistry::start(Personality::default()));
    let client = client(&registry, PATH);
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    let (layer, content) = &sample.blobs[1];
    other
        .state()
        .store
        .create(PATH)
        .blobs
        .insert(layer.digest.clone(), content.clone().into());
    let at = format!("/v2/{PATH}/blobs/{}", layer.digest);
    registry.fault(Fault::once(
        On::method("GET").with("/blobs/"),
        redirect(format!("http://{}{at}", other.address())),
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    client.fetch_blob(layer, file.clone()).await.unwrap();
    assert_eq!(std::fs::read(file).unwrap(), *content);
    let seen = other.log();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].credentials, None);
}

#[tokio::test]
async fn credentials_do_not_follow_an_upload_to_another_host() {
    let (registry, other) = (private(), TestRegistry::start(Personality::default()));
    let client = client(&registry, PATH);
    client.tags().await.unwrap();
    let session = other.state().store.open_upload(PATH);
    let at = format!(
        "http://{}/v2/{PATH}/blobs/uploads/{session}?_state=signed",
        other.address()
    );
    registry.fault(Fault::always(
        On::method("POST"),
        What::Answer(202, vec![("location", at)], "".into()),
    ));
    client.check_push().await.unwrap();
    let seen = other.log();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), &seen[0].credentials),
        ("DELETE", &None)
    );
    assert!(registry.log().iter().any(|seen| seen.credentials.is_some()));
}

#[tokio::test]
async fn a_location_elsewhere_is_refused() {
    let registry = private();
    let client = client(&registry, PATH);
    for target in [
        "file:///etc/passwd",
        "http://registry.example.org/v2/",
        "ftp://127.0.0.1/",
        "http://robot:secret@127.0.0.1/",
        "unix:/var/run/docker.sock",
        "http://[::1",
    ] {
        registry.fault(Fault::always(
            On::method("POST"),
            What::Answer(202, vec![("location", target.into())], "".into()),
        ));
        registry.fault(Fault::always(On::method("GET"), redirect(target.into())));
        for error in [
            client.check_push().await.unwrap_err(),
            client.manifest(&latest()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::BadAnswer, "{target}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        registry.heal();
    }
}

#[tokio::test]
async fn it_does_not_go_round_in_circles() {
    let registry = private();
    let client = client(&registry, PATH);
    registry.fault(Fault::always(
        On::method("GET").with("/manifests/"),
        redirect("/v2/x/manifests/y".into()),
    ));
    let error = client.manifest(&latest()).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 5 redirects"),
        "{error}"
    );
}

#[tokio::test]
async fn its_token_service_is_near_or_named() {
    for realm in [
        "https://tokens.example.org/token",
        "http://example.org/token",
        "file:///etc/passwd",
        "",
        "token",
    ] {
        let tokens = Tokens {
            realm: Some(realm.into()),
            ..Tokens::default()
        };
        let registry = TestRegistry::start(Personality {
            auth: Auth::Bearer(tokens),
            ..Personality::default()
        });
        let error = client(&registry, PATH).check_push().await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused, "{realm}: {error}");
    }
}

#[tokio::test]
async fn what_it_sends_must_be_what_was_asked_for() {
    let registry = TestRegistry::start(Personality::default());
    let client = client(&registry, PATH);
    let (ours, other) = (sample("ours"), sample("other"));
    for sample in [&ours, &other] {
        push_blobs(&*client, sample).await;
    }
    client
        .put_tag(&tag("latest"), &ours.manifest, &Permit::always())
        .await
        .unwrap();
    let headers = |digest: &Digest| {
        vec![
            ("content-type", MediaType::OCI_MANIFEST.to_owned()),
            ("docker-content-digest", digest.to_string()),
        ]
    };
    registry.fault(Fault::always(
        On::any().with("/manifests/"),
        What::Answer(
            200,
            headers(ours.manifest.digest()),
            other.manifest.bytes.clone(),
        ),
    ));
    let what = ours.manifest.digest().clone().into();
    assert_eq!(
        client.manifest(&what).await.unwrap_err().kind,
        Kind::BadAnswer
    );
    // A header is a claim; the digest is what the bytes hash to.
    let shown = client.manifest(&latest()).await.unwrap().unwrap();
    assert_eq!(shown.digest(), other.manifest.digest());
    registry.heal();
    registry.fault(Fault::always(
        On::method("HEAD"),
        What::Answer(200, headers(other.manifest.digest()), "".into()),
    ));
    let what = ours.manifest.digest().clone().into();
    let found = client.head(&what).await.unwrap().unwrap();
    assert_eq!(found.digest, *ours.manifest.digest());
    registry.heal();

    let (layer, content) = &ours.blobs[1];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    let mut longer = content.clone();
    longer.push(0);
    for wrong in [b"another layer".to_vec(), longer, Vec::new()] {
        registry.fault(Fault::once(
            On::method("GET"),
            What::Answer(200, vec![], wrong.into()),
        ));
        let error = client.fetch_blob(layer, file.clone()).await.unwrap_err();
        assert_eq!(error.kind, Kind::BadAnswer);
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let registry = TestRegistry::start(Personality::default());
    let client = client(&registry, PATH);
    let huge = vec![b' '; 20 * 1024 * 1024];
    registry.fault(Fault::always(
        On::method("GET"),
        What::Answer(200, vec![], huge.into()),
    ));
    for error in [
        client.manifest(&latest()).await.unwrap_err(),
        client.tags().await.unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::BadAnswer);
        assert!(error.to_string().contains("larger than"), "{error}");
    }
    registry.heal();
    let deep = "[".repeat(100_000);
    registry.fault(Fault::always(
        On::method("GET"),
        What::Answer(200, vec![], deep.clone().into()),
    ));
    assert_eq!(client.tags().await.unwrap_err().kind, Kind::BadAnswer);
    assert_eq!(
        client.manifest(&latest()).await.unwrap_err().kind,
        Kind::BadAnswer
    );
    registry.heal();
    let deep = format!(r#"{{"errors":[{{"code":"X","detail":{deep}"#);
    registry.fault(Fault::always(On::method("HEAD"), What::Status(400, "")));
    registry.fault(Fault::always(
        On::method("GET"),
        What::Answer(400, vec![], deep.into()),
    ));
    assert_eq!(client.tags().await.unwrap_err().kind, Kind::Refused);
}

#[tokio::test]
async fn its_list_of_tags_ends() {
    let registry = TestRegistry::start(Personality::default());
    let client = client(&registry, PATH);
    let page = |link: &str, tags: &str| {
        let headers = vec![("link", format!(r#"<{link}>; rel="next""#))];
        What::Answer(200, headers, format!(r#"{{"tags":{tags}}}"#).into())
    };
    for (link, tags) in [
        (format!("/v2/{PATH}/tags/list?again"), r#"["a"]"#),
        (format!("/v2/{PATH}/tags/list?again"), "[]"),
        (format!("/v2/{PATH}/tags/list?again"), "null"),
        ("http://127.0.0.1:9/v2/x/tags/list".into(), r#"["a"]"#),
        ("file:///etc/passwd".into(), r#"["a"]"#),
    ] {
        registry.fault(Fault::always(On::method("GET"), page(&link, tags)));
        assert_eq!(
            client.tags().await.unwrap_err().kind,
            Kind::BadAnswer,
            "{link}"
        );
        registry.heal();
    }
}

#[tokio::test]
async fn its_words_are_harmless() {
    let registry = TestRegistry::start(Personality::default());
    let client = client(&registry, PATH);
    let body =
        r#"{"errors":[{"code":"\u001b[2J","message":"\u001b]0;owned\u0007 \u202egnp.exe"}]}"#;
    registry.fault(Fault::always(
        On::any(),
        What::Answer(400, vec![], body.into()),
    ));
    let error = client.tags().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
        "{text}"
    );
    registry.heal();
    let names = r#"{"tags":["ok","\u001b[2J","a b","../x","-","x+y"]}"#;
    registry.fault(Fault::always(
        On::any(),
        What::Answer(200, vec![], names.into()),
    ));
    assert_eq!(client.tags().await, Ok(vec![tag("ok")]));
}

#[tokio::test]
async fn a_password_stays_out_of_every_error() {
    let registry = private();
    let client = client(&registry, PATH);
    let (layer, content) = blob("application/x", b"content".to_vec());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    std::fs::write(&file, content).unwrap();
    let manifest = Manifest::new(MediaType::OCI_MANIFEST.into(), "{}");
    for what in [
        What::Status(500, "UNKNOWN"),
        What::Status(401, "UNAUTHORIZED"),
        What::Status(403, "DENIED"),
        What::Dropped,
    ] {
        registry.fault(Fault::always(On::any(), what));
        let push = client.push_blob(&layer, BlobSource::File(file.clone()), &|_| {});
        let errors = [
            client.check_push().await.unwrap_err(),
            client.tags().await.unwrap_err(),
            push.await.unwrap_err(),
            client
                .put_tag(&tag("latest"), &manifest, &Permit::always())
                .await
                .unwrap_err(),
        ];
        for error in errors {
            let text = format!("{error} {error:?}");
            assert!(
                !text.contains(PASSWORD) && !text.contains("Basic "),
                "{text}"
            );
        }
        registry.heal();
    }
}
