//! Debian's packages of the engine, the registry and the programs that judge hoist's work, unpacked beside
//! the build, not installed.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Result, Unavailable, folder, newest::Newest};

/// What is fetched; what these need and the machine lacks comes with them.
const WANTED: &[&str] = &["docker.io", "docker-registry", "busybox-static"];
/// For comparisons only.
const SKOPEO: &[&str] = &["skopeo"];
/// What the installer downloads with, for machines without it.
const CURL: &[&str] = &["curl"];
/// Counts the instructions of a run.
const VALGRIND: &[&str] = &["valgrind"];
/// What judges signatures and referrers. Only the newest suite has them.
const JUDGES: &[&str] = &["cosign", "oras", "notation", "crane"];
/// Written last, so that an interrupted run starts again.
pub(super) const COMPLETE: &str = ".complete";

/// The unpacked packages.
#[derive(Debug, Clone)]
pub struct Packages {
    root: PathBuf,
}

impl Packages {
    /// Unpacks the packages once; later runs find them in the target folder.
    ///
    /// Only apt's download step and `dpkg -x` are used: nothing is installed and no file outside
    /// the target folder changes. A second process waits for the first.
    ///
    /// # Errors
    /// Where there is no apt, no network, or no room, with the failing program's last words.
    pub fn fetch() -> Result<Self> {
        Self::fetch_set("packages", WANTED)
    }

    /// The same with skopeo, which only comparisons need.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_skopeo() -> Result<Self> {
        Self::fetch_set("skopeo", SKOPEO)
    }

    /// The same with curl, which a machine that only builds hoist may lack.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_curl() -> Result<Self> {
        Self::fetch_set("curl", CURL)
    }

    /// The same with valgrind.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_valgrind() -> Result<Self> {
        Self::fetch_set("valgrind", VALGRIND)
    }

    /// The folder in which the packages were unpacked.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// An unpacked program.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("usr/bin").join(name)
    }

    /// Programs that judge signatures and referrers (cosign, oras, notation, crane), from Debian's newest
    /// suite, with the C library that they need.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_judges() -> Result<Self> {
        Self::fetch_with("judges", |folder, archives| {
            let newest = Newest::new(folder)?;
            run(newest.apt("update"))?;
            let mut command = newest.apt("install");
            download_into(&mut command, archives, JUDGES);
            run(command)
        })
    }

    /// The same with a C compiler for another architecture, such as the package `gcc-aarch64-linux-gnu`.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub fn fetch_cross_compiler(package: &str) -> Result<Self> {
        Self::fetch_set(package, &[package])
    }

    fn fetch_set(name: &str, wanted: &[&str]) -> Result<Self> {
        Self::fetch_with(name, |folder, archives| download(folder, archives, wanted))
    }

    fn fetch_with(name: &str, download: impl Fn(&Path, &Path) -> Result<()>) -> Result<Self> {
        let folder = folder();
        let packages = Self {
            root: folder.join(name),
        };
        fs::create_dir_all(&folder)
            .map_err(|error| Unavailable::while_doing("making the sandbox folder", error))?;
        let _lock = lock(&folder)?;
        if !packages.root.join(COMPLETE).exists() {
            let archives = folder.join(format!("{name}.archives"));
            fs::create_dir_all(archives.join("partial"))
                .map_err(|error| Unavailable::while_doing("making the package cache", error))?;
            download(&folder, &archives)?;
            unpack(&archives, &packages.root)?;
        }
        Ok(packages)
    }

    /// A command that finds the unpacked programs and libraries before the machine's.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", self.path());
        command.env("LD_LIBRARY_PATH", join(self.libraries()));
        command
    }

    /// A folder for `PATH` with one script, which runs the unpacked program with its libraries.
    ///
    /// # Errors
    /// When the script cannot be written.
    pub fn wrapper(&self, program: &str) -> Result<PathBuf> {
        let command = self.command(self.root.join("usr/bin").join(program));
        let libraries = command
            .get_envs()
            .find_map(|(name, value)| value.filter(|_| name == "LD_LIBRARY_PATH"))
            .unwrap_or_default();
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
            libraries.display(),
            command.get_program().display()
        );
        let folder = self.root.with_extension("wrapper");
        write_script(&folder, program, &script)?;
        Ok(folder)
    }

    /// A folder for `PATH` with a script for each judge, which runs it with its own C library.
    ///
    /// # Errors
    /// When a script cannot be written, or the packages hold no loader.
    pub fn judges(&self) -> Result<PathBuf> {
        let folder = self.root.with_extension("wrapper");
        let loader = self.loader()?;
        let libraries = join(self.libraries());
        for program in JUDGES {
            let own = self.root.join("usr/bin").join(program);
            let script = format!(
                "#!/bin/sh\nexec '{}' --library-path '{}' '{}' \"$@\"\n",
                loader.display(),
                libraries.display(),
                own.display()
            );
            write_script(&folder, program, &script)?;
        }
        Ok(folder)
    }

    /// The loader of the unpacked C library.
    fn loader(&self) -> Result<PathBuf> {
        let is_loader = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("ld-linux") && path.is_file()
        };
        ["usr/lib64", "lib64", "usr/lib", "lib"]
            .iter()
            .flat_map(|dir| fs::read_dir(self.root.join(dir)).into_iter().flatten())
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(is_loader)
            .ok_or_else(|| Unavailable::new("the packages hold no loader of programs"))
    }

    fn libraries(&self) -> Vec<PathBuf> {
        ["usr/lib", "lib"]
            .iter()
            .flat_map(|lib| fs::read_dir(self.root.join(lib)).into_iter().flatten())
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
            .collect()
    }

    /// The statically linked busybox: a whole user land in one file, to build images from.
    ///
    /// # Errors
    /// When the package holds it nowhere known.
    pub fn busybox(&self) -> Result<PathBuf> {
        ["bin/busybox", "usr/bin/busybox"]
            .iter()
            .map(|path| self.root.join(path))
            .find(|path| path.exists())
            .ok_or_else(|| Unavailable::new("the package busybox-static holds no busybox"))
    }

    fn path(&self) -> OsString {
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let own = ["usr/sbin", "usr/bin", "sbin", "bin"].map(|dir| self.root.join(dir));
        join(own.into_iter().chain(std::env::split_paths(&machine)))
    }
}

/// Another test process may run the script: it is replaced, never rewritten.
fn write_script(folder: &Path, name: &str, script: &str) -> Result<()> {
    let doing = |error| Unavailable::while_doing("writing a wrapper script", error);
    fs::create_dir_all(folder).map_err(doing)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(doing)?;
    file.write_all(script.as_bytes()).map_err(doing)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o755))
        .map_err(doing)?;
    file.into_temp_path()
        .persist(folder.join(name))
        .map_err(|error| doing(error.error))?;
    Ok(())
}

/// Waits for other processes that fetch packages. The lock ends with the value.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join("lock"))
        .map_err(|error| Unavailable::while_doing("making the sandbox lock", error))?;
    fs4::FileExt::lock(&lock)
        .map_err(|error| Unavailable::while_doing("waiting for the sandbox lock", error))?;
    Ok(lock)
}

fn join(paths: impl IntoIterator<Item = PathBuf>) -> OsString {
    std::env::join_paths(paths).expect("paths of this project hold no colon")
}

/// Fetches the archives with the machine's package lists, or with fresh ones of our own where the
/// machine has none or they name files that the mirror no longer has.
fn download(folder: &Path, archives: &Path, wanted: &[&str]) -> Result<()> {
    fs::create_dir_all(folder.join("lists/partial"))
        .map_err(|error| Unavailable::while_doing("making the package cache", error))?;
    let own_lists = format!("Dir::State::lists={}", folder.join("lists").display());
    eprintln!("sandbox: downloading {} (once)", wanted.join(", "));
    if install(archives, wanted, None).is_ok() {
        return Ok(());
    }
    eprintln!(
        "sandbox: the machine's package lists are missing or old: apt-get update into target/"
    );
    run(apt("update", Some(&own_lists)))?;
    install(archives, wanted, Some(&own_lists))
}

fn install(archives: &Path, wanted: &[&str], lists: Option<&str>) -> Result<()> {
    let mut command = apt("install", lists);
    download_into(&mut command, archives, wanted);
    if wanted.contains(&"docker.io") {
        // Debian split the client off in newer releases; the bridge needs `ip`.
        if known("docker-cli", lists) {
            command.arg("docker-cli");
        }
        if Command::new("ip").arg("-V").output().is_err() {
            command.arg("iproute2");
        }
    }
    run(command)
}

fn download_into(command: &mut Command, archives: &Path, wanted: &[&str]) {
    command
        .args([
            "--yes",
            "--download-only",
            "--reinstall",
            "--no-install-recommends",
        ])
        .arg("-o")
        .arg(format!("Dir::Cache::archives={}", archives.display()))
        .args(wanted);
}

fn known(package: &str, lists: Option<&str>) -> bool {
    let mut command = Command::new("apt-cache");
    if let Some(lists) = lists {
        command.args(["-o", lists]);
    }
    command
        .args(["show", package])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// apt without the system's locks (nothing of the system is written) and without its caches.
pub(super) fn apt(verb: &str, lists: Option<&str>) -> Command {
    let mut command = Command::new("apt-get");
    command.args([
        "-qq",
        "-o",
        "Debug::NoLocking=1",
        "-o",
        "APT::Sandbox::User=root",
    ]);
    command.args([
        "-o",
        "Dir::Cache::pkgcache=",
        "-o",
        "Dir::Cache::srcpkgcache=",
    ]);
    if let Some(lists) = lists {
        command.args(["-o", lists]);
    }
    command.arg(verb).env("LC_ALL", "C");
    command
}

pub(super) fn unpack(archives: &Path, root: &Path) -> Result<()> {
    let doing = |error| Unavailable::while_doing("unpacking the packages", error);
    let partial = root.with_extension("partial");
    for dir in [&partial, root] {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(doing)?;
        }
    }
    fs::create_dir_all(&partial).map_err(doing)?;
    for entry in fs::read_dir(archives).map_err(doing)? {
        let archive = entry.map_err(doing)?.path();
        if archive.extension() == Some(OsStr::new("deb")) {
            let mut dpkg = Command::new("dpkg");
            dpkg.arg("-x").arg(&archive).arg(&partial);
            run(dpkg)?;
        }
    }
    File::create(partial.join(COMPLETE)).map_err(doing)?;
    fs::rename(&partial, root).map_err(doing)
}

/// Runs to the end; the last words of a program that fails are the reason.
pub(super) fn run(mut command: Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Unavailable::while_doing(&format!("running `{name}`"), error))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words
        .trim()
        .lines()
        .last()
        .unwrap_or("no output")
        .to_owned();
    Err(Unavailable::new(format!("`{name}` failed: {last}")))
}
