//! Where programs of a release run: Linux with musl, linked statically, on two architectures.
//!
//! A program that holds glibc still loads the plugins for names and users that the machine's
//! `nsswitch.conf` lists, and crashes where they are of another glibc. musl has none.

use std::{
    env::consts::ARCH,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use testkit::sandbox::{self, Packages};

use crate::{Result, cargo, succeed};

/// An architecture, with its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Rust's.
    pub arch: &'static str,
    /// Debian's, and that of image platforms.
    pub debian: &'static str,
    /// The Debian package of a C compiler for it.
    compiler: &'static str,
}

const ALL: [Target; 2] = [
    Target {
        arch: "x86_64",
        debian: "amd64",
        compiler: "gcc-x86-64-linux-gnu",
    },
    Target {
        arch: "aarch64",
        debian: "arm64",
        compiler: "gcc-aarch64-linux-gnu",
    },
];

impl Target {
    /// All of them, this machine's own first.
    ///
    /// # Errors
    /// This machine's architecture is none of them.
    pub fn all() -> Result<Vec<Self>> {
        let mut all = ALL.to_vec();
        all.sort_by_key(|target| !target.is_own());
        if all[0].is_own() {
            return Ok(all);
        }
        Err(format!("there are no releases for {ARCH}").into())
    }

    /// This machine's.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn own() -> Result<Self> {
        Ok(Self::all()?[0])
    }

    pub fn is_own(self) -> bool {
        self.arch == ARCH
    }

    /// Rust's name of it, which the archives have.
    pub fn triple(self) -> String {
        format!("{}-unknown-linux-musl", self.arch)
    }

    /// The GNU name of it, which compilers and folders of libraries have.
    pub fn gnu(self) -> String {
        format!("{}-linux-gnu", self.arch)
    }

    /// The archive's name without its ending, and that of the folder in it. `cargo binstall` learns it from
    /// `Cargo.toml`.
    pub fn archive(self, version: &str) -> String {
        format!("hoist-{version}-{}", self.triple())
    }

    /// Builds the program from the sources in `root`.
    ///
    /// # Errors
    /// A C compiler for it cannot be had, or the build fails.
    pub fn build(self, root: &Path) -> Result<PathBuf> {
        let triple = self.triple();
        let tools = self.tools()?;
        let folder = target_folder();
        let small = triple.replace('-', "_");
        let mut build = cargo();
        build
            .args(["build", "--release", "--locked", "--bin", "hoist"])
            .args(["--target", &triple])
            .current_dir(root)
            .env("CARGO_TARGET_DIR", &folder)
            .env(format!("CC_{small}"), &tools.compiler)
            .env(format!("AR_{small}"), &tools.archiver)
            .env(
                format!("CARGO_TARGET_{}_LINKER", small.to_uppercase()),
                &tools.linker,
            );
        succeed(&mut build)?;
        Ok(folder.join(triple).join("release/hoist"))
    }

    /// Whether this machine has Rust's standard library for it.
    ///
    /// # Errors
    /// There is no Rust.
    pub fn has_standard_library(self) -> Result<bool> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--print", "target-libdir", "--target", &self.triple()])
            .output()?;
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut found = fs::read_dir(&folder).into_iter().flatten().flatten();
        Ok(found.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
    }

    /// The C compiler with musl's headers, and what belongs to it. A compiler for another architecture is
    /// fetched where the machine has none.
    fn tools(self) -> Result<Tools> {
        let prefixed = |tool: &str| format!("{}-{tool}", self.gnu());
        let (gcc, archiver) = if self.is_own() {
            ("cc".to_owned(), "ar".to_owned())
        } else if answers(&prefixed("gcc")) {
            (prefixed("gcc"), prefixed("ar"))
        } else {
            let packages = Packages::fetch_cross_compiler(self.compiler)?;
            let place = |tool: &str| -> Result<String> {
                let folder = packages.wrapper(&prefixed(tool))?;
                Ok(folder.join(prefixed(tool)).display().to_string())
            };
            (place("gcc")?, place("ar")?)
        };
        let musl = sandbox::fetch_unpacked("musl", &["musl-dev"], self.debian)?;
        let headers = musl.join(format!("usr/include/{}-linux-musl", self.arch));
        let script = format!(
            "#!/bin/sh\nexec '{gcc}' -nostdinc -isystem '{}' -isystem \"$('{gcc}' -print-file-name=include)\" \"$@\"\n",
            headers.display()
        );
        let compiler = sandbox::folder().join(format!("{}-musl-cc", self.arch));
        fs::write(&compiler, script)?;
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
        Ok(Tools {
            compiler,
            linker: gcc,
            archiver,
        })
    }
}

struct Tools {
    compiler: PathBuf,
    linker: String,
    archiver: String,
}

fn answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Cargo's target folder.
pub fn target_folder() -> PathBuf {
    let own = testkit::sandbox::checkout().join("target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(own, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo binstall` finds the archive and the program in it, on machines with either C library.
    #[test]
    fn cargo_toml_tells_where_the_archives_are() {
        let manifest = sandbox::checkout().join("Cargo.toml");
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version=1"])
            .arg("--manifest-path")
            .arg(manifest)
            .output()
            .expect("Cargo runs");
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("Cargo prints JSON");
        let mut packages = metadata["packages"].as_array().expect("packages").iter();
        let hoist = packages.find(|one| one["name"] == "hoist").expect("hoist");
        let own = &hoist["metadata"]["binstall"];
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let (version, repo) = (text(&hoist["version"]), text(&hoist["repository"]));
        for target in ALL {
            for library in ["gnu", "musl"] {
                let triple = format!("{}-unknown-linux-{library}", target.arch);
                let value = |key: &str| {
                    let special = &own["overrides"][&triple][key];
                    text(if special.is_null() {
                        &own[key]
                    } else {
                        special
                    })
                    .replace("{ repo }", &repo)
                    .replace("{ version }", &version)
                    .replace("{ target }", &triple)
                    .replace("{ bin }", "hoist")
                };
                let archive = target.archive(&version);
                assert_eq!(
                    value("pkg-url"),
                    format!("{repo}/releases/download/v{version}/{archive}.tar.gz")
                );
                assert_eq!(value("bin-dir"), format!("{archive}/bin/hoist"));
                assert_eq!(own["pkg-fmt"], "tgz");
            }
        }
    }
}
