//! What one registry, or one pushed tag, can cost: requests, memory, time. And who is named where
//! something between this machine and the registry is in the way.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use hoist::{
    event::{Event, Events},
    io::{
        lease::Permit,
        registry::{
            BlobSource, HostOptions, Registries, RegistryErrorKind as Kind, RepositoryApi,
            RetryPolicy, Settings,
            image_tree::{self, ImageTree},
        },
    },
    oci::{Digest, Manifest, MediaType, TagOrDigest},
    outcome::OutcomeKind,
};
use serde_json::json;

use super::{
    client,
    conformance::{blob, push_blobs, sample, tag},
    open,
    release::Place,
    server::{Fault, On, Personality, TestRegistry, What},
    settings,
};

const PATH: &str = "acme/api";

/// An index of these children, each so many times.
fn index(children: &[&Manifest], times: usize, padding: usize) -> Manifest {
    let entry = |child: &&Manifest| {
        json!({
            "mediaType": child.media_type,
            "digest": child.digest(),
            "size": child.bytes.len(),
            "platform": {"os": "linux", "architecture": "amd64"},
        })
    };
    let entries: Vec<_> = (0..times)
        .flat_map(|_| children.iter().map(entry))
        .collect();
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": entries,
        "annotations": {"padding": " ".repeat(padding)},
    });
    let bytes = serde_json::to_vec(&document).unwrap();
    Manifest::new(MediaType::OCI_INDEX.into(), bytes)
}

/// Puts manifests under their digests, whatever they name.
fn store(registry: &TestRegistry, manifests: &[&Manifest]) {
    let mut state = registry.state();
    for manifest in manifests {
        state.store.create(PATH).put(None, (*manifest).clone());
    }
}

async fn read(
    registry: &TestRegistry,
    top: &Manifest,
) -> Result<Option<ImageTree>, hoist::io::registry::RegistryError> {
    let api = client(registry, PATH);
    let what = TagOrDigest::from(top.digest().clone());
    image_tree::tree(&*api, &what).await
}

#[tokio::test]
async fn each_document_of_a_tree_is_read_once_and_children_come_first() {
    let registry = TestRegistry::start(Personality::default());
    let api = client(&registry, PATH);
    let (one, two) = (sample("one"), sample("two"));
    for sample in [&one, &two] {
        push_blobs(&*api, sample).await;
    }
    let inner = index(&[&one.manifest, &two.manifest], 3, 0);
    let outer = index(&[&one.manifest, &inner, &inner, &two.manifest], 2, 0);
    store(&registry, &[&one.manifest, &two.manifest, &inner, &outer]);
    registry.forget();
    let tree = read(&registry, &outer).await.unwrap().unwrap();
    assert_eq!(registry.count(&On::any().with("/manifests/")), 4);
    let order: Vec<&Digest> = tree.children.iter().map(Manifest::digest).collect();
    let [a, b, c] = [&one.manifest, &two.manifest, &inner].map(Manifest::digest);
    assert_eq!(order, [a, b, c]);
    // One config for each entry: each may name another platform.
    assert_eq!(tree.configs.len(), 2 + 6 + 2);
    registry.forget();
    let images = image_tree::runnable(&*api, &tree).await.unwrap();
    assert_eq!(images.len(), tree.configs.len());
    assert_eq!(registry.count(&On::method("GET").with("/blobs/")), 2);
}

#[tokio::test]
async fn a_tree_that_multiplies_itself_is_refused_by_name_at_once() {
    let registry = TestRegistry::start(Personality::default());
    let leaf = sample("leaf").manifest;
    let mut levels = vec![leaf];
    for times in [900, 900, 900] {
        let next = index(&[levels.last().unwrap()], times, 0);
        levels.push(next);
    }
    store(&registry, &levels.iter().collect::<Vec<_>>());
    registry.forget();
    let start = Instant::now();
    let top = levels.last().unwrap();
    let error = read(&registry, top).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20));
    let text = error.to_string();
    assert!(text.contains(top.digest().as_str()), "{text}");
    assert!(text.contains("more than 1000 manifests"), "{text}");
    assert!(registry.log().len() < 5);

    // Deep, wide, and both.
    let mut deep = vec![sample("deep").manifest];
    for _ in 0..6 {
        deep.push(index(&[deep.last().unwrap()], 1, 0));
    }
    store(&registry, &deep.iter().collect::<Vec<_>>());
    let error = read(&registry, deep.last().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");
    let missing = index(&[&sample("nowhere").manifest], 1, 0);
    store(&registry, &[&missing]);
    let error = read(&registry, &missing).await.unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test]
async fn the_manifests_of_a_tree_have_a_size_in_all_that_entries_cannot_hide() {
    let registry = TestRegistry::start(Personality::default());
    let large: Vec<Manifest> = (0..5)
        .map(|n| index(&[&sample(&format!("{n}")).manifest], 1, 7_900_000))
        .collect();
    store(&registry, &large.iter().collect::<Vec<_>>());
    let top = index(&large.iter().collect::<Vec<_>>(), 1, 0);
    store(&registry, &[&top]);
    registry.forget();
    let error = read(&registry, &top).await.unwrap_err();
    assert!(error.to_string().contains("have more than"), "{error}");
    assert_eq!(registry.log().len(), 1, "none of them was asked for");

    // An entry that names less than there is: no more than that is read.
    let text = String::from_utf8(top.bytes.to_vec()).unwrap();
    let size = format!("\"size\":{}", large[0].bytes.len());
    let lie = text.replace(&size, "\"size\":400");
    assert_ne!(lie, text);
    let lie = Manifest::new(MediaType::OCI_INDEX.into(), lie.into_bytes());
    store(&registry, &[&lie]);
    let error = read(&registry, &lie).await.unwrap_err();
    assert!(
        error.to_string().contains("larger than 400 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_document_of_many_small_values_is_refused_before_it_is_parsed() {
    let registry = TestRegistry::start(Personality::default());
    for many in [
        format!(r#"{{"config":[{}0]}}"#, "0,".repeat(400_000)),
        format!(
            r#"{{"manifests":[],"x":[{}[]]}}"#,
            "[[[]]],".repeat(100_000)
        ),
    ] {
        for media_type in [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX] {
            let manifest = Manifest::new(media_type.into(), many.clone().into_bytes());
            store(&registry, &[&manifest]);
            let error = read(&registry, &manifest).await.unwrap_err();
            assert!(
                error.to_string().contains("too large for a manifest"),
                "{error}"
            );
        }
    }
}

/// Memory is the whole process's, so this wants a process of its own.
#[cfg(target_os = "linux")]
#[ignore = "measures the whole process"]
#[tokio::test]
async fn a_thousand_large_manifests_stay_below_a_hundred_megabytes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_largely(stream));
        }
    });
    let place = format!("{address}/{PATH}").parse().unwrap();
    let api = open(&place, settings());
    let reads: Vec<_> = (0..1000)
        .map(|n: usize| {
            let api = api.clone();
            async move {
                let digest = Digest::of(&n.to_be_bytes());
                api.manifest(&digest.into()).await.unwrap_err().kind
            }
        })
        .collect();
    let kinds: Vec<Kind> = futures_util::stream::iter(reads)
        .buffered(16)
        .collect()
        .await;
    // Not what was asked for; but each was read to its end to know that.
    assert!(kinds.into_iter().all(|kind| kind == Kind::BadAnswer));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.replace("kB", "")[6..].trim().parse().unwrap();
    assert!(peak < 100_000, "{peak} kB");
}

/// Answers one request with a manifest of eight megabytes, without having it in memory.
fn answer_largely(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head);
    let piece = [b' '; 64 * 1024];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        MediaType::OCI_INDEX,
        piece.len() * 122
    );
    let _ = stream.write_all(head.as_bytes());
    for _ in 0..122 {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
}

/// A server that answers each request with these pieces, half a second between them, and the heads
/// of the requests that came.
fn scripted(
    answer: impl Fn(&str) -> Vec<String> + Send + Sync + 'static,
) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (seen, answer) = (log.clone(), Arc::new(answer));
    // It ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, answer) = (seen.clone(), answer.clone());
            std::thread::spawn(move || serve(stream, &seen, &*answer));
        }
    });
    (address, log)
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> Vec<String>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    log.lock().unwrap().push(head.clone());
    for (number, piece) in answer(&head).iter().enumerate() {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(40));
        }
        if stream.write_all(piece.as_bytes()).is_err() {
            return;
        }
    }
    // What is still on its way is read, so that the answer is not lost with it.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

fn impatient() -> Settings {
    Settings {
        retry: RetryPolicy {
            tries: 2,
            pause: Duration::from_millis(2),
            deadline: Duration::from_secs(5),
            silence: Duration::from_millis(200),
            document: Duration::from_millis(400),
        },
        ..settings()
    }
}

#[tokio::test]
async fn a_registry_that_drips_is_given_up() {
    let drip = |head: &str| {
        let mut pieces = vec![format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n{head}\r\n"
        )];
        pieces.extend((0..400).map(|_| " ".to_owned()));
        pieces
    };
    let (address, _log) =
        scripted(move |_| drip("content-type: application/vnd.oci.image.manifest.v1+json\r\n"));
    let place = format!("{address}/{PATH}").parse().unwrap();
    let api = open(&place, impatient());
    let start = Instant::now();
    for error in [
        api.manifest(&tag("latest").into()).await.unwrap_err(),
        api.tags().await.unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::Lost);
        assert!(error.to_string().contains("too slow"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    // A head that drips is silence.
    let (address, _log) = scripted(|_| {
        let head = "HTTP/1.1 200 OK\r\nx-slow: ".chars().map(String::from);
        head.chain((0..400).map(|_| "x".to_owned())).collect()
    });
    let place = format!("{address}/{PATH}").parse().unwrap();
    let start = Instant::now();
    let error = open(&place, impatient()).tags().await.unwrap_err();
    assert_eq!(error.kind, Kind::Lost);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_blob_has_an_end_too() {
    let content = vec![7; 100_000];
    let (layer, _) = blob(MediaType::OCI_LAYER_GZIP, content);
    let (address, _log) = scripted(|_| {
        let mut pieces = vec!["HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_owned()];
        pieces.extend((0..400).map(|_| "x".to_owned()));
        pieces
    });
    let place = format!("{address}/{PATH}").parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let api = open(&place, impatient());
    let error = api
        .fetch_blob(&layer, folder.path().join("b"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Lost);
    // Twice one second and the bytes at the slowest rate that is allowed.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_layer_that_is_too_large_is_named_with_its_size() {
    let registry = TestRegistry::start(Personality::default());
    let api = client(&registry, PATH);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    for (media_type, name) in [
        (MediaType::OCI_LAYER_GZIP, "layer"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "layer"),
        ("application/vnd.oci.image.config.v1+json", "configuration"),
        ("application/x", "blob"),
    ] {
        let (descriptor, content) = blob(media_type, vec![1; 2_500_000]);
        std::fs::write(&file, content).unwrap();
        registry.fault(Fault::always(
            On::method("PUT").with("/blobs/uploads/"),
            What::Answer(413, vec![], "<html>too large</html>".into()),
        ));
        let source = BlobSource::File(file.clone());
        registry.forget();
        let error = api
            .push_blob(&descriptor, source, &|_| {})
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::TooLarge);
        let text = error.to_string();
        assert!(
            text.contains(&format!("the {name} `{}` has 2.5 MB", descriptor.digest)),
            "{text}"
        );
        assert!(
            text.contains("the registry, or a proxy before it"),
            "{text}"
        );
        assert!(!error.is_transient() && !error.remedy().unwrap().contains("hoist release"));
        assert_eq!(registry.count(&On::method("PUT")), 1);
    }
    registry.heal();
    registry.fault(Fault::always(On::put_manifest(), What::Status(413, "")));
    let sample = sample("large");
    push_blobs(&*api, &sample).await;
    let error = api
        .put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::TooLarge);
    assert!(
        error.to_string().contains("the manifest `sha256:"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_refused_as_content_is_not_sent_under_a_tag() {
    for (status, code) in [
        (400, "MANIFEST_INVALID"),
        (400, "MANIFEST_UNVERIFIED"),
        (400, "DIGEST_INVALID"),
        (400, "SIZE_INVALID"),
        (404, "MANIFEST_INVALID"),
        (409, "MANIFEST_INVALID"),
        (413, ""),
        (415, ""),
        (422, "UNPROCESSABLE"),
    ] {
        let place = Place::new(&Personality::default());
        let refusal = What::Status(status, code);
        place
            .registry
            .fault(Fault::always(On::put_manifest(), refusal));
        let outcome = place.release().await;
        assert_eq!(
            outcome.kind,
            OutcomeKind::Failed,
            "{status} {code}: {outcome:#?}"
        );
        assert_eq!(place.registry.count(&On::put_tag()), 0, "{status} {code}");
        assert_eq!(place.now(), place.before);
    }
    // What is refused as a form still goes under a tag.
    let place = Place::new(&Personality {
        no_digest_puts: true,
        ..Personality::default()
    });
    assert_eq!(place.release().await.kind, OutcomeKind::Published);
}

/// One client that reaches `registry.corp.test` in plain HTTP with these variables.
fn behind(variables: &[(&str, &str)]) -> (Arc<dyn RepositoryApi>, Arc<Mutex<Vec<Event>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = Events::new({
        let told = told.clone();
        move |event| told.lock().unwrap().push(event)
    });
    let options = HostOptions {
        plain_http: true,
        ..HostOptions::default()
    };
    let settings = Settings {
        environment: variables.iter().copied().collect(),
        hosts: [("registry.corp.test:5000".to_owned(), options)].into(),
        events,
        ..impatient()
    };
    let place = format!("registry.corp.test:5000/{PATH}").parse().unwrap();
    let registries = Registries::new(settings, std::slice::from_ref(&place));
    (registries.open(&place).unwrap(), told)
}

#[tokio::test]
async fn a_proxy_is_named_with_its_variable() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dead = format!("http://u:secret@{closed}");
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let (api, _) = behind(&[(variable, &dead)]);
        let error = api.tags().await.unwrap_err();
        assert_eq!(error.kind, Kind::ProxyUnreachable, "{error}");
        let named = format!("the proxy `http://{closed}` of `{variable}`");
        assert!(error.to_string().contains(&named), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    let (proxy, log) = scripted(|_| {
        vec!["HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()]
    });
    let url = format!("http://{proxy}");
    let (api, _) = behind(&[("HTTP_PROXY", &url)]);
    let error = api.tags().await.unwrap_err();
    assert_eq!(error.kind, Kind::ProxyRefused);
    let words = format!("`http://{proxy}` of `HTTP_PROXY` asks for a user name and a password");
    assert!(error.to_string().contains(&words), "{error}");
    let asked = log.lock().unwrap()[0].clone();
    assert!(
        asked.starts_with("GET http://registry.corp.test:5000/v2/"),
        "{asked}"
    );

    // A gateway's own answer names the proxy, because it may be the proxy's.
    let (proxy, _) = scripted(|_| {
        vec![
            "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ]
    });
    let url = format!("http://{proxy}");
    let (api, _) = behind(&[("HTTP_PROXY", &url)]);
    let error = api.tags().await.unwrap_err();
    assert!(
        error.to_string().contains("asked through the proxy"),
        "{error}"
    );
}

#[tokio::test]
async fn a_tunnel_that_is_refused_names_the_proxy() {
    for (status, kind) in [
        ("407 x", Kind::ProxyRefused),
        ("403 x", Kind::ProxyUnreachable),
    ] {
        let (proxy, _) =
            scripted(move |_| vec![format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")]);
        let settings = Settings {
            environment: [("HTTPS_PROXY", format!("http://{proxy}"))]
                .into_iter()
                .collect(),
            ..impatient()
        };
        let place = format!("registry.corp.test/{PATH}").parse().unwrap();
        let error = open(&place, settings).tags().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains("of `HTTPS_PROXY`"), "{error}");
    }
}

#[tokio::test]
async fn a_variable_that_is_not_a_proxy_is_an_error_and_nobody_is_asked() {
    for bad in [
        "http://[bad",
        "http://",
        "socks5://127.0.0.1:1080",
        "http://p:port",
    ] {
        let (api, _) = behind(&[("HTTP_PROXY", bad)]);
        let error = api.tags().await.unwrap_err();
        assert_eq!(error.kind, Kind::Setup, "{bad}");
        assert!(error.to_string().contains("`HTTP_PROXY`"), "{error}");
    }
    // This machine is not reached through it, whatever it says.
    let registry = TestRegistry::start(Personality::default());
    let environment = [("HTTP_PROXY", "http://[bad")].into_iter().collect();
    let settings = Settings {
        environment,
        ..settings()
    };
    assert_eq!(
        open(&registry.repository(PATH), settings).tags().await,
        Ok(vec![])
    );
}

#[tokio::test]
async fn redirects_are_followed_where_that_is_safe_and_named_where_not() {
    let registry = TestRegistry::start(Personality::default());
    let api = client(&registry, PATH);
    let sample = sample("release");
    // A session that is opened elsewhere on the same registry, and a put that is sent on.
    let moved = |path: String| What::Answer(308, vec![("location", path)], "".into());
    let there = format!("/v2/{PATH}/blobs/uploads/");
    registry.fault(Fault::once(On::method("POST"), moved(there)));
    push_blobs(&*api, &sample).await;
    let digest = sample.manifest.digest().clone();
    let there = format!("http://{}/v2/{PATH}/manifests/{digest}", registry.address());
    api.put_manifest(&sample.manifest, &[], &Permit::always())
        .await
        .unwrap();
    registry.fault(Fault::always(On::any().with("/old"), moved(there)));
    let found = api.head(&tag("old").into()).await.unwrap().unwrap();
    assert_eq!(found.digest, digest);
    for target in [
        "http://core.internal:8080/v2/",
        "http://169.254.169.254/latest/meta-data",
    ] {
        registry.fault(Fault::always(
            On::any(),
            moved(format!("{target}?token=secret")),
        ));
        for error in [
            api.check_push().await.unwrap_err(),
            api.tags().await.unwrap_err(),
            api.manifest(&digest.clone().into()).await.unwrap_err(),
            api.put_tag(&tag("latest"), &sample.manifest, &Permit::always())
                .await
                .unwrap_err(),
        ] {
            let host = target.split('/').nth(2).unwrap();
            assert!(error.to_string().contains(host), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        registry.heal();
    }
}
