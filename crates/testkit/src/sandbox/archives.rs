//! Debian's packages of any architecture, with everything that they need, as files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Result, Unavailable, folder,
    newest::source_of,
    packages::{self, COMPLETE},
};

/// Fetches packages and all that they depend on, as if nothing were installed, and returns the folder with their
/// archives. `architecture` is Debian's name of it, such as `arm64`; `name` is that of the folder below `target/sandbox`.
///
/// Only apt's download step is used, with package lists of its own. apt checks the signatures of the lists, and the
/// archives against them.
///
/// # Errors
/// Where there is no apt, no network, or no such package, with the failing program's last words.
pub fn fetch_archives(name: &str, wanted: &[&str], architecture: &str) -> Result<PathBuf> {
    fetch(None, name, wanted, architecture)
}

/// From a suite of Debian, or from what the machine's own sources have.
fn fetch(suite: Option<&str>, name: &str, wanted: &[&str], architecture: &str) -> Result<PathBuf> {
    let folder = folder();
    let doing = |error| Unavailable::while_doing("making the package cache", error);
    fs::create_dir_all(&folder).map_err(doing)?;
    let _lock = packages::lock(&folder)?;
    let from = suite.map_or(String::new(), |suite| format!("-{suite}"));
    let archives = folder.join(format!("{name}-{architecture}"));
    if archives.join(COMPLETE).exists() {
        return Ok(archives);
    }
    let lists = folder.join(format!("lists-{architecture}{from}"));
    for place in [&archives, &lists] {
        fs::create_dir_all(place.join("partial")).map_err(doing)?;
    }
    let empty = folder.join("nothing-installed");
    fs::write(&empty, "").map_err(doing)?;
    let sources = match suite {
        None => None,
        Some(suite) => {
            let file = folder.join(format!("{suite}.list"));
            fs::write(&file, source_of(suite)?).map_err(doing)?;
            Some(file)
        }
    };
    let apt = |verb: &str| {
        let mut command = packages::apt(verb, None);
        for (key, value) in [
            ("APT::Architecture", architecture),
            ("APT::Architectures::", architecture),
        ] {
            command.arg("-o").arg(format!("{key}={value}"));
        }
        if let Some(file) = &sources {
            let file = format!("Dir::Etc::sourcelist={}", file.display());
            command.args(["-o", &file, "-o", "Dir::Etc::sourceparts=/dev/null"]);
        }
        for (key, path) in [
            ("Dir::State::lists", &lists),
            ("Dir::State::status", &empty),
            ("Dir::Cache::archives", &archives),
        ] {
            command.arg("-o").arg(format!("{key}={}", path.display()));
        }
        command
    };
    eprintln!(
        "sandbox: downloading {} for {architecture} (once)",
        wanted.join(", ")
    );
    let install = || {
        let mut command = apt("install");
        command
            .args(["--yes", "--download-only", "--no-install-recommends"])
            .args(wanted);
        packages::run(command)
    };
    // The lists of an earlier run serve as long as the mirror has what they name.
    if install().is_err() {
        packages::run(apt("update"))?;
        install()?;
    }
    fs::write(archives.join(COMPLETE), "").map_err(doing)?;
    Ok(archives)
}

/// Fetches packages as [`fetch_archives`] does and returns a folder with their files.
///
/// # Errors
/// As [`fetch_archives`], and where they cannot be unpacked.
pub fn fetch_unpacked(name: &str, wanted: &[&str], architecture: &str) -> Result<PathBuf> {
    unpacked(fetch_archives(name, wanted, architecture)?)
}

/// Fetches packages as [`fetch_unpacked`] does, from a suite of Debian such as `trixie`.
///
/// # Errors
/// As [`fetch_unpacked`], and where apt knows no mirror of Debian.
pub fn fetch_unpacked_from(
    suite: &str,
    name: &str,
    wanted: &[&str],
    architecture: &str,
) -> Result<PathBuf> {
    unpacked(fetch(Some(suite), name, wanted, architecture)?)
}

fn unpacked(archives: PathBuf) -> Result<PathBuf> {
    let _lock = packages::lock(&folder())?;
    let root = archives.join("root");
    if !root.join(COMPLETE).exists() {
        packages::unpack(&archives, &root)?;
    }
    Ok(root)
}

/// What `dpkg-deb` prints of an archive with this option: its files as tar, its control fields.
///
/// # Errors
/// With the program's last words.
pub fn read_archive(archive: &Path, option: &str) -> Result<Vec<u8>> {
    let output = Command::new("dpkg-deb")
        .arg(option)
        .arg(archive)
        .output()
        .map_err(|error| Unavailable::while_doing("running `dpkg-deb`", error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Unavailable::new(format!(
        "`dpkg-deb {option} {}` failed: {}",
        archive.display(),
        words.trim()
    )))
}
