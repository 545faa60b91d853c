//! One measured run of a program.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::Result;

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds of processor time, of the program and all that it started.
    pub cpu: f64,
    /// The highest resident memory of the program itself, in MiB.
    pub peak: u64,
}

/// Runs a shell's command line: bash's own `time` asks the kernel, for children too. `prepare` gives the
/// process its surroundings.
pub fn measured(line: &str, prepare: impl FnOnce(&mut Command)) -> Result<Cost> {
    let timed = format!("TIMEFORMAT=$'\\n%3R %3U %3S'; time {{ {line} ; }} >/dev/null");
    let mut command = Command::new("bash");
    command.args(["-c", &timed]);
    prepare(&mut command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut peak = 0;
    let pid = child.id();
    let mut errors = child.stderr.take().ok_or("a pipe")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut errors, &mut text).map(|_| text)
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak.max(peak_of_children(pid));
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = reader.join().map_err(|_| "the reader panicked")??;
    let text = String::from_utf8_lossy(&text).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let times: Vec<f64> = last
        .split(' ')
        .filter_map(|time| time.parse().ok())
        .collect();
    let (true, [wall, user, system]) = (status.success(), &*times) else {
        return Err(format!("`{line}`: {status}\n{text}").into());
    };
    Ok(Cost {
        wall: *wall,
        cpu: user + system,
        peak: peak >> 10,
    })
}

/// In kB; the kernel keeps the mark.
fn peak_of_children(pid: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let mark = |child: &str| {
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    children
        .split_whitespace()
        .filter_map(mark)
        .max()
        .unwrap_or(0)
}

/// The middle one, by time on the clock or by processor time.
pub fn median(mut costs: Vec<Cost>, by: impl Fn(&Cost) -> f64) -> Cost {
    costs.sort_by(|a, b| by(a).total_cmp(&by(b)));
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// Where other tools are looked for before `PATH`: `cargo install --root target/peers` and unpacked wheels and
/// archives end there.
const PEERS: &str = "target/peers";
/// How deep below that.
const DEPTH: usize = 6;

/// The program of this name, where the machine has it.
pub fn find(program: &str) -> Option<PathBuf> {
    let own = fs::canonicalize(PEERS).ok();
    if let Some(found) = own.and_then(|folder| below(&folder, program, DEPTH)) {
        return Some(found);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The program of this name in a folder or below it.
fn below(folder: &Path, program: &str, depth: usize) -> Option<PathBuf> {
    let own = folder.join(program);
    let is_program = |path: &Path| {
        let mode = fs::metadata(path).map(|it| (it.is_file(), it.permissions().mode()));
        mode.is_ok_and(|(is_file, mode)| is_file && mode & 0o111 != 0)
    };
    if is_program(&own) {
        return Some(own);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect();
    folders.sort();
    let depth = depth.checked_sub(1)?;
    folders
        .iter()
        .find_map(|folder| below(folder, program, depth))
}

/// The first line that a program says of its version.
pub fn version(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines()
        .next()
        .unwrap_or("no version")
        .trim()
        .to_owned()
}
