//! What the client makes of failures, row by row of the failure matrix (the number stands in the
//! name of the test). Rows that only the transaction can answer are tested with it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use hoist::io::lease::Permit;
use hoist::{
    io::registry::{
        BlobPushed, BlobSource, Deletion, PutAnswer, RegistryError, RegistryErrorKind as Kind,
        RepositoryApi,
    },
    oci::{Descriptor, MediaType, Tag, TagOrDigest},
};

use super::{
    client,
    conformance::{Sample, blob, push_blobs, sample, shown, tag},
    open,
    server::{
        Delete, Fault, Held, Immutable, MultiTag, On, Personality, Refusal, Stale, TestRegistry,
        Wait, What,
    },
    settings,
};

const PATH: &str = "acme/api";

/// A registry, and a client of one repository that holds the blobs of an image.
async fn ready(personality: Personality) -> (TestRegistry, Arc<dyn RepositoryApi>, Sample) {
    let registry = TestRegistry::start(personality);
    let client = client(&registry, PATH);
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    registry.forget();
    (registry, client, sample)
}

/// A blob of some size in a file.
struct Layer {
    _folder: tempfile::TempDir,
    file: PathBuf,
    descriptor: Descriptor,
}

fn layer(size: usize) -> Layer {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..size).map(|n| (n % 241) as u8).collect();
    let (descriptor, content) = blob(MediaType::OCI_LAYER_GZIP, content);
    let file = folder.path().join("layer");
    std::fs::write(&file, content).unwrap();
    Layer {
        _folder: folder,
        file,
        descriptor,
    }
}

impl Layer {
    async fn push(&self, to: &dyn RepositoryApi) -> Result<BlobPushed, RegistryError> {
        to.push_blob(
            &self.descriptor,
            BlobSource::File(self.file.clone()),
            &|_| {},
        )
        .await
    }
}

fn uploads() -> On {
    On::method("PUT").with("/blobs/uploads/")
}

fn latest() -> TagOrDigest {
    tag("latest").into()
}

#[tokio::test]
async fn row_4_only_404_is_absent() {
    let (registry, client, _) = ready(Personality::default()).await;
    assert_eq!(client.head(&latest()).await, Ok(None));
    for (status, kind) in [
        (403, Kind::Denied),
        (400, Kind::Refused),
        (500, Kind::Server),
    ] {
        registry.fault(Fault::always(On::any(), What::Status(status, "UNKNOWN")));
        for error in [
            client.head(&latest()).await.unwrap_err(),
            client.manifest(&latest()).await.unwrap_err(),
            client.tags().await.unwrap_err(),
        ] {
            assert_eq!(error.kind, kind);
            assert_eq!(error.status, Some(status));
        }
        registry.heal();
    }
}

#[tokio::test]
async fn row_4_a_tag_is_found_where_types_decide() {
    let (_registry, client, sample) = ready(Personality::distribution()).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    assert_eq!(
        shown(&*client, "latest").await.as_ref(),
        Some(sample.manifest.digest())
    );
}

#[tokio::test]
async fn row_4_reads_are_repeated() {
    let (registry, client, sample) = ready(Personality::default()).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    for what in [
        What::Status(503, "UNKNOWN"),
        What::AnswerLost,
        What::Dropped,
        What::Cut(20),
    ] {
        registry.fault(Fault::always(On::method("GET"), what.clone()).times(2));
        registry.fault(Fault::always(On::method("HEAD"), What::Status(502, "")).times(2));
        assert_eq!(
            shown(&*client, "latest").await.as_ref(),
            Some(sample.manifest.digest())
        );
        let read = client.manifest(&latest()).await;
        assert_eq!(read, Ok(Some(sample.manifest.clone())));
        assert_eq!(client.tags().await, Ok(vec![tag("latest")]));
        registry.heal();
    }
}

#[tokio::test]
async fn row_8_a_broken_upload_starts_again() {
    let (registry, client, _) = ready(Personality::default()).await;
    for (number, what) in [
        What::CutRequest(100_000),
        What::Dropped,
        What::Status(500, "UNKNOWN"),
        What::Status(503, "UNAVAILABLE"),
    ]
    .into_iter()
    .enumerate()
    {
        let layer = layer(1_000_000 + number);
        registry.fault(Fault::always(uploads(), what).times(2));
        assert_eq!(
            layer.push(&*client).await,
            Ok(BlobPushed::Sent(layer.descriptor.size))
        );
        assert!(client.has_blob(&layer.descriptor.digest).await.unwrap());
        // What was begun is given up again.
        assert_eq!(registry.state().store.open_uploads(), 0);
        registry.heal();
    }
}

#[tokio::test]
async fn row_8_an_upload_whose_answer_was_lost_is_not_sent_twice() {
    let (registry, client, _) = ready(Personality::default()).await;
    for (number, what) in [What::AnswerLost, What::DoneBut(500)]
        .into_iter()
        .enumerate()
    {
        let layer = layer(1000 + number);
        registry.fault(Fault::once(uploads(), what));
        registry.forget();
        assert_eq!(
            layer.push(&*client).await,
            Ok(BlobPushed::Sent(layer.descriptor.size))
        );
        assert_eq!(registry.count(&uploads()), 1);
    }
}

#[tokio::test]
async fn row_9_a_dead_session_is_replaced() {
    let (registry, client, _) = ready(Personality::default()).await;
    let answers = [
        (404, "BLOB_UPLOAD_UNKNOWN"),
        (404, "BLOB_UPLOAD_INVALID"),
        (416, ""),
    ];
    for (number, (status, code)) in answers.into_iter().enumerate() {
        let layer = layer(2000 + number);
        registry.fault(Fault::once(uploads(), What::Status(status, code)));
        assert_eq!(
            layer.push(&*client).await,
            Ok(BlobPushed::Sent(layer.descriptor.size))
        );
    }
}

#[tokio::test]
async fn rows_11_and_12_a_refused_upload_stops() {
    let (registry, client, _) = ready(Personality::default()).await;
    for (status, kind) in [
        (403, Kind::Denied),
        (405, Kind::Refused),
        (413, Kind::TooLarge),
    ] {
        registry.fault(Fault::always(uploads(), What::Status(status, "DENIED")));
        registry.forget();
        let error = layer(3000 + usize::from(status))
            .push(&*client)
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.status), (kind, Some(status)));
        assert_eq!(registry.count(&uploads()), 1);
        assert_eq!(registry.state().store.open_uploads(), 0);
        registry.heal();
    }
}

#[tokio::test]
async fn row_13_a_wait_is_kept_in_every_form() {
    // Whole seconds: what is ahead by two can be little more than one away.
    let forms = [
        (Wait::Seconds(1), 1000),
        (Wait::Date(2), 900),
        (Wait::Epoch(2), 900),
        (Wait::Unsaid, 0),
    ];
    let waits = forms.map(|(wait, at_least)| async move {
        let (registry, client, sample) = ready(Personality::default()).await;
        registry.fault(Fault::once(On::put_manifest(), What::TooMany(wait)));
        let start = Instant::now();
        client
            .put_manifest(&sample.manifest, &[], &Permit::always())
            .await
            .unwrap();
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_millis(at_least),
            "{wait:?}: {waited:?}"
        );
        assert_eq!(registry.count(&On::put_manifest()), 2);
    });
    futures_util::future::join_all(waits).await;
}

#[tokio::test]
async fn row_13_a_wait_beyond_the_deadline_is_an_error() {
    let (registry, client, sample) = ready(Personality::default()).await;
    registry.fault(Fault::always(
        On::put_manifest(),
        What::TooMany(Wait::Seconds(3600)),
    ));
    let error = client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        Kind::TooManyRequests(Some(Duration::from_secs(3600)))
    );
    assert_eq!(registry.count(&On::put_manifest()), 1);
    assert!(!error.is_ambiguous());
}

#[tokio::test]
async fn row_14_blobs_that_a_manifest_lacks_are_sent_whatever_head_says() {
    let (registry, client, _) = ready(Personality::default()).await;
    let sample = sample("lied about");
    let missing: Vec<_> = sample
        .blobs
        .iter()
        .map(|(blob, _)| blob.digest.clone())
        .collect();
    registry.behave(|rules| rules.pretends_to_have.extend(missing.clone()));
    push_blobs(&*client, &sample).await;
    let error = client
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap_err();
    let Kind::BlobsMissing(mut named) = error.kind else {
        panic!("{error}")
    };
    named.sort();
    let mut missing = missing;
    missing.sort();
    assert_eq!(named, missing);
    push_blobs(&*client, &sample).await;
    client
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap();
}

#[tokio::test]
async fn row_15_a_conflict_about_what_is_there_is_no_error() {
    let rules = Personality {
        conflict_on_second_put: true,
        ..Personality::default()
    };
    let (_registry, client, sample) = ready(rules).await;
    for _ in 0..2 {
        client
            .put_manifest(&sample.manifest, &[], &Permit::always())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn row_15_a_registry_without_puts_by_digest_says_so() {
    let rules = Personality {
        no_digest_puts: true,
        ..Personality::default()
    };
    let (_registry, client, sample) = ready(rules).await;
    let error = client
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    client
        .put_tag(&tag("sha-1234567"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
}

#[tokio::test]
async fn row_16_another_digest_in_the_answer_is_an_error() {
    let (registry, client, sample) = ready(Personality::default()).await;
    let other = hoist::oci::Digest::of(b"rewritten").to_string();
    let headers = vec![("docker-content-digest", other)];
    registry.fault(Fault::always(
        On::put_manifest(),
        What::Answer(201, headers, "".into()),
    ));
    for error in [
        client
            .put_manifest(&sample.manifest, &[], &Permit::always())
            .await
            .unwrap_err(),
        client
            .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::BadAnswer);
        assert!(error.is_ambiguous());
    }
}

#[tokio::test]
async fn row_17_what_was_swept_is_put_again() {
    let (registry, client, sample) = ready(Personality::default()).await;
    client
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap();
    registry.state().store.sweep(PATH);
    let error = client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, Kind::BlobsMissing(ref blobs) if blobs.len() == 2),
        "{error}"
    );
    push_blobs(&*client, &sample).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
}

#[tokio::test]
async fn row_20_a_tag_is_never_put_twice() {
    let (registry, client, sample) = ready(Personality::default()).await;
    for (what, status, done) in [
        (What::Status(500, "UNKNOWN"), Some(500), false),
        (What::Status(503, "UNAVAILABLE"), Some(503), false),
        (What::DoneBut(500), Some(500), true),
        (What::AnswerLost, None, true),
        (What::Dropped, None, false),
    ] {
        registry.fault(Fault::always(On::put_manifest(), what));
        registry.forget();
        let put = tag(&format!("t{}", registry.tags(PATH).len()));
        let error = client
            .put_tag(&put, &sample.manifest, &Permit::always())
            .await
            .unwrap_err();
        assert!(error.is_ambiguous() && error.is_transient(), "{error}");
        assert_eq!(error.status, status);
        assert_eq!(registry.count(&On::put_manifest()), 1);
        assert_eq!(registry.tags(PATH).contains_key(put.as_str()), done);
        registry.heal();
    }
}

#[tokio::test]
async fn row_20_several_tags_at_once_are_never_asked_for_twice() {
    let rules = Personality {
        multi_tag: MultiTag::Whole,
        ..Personality::default()
    };
    let (registry, client, sample) = ready(rules).await;
    for what in [What::DoneBut(500), What::AnswerLost, What::Dropped] {
        registry.fault(Fault::always(On::put_manifest(), what));
        registry.forget();
        let error = client
            .put_manifest(&sample.manifest, &[tag("1"), tag("2")], &Permit::always())
            .await
            .unwrap_err();
        assert!(error.is_ambiguous(), "{error}");
        assert_eq!(registry.count(&On::put_manifest()), 1);
        registry.heal();
    }
}

#[tokio::test]
async fn row_20_no_connection_is_not_ambiguous() {
    let registry = TestRegistry::start(Personality::default());
    let client = client(&registry, PATH);
    drop(registry);
    let error = client
        .put_tag(&tag("latest"), &sample("x").manifest, &Permit::always())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.is_transient() && !error.is_ambiguous());
}

#[tokio::test]
async fn row_20_a_registry_that_says_nothing_is_given_up() {
    let registry = TestRegistry::start(Personality::default());
    let mut settings = settings();
    settings.retry.silence = Duration::from_millis(200);
    settings.retry.tries = 2;
    let client = open(&registry.repository(PATH), settings);
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    let held = Held::default();
    registry.fault(Fault::always(On::any(), What::Hold(held)));
    let layer = layer(500_000);
    for error in [
        client
            .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
            .await
            .unwrap_err(),
        client.tags().await.unwrap_err(),
        layer.push(&*client).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::Lost);
        assert!(error.to_string().contains("silent for 0.2 s"), "{error}");
    }
}

#[tokio::test]
async fn row_22_a_tag_that_must_stay_is_refused_once_and_for_all() {
    for (refusal, status, kind) in [
        (Refusal::Forbidden403, 403, Kind::Denied),
        (Refusal::Conflict409, 409, Kind::Refused),
        (Refusal::Precondition412, 412, Kind::Refused),
        (Refusal::TagInvalid400, 400, Kind::Refused),
    ] {
        let rule = Immutable {
            tags: |tag| tag == "1.2.3",
            refusal,
            same_digest_too: true,
        };
        let (registry, client, first) = ready(Personality {
            immutable: Some(rule),
            ..Personality::default()
        })
        .await;
        client
            .put_tag(&tag("1.2.3"), &first.manifest, &Permit::always())
            .await
            .unwrap();
        registry.forget();
        let second = sample("second");
        push_blobs(&*client, &second).await;
        for manifest in [&second.manifest, &first.manifest] {
            let error = client
                .put_tag(&tag("1.2.3"), manifest, &Permit::always())
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind.clone(), error.status),
                (kind.clone(), Some(status)),
                "{error}"
            );
            assert!(!error.is_transient() && !error.is_ambiguous());
        }
        assert_eq!(registry.count(&On::put_manifest()), 2);
        assert_eq!(registry.tags(PATH)["1.2.3"], *first.manifest.digest());
    }
}

#[tokio::test]
async fn row_23_a_repository_that_is_not_there_is_named() {
    let rules = Personality {
        repositories_must_exist: true,
        ..Personality::default()
    };
    let registry = TestRegistry::start(rules);
    let client = client(&registry, PATH);
    let error = client.check_push().await.unwrap_err();
    assert_eq!(error.kind, Kind::NameUnknown);
    assert_eq!(client.tags().await, Ok(vec![]));
    let error = client
        .put_tag(&tag("latest"), &sample("x").manifest, &Permit::always())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NameUnknown);
    registry.state().store.create(PATH);
    client.check_push().await.unwrap();
}

#[tokio::test]
async fn row_26_a_registry_takes_all_some_or_none_of_the_tags() {
    let tags: Vec<Tag> = ["1.2.3", "1.2", "1"].map(tag).to_vec();
    for (multi_tag, taken) in [
        (MultiTag::Off, 0),
        (MultiTag::Whole, 3),
        (MultiTag::WholeInOneLine, 3),
        (MultiTag::Partial(2), 2),
        (MultiTag::Partial(0), 0),
        (MultiTag::TooLong, 0),
    ] {
        let (registry, client, sample) = ready(Personality {
            multi_tag,
            ..Personality::default()
        })
        .await;
        let receipt = client
            .put_manifest(&sample.manifest, &tags, &Permit::always())
            .await
            .unwrap();
        assert_eq!(receipt.tags, tags[..taken], "{multi_tag:?}");
        assert_eq!(receipt.multi_tag, taken > 0);
        assert_eq!(registry.tags(PATH).len(), taken);
        let by_digest = TagOrDigest::from(sample.manifest.digest().clone());
        assert!(client.head(&by_digest).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn row_26_a_refused_form_is_not_tried_again() {
    for status in [400, 403, 404, 405, 414, 431] {
        let (registry, client, sample) = ready(Personality::default()).await;
        registry.fault(Fault::always(
            On::put_manifest().with("?tag="),
            What::Status(status, ""),
        ));
        for expected in [2, 1] {
            registry.forget();
            let receipt = client
                .put_manifest(&sample.manifest, &[tag("1")], &Permit::always())
                .await;
            assert_eq!(receipt, Ok(PutAnswer::default()));
            assert_eq!(registry.count(&On::put_manifest()), expected, "{status}");
        }
    }
}

#[tokio::test]
async fn row_26_some_tags_and_then_500_is_ambiguous() {
    let rules = Personality {
        multi_tag: MultiTag::PartialThen500(1),
        ..Personality::default()
    };
    let (registry, client, sample) = ready(rules).await;
    let error = client
        .put_manifest(&sample.manifest, &[tag("1"), tag("2")], &Permit::always())
        .await
        .unwrap_err();
    assert!(error.is_ambiguous());
    assert_eq!(registry.tags(PATH).len(), 1);
}

#[tokio::test]
async fn row_26_at_most_ten_tags_are_asked_for_at_once() {
    let rules = Personality {
        multi_tag: MultiTag::Whole,
        ..Personality::default()
    };
    let (registry, client, sample) = ready(rules).await;
    let tags: Vec<Tag> = (0..23).map(|n| tag(&format!("t{n}"))).collect();
    let receipt = client
        .put_manifest(&sample.manifest, &tags, &Permit::always())
        .await
        .unwrap();
    assert_eq!(receipt.tags, tags);
    let asked: Vec<usize> = registry
        .log()
        .iter()
        .map(|seen| seen.target.matches("tag=").count())
        .collect();
    assert_eq!(asked, [10, 10, 3]);
}

#[tokio::test]
async fn row_29_a_lagging_registry_is_shown_as_it_is() {
    let rules = Personality {
        stale: Stale::Reads(2),
        ..Personality::default()
    };
    let (registry, client, sample) = ready(rules).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    // While the list lags, too, nothing contradicts the 404.
    while shown(&*client, "latest").await.is_none() {}
    assert_eq!(
        shown(&*client, "latest").await.as_ref(),
        Some(sample.manifest.digest())
    );
    registry.behave(|rules| rules.stale = Stale::For(Duration::from_millis(100)));
    let second = super::conformance::sample("second");
    push_blobs(&*client, &second).await;
    let start = Instant::now();
    client
        .put_tag(&tag("latest"), &second.manifest, &Permit::always())
        .await
        .unwrap();
    while shown(&*client, "latest").await.as_ref() != Some(second.manifest.digest()) {}
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn row_31_the_digest_decides_and_not_the_type() {
    let (registry, client, sample) = ready(Personality::default()).await;
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    let digest = sample.manifest.digest();
    for media_type in [MediaType::DOCKER_MANIFEST, "text/plain", ""] {
        let headers = vec![
            ("content-type", media_type.to_owned()),
            ("docker-content-digest", digest.to_string()),
        ];
        let length = sample.manifest.bytes.clone();
        registry.fault(Fault::always(
            On::method("HEAD"),
            What::Answer(200, headers, length),
        ));
        assert_eq!(shown(&*client, "latest").await.as_ref(), Some(digest));
        registry.heal();
    }
    // Rewritten on the way, it is another image.
    let other = super::conformance::sample("rewritten").manifest;
    let headers = vec![("content-type", MediaType::OCI_MANIFEST.to_owned())];
    registry.fault(Fault::always(
        On::any(),
        What::Answer(200, headers, other.bytes.clone()),
    ));
    let read = shown(&*client, "latest").await;
    assert_eq!(read.as_ref(), Some(other.digest()));
}

#[tokio::test]
async fn row_33_deletion_is_accepted_refused_or_needless() {
    for (delete, of_tag, of_digest) in [
        (Delete::Off, Deletion::Refused, Deletion::Refused),
        (Delete::Digest(400), Deletion::Refused, Deletion::Accepted),
        (Delete::Digest(405), Deletion::Refused, Deletion::Accepted),
        (Delete::UntaggedDigest, Deletion::Refused, Deletion::Refused),
        (Delete::Tag, Deletion::Accepted, Deletion::Accepted),
    ] {
        let (_registry, client, sample) = ready(Personality {
            delete,
            ..Personality::default()
        })
        .await;
        client
            .put_tag(&tag("a"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        client
            .put_tag(&tag("b"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        assert_eq!(
            client.delete(&tag("a").into(), &Permit::always()).await,
            Ok(of_tag),
            "{delete:?}"
        );
        let digest = TagOrDigest::from(sample.manifest.digest().clone());
        assert_eq!(
            client.delete(&digest, &Permit::always()).await,
            Ok(of_digest),
            "{delete:?}"
        );
    }
}

#[tokio::test]
async fn row_33_a_deletion_is_sent_once() {
    let (registry, client, sample) = ready(Personality::default()).await;
    for (what, left) in [
        (What::Dropped, 1),
        (What::AnswerLost, 0),
        (What::DoneBut(500), 0),
    ] {
        client
            .put_tag(&tag("a"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        registry.fault(Fault::always(On::method("DELETE"), what));
        registry.forget();
        let error = client
            .delete(&tag("a").into(), &Permit::always())
            .await
            .unwrap_err();
        assert!(error.is_ambiguous());
        assert_eq!(registry.count(&On::method("DELETE")), 1);
        assert_eq!(registry.tags(PATH).len(), left);
        registry.heal();
    }
}

#[tokio::test]
async fn rows_18_and_35_another_pusher_is_seen_where_it_strikes() {
    let (registry, client, ours) = ready(Personality::default()).await;
    let theirs = sample("theirs").manifest;
    let foreign = theirs.clone();
    registry.fault(Fault::nth(
        2,
        On::any().with("/manifests/latest"),
        What::Before(Arc::new(move |state| {
            state.store.foreign_push(PATH, "latest", &foreign)
        })),
    ));
    assert_eq!(shown(&*client, "latest").await, None);
    assert_eq!(
        shown(&*client, "latest").await.as_ref(),
        Some(theirs.digest())
    );
    registry.foreign_push(PATH, "1", &theirs);
    assert_eq!(shown(&*client, "1").await.as_ref(), Some(theirs.digest()));
    let foreign = theirs.clone();
    registry.fault(Fault::once(
        On::put_manifest(),
        What::After(Arc::new(move |state| {
            state.store.foreign_push(PATH, "latest", &foreign)
        })),
    ));
    client
        .put_tag(&tag("latest"), &ours.manifest, &Permit::always())
        .await
        .unwrap();
    assert_eq!(
        shown(&*client, "latest").await.as_ref(),
        Some(theirs.digest())
    );
}

#[tokio::test]
async fn answers_without_location_or_digest_are_good_enough() {
    let rules = Personality {
        no_location: true,
        names_digests: false,
        ..Personality::default()
    };
    let (_registry, client, sample) = ready(rules).await;
    client
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap();
    client
        .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    assert_eq!(
        shown(&*client, "latest").await.as_ref(),
        Some(sample.manifest.digest())
    );
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let (registry, client, sample) = ready(Personality {
        page: 7,
        ..Personality::default()
    })
    .await;
    let mut all: Vec<Tag> = (0..50).map(|n| tag(&format!("t{n:02}"))).collect();
    for tag in &all {
        registry
            .state()
            .store
            .create(PATH)
            .put(Some(tag.as_str()), sample.manifest.clone());
    }
    let mut listed = client.tags().await.unwrap();
    listed.sort();
    all.sort();
    assert_eq!(listed, all);
    assert_eq!(registry.count(&On::method("GET").with("tags/list")), 8);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_a_held_one_goes_on() {
    let (registry, client, sample) = ready(Personality::default()).await;
    registry.fault(Fault::once(
        On::put_manifest(),
        What::Delay(Duration::from_millis(100)),
    ));
    client
        .put_tag(&tag("slow"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    let held = Held::default();
    registry.fault(Fault::once(On::put_manifest(), What::Hold(held.clone())));
    let put = tokio::spawn({
        let (client, manifest) = (client.clone(), sample.manifest.clone());
        async move {
            client
                .put_tag(&tag("held"), &manifest, &Permit::always())
                .await
        }
    });
    let waiting = held.clone();
    let came = tokio::task::spawn_blocking(move || waiting.wait(Duration::from_secs(10)));
    assert!(came.await.unwrap());
    assert!(!registry.tags(PATH).contains_key("held"));
    held.release();
    put.await.unwrap().unwrap();
    assert!(registry.tags(PATH).contains_key("held"));
}
