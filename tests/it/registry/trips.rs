//! What things cost: requests, connections, memory.

use hoist::io::lease::Permit;
use hoist::io::registry::{BlobPushed, BlobSource, Registries};

use super::{
    conformance::{push_blobs, sample, tag},
    server::{Auth, Personality, TestRegistry, Tokens},
    settings,
};

const PATH: &str = "acme/api";

#[tokio::test]
async fn nothing_is_asked_twice() {
    let rules = Personality {
        auth: Auth::Bearer(Tokens::default()),
        ..Personality::default()
    };
    let registry = TestRegistry::start(rules);
    let place = registry.repository(PATH);
    let registries = Registries::new(settings(), std::slice::from_ref(&place));
    let client = registries.open(&place).unwrap();
    let mut before = 0;
    let mut cost = |what: &str, expected: u64| {
        assert_eq!(registries.requests() - before, expected, "{what}");
        before = registries.requests();
    };
    client.check_push().await.unwrap();
    cost("a challenge, a token, a session, its end", 4);
    let sample = sample("release");
    push_blobs(&*client, &sample).await;
    cost("two blobs: is it there, a session, the content", 6);
    push_blobs(&*client, &sample).await;
    cost("two blobs that are there", 2);
    client
        .put_manifest(
            &sample.manifest,
            &[tag("1.2.3"), tag("latest")],
            &Permit::always(),
        )
        .await
        .unwrap();
    cost("a manifest and two tags that were not taken", 1);
    client
        .put_tag(&tag("1.2.3"), &sample.manifest, &Permit::always())
        .await
        .unwrap();
    cost("a tag", 1);
    client.head(&tag("1.2.3").into()).await.unwrap();
    cost("a look, once after a put by its content", 1);
    client.head(&tag("1.2.3").into()).await.unwrap();
    cost("a look", 1);
    client.tags().await.unwrap();
    cost("a list", 1);
    client
        .delete(&tag("1.2.3").into(), &Permit::always())
        .await
        .unwrap();
    cost("a deletion, and the token for it", 2);
    assert_eq!(registry.log().len() as u64, registries.requests());
}

/// Nobody knows yet how to log in. All of them would be refused otherwise, and all be sent again.
#[tokio::test]
async fn of_requests_side_by_side_one_learns_how_to_log_in() {
    for auth in [Auth::Bearer(Tokens::default()), Auth::Basic] {
        let with_token = matches!(auth, Auth::Bearer(_));
        let registry = TestRegistry::start(Personality {
            auth,
            ..Personality::default()
        });
        let place = registry.repository(PATH);
        let names = ["1", "1.2", "1.2.3", "latest"].map(tag);
        let open = || {
            let registries = Registries::new(settings(), std::slice::from_ref(&place));
            let client = registries.open(&place).unwrap();
            (registries, client)
        };
        let (_, client) = open();
        let sample = sample("release");
        push_blobs(&*client, &sample).await;
        for name in &names {
            let permit = Permit::always();
            let put = client.put_tag(name, &sample.manifest, &permit);
            put.await.unwrap();
        }
        let (registries, client) = open();
        let looks = names.iter().map(|name| {
            let client = client.clone();
            async move { client.head(&name.clone().into()).await }
        });
        for look in futures_util::future::join_all(looks).await {
            assert!(look.unwrap().is_some());
        }
        let login = 1 + u64::from(with_token);
        assert_eq!(registries.requests(), names.len() as u64 + login);
    }
}

/// Memory is the whole process's, so this wants a process of its own:
/// `cargo nextest run --run-ignored only gigabyte`.
#[cfg(target_os = "linux")]
#[ignore = "sends a gigabyte, and measures the whole process"]
#[tokio::test]
async fn a_gigabyte_goes_through_little_memory() {
    const SIZE: u64 = 1 << 30;
    let Some(registry) = crate::support::registry() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    std::fs::File::create(&file).unwrap().set_len(SIZE).unwrap();
    let mut hasher = hoist::oci::Hasher::default();
    std::io::copy(&mut std::fs::File::open(&file).unwrap(), &mut hasher).unwrap();
    let blob = hoist::oci::Descriptor::new("application/x", hasher.finish(), SIZE);
    let place = format!("{}/acme/large", registry.address())
        .parse()
        .unwrap();
    let client = super::open(&place, settings());
    let before = peak();
    let start = std::time::Instant::now();
    let pushed = client
        .push_blob(&blob, BlobSource::File(file), &|_| {})
        .await;
    assert_eq!(pushed, Ok(BlobPushed::Sent(SIZE)));
    let sent = start.elapsed();
    client
        .fetch_blob(&blob, folder.path().join("back"))
        .await
        .unwrap();
    let grown = peak() - before;
    #[expect(clippy::print_stderr, reason = "the figures are the point")]
    {
        eprintln!(
            "sent in {sent:?}, both ways in {:?}; peak {} kB before, {grown} kB more",
            start.elapsed(),
            before
        );
    }
    assert!(grown < 20_000, "{grown} kB");
}

/// The largest resident size of this process so far, in kB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
