//! `cargo xtask dist`: what a release of hoist consists of, in `target/dist`: an archive and a wheel for each
//! architecture, `install.sh`, the checksums of all of them, and hoist's own image as an OCI layout.
//!
//! The same programs packed twice give the same bytes. What cannot be made on this machine is named at the end, and
//! fails the run.

mod archive;
mod debian;
pub mod elf;
mod image;
mod root;
mod source;
mod target;
mod wheel;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use flate2::Compression;
use sha2::{Digest as _, Sha256};
use source::Source;
pub use target::{Target, target_folder};

use crate::Result;

const USAGE: &str = "usage: cargo xtask dist [--own] [--binary FILE]";

/// A program that is packed instead of a new build, as `--binary` does, where hoist runs this chore in a release.
pub const BINARY: &str = "HOIST_DIST_BINARY";

/// A file of the archive and of the wheel.
pub struct Packed {
    /// Below the folder that everything is installed into: `bin/hoist`.
    pub path: String,
    pub content: Vec<u8>,
    pub executable: bool,
}

struct Request {
    /// This machine's architecture alone.
    own: bool,
    binary: Option<PathBuf>,
}

impl Request {
    fn parse(mut args: &[&str]) -> Result<Self> {
        let mut request = Self {
            own: false,
            binary: std::env::var_os(BINARY).map(PathBuf::from),
        };
        loop {
            args = match args {
                [] => break,
                ["--own", rest @ ..] => {
                    request.own = true;
                    rest
                }
                ["--binary", file, rest @ ..] => {
                    request.binary = Some(PathBuf::from(file));
                    rest
                }
                _ => return Err(USAGE.into()),
            };
        }
        // A program at hand is one for this machine.
        request.own |= request.binary.is_some();
        Ok(request)
    }

    /// Of the archives: what is downloaded is packed as well as it can be. A program at hand is for a trial.
    fn compression(&self) -> Compression {
        match self.binary {
            Some(_) => Compression::fast(),
            None => Compression::best(),
        }
    }
}

pub fn run(args: &[&str]) -> Result<()> {
    let request = Request::parse(args)?;
    let source = Source::find()?;
    let mut targets = Target::all()?;
    targets.retain(|target| !request.own || target.is_own());
    if request.binary.is_none() {
        standard_libraries(&targets)?;
    }
    let mut left_out = Vec::new();
    let mut programs = Vec::new();
    for target in targets {
        let built = match &request.binary {
            Some(file) => Ok(file.clone()),
            None => target.build(source.root()),
        };
        match built {
            Ok(file) => programs.push((target, file)),
            // It writes the completions and pages of all.
            Err(reason) if target.is_own() => return Err(reason),
            Err(reason) => left_out.push(format!("everything for {}: {reason}", target.arch)),
        }
    }
    let start = Instant::now();
    let own = &programs[0].1;
    let version = version(own)?;
    source.is_version(&version)?;
    let folder = folder();
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;

    let texts = texts(source.root(), own)?;
    let mut images = Vec::new();
    for (target, file) in &programs {
        let program = fs::read(file)?;
        if elf::needs(&program)?.is_some_and(|needs| needs.loader.is_some()) {
            eprintln!(
                "note: {} is linked dynamically: it is packed as it is, for a trial",
                file.display()
            );
        }
        let files = with_program(&texts, program.clone());
        let name = target.archive(&version);
        let archive = archive::pack(&name, &files, request.compression())?;
        fs::write(folder.join(format!("{name}.tar.gz")), archive)?;
        let (wheel, bytes) = wheel::pack(
            source.root(),
            &version,
            target.arch,
            &files,
            request.compression(),
        )?;
        fs::write(folder.join(wheel), bytes)?;
        match root::system(*target, &program) {
            Ok(system) => images.push(image::Image {
                target: *target,
                layers: vec![("system", system), ("hoist", installed(files))],
            }),
            Err(reason) => left_out.push(format!("the image for {}: {reason}", target.arch)),
        }
    }
    fs::copy(source.root().join("install.sh"), folder.join("install.sh"))?;
    let sums = checksums(&folder)?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    if !images.is_empty() {
        image::write(&folder.join("image"), &images, &source.facts(version)?)?;
        let names: Vec<_> = images.iter().map(|image| image.target.debian).collect();
        println!("image for {} as an OCI layout", names.join(" and "));
    }
    println!(
        "packed in {:.1} s into {}",
        start.elapsed().as_secs_f32(),
        folder.display()
    );
    if left_out.is_empty() {
        return Ok(());
    }
    for part in &left_out {
        eprintln!("left out: {part}");
    }
    Err(
        "not everything could be made here (`--own` asks for this machine's architecture alone)"
            .into(),
    )
}

/// Builds take minutes, so what they need is looked for before the first of them.
fn standard_libraries(targets: &[Target]) -> Result<()> {
    let mut missing = Vec::new();
    for target in targets {
        if !target.has_standard_library()? {
            missing.push(target.triple());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Rust's standard library is missing for {}: `rustup target add {}` installs it (`--own` builds for this \
         machine's architecture alone)",
        missing.join(" and "),
        missing.join(" ")
    )
    .into())
}

/// Where everything is put.
pub fn folder() -> PathBuf {
    testkit::sandbox::checkout().join("target/dist")
}

/// The version that a program of hoist says it is of.
///
/// # Errors
/// It cannot be run, or is another program.
pub fn version(program: &Path) -> Result<String> {
    let said = output(program, &["--version"])?;
    let version = said.trim().strip_prefix("hoist ").ok_or("not a hoist")?;
    Ok(version.to_owned())
}

/// Completions, pages and documents. `program` prints them.
fn texts(root: &Path, program: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut texts = BTreeMap::new();
    for (shell, path) in [
        ("bash", "share/bash-completion/completions/hoist"),
        ("fish", "share/fish/vendor_completions.d/hoist.fish"),
        ("zsh", "share/zsh/site-functions/_hoist"),
    ] {
        let text = output(program, &["completions", shell])?;
        texts.insert(path.to_owned(), text.into_bytes());
    }
    let pages = tempfile::tempdir()?;
    let folder = pages
        .path()
        .to_str()
        .ok_or("the folder's name is not text")?;
    output(program, &["man", "--output", folder])?;
    for page in fs::read_dir(pages.path())? {
        let page = page?;
        let name = page.file_name();
        texts.insert(
            format!("share/man/man1/{}", name.to_string_lossy()),
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
        let text = fs::read(root.join(name))?;
        texts.insert(format!("share/doc/hoist/{name}"), text);
    }
    texts.insert(
        "share/doc/hoist/release.schema.json".to_owned(),
        fs::read(root.join("schema/release.json"))?,
    );
    Ok(texts)
}

/// The files of the archive, in order.
fn with_program(texts: &BTreeMap<String, Vec<u8>>, program: Vec<u8>) -> Vec<Packed> {
    let text = |(path, content): (&String, &Vec<u8>)| Packed {
        path: path.clone(),
        content: content.clone(),
        executable: false,
    };
    let program = Packed {
        path: "bin/hoist".to_owned(),
        content: program,
        executable: true,
    };
    [program]
        .into_iter()
        .chain(texts.iter().map(text))
        .collect()
}

/// The program and the licences, for the image.
fn installed(files: Vec<Packed>) -> BTreeMap<String, root::Entry> {
    let is_wanted = |file: &Packed| file.executable || file.path.contains("/LICENSE-");
    let entry = |file: Packed| {
        let content = root::Entry::File {
            content: file.content,
            executable: file.executable,
        };
        (format!("usr/local/{}", file.path), content)
    };
    files.into_iter().filter(is_wanted).map(entry).collect()
}

/// What a program prints.
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
