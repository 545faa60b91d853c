//! `install.sh` over HTTP: what it installs, and what it refuses. A small script stands in for the
//! program.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use hoist::oci::Digest;
use tempfile::TempDir;
use testkit::sandbox::FileServer;

use crate::support::{Run, path_with_curl};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh");

/// A release page, and a machine that installs from it.
pub struct Page {
    folder: TempDir,
    server: FileServer,
    /// `PATH` with the program that downloads.
    pub path: String,
}

impl Page {
    /// A page with the archives of these versions, the newest one first.
    ///
    /// # Panics
    /// Where nothing can download: the test asks [`path_with_curl`] first.
    pub fn new(versions: &[&str], program: &str) -> Self {
        let path = path_with_curl().expect("the test asked whether curl can be had");
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("page")).unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        let server = FileServer::start(&folder.path().join("page"));
        let page = Self {
            folder,
            server,
            path,
        };
        for version in versions {
            page.archive(version, program);
        }
        page
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Another file of the page.
    pub fn add(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("page").join(name)
    }

    fn name(version: &str) -> String {
        format!(
            "hoist-{version}-{}-unknown-linux-musl",
            std::env::consts::ARCH
        )
    }

    fn archive(&self, version: &str, program: &str) {
        let name = Self::name(version);
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(encoder);
        for (path, mode, content) in [
            ("bin/hoist", 0o755, program.replace("@VERSION@", version)),
            ("share/man/man1/hoist.1", 0o644, "the page".to_owned()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(mode);
            tar.append_data(&mut header, format!("{name}/{path}"), content.as_bytes())
                .unwrap();
        }
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let sums = self.file("SHA256SUMS");
        let before = fs::read_to_string(&sums).unwrap_or_default();
        let line = format!("{}  {name}.tar.gz\n", Digest::of(&archive).hex());
        fs::write(sums, before + &line).unwrap();
        fs::write(self.file(&format!("{name}.tar.gz")), archive).unwrap();
    }

    fn install(&self, settings: &[(&str, &str)]) -> Run {
        let mut command = Command::new("sh");
        command
            .arg(SCRIPT)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home())
            .current_dir(self.folder.path())
            .env("HOIST_INSTALL_URL", self.url())
            .envs(settings.iter().copied());
        Run::of(&mut command)
    }

    fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    /// What the installed program prints.
    fn installed(&self) -> Option<String> {
        let program = self.home().join(".local/bin/hoist");
        let output = Command::new(program).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

const PROGRAM: &str = "#!/bin/sh\necho hoist @VERSION@\n";

#[test]
fn the_latest_or_the_named_version_is_installed() {
    if path_with_curl().is_none() {
        return;
    }
    let page = Page::new(&["1.2.0-rc.1", "1.1.0"], PROGRAM);
    page.install(&[("HOIST_INSTALL_VERSION", "v1.1.0")])
        .expect(0);
    assert_eq!(page.installed().unwrap(), "hoist 1.1.0");
    let run = page.install(&[]);
    run.expect(0);
    run.says("installed hoist 1.2.0-rc.1");
    run.says("is not in PATH");
    assert_eq!(run.stdout, "");
    assert_eq!(page.installed().unwrap(), "hoist 1.2.0-rc.1");
    let manual = page.home().join(".local/share/man/man1/hoist.1");
    assert_eq!(fs::read_to_string(manual).unwrap(), "the page");

    let elsewhere = page.folder.path().join("with a space");
    let prefix = elsewhere.to_str().unwrap();
    page.install(&[("HOIST_INSTALL_PREFIX", prefix)]).expect(0);
    let names: Vec<_> = fs::read_dir(elsewhere.join("bin")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");

    // A folder that is named from where the person stands.
    page.install(&[("HOIST_INSTALL_PREFIX", "here")]).expect(0);
    assert!(page.folder.path().join("here/bin/hoist").is_file());
    fs::create_dir_all(page.folder.path().join("taken/bin/hoist")).unwrap();
    let run = page.install(&[("HOIST_INSTALL_PREFIX", "taken")]);
    run.expect(1);
    run.says("taken/bin/hoist is a folder");
}

#[test]
fn another_file_than_the_released_one_is_refused() {
    if path_with_curl().is_none() {
        return;
    }
    let page = Page::new(&["1.1.0"], PROGRAM);
    page.install(&[]).expect(0);
    let archive = page.file(&format!("{}.tar.gz", Page::name("1.1.0")));
    let good = fs::read(&archive).unwrap();
    let sum = Digest::of(&good).hex().to_owned();
    page.install(&[("HOIST_INSTALL_SHA256", &sum)]).expect(0);

    // Known from elsewhere, and not the page's.
    let run = page.install(&[("HOIST_INSTALL_SHA256", &"0".repeat(64))]);
    run.expect(1);
    for other in [&good[..good.len() - 1], b"", b"<html>404</html>"] {
        fs::write(&archive, other).unwrap();
        let run = page.install(&[]);
        run.expect(1);
        run.says("is not the file that was released");
    }
    fs::remove_file(&archive).unwrap();
    page.install(&[]).expect(1);
    page.install(&[("HOIST_INSTALL_VERSION", "9.9.9")])
        .expect(1);
    // A version is not a pattern, and not a path.
    page.install(&[("HOIST_INSTALL_VERSION", "1.*")]).expect(1);
    fs::write(page.file("SHA256SUMS"), "").unwrap();
    page.install(&[]).says("names no archive");
    assert_eq!(page.installed().unwrap(), "hoist 1.1.0");
    let names: Vec<_> = fs::read_dir(page.home().join(".local/bin"))
        .unwrap()
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

/// A folder for PATH with these programs of the machine alone.
fn path_of(page: &Page, folder: &Path, programs: &[&str]) -> String {
    fs::create_dir_all(folder).unwrap();
    for program in programs {
        let found = page
            .path
            .split(':')
            .map(|place| Path::new(place).join(program));
        let found = found.into_iter().find(|place| place.exists());
        if let Some(found) = found {
            std::os::unix::fs::symlink(found, folder.join(program)).unwrap();
        }
    }
    folder.display().to_string()
}

const TOOLS: [&str; 14] = [
    "sh", "uname", "mktemp", "rm", "sed", "head", "cut", "tar", "gzip", "mkdir", "cp", "chmod",
    "mv", "find",
];

#[test]
fn it_needs_little_and_says_what_is_missing() {
    if path_with_curl().is_none() {
        return;
    }
    let page = Page::new(&["1.1.0"], PROGRAM);
    let folder = page.folder.path().join("path");
    let with = |name: &str, more: &[&str]| {
        let tools: Vec<_> = TOOLS
            .iter()
            .chain(&["dirname"])
            .chain(more)
            .copied()
            .collect();
        let path = path_of(&page, &folder.join(name), &tools);
        page.install(&[("PATH", &path)])
    };
    with("neither", &["sha256sum"]).says("neither curl nor wget is installed");
    let run = with("unchecked", &["curl"]);
    run.expect(1);
    run.says("cannot be checked");
    assert_eq!(page.installed(), None);
    let run = with("curl", &["curl", "sha256sum"]);
    run.expect(0);
    run.says("hoist needs git");
    if Path::new("/usr/bin/wget").exists() {
        with("wget", &["wget", "sha256sum"]).expect(0);
    }

    let other = folder.join("other");
    let path = path_of(&page, &other, &["curl", "sha256sum", "sh"]);
    let uname = other.join("uname");
    fs::write(
        &uname,
        "#!/bin/sh\ncase $1 in -s) echo Linux;; *) echo vax;; esac\n",
    )
    .unwrap();
    fs::set_permissions(&uname, fs::Permissions::from_mode(0o755)).unwrap();
    let run = page.install(&[("PATH", &path)]);
    run.expect(1);
    run.says("there is no archive for vax");
    run.says("hint: build it: cargo install --locked hoist");
}
