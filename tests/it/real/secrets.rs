//! One release with every kind of secret, and everything that somebody else could read of it: command lines and
//! environments of all processes, temporary files while it runs, what it prints, and all that it leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Auth, PASSWORD, Personality, TestRegistry, USER},
    support::{
        self, Run, World,
        forge::{TOKEN, TestForge},
        signer::SIGNER,
        web::{Answer, WebServer},
    },
};

const NAME: &str = "secret/api";
const KEY_PASSWORD: &str = "of-the-key-8133";
const ROOM: &str = "/services/T01/of-the-room-5520";
const OF_BUILD: &str = "of-the-build-9047";

/// A place where a secret was found: what it is, and where.
type Leak = (&'static str, String);

/// By name, and as they could be seen.
fn secrets() -> Vec<(&'static str, String)> {
    let login = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    vec![
        ("password of the registry", PASSWORD.to_owned()),
        ("login of the registry", login),
        ("token of the forge", TOKEN.to_owned()),
        ("password of the key", KEY_PASSWORD.to_owned()),
        ("address of the room", "of-the-room-5520".to_owned()),
        ("secret of the build", OF_BUILD.to_owned()),
    ]
}

fn found_in(content: &[u8]) -> impl Iterator<Item = &'static str> {
    let is_in = |secret: &str| {
        let secret = secret.as_bytes();
        content.windows(secret.len()).any(|part| part == secret)
    };
    let all = secrets().into_iter();
    let found: Vec<_> = all
        .filter(|(_, secret)| is_in(secret))
        .map(|(name, _)| name)
        .collect();
    found.into_iter()
}

/// All of one release, and what is looked at.
struct Scene<'w> {
    world: &'w World<'w>,
    clone: Clone<'w>,
    forge: TestForge,
    room: WebServer,
    /// Its temporary files.
    temporary: PathBuf,
}

impl<'w> Scene<'w> {
    /// `gate`: a script that runs as a hook, between the image and its names.
    fn new(world: &'w World<'w>, gate: &str) -> Self {
        let forge = TestForge::github();
        forge.state().tags_of = Some(world.remote.path());
        let clone = world.project_that_settles("a");
        let mut policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        policy = policy.replace(
            "target = \"runtime\"\n",
            "secrets = [{ id = \"token\", env = \"BUILD_TOKEN\" }]\ntarget = \"runtime\"\n",
        );
        policy += &format!(
            "\n[hooks]\nafter-stage = [{{ run = [\"bash\", \"gate.sh\"] }}]\n\
             [sign]\nrun = [\"bash\", \"sign.sh\", \"{{image}}\"]\n\
             [forge]\nkind = \"github\"\nurl = \"{}/acme/api\"\nassets = [\"LICENSE\"]\n\
             [[announce]]\nurl = {{ env = \"ROOM\" }}\ntemplate = \"room.json.jinja\"\n",
            forge.url()
        );
        clone.write("release.toml", policy);
        clone.write("gate.sh", gate);
        clone.write("LICENSE", "for everybody\n");
        clone.write("room.json.jinja", "{\"text\":\"{{ version }}\"}");
        clone.write(
            "sign.sh",
            format!("set -e\ntest -n \"$COSIGN_PASSWORD\"\n{SIGNER}"),
        );
        let dockerfile = fs::read_to_string(clone.path().join("Dockerfile")).unwrap();
        // The step sees the secret, and nothing of the image does.
        let step = "RUN --mount=type=secret,id=token,required=true \
                    [\"/bin/busybox\", \"test\", \"-s\", \"/run/secrets/token\"]\n";
        let (first, last) = dockerfile.split_once("\nFROM scratch AS runtime").unwrap();
        let dockerfile = format!("{first}{step}\nFROM scratch AS runtime{last}");
        clone.write("Dockerfile", dockerfile);
        clone.commit("chore: secrets");
        clone.push();
        let temporary = world.remote.home().join("temporary");
        fs::create_dir_all(&temporary).unwrap();
        Self {
            world,
            clone,
            forge,
            room: WebServer::start(|_| Answer::text(200, "ok")),
            temporary,
        }
    }

    fn command(&self, registry: &TestRegistry, args: &[&str]) -> Command {
        let place = registry.address().to_string().replace(['.', ':'], "_");
        let mut command = self.world.command(&self.clone, args);
        command
            .env(format!("HOIST_REGISTRY_USERNAME_{place}"), USER)
            .env(format!("HOIST_REGISTRY_PASSWORD_{place}"), PASSWORD)
            .env("LOGIN", STANDARD.encode(format!("{USER}:{PASSWORD}")))
            .env("GITHUB_TOKEN", TOKEN)
            .env("HOIST_FORGE_HOST", self.forge.host())
            .env("COSIGN_PASSWORD", KEY_PASSWORD)
            .env("ROOM", format!("{}{ROOM}", self.room.url()))
            .env("BUILD_TOKEN", OF_BUILD)
            .env("TMPDIR", &self.temporary);
        command
    }

    /// Runs it, watched; what was said and all leaks.
    fn watched(&self, registry: &TestRegistry, args: &[&str]) -> (Run, BTreeSet<Leak>) {
        let mut command = self.command(registry, args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let (id, done) = (child.id(), AtomicBool::new(false));
        let temporary = self.temporary.as_path();
        thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut leaks = BTreeSet::new();
                while !done.load(Ordering::SeqCst) {
                    leaks.extend(processes(id));
                    leaks.extend(files(&[temporary], "a temporary file"));
                }
                leaks
            });
            let run = Run::from(child.wait_with_output().unwrap());
            done.store(true, Ordering::SeqCst);
            let mut leaks = watch.join().unwrap();
            for (text, place) in [
                (&run.stdout, "standard output"),
                (&run.stderr, "standard error"),
            ] {
                leaks.extend(found_in(text.as_bytes()).map(|name| (name, place.to_owned())));
            }
            (run, leaks)
        })
    }

    /// All that is left: journal, build log, reports, trace, lock and receipts, which are objects of git.
    fn left(&self) -> BTreeSet<Leak> {
        let home = self.world.remote.home();
        let mut leaks = files(&[self.clone.path(), &home], "the file");
        for repository in [self.world.remote.path(), self.clone.path().join(".git")] {
            let mut command = self.clone.command("git");
            let all = ["cat-file", "--batch-all-objects", "--batch", "--buffer"];
            let objects = command.current_dir(&repository).args(all).output().unwrap();
            assert!(objects.status.success() && objects.stdout.len() > 1000);
            let shown = format!("an object of {}", repository.display());
            leaks.extend(found_in(&objects.stdout).map(|name| (name, shown.clone())));
        }
        leaks
    }
}

/// What the files below these folders hold.
fn files(folders: &[&Path], what: &str) -> BTreeSet<Leak> {
    let mut leaks = BTreeSet::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    while let Some(path) = left.pop() {
        // Files come and go while it runs.
        match fs::read_dir(&path) {
            Ok(entries) => left.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => {
                let content = fs::read(&path).unwrap_or_default();
                let shown = format!("{what} {}", path.display());
                leaks.extend(found_in(&content).map(|name| (name, shown.clone())));
                leaks.extend(
                    found_in(path.as_os_str().as_encoded_bytes()).map(|name| (name, shown.clone())),
                );
            }
        }
    }
    leaks
}

/// The processes that this one has started, and those that they have.
fn descendants(of: u32) -> BTreeSet<u32> {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id): Option<u32> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name of the program stands in brackets, and can hold anything.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let parent = after
            .split_whitespace()
            .nth(1)
            .and_then(|it| it.parse().ok());
        parents.extend(parent.map(|parent| (id, parent)));
    }
    let mut all = BTreeSet::from([of]);
    loop {
        let more = parents.iter().filter(|(_, parent)| all.contains(parent));
        let more: Vec<u32> = more
            .map(|(id, _)| *id)
            .filter(|id| !all.contains(id))
            .collect();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// What anybody on this machine reads of the processes (command lines), and what those of the same user do
/// (environments): `git` and its helpers need no password of the registry.
fn processes(of: u32) -> BTreeSet<Leak> {
    let mut leaks = BTreeSet::new();
    for id in descendants(of) {
        let read = |file: &str| fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        let line = read("cmdline");
        let shown = String::from_utf8_lossy(&line).replace('\0', " ");
        leaks.extend(found_in(&line).map(|name| (name, format!("the command line {shown}"))));
        let program = shown.split(' ').next().unwrap_or_default();
        if program
            .rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("git"))
        {
            let environment = read("environ");
            let variables = environment.split(|byte| *byte == 0);
            let own = variables.filter(|one| one.starts_with(b"HOIST_REGISTRY_PASSWORD"));
            leaks.extend(own.map(|_| ("password of the registry", "git's environment".to_owned())));
        }
    }
    leaks
}

fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        auth: Auth::Basic,
        // The signer sends no configuration.
        checks_blobs: false,
        ..Personality::default()
    })
}

/// A release with all that it can write down.
fn args<'a>(version: &'a str, report: &'a str) -> Vec<&'a str> {
    let mut args = vec!["release", "--version", version, "--yes", "-vv"];
    args.extend(["--trace", "trace.json", "--report", report]);
    args
}

#[test]
fn no_secret_of_a_release_can_be_read_anywhere() {
    let Some(engine) = support::engine() else {
        return;
    };
    let registry = registry();
    let world = World::new(&registry, &[NAME]).with_engine(engine);
    let scene = Scene::new(&world, "sleep 0.2\n");
    for (version, report, more) in [
        ("1.0.0", "report.html", &[][..]),
        ("1.1.0", "report.json", &["--json"]),
        ("1.2.0", "report.md", &[]),
    ] {
        let (run, leaks) = scene.watched(&registry, &[&args(version, report), more].concat());
        run.expect(0);
        assert!(leaks.is_empty(), "{leaks:#?}");
        // They would make the next release's tree dirty.
        for file in ["trace.json", report] {
            let path = scene.clone.path().join(file);
            let content = fs::read(&path).unwrap();
            assert!(content.len() > 100, "{file}");
            assert_eq!(found_in(&content).next(), None, "{file}");
            fs::remove_file(path).unwrap();
        }
        scene.world.change(&scene.clone, "feat: more");
    }
    assert_eq!(scene.left(), BTreeSet::new());
    // Each secret was used, so each could have leaked.
    assert_eq!(scene.room.log().len(), 3);
    assert_eq!(scene.forge.releases().len(), 3);
}

/// The watch finds what a hook gives away: on a command line, in a temporary file that is gone at the end, in what it
/// prints, in a file, and in an object of git.
#[test]
fn the_watch_finds_secrets_that_are_given_away() {
    let Some(engine) = support::engine() else {
        return;
    };
    let registry = registry();
    let world = World::new(&registry, &[NAME]).with_engine(engine);
    let gate = "(exec -a \"signs with $COSIGN_PASSWORD\" sleep 0.5)\n\
                echo $BUILD_TOKEN >$TMPDIR/given; sleep 0.5; rm $TMPDIR/given\n\
                echo the token is $GITHUB_TOKEN\n\
                echo $ROOM >.git/hoist/room\n\
                echo $LOGIN | git hash-object -w --stdin\n";
    let scene = Scene::new(&world, gate);
    let (run, mut leaks) = scene.watched(&registry, &args("1.0.0", "report.html"));
    run.expect(0);
    leaks.extend(scene.left());
    for (secret, place) in [
        ("password of the key", "the command line"),
        ("secret of the build", "a temporary file"),
        ("token of the forge", "standard error"),
        ("address of the room", "the file"),
        ("login of the registry", "an object"),
    ] {
        let mut all = leaks.iter();
        let is_found = all.any(|(name, at)| *name == secret && at.starts_with(place));
        assert!(is_found, "{secret}, {place}: {leaks:#?}");
    }
}
