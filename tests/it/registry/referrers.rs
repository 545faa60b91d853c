//! Lists of what is about a digest: whose entries they keep, and what they are not written over.

use std::sync::Arc;

use hoist::{
    io::{
        lease::Permit,
        registry::{
            RegistryErrorKind, RepositoryApi,
            referrer_list::{list_under_tag, referrers, typed},
            referrer_tree::{ReferrerTreeError, referrer_tree},
        },
    },
    oci::{Descriptor, Digest, Manifest, MediaType, referrer},
};

use super::{
    client,
    conformance::{artifact, push_blobs, sample},
    server::{Fault, On, Personality, Referrers, State, TestRegistry, What},
};

const PATH: &str = "acme/api";

/// A registry that takes a list whatever it names.
fn without_api() -> TestRegistry {
    TestRegistry::start(Personality {
        checks_blobs: false,
        ..Personality::distribution()
    })
}

fn entry(seed: &str) -> Descriptor {
    Descriptor::new(MediaType::OCI_MANIFEST, Digest::of(seed.as_bytes()), 1)
}

fn put_list() -> On {
    On::put_tag().with("/manifests/sha256-")
}

/// Another writer lists something of its own, after it has read the list as it is now.
fn other_writer(state: &mut State, subject: &Digest, seed: &str) {
    let tag = referrer::referrers_tag(subject);
    let contents = state.store.create(PATH);
    let shown = contents.tags.get(tag.as_str());
    let list = shown
        .and_then(|digest| contents.manifests.get(digest))
        .cloned();
    let list = referrer::with(list.as_ref(), &[entry(seed)]);
    contents.put(Some(tag.as_str()), list.unwrap().unwrap());
}

async fn digests(api: &dyn RepositoryApi, subject: &Digest) -> Vec<Digest> {
    let listed = referrers(api, subject).await.unwrap();
    listed.into_iter().map(|entry| entry.digest).collect()
}

#[tokio::test]
async fn an_entry_is_added_to_those_of_others_whatever_happens_on_the_way() {
    let subject = Digest::of(b"the image");
    for (name, what) in [
        ("nothing", None),
        ("the answer is lost", Some(What::AnswerLost)),
        ("the request is lost", Some(What::Dropped)),
        ("500, and done", Some(What::DoneBut(500))),
        ("500", Some(What::Status(500, "UNKNOWN"))),
    ] {
        let registry = without_api();
        let api = client(&registry, PATH);
        other_writer(&mut registry.state(), &subject, "theirs");
        if let Some(what) = what {
            registry.fault(Fault::once(put_list(), what));
        }
        let listed = list_under_tag(&*api, &subject, &[entry("ours")]).await;
        assert_eq!(listed, Ok(true), "{name}");
        let expected = [entry("theirs").digest, entry("ours").digest];
        assert_eq!(digests(&*api, &subject).await, expected, "{name}");
        // What is listed already is not written again.
        registry.forget();
        let listed = list_under_tag(&*api, &subject, &[entry("ours")]).await;
        assert_eq!(
            (listed, registry.count(&put_list())),
            (Ok(true), 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn another_writer_between_reading_and_writing_is_seen() {
    let subject = Digest::of(b"the image");
    for times in [1, 2, usize::MAX] {
        let registry = without_api();
        let api = client(&registry, PATH);
        // It writes over ours what it has read before ours was there.
        let of = subject.clone();
        let rude = move |state: &mut State| {
            let tag = referrer::referrers_tag(&of);
            let list = referrer::with(None, &[entry("theirs")]).unwrap().unwrap();
            state.store.create(PATH).put(Some(tag.as_str()), list);
        };
        let fault = Fault::always(put_list(), What::After(Arc::new(rude)));
        registry.fault(fault.times(times));
        let listed = list_under_tag(&*api, &subject, &[entry("ours")]).await;
        match times {
            usize::MAX => {
                let error = listed.unwrap_err();
                assert_eq!(error.kind, RegistryErrorKind::BadAnswer);
                assert!(error.to_string().contains("3 times"), "{error}");
                assert_eq!(registry.count(&put_list()), 3);
            }
            times => {
                assert_eq!(listed, Ok(true));
                assert_eq!(registry.count(&put_list()), times + 1);
                let expected = [entry("theirs").digest, entry("ours").digest];
                assert_eq!(digests(&*api, &subject).await, expected);
            }
        }
    }
}

#[tokio::test]
async fn entries_of_manifests_that_are_gone_do_not_stand_in_the_way() {
    let registry = TestRegistry::start(Personality::distribution());
    let api = client(&registry, PATH);
    let all = chain(&*api, 1).await;
    let subject = all[0].digest();
    other_writer(&mut registry.state(), subject, "gone");
    let more = artifact(&all[0], "application/x.more");
    push_blobs(&*api, &more).await;
    api.put_manifest(&more.manifest, &[], &Permit::always())
        .await
        .unwrap();
    let (_, entry) = referrer::referrer(&more.manifest).unwrap();
    let listed = list_under_tag(&*api, subject, std::slice::from_ref(&entry)).await;
    assert_eq!(listed, Ok(true));
    let expected = [all[1].digest().clone(), entry.digest];
    assert_eq!(digests(&*api, subject).await, expected);
}

#[tokio::test]
async fn an_image_under_the_tag_stays() {
    let registry = without_api();
    let api = client(&registry, PATH);
    let (image, subject) = (sample("of somebody"), Digest::of(b"the image"));
    let tag = referrer::referrers_tag(&subject);
    registry.foreign_push(PATH, tag.as_str(), &image.manifest);
    let before = registry.tags(PATH);
    let error = list_under_tag(&*api, &subject, &[entry("ours")])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("list of referrers"), "{error}");
    assert!(referrers(&*api, &subject).await.is_err());
    assert_eq!(registry.tags(PATH), before);
}

/// Puts an image with what is about it; each further artifact is about the one before it.
async fn chain(api: &dyn RepositoryApi, length: usize) -> Vec<Manifest> {
    let image = sample("with a chain");
    push_blobs(api, &image).await;
    api.put_manifest(&image.manifest, &[], &Permit::always())
        .await
        .unwrap();
    let mut all = vec![image.manifest];
    for number in 0..length {
        let about = artifact(&all[number], &format!("application/x.{number}"));
        push_blobs(api, &about).await;
        api.put_manifest(&about.manifest, &[], &Permit::always())
            .await
            .unwrap();
        if api.referrers(all[number].digest()).await.unwrap().is_none() {
            let (subject, entry) = referrer::referrer(&about.manifest).unwrap();
            list_under_tag(api, &subject, &[entry]).await.unwrap();
        }
        all.push(about.manifest);
    }
    all
}

#[tokio::test]
async fn what_is_about_an_image_is_read_to_its_end_and_no_further() {
    for personality in [Personality::default(), Personality::distribution()] {
        let registry = TestRegistry::start(personality);
        let api = client(&registry, PATH);
        let all = chain(&*api, 4).await;
        let top = [all[0].digest().clone()];
        let found = referrer_tree(&*api, &top).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|tree| tree.manifest).collect();
        assert_eq!(found, all[1..]);
        let api = client(&registry, "acme/deeper");
        let all = chain(&*api, 5).await;
        let error = referrer_tree(&*api, &[all[0].digest().clone()])
            .await
            .unwrap_err();
        assert!(matches!(error, ReferrerTreeError::TooMuch(_)), "{error}");
    }
}

#[tokio::test]
async fn there_is_an_end_to_how_many_are_read() {
    let registry = TestRegistry::start(Personality::default());
    let api = client(&registry, PATH);
    let image = sample("popular");
    push_blobs(&*api, &image).await;
    {
        let mut state = registry.state();
        let contents = state.store.create(PATH);
        contents.put(None, image.manifest.clone());
        for number in 0..201 {
            let about = artifact(&image.manifest, &format!("application/x.{number}"));
            contents.put(None, about.manifest);
        }
    }
    let top = [image.manifest.digest().clone()];
    let error = referrer_tree(&*api, &top).await.unwrap_err();
    assert!(error.to_string().contains("200 manifests"), "{error}");
}

#[tokio::test]
async fn a_list_that_lies_is_held_against_the_manifests() {
    let registry = without_api();
    let api = client(&registry, PATH);
    let all = chain(&*api, 1).await;
    let other = sample("about nothing");
    push_blobs(&*api, &other).await;
    api.put_manifest(&other.manifest, &[], &Permit::always())
        .await
        .unwrap();
    // An image that is about nothing, and one that is not there.
    let listed = [other.manifest.descriptor(), entry("gone")];
    list_under_tag(&*api, all[0].digest(), &listed)
        .await
        .unwrap();
    let found = referrer_tree(&*api, &[all[0].digest().clone()])
        .await
        .unwrap();
    let found: Vec<_> = found.into_iter().map(|tree| tree.manifest).collect();
    assert_eq!(found, all[1..]);
}

#[tokio::test]
async fn a_type_that_is_the_empty_configurations_is_looked_up() {
    let registry = TestRegistry::start(Personality {
        referrers: Referrers::ListedByConfig,
        ..Personality::default()
    });
    let api = client(&registry, PATH);
    let all = chain(&*api, 1).await;
    let listed = referrers(&*api, all[0].digest()).await.unwrap();
    assert_eq!(listed[0].artifact_type(), Some(referrer::EMPTY_TYPE));
    let told = typed(&*api, listed[0].clone()).await.unwrap();
    assert_eq!(told.artifact_type(), Some("application/x.0"));
}

/// A new repository says nothing about what the registry knows.
#[tokio::test]
async fn a_repository_that_is_not_there_yet_proves_nothing() {
    let registry = TestRegistry::start(Personality::default());
    let api = client(&registry, PATH);
    let subject = Digest::of(b"the image");
    let unknown = What::Status(404, "NAME_UNKNOWN");
    registry.fault(Fault::once(On::method("GET").with("/referrers/"), unknown));
    assert_eq!(api.referrers(&subject).await, Ok(None));
    assert_eq!(api.referrers(&subject).await, Ok(Some(Vec::new())));
}
