//! The door as a builder sees it.

use std::collections::HashMap;

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, body::Bytes, client::conn::http1 as client};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_util::sync::CancellationToken;

use async_trait::async_trait;

use super::*;
use crate::{
    io::layout::{Store, WantedImage},
    oci::{Descriptor, Digest, Image, ManifestDocument, MediaType},
};

#[derive(Default)]
struct Known(HashMap<Digest, u64>);

#[async_trait]
impl BlobPresence for Known {
    async fn size_everywhere(&self, digest: &Digest) -> Option<u64> {
        self.0.get(digest).copied()
    }
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    incoming: Arc<Incoming>,
    door: PushDoor,
}

async fn world(known: Known) -> World {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path().join("store"));
    let incoming = store.incoming(&CancellationToken::new()).expect("room");
    let incoming = Arc::new(incoming);
    let door = PushDoor::open(incoming.clone(), Arc::new(known)).await;
    World {
        dir,
        store,
        incoming,
        door: door.expect("a loopback"),
    }
}

impl World {
    async fn send(&self, method: Method, target: &str, body: &[u8]) -> (u16, Response<Bytes>) {
        let stream = TcpStream::connect(("127.0.0.1", self.door.port)).await;
        let stream = TokioIo::new(stream.expect("it listens"));
        let (mut sender, connection) = client::handshake(stream).await.expect("it speaks HTTP");
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "127.0.0.1")
            .header("content-type", MediaType::DOCKER_MANIFEST)
            .body(Full::new(Bytes::copy_from_slice(body)));
        let answer = sender.send_request(request.expect("a request")).await;
        let (parts, body) = answer.expect("an answer").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        (parts.status.as_u16(), Response::from_parts(parts, bytes))
    }

    fn at(&self, below: &str) -> String {
        format!("/v2/{}/{below}", self.door.state.path)
    }

    async fn upload(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        let (status, begun) = self
            .send(Method::POST, &self.at("blobs/uploads/"), b"")
            .await;
        assert_eq!(status, 202);
        let location = begun.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        let (first, second) = content.split_at(content.len() / 2);
        assert_eq!(self.send(Method::PATCH, &location, first).await.0, 202);
        let (status, at) = self.send(Method::GET, &location, b"").await;
        assert_eq!(status, 204);
        let last = first.len().saturating_sub(1);
        assert_eq!(at.headers()["range"], format!("0-{last}"));
        let end = format!("{location}?digest={digest}");
        assert_eq!(self.send(Method::PUT, &end, second).await.0, 201);
        digest
    }

    async fn put(&self, document: &ManifestDocument) -> u16 {
        let bytes = document.to_manifest().bytes;
        self.send(Method::PUT, &self.at("manifests/t"), &bytes)
            .await
            .0
    }

    /// The image, and the folder that holds it.
    async fn keep(self) -> crate::error::Result<(Image, tempfile::TempDir)> {
        let pushed = self
            .door
            .close()
            .await
            .expect("a disk")
            .expect("a manifest");
        let wanted = WantedImage {
            built_here: true,
            annotations: [("a".to_owned(), "b".to_owned())].into(),
            ..WantedImage::default()
        };
        self.store
            .keep(self.incoming, &pushed, &wanted, &CancellationToken::new())
            .map(|image| (image, self.dir))
    }
}

const CONFIG: &[u8] =
    br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
const GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

fn docker(config: &Digest, layers: &[(Digest, u64)]) -> ManifestDocument {
    let layer = |(digest, size): &(Digest, u64)| Descriptor::new(GZIP, digest.clone(), *size);
    let config = Descriptor::new(
        MediaType::DOCKER_CONFIG,
        config.clone(),
        CONFIG.len() as u64,
    );
    let mut document = ManifestDocument::new(
        config,
        layers.iter().map(layer).collect(),
        Default::default(),
    );
    document.media_type = Some(MediaType::DOCKER_MANIFEST.into());
    document
}

#[tokio::test]
async fn what_the_registries_have_is_not_sent_and_the_rest_arrives() {
    let there = (Digest::of(b"a large layer"), 5_000_000);
    let world = world(Known([there.clone()].into())).await;
    let (status, answer) = world
        .send(Method::HEAD, &world.at(&format!("blobs/{}", there.0)), b"")
        .await;
    assert_eq!(
        (status, &answer.headers()["content-length"]),
        (200, &"5000000".parse().expect("a header"))
    );
    let absent = world.at(&format!("blobs/{}", Digest::of(b"absent")));
    assert_eq!(world.send(Method::HEAD, &absent, b"").await.0, 404);
    let small = world.upload(b"a small layer").await;
    let config = world.upload(CONFIG).await;
    let layers = [there.clone(), (small.clone(), 13)];
    assert_eq!(world.put(&docker(&config, &layers)).await, 201);
    let (image, _dir) = world.keep().await.expect("it is whole");
    assert_eq!(image.manifest.media_type.as_str(), MediaType::OCI_MANIFEST);
    let document: ManifestDocument = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
    assert_eq!(document.annotations["a"], "b");
    assert!(
        document
            .layers
            .iter()
            .all(|layer| layer.media_type.as_str() == MediaType::OCI_LAYER_GZIP)
    );
    assert_eq!(image.blobs.len(), 3);
    assert!(image.blob_path(&small).is_file() && image.blob_path(&config).is_file());
    assert!(!image.blob_path(&there.0).exists());
    assert!(image.blob_path(image.manifest.digest()).is_file());
}

#[tokio::test]
async fn nothing_else_is_served() {
    let world = world(Known::default()).await;
    let digest = world.upload(b"content").await;
    let blob = world.at(&format!("blobs/{digest}"));
    assert_eq!(world.send(Method::GET, "/v2/", b"").await.0, 200);
    assert_eq!(world.send(Method::HEAD, &blob, b"").await.0, 200);
    for (method, target, status) in [
        (Method::GET, &*blob, 405),
        (Method::DELETE, &blob, 405),
        (Method::GET, "/", 404),
        (Method::GET, "/v2/_catalog", 404),
        (Method::POST, "/v2/guessed/hoist-build/blobs/uploads/", 404),
        (Method::GET, &world.at("tags/list"), 404),
        (Method::GET, &world.at("manifests/t"), 405),
        (Method::HEAD, &world.at("manifests/t"), 404),
        (
            Method::PUT,
            &world.at("blobs/uploads/x?digest=sha256:0"),
            400,
        ),
        (Method::PATCH, &world.at("blobs/uploads/x"), 404),
        (Method::HEAD, &world.at("blobs/sha256:../../x"), 400),
    ] {
        let body: &[u8] = if method == Method::PUT { b"{}" } else { b"" };
        assert_eq!(
            world.send(method.clone(), target, body).await.0,
            status,
            "{method} {target}"
        );
    }
    // A hello of TLS gets a line of HTTP, from which containerd learns to speak plainly.
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = TcpStream::connect(("127.0.0.1", world.door.port))
        .await
        .expect("it listens");
    stream
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello\r\n\r\n")
        .await
        .expect("sent");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.expect("an answer");
    assert!(
        text.starts_with(b"HTTP/1.1 400 "),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[tokio::test]
async fn what_is_not_as_it_says_is_refused() {
    let world = world(Known::default()).await;
    let (_, begun) = world
        .send(Method::POST, &world.at("blobs/uploads/"), b"")
        .await;
    let location = begun.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let wrong = format!("{location}?digest={}", Digest::of(b"other"));
    assert_eq!(world.send(Method::PUT, &wrong, b"content").await.0, 400);
    let config = world.upload(CONFIG).await;
    let layer = world.upload(b"layer").await;
    for (layers, says) in [
        (vec![(layer.clone(), 6)], "bytes long by its manifest"),
        (vec![(Digest::of(b"never"), 5)], "was not pushed"),
    ] {
        let world = self::world(Known::default()).await;
        world.upload(CONFIG).await;
        world.upload(b"layer").await;
        assert_eq!(world.put(&docker(&config, &layers)).await, 201);
        let error = world.keep().await.expect_err("it is not whole");
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }
    assert!(world.door.close().await.expect("a disk").is_none());
}

/// What came in, with the digest and the size where it became whole.
type Taken = (Vec<u8>, Option<(Digest, u64)>);

/// Takes what is sent on; the first of two ends fails after its first piece.
#[derive(Default)]
struct Relayed {
    taken: Arc<std::sync::Mutex<Vec<Taken>>>,
}

#[async_trait]
impl BlobPresence for Relayed {
    async fn size_everywhere(&self, _: &Digest) -> Option<u64> {
        None
    }

    fn relay(&self) -> Vec<RelayEnd> {
        let ends = [true, false].map(|breaks| {
            let (pieces, mut incoming) = tokio::sync::mpsc::channel::<Bytes>(1);
            let (end, ended) = tokio::sync::oneshot::channel();
            let taken = self.taken.clone();
            let mut sending = tokio::task::JoinSet::new();
            sending.spawn(async move {
                let mut all = Vec::new();
                while let Some(piece) = incoming.recv().await {
                    all.extend_from_slice(&piece);
                    if breaks {
                        return;
                    }
                }
                let end = ended.await.ok();
                taken.lock().expect("a list").push((all, end));
            });
            RelayEnd {
                pieces,
                end,
                sending,
            }
        });
        ends.into()
    }
}

#[tokio::test]
async fn a_large_blob_is_sent_on_while_it_comes_in_and_a_small_one_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::new(dir.path().to_owned());
    let incoming = Arc::new(store.incoming(&CancellationToken::new()).expect("a place"));
    let relayed = Relayed::default();
    let taken = relayed.taken.clone();
    let door = PushDoor::open(incoming.clone(), Arc::new(relayed)).await;
    let world = World {
        dir,
        store,
        incoming,
        door: door.expect("a loopback"),
    };
    world.upload(&[1; 1000]).await;
    assert!(taken.lock().expect("a list").is_empty());
    let large: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = world.upload(&large).await;
    let stored = world.incoming.size_of(&digest);
    assert_eq!(stored, Some(900_000), "it is kept here, too");
    let got = taken.lock().expect("a list").clone();
    let [(content, end)] = &*got else {
        panic!("{} have taken it", got.len());
    };
    assert_eq!(*content, large);
    assert_eq!(*end, Some((digest, 900_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_is_closed_in_the_middle_of_a_blob_leaves_nothing() {
    let world = world(Known::default()).await;
    let (status, begun) = world
        .send(Method::POST, &world.at("blobs/uploads/"), b"")
        .await;
    assert_eq!(status, 202);
    let location = begun.headers()["location"].to_str().expect("text");
    let mut stream = TcpStream::connect(("127.0.0.1", world.door.port))
        .await
        .expect("it listens");
    let head =
        format!("PATCH {location} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nten bytes.");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    while world.door.bytes() < 10 {
        tokio::task::yield_now().await;
    }
    world.door.close().await.expect("a disk");
    // Nobody else keeps the place from being removed.
    assert_eq!(Arc::strong_count(&world.incoming), 1);
}
