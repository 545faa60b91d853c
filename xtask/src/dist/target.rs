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

    /// Builds the program from the sources in `root`.
    ///
    /// # Errors
    /// Rust's standard library or a C compiler for it cannot be had, or the build fails.
    pub fn build(self, root: &Path) -> Result<PathBuf> {
        let triple = self.triple();
        self.standard_library()?;
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

    fn standard_library(self) -> Result<()> {
        let triple = self.triple();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--print", "target-libdir", "--target", &triple])
            .output()?;
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let found = fs::read_dir(&folder).into_iter().flatten().flatten();
        let is_std = |name: &str| name.starts_with("libstd-");
        if found
            .into_iter()
            .any(|entry| is_std(&entry.file_name().to_string_lossy()))
        {
            return Ok(());
        }
        Err(format!(
            "Rust's standard library for {triple} is missing: `rustup target add {triple}` installs it"
        )
        .into())
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
