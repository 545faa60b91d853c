//! Legs as they come: directories, archives, staged digests. In every order they make one digest.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        join::{
            LegInput, LegsSource,
            content::LegContent,
            read::each_once,
            tests::{Made, described, expected, made, permutations},
        },
        source::ImageSource as _,
    },
    error::{ErrorCode, Result},
    event::Events,
    io::{
        layout::Store,
        lease::Permit,
        registry::{BlobSource, RepositoryApi},
    },
    oci::{Descriptor, Digest, Image, ImageName, MediaType, Repository, annotation},
    testing::{FakeRegistry, Faults, Personality},
};

/// Two repositories, and a directory with legs.
struct Place {
    dir: tempfile::TempDir,
    registry: FakeRegistry,
    repositories: Vec<Repository>,
}

/// The bytes of a leg that are not manifests: configurations, and the layer of each image.
fn blobs(leg: &LegContent) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = leg.configs.values().cloned().collect();
    all.push(leg.file.clone().into_bytes());
    // The statement of an attestation is the digest of its image.
    let manifests = leg.children.iter().chain([&leg.manifest]);
    all.extend(manifests.map(|manifest| manifest.digest().as_str().as_bytes().to_vec()));
    all
}

impl Place {
    fn new() -> Self {
        let name = |name: &str| name.parse().expect("a repository");
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            registry: FakeRegistry::new(&Faults::default(), Personality::default()),
            repositories: vec![name("docker.io/acme/api"), name("ghcr.io/acme/api")],
        }
    }

    fn apis(&self) -> Vec<Arc<dyn RepositoryApi>> {
        let api = |name| Arc::new(self.registry.repository(name)) as Arc<dyn RepositoryApi>;
        self.repositories.iter().map(api).collect()
    }

    fn input(&self, name: &str) -> LegInput {
        LegInput {
            path: self.dir.path().join(name),
            name: name.to_owned(),
            image: None,
        }
    }

    /// A layout directory.
    fn directory(&self, name: &str, leg: &LegContent) -> LegInput {
        let folder = self.dir.path().join(name);
        let store = folder.join("blobs/sha256");
        fs::create_dir_all(&store).expect("a directory");
        let write = |bytes: &[u8]| {
            fs::write(store.join(Digest::of(bytes).hex()), bytes).expect("it is written");
        };
        blobs(leg).iter().for_each(|bytes| write(bytes));
        let manifests = leg.children.iter().chain([&leg.manifest]);
        manifests.for_each(|manifest| write(&manifest.bytes));
        let mut entry = leg.manifest.descriptor();
        if let Some(claims) = &leg.claims {
            let text = serde_json::to_string(claims).expect("plain data");
            entry.annotations.insert(annotation::LEG.to_owned(), text);
        }
        // What builders write there depends on the moment, and does not belong to the image.
        let key = "org.opencontainers.image.created".to_owned();
        entry
            .annotations
            .insert(key, format!("{:?}", std::time::Instant::now()));
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(folder.join("index.json"), index.to_string()).expect("it is written");
        fs::write(
            folder.join("oci-layout"),
            "{\"imageLayoutVersion\":\"1.0.0\"}",
        )
        .expect("it is written");
        self.input(name)
    }

    /// A layout as an archive.
    fn archive(&self, name: &str, leg: &LegContent) -> LegInput {
        self.directory(&format!("{name}.d"), leg);
        let file = File::create(self.dir.path().join(name)).expect("a file");
        let mut tar = tar::Builder::new(file);
        tar.append_dir_all(".", self.dir.path().join(format!("{name}.d")))
            .expect("an archive");
        tar.into_inner().expect("an archive");
        self.input(name)
    }

    /// Content in `repositories` by digest, and the file that says so.
    async fn staged(&self, name: &str, leg: &LegContent, places: &[usize]) -> LegInput {
        for place in places {
            self.push(leg, *place).await;
        }
        let mut claims = leg.claims.clone().expect("a staged leg has a description");
        claims.staged.clone_from(&self.repositories);
        let text = serde_json::to_string_pretty(&claims).expect("plain data");
        fs::write(self.dir.path().join(name), text).expect("it is written");
        self.input(name)
    }

    async fn push(&self, leg: &LegContent, place: usize) {
        let api = &self.apis()[place];
        let file = tempfile::NamedTempFile::new().expect("a file");
        for bytes in blobs(leg) {
            fs::write(file.path(), &bytes).expect("it is written");
            let blob = Descriptor::new(
                MediaType::OCI_CONFIG,
                Digest::of(&bytes),
                bytes.len() as u64,
            );
            let from = BlobSource::File(file.path().to_owned());
            api.push_blob(&blob, from, &|_| {})
                .await
                .expect("it is taken");
        }
        for manifest in leg.children.iter().chain([&leg.manifest]) {
            let put = api.put_manifest(manifest, &[], &Permit::always()).await;
            put.expect("it is taken");
        }
    }

    async fn produce(&self, inputs: &[LegInput], store: &Path) -> Result<Image> {
        let mut expected = expected(&[]);
        expected.repositories.clone_from(&self.repositories);
        let source = LegsSource {
            inputs: inputs.to_vec(),
            image: ImageName::main(),
            all: vec![ImageName::main()],
            expected: Some(expected),
            references: Vec::new(),
            repositories: self.apis(),
            uncommitted: Default::default(),
        };
        source.check().await?;
        let cancel = CancellationToken::new();
        source
            .produce(&Store::new(store), &Events::none(), &cancel)
            .await
    }
}

fn five() -> [LegContent; 5] {
    let mut windows = made("windows", "windows/amd64").config("os.version", json!("10.0.20348.1"));
    windows.listed =
        json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"});
    let docker = Made {
        docker: true,
        ..described("docker", "linux/s390x")
    };
    [
        described("arm64", "linux/arm64/v8").attested().leg(),
        made("amd64", "linux/amd64").nested(2).leg(),
        described("armv7", "linux/arm/v7").attested().leg(),
        docker.leg(),
        windows.nested(1).leg(),
    ]
}

#[tokio::test]
async fn layouts_archives_and_staged_digests_make_one_digest_in_any_order() {
    let place = Place::new();
    let [a, b, c, d, e] = five();
    let inputs = [
        place.directory("arm64", &a),
        place.archive("amd64.tar", &b),
        place.staged("armv7.json", &c, &[0, 1]).await,
        // One repository has lost it: the other one is asked.
        place.staged("docker.json", &d, &[1]).await,
        place.directory("windows", &e),
    ];
    let store = tempfile::tempdir().expect("a directory");
    let mut digests = Vec::new();
    for (round, inputs) in permutations(&inputs).iter().enumerate() {
        // A store of its own now and then: nothing is taken over from an earlier round.
        let store = store.path().join((round % 7).to_string());
        let image = match place.produce(inputs, &store).await {
            Ok(image) => image,
            Err(error) => panic!("{error:#}"),
        };
        assert_eq!(image.children.len(), 7);
        // What a release sends lies there, but for the layers that are in the registries.
        let there = image
            .blobs
            .iter()
            .filter(|blob| image.blob_path(&blob.digest).is_file());
        assert!(there.count() >= 6, "{:?}", image.blobs);
        digests.push(image.manifest.digest().clone());
    }
    assert_eq!(digests.len(), 120);
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
    // The same legs in other forms are the same image.
    let moved = Place::new();
    let inputs = [
        moved.staged("c", &c, &[0]).await,
        moved.archive("e.tar", &e),
        moved.archive("d.tar", &d),
        moved.directory("b", &b),
        moved.staged("a", &a, &[0, 1]).await,
    ];
    let image = moved.produce(&inputs, &store.path().join("moved")).await;
    assert_eq!(image.expect("it is joined").manifest.digest(), &digests[0]);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_refused_by_its_name() {
    let place = Place::new();
    let [a, b, c, ..] = five();
    let good = place.directory("good", &a);
    let write = |name: &str, text: &str| {
        fs::write(place.dir.path().join(name), text).expect("it is written");
        place.input(name)
    };
    let damaged = place.directory("damaged", &b);
    let blob = place
        .dir
        .path()
        .join("damaged/blobs/sha256")
        .join(b.manifest.digest().hex());
    fs::write(blob, b"{}").expect("it is written");
    let lost = place.directory("lost", &b);
    let layer = Digest::of(b"amd64");
    fs::remove_file(place.dir.path().join("lost/blobs/sha256").join(layer.hex()))
        .expect("it is there");
    let mut forged = c.clone();
    let claims = forged.claims.as_mut().expect("a description");
    claims.staged = vec!["evil.example.org/api".parse().expect("a repository")];
    let text = serde_json::to_string(&claims).expect("plain data");
    let forged = write("forged.json", &text);
    let mut shorter = c.clone();
    let claims = shorter.claims.as_mut().expect("a description");
    claims.size -= 1;
    place.push(&c, 1).await;
    let text = serde_json::to_string(&claims).expect("plain data");
    let shorter = write("shorter.json", &text);
    for (input, kind, words) in [
        (
            place.input("none"),
            ErrorCode::ImageUnusable,
            "No such file",
        ),
        (
            write("outcome.json", "{\"type\":\"outcome\"}"),
            ErrorCode::LegUnfit,
            "its type is `outcome`",
        ),
        (
            write("huge.json", &format!("{{{}}}", " ".repeat(4 << 20))),
            ErrorCode::LegUnfit,
            "it is longer than 4194304 bytes",
        ),
        (write("text", "hello"), ErrorCode::ImageUnusable, "text"),
        (
            write("empty.json", "{"),
            ErrorCode::LegUnfit,
            "cannot be read",
        ),
        (damaged, ErrorCode::ImageUnusable, "is damaged"),
        (lost, ErrorCode::ImageUnusable, "is missing"),
        (forged, ErrorCode::LegUnfit, "points elsewhere"),
        (shorter, ErrorCode::LegUnfit, "bytes for"),
        (
            LegInput {
                image: Some(ImageName::main().with_variant("alpine")),
                ..good.clone()
            },
            ErrorCode::LegUnfit,
            "another image",
        ),
    ] {
        let name = input.name.clone();
        let error = place
            .produce(&[good.clone(), input], place.dir.path())
            .await;
        let Err(error) = error else {
            panic!("{name} was joined");
        };
        let text = format!("{error:#}");
        assert!(
            text.contains(&name) && text.contains(words),
            "{name}: {text}"
        );
        assert_eq!(error.code(), kind, "{name}: {text}");
    }
}

#[tokio::test]
async fn a_leg_that_no_registry_has_any_more_is_made_again() {
    let [a, _, c, ..] = five();
    let layer = Digest::of(b"armv7");
    for (lost_manifest, places) in [(true, &[0, 1][..]), (false, &[0, 1]), (true, &[])] {
        let place = Place::new();
        let good = place.directory("good", &a);
        let swept = place.staged("armv7.json", &c, places).await;
        for repository in &place.repositories {
            match lost_manifest {
                true => place.registry.lose(repository, c.manifest.digest()),
                false => place.registry.lose(repository, &layer),
            }
        }
        let error = place.produce(&[good, swept], place.dir.path()).await;
        let error = error.expect_err("nobody has it");
        let text = format!("{error:#}");
        assert_eq!(error.code(), ErrorCode::LegGone, "{text}");
        assert_eq!(error.exit_code(), 6);
        for words in [
            "armv7.json",
            "was swept or never staged; run it again",
            "docker.io/acme/api",
            "ghcr.io/acme/api",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
    // A blob that one of them has lost is with the other one.
    let place = Place::new();
    let inputs = [
        place.directory("good", &a),
        place.staged("armv7.json", &c, &[0, 1]).await,
    ];
    place.registry.lose(&place.repositories[0], &layer);
    let image = place.produce(&inputs, place.dir.path()).await;
    image.expect("the other one has it");
}

/// Whatever of an index is nowhere any more, and whatever is somewhere.
#[tokio::test]
async fn each_document_of_an_index_is_looked_for_everywhere() {
    let [a, _, c, ..] = five();
    let [one, other] = [&a.children[0], &a.children[1]].map(|child| child.digest().clone());
    let top = a.manifest.digest().clone();
    let lost = |first: &[&Digest], second: &[&Digest]| {
        [first, second].map(|all| {
            all.iter()
                .map(|digest| (*digest).clone())
                .collect::<Vec<_>>()
        })
    };
    for (lost, nowhere) in [
        (lost(&[&one], &[&one]), Some(&one)),
        (lost(&[&other], &[&other, &top]), Some(&other)),
        (lost(&[&top], &[&top]), Some(&top)),
        (lost(&[&one], &[&top]), None),
        (lost(&[&one], &[&other]), None),
        (lost(&[&top, &one], &[&other]), None),
    ] {
        let place = Place::new();
        let good = place.directory("good", &c);
        let swept = place.staged("arm64.json", &a, &[0, 1]).await;
        for (repository, lost) in place.repositories.iter().zip(&lost) {
            lost.iter()
                .for_each(|digest| place.registry.lose(repository, digest));
        }
        let made = place.produce(&[good, swept], place.dir.path()).await;
        let Some(nowhere) = nowhere else {
            made.expect("every document is somewhere");
            continue;
        };
        let error = made.expect_err("nobody has it");
        let text = format!("{error:?}");
        assert_eq!(error.code(), ErrorCode::LegGone, "{text}");
        assert!(text.contains(nowhere.as_str()), "{text}");
        assert!(text.contains("--stage"), "{text}");
    }
}

#[test]
fn one_place_is_one_leg_however_it_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("a"), "").expect("it is written");
    let input = |name: &str| LegInput {
        path: dir.path().join(name),
        name: name.to_owned(),
        image: None,
    };
    let inputs = ["a", "./a", "b", "../nowhere/a"].map(input);
    let kept = each_once(&inputs);
    let names: Vec<PathBuf> = kept.iter().map(|one| PathBuf::from(&one.name)).collect();
    assert_eq!(names, ["a", "b", "../nowhere/a"].map(PathBuf::from));
}
