//! `cargo xtask dist`: what a release of hoist consists of, in `target/dist`: an archive and a wheel
//! for this machine's architecture, `install.sh` and the checksums of all of them.
//!
//! The program is linked statically, glibc included, so one archive serves every Linux. The same
//! program packed twice gives the same bytes.

mod archive;
mod wheel;

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use sha2::{Digest as _, Sha256};

use crate::{Result, cargo, succeed};

/// A file of the archive and of the wheel.
pub struct Packed {
    /// Below the folder that everything is installed into: `bin/hoist`.
    pub path: String,
    pub content: Vec<u8>,
    pub executable: bool,
}

/// `--binary FILE` packs a program that is there already.
pub fn run(args: &[&str]) -> Result<()> {
    let target = format!("{ARCH}-unknown-linux-gnu");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = match args {
        [] => build(&target)?,
        ["--binary", file] => PathBuf::from(file),
        _ => return Err("usage: cargo xtask dist [--binary FILE]".into()),
    };
    let version = output(&binary, &["--version"])?;
    let version = version
        .trim()
        .strip_prefix("hoist ")
        .ok_or("not a hoist")?
        .to_owned();
    let files = files(&root, &binary)?;
    let folder = root.join("target/dist");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;

    let name = format!("hoist-{version}-{target}");
    let start = Instant::now();
    fs::write(
        folder.join(format!("{name}.tar.gz")),
        archive::pack(&name, &files)?,
    )?;
    let (wheel, bytes) = wheel::pack(&root, &version, &files)?;
    fs::write(folder.join(wheel), bytes)?;
    fs::copy(root.join("install.sh"), folder.join("install.sh"))?;
    let sums = checksums(&folder)?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    println!(
        "packed in {:.1} s into {}",
        start.elapsed().as_secs_f32(),
        folder.display()
    );
    Ok(())
}

fn build(target: &str) -> Result<PathBuf> {
    let variable = target.replace('-', "_").to_uppercase();
    let mut build = cargo();
    build
        .args([
            "build",
            "--release",
            "--locked",
            "--bin",
            "hoist",
            "--target",
            target,
        ])
        .env(
            format!("CARGO_TARGET_{variable}_RUSTFLAGS"),
            "-C target-feature=+crt-static",
        );
    succeed(&mut build)?;
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or(built, PathBuf::from);
    Ok(folder.join(target).join("release/hoist"))
}

/// The program, what it says of itself, and the licences.
fn files(root: &Path, binary: &Path) -> Result<Vec<Packed>> {
    let mut files = vec![Packed {
        path: "bin/hoist".to_owned(),
        content: fs::read(binary)?,
        executable: true,
    }];
    let mut add = |path: &str, content: Vec<u8>| {
        files.push(Packed {
            path: path.to_owned(),
            content,
            executable: false,
        });
    };
    for (shell, path) in [
        ("bash", "share/bash-completion/completions/hoist"),
        ("fish", "share/fish/vendor_completions.d/hoist.fish"),
        ("zsh", "share/zsh/site-functions/_hoist"),
    ] {
        add(path, output(binary, &["completions", shell])?.into_bytes());
    }
    let pages = tempfile::tempdir()?;
    let folder = pages
        .path()
        .to_str()
        .ok_or("the folder's name is not text")?;
    output(binary, &["man", "--output", folder])?;
    let mut names: Vec<_> = fs::read_dir(pages.path())?.collect::<Result<_, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for page in names {
        let name = page.file_name();
        add(
            &format!("share/man/man1/{}", name.to_string_lossy()),
            fs::read(page.path())?,
        );
    }
    for name in [
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "CHANGELOG.md",
        "release.toml.example",
    ] {
        add(
            &format!("share/doc/hoist/{name}"),
            fs::read(root.join(name))?,
        );
    }
    add(
        "share/doc/hoist/release.schema.json",
        fs::read(root.join("schema/release.json"))?,
    );
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn output(program: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output()?;
    if !output.status.success() {
        return Err(format!(
            "{} {}: {}",
            program.display(),
            args.join(" "),
            output.status
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// As `sha256sum` writes them.
fn checksums(folder: &Path) -> Result<String> {
    let mut names: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().into_string().map_err(|_| "not UTF-8")?))
        .collect::<Result<_>>()?;
    names.sort();
    let mut sums = String::new();
    for name in names {
        let digest = Sha256::digest(fs::read(folder.join(&name))?);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{hex}  {name}\n");
    }
    Ok(sums)
}
