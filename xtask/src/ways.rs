//! `cargo xtask ways`: installs hoist in each way from `target/dist`, in a bare Debian root, and makes the releases of
//! the demonstration with what was installed.
//!
//! The root is a folder with the files of few packages, none of them configured; `--root` names another one, such as
//! debootstrap makes. Files and registry are on loopback.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use testkit::{
    project::{self, Builder},
    sandbox::{self, Clone, FileServer, GitRemote, Packages, Registry, RegistryOptions},
};

use crate::{Result, dist, succeed};

const IMAGE: &str = "acme/hello";

/// What the commands on the page about the installation need, and the demonstration's own script.
const BARE: [&str; 11] = [
    "base-files",
    "bash",
    "ca-certificates",
    "coreutils",
    "curl",
    "findutils",
    "git",
    "grep",
    "gzip",
    "sed",
    "python3-pip",
];

/// Makes the folder `$1` the root, with `$2` at its place in it, and works in `$3`.
const ENTER: &str = r#"
set -e
root=$1 shared=$2 folder=$3; shift 3
mount --make-rprivate /
mkdir -p "$root/proc" "$root/dev" "$root/tmp"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" env -C "$folder" "$@"
"#;

/// A way to install hoist: what a person types with `$URL` as the release's page, and where the program is then, seen
/// from the home folder.
struct Way {
    name: &'static str,
    script: &'static str,
    program: &'static str,
    /// Whether it needs more than the bare root has, and so is not among those that are tried unasked.
    needs_more: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "archive",
        script: "curl -fsSLO $URL/SHA256SUMS && curl -fsSLO $URL/$ARCHIVE.tar.gz && \
            sha256sum --check --ignore-missing SHA256SUMS && mkdir .local && \
            tar -xzf $ARCHIVE.tar.gz --strip-components=1 -C .local && rm $ARCHIVE.tar.gz SHA256SUMS",
        program: ".local/bin/hoist",
        needs_more: false,
    },
    Way {
        name: "install.sh",
        script: "curl -fsSL $URL/install.sh | HOIST_INSTALL_URL=$URL sh",
        program: ".local/bin/hoist",
        needs_more: false,
    },
    Way {
        name: "pip",
        script: "python3 -m pip install --quiet --user --break-system-packages --no-index $URL/$WHEEL",
        program: ".local/bin/hoist",
        needs_more: false,
    },
    Way {
        name: "uv",
        script: "uv tool install --quiet $URL/$WHEEL",
        program: ".local/bin/hoist",
        needs_more: true,
    },
];

pub fn run(args: &[&str]) -> Result<()> {
    let (root, names) = match args {
        ["--root", root, names @ ..] => (PathBuf::from(root), names),
        names => (bare_root()?, names),
    };
    let is_chosen = |way: &&Way| match names {
        [] => !way.needs_more,
        names => names.contains(&way.name),
    };
    let ways: Vec<_> = WAYS.iter().filter(is_chosen).collect();
    if ways.is_empty() {
        return Err("there is no such way".into());
    }
    try_ways(&root, &ways, &dist::folder())
}

/// The ways that need nothing but the bare root, from the files of a release in `folder`.
///
/// # Errors
/// One of them does not install hoist, or what it installs does not release.
pub fn run_from(folder: &Path) -> Result<()> {
    let ways: Vec<_> = WAYS.iter().filter(|way| !way.needs_more).collect();
    try_ways(&bare_root()?, &ways, folder)
}

fn try_ways(root: &Path, ways: &[&Way], files: &Path) -> Result<()> {
    let names = Names::read(files)?;
    let packages = Packages::fetch()?;
    let options = RegistryOptions {
        delete: true,
        ..RegistryOptions::default()
    };
    let registry = Registry::start(&packages, &options)?;
    let server = FileServer::start(files);
    let mut table = vec!["way         install   download  installed  releases".to_owned()];
    for way in ways {
        println!("\n== {}", way.name);
        let remote = GitRemote::new();
        let place = Place {
            root,
            remote: &remote,
            clone: remote.clone("hello", &[]),
        };
        let install = place.install(way, &names, &server)?;
        let program = remote.home().join(way.program);
        let start = Instant::now();
        let releases = Releases {
            clone: &place.clone,
            registry: &registry,
            // Each way gets its own repository.
            repository: format!("{IMAGE}-{}", way.name.replace('.', "-")),
        };
        releases.make(&packages.busybox()?, Builder::Script, |args| {
            let mut command = place.command(place.clone.path(), &program);
            command.args(args);
            command
        })?;
        table.push(format!(
            "{:<10}{:>8.1} s {:>7.1} MB {:>7.1} MB {:>7.1} s",
            way.name,
            install.seconds,
            names.downloaded(way, files)? as f64 / 1e6,
            install.bytes as f64 / 1e6,
            start.elapsed().as_secs_f32(),
        ));
    }
    println!("\n{}", table.join("\n"));
    Ok(())
}

/// A root that is used as it is and never written to.
fn bare_root() -> Result<PathBuf> {
    let target = dist::Target::own()?;
    let root = sandbox::fetch_unpacked("bare", &BARE, target.debian)?;
    // Packages of Debian 13 and newer expect the links that an installed system has.
    for folder in ["bin", "sbin", "lib", "lib64"] {
        let link = root.join(folder);
        if !link.exists() && root.join("usr").join(folder).exists() {
            std::os::unix::fs::symlink(format!("usr/{folder}"), link)?;
        }
    }
    let shell = root.join("bin/sh");
    if !shell.exists() {
        std::os::unix::fs::symlink("bash", shell)?;
    }
    Ok(root)
}

/// The names of the files of a release.
struct Names {
    /// Without its ending.
    archive: String,
    wheel: String,
}

impl Names {
    fn read(folder: &Path) -> Result<Self> {
        let mut all = Vec::new();
        for entry in fs::read_dir(folder)
            .map_err(|_| "there is no target/dist: `cargo xtask dist` makes it")?
        {
            all.push(entry?.file_name().to_string_lossy().into_owned());
        }
        let arch = dist::Target::own()?.arch;
        let find = |end: &str| {
            let found = all
                .iter()
                .find(|name| name.contains(arch) && name.ends_with(end));
            found
                .cloned()
                .ok_or(format!("target/dist has no *{arch}*{end}"))
        };
        let archive = find(".tar.gz")?;
        Ok(Self {
            archive: archive.trim_end_matches(".tar.gz").to_owned(),
            wheel: find(".whl")?,
        })
    }

    fn downloaded(&self, way: &Way, folder: &Path) -> Result<u64> {
        let name = match way.name {
            "pip" | "uv" => self.wheel.clone(),
            _ => format!("{}.tar.gz", self.archive),
        };
        Ok(fs::metadata(folder.join(name))?.len())
    }
}

/// Where one way is tried.
struct Place<'a> {
    root: &'a Path,
    remote: &'a GitRemote,
    clone: Clone<'a>,
}

struct Installed {
    seconds: f32,
    bytes: u64,
}

impl Place<'_> {
    /// A command inside the root that starts in `folder`. It sees of the machine what belongs to the git remote: its
    /// home, and the clone.
    fn command(&self, folder: &Path, program: impl AsRef<OsStr>) -> Command {
        let shared = self
            .clone
            .path()
            .parent()
            .expect("a clone lies in a folder");
        let mut command = self.remote.hermetic("unshare");
        command.args(["--mount", "--", "sh", "-c", ENTER, "enter"]);
        command.arg(self.root).arg(shared).arg(folder);
        command.args(["env", "PATH=/usr/local/bin:/usr/bin:/bin"]);
        command.arg(program);
        command
    }

    fn install(&self, way: &Way, names: &Names, server: &FileServer) -> Result<Installed> {
        let home = self.remote.home();
        let before = size(&home)?;
        let start = Instant::now();
        println!("$ {}", way.script);
        let mut command = self.command(&home, "sh");
        command
            .args(["-ec", way.script])
            .env("URL", server.url())
            .env("ARCHIVE", &names.archive)
            .env("WHEEL", &names.wheel);
        succeed(&mut command)?;
        let seconds = start.elapsed().as_secs_f32();
        let mut said = self.command(&home, home.join(way.program));
        succeed(said.arg("--version"))?;
        Ok(Installed {
            seconds,
            bytes: size(&home)? - before,
        })
    }
}

/// The bytes of the files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        sum += if data.is_dir() {
            size(&entry.path())?
        } else {
            data.len()
        };
    }
    Ok(sum)
}

/// The releases of the demonstration: the first by name, the second from a feature.
pub struct Releases<'a> {
    pub clone: &'a Clone<'a>,
    pub registry: &'a Registry,
    pub repository: String,
}

impl Releases<'_> {
    /// `hoist` makes the command that runs the program with arguments in the clone.
    pub fn make(
        &self,
        busybox: &Path,
        builder: Builder,
        hoist: impl Fn(&[&str]) -> Command,
    ) -> Result<()> {
        let run = |args: &[&str]| {
            println!("$ hoist {}", args.join(" "));
            succeed(&mut hoist(args))
        };
        let repository = self.registry.repository(&self.repository);
        project::write(self.clone, busybox, builder, &[repository]);
        self.clone.commit("chore: begin");
        self.clone.push();
        run(&["release", "--version", "1.0.0", "--yes"])?;
        self.clone
            .write("greet.sh", "echo \"hello${1:+, $1}, from @VERSION@\"\n");
        self.clone.commit("feat: greet by name");
        self.clone.push();
        run(&["release", "--yes"])?;
        run(&["verify", "1.1.0"])?;
        let shown = |tag: &str| self.registry.digest(&self.repository, tag);
        if shown("1.1").is_none() || shown("1.1") != shown("latest") || shown("1.0") == shown("1.1")
        {
            return Err("the tags do not show what was released".into());
        }
        Ok(())
    }
}
