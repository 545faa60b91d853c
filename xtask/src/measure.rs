//! `cargo xtask measure`: the figures that are worth watching, on this machine, in one run.
//!
//! CPU time, not wall time: other work on the machine does not change it much.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use testkit::{
    project::{self, Builder},
    sandbox::{Clone, Engine, GitRemote, Packages, Registry, RegistryOptions},
};

use crate::{Result, cargo, succeed};

const TAGS: u32 = 10_000;
const IMAGE_MIB: u32 = 1024;
const RUNS: u32 = 5;

pub fn run() -> Result<()> {
    succeed(cargo().args(["build", "--release", "--locked", "--bin", "hoist"]))?;
    let target = std::env::current_exe()?;
    let target = target.ancestors().nth(2).ok_or("cargo's target folder")?;
    let hoist = target.join("release/hoist");
    many_tags(&hoist)?;
    large_image(&hoist)
}

/// `hoist next` beside `git describe` on a history with a tag on each commit.
fn many_tags(hoist: &Path) -> Result<()> {
    let remote = GitRemote::new();
    let clone = remote.clone("tags", &[]);
    let mut import = clone
        .command("git")
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut stdin = import.stdin.take().ok_or("a pipe")?;
    stdin.write_all(history().as_bytes())?;
    drop(stdin);
    import.wait()?;
    clone.git(&["reset", "--quiet", "--hard"]);
    clone.git(&["pack-refs", "--all"]);
    let hoist = hoist.display().to_string();
    let image = "127.0.0.1:1/acme/api";
    println!("{TAGS} tags, best of {RUNS}, CPU time (user + system):");
    for (name, command) in [
        ("hoist next", format!("{hoist} --image {image} next")),
        ("git describe --tags", "git describe --tags".to_owned()),
    ] {
        println!("  {name:<22} {:>6.0} ms", cpu(&clone, &command)? * 1e3);
    }
    Ok(())
}

/// A stream for `git fast-import`: a tag on each commit but the last.
fn history() -> String {
    let mut stream = String::new();
    for number in 0..=TAGS {
        let message = if number == TAGS {
            "feat: the last"
        } else {
            "fix: one more"
        };
        let time = 1_700_000_000 + number;
        let _ = write!(
            stream,
            "commit refs/heads/main\ncommitter A Developer <dev@example.org> {time} +0000\n\
             data {}\n{message}\nM 100644 inline file\ndata 6\n{number:05}\n\n",
            message.len()
        );
        if number < TAGS {
            let (minor, patch) = (number / 100, number % 100);
            let _ = write!(
                stream,
                "reset refs/tags/v1.{minor}.{patch}\nfrom refs/heads/main\n\n"
            );
        }
    }
    stream
}

/// The least CPU time of some runs, in seconds. The shell's own `time` asks the kernel.
fn cpu(clone: &Clone<'_>, command: &str) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let timed = format!("TIMEFORMAT='%3U %3S'; time {command} >/dev/null");
        let output = clone.command("bash").args(["-c", &timed]).output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let times = words.lines().last().unwrap_or_default();
        let seconds: Vec<f64> = times.split(' ').filter_map(|t| t.parse().ok()).collect();
        if !output.status.success() || seconds.len() != 2 {
            return Err(format!("`{command}`: {words}").into());
        }
        best = best.min(seconds.iter().sum());
    }
    Ok(best)
}

/// A release of an image with one large layer that does not compress, built by an engine.
fn large_image(hoist: &Path) -> Result<()> {
    let packages = Packages::fetch()?;
    let registry = Registry::start(&packages, &RegistryOptions::default())?;
    let engine = Engine::start(&packages)?;
    let remote = GitRemote::new();
    let clone = remote.clone("large", &[]);
    let repository = registry.repository("acme/large");
    project::write(&clone, &packages.busybox()?, Builder::Engine, &[repository]);
    clone.write("Dockerfile", dockerfile());
    clone.commit("feat: a large image");
    clone.push();
    let start = Instant::now();
    let child = clone
        .command(hoist)
        .args(["release", "--yes"])
        .env("DOCKER_HOST", engine.host())
        .stdout(Stdio::null())
        .spawn()?;
    let (peak, status) = peak_memory(child)?;
    println!(
        "release of {IMAGE_MIB} MiB: {status}, {:.0?} wall, peak memory {} MiB",
        start.elapsed(),
        peak >> 20
    );
    Ok(())
}

fn dockerfile() -> String {
    format!(
        "FROM scratch AS runtime\nCOPY busybox /bin/busybox\n\
         RUN [\"/bin/busybox\", \"dd\", \"if=/dev/urandom\", \"of=/large\", \"bs=1M\", \"count={IMAGE_MIB}\"]\n"
    )
}

/// The highest resident memory that the process reported, in bytes, and how it ended. The kernel
/// keeps the mark; the last look before the end is near enough.
fn peak_memory(mut child: std::process::Child) -> Result<(usize, std::process::ExitStatus)> {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    loop {
        if let Some(ended) = child.try_wait()? {
            return Ok((peak, ended));
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.split_whitespace().next()?.parse::<usize>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(20));
    }
}
