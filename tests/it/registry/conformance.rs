//! What every implementation of [`RepositoryApi`] does, whoever stores: the in-memory fake, the
//! in-process test registry, and real registries.
//!
//! Where the specification leaves a choice (multi-tag requests, deletion), the suite takes the
//! answer and holds the registry to it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use hoist::io::lease::Permit;
use hoist::{
    io::registry::{
        BlobPushed, BlobSource, Deletion, RegistryErrorKind, RepositoryApi,
        referrer_list::{is_listed, list_under_tag, referrers},
    },
    oci::{Descriptor, Digest, Manifest, MediaType, Tag, TagOrDigest, referrer},
};

/// Opens one of the suite's repositories by its last name part; each is empty at first.
pub type Open<'a> = &'a dyn Fn(&str) -> Arc<dyn RepositoryApi>;

/// Runs the whole suite.
pub async fn suite(open: Open<'_>) {
    an_empty_repository_has_nothing(&*open("empty")).await;
    blobs_are_sent_once_and_come_back(&*open("blobs")).await;
    what_a_file_does_not_hold_is_not_stored(&*open("wrong")).await;
    blobs_are_mounted(&*open("from"), &*open("to")).await;
    a_manifest_needs_its_blobs(&*open("missing")).await;
    a_manifest_by_digest_shows_no_tag(&*open("staged")).await;
    every_kind_of_manifest_is_found_by_its_tag(&*open("kinds")).await;
    a_tag_moves(&*open("moving")).await;
    tags_are_asked_for_with_the_manifest(&*open("several")).await;
    a_tag_is_deleted_or_stays(&*open("tag-deletion")).await;
    a_digest_is_deleted_with_its_tags_or_stays(&*open("digest-deletion")).await;
    a_tag_is_as_long_as_it_may_be(&*open("long")).await;
    what_is_about_an_image_is_listed(&*open("about")).await;
}

/// A small image: its manifest, its blobs and their content.
pub struct Sample {
    pub manifest: Manifest,
    pub blobs: Vec<(Descriptor, Vec<u8>)>,
}

/// An image whose content depends on `seed`.
pub fn sample(seed: &str) -> Sample {
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}},"author":"{seed}"}}"#
    );
    let config = blob(MediaType::OCI_CONFIG, config.into_bytes());
    let layer = blob(
        MediaType::OCI_LAYER_GZIP,
        format!("layer of {seed}").into_bytes(),
    );
    let manifest = Manifest::new(
        MediaType::OCI_MANIFEST.into(),
        serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": config.0,
            "layers": [layer.0],
        }))
        .unwrap(),
    );
    Sample {
        manifest,
        blobs: vec![config, layer],
    }
}

/// A blob and the descriptor of it.
pub fn blob(media_type: &str, content: Vec<u8>) -> (Descriptor, Vec<u8>) {
    let descriptor = Descriptor::new(media_type, Digest::of(&content), content.len() as u64);
    (descriptor, content)
}

/// Sends the blobs of an image.
pub async fn push_blobs(to: &dyn RepositoryApi, sample: &Sample) {
    let folder = tempfile::tempdir().unwrap();
    for (descriptor, content) in &sample.blobs {
        let file = write(folder.path(), content);
        to.push_blob(descriptor, BlobSource::File(file), &|_| {})
            .await
            .unwrap();
    }
}

fn write(folder: &Path, content: &[u8]) -> PathBuf {
    let file = folder.join(Digest::of(content).hex());
    std::fs::write(&file, content).unwrap();
    file
}

pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// The digest that a tag shows.
pub async fn shown(at: &dyn RepositoryApi, name: &str) -> Option<Digest> {
    at.head(&tag(name).into())
        .await
        .unwrap()
        .map(|found| found.digest)
}

async fn an_empty_repository_has_nothing(repository: &dyn RepositoryApi) {
    let digest = Digest::of(b"nothing like it");
    repository.check_push().await.unwrap();
    assert_eq!(repository.tags().await.unwrap(), []);
    for what in [TagOrDigest::from(tag("latest")), digest.clone().into()] {
        assert_eq!(repository.head(&what).await.unwrap(), None);
        assert_eq!(repository.manifest(&what).await.unwrap(), None);
    }
    assert!(!repository.has_blob(&digest).await.unwrap());
}

async fn blobs_are_sent_once_and_come_back(repository: &dyn RepositoryApi) {
    let folder = tempfile::tempdir().unwrap();
    // More than one piece, and not a whole number of them.
    let large: Vec<u8> = (0..3_000_017u32).map(|n| (n % 251) as u8).collect();
    for content in [large, b"small".to_vec()] {
        let (descriptor, content) = blob(MediaType::OCI_LAYER_GZIP, content);
        let file = write(folder.path(), &content);
        let seen = Mutex::new(vec![0]);
        let push = |file: &Path| {
            let source = BlobSource::File(file.to_owned());
            let told = |bytes| seen.lock().unwrap().push(bytes);
            let descriptor = &descriptor;
            async move {
                repository
                    .push_blob(descriptor, source, &told)
                    .await
                    .unwrap()
            }
        };
        assert_eq!(push(&file).await, BlobPushed::Sent(descriptor.size));
        {
            let seen = seen.lock().unwrap();
            assert!(seen.is_sorted(), "{seen:?}");
            assert_eq!(seen.last(), Some(&descriptor.size));
        }
        assert!(repository.has_blob(&descriptor.digest).await.unwrap());
        assert_eq!(push(&file).await, BlobPushed::Existed);
        let back = folder.path().join("back");
        repository
            .fetch_blob(&descriptor, back.clone())
            .await
            .unwrap();
        assert!(std::fs::read(back).unwrap() == content);
    }
}

async fn what_a_file_does_not_hold_is_not_stored(repository: &dyn RepositoryApi) {
    let folder = tempfile::tempdir().unwrap();
    let (descriptor, content) = blob(MediaType::OCI_LAYER_GZIP, b"expected".to_vec());
    let file = write(folder.path(), &content);
    for other in ["EXPECTED", "shorter", "longer than expected"] {
        std::fs::write(&file, other).unwrap();
        let source = BlobSource::File(file.clone());
        let error = repository
            .push_blob(&descriptor, source, &|_| {})
            .await
            .unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(
            !repository.has_blob(&descriptor.digest).await.unwrap(),
            "{other}"
        );
    }
}

async fn blobs_are_mounted(from: &dyn RepositoryApi, to: &dyn RepositoryApi) {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample("mounted");
    push_blobs(from, &sample).await;
    let (descriptor, content) = &sample.blobs[1];
    let file = write(folder.path(), content);
    let mount = |or: Option<PathBuf>| BlobSource::Mount {
        from: from.repository().clone(),
        or,
    };
    let pushed = to
        .push_blob(descriptor, mount(Some(file.clone())), &|_| {})
        .await
        .unwrap();
    assert!(
        matches!(pushed, BlobPushed::Mounted | BlobPushed::Sent(_)),
        "{pushed:?}"
    );
    assert!(to.has_blob(&descriptor.digest).await.unwrap());

    let (unknown, content) = blob(MediaType::OCI_LAYER_GZIP, b"in no repository".to_vec());
    let error = to
        .push_blob(&unknown, mount(None), &|_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        RegistryErrorKind::BlobsMissing(vec![unknown.digest.clone()])
    );
    let file = write(folder.path(), &content);
    let pushed = to
        .push_blob(&unknown, mount(Some(file)), &|_| {})
        .await
        .unwrap();
    assert_eq!(pushed, BlobPushed::Sent(unknown.size));
}

async fn a_manifest_needs_its_blobs(repository: &dyn RepositoryApi) {
    let sample = sample("missing");
    let error = repository
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap_err();
    let RegistryErrorKind::BlobsMissing(mut missing) = error.kind else {
        panic!("{error}");
    };
    let mut expected: Vec<Digest> = sample.blobs.iter().map(|(d, _)| d.digest.clone()).collect();
    expected.sort();
    missing.sort();
    assert_eq!(missing, expected);
    assert_eq!(
        repository
            .head(&sample.manifest.digest().clone().into())
            .await
            .unwrap(),
        None
    );
    push_blobs(repository, &sample).await;
    repository
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap();
}

async fn a_manifest_by_digest_shows_no_tag(repository: &dyn RepositoryApi) {
    let sample = sample("staged");
    push_blobs(repository, &sample).await;
    let what = TagOrDigest::from(sample.manifest.digest().clone());
    for _ in 0..2 {
        repository
            .put_manifest(&sample.manifest, &[], &Permit::always())
            .await
            .unwrap();
        let found = repository.head(&what).await.unwrap().unwrap();
        assert_eq!(found.digest, *sample.manifest.digest());
        assert_eq!(found.size, sample.manifest.bytes.len() as u64);
        assert_eq!(found.media_type.as_str(), MediaType::OCI_MANIFEST);
        assert_eq!(
            repository.manifest(&what).await.unwrap().as_ref(),
            Some(&sample.manifest)
        );
        assert_eq!(repository.tags().await.unwrap(), []);
    }
}

async fn every_kind_of_manifest_is_found_by_its_tag(repository: &dyn RepositoryApi) {
    let sample = sample("kinds");
    push_blobs(repository, &sample).await;
    let as_docker = String::from_utf8(sample.manifest.bytes.to_vec())
        .unwrap()
        .replace(MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST);
    let docker = Manifest::new(MediaType::DOCKER_MANIFEST.into(), as_docker.into_bytes());
    let index = |media_type: &str, child: &Manifest| {
        let document = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [{
                "mediaType": child.media_type,
                "digest": child.digest(),
                "size": child.bytes.len(),
                "platform": {"os": "linux", "architecture": "amd64"},
            }],
        });
        Manifest::new(media_type.into(), serde_json::to_vec(&document).unwrap())
    };
    let oci_index = index(MediaType::OCI_INDEX, &sample.manifest);
    let docker_index = index(MediaType::DOCKER_INDEX, &docker);
    for (number, manifest) in [sample.manifest, docker, oci_index, docker_index]
        .iter()
        .enumerate()
    {
        let name = tag(&format!("kind-{number}"));
        repository
            .put_tag(&name, manifest, &Permit::always())
            .await
            .unwrap();
        let found = repository
            .head(&name.clone().into())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.digest, *manifest.digest());
        assert_eq!(found.media_type, manifest.media_type);
        assert_eq!(
            repository.manifest(&name.into()).await.unwrap().as_ref(),
            Some(manifest)
        );
    }
    let mut tags = repository.tags().await.unwrap();
    tags.sort();
    assert_eq!(
        tags,
        [tag("kind-0"), tag("kind-1"), tag("kind-2"), tag("kind-3")]
    );
}

async fn a_tag_moves(repository: &dyn RepositoryApi) {
    let (old, new) = (sample("old"), sample("new"));
    for sample in [&old, &new] {
        push_blobs(repository, sample).await;
        repository
            .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        repository
            .put_tag(&tag("latest"), &sample.manifest, &Permit::always())
            .await
            .unwrap();
        assert_eq!(
            shown(repository, "latest").await.as_ref(),
            Some(sample.manifest.digest())
        );
    }
    let what = TagOrDigest::from(old.manifest.digest().clone());
    assert_eq!(
        repository.manifest(&what).await.unwrap(),
        Some(old.manifest)
    );
}

async fn tags_are_asked_for_with_the_manifest(repository: &dyn RepositoryApi) {
    let sample = sample("several");
    push_blobs(repository, &sample).await;
    // More than go into one request.
    let tags: Vec<Tag> = (0..13).map(|n| tag(&format!("1.{n}"))).collect();
    let receipt = repository
        .put_manifest(&sample.manifest, &tags, &Permit::always())
        .await
        .unwrap();
    assert!(receipt.multi_tag || receipt.tags.is_empty());
    for tag in &tags {
        let expected = receipt
            .tags
            .contains(tag)
            .then(|| sample.manifest.digest().clone());
        assert_eq!(shown(repository, tag.as_str()).await, expected);
    }
    let what = TagOrDigest::from(sample.manifest.digest().clone());
    assert!(repository.head(&what).await.unwrap().is_some());
}

async fn a_tag_is_deleted_or_stays(repository: &dyn RepositoryApi) {
    let sample = sample("tag-deletion");
    push_blobs(repository, &sample).await;
    let digest = sample.manifest.digest();
    for name in ["going", "staying"] {
        repository
            .put_tag(&tag(name), &sample.manifest, &Permit::always())
            .await
            .unwrap();
    }
    let left = match repository
        .delete(&tag("going").into(), &Permit::always())
        .await
        .unwrap()
    {
        Deletion::Accepted => None,
        Deletion::Refused => Some(digest.clone()),
        Deletion::Absent => panic!("the tag was there"),
    };
    assert_eq!(shown(repository, "going").await, left);
    assert_eq!(shown(repository, "staying").await.as_ref(), Some(digest));
    let absent = repository
        .delete(&tag("never-there").into(), &Permit::always())
        .await
        .unwrap();
    assert_ne!(absent, Deletion::Accepted);
}

async fn a_digest_is_deleted_with_its_tags_or_stays(repository: &dyn RepositoryApi) {
    let (going, staying) = (sample("going"), sample("staying"));
    for (name, sample) in [("going", &going), ("staying", &staying)] {
        push_blobs(repository, sample).await;
        repository
            .put_tag(&tag(name), &sample.manifest, &Permit::always())
            .await
            .unwrap();
    }
    let what = TagOrDigest::from(going.manifest.digest().clone());
    let left = match repository.delete(&what, &Permit::always()).await.unwrap() {
        Deletion::Accepted => None,
        Deletion::Refused => Some(going.manifest.digest().clone()),
        Deletion::Absent => panic!("the manifest was there"),
    };
    assert_eq!(
        repository
            .head(&what)
            .await
            .unwrap()
            .map(|found| found.digest),
        left
    );
    assert_eq!(shown(repository, "going").await, left);
    assert_eq!(
        shown(repository, "staying").await.as_ref(),
        Some(staying.manifest.digest())
    );
    if left.is_none() {
        assert_eq!(
            repository.delete(&what, &Permit::always()).await.unwrap(),
            Deletion::Absent
        );
    }
}

async fn a_tag_is_as_long_as_it_may_be(repository: &dyn RepositoryApi) {
    let sample = sample("long");
    push_blobs(repository, &sample).await;
    let name = "x".repeat(Tag::MAX);
    repository
        .put_tag(&tag(&name), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    assert_eq!(
        shown(repository, &name).await.as_ref(),
        Some(sample.manifest.digest())
    );
    assert_eq!(repository.tags().await.unwrap(), [tag(&name)]);
}

/// An artifact that is about a manifest, with its blobs.
pub fn artifact(subject: &Manifest, kind: &str) -> Sample {
    let config = blob(referrer::EMPTY_TYPE, referrer::EMPTY.to_vec());
    let layer = blob(kind, format!("{kind} of {}", subject.digest()).into_bytes());
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": kind,
        "config": config.0,
        "layers": [layer.0],
        "subject": subject.descriptor(),
        "annotations": { "org.example.kind": kind },
    });
    Sample {
        manifest: Manifest::new(MediaType::OCI_MANIFEST.into(), document.to_string()),
        blobs: vec![config, layer],
    }
}

async fn what_is_about_an_image_is_listed(repository: &dyn RepositoryApi) {
    let image = sample("with referrers");
    let subject = image.manifest.digest();
    assert_eq!(referrers(repository, subject).await.unwrap(), []);
    push_blobs(repository, &image).await;
    repository
        .put_manifest(&image.manifest, &[], &Permit::always())
        .await
        .unwrap();
    let mut put: Vec<Digest> = Vec::new();
    for kind in [
        "application/x.one",
        "application/x.two",
        "application/x.three",
    ] {
        let about = artifact(&image.manifest, kind);
        push_blobs(repository, &about).await;
        let (of, entry) = referrer::referrer(&about.manifest).unwrap();
        assert_eq!(of, *subject);
        put.push(entry.digest.clone());
        for _ in 0..2 {
            let answer = repository
                .put_manifest(&about.manifest, &[], &Permit::always())
                .await;
            // A manifest that is there may be refused.
            let is_told = answer.is_ok_and(|answer| is_listed(&answer, subject));
            let by_itself = repository.referrers(subject).await.unwrap();
            if is_told {
                let by_itself = by_itself.as_ref().unwrap();
                assert!(by_itself.iter().any(|other| other.digest == entry.digest));
            } else {
                let entries = std::slice::from_ref(&entry);
                let wrote = list_under_tag(repository, subject, entries).await.unwrap();
                assert_eq!(wrote, by_itself.is_none());
            }
            let mut listed: Vec<Digest> = referrers(repository, subject)
                .await
                .unwrap()
                .into_iter()
                .map(|entry| entry.digest)
                .collect();
            listed.sort();
            put.sort();
            assert_eq!(listed, put, "{kind}");
        }
    }
    let tag = referrer::referrers_tag(subject);
    let tags = repository.tags().await.unwrap();
    let has_api = repository.referrers(subject).await.unwrap().is_some();
    assert_eq!(tags, if has_api { vec![] } else { vec![tag] });
}
