//! A real engine builds, both with BuildKit and with the classic builder, and keeps nothing.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use flate2::read::MultiGzDecoder;
use hoist::{
    build::{BuildRequest, choose},
    error::{Error, ErrorKind},
    event::{Event, Events},
    io::{environment::Environment, layout::Store},
    oci::{Image, MediaType},
    policy::{BuildPolicy, Builder, Secret, SecretSource},
};
use testkit::sandbox::{self, Engine, GitRemote};
use tokio_util::sync::CancellationToken;

use crate::support;

const TIME: i64 = 1_700_000_000;

/// A step that needs no shell of an image: busybox is all there is.
const STAGES: &str = r#"
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "/out"]
ARG APP_VERSION
ARG SOURCE_DATE_EPOCH
RUN ["/bin/busybox", "sh", "-c", "echo $APP_VERSION $SOURCE_DATE_EPOCH > /out/about"]

FROM scratch AS unused
COPY src /unused

FROM scratch AS runtime
COPY --from=tools /out/about /about
COPY src /src
CMD ["/about"]

FROM runtime AS last
COPY src /last
"#;

struct World {
    engine: &'static Engine,
    request: BuildRequest,
    environment: Environment,
    store: tempfile::TempDir,
    lines: Arc<Mutex<Vec<String>>>,
    cancel: CancellationToken,
    /// Holds the clone's folder.
    _remote: GitRemote,
    before: String,
    /// Images and containers are counted, so one test at a time.
    _alone: MutexGuard<'static, ()>,
}

impl World {
    fn new(builder: Builder, dockerfile: &str) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let engine = own_engine()?;
        // A test that failed must not fail the others.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let busybox = support::packages()?.busybox().unwrap();
        let remote = GitRemote::new();
        let (repository, commit) = {
            let clone = remote.clone("project", &[]);
            clone.write("Dockerfile", dockerfile);
            clone.write("busybox", std::fs::read(busybox).unwrap());
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(clone.path().join("busybox"), executable).unwrap();
            clone.write("src/main.txt", "hello");
            clone.write("src/debug.log", "noise");
            clone.write(".dockerignore", "**/*.log\n");
            let commit = clone.commit("feat: all");
            clone.write("src/stray.txt", "uncommitted");
            (clone.path().to_owned(), commit)
        };
        Some(Self {
            before: state(engine),
            engine,
            request: BuildRequest {
                policy: BuildPolicy {
                    builder: Some(builder),
                    ..BuildPolicy::default()
                },
                args: [("APP_VERSION".to_owned(), "1.2.3".to_owned())].into(),
                repository,
                commit: commit.parse().unwrap(),
                time: TIME,
                labels: [("org.example.a".to_owned(), "b c".to_owned())].into(),
                annotations: BTreeMap::new(),
                references: Vec::new(),
                variables: Vec::new(),
                targets: Default::default(),
                expected: None,
            },
            environment: [("DOCKER_HOST", engine.host())].into_iter().collect(),
            store: tempfile::tempdir().unwrap(),
            lines: Arc::default(),
            cancel: CancellationToken::new(),
            _remote: remote,
            _alone: alone,
        })
    }

    /// Builds; `heard` sees each line of output.
    fn build_with(&self, heard: impl Fn(&str) + Send + Sync + 'static) -> Result<Image, Error> {
        let lines = self.lines.clone();
        let events = Events::new(move |event| {
            if let Event::Output { line } = event {
                heard(&line);
                lines.lock().unwrap().push(line);
            }
        });
        let store = Store::new(self.store.path());
        let source = choose(&self.request, &self.environment);
        runtime().block_on(source.produce(&store, &events, &self.cancel))
    }

    fn build(&self) -> Result<Image, Error> {
        self.build_with(|_| {})
    }

    fn output(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    #[track_caller]
    fn assert_nothing_left(&self) {
        assert_eq!(state(self.engine), self.before, "{}", self.output());
    }
}

/// An engine that no other test uses.
fn own_engine() -> Option<&'static Engine> {
    static OWN: OnceLock<sandbox::Result<Engine>> = OnceLock::new();
    support::engine_in(&OWN)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// Every image and container of the engine.
fn state(engine: &Engine) -> String {
    let images = engine
        .run(&["images", "--all", "--quiet", "--no-trunc"])
        .unwrap();
    let containers = engine
        .run(&["ps", "--all", "--quiet", "--no-trunc"])
        .unwrap();
    images + &containers
}

/// The files of the image by name, as the layers have them.
fn files(image: &Image) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for blob in &image.blobs {
        if blob.media_type.as_str() != MediaType::OCI_LAYER_GZIP {
            continue;
        }
        let file = File::open(image.blob_path(&blob.digest)).unwrap();
        let mut layer = tar::Archive::new(MultiGzDecoder::new(file));
        for entry in layer.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            files.insert(name, String::from_utf8_lossy(&text).into_owned());
        }
    }
    files
}

fn config(image: &Image) -> serde_json::Value {
    let config = image
        .blobs
        .iter()
        .find(|blob| blob.media_type.as_str() == MediaType::OCI_CONFIG);
    let file = File::open(image.blob_path(&config.unwrap().digest)).unwrap();
    serde_json::from_reader(file).unwrap()
}

fn builds_a_stage_of_the_commit(builder: Builder) {
    let Some(mut world) = World::new(builder, STAGES) else {
        return;
    };
    world.request.policy.target = Some("runtime".into());
    let source = choose(&world.request, &world.environment);
    let who = runtime().block_on(source.check()).unwrap().to_string();
    assert!(who.contains(world.engine.host()), "{who}");

    let image = world.build().unwrap();
    let files = files(&image);
    assert_eq!(files["about"], "1.2.3 1700000000\n");
    assert_eq!(files["src/main.txt"], "hello");
    for absent in [
        "src/debug.log",
        "src/stray.txt",
        "last/",
        "unused/",
        "bin/busybox",
    ] {
        assert!(!files.contains_key(absent), "{absent} in {files:?}");
    }
    let config = config(&image);
    assert_eq!(config["config"]["Labels"]["org.example.a"], "b c");
    assert_eq!(config["config"]["Cmd"][0], "/about");
    assert!(
        world.output().contains("COPY src /src"),
        "{}",
        world.output()
    );
    world.assert_nothing_left();
}

#[test]
fn buildkit_builds_a_stage_of_the_commit() {
    builds_a_stage_of_the_commit(Builder::Buildkit);
}

#[test]
fn the_classic_builder_builds_a_stage_of_the_commit() {
    builds_a_stage_of_the_commit(Builder::Classic);
}

#[test]
fn a_failed_build_says_why_and_leaves_nothing() {
    for builder in [Builder::Buildkit, Builder::Classic] {
        let Some(mut world) = World::new(
            builder,
            r#"
FROM scratch AS base
COPY busybox /bin/busybox

FROM base AS build
WORKDIR /src
RUN ["/bin/busybox", "sh", "-c", "echo nearly; sleep 0.1; echo '  the reason' >&2; exit 3"]
"#,
        ) else {
            return;
        };
        let error = world.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.message(), "the build failed");
        assert!(world.output().contains("the reason"), "{}", world.output());
        let [lines, output] = error.excerpts() else {
            panic!("{error:?}");
        };
        assert_eq!(lines.title, "`Dockerfile`, line 7, in stage `build`");
        let step = lines.lines.iter().find(|line| line.starts_with('>'));
        assert!(
            step.is_some_and(|step| step.starts_with("> 7 | RUN [")),
            "{error:?}"
        );
        let at = |text: &str| output.lines.iter().position(|line| line == text);
        assert!(
            at("nearly") < at("  the reason") && at("nearly").is_some(),
            "{error:?}"
        );
        world.assert_nothing_left();

        world.request.policy.target = Some("none".into());
        let error = world.build().unwrap_err();
        assert!(error.message().contains("`target = \"none\"`"), "{error:?}");
        world.assert_nothing_left();
    }
}

#[test]
fn a_cancelled_build_stops_and_leaves_nothing() {
    for builder in [Builder::Buildkit, Builder::Classic] {
        let Some(world) = World::new(
            builder,
            r#"
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo now; exec /bin/busybox sleep 600"]
"#,
        ) else {
            return;
        };
        let cancel = world.cancel.clone();
        let error = world.build_with(move |line| {
            if line.ends_with("now") {
                cancel.cancel();
            }
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Interrupted);
        // The engine takes the step's container away a moment after its caller went.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while state(world.engine) != world.before {
            assert!(
                std::time::Instant::now() < deadline,
                "{}",
                state(world.engine)
            );
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn secrets_reach_the_step_and_nothing_else() {
    let Some(mut world) = World::new(
        Builder::Buildkit,
        r#"
FROM scratch
COPY busybox /bin/busybox
RUN --mount=type=secret,id=token,required=true ["/bin/busybox", "sh", "-c", "/bin/busybox cat /run/secrets/token; /bin/busybox wc -c < /run/secrets/token > /length"]
"#,
    ) else {
        return;
    };
    // Without the secret the build says which one it needs.
    let error = world.build().unwrap_err();
    let hint = error.first_hint().unwrap_or_default();
    assert!(hint.contains("image.build.secrets"), "{error:?}");

    let secret = "correct-horse-battery";
    world.request.policy.secrets = vec![Secret {
        id: "token".into(),
        source: SecretSource::Env {
            name: "TOKEN".into(),
        },
    }];
    let error = world.build().unwrap_err();
    assert!(
        error.message().contains("`TOKEN`, which is not set"),
        "{error}"
    );

    let host = world.engine.host();
    world.environment = [("DOCKER_HOST", host), ("TOKEN", secret)]
        .into_iter()
        .collect();
    let image = world.build().unwrap();
    assert_eq!(files(&image)["length"].trim(), secret.len().to_string());
    assert!(world.output().contains("***"), "{}", world.output());
    assert!(!world.output().contains(secret));
    world.assert_nothing_left();
}

#[test]
fn an_engine_that_is_not_there_is_said_before_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let request = BuildRequest {
        policy: BuildPolicy::default(),
        args: BTreeMap::new(),
        repository: dir.path().to_owned(),
        commit: hoist::git::CommitId::new([0; 20]),
        time: TIME,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        references: Vec::new(),
        variables: Vec::new(),
        targets: Default::default(),
        expected: None,
    };
    let socket = dir.path().join("none.sock");
    let environment = [("DOCKER_HOST", format!("unix://{}", socket.display()))]
        .into_iter()
        .collect();
    let source = choose(&request, &environment);
    let error = runtime().block_on(source.check()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(
        error.message().contains(&socket.display().to_string()),
        "{error}"
    );
    assert!(error.first_hint().unwrap().contains("start Docker"));
}

/// The high-water mark of this process's memory, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}

#[test]
#[ignore = "builds an image of a gigabyte: cargo test --release --test it -- --ignored --nocapture gigabyte"]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn an_image_of_a_gigabyte_fits_into_little_memory() {
    let Some(mut world) = World::new(
        Builder::Buildkit,
        r#"
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox head -c 400000000 /dev/urandom > /random"]
RUN ["/bin/busybox", "sh", "-c", "for n in $(/bin/busybox seq 300); do /bin/busybox cat /bin/busybox; echo $n; done > /programs"]
"#,
    ) else {
        return;
    };
    for round in ["first", "again"] {
        let start = std::time::Instant::now();
        let image = world.build().unwrap();
        eprintln!(
            "{round}: {} MB packed in {:.1} s, peak {} MiB",
            image.size() / 1_000_000,
            start.elapsed().as_secs_f64(),
            peak()
        );
        // Another commit with the same layers: nothing is packed again.
        world.request.labels.insert("round".into(), round.into());
    }
    assert!(peak() < 100, "{} MiB", peak());
}
